import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { typeError, ZestError } from '../errors.ts';
import type { CallOptions, Directions, Law, Objective, Update } from '../objective.ts';
import { checkedLogged } from '../objectives/directions.ts';
import { turns } from '../objectives/turns.ts';
import { assertObjective, callback, optionalCount, optionsOf, signal } from '../options/calls.ts';
import { checkOptions } from '../options/check.ts';
import { withoutMoreOptions } from '../options/no-options.ts';
import { readArgument } from '../options/reading.ts';
import { show } from '../text/show.ts';
import { initialState, streamCount } from './checked-rounds.ts';
import { giveTurn } from './event-loop.ts';
import {
  type AnyMethod,
  assertMethod,
  type Method,
  type MethodInput,
  type MethodState,
  programSchema,
} from './method.ts';
import { type LoggedRule, type RuleOption, ruleName } from './rule.ts';
import { alone, estimateFrom, type StepLength, type StepResult, takeStep, updateOf } from './run-step.ts';
import { learningRateFactor, type ScheduleOptions } from './schedule.ts';

/** State of an optimizer: JSON, and all that a restored one needs to go on with the same bits. */
export interface OptimizerState {
  /** Name of the method. */
  method: string;
  /** Steps taken; step s of k directions uses streams s·k … s·k + k − 1. */
  step: number;
  /** Number of directions of a step, k. */
  directions: number;
  /** Seed of the directions, in decimal. */
  seed: string;
  /** Law of the directions. */
  law: Law;
  /** Rule of the updates, where it is not the plain one. Its state is the objective's. */
  rule?: RuleOption;
  /** Number of trainable parameters of the objective; absent before the first step. */
  dimension?: number;
  /** State of the method, under its own names. */
  [own: string]: unknown;
}

/** Options of {@link Optimizer.step}. */
export interface StepCallOptions extends CallOptions {
  /** Number of sequences evaluated at a time; the bits do not depend on it. Default: the whole batch. */
  microBatch?: number;
  /**
   * Makes the batch of all training data, for methods that look at it now and then (svrg). Default: they look at the
   * step's own batch instead.
   */
  all?: () => unknown;
}

/** A method with its options and its state. One optimizer trains one objective. */
export interface Optimizer {
  /** Name of the method. */
  readonly method: string;
  /** Seed and law of the directions of its steps. */
  readonly directions: Directions;
  /**
   * How its updates move the weights, as a log has it: `plain`, `sign`, `momentum` or `adam`, with ` anchored` behind it
   * where they decay towards the weights of the start.
   */
  readonly rule: LoggedRule;
  /** Number of forward passes of a batch that a step takes. */
  readonly forwards: number;
  /** The learning rate of the next step, after the schedule. */
  readonly learningRate: number;
  /**
   * Takes a step: evaluates the batch at the method's points, and applies the update that it makes of the losses. A step
   * that fails or is aborted changes nothing and may be taken again. Steps take effect one after another, and a batch is
   * read when the turn of its step comes, by methods of several rounds once a round: leave it as it is until then. Calls
   * on the objective itself may come before a step that is not awaited.
   */
  step<B>(objective: Objective<B>, batch: B, options?: StepCallOptions): Promise<StepResult>;
  /** Takes a step of an objective without a batch, such as `vectorObjective` makes. */
  step(objective: Objective<void>): Promise<StepResult>;
  /** Whether steps leave a state of the method's own, which {@link replay} makes from their losses. */
  readonly keepsState: boolean;
  /**
   * Takes a step that was taken before: applies its update, as a log has it. A method that keeps state makes it from the
   * losses of the step; nothing is evaluated.
   *
   * @throws ERR_ZEST_TRAJECTORY where the method makes another update of the losses, or needs losses that are not there
   */
  replay<B>(objective: Objective<B>, logged: Update & { losses?: readonly number[] }): Promise<void>;
  /** Gives the state after the steps that were taken. */
  state(): OptimizerState;
  /**
   * Goes on from a state.
   *
   * @throws ERR_ZEST_OPTION for the state of another method, or of other directions, seed or law than this optimizer's,
   * and while a step is under way
   */
  restore(state: OptimizerState): void;
}

/** What the optimizer itself reads of a method's options. */
type SharedOptions = Record<string, unknown> & ScheduleOptions & StepLength & { seed: bigint | number; law?: Law };

