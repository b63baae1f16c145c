import { rangeError, typeError, ZestError } from '../errors.ts';
import type { CallOptions, Directions, EvaluationOptions, Objective, Point, Update } from '../objective.ts';
import {
  assertFinite,
  assertSays,
  checkedCombined,
  checkedGradient,
  checkedLosses,
  checkedSequenceLosses,
} from '../objectives/checked-results.ts';
import { assertObjective } from '../options/calls.ts';
import { checkedRounds, initialState, streamCount } from './checked-rounds.ts';
import type { AnyMethod, MethodState, Round, StepContext, StepEstimate } from './method.ts';
import { type RuleOption, updateRule } from './rule.ts';

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
  /** Makes the batch of all training data. Default: the step's own. */
  all?: () => unknown;
  /** What an objective says of itself. Default: that which is evaluated. */
  says?: Pick<Objective<never>, 'lowestLoss' | 'combine'>;
}

/** How far a step goes. */
export interface StepLength {
  /** After the schedule. */
  learningRate: number;
  weightDecay: number;
  /** Default `zero`. */
  decayTowards?: 'zero' | 'start';
  /** Default `plain`. */
  rule?: RuleOption;
  /** Updates that came before, for rules that count them. Default 0. */
  updates?: number;
}

/** The streams of a step, from its first on. */
export const streamsFrom = (first: bigint, count: number): bigint[] =>
  Array.from({ length: count }, (_, i) => first + BigInt(i));

/** The rounds of a run's first step, in one dimension. */
const firstRounds = (method: AnyMethod, options: Record<string, unknown>) => {
  const streams = streamsFrom(0n, streamCount(method, options));
  return checkedRounds(method, options, {
    streams,
    dimension: 1,
    state: initialState(method, options),
    learningRate: 0,
  });
};

/** The points of a round. */
const pointsOf = (round: Round): readonly Point[] => {
  if ('gradient' in round) return [round.gradient];
  return 'points' in round ? round.points : round;
};

const asksForHalves = (round: Round): boolean => 'of' in round && round.of === 'halves';

/** How many values a round is answered with where all losses are the same. */
const answersTo = (round: Round): number => pointsOf(round).length * (asksForHalves(round) ? 2 : 1);

/** The first points that a step asks for, as of a run's first step. */
export const firstRound = (method: AnyMethod, options: Record<string, unknown>): readonly Point[] => {
  const round = firstRounds(method, options).next();
  return round.done || 'gradient' in round.value ? [] : pointsOf(round.value);
};

/**
 * The largest scale of a method's first points that are perturbed: ρ of most. A method may look at θ first, and is then
 * asked on as if all losses were the same.
 */
export const perturbationScale = (method: AnyMethod, options: Record<string, unknown>): number => {
  const rounds = firstRounds(method, options);
  for (let round = rounds.next(); !round.done; ) {
    const scale = pointsOf(round.value)
      .flat()
      .reduce((most, term) => Math.max(most, Math.abs(term.scale)), 0);
    if (scale > 0) return scale;
    round = rounds.next(new Float64Array(answersTo(round.value)));
  }
  return 0;
};

/** ∇f at a point, of an objective that has it. */
const gradientAt = async <B>(
  objective: Objective<B>,
  batch: B,
  { name }: AnyMethod,
  at: Point,
  call: CallOptions & { directions: Directions; atVersion: bigint | undefined },
): Promise<Float64Array> => {
  if (!objective.gradient) {
    const message = `method ${name} needs a gradient, and the objective has none; expected an objective with a gradient, or a method of losses alone such as mezo`;
    throw new ZestError('ERR_ZEST_UNSUPPORTED', message);
  }
  return checkedGradient(await objective.gradient(batch, { ...call, at }), objective.dimension);
};

/** Objectives whose loss is that of a whole batch. */
const whole = new WeakSet<object>();

/** The losses of sequences, of an objective that has them. */
const sequenceLossesOf = async <B>(
  objective: Objective<B>,
  batch: B,
  points: readonly Point[],
  call: EvaluationOptions,
): Promise<Float64Array[] | undefined> => {
  if (objective.sequenceLosses === undefined || whole.has(objective)) return undefined;
  let given: unknown;
  try {
    given = await objective.sequenceLosses(batch, points, call);
  } catch (error) {
    if ((error as { code?: unknown } | null)?.code !== 'ERR_ZEST_UNSUPPORTED') throw error;
    whole.add(objective);
    return undefined;
  }
  return checkedSequenceLosses(given, points);
};

/** The losses of the two halves of a batch, as {@link Round} says. */
const lossesOfHalves = async <B>(
  objective: Objective<B>,
  says: Pick<Objective<B>, 'combine'>,
  batch: B,
  points: readonly Point[],
  call: EvaluationOptions,
): Promise<Float64Array> => {
  const perSequence = await sequenceLossesOf(objective, batch, points, call);
  const sequences = perSequence?.[0]?.length ?? 0;
  if (!perSequence || sequences === 0) {
    const losses = checkedLosses(await objective.evaluate(batch, points, call), points);
    return Float64Array.from([...losses, ...losses]);
  }
  const meanOf = (losses: Float64Array) => losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
  const lossOf = (losses: Float64Array, first: number) =>
    says.combine ? checkedCombined(says.combine(losses, batch, first)) : meanOf(losses);
  const lossesFrom = (first: number, end: number) =>
    perSequence.map((losses) => lossOf(losses.subarray(first, end), first));
  const half = sequences >> 1;
  const halves = half > 0 ? [...lossesFrom(0, half), ...lossesFrom(half, sequences)] : [Number.NaN];
  if (!halves.some(Number.isNaN)) return Float64Array.from(halves);
  // A half that has no sequence, or of which every one was left out.
  const all = lossesFrom(0, sequences);
  return Float64Array.from([...all, ...all]);
};

