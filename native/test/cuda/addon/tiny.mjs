// A call that takes many passes on a tiny BERT; shared by the scripts of this folder and the tests.
export const batch = (size) => ({
  sequences: Array(size).fill([3, 9, 4, 7]),
  targets: Array(size).fill({ kind: 'maskedTokens', positions: [1], ids: [6] }),
});
const step = { rho: 1e-2, learningRate: 1e-2, tilt: 1, estimator: 'naive', sides: 'two', firstStream: 0n };
export const shortStep = (model) => model.step(batch(2), { ...step, directions: 2 });
/** Seconds: a pass for each of the sequences. */
export const longStep = (model, signal) =>
  model.step(batch(5000), { ...step, directions: 2, microBatch: 1, ...(signal ? { signal } : {}) });
