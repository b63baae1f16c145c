import { throwIfAborted, unlessAborted } from '../abort.ts';
import { rangeError, typeError, ZestError } from '../errors.ts';
import { native } from '../native/load.ts';
import type {
  DirectionOptions,
  Directions,
  Displacement,
  Objective,
  Perturbation,
  Point,
  StateName,
  Update,
} from '../objective.ts';
import { given, optionsOf } from '../options/calls.ts';
import { withoutMoreOptions } from '../options/no-options.ts';
import { assertStateValues, directionOptions, evaluationOptions, gradientOptions } from '../options/objective-calls.ts';
import { checkedList, readArgument } from '../options/reading.ts';
import { show } from '../text/show.ts';
import { assertVersion } from './at-version.ts';
import {
  checkedStream,
  checkedTerms,
  checkedVectorTerms,
  nativeDirections,
  nativeUpdate,
  vectorUpdate,
} from './directions.ts';
import { pointName } from './point-name.ts';
import { turns } from './turns.ts';
import { assertState, VectorState } from './vector-state.ts';

/** A function of a vector as an objective. */
export interface VectorObjective extends Objective<void> {
  /** The vector θ itself, in float64, which only `apply` changes. */
  readonly x: Float64Array;
  /** Names of the parameters: the vector counts as one, `x`. */
  readonly trainableNames: readonly ['x'];
  /**
   * Computes the direction v(stream).
   *
   * @throws ERR_ZEST_PARAMETER for another name than `x`
   */
  direction(stream: bigint, name?: string, options?: DirectionOptions): Promise<Float32Array>;
  /** Names of the state that updates have made so far. */
  readonly stateNames: readonly StateName[];
  /**
   * Copies the state of that name, of the parameter `x`.
   *
   * @throws ERR_ZEST_PARAMETER where no update has made it
   */
  state(name: StateName, parameter?: string): Promise<Float64Array>;
  /**
   * Puts values in the place of that state, as after a stop.
   *
   * @throws ERR_ZEST_PARAMETER for a name that is none, ERR_ZEST_ARGUMENT for values that do not fit
   */
  restoreState(name: StateName, parameter: string, values: ArrayLike<number>): Promise<void>;
}

/** Options of {@link vectorObjective}. */
export interface VectorObjectiveOptions {
  /** Seed and law of its directions. Default `{ seed: 0, law: 'gaussian' }`. */
  directions?: Partial<Directions>;
  /** The gradient of `f`, for the methods that use one: gets a vector of its own, returns one as long. */
  gradient?: (x: Float64Array) => ArrayLike<number> | Promise<ArrayLike<number>>;
}

const vectorOptions = optionsOf<VectorObjectiveOptions>({ directions: given, gradient: given });

/** Options in the place of a batch would be ignored. */
const assertNoBatch = (batch: unknown): void => {
  if (batch !== undefined)
    throw typeError('ERR_ZEST_ARGUMENT', `batch is ${show(batch)}; expected undefined, for a function has none`);
};

/** Numbers of the curvature's update, one weight a term. */
const checkedCurvature = (update: Update): Update['curvature'] => readArgument('update', () => readCurvature(update));

const readCurvature = ({ curvature, terms }: Update): Update['curvature'] => {
  if (curvature === undefined) return undefined;
  const { keep, weights } = Object(curvature) as { keep?: unknown; weights?: unknown };
  const fits = Array.isArray(weights) && weights.length === terms?.length;
  if (fits && [keep, ...weights].every((value) => Number.isFinite(value) && (value as number) >= 0)) return curvature;
  const expected = '{ keep, weights } of numbers ≥ 0, one weight a term';
  throw rangeError('ERR_ZEST_UPDATE', `update.curvature is ${show(curvature)}; expected ${expected}`);
};

const checkedNumbers = (values: ArrayLike<number>, name: string): Float64Array => {
  const each = (value: unknown, place: string): number => {
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw rangeError('ERR_ZEST_ARGUMENT', `${place} is ${show(value)}; expected a finite number`);
  };
  const list = checkedList(values, { name, code: 'ERR_ZEST_ARGUMENT', expected: 'an array of numbers', each });
  if (list.length > 0) return Float64Array.from(list);
  throw typeError('ERR_ZEST_ARGUMENT', `${name} is ${show(values)}; expected an array of numbers`);
};