const stepOptions = optionsOf<StepCallOptions>({ signal, microBatch: optionalCount, all: callback });

/** What a state says of the objective. */
const SEEN = { dimension: z.int().min(1).optional() };

const KEYS = ['method', 'directions', 'seed', 'law', 'rule'] as const;

/** What a method's state is: its own keys, and of what kind their values are. */
const kindOf = (value: unknown): string => (Array.isArray(value) ? 'array' : typeof value);

/** Refuses a state that is not one of the method's, or of another version of it. */
const assertState = ({ name, stateShape }: AnyMethod, initial: MethodState, state: MethodState): void => {
  const fault = (key: string, found: string): never => {
    throw new ZestError('ERR_ZEST_OPTION', `${key} of the state ${found}`);
  };
  const gives = `expected what state() of ${name} gives`;
  const keys = Object.keys(initial);
  for (const key of keys) {
    const kind = kindOf(initial[key]);
    if (kindOf(state[key]) !== kind) fault(key, `is ${show(state[key])}; ${gives}, of kind ${kind}`);
  }
  // A method without a first state may have made one all the same.
  const unknown = keys.length > 0 ? Object.keys(state).find((key) => !keys.includes(key)) : undefined;
  if (unknown !== undefined) fault(unknown, `is not known; ${gives}: ${keys.join(', ')}`);
  if (stateShape) checkOptions(z.object({ state: z.object(stateShape) }), { state });
};

/**
 * Makes an optimizer of any method; {@link defineMethod} has that of the example.
 *
 * @example
 * import { createOptimizer, vectorObjective } from 'node-zest';
 * import halves from './halves.mjs';
 * const bowl = vectorObjective(([x]) => x * x, [3]);
 * const optimizer = createOptimizer(halves, { learningRate: 0.1, rho: 1e-2 });
 * await optimizer.step(bowl);
 * console.log(optimizer.state().step); // 1
 *
 * @throws TypeError or RangeError with the code of the option at fault, as the method's schema says
 */
