import type { GenerateOptions } from '../model/generate.ts';
import type { Model } from '../model/model.ts';
import type { DirectionOptions, Point } from '../objective.ts';
import { pointName } from './point-name.ts';

/** A model as a task asks it for its answers. */
export type Answering = Pick<Model, 'logits' | 'generate' | 'sequenceLosses' | 'endTokens'>;

/** How a model writes: what replaces the task's own. */
export type Decoding = Partial<Pick<GenerateOptions, 'maxTokens' | 'temperature' | 'topK' | 'topP' | 'seed'>>;

/** The model at a point of its weights, to be asked for answers: their losses are none of its business. */
export const modelAt = (
  model: Model,
  at: Point,
  { directions, ...decoding }: Pick<DirectionOptions, 'directions'> & Decoding,
): Answering => ({
  endTokens: model.endTokens,
  logits: (batch, options) => model.logits(batch, { ...options, at, directions }),
  generate: (prompts, options) => model.generate(prompts, { ...options, ...decoding, at, directions }),
  sequenceLosses: async (batch, points) => points.map(() => new Float64Array(batch.sequences.length)),
});

/** Such a point, as messages name it. */
export const answeringAt = (point: Point): string => pointName(point, 'the weights themselves', { scales: true });
