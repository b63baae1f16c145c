/**
 * Every code that node-zest throws, with whose it is: `usage` where what the user wrote is at fault (arguments,
 * configuration, environment). docs/errors.md says what causes each and what to do about it.
 */
const CODES = {
  // arguments
  ERR_ZEST_ARGUMENT: 'usage',
  ERR_ZEST_OPTION: 'usage',
  ERR_ZEST_DIRECTIONS: 'usage',
  ERR_ZEST_RHO: 'usage',
  ERR_ZEST_TILT: 'usage',
  ERR_ZEST_ESTIMATOR: 'usage',
  ERR_ZEST_LOSSES: 'failure',
  ERR_ZEST_DIMENSION: 'usage',
  // native binding and machine
  ERR_ZEST_NO_BINARY: 'failure',
  ERR_ZEST_ISA: 'usage',
  ERR_ZEST_THREADS: 'usage',
  ERR_ZEST_DEVICE: 'failure',
  ERR_ZEST_DEVICE_LOST: 'failure',
  ERR_ZEST_CUBLAS: 'failure',
  ERR_ZEST_MEMORY: 'failure',
  ERR_ZEST_INTERNAL: 'failure',
  // model folders
  ERR_ZEST_FILE: 'failure',
  ERR_ZEST_CONFIG_JSON: 'failure',
  ERR_ZEST_FAMILY: 'failure',
  ERR_ZEST_SAFETENSORS: 'failure',
  ERR_ZEST_GGUF: 'failure',
  ERR_ZEST_TENSOR_MISSING: 'failure',
  ERR_ZEST_TENSOR_SHAPE: 'failure',
  ERR_ZEST_TENSOR_DTYPE: 'failure',
  ERR_ZEST_TENSOR_VALUE: 'failure',
  ERR_ZEST_PARAMETER: 'failure',
  ERR_ZEST_TRAINABLE: 'usage',
  ERR_ZEST_UNSUPPORTED: 'failure',
  // batches and steps
  ERR_ZEST_BATCH_EMPTY: 'failure',
  ERR_ZEST_BATCH: 'failure',
  ERR_ZEST_TOKEN: 'failure',
  ERR_ZEST_SEQUENCE_LENGTH: 'failure',
  ERR_ZEST_TARGET: 'failure',
  ERR_ZEST_STREAM: 'failure',
  ERR_ZEST_POINT: 'failure',
  ERR_ZEST_UPDATE: 'failure',
  ERR_ZEST_LOSS_NOT_FINITE: 'failure',
  ERR_ZEST_VERSION: 'failure',
  ERR_ZEST_DISPOSED: 'failure',
  ERR_ZEST_ABORTED: 'failure',
  // text, data, configuration
  ERR_ZEST_TOKENIZER: 'failure',
  ERR_ZEST_TEMPLATE: 'usage',
  ERR_ZEST_LABEL_WORD: 'usage',
  ERR_ZEST_LABEL: 'failure',
  ERR_ZEST_DATA: 'failure',
  ERR_ZEST_SHOTS: 'failure',
  ERR_ZEST_CONFIG: 'usage',
  ERR_ZEST_RUN: 'usage',
  ERR_ZEST_LEARNING_RATE: 'failure',
  ERR_ZEST_TRAJECTORY: 'failure',
} as const satisfies Record<string, 'usage' | 'failure'>;

/** One code, one cause; the table is docs/errors.md. */
export type ErrorCode = keyof typeof CODES;

/** In the order of docs/errors.md. */
export const ERROR_CODES = Object.keys(CODES) as readonly ErrorCode[];

/**
 * The type of every error that node-zest throws. `code` says what went wrong, the message names the file, tensor, key
 * or argument at fault and what was expected, `cause` holds the error beneath, if any.
 *
 * Bad arguments are also a TypeError or a RangeError: `error instanceof ZestError` and `error instanceof RangeError`
 * both hold then.
 */
export class ZestError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ZestError';
    this.code = code;
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    if (this !== ZestError) return Function.prototype[Symbol.hasInstance].call(this, value);
    return value instanceof Error && 'code' in value && Object.hasOwn(CODES, value.code as string);
  }
}

/** Whether an error comes of what the user wrote. */
export const isUsageError = (error: unknown): boolean => error instanceof ZestError && CODES[error.code] === 'usage';

const withCode = <E extends Error>(error: E, code: ErrorCode): E & { readonly code: ErrorCode } =>
  Object.defineProperty(error, 'code', { value: code, enumerable: true }) as E & { readonly code: ErrorCode };

/** An argument of the wrong type: a TypeError that is also a {@link ZestError}. */
export const typeError = (code: ErrorCode, message: string, options?: ErrorOptions): TypeError =>
  withCode(new TypeError(message, options), code);

/** An argument out of its range: a RangeError that is also a {@link ZestError}. */
export const rangeError = (code: ErrorCode, message: string, options?: ErrorOptions): RangeError =>
  withCode(new RangeError(message, options), code);
