import { createHash } from 'node:crypto';
import { throwIfAborted, unlessAborted } from '../abort.ts';
import { rangeError, typeError, ZestError } from '../errors.ts';
import { mean } from '../numbers/statistics.ts';
import type {
  CallOptions,
  DirectionOptions,
  Directions,
  EvaluationOptions,
  Objective,
  Perturbation,
} from '../objective.ts';
import { assertPath, given, optionsOf } from '../options/calls.ts';
import { withoutMoreOptions } from '../options/no-options.ts';
import { directionOptions, evaluationOptions } from '../options/objective-calls.ts';
import { isList, readArgument } from '../options/reading.ts';
import type { LoggedTensor } from '../runs/logged.ts';
import { listed, show } from '../text/show.ts';
import { assertVersion } from './at-version.ts';
import { assertPlain, checkedPoints, checkedStream, nativeDirections, nativeUpdate } from './directions.ts';
import { drawDirection } from './draw.ts';
import { fma32 } from './fused-multiply-add.ts';
import { checkedPart, type Part } from './part.ts';
import { pointName } from './point-name.ts';
import { readValues, writeTensors } from './tensor-file.ts';
import { type Parameter, placedTensors, type Tensor } from './tensors.ts';
import { turns } from './turns.ts';

/** Values of a black box's tensors by name, in row-major order. */
export type Values<Name extends string = string> = Readonly<Record<Name, Float32Array>>;

/** What a black box is made of. */
export interface BlackBoxOptions<B, Name extends string = string> {
  /**
   * Tensors by name: a shape, which starts at zeros; a `Float32Array`, a vector's values; or `{ shape, data, frozen,
   * decays }`.
   */
  parameters: Readonly<Record<Name, Parameter>>;
  /**
   * Computes the loss of a batch at values of the tensors, which are its own to keep or to change: a number, or the loss
   * of each example, whose mean is the loss.
   */
  evaluate(values: Values<Name>, batch: B, call: CallOptions): Loss | PromiseLike<Loss>;
  /** What v(stream) is in calls that do not say otherwise. Default: seed 0, law `gaussian`. */
  directions?: Partial<Directions>;
}

type Loss = number | ArrayLike<number>;

/** Any code as an objective: it is given named tensors, and gives a loss. */
export interface BlackBox<B> extends Objective<B> {
  /** Names of the tensors that are trained, in canonical order. */
  readonly trainableNames: readonly string[];
  /**
   * All tensors in canonical order: name, shape, whether updates move it, and whether weight decay does. A shape of more
   * than two dimensions is that of the matrix that it counts as.
   */
  readonly parameters: readonly LoggedTensor[];
  /**
   * Computes the loss of each example at each point, of an `evaluate` that gives them.
   *
   * @throws ERR_ZEST_UNSUPPORTED if it gives one number
   */
  sequenceLosses(
    batch: B,
    points: Parameters<Objective<B>['evaluate']>[1],
    options?: EvaluationOptions,
  ): Promise<Float64Array[]>;
  /**
   * Computes the part of v(stream) that a tensor has; zeros if it is frozen.
   *
   * @throws ERR_ZEST_PARAMETER for a name that there is not
   */
  direction(stream: bigint, name: string, options?: DirectionOptions): Promise<Float32Array>;
  /**
   * Copies the values of a tensor.
   *
   * @throws ERR_ZEST_PARAMETER for a name that there is not
   */
  parameter(name: string): Promise<Float32Array>;
  /**
   * Hashes the trained tensors, or the frozen ones, as `Model.digest` does: equal digests are equal values, bit for bit.
   * What is frozen of an ONNX model is its file.
   *
   * @param part default `trainable`
   * @throws ERR_ZEST_OPTION
   */
  digest(part?: Part): Promise<string>;
  /**
   * Writes all tensors as a safetensors file.
   *
   * @throws ERR_ZEST_FILE
   */
  save(file: string): Promise<void>;
  /**
   * Reads the values of all tensors from a safetensors file, as {@link save} writes it; counts as an update.
   *
   * @throws ERR_ZEST_FILE, ERR_ZEST_SAFETENSORS, ERR_ZEST_TENSOR_MISSING, ERR_ZEST_TENSOR_SHAPE, ERR_ZEST_TENSOR_DTYPE or
   * ERR_ZEST_TENSOR_VALUE
   */
  load(file: string): Promise<void>;
}

const boxOptions = optionsOf<BlackBoxOptions<unknown>>({ parameters: given, evaluate: given, directions: given });

const nameOf = (point: readonly Perturbation[]): string => pointName(point, 'the parameters themselves');

const wholeOnly = () =>
  new ZestError(
    'ERR_ZEST_UNSUPPORTED',
    'evaluate gives the loss of the whole batch; expected an array with the loss of each example',
  );

