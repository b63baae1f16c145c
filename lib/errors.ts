import { types } from 'node:util';

/**
 * Every code that node-zest throws, with what is at fault: `input` is what it was given (arguments, configuration,
 * environment, model folders, data), `work` what came while it worked on that (memory, disk, device, losses).
 * docs/errors.md says what causes each and what to do about it.
 */
const CODES = {
  // arguments
  ERR_ZEST_ARGUMENT: 'input',
  ERR_ZEST_OPTION: 'input',
  ERR_ZEST_DIRECTIONS: 'input',
  ERR_ZEST_RHO: 'input',
  ERR_ZEST_TILT: 'input',
  ERR_ZEST_ESTIMATOR: 'input',
  ERR_ZEST_LOSSES: 'input',
  ERR_ZEST_DIMENSION: 'input',
  // native binding and machine
  ERR_ZEST_NO_BINARY: 'work',
  ERR_ZEST_ISA: 'input',
  ERR_ZEST_THREADS: 'input',
  ERR_ZEST_DEVICE: 'work',
  ERR_ZEST_DEVICE_LOST: 'work',
  ERR_ZEST_CUBLAS: 'work',
  ERR_ZEST_ONNXRUNTIME: 'work',
  ERR_ZEST_MEMORY: 'work',
  ERR_ZEST_INTERNAL: 'work',
  // model folders
  ERR_ZEST_FILE: 'work',
  ERR_ZEST_CONFIG_JSON: 'input',
  ERR_ZEST_FAMILY: 'input',
  ERR_ZEST_SAFETENSORS: 'input',
  ERR_ZEST_GGUF: 'input',
  ERR_ZEST_ONNX: 'input',
  ERR_ZEST_TENSOR_MISSING: 'input',
  ERR_ZEST_TENSOR_SHAPE: 'input',
  ERR_ZEST_TENSOR_DTYPE: 'input',
  ERR_ZEST_TENSOR_VALUE: 'input',
  ERR_ZEST_PARAMETER: 'input',
  ERR_ZEST_TRAINABLE: 'input',
  ERR_ZEST_UNSUPPORTED: 'input',
  // batches and steps
  ERR_ZEST_BATCH_EMPTY: 'input',
  ERR_ZEST_BATCH: 'input',
  ERR_ZEST_TOKEN: 'input',
  ERR_ZEST_SEQUENCE_LENGTH: 'input',
  ERR_ZEST_TARGET: 'input',
  ERR_ZEST_STREAM: 'input',
  ERR_ZEST_POINT: 'input',
  ERR_ZEST_UPDATE: 'work',
  ERR_ZEST_LOSS_NOT_FINITE: 'work',
  ERR_ZEST_WEIGHTS_NOT_FINITE: 'work',
  ERR_ZEST_REWARD: 'input',
  ERR_ZEST_VERSION: 'work',
  ERR_ZEST_DISPOSED: 'work',
  ERR_ZEST_ABORTED: 'work',
  // text, data, configuration
  ERR_ZEST_TOKENIZER: 'input',
  ERR_ZEST_TEMPLATE: 'input',
  ERR_ZEST_LABEL_WORD: 'input',
  ERR_ZEST_LABEL: 'input',
  ERR_ZEST_DATA: 'input',
  ERR_ZEST_SHOTS: 'input',
  ERR_ZEST_HUB: 'input',
  ERR_ZEST_DOWNLOAD: 'work',
  ERR_ZEST_CONFIG: 'input',
  ERR_ZEST_RUN: 'input',
  ERR_ZEST_LEARNING_RATE: 'work',
  ERR_ZEST_TRAJECTORY: 'input',
} as const satisfies Record<string, 'input' | 'work'>;

/** One code, one cause; the table is docs/errors.md. */
export type ErrorCode = keyof typeof CODES;

/** In the order of docs/errors.md. */
export const ERROR_CODES = Object.keys(CODES) as readonly ErrorCode[];

/**
 * Whether a value is an error, of this realm or another: what the addon, Node and programs throw is of others where the
 * library runs in a context of its own, as under Jest, and `instanceof Error` does not hold there.
 */
export const isError = (value: unknown): value is Error => types.isNativeError(value) || value instanceof Error;

/**
 * A message without the characters that a file's names may hold and a terminal would obey: control characters, and those
 * that turn the direction of what stands behind them.
 */
export const printable = (message: string): string =>
  message.replace(/(?![\n\t])[\p{Cc}\p{Bidi_Control}]/gu, (character) => {
    const code = character.charCodeAt(0).toString(16);
    return code.length > 2 ? `\\u${code.padStart(4, '0')}` : `\\x${code.padStart(2, '0')}`;
  });

/** The least number of a stack's frames, where a program wants any: the first are the library's own. */
const LEAST_FRAMES = 30;

/** Sets the limit of stacks where there is one; no assignment, which throws where Error is frozen. Returns that of before. */
const limitStacks = (limit: (before: number) => number): number => {
  const before = Error.stackTraceLimit;
  if (before > 0) Reflect.set(Error, 'stackTraceLimit', limit(before));
  return before;
};

/** Lets stacks come as far as the library's caller; returns the limit to put back. */
const lengthenStacks = (): number => limitStacks((before) => Math.max(before, LEAST_FRAMES));

/**
 * The type of every error that node-zest throws. `code` says what went wrong, the message names the file, tensor, key
 * or argument at fault and what was expected, `cause` holds the error beneath, if any.
 *
 * Bad arguments are also a TypeError or a RangeError: `error instanceof ZestError` and `error instanceof RangeError`
 * both hold then.
 */
export class ZestError extends Error {
  /** What went wrong: a code of docs/errors.md. */
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    const limit = lengthenStacks();
    super(printable(message), options);
    limitStacks(() => limit);
    this.name = 'ZestError';
    this.code = code;
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    if (this !== ZestError) return Function.prototype[Symbol.hasInstance].call(this, value);
    return isError(value) && 'code' in value && Object.hasOwn(CODES, value.code as string);
  }
}

/** Whether an error comes of what the user gave, which has to be corrected first. */
export const isInputError = (error: unknown): boolean => error instanceof ZestError && CODES[error.code] === 'input';

const coded = <E extends Error>(
  kind: new (message: string, options?: ErrorOptions) => E,
  code: ErrorCode,
  message: string,
  options?: ErrorOptions,
): E & { readonly code: ErrorCode } => {
  const limit = lengthenStacks();
  const error = new kind(printable(message), options);
  limitStacks(() => limit);
  return Object.defineProperty(error, 'code', { value: code, enumerable: true }) as E & { readonly code: ErrorCode };
};

/** An argument of the wrong type: a TypeError that is also a {@link ZestError}. */
export const typeError = (code: ErrorCode, message: string, options?: ErrorOptions): TypeError =>
  coded(TypeError, code, message, options);

/** An argument out of its range: a RangeError that is also a {@link ZestError}. */
export const rangeError = (code: ErrorCode, message: string, options?: ErrorOptions): RangeError =>
  coded(RangeError, code, message, options);
