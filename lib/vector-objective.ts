import { throwIfAborted } from './abort.ts';
import { checkedPoints, checkedStream, nativeDirections, nativeUpdate } from './directions.ts';
import { rangeError, typeError, ZestError } from './errors.ts';
import { native } from './native/load.ts';
import type { DirectionOptions, Directions, EvaluationOptions, Objective, Perturbation } from './objective.ts';
import { given, optionsOf, signal } from './options/calls.ts';
import { show } from './show.ts';

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
}

const vectorOptions = optionsOf<{ directions?: Partial<Directions> }>({ directions: given });
const evaluationOptions = optionsOf<EvaluationOptions>({
  signal,
  directions: given,
  atVersion: given,
  microBatch: given,
});
const directionOptions = optionsOf<DirectionOptions>({ signal, directions: given });

const checkedStart = (x0: ArrayLike<number>): Float64Array => {
  if (typeof x0 !== 'object' || !Number.isSafeInteger(x0?.length) || x0.length === 0)
    throw typeError('ERR_ZEST_ARGUMENT', `x0 is ${show(x0)}; expected an array of numbers`);
  return Float64Array.from(x0, (value, i) => {
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw rangeError('ERR_ZEST_ARGUMENT', `x0[${i}] is ${show(value)}; expected a finite number`);
  });
};

/**
 * Makes an objective of a function of a vector, synchronous or not. Everything is computed in float64 from float32
 * directions: a point is x + Σ float32(scale)·v(stream), and an update
 * g = decay·x; g += coefficientᵢ·v(streamᵢ) in order; x −= g. The noise is that of a model whose only parameter is one
 * vector, so that `lowRank` directions are Gaussian.
 *
 * `f` gets a vector of its own at each call. Calls take effect in call order, one evaluation at a time.
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
  options?: { directions?: Partial<Directions> },
): VectorObjective => {
  if (typeof f !== 'function') throw typeError('ERR_ZEST_ARGUMENT', `f is ${show(f)}; expected a function of a vector`);
  const x = checkedStart(x0);
  let version = 0n;
  let previous: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(call: () => Promise<T>): Promise<T> => {
    const result = previous.then(call);
    previous = result.catch(() => {});
    return result;
  };

  const lossAt = async (
    point: readonly Perturbation[],
    direction: (stream: bigint) => Float32Array,
  ): Promise<number> => {
    const at = x.slice();
    for (const { stream, scale } of point) {
      const v = direction(stream);
      for (let j = 0; j < at.length; j++) at[j] = (at[j] as number) + scale * (v[j] as number);
    }
    const loss = await f(at);
    if (typeof loss !== 'number')
      throw typeError('ERR_ZEST_ARGUMENT', `f returned a ${typeof loss}; expected a number`);
    if (Number.isFinite(loss)) return loss;
    const where = point[0] ? `the point of stream ${point[0].stream}` : 'x itself';
    throw new ZestError('ERR_ZEST_LOSS_NOT_FINITE', `the loss at ${where} is ${loss}; x is unchanged`);
  };

  const own: Directions = { seed: 0, law: 'gaussian', ...vectorOptions(options).directions };
  nativeDirections(own);
  const objective: VectorObjective = {
    x,
    dimension: x.length,
    trainableNames: ['x'],
    get version() {
      return version;
    },

    async evaluate(batch, points, options) {
      // Options in its place would be ignored.
      if (batch !== undefined)
        throw typeError('ERR_ZEST_ARGUMENT', `batch is ${show(batch)}; expected undefined, for a function has none`);
      const { signal, atVersion, directions = own } = evaluationOptions(options);
      throwIfAborted(signal);
      const terms = checkedPoints(points);
      const direction = drawer(directions, x.length);
      return inTurn(async () => {
        if (atVersion !== undefined && atVersion !== version) {
          const message = `the evaluation was asked for at version ${atVersion}, but x is at version ${version}`;
          throw new ZestError('ERR_ZEST_VERSION', message);
        }
        const losses = new Float64Array(terms.length);
        for (const [p, point] of terms.entries()) {
          throwIfAborted(signal);
          losses[p] = await lossAt(point, direction);
        }
        return losses;
      });
    },

    async direction(stream, name = 'x', options) {
      const { directions = own } = directionOptions(options);
      if (name !== 'x')
        throw rangeError('ERR_ZEST_PARAMETER', `there is no parameter ${show(name)}; the only one is 'x'`);
      return drawer(directions, x.length)(checkedStream(stream, 'stream'));
    },

    async apply(update, options) {
      const { signal, directions = own } = directionOptions(options);
      throwIfAborted(signal);
      const { decay, streams, coefficients } = nativeUpdate(update);
      const direction = drawer(directions, x.length);
      return inTurn(async () => {
        throwIfAborted(signal);
        const g = x.map((value) => decay * value);
        for (const [i, stream] of streams.entries()) {
          const v = direction(stream);
          const a = coefficients[i] as number;
          for (let j = 0; j < g.length; j++) g[j] = (g[j] as number) + a * (v[j] as number);
        }
        for (let j = 0; j < g.length; j++) x[j] = (x[j] as number) - (g[j] as number);
        version++;
      });
    },
  };
  return objective;
};

/** v(stream) of a vector under checked directions; the last one is kept, since points come in pairs. */
const drawer = (directions: Directions, length: number): ((stream: bigint) => Float32Array) => {
  const checked = nativeDirections(directions);
  let last: { stream: bigint; v: Float32Array } | undefined;
  return (stream) => {
    if (last?.stream !== stream) last = { stream, v: native().vectorDirection(checked, stream, length) };
    return last.v;
  };
};