/** The losses that `evaluate` gave, and whether they are those of examples. */
const checkedLosses = (given: unknown, where: string): { losses: number[]; ofExamples: boolean } => {
  const ofExamples = typeof given !== 'number';
  if (ofExamples && !isList(given)) {
    throw typeError(
      'ERR_ZEST_ARGUMENT',
      `evaluate gave ${show(given)} at ${where}; expected a number, or an array with the loss of each example`,
    );
  }
  const losses = ofExamples ? Array.from(given as ArrayLike<number>) : [given as number];
  if (losses.length === 0)
    throw typeError('ERR_ZEST_ARGUMENT', `evaluate gave no losses at ${where}; expected one of each example`);
  for (const [i, loss] of losses.entries()) {
    const name = ofExamples ? `the loss of example ${i}` : 'the loss';
    if (typeof loss !== 'number')
      throw typeError('ERR_ZEST_ARGUMENT', `${name} at ${where} is ${show(loss)}; expected a number`);
    if (!Number.isFinite(loss))
      throw new ZestError('ERR_ZEST_LOSS_NOT_FINITE', `${name} at ${where} is ${loss}; the parameters are unchanged`);
  }
  return { losses, ofExamples };
};

/**
 * Makes an objective of any code that takes named tensors: a program, a simulator, another engine. Its perturbed values
 * and its updates have the bits that the engine gives a float32 model of parameters with these names and shapes
 * (docs/noise.md), so that a log replays on it anywhere. A tensor of three dimensions or more counts as the matrix of
 * its first dimension by the others.
 *
 * `evaluate` is called once for each point, in order, one call at a time, with arrays of its own. Calls take effect in
 * call order: one of the box that its own `evaluate` awaits would wait for ever.
 *
 * @example
 * import { blackBox, mezo } from 'node-zest';
 * const line = blackBox({
 *   parameters: { slope: [1], offset: [1] },
 *   evaluate: ({ slope, offset }, points) => points.map(([x, y]) => (slope[0] * x + offset[0] - y) ** 2),
 * });
 * const optimizer = mezo({ learningRate: 0.05 });
 * for (let step = 0; step < 300; step++) await optimizer.step(line, [[0, 1], [1, 3], [2, 5]]);
 * const [slope] = await line.parameter('slope');
 * console.log(slope.toFixed(1)); // 2.0
 *
 * @throws ERR_ZEST_ARGUMENT for what is no function or no tensors, ERR_ZEST_DIRECTIONS; its calls reject with
 * ERR_ZEST_LOSS_NOT_FINITE naming the stream, ERR_ZEST_VERSION, or what `evaluate` throws
 */
export const blackBox = <B = void, Name extends string = string>(options: BlackBoxOptions<B, Name>): BlackBox<B> => {
  const { parameters, evaluate: lossOf, directions: own } = boxOptions(options ?? ({} as never));
  if (typeof lossOf !== 'function')
    throw typeError('ERR_ZEST_ARGUMENT', `evaluate is ${show(lossOf)}; expected a function of named tensors`);
  const evaluateAll: PointsOptions<B, Name>['evaluateAll'] = async ([values], batch, call) => [
    await lossOf(values as Values<Name>, batch, call),
  ];
  return boxOfPoints({ parameters, directions: own, pointsAtOnce: 1, evaluateAll });
};

/** What a black box is made of whose code takes several points at once. */
interface PointsOptions<B, Name extends string> extends Pick<BlackBoxOptions<B, Name>, 'parameters' | 'directions'> {
  /** Most points of a call. */
  pointsAtOnce: number;
  /** Computes what `evaluate` does at each of the points. */
  evaluateAll(points: readonly Values<Name>[], batch: B, call: CallOptions): Promise<readonly Loss[]>;
}