/**
 * Makes an objective of a function of a vector, synchronous or not. Everything is computed in float64 from float32
 * directions: a point is x + Σ float32(scale)·v(stream), and a plain update
 * g = decay·x; g += coefficientᵢ·v(streamᵢ) in order; x −= g. The noise is that of a model whose only parameter is one
 * vector; it has no directions of low rank.
 *
 * `f` gets a vector of its own at each call, and so does `gradient`, which methods with gradients ask. The rules of
 * updates are those of {@link UpdateRule} in float64, element by element. Calls take effect in call order, one
 * evaluation at a time.
 *
 * @example
 * import { nspsa, vectorObjective } from 'node-zest';
 * const bowl = vectorObjective(([x, y]) => (x - 1) ** 2 + (y + 2) ** 2, [0, 0]);
 * const optimizer = nspsa({ learningRate: 0.1 });
 * for (let step = 0; step < 100; step++) await optimizer.step(bowl);
 * console.log(bowl.x.map(Math.round)); // Float64Array(2) [ 1, -2 ]
 *
 * @throws ERR_ZEST_ARGUMENT for what is no function or no vector, ERR_ZEST_DIRECTIONS; its calls reject with
 * ERR_ZEST_LOSS_NOT_FINITE naming the stream, ERR_ZEST_VERSION, or what `f` throws
 */
