/** Every code that node-zest throws; docs/errors.md says what causes each and what to do about it. */
export const ERROR_CODES = [
  // arguments
  'ERR_ZEST_ARGUMENT',
  'ERR_ZEST_OPTION',
  'ERR_ZEST_DIRECTIONS',
  'ERR_ZEST_RHO',
  'ERR_ZEST_TILT',
  'ERR_ZEST_ESTIMATOR',
  'ERR_ZEST_LOSSES',
  'ERR_ZEST_DIMENSION',
  // native binding and machine
  'ERR_ZEST_NO_BINARY',
  'ERR_ZEST_ISA',
  'ERR_ZEST_THREADS',
  'ERR_ZEST_DEVICE',
  'ERR_ZEST_DEVICE_LOST',
  'ERR_ZEST_CUBLAS',
  'ERR_ZEST_MEMORY',
  'ERR_ZEST_INTERNAL',
  // model folders
  'ERR_ZEST_FILE',
  'ERR_ZEST_CONFIG_JSON',
  'ERR_ZEST_FAMILY',
  'ERR_ZEST_SAFETENSORS',
  'ERR_ZEST_TENSOR_MISSING',
  'ERR_ZEST_TENSOR_SHAPE',
  'ERR_ZEST_TENSOR_DTYPE',
  'ERR_ZEST_TENSOR_VALUE',
  'ERR_ZEST_PARAMETER',
  'ERR_ZEST_TRAINABLE',
  'ERR_ZEST_UNSUPPORTED',
  // batches and steps
  'ERR_ZEST_BATCH_EMPTY',
  'ERR_ZEST_BATCH',
  'ERR_ZEST_TOKEN',
  'ERR_ZEST_SEQUENCE_LENGTH',
  'ERR_ZEST_TARGET',
  'ERR_ZEST_STREAM',
  'ERR_ZEST_POINT',
  'ERR_ZEST_UPDATE',
  'ERR_ZEST_LOSS_NOT_FINITE',
  'ERR_ZEST_VERSION',
  'ERR_ZEST_DISPOSED',
  'ERR_ZEST_ABORTED',
  // text, data, configuration
  'ERR_ZEST_TOKENIZER',
  'ERR_ZEST_TEMPLATE',
  'ERR_ZEST_LABEL_WORD',
  'ERR_ZEST_LABEL',
  'ERR_ZEST_DATA',
  'ERR_ZEST_SHOTS',
  'ERR_ZEST_CONFIG',
  'ERR_ZEST_RUN',
  'ERR_ZEST_TRAJECTORY',
] as const;

/** One code, one cause; the table is docs/errors.md. */
export type ErrorCode = (typeof ERROR_CODES)[number];

const codes: ReadonlySet<unknown> = new Set(ERROR_CODES);

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
    return value instanceof Error && 'code' in value && codes.has(value.code);
  }
}

const withCode = <E extends Error>(error: E, code: ErrorCode): E & { readonly code: ErrorCode } =>
  Object.defineProperty(error, 'code', { value: code, enumerable: true }) as E & { readonly code: ErrorCode };

/** An argument of the wrong type: a TypeError that is also a {@link ZestError}. */
export const typeError = (code: ErrorCode, message: string, options?: ErrorOptions): TypeError =>
  withCode(new TypeError(message, options), code);

/** An argument out of its range: a RangeError that is also a {@link ZestError}. */
export const rangeError = (code: ErrorCode, message: string, options?: ErrorOptions): RangeError =>
  withCode(new RangeError(message, options), code);
