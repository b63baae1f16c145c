import { ZestError } from '../errors.ts';
import type { Description } from './description.ts';
import type { TensorEntry } from './safetensors.ts';

/**
 * What is left of a checkpoint after the engine found a tensor with NaN or an infinity: all else, if no loss reads it,
 * as in transformers.
 *
 * @throws the error, with the tensor's file, if that is needed
 */
export const withoutBadTensor = (
  error: unknown,
  { spec, read }: Description,
  checkpoint: ReadonlyMap<string, TensorEntry>,
): Map<string, TensorEntry> => {
  if (!(error instanceof ZestError) || error.code !== 'ERR_ZEST_TENSOR_VALUE') throw error;
  const index = spec.parameters.findIndex(({ name }) => error.message.startsWith(`tensor '${name}' `));
  const bad = spec.parameters[index];
  if (bad === undefined) throw error;
  const message = `${bad.file}: ${error.message}`;
  if (read.has(index)) throw new ZestError(error.code, message, { cause: error });
  process.emitWarning(`${message}; no loss reads it, and it is left out`, { code: 'WARN_ZEST_TENSOR' });
  return new Map([...checkpoint].filter(([, { file, offset }]) => file !== bad.file || offset !== bad.offset));
};
