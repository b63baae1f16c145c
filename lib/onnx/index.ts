export type { Feeds, Nested } from './feeds.ts';
export { type OnnxObjective, onnxObjective } from './objective.ts';
export type { OnnxLora, OnnxOptions, OnnxTrainable } from './options.ts';
export type { OnnxRuntime, OnnxSession, OnnxTensor } from './runtime.ts';
