import { disposeAfter } from '../closing.ts';
import { shuffledBatches } from '../data/sampling.ts';
import { ZestError } from '../errors.ts';
import { initialState } from '../methods/checked-rounds.ts';
import type { StepEstimate } from '../methods/method.ts';
import type { StepCallOptions } from '../methods/optimizer.ts';
import { methodOf } from '../methods/registry.ts';
import { estimateStep, perturbationScale } from '../methods/run-step.ts';
import { learningRateFactor } from '../methods/schedule.ts';
import { deviation, mean } from '../numbers/statistics.ts';
import { norm } from '../numbers/vectors.ts';
import type { CallOptions, Directions, Objective, Point } from '../objective.ts';
import { MEASURING_STREAM } from '../objectives/directions.ts';
import { optionsOf, overrides, signal } from '../options/calls.ts';
import type { Example } from '../tasks/task.ts';
import { show } from '../text/show.ts';
import { loadConfig } from './config.ts';
import { needsNoRate, stepCall } from './configured-optimizer.ts';
import { type FollowedRate, falls, followedSteps, followRate, holds } from './follow-rate.ts';
import { loadInputs, loadModel } from './inputs.ts';
import { configuredObjective } from './objective.ts';
import { readTraining } from './read-data.ts';
import type { Config, ResolvedConfig } from './schema.ts';

/**
 * What all steps of a run may cost together, as a share of the loss at its start; docs/train.md has what it was chosen
 * by.
 */
const COST_OF_RUN = 0.1;
/** The cost of a step that is looked for, as a share of that loss: well above what float32 and chance make of it. */
const COST_OF_STEP = 0.05;
/** Steps that are measured: so many, and more where their directions are few. */
const LEAST_STEPS = 16;
const LEAST_DIRECTIONS = 32;
/** Factor between the rates of the search, and how many it may try. */
const FACTOR = 4;
const MOST_RATES = 16;
/** Powers of the rate that a cost which goes with its square may seem to go with, for its noise. */
const POWERS = [1, 3] as const;
/** Standard errors of a cost that its noise may be. */
const ERRORS = 2;
/** Factor from a rate that the loss does not bear to the next one that is followed, and how many are. */
const BACK = 3;
const MOST_FOLLOWED = 4;

/** Means over some steps from the start of a run, at one learning rate. */
export interface RateMeasurement {
  /** Learning rate η of the steps. */
  learningRate: number;
  /** Loss that a step's direction gains, (f(θ + ηG) − f(θ − ηG))/2, in nats. */
  gain: number;
  /**
   * Loss that its length costs by curvature, (f(θ + ηG) + f(θ − ηG))/2 − f(θ), in nats. Infinity where a loss is not
   * finite.
   */
  cost: number;
  /** Standard error of the cost. */
  costError: number;
}

/** Learning rate that {@link findLearningRate} found, and how. */
export interface FoundLearningRate {
  /** Rate to begin with, to two digits. */
  learningRate: number;
  /** Mean loss f(θ) at the start, in nats, on the batches that the steps were judged by. */
  loss: number;
  /** Rate at which a step costs `stepShare` of the loss; the cost goes with the square of the rate. */
  stepRate: number;
  /** Share of the loss that a step at `stepRate` costs. */
  stepShare: number;
  /** Share of the loss that all steps of the run cost together, at the rate found. */
  runShare: number;
  /** Number of steps of the run, each counted as the square of its schedule's factor. */
  scheduledSteps: number;
  /** Number of steps that were measured at each rate. */
  measuredSteps: number;
  /** Measurements by ascending rate. */
  measured: RateMeasurement[];
  /** Whether the two costs around `stepRate` go with the square of the rate, as far as their noise lets it be seen. */
  isQuadratic: boolean;
  /** Rates whose first steps were taken, in order; the last is the one that was found. */
  followed: FollowedRate[];
  /** Number of forward passes of a batch that it took, counted by the engine. */
  forwards: number;
}

/** Options of {@link findLearningRate}. */
export interface FindLearningRateOptions extends CallOptions {
  /** Overrides of the configuration, each key.path=value. Default: none. */
  overrides?: readonly string[];
}

const finderOptions = optionsOf<FindLearningRateOptions>({ signal, overrides });