/** Evaluates the rounds that a method asks for, and returns what it makes of them. Nothing is applied. */
export const estimateStep = async <B>(
  objective: Objective<B>,
  batch: B,
  method: AnyMethod,
  options: Record<string, unknown>,
  call: StepCall & Partial<StepLength>,
): Promise<StepEstimate & { losses: Float64Array }> => {
  const { directions, firstStream, state, atVersion, microBatch, signal, all, learningRate = 0 } = call;
  const streams = streamsFrom(firstStream, streamCount(method, options));
  const { dimension } = objective;
  const { lowestLoss } = call.says ?? objective;
  const rounds = checkedRounds(method, options, { streams, dimension, lowestLoss, state, learningRate });
  const seen: number[] = [];
  let everything: B | undefined;
  let round = rounds.next();
  while (!round.done) {
    const asked: Round = round.value;
    const own = { directions, atVersion, signal };
    if ('gradient' in asked) {
      round = rounds.next(await gradientAt(objective, batch, method, asked.gradient, own));
      continue;
    }
    const points = pointsOf(asked);
    const isOfAll = 'of' in asked && asked.of === 'all';
    if (isOfAll) everything ??= (all?.() as B | undefined) ?? batch;
    const of = isOfAll ? (everything as B) : batch;
    const losses = asksForHalves(asked)
      ? await lossesOfHalves(objective, call.says ?? objective, batch, points, { ...own, microBatch })
      : checkedLosses(await objective.evaluate(of, points, { ...own, microBatch }), points);
    assertFinite(losses, points);
    for (const loss of losses) seen.push(loss);
    round = rounds.next(losses);
  }
  return { ...round.value, losses: Float64Array.from(seen) };
};

/** What a method makes of losses that it was given before: of a step that was taken already. */
export const estimateFrom = (
  losses: readonly number[],
  method: AnyMethod,
  options: Record<string, unknown>,
  { firstStream, ...context }: Pick<StepCall, 'firstStream'> & Omit<StepContext, 'streams'>,
): StepEstimate => {
  const streams = streamsFrom(firstStream, streamCount(method, options));
  const rounds = checkedRounds(method, options, { streams, ...context });
  let round = rounds.next();
  for (let done = 0; !round.done; ) {
    const length = answersTo(round.value);
    round = rounds.next(Float64Array.from(losses.slice(done, done + length)));
    done += length;
  }
  return round.value;
};

/** A coefficient times the learning rate, which has made it too large where float32 cannot hold the product. */
const scaled = (coefficient: number, factor: number): number => {
  const product = Math.fround(factor * coefficient);
  if (Number.isFinite(product)) return product;
  throw rangeError(
    'ERR_ZEST_UPDATE',
    `the update has a coefficient of ${factor * coefficient}, ${coefficient} at a learning rate of ${factor}; expected one that float32 can hold: use a smaller learning rate`,
  );
};

/**
 * The update that goes along −G: float32(η·c) for each term, and float32(η·rate·λ) of the weights themselves. Under another
 * rule than the plain one the terms are G itself, and η is the rule's.
 */
export const updateOf = (
  { terms, vector, curvature, rate = 1 }: Pick<StepEstimate, 'terms' | 'vector' | 'curvature' | 'rate'>,
  length: StepLength,
): Update => {
  const { learningRate, weightDecay, decayTowards = 'zero', updates = 0 } = length;
  const rule = updateRule(length.rule ?? 'plain', learningRate, updates);
  const factor = rule ? 1 : learningRate;
  return {
    decay: Math.fround(learningRate * rate * weightDecay),
    terms: terms.map(({ stream, coefficient }) => ({ stream, coefficient: scaled(coefficient, factor) })),
    ...(vector && { vector: vector.map((value) => factor * value) }),
    ...(curvature && { curvature }),
    ...(rule && { rule }),
    ...(decayTowards === 'start' && weightDecay > 0 && { anchored: true }),
  };
};

/**
 * Does a step's work while no other call on the objective takes effect, where it can say so
 * ({@link Objective.exclusively}).
 */
export const alone = async <B, T>(objective: Objective<B>, work: (of: Objective<B>) => Promise<T>): Promise<T> => {
  assertSays(objective);
  if (!objective.exclusively) return await work(objective);
  let done: { result: T } | undefined;
  await objective.exclusively(async (of) => {
    assertObjective(of, 'what exclusively of the objective gives its work');
    done = { result: await work(of) };
  });
  if (done) return (done as { result: T }).result;
  throw typeError(
    'ERR_ZEST_ARGUMENT',
    'exclusively of the objective settled before its work; expected it to do the work, and to wait for it',
  );
};

/** A step that was taken, with what the method made of its losses. */
type TakenStep = StepResult & Pick<StepEstimate, 'terms' | 'vector' | 'curvature' | 'state' | 'rate'>;

/**
 * The step of every method: rounds of points → losses → direction → update.
 *
 * @param of the objective itself, or what it gives to work that has it {@link alone}
 */
export const takeStep = async <B>(
  objective: Objective<B>,
  of: Objective<B>,
  batch: B,
  method: AnyMethod,
  options: Record<string, unknown>,
  call: StepCall & StepLength,
): Promise<TakenStep> => {
  // Where calls of others may come in between, they are to be found out.
  const own = { ...call, says: objective, ...(!objective.exclusively && { atVersion: of.version }) };
  const estimate = await estimateStep(of, batch, method, options, own);
  const update = updateOf(estimate, call);
  await of.apply(update, { directions: call.directions, signal: call.signal });
  return { ...estimate, update };
};
