/** What a measurement of sharpness takes where it is not told otherwise. */
export const DEFAULTS = {
  /** The split of the data, and how many examples of it at most. */
  split: 'train',
  examples: 256,
  /** ρ, per coordinate. */
  radii: [1e-3, 2e-3, 5e-3],
  /** Directions of each mean, each both ways. */
  samples: 32,
  /** Of the directions. */
  seed: 0,
  /** Points along each axis of a slice that is asked for, which reaches to the largest radius. */
  sliceSize: 11,
  sliceRadius: 5e-3,
} as const;
