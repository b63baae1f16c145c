import { coefficients } from '../coefficients.ts';
import { ZestError } from '../errors.ts';
import type { Objective, Point, StepOptions, StepResult } from '../objective.ts';

/** A step of an objective that has no fused one: evaluate, coefficients, apply. */
export const composeStep = async <B>(objective: Objective<B>, batch: B, options: StepOptions): Promise<StepResult> => {
  const { directions, firstStream, rho, sides, learningRate, weightDecay = 0, signal } = options;
  const streams = Array.from({ length: directions }, (_, i) => firstStream + BigInt(i));
  const scales = sides === 'two' ? [rho, -rho] : [rho];
  const points: Point[] = streams.flatMap((stream) => scales.map((scale) => ({ stream, scale })));
  const losses = await objective.evaluate(batch, points, { signal, atVersion: objective.version });
  const bad = losses.findIndex((loss) => !Number.isFinite(loss));
  if (bad >= 0) {
    throw new ZestError(
      'ERR_ZEST_LOSS_NOT_FINITE',
      `the loss at stream ${streams[Math.floor(bad / scales.length)]}, scale ${scales[bad % scales.length]} is ${losses[bad]}`,
    );
  }
  const step = coefficients(losses, { ...options, dimension: objective.dimension });
  const update = {
    decay: Math.fround(learningRate * weightDecay),
    terms: streams.map((stream, i) => ({
      stream,
      coefficient: Math.fround(learningRate * (step.coefficients[i] as number)),
    })),
  };
  await objective.apply(update, { signal });
  return { ...step, update };
};