type WithoutRate<T> = T extends object ? Omit<T, 'learningRate'> & { learningRate?: number } : never;

/** A configuration in which `optimizer.learningRate` may be absent. */
export type RatelessConfig = Omit<Config, 'optimizer'> & { optimizer?: WithoutRate<Config['optimizer']> };

const readRateless = (config: RatelessConfig | string, overrides: readonly string[]): Promise<ResolvedConfig> =>
  loadConfig(config as Config | string, [...overrides, 'optimizer.learningRate=1']).catch((fault) =>
    // Right as it stands: it names no optimizer.
    loadConfig(config as Config | string, overrides).catch(() => Promise.reject(fault)),
  );

/** What is learnt, at the start of the run. */
type Learning = Objective<readonly Example[]>;

/** The error of a loss whose share means nothing: minus a reward, or a metric. */
const notAboveZero = (loss: number): ZestError =>
  new ZestError(
    'ERR_ZEST_LEARNING_RATE',
    `the loss is ${loss} at the start, and a rate is found by its share of a loss above 0; expected another objective, or compare some rates with \`zest sweep\``,
  );

/** G of a step from the start, and the batch that it is judged by. */
interface Probe {
  terms: StepEstimate['terms'];
  heldOut: readonly Example[];
  loss: number;
}

/** How the finder draws directions, and stops. */
interface ProbeCall extends CallOptions {
  directions: Directions;
}

const makeProbes = async (
  { optimizer }: ResolvedConfig,
  objective: Learning,
  batchOf: (index: number) => readonly Example[],
  call: ProbeCall,
  stepping: StepCallOptions,
): Promise<Probe[]> => {
  const method = methodOf(optimizer);
  if (optimizer.rule !== 'plain') {
    const message = `optimizer.rule is ${show(optimizer.rule)}; expected plain: the finder measures what a step along G does`;
    throw new ZestError('ERR_ZEST_CONFIG', message);
  }
  const streams = method.streams(optimizer);
  const probes: Probe[] = [];
  const count = Math.max(LEAST_STEPS, Math.ceil(LEAST_DIRECTIONS / streams));
  for (let i = 0; i < count; i++) {
    const firstStream = MEASURING_STREAM + BigInt(i * streams);
    const state = initialState(method, optimizer);
    const own = { ...stepping, ...call, firstStream, state };
    const { terms } = await estimateStep(objective, batchOf(2 * i), method, optimizer, own);
    const heldOut = batchOf(2 * i + 1);
    const [loss] = await objective.evaluate(heldOut, [[]], call);
    probes.push({ terms, heldOut, loss: loss as number });
  }
  return probes;
};

const measure = async (
  objective: Learning,
  probes: readonly Probe[],
  learningRate: number,
  call: ProbeCall,
): Promise<RateMeasurement> => {
  const gains: number[] = [];
  const costs: number[] = [];
  for (const { terms, heldOut, loss } of probes) {
    const along = (sign: number): Point =>
      terms.map(({ stream, coefficient }) => ({ stream, scale: sign * learningRate * coefficient }));
    try {
      const [after, behind] = await objective.evaluate(heldOut, [along(-1), along(1)], call);
      gains.push(((behind as number) - (after as number)) / 2);
      costs.push(((behind as number) + (after as number)) / 2 - loss);
    } catch (error) {
      if (!(error instanceof ZestError) || error.code !== 'ERR_ZEST_LOSS_NOT_FINITE') throw error;
      return { learningRate, gain: 0, cost: Number.POSITIVE_INFINITY, costError: 0 };
    }
  }
  const costError = deviation(costs) / Math.sqrt(costs.length);
  return { learningRate, gain: mean(gains), cost: mean(costs), costError };
};

/**
 * The rate at which the cost is `target`, between two of which the first costs less; a parabola where no line through
 * both, in logarithms, can be.
 */
const rateBetween = (low: RateMeasurement, high: RateMeasurement, target: number): number => {
  const parabola = ({ learningRate, cost }: RateMeasurement) => learningRate * Math.sqrt(target / cost);
  if (high.cost === Number.POSITIVE_INFINITY) return low.cost > 0 ? parabola(low) : low.learningRate;
  if (low.cost <= 0) return Math.max(low.learningRate, parabola(high));
  const share = Math.log(target / low.cost) / Math.log(high.cost / low.cost);
  return low.learningRate * (high.learningRate / low.learningRate) ** share;
};

