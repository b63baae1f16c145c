/**
 * The names that the addon knows of each of its enums, in its order (beside the enum in native/core). They stand here
 * for types and messages; a test holds them against `binding.names`.
 */
export const NAMES = {
  law: ['gaussian', 'sphere', 'rademacher', 'lowRank'],
  rule: ['plain', 'sign', 'momentum', 'adam'],
  state: ['momentum', 'firstMoment', 'secondMoment', 'anchor'],
  estimator: ['naive', 'biasCorrected', 'beale', 'jackknife'],
  sides: ['two', 'one'],
  normalize: ['none', 'sigma', 'norm'],
  tiltRule: ['number', 'tau', 'effectiveSampleSize', 'klRadius'],
  storage: ['float32', 'bfloat16'],
  fileType: ['F32', 'F16', 'BF16', 'Q8_0', 'Q4_0', 'Q4_1', 'Q4_K', 'Q5_K', 'Q6_K'],
  activation: ['geluErf', 'geluTanh', 'geluQuick', 'relu', 'silu', 'tanh'],
  norm: ['layer', 'rms'],
  loss: ['crossEntropy', 'binaryCrossEntropy', 'squaredError'],
} as const;

/** One of the names of an enum. */
export type NameOf<Enum extends keyof typeof NAMES> = (typeof NAMES)[Enum][number];

/** Whether a value is one of the names of an enum. */
export const isNameOf = <Enum extends keyof typeof NAMES>(kind: Enum, value: unknown): value is NameOf<Enum> =>
  (NAMES[kind] as readonly unknown[]).includes(value);
