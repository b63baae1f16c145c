import { coefficients, type EstimatorOptions } from '../../lib/methods/estimators.ts';
import type { Batch } from '../../lib/model/batch.ts';
import type { Model } from '../../lib/model/model.ts';
import type { ModelStepOptions, ModelStepResult } from '../../lib/model/step.ts';
import type { Point, Update } from '../../lib/objective.ts';

/** A step as its definition says, in calls of one's own. */
export const stepByHand = async (model: Model, batch: Batch, options: ModelStepOptions): Promise<ModelStepResult> => {
  const streams = Array.from({ length: options.directions }, (_, i) => options.firstStream + BigInt(i));
  const scales = options.sides === 'two' ? [options.rho, -options.rho] : [options.rho];
  const points: Point[] = streams.flatMap((stream) => scales.map((scale) => ({ stream, scale })));
  const losses = await model.evaluate(batch, points, { atVersion: model.version });
  const result = coefficients(losses, { ...options, dimension: model.dimension } as EstimatorOptions);
  const update: Update = {
    decay: Math.fround(options.learningRate * (options.weightDecay ?? 0)),
    terms: streams.map((stream, i) => ({
      stream,
      coefficient: Math.fround(options.learningRate * (result.coefficients[i] ?? 0)),
    })),
  };
  await model.apply(update);
  return { ...result, update };
};