/** Whether the costs at two rates may go with the square of the rate. */
const isParabola = (low: RateMeasurement, high: RateMeasurement): boolean => {
  if (high.cost === Number.POSITIVE_INFINITY) return false;
  const ratio = high.learningRate / low.learningRate;
  const [most, least] = POWERS.map((power) => ratio ** -power) as [number, number];
  const [above, below] = [high.cost + ERRORS * high.costError, high.cost - ERRORS * high.costError];
  return low.cost + ERRORS * low.costError >= least * below && low.cost - ERRORS * low.costError <= most * above;
};

/** Measures at geometric multiples of the rate of a first guess until two neighbours have the target between them. */
const search = async (
  target: number,
  guess: number,
  measureAt: (rate: number) => Promise<RateMeasurement>,
): Promise<{ stepRate: number; isQuadratic: boolean; measured: RateMeasurement[] }> => {
  const measured = [await measureAt(guess)];
  const isAbove = ({ cost }: RateMeasurement) => cost >= target;
  const first = measured[0]!;
  while (measured.length < MOST_RATES) {
    const edge = (isAbove(first) ? measured[0] : measured.at(-1)) as RateMeasurement;
    const next = await measureAt(isAbove(first) ? edge.learningRate / FACTOR : edge.learningRate * FACTOR);
    if (isAbove(first)) measured.unshift(next);
    else measured.push(next);
    if (isAbove(next) === isAbove(first)) continue;
    const [low, high] = isAbove(first) ? [next, edge] : [edge, next];
    return { stepRate: rateBetween(low, high, target), isQuadratic: isParabola(low, high), measured };
  }
  throw new ZestError(
    'ERR_ZEST_LEARNING_RATE',
    `no learning rate from ${measured[0]?.learningRate} to ${measured.at(-1)?.learningRate} makes a step cost ${100 * COST_OF_STEP} % of the loss`,
  );
};

/** Σ factor² of the learning rates of a run's first steps. */
const scheduledSteps = ({ optimizer, training }: ResolvedConfig, steps: number): number => {
  const factor = learningRateFactor({ ...optimizer, totalSteps: training.steps });
  return Array.from({ length: steps }, (_, step) => factor(step) ** 2).reduce((sum, x) => sum + x, 0);
};

const percent = (share: number): string => `${(100 * share).toPrecision(2)} %`;

/** What is wrong with each rate that was followed, and what to do. */
const refusal = (loss: number, isQuadratic: boolean, followed: readonly FollowedRate[]): ZestError => {
  const tried = followed.map(
    ({ learningRate, steps, change }) => `${percent(change / loss)} in ${steps} steps at ${learningRate}`,
  );
  const why = isQuadratic
    ? 'the loss rose at each rate that was followed'
    : 'the costs do not go with the square of the rate, and the loss did not fall at the rates that were followed';
  const last = followed.at(-1)?.learningRate ?? 0;
  return new ZestError(
    'ERR_ZEST_LEARNING_RATE',
    `no learning rate was found: ${why} (its change is ${tried.join(', ')}); compare some from ${Number((last / 10).toPrecision(1))} up with \`zest sweep\`, train less, such as trainable: head, or take the usual optimizer.rho of 1e-3`,
  );
};

/**
 * Finds the learning rate of a run from the loss along its first steps. Nothing is written.
 *
 * A step −ηG changes the loss by −gain + cost, with the gain odd in η and the cost even: ½η²·GᵀHG while η is small. G is
 * mostly noise, E‖G‖² ≈ (d/k)·‖∇f‖², so the cost is the same from step to step and can be measured from few; the gain of a
 * step cannot. But all gains of a run together cannot be more than the loss. So the rate is that at which all steps of the
 * run together cost a tenth of the loss at its start: η = √(loss/10 / Σ cost of a step at rate 1).
 *
 * The cost of a step is measured on batches other than those that made G, at geometric multiples around the rate where it
 * is 5 % of the loss. Then the first fifty steps of the run are taken at the rate: where the loss rises by more than they
 * may cost, a third of the rate is tried. Where the costs do not go with the square of the rate, the loss has to fall.
 * It takes some 300 forwards and those of the steps. `optimizer.learningRate` is not read.
 *
 * @example
 * import { findLearningRate } from 'node-zest';
 * const { learningRate, forwards } = await findLearningRate('run.yaml');
 * console.log(learningRate, forwards);
 *
 * @throws ERR_ZEST_CONFIG, also for a method that needs no rate; ERR_ZEST_LEARNING_RATE where no rate makes such a cost, or
 * the loss bears none; what loading the model, the task and the data throws
 */
