import { ZestError } from '../errors.ts';
import type { CallOptions, Directions, Objective, Point, Update } from '../objective.ts';
import type { AnyMethod, MethodState, StepEstimate } from './method.ts';

/** Losses, update and scalars of a step. */
export interface StepResult {
  /** Losses at all points, in the order in which the method asked for them; of a model in nats. */
  losses: Float64Array;
  /** Update that was applied, in float32. */
  update: Update;
  /** Mean of the losses. */
  meanLoss: number;
  /** Scalars of the method, by the names that it gives them. */
  diagnostics: Readonly<Record<string, number>>;
}

/** Where a step looks, and how it is computed. */
export interface StepCall extends CallOptions {
  directions: Directions;
  firstStream: bigint;
  state: MethodState;
  /** The version that the weights must have; default: any. */
  atVersion?: bigint;
  /** Number of sequences evaluated at a time; the bits do not depend on it. Default: the whole batch. */
  microBatch?: number;
}

/** How far a step goes. */
export interface StepLength {
  /** After the schedule. */
  learningRate: number;
  weightDecay: number;
}

const assertFinite = (losses: Float64Array, points: readonly Point[]): void => {
  const bad = losses.findIndex((loss) => !Number.isFinite(loss));
  if (bad < 0) return;
  const point = points[bad] as Point;
  const [term] = Array.isArray(point) ? point : [point];
  const where = term ? `stream ${term.stream}, scale ${term.scale}` : 'the unperturbed weights';
  throw new ZestError('ERR_ZEST_LOSS_NOT_FINITE', `the loss at ${where} is ${losses[bad]}`);
};

/** The streams of a step, from its first on. */
export const streamsFrom = (first: bigint, count: number): bigint[] =>
  Array.from({ length: count }, (_, i) => first + BigInt(i));

/** The rounds of a run's first step, in one dimension. */
const firstRounds = (method: AnyMethod, options: Record<string, unknown>) => {
  const streams = streamsFrom(0n, method.streams(options));
  return method.estimate(options, { streams, dimension: 1, state: method.initialState?.(options) ?? {} });
};

/** The first points that a step asks for, as of a run's first step. */
export const firstRound = (method: AnyMethod, options: Record<string, unknown>): readonly Point[] => {
  const round = firstRounds(method, options).next();
  return round.done ? [] : round.value;
};

/**
 * The largest scale of a method's first points that are perturbed: ρ of most. A method may look at θ first, and is then
 * asked on as if all losses were the same.
 */
export const perturbationScale = (method: AnyMethod, options: Record<string, unknown>): number => {
  const rounds = firstRounds(method, options);
  for (let round = rounds.next(); !round.done; ) {
    const scale = round.value.flat().reduce((most, term) => Math.max(most, Math.abs(term.scale)), 0);
    if (scale > 0) return scale;
    round = rounds.next(new Float64Array(round.value.length));
  }
  return 0;
};

/** Evaluates the rounds of points that a method asks for, and returns what it makes of them. Nothing is applied. */
export const estimateStep = async <B>(
  objective: Objective<B>,
  batch: B,
  method: AnyMethod,
  options: Record<string, unknown>,
  { directions, firstStream, state, atVersion, microBatch, signal }: StepCall,
): Promise<StepEstimate & { losses: Float64Array }> => {
  const streams = streamsFrom(firstStream, method.streams(options));
  const rounds = method.estimate(options, { streams, dimension: objective.dimension, state });
  const all: number[] = [];
  let round = rounds.next();
  while (!round.done) {
    const losses = await objective.evaluate(batch, round.value, { directions, atVersion, microBatch, signal });
    assertFinite(losses, round.value);
    all.push(...losses);
    round = rounds.next(losses);
  }
  return { ...round.value, losses: Float64Array.from(all) };
};

/** What a method makes of losses that it was given before: of a step that was taken already. */
export const estimateFrom = (
  losses: readonly number[],
  method: AnyMethod,
  options: Record<string, unknown>,
  { dimension, firstStream, state }: Pick<StepCall, 'firstStream' | 'state'> & { dimension: number },
): StepEstimate => {
  const streams = streamsFrom(firstStream, method.streams(options));
  const rounds = method.estimate(options, { streams, dimension, state });
  let round = rounds.next();
  for (let done = 0; !round.done; ) {
    const { length } = round.value;
    round = rounds.next(Float64Array.from(losses.slice(done, done + length)));
    done += length;
  }
  return round.value;
};

/** The update that goes along −G: float32(η·c) for each term, and float32(η·λ) of the weights themselves. */
export const updateOf = (terms: StepEstimate['terms'], { learningRate, weightDecay }: StepLength): Update => ({
  decay: Math.fround(learningRate * weightDecay),
  terms: terms.map(({ stream, coefficient }) => ({ stream, coefficient: Math.fround(learningRate * coefficient) })),
});

/**
 * The step of every method: rounds of points → losses → direction → update. No other call on the objective takes effect
 * in between where it can say so ({@link Objective.exclusively}).
 */
export const runStep = <B>(
  objective: Objective<B>,
  batch: B,
  method: AnyMethod,
  options: Record<string, unknown>,
  call: StepCall & StepLength,
): Promise<StepResult & Pick<StepEstimate, 'terms' | 'state'>> => {
  const take = async (of: Objective<B>, atVersion?: bigint) => {
    const estimate = await estimateStep(of, batch, method, options, { ...call, atVersion });
    const update = updateOf(estimate.terms, call);
    await of.apply(update, { directions: call.directions, signal: call.signal });
    return { ...estimate, update };
  };
  return objective.exclusively?.((alone) => take(alone)) ?? take(objective, objective.version);
};
