import { z } from 'zod';
import { type ErrorCode, ZestError } from '../errors.ts';
import type { Point } from '../objective.ts';
import { given } from '../options/calls.ts';
import { checkOptions } from '../options/check.ts';
import { withoutOptions } from '../options/no-options.ts';
import { readArgument } from '../options/reading.ts';
import { show } from '../text/show.ts';
import { inPrograms, positive, stepLength } from './options.ts';

/** Values that JSON can hold, under names of the method's own. */
export type MethodState = Record<string, unknown>;

/** What a method is told of a step beside its options. */
export interface StepContext<S extends MethodState = MethodState> {
  /** The streams of the step's directions, as many as {@link Method.streams} says. */
  streams: readonly bigint[];
  /** Number of trainable parameters, d. */
  dimension: number;
  /** Least that a loss can be, as the objective says. Default: 0. */
  lowestLoss?: number | undefined;
  /** State that the step before left, or the initial one. */
  state: S;
  /** Learning rate of the step, after the schedule; 0 where only the direction is asked for. */
  learningRate: number;
}

/**
 * What a step asks for next: the losses of its batch at points; those of all training data, of which a caller says what
 * they are ({@link StepCallOptions.all}); those of each half of the batch, first all of one and then all of the other
 * (the whole batch twice where it has no two sequences, or the objective no losses of them); or ∇f at a point, which
 * takes an objective that has a gradient.
 */
export type Round = readonly Point[] | { points: readonly Point[]; of: 'all' | 'halves' } | { gradient: Point };

/** What a method makes of the losses it asked for. */
export interface StepEstimate<S extends MethodState = MethodState> {
  /** G = Σ coefficient·v(stream): the step goes along −G. Float64, before the learning rate. */
  terms: readonly { stream: bigint; coefficient: number }[];
  /** Added to G, where the objective has a gradient. Default: nothing. */
  vector?: Float64Array;
  /** What becomes of the curvature after the step (`Update.curvature`). Default: it stays. */
  curvature?: { keep: number; weights: readonly number[] };
  /** The rate that a method measured, and has multiplied G by: the decay of the weights is by it, too. Default 1. */
  rate?: number;
  /** Mean of the losses; only shown. */
  meanLoss: number;
  /** Scalars by the names of {@link Method.diagnostics}. */
  diagnostics: Readonly<Record<string, number>>;
  /** State for the next step. Default: as it was. */
  state?: S;
}

/** How a scalar of a step is shown. */
export interface Diagnostic {
  /** Title of its chart. */
  title: string;
  /** Explanation beside its chart, a sentence or two. */
  words: string;
  /** Name in the line of progress. Default: it is not there. */
  brief?: string;
  /** Whether it is shown as a share of the step's forwards. Default false. */
  perForward?: boolean;
  /** Whether the report draws it. Default true. */
  chart?: boolean;
}

/** A fault of options that fit by themselves, but not together. */
export interface Conflict {
  /** Name of the option to change. */
  option: string;
  /** Value that it should have, as in "estimator is beale; expected naive with sides one". */
  expected: string;
  /** Code of the error in a program. Default: that of the option. */
  code?: ErrorCode;
}

/** Medians of a run's first steps, for a method to judge its settings by. */
export interface FirstSteps {
  /** Gives the median of a diagnostic over those steps. */
  median(diagnostic: string): number;
}

/**
 * A method: which options it has, which losses a step asks for, and the direction that it makes of them.
 * Everything else (the loop, the schedule, configurations, charts, budgets) asks the method. {@link defineMethod} has
 * an example.
 */
export interface Method<Shape extends z.ZodRawShape = z.ZodRawShape, S extends MethodState = MethodState> {
  /** Name that configurations give: `zest`, say. */
  name: string;
  /** Name in tables: `ZEST`, say. */
  title: string;
  /** Schemas of the options beside those that all methods have, with defaults and descriptions. */
  options: Shape;
  /** Lists what is wrong between options. */
  conflicts?(options: MethodOptions<Shape>): Conflict[];
  /** Metric of the directions: `curvature` takes v/√H for v, H the objective's state. Default: none. */
  metric?: 'curvature';
  /** Counts the directions that a step draws. */
  streams(options: MethodOptions<Shape>): number;
  /**
   * Counts the forward passes of a batch that a step takes, on average over steps; all training data are so many batches,
   * 1 if nothing is said.
   */
  forwards(options: MethodOptions<Shape>, batches?: number): number;
  /** Counts those of a run's first steps together, where steps differ. Default: so many times `forwards`. */
  forwardsOfFirst?(options: MethodOptions<Shape>, steps: number, batches?: number): number;
  /** Makes the state before the first step. Default: none. */
  initialState?(options: MethodOptions<Shape>): S;
  /** Schemas of the values of a state, which a restored one is held to. Default: the kinds of those of the first. */
  stateShape?: z.ZodRawShape;
  /**
   * Takes a step: yields a {@link Round} and is given its losses or gradient; may yield another round, and returns the
   * direction. Coefficients of a round are those of the losses alone, so that a log of updates is all of a run.
   */
  estimate(options: MethodOptions<Shape>, context: StepContext<S>): Generator<Round, StepEstimate<S>, Float64Array>;
  /** Scalars that a step reports, by name. */
  diagnostics: Readonly<Record<string, Diagnostic>>;
  /** Lists the settings that are known not to work, as a run's first steps show them. */
  warnings?(options: MethodOptions<Shape>, steps: FirstSteps): { code: string; message: string }[];
}