export const findLearningRate = async (
  config: RatelessConfig | string,
  options?: FindLearningRateOptions,
): Promise<FoundLearningRate> => {
  const { overrides: changes = [], signal } = finderOptions(options);
  const resolved = await readRateless(config, changes);
  const { seed, batchSize, steps } = resolved.training;
  const { optimizer } = resolved;
  if (needsNoRate(resolved)) {
    throw new ZestError(
      'ERR_ZEST_CONFIG',
      `optimizer.method is ${optimizer.method}, which does without a learning rate that was found; expected a method that is given one, such as zest or mezo: --set optimizer.method=zest`,
    );
  }
  const call = { directions: { seed, law: optimizer.law ?? 'gaussian' }, signal };
  const inputs = await loadInputs(resolved, { splits: [], signal });
  const groups = new Map<string, string>();
  const examples = await readTraining(resolved.data, inputs.task, { groups, signal });
  const batches = shuffledBatches(examples.length, batchSize, seed);
  const stepping = stepCall(resolved, examples, signal);
  const batchOf = (index: number) => batches.batch(index).map((row) => examples[row]!);
  let sequences = 0n;
  const withModel = async <T>(work: (objective: Learning) => Promise<T>): Promise<T> => {
    const model = await loadModel(resolved, inputs.tokenizer, { signal });
    return disposeAfter(model, async () => {
      const found = await work(configuredObjective(resolved, model, { ...inputs, groups }));
      sequences += model.forwards;
      return found;
    });
  };

  const { probes, loss, stepRate, isQuadratic, measured } = await withModel(async (objective) => {
    const probes = await makeProbes(resolved, objective, batchOf, call, stepping);
    const size = mean(probes.map(({ terms }) => norm(terms.map(({ coefficient }) => coefficient))));
    if (size === 0) {
      throw new ZestError('ERR_ZEST_LEARNING_RATE', 'the loss is the same in all directions: no step has a length');
    }
    // A step that moves weights as far as a perturbation does.
    const guess = perturbationScale(methodOf(optimizer), optimizer) / size;
    const loss = mean(probes.map((probe) => probe.loss));
    if (loss <= 0) throw notAboveZero(loss);
    const target = COST_OF_STEP * loss;
    return { probes, loss, ...(await search(target, guess, (rate) => measure(objective, probes, rate, call))) };
  });
  const scheduled = scheduledSteps(resolved, steps);
  const scheduledFollowed = scheduledSteps(resolved, followedSteps(resolved));
  const followed: FollowedRate[] = [];
  let rate = stepRate * Math.min(1, Math.sqrt(COST_OF_RUN / COST_OF_STEP / scheduled));
  for (let i = 0; i < MOST_FOLLOWED; i++, rate /= BACK) {
    const learningRate = Number(rate.toPrecision(2));
    const own = { ...resolved, optimizer: { ...optimizer, learningRate } };
    const allowed = COST_OF_STEP * loss * (learningRate / stepRate) ** 2 * scheduledFollowed;
    const at = { batchOf, judges: probes, allowed };
    const one = await withModel((objective) => followRate(own, objective, at, stepping));
    followed.push(one);
    if (!(isQuadratic ? holds(one) : falls(one))) continue;
    return {
      learningRate,
      loss,
      stepRate,
      stepShare: COST_OF_STEP,
      runShare: COST_OF_RUN,
      scheduledSteps: scheduled,
      measuredSteps: probes.length,
      measured,
      isQuadratic,
      followed,
      forwards: Number(sequences) / batches.size,
    };
  }
  throw refusal(loss, isQuadratic, followed);
};
