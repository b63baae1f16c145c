export type { Feeds, Nested } from './feeds.ts';
export type { OnnxLora } from './lora.ts';
export { type OnnxObjective, onnxObjective } from './objective.ts';
export type { OnnxOptions, OnnxTrainable } from './options.ts';
export type { OnnxRuntime, OnnxSession, OnnxTensor } from './runtime.ts';
