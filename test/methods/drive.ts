import type { z } from 'zod';
import type { AnyMethod, MethodState, StepEstimate } from '../../lib/methods/method.ts';
import { programSchema } from '../../lib/methods/method.ts';
import { streamsFrom } from '../../lib/methods/run-step.ts';
import type { Point } from '../../lib/objective.ts';
import { checkOptions } from '../../lib/options/check.ts';

export type Vector = readonly number[];
export type Loss = (x: Vector) => number;

export const add = (x: Vector, c: number, v: ArrayLike<number>): number[] => x.map((value, j) => value + c * v[j]!);
export const dot = (a: Vector, b: Vector): number => a.reduce((sum, value, j) => sum + value * b[j]!, 0);

/** Σ cᵢ·vᵢ of a few vectors. */
export const combine = (c: Vector, v: readonly Vector[]): number[] =>
  c.reduce(
    (sum: number[], factor, i) => add(sum, factor, v[i]!),
    v[0]!.map(() => 0),
  );

export interface Problem {
  f: Loss;
  /** The loss of all training data. Default: f. */
  all?: Loss;
  gradient?: (x: Vector) => number[];
  x: Vector;
  /** v(stream). */
  v: (stream: bigint) => Vector;
}

const schemas = new Map<AnyMethod, z.ZodObject>();

/** A method's options with its defaults. */
export const filled = (method: AnyMethod, given: Record<string, unknown>): Record<string, unknown> => {
  const schema = schemas.get(method) ?? programSchema(method);
  schemas.set(method, schema);
  return checkOptions(schema, { learningRate: 0.1, ...given });
};

/** What a method makes of a step at a point, with nothing rounded: G, and what it estimated. */
export const drive = (
  method: AnyMethod,
  given: Record<string, unknown>,
  { f, all, gradient, x, v }: Problem,
  { step = 0, state }: { step?: number; state?: MethodState } = {},
): StepEstimate & { G: number[] } => {
  const options = filled(method, given);
  const count = method.streams(options);
  const rounds = method.estimate(options, {
    streams: streamsFrom(BigInt(step * count), count),
    dimension: x.length,
    state: state ?? method.initialState?.(options) ?? {},
    learningRate: options.learningRate as number,
  });
  const at = (point: Point): number[] =>
    [point].flat().reduce(
      (moved: number[], term) => {
        return add(moved, term.scale, 'stream' in term ? v(term.stream) : term.vector);
      },
      [...x],
    );
  let round = rounds.next();
  while (!round.done) {
    const asked = round.value;
    const points: readonly Point[] = 'gradient' in asked ? [] : 'points' in asked ? asked.points : asked;
    const of = 'points' in asked ? asked.of : 'batch';
    const loss = of === 'all' ? (all ?? f) : f;
    const losses = points.map((point) => loss(at(point)));
    const twice = of === 'halves' ? [...losses, ...losses] : losses;
    const answer = 'gradient' in asked ? gradient!(at(asked.gradient)) : twice;
    round = rounds.next(Float64Array.from(answer));
  }
  const { terms, vector } = round.value as StepEstimate;
  const start = vector ? [...vector] : x.map(() => 0);
  const G = terms.reduce((sum, { stream, coefficient }) => add(sum, coefficient, v(stream)), start);
  return { ...(round.value as StepEstimate), G };
};