export const vectorObjective = (
  f: (x: Float64Array) => number | Promise<number>,
  x0: ArrayLike<number>,
  options?: VectorObjectiveOptions,
): VectorObjective => {
  if (typeof f !== 'function') throw typeError('ERR_ZEST_ARGUMENT', `f is ${show(f)}; expected a function of a vector`);
  const x = checkedNumbers(x0, 'x0');
  const state = new VectorState(x);
  let version = 0n;
  const { inTurn } = turns();

  const moved = (
    point: readonly (Perturbation | Displacement)[],
    direction: (stream: bigint) => Float32Array | Float64Array,
  ): Float64Array => {
    const at = x.slice();
    for (const term of point) {
      const v = 'stream' in term ? direction(term.stream) : term.vector;
      for (let j = 0; j < at.length; j++) at[j] = at[j]! + term.scale * v[j]!;
    }
    return at;
  };

  const lossAt = async (
    point: readonly (Perturbation | Displacement)[],
    direction: (stream: bigint) => Float32Array | Float64Array,
    signal: AbortSignal | undefined,
  ): Promise<number> => {
    const loss = await unlessAborted(f(moved(point, direction)), signal);
    if (typeof loss !== 'number') throw typeError('ERR_ZEST_ARGUMENT', `f returned ${show(loss)}; expected a number`);
    if (Number.isFinite(loss)) return loss;
    throw new ZestError(
      'ERR_ZEST_LOSS_NOT_FINITE',
      `the loss at ${pointName(point, 'x itself')} is ${loss}; x is unchanged`,
    );
  };

  /** v(stream) under checked directions, divided by the root of the curvature if they say so. */
  const drawn = ({ metric, ...raw }: Directions): ((stream: bigint) => Float32Array | Float64Array) => {
    if (metric !== undefined && metric !== 'curvature')
      throw rangeError('ERR_ZEST_DIRECTIONS', `metric is ${show(metric)}; expected curvature, or none`);
    const direction = drawer(raw, x.length);
    if (metric === undefined) return direction;
    return (stream) => {
      const curvature = state.get('curvature');
      return Float64Array.from(direction(stream), (value, j) => value / Math.sqrt(curvature?.[j] ?? 1));
    };
  };

  const { gradient, directions } = vectorOptions(options);
  if (gradient !== undefined && typeof gradient !== 'function')
    throw typeError('ERR_ZEST_ARGUMENT', `gradient is ${show(gradient)}; expected a function of a vector`);
  const checkedPoint = (point: Point, name: string): (Perturbation | Displacement)[] =>
    gradient ? checkedVectorTerms(point, name, x.length) : checkedTerms(point, name);
  const own: Directions = { seed: 0, law: 'gaussian', ...readArgument('directions', () => ({ ...directions })) };
  drawn(own);
  const objective: VectorObjective = {
    x,
    dimension: x.length,
    trainableNames: ['x'],
    get version() {
      return version;
    },

    async evaluate(batch, points, options) {
      assertNoBatch(batch);
      const { signal, atVersion, directions = own } = evaluationOptions(options);
      throwIfAborted(signal);
      const list = { name: 'points', code: 'ERR_ZEST_POINT', expected: 'an array of points' } as const;
      const terms = checkedList(points, { ...list, each: (point, name) => checkedPoint(point as Point, name) });
      const direction = drawn(directions);
      return await inTurn(async () => {
        assertVersion(atVersion, version, 'x is');
        const losses = new Float64Array(terms.length);
        for (const [p, point] of terms.entries()) {
          throwIfAborted(signal);
          losses[p] = await lossAt(point, direction, signal);
        }
        return losses;
      });
    },

    async direction(stream, name, options) {
      const { signal, directions = own } = directionOptions(options);
      throwIfAborted(signal);
      if (name !== undefined && name !== 'x')
        throw rangeError('ERR_ZEST_PARAMETER', `there is no parameter ${show(name)}; the only one is 'x'`);
      return Float32Array.from(drawn(directions)(checkedStream(stream, 'stream')));
    },

    async apply(update, options) {
      const { signal, directions = own } = directionOptions(options);
      throwIfAborted(signal);
      const { curvature: _, ...rest } = readArgument('update', () => ({ ...Object(update) }) as Update);
      const { update: checked, vector } = gradient
        ? vectorUpdate(rest, x.length)
        : { update: nativeUpdate(rest), vector: undefined };
      const curvature = checkedCurvature(update);
      const { streams, coefficients } = checked;
      const isPlain = checked.rule === 'plain';
      const direction = drawn(directions);
      return await inTurn(async () => {
        throwIfAborted(signal);
        const pull = state.pull(checked);
        const g = isPlain ? pull.slice() : new Float64Array(x.length);
        for (const [i, stream] of streams.entries()) {
          const v = direction(stream);
          const a = coefficients[i]!;
          for (let j = 0; j < g.length; j++) g[j] = g[j]! + a * v[j]!;
        }
        if (vector) for (let j = 0; j < g.length; j++) g[j] = g[j]! + vector[j]!;
        const step = isPlain ? g : state.ruled(g, checked).map((value, j) => pull[j]! + value);
        for (let j = 0; j < x.length; j++) x[j] = x[j]! - step[j]!;
        if (curvature) {
          const { metric: _, ...raw } = directions;
          state.curve(curvature.keep, curvature.weights, Array.from(streams, drawer(raw, x.length)));
        }
        version++;
      });
    },

    get stateNames() {
      return state.names;
    },

    async state(name, parameter) {
      assertState(name, parameter ?? 'x');
      return await inTurn(async () => {
        const values = state.get(name);
        if (values) return values.slice();
        throw rangeError('ERR_ZEST_PARAMETER', `no update has made a state ${name}; expected one that uses it before`);
      });
    },

    async restoreState(name, parameter, values) {
      assertState(name, parameter);
      const checked = checkedNumbers(values, 'values');
      assertStateValues(name, checked);
      if (checked.length !== x.length)
        throw rangeError(
          'ERR_ZEST_ARGUMENT',
          `values has ${checked.length} numbers; expected ${x.length}, one a parameter`,
        );
      return await inTurn(async () => void state.set(name, checked));
    },
  };
  if (gradient) {
    objective.gradient = async (batch, options) => {
      assertNoBatch(batch);
      const { signal, atVersion, at = [], directions = own } = gradientOptions(options);
      throwIfAborted(signal);
      const point = checkedPoint(at, 'at');
      const direction = drawn(directions);
      return await inTurn(async () => {
        throwIfAborted(signal);
        assertVersion(atVersion, version, 'x is');
        const values = checkedNumbers(await unlessAborted(gradient(moved(point, direction)), signal), 'the gradient');
        if (values.length === x.length) return values;
        const message = `the gradient has ${values.length} values; expected ${x.length}, one a parameter`;
        throw rangeError('ERR_ZEST_ARGUMENT', message);
      });
    };
  }
  return withoutMoreOptions(objective);
};

/** v(stream) of a vector under checked directions; the last one is kept, since points come in pairs. */
const drawer = (directions: Directions, length: number): ((stream: bigint) => Float32Array) => {
  const checked = nativeDirections(directions);
  if (checked.law === 'lowRank') {
    const expected = 'gaussian, sphere or rademacher: a vector has no directions of low rank';
    throw rangeError('ERR_ZEST_DIRECTIONS', `law is ${show(directions.law)}; expected ${expected}`);
  }
  let last: { stream: bigint; v: Float32Array } | undefined;
  return (stream) => {
    if (last?.stream !== stream) last = { stream, v: native().vectorDirection(checked, stream, length) };
    return last.v;
  };
};
