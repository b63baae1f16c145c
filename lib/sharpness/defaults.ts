/** What a measurement of sharpness takes unless told otherwise. A slice that is asked for reaches to the largest radius. */
export const DEFAULTS = {
  split: 'train',
  examples: 256,
  radii: [1e-3, 2e-3, 5e-3],
  samples: 32,
  seed: 0,
  sliceSize: 11,
  sliceRadius: 5e-3,
} as const;