/** Makes a {@link blackBox} of code that takes several points at once. */
export const boxOfPoints = <B, Name extends string>({
  parameters,
  directions: own,
  pointsAtOnce,
  evaluateAll,
}: PointsOptions<B, Name>): BlackBox<B> => {
  const defaults: Directions = { seed: 0, law: 'gaussian', ...readArgument('directions', () => ({ ...own })) };
  nativeDirections(defaults);
  const tensors = placedTensors(parameters);
  const trained = tensors.filter(({ frozen }) => !frozen);
  const { inTurn } = turns();
  let version = 0n;

  const named = (name: string): Tensor => {
    const found = tensors.find((tensor) => tensor.name === name);
    if (found) return found;
    const names = listed(tensors.map((tensor) => tensor.name));
    throw rangeError('ERR_ZEST_PARAMETER', `there is no parameter ${show(name)}; expected one of ${names}`);
  };

  /** v(stream) under checked directions; the last one is kept, since points come in pairs. */
  const drawer = (directions: Directions): ((stream: bigint) => Map<Tensor, Float32Array>) => {
    const checked = nativeDirections(directions);
    assertPlain({}, checked);
    let last: { stream: bigint; v: Map<Tensor, Float32Array> } | undefined;
    return (stream) => {
      if (last?.stream !== stream) {
        const parts = drawDirection(trained, { ...checked, stream });
        last = { stream, v: new Map(trained.map((tensor, i) => [tensor, parts[i]!])) };
      }
      return last.v;
    };
  };

  const valuesAt = (point: readonly Perturbation[], direction: ReturnType<typeof drawer>): Values<Name> => {
    const at = new Map(tensors.map((tensor) => [tensor, tensor.values.slice()]));
    for (const { stream, scale } of point) {
      for (const [tensor, v] of direction(stream)) {
        const values = at.get(tensor)!;
        for (let j = 0; j < v.length; j++) values[j] = fma32(scale, v[j]!, values[j]!);
      }
    }
    return Object.fromEntries([...at].map(([{ name }, values]) => [name, values])) as Values<Name>;
  };

  const lossesAt = async (
    batch: B,
    points: Parameters<Objective<B>['evaluate']>[1],
    options: EvaluationOptions | undefined,
    { ofEach = false } = {},
  ): Promise<ReturnType<typeof checkedLosses>[]> => {
    const { signal, atVersion, directions = defaults } = evaluationOptions(options);
    throwIfAborted(signal);
    const terms = checkedPoints(points);
    const direction = drawer(directions);
    return await inTurn(async () => {
      assertVersion(atVersion, version, 'the parameters are');
      const all: ReturnType<typeof checkedLosses>[] = [];
      for (let from = 0; from < terms.length; from += pointsAtOnce) {
        throwIfAborted(signal);
        const points = terms.slice(from, from + pointsAtOnce);
        const values = points.map((point) => valuesAt(point, direction));
        const given = await unlessAborted(evaluateAll(values, batch, { signal }), signal);
        for (const [p, point] of points.entries()) {
          all.push(checkedLosses(given[p], nameOf(point)));
          // Said after the first points, since a box may be slow.
          if (ofEach && !all.at(-1)!.ofExamples) throw wholeOnly();
          const [first, latest] = [all[0]!.losses.length, all.at(-1)!.losses.length];
          if (latest !== first) {
            const message = `evaluate gave ${latest} losses at ${nameOf(point)}; expected ${first}, as at the first point`;
            throw typeError('ERR_ZEST_ARGUMENT', message);
          }
        }
      }
      return all;
    });
  };

  return withoutMoreOptions({
    dimension: trained.reduce((sum, { values }) => sum + values.length, 0),
    trainableNames: trained.map(({ name }) => name),
    parameters: tensors.map(({ name, isMatrix, rows, columns, frozen, decays }) => ({
      name,
      shape: isMatrix ? [rows, columns] : [columns],
      trainable: !frozen,
      decays,
    })),
    get version() {
      return version;
    },

    async evaluate(batch, points, options) {
      const all = await lossesAt(batch, points, options);
      return Float64Array.from(all, ({ losses }) => (losses.length === 1 ? losses[0]! : mean(losses)));
    },

    async sequenceLosses(batch, points, options) {
      const all = await lossesAt(batch, points, options, { ofEach: true });
      return all.map(({ losses }) => Float64Array.from(losses));
    },

    async apply(update, options) {
      const { signal, directions = defaults } = directionOptions(options);
      throwIfAborted(signal);
      const checked = nativeUpdate(update);
      assertPlain(checked, {});
      const { decay, streams, coefficients } = checked;
      const direction = drawer(directions);
      return await inTurn(async () => {
        throwIfAborted(signal);
        const moves = new Map(
          trained.map((tensor) => {
            const share = tensor.decays ? decay : 0;
            return [tensor, tensor.values.map((value) => share * value)];
          }),
        );
        for (const [i, stream] of streams.entries()) {
          for (const [tensor, v] of direction(stream)) {
            const g = moves.get(tensor)!;
            for (let j = 0; j < v.length; j++) g[j] = fma32(coefficients[i]!, v[j]!, g[j]!);
          }
        }
        for (const [{ values }, g] of moves) for (let j = 0; j < g.length; j++) values[j] = values[j]! - g[j]!;
        version++;
      });
    },

    async direction(stream, name, options) {
      const { signal, directions = defaults } = directionOptions(options);
      throwIfAborted(signal);
      const tensor = named(name);
      const v = drawer(directions)(checkedStream(stream, 'stream')).get(tensor);
      return v ?? new Float32Array(tensor.values.length);
    },

    async parameter(name) {
      const { values } = named(name);
      return await inTurn(async () => values.slice());
    },

    async digest(part) {
      const isFrozen = checkedPart(part) === 'frozen';
      return await inTurn(async () => {
        const hash = createHash('sha256');
        for (const { name, isMatrix, rows, columns, values, frozen } of tensors) {
          if (frozen !== isFrozen) continue;
          hash.update(`${name}\0F32\0${isMatrix ? `${rows},${columns}` : columns}\0`);
          hash.update(new Uint8Array(values.buffer));
        }
        return `sha256:${hash.digest('hex')}`;
      });
    },

    async save(file) {
      assertPath(file, 'file');
      return await inTurn(() => writeTensors(file, tensors));
    },

    async load(file) {
      assertPath(file, 'file');
      return await inTurn(async () => {
        const read = await readValues(file, tensors);
        for (const [i, { values }] of tensors.entries()) values.set(read[i]!);
        version++;
      });
    },
  });
};
