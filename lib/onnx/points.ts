import { ZestError } from '../errors.ts';
import type { Values } from '../objectives/black-box.ts';
import { noise } from '../objectives/noise.ts';
import { POINTS } from './lora.ts';
import type { ValueInfo } from './nodes.ts';
import type { OnnxRuntime, OnnxTensor } from './runtime.ts';

// Several points in one run: the batch once for each point, one after another, and each point's factors beside each other.

type Tensors = Readonly<Record<string, OnnxTensor>>;

/** Data of tensors, as far as they are cut and joined here. */
interface Elements {
  readonly length: number;
  subarray(from: number, to: number): Elements;
  set(values: Elements, at: number): void;
}

const unsupported = (why: string, { cure = '', cause }: { cure?: string; cause?: unknown } = {}): ZestError => {
  const message = `pointsAtOnce: ${why}; ${cure}leave it out, so that points are computed one by one`;
  return new ZestError('ERR_ZEST_UNSUPPORTED', message, { cause });
};

/**
 * Checks that a model's inputs take batches of any size, as far as the file says.
 *
 * @throws ERR_ZEST_UNSUPPORTED for an input whose first dimension is fixed
 */
export const assertAnyBatch = (inputs: readonly ValueInfo[]): void => {
  for (const { name, sizes } of inputs) {
    if (sizes[0] === undefined) continue;
    const shape = sizes.map((size) => size ?? 'any').join(', ');
    throw unsupported(
      `input '${name}' [${shape}] has ${sizes[0]} as its first dimension always; expected any size, for it is the batch`,
      { cure: 'export the model with a dynamic one, or ' },
    );
  }
};

const repeated = (data: Elements, count: number): Elements => {
  const made = new (data.constructor as new (length: number) => Elements)(data.length * count);
  for (let i = 0; i < count; i++) made.set(data, i * data.length);
  return made;
};

const joined = (parts: readonly Float32Array[]): Float32Array => {
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
};

/** Number of examples of a batch: the first dimension of each input. */
const examplesOf = (feeds: Tensors): number => {
  const sizes = Object.values(feeds).map(({ dims }) => dims[0]);
  if (sizes[0] !== undefined && new Set(sizes).size === 1) return sizes[0];
  const shapes = Object.entries(feeds).map(([name, { dims }]) => `${name} [${dims}]`);
  throw unsupported(`the inputs ${shapes.join(', ')} do not all have the examples as their first dimension`);
};

/**
 * Computes the outputs at several points in one run.
 *
 * @param run runs the session
 * @param shapes of the factors, by name
 * @throws ERR_ZEST_UNSUPPORTED for inputs or outputs whose first dimension is not the batch
 */
export const outputsTogether = async (
  { Tensor }: OnnxRuntime,
  run: (feeds: Tensors) => Promise<Tensors>,
  shapes: ReadonlyMap<string, readonly number[]>,
  feeds: Tensors,
  points: readonly Values[],
): Promise<Tensors[]> => {
  const count = points.length;
  const examples = examplesOf(feeds);
  const tensor = (type: string, data: unknown, dims: readonly number[]) =>
    new Tensor(type as never, data as never, dims);
  const all: Record<string, OnnxTensor> = { [POINTS]: tensor('int64', BigInt64Array.of(BigInt(count)), [1]) };
  for (const [name, { type, data, dims }] of Object.entries(feeds)) {
    const [first = 0, ...rest] = dims;
    all[name] = count === 1 ? feeds[name]! : tensor(type, repeated(data as Elements, count), [count * first, ...rest]);
  }
  for (const [name, shape] of shapes) {
    all[name] = tensor('float32', joined(points.map((values) => values[name]!)), [count, ...shape]);
  }
  const outputs = Object.entries(await run(all));
  return points.map((_, p) =>
    Object.fromEntries(
      outputs.map(([name, { type, data, dims }]) => {
        const [first = 0, ...rest] = dims;
        if (first !== count * examples) {
          throw unsupported(
            `output ${name} [${dims}] does not have the ${count * examples} examples as its first dimension`,
          );
        }
        const size = (data as Elements).length / count;
        return [name, tensor(type, (data as Elements).subarray(p * size, (p + 1) * size), [examples, ...rest])];
      }),
    ),
  );
};

/** Scale of the noise that tells points apart, and the share of their distance by which a run of both may be off. */
const APART = 0.1;
const TOLERANCE = 0.02;

const distance = (a: Tensors, b: Tensors): number => {
  let squares = 0;
  for (const [name, { data }] of Object.entries(a)) {
    const others = b[name]!.data as ArrayLike<number>;
    for (const [i, value] of Array.from(data as ArrayLike<number>, Number).entries()) {
      squares += (value - Number(others[i])) ** 2;
    }
  }
  return Math.sqrt(squares);
};

/**
 * Checks that a model takes larger batches, and keeps points apart that are computed in one run, at two that are far from
 * each other.
 *
 * @param outputs computes the outputs at points in one run
 * @throws ERR_ZEST_UNSUPPORTED if it does not
 */
export const assertApart = async (
  outputs: (points: readonly Values[]) => Promise<Tensors[]>,
  shapes: ReadonlyMap<string, readonly number[]>,
): Promise<void> => {
  const point = (stream: bigint): Values =>
    Object.fromEntries(
      [...shapes].map(([name, shape]) => {
        const length = shape.reduce((product, size) => product * size, 1);
        return [name, noise({ seed: 0, stream, offset: 0, length }).map((value) => APART * value)];
      }),
    );
  const points = [point(0n), point(1n)];
  const [[first], [second]] = [await outputs([points[0]!]), await outputs([points[1]!])] as [[Tensors], [Tensors]];
  const both = await outputs(points).catch((cause) => {
    // What it does one by one, it fails on with twice the examples: a size that the graph has fixed inside.
    if (cause?.code !== 'ERR_ZEST_ONNXRUNTIME') throw cause;
    throw unsupported(`the model takes a batch, and not one of twice its size: ${cause.message}`, { cause });
  });
  const most = TOLERANCE * distance(first, second);
  if (!(distance(both[0]!, first) <= most && distance(both[1]!, second) <= most)) {
    throw unsupported('the model does not keep the examples of a batch apart');
  }
};