export const createOptimizer = <Shape extends z.ZodRawShape, S extends MethodState>(
  method: Method<Shape, S>,
  given: MethodInput<Shape>,
): Optimizer => {
  assertMethod(method, 'method');
  const any: AnyMethod = method;
  const options = checkOptions(programSchema(any), given) as SharedOptions;
  const { learningRate, weightDecay, decayTowards, rule, seed, law = 'gaussian' } = options;
  const factor = learningRateFactor(options);
  const drawn: Directions = { seed, law, ...(any.metric && { metric: any.metric }) };
  const directions = streamCount(any, options);
  const own = { method: method.name, directions, seed: String(seed), law, ...(rule !== 'plain' && { rule }) };
  const initial = initialState(any, options);
  let state = initial;
  let steps = 0;
  const { inTurn } = turns();
  /** Steps that have not ended. */
  let waiting = 0;
  /** What the steps have moved. */
  let trained: WeakRef<object> | undefined;
  /** What the last step, or a restored state, says of the objective. */
  let known: Pick<OptimizerState, 'dimension'> = {};

  const noteStep = (objective: Objective<never>): void => {
    steps++;
    known = { dimension: objective.dimension };
    trained ??= new WeakRef(objective);
  };

  /** Refuses an objective that is not what the steps have moved, or that a restored state is not of. */
  const assertKnown = (objective: Objective<never>): void => {
    const { dimension } = objective;
    if (trained && trained.deref() !== objective) {
      throw typeError(
        'ERR_ZEST_ARGUMENT',
        'objective is another than that of the steps before; expected the same one: an optimizer has the state of one, so make another for another',
      );
    }
    if (known.dimension === undefined || known.dimension === dimension) return;
    const message = `the state is of an objective with ${known.dimension} trainable parameters, and this one has ${dimension}; expected the same`;
    throw new ZestError('ERR_ZEST_OPTION', message);
  };

  const take = async <B>(
    objective: Objective<B>,
    of: Objective<B>,
    batch: B,
    call: StepCallOptions,
  ): Promise<StepResult> => {
    assertKnown(objective); // which the calls before it may have decided
    const {
      state: next,
      terms: _,
      vector: _v,
      curvature: _c,
      rate: _r,
      ...result
    } = await takeStep(objective, of, batch, any, options, {
      ...call,
      directions: drawn,
      firstStream: BigInt(steps) * BigInt(directions),
      state,
      learningRate: learningRate * factor(steps),
      weightDecay,
      decayTowards,
      rule,
      updates: steps,
    });
    state = next ?? state;
    noteStep(objective);
    return result;
  };

  /** Does a step after those before it. */
  const queued = async <T>(step: () => Promise<T>): Promise<T> => {
    waiting++;
    try {
      return await inTurn(step);
    } finally {
      waiting--;
    }
  };

  const keepsState = (): boolean => any.initialState !== undefined || Object.keys(state).length > 0;

  const takeAgain = async <B>(
    objective: Objective<B>,
    { losses, ...update }: Update & { losses?: readonly number[] },
  ): Promise<void> => {
    assertKnown(objective);
    // A step that was skipped has no terms, and left the state as it was.
    if (keepsState() && update.terms.length > 0) {
      if (!losses)
        throw new ZestError(
          'ERR_ZEST_TRAJECTORY',
          `step ${steps + 1} has no losses in the log; ${method.name} makes its state from them`,
        );
      const firstStream = BigInt(steps) * BigInt(directions);
      const length = { learningRate: learningRate * factor(steps), weightDecay, decayTowards, rule, updates: steps };
      const { dimension, lowestLoss } = objective;
      const from = { dimension, lowestLoss, firstStream, state, learningRate: length.learningRate };
      const { state: next, ...estimate } = estimateFrom(losses, any, options, from);
      const own = updateOf(estimate, length);
      if (!isDeepStrictEqual(own.terms, update.terms)) {
        throw new ZestError(
          'ERR_ZEST_TRAJECTORY',
          `${method.name} makes another update of the losses of step ${steps + 1} than the log has; expected the method that wrote it`,
        );
      }
      state = next ?? state;
    }
    await objective.apply(update, { directions: drawn });
    noteStep(objective);
  };

  return withoutMoreOptions({
    method: method.name,
    directions: Object.freeze({ ...drawn }),
    rule: ruleName(options),
    get keepsState() {
      return keepsState();
    },
    async replay<B>(objective: Objective<B>, logged: Update & { losses?: readonly number[] }) {
      assertObjective(objective);
      const update = checkedLogged(logged);
      return await queued(() => takeAgain(objective, update));
    },
    forwards: any.forwards(options),
    get learningRate() {
      return learningRate * factor(steps);
    },
    async step<B>(objective: Objective<B>, batch?: B, options?: StepCallOptions) {
      assertObjective(objective);
      const { all, ...call } = stepOptions(options);
      assertKnown(objective);
      // The same batch also where the objective has the step taken anew.
      let everything: unknown;
      const own = { ...call, ...(all && { all: () => (everything ??= all()) }) };
      return await queued(async () => {
        const result = await alone(objective, (of) => take(objective, of, batch as B, own));
        await giveTurn();
        return result;
      });
    },
    state: () => readArgument('the state', () => structuredClone({ ...state, ...own, step: steps, ...known })),
    restore(saved: OptimizerState) {
      if (typeof saved !== 'object' || saved === null)
        throw typeError('ERR_ZEST_OPTION', `the state is ${show(saved)}; expected what state() gives`);
      if (waiting > 0)
        throw new ZestError(
          'ERR_ZEST_OPTION',
          'the state cannot be restored while a step is under way; await it before',
        );
      const given = readArgument('the state', () => JSON.parse(JSON.stringify(saved)) as OptimizerState);
      for (const key of KEYS) {
        const [found, expected] = [given[key], own[key]].map((value) => JSON.stringify(value ?? 'plain'));
        if (found !== expected) {
          const message = `${key} of the state is ${JSON.stringify(given[key])}; expected ${expected}, this optimizer's`;
          throw new ZestError('ERR_ZEST_OPTION', message);
        }
      }
      if (!Number.isSafeInteger(given.step) || given.step < 0) {
        throw new ZestError('ERR_ZEST_OPTION', `step of the state is ${show(given.step)}; expected a whole number ≥ 0`);
      }
      const { method: _m, step, directions: _d, seed: _s, law: _l, rule: _r, dimension, ...rest } = given;
      assertState(any, initial, rest);
      checkOptions(z.object({ state: z.object(SEEN) }), { state: { dimension } });
      steps = step;
      state = rest;
      trained = undefined;
      known = dimension === undefined ? {} : { dimension };
    },
  });
};
