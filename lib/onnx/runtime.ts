import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import { types } from 'node:util';
import { ZestError } from '../errors.ts';
import { HALVES } from './half.ts';

// What is used of onnxruntime; onnxruntime-node, onnxruntime-web and onnxruntime-common have these shapes.

/** A tensor of onnxruntime. */
export interface OnnxTensor {
  /** Type of its elements: `float32`, `int64`, … */
  readonly type: string;
  readonly dims: readonly number[];
  /** Elements in row-major order: `Float32Array`, `BigInt64Array`, … */
  readonly data: unknown;
}

/** A session of onnxruntime. */
export interface OnnxSession {
  readonly outputNames: readonly string[];
  run(feeds: Readonly<Record<string, OnnxTensor>>): Promise<Readonly<Record<string, OnnxTensor>>>;
  release(): Promise<void>;
}

/** The module of onnxruntime. */
export interface OnnxRuntime {
  InferenceSession: { create(model: Uint8Array, options?: object): Promise<OnnxSession> };
  Tensor: new (type: never, data: never, dims: readonly number[]) => OnnxTensor;
}

const require = createRequire(import.meta.url);

const refused = (message: string, cause: unknown): ZestError =>
  new ZestError('ERR_ZEST_ONNXRUNTIME', message, { cause });

/**
 * The module onnxruntime-node, which is loaded when it is first needed.
 *
 * @throws ERR_ZEST_ONNXRUNTIME if it is not installed, or does not load
 */
export const onnxruntime = (): OnnxRuntime => {
  try {
    return require('onnxruntime-node');
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const missing = code === 'MODULE_NOT_FOUND' && message.includes('onnxruntime-node');
    throw refused(
      missing
        ? 'onnxruntime-node is not installed; install it beside node-zest: npm install onnxruntime-node'
        : `onnxruntime-node does not load: ${message}`,
      cause,
    );
  }
};

/** Options under which onnxruntime finds values in files of their own beside a model that comes as bytes. */
const besides = (file: string, given: object | undefined): object => {
  const { extra, ...options } = (given ?? {}) as { extra?: { session?: object } };
  const folder = resolve(dirname(file));
  const session = { model_external_initializers_file_folder_path: folder, ...extra?.session };
  return { ...options, extra: { ...extra, session } };
};

/**
 * Opens a session.
 *
 * @throws ERR_ZEST_ONNXRUNTIME for a model that onnxruntime does not take, in its words: an IR version or an operator
 * set that it does not know, say
 */
export const openSession = async (
  { InferenceSession }: OnnxRuntime,
  model: Uint8Array,
  file: string,
  options: object | undefined,
): Promise<OnnxSession> => {
  try {
    return await InferenceSession.create(model, besides(file, options));
  } catch (cause) {
    throw refused(`${file}: onnxruntime does not take the model: ${(cause as Error).message}`, cause);
  }
};

/** Outputs whose floats are numbers: those of 16 bits, which come as bits where JavaScript has no array of them, as float32. */
const withNumbers = (
  { Tensor }: OnnxRuntime,
  outputs: Readonly<Record<string, OnnxTensor>>,
): Readonly<Record<string, OnnxTensor>> =>
  Object.fromEntries(
    Object.entries(outputs).map(([name, tensor]) => {
      const { type, data, dims } = tensor;
      if (type !== 'float16' && type !== 'bfloat16') return [name, tensor];
      const numbers = types.isUint16Array(data)
        ? Float32Array.from(data, HALVES[type].value)
        : Float32Array.from(data as number[]);
      return [name, new Tensor('float32' as never, numbers as never, dims)];
    }),
  );

/**
 * Runs a session. Outputs of float16 and bfloat16 are given as float32.
 *
 * @throws ERR_ZEST_ONNXRUNTIME for feeds that the model does not take, and what fails while it runs, in its words
 */
export const runSession = async (
  runtime: OnnxRuntime,
  session: OnnxSession,
  feeds: Readonly<Record<string, OnnxTensor>>,
  file: string,
): Promise<Readonly<Record<string, OnnxTensor>>> => {
  try {
    return withNumbers(runtime, await session.run(feeds));
  } catch (cause) {
    throw refused(`${file}: onnxruntime failed on the model: ${(cause as Error).message}`, cause);
  }
};
