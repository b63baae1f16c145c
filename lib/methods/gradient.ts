// What methods of first order have in common.

export const lengthOfVector = (vector: Float64Array): number =>
  vector.reduce((length, value) => Math.hypot(length, value), 0);

export const gradientDiagnostics = {
  gradientNorm: {
    title: 'Gradient norm',
    words: 'Length of the gradient that the step goes along.',
    brief: 'gradient',
  },
};
