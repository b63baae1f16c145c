// What methods of first order have in common.

export const gradientDiagnostics = {
  gradientNorm: {
    title: 'Gradient norm',
    words: 'Length of the gradient that the step goes along.',
    brief: 'gradient',
  },
};