/** A method's own options, then those that all have and it does not say otherwise. */
type WithStepLength<Shape extends z.ZodRawShape> = Shape & Omit<typeof stepLength, keyof Shape>;

/** Options of a method with every default filled in, those of the step's length among them. */
export type MethodOptions<Shape extends z.ZodRawShape> = z.output<z.ZodObject<WithStepLength<Shape>>> & {
  /** Steps of the run, where they are known. */
  totalSteps?: number;
};

/** Options as a program gives them: those with a default may be absent. */
export type MethodInput<Shape extends z.ZodRawShape> = z.input<z.ZodObject<WithStepLength<Shape> & typeof inPrograms>>;

/** Options as a configuration gives them. */
export type ConfigurationInput<Shape extends z.ZodRawShape> = z.input<z.ZodObject<WithStepLength<Shape>>>;

/** What a method has at least, and of what type. */
const PARTS = {
  name: 'string',
  options: 'object',
  diagnostics: 'object',
  streams: 'function',
  forwards: 'function',
  estimate: 'function',
};

/** What it may have beside. */
const MORE: Record<Exclude<keyof Method, keyof typeof PARTS>, true> = {
  title: true,
  conflicts: true,
  metric: true,
  forwardsOfFirst: true,
  initialState: true,
  stateShape: true,
  warnings: true,
};

/** All that a method may have. */
const parts = z.strictObject(
  Object.fromEntries([...Object.keys(PARTS), ...Object.keys(MORE)].map((part) => [part, given])),
);

/**
 * Checks that a value is a method.
 *
 * @throws ERR_ZEST_OPTION
 */
export const assertMethod = (value: unknown, name: string): void => {
  readArgument(name, () => {
    const method = Object(value) as Record<string, unknown>;
    for (const [part, type] of Object.entries(PARTS)) {
      if (typeof method[part] === type && method[part] !== null) continue;
      const found = part in method ? `its ${part} is ${show(method[part])}` : `it has no ${part}`;
      throw new ZestError('ERR_ZEST_OPTION', `${name} is none: ${found}; expected what defineMethod returns`);
    }
    checkOptions(parts, { ...method }, name);
    for (const [option, schema] of Object.entries(method.options as object)) {
      if (typeof (schema as z.ZodType | undefined)?.safeParse === 'function') continue;
      throw new ZestError('ERR_ZEST_OPTION', `${name}: its option ${option} is ${show(schema)}; expected a zod schema`);
    }
  });
};

/**
 * Gives a method the types of its own options.
 *
 * @example
 * import { createOptimizer, defineMethod, vectorObjective, z } from 'node-zest';
 * const halves = defineMethod({
 *   name: 'halves',
 *   title: 'One-sided differences',
 *   options: { rho: z.number().positive().default(1e-3).describe('perturbation scale') },
 *   streams: () => 1,
 *   forwards: () => 2,
 *   diagnostics: {},
 *   *estimate({ rho }, { streams: [stream] }) {
 *     const [at, ahead] = yield [[], { stream, scale: rho }];
 *     return { terms: [{ stream, coefficient: (ahead - at) / rho }], meanLoss: at, diagnostics: {} };
 *   },
 * });
 * const bowl = vectorObjective(([x]) => x * x, [3]);
 * const { meanLoss } = await createOptimizer(halves, { learningRate: 0.1 }).step(bowl);
 * console.log(meanLoss); // 9
 *
 * @throws ERR_ZEST_OPTION for what is no method
 * @function
 */
export const defineMethod = withoutOptions(
  <Shape extends z.ZodRawShape, S extends MethodState>(method: Method<Shape, S>): Method<Shape, S> => {
    assertMethod(method, 'method');
    return method;
  },
);

/** A method whose options are not known here. */
// biome-ignore lint/suspicious/noExplicitAny: a method's options are its own business.
export type AnyMethod = Method<any, any>;

const refuseConflicts =
  (method: Pick<AnyMethod, 'conflicts'>) =>
  ({ value, issues }: z.core.ParsePayload<Record<string, unknown>>): void => {
    for (const { option, expected, code } of method.conflicts?.(value as MethodOptions<z.ZodRawShape>) ?? []) {
      issues.push({ code: 'custom', path: [option], message: expected, input: value[option], params: { code } });
    }
  };

/** A method's own options, then those that all have, unless its own has another default for one of them. */
const allOptions = <Shape extends z.ZodRawShape>({ options }: { options: Shape }) => ({
  ...options,
  ...stepLength,
  ...(options as Shape & Partial<typeof stepLength>),
});

/** A learning rate in a configuration: of most methods it has no default. */
const learningRateOf = ({ options }: AnyMethod) =>
  options.learningRate ?? positive().describe(stepLength.learningRate.description ?? '');

/** The options of a method in a configuration, with `method`, its name. */
export const configurationSchema = (method: AnyMethod, name: string = method.name) =>
  z
    .strictObject({
      method: z.literal(name).describe(`the method: ${method.title}`),
      ...allOptions(method),
      learningRate: learningRateOf(method),
    })
    .check(refuseConflicts(method));

/** The options of a method in a program. */
export const programSchema = <Shape extends z.ZodRawShape>(method: Pick<AnyMethod, 'conflicts'> & { options: Shape }) =>
  z.strictObject({ ...allOptions(method), ...inPrograms }).check(refuseConflicts(method));
