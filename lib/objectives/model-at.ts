import type { GenerateOptions } from '../model/generate.ts';
import type { Model } from '../model/model.ts';
import type { DirectionOptions, Perturbation, Point } from '../objective.ts';

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

/** A point as a message names it. */
export const pointName = (point: Point): string => {
  const terms: readonly Perturbation[] = Array.isArray(point) ? point : [point as Perturbation];
  const [first] = terms;
  if (first === undefined) return 'the weights themselves';
  const rest = terms.length > 1 ? ` and ${terms.length - 1} more` : '';
  return `the point of stream ${first.stream}, scale ${first.scale}${rest}`;
};
