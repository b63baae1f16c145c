import type { FileHandle } from 'node:fs/promises';
import { throwIfAborted } from '../abort.ts';
import { closeAll } from '../closing.ts';
import { openFile, reading } from '../files/files.ts';
import type { Checkpoint } from './canonical-order.ts';
import type { ModelConfig } from './config-json.ts';
import type { TensorEntry } from './safetensors.ts';
import type { ModelSource } from './source.ts';
import { checkpointName } from './tensor-names.ts';

// A decoder that is tied is the word embeddings, and its bias may have a second name. What a checkpoint has of it twice is
// left out where it is the same; where the decoder differs, the configuration is wrong, and it is not tied: as in
// transformers 5. A second bias that differs is kept.

/** Bytes that are compared at once. */
const CHUNK = 1 << 20;

/** Whether two tensors are stored alike; both are read, as far as they are the same. */
const isSame = async (a: TensorEntry, b: TensorEntry, signal: AbortSignal | undefined): Promise<boolean> => {
  if (a.dtype !== b.dtype || a.bytes !== b.bytes || String(a.shape) !== String(b.shape)) return false;
  const sides = [a, b].map((tensor) => ({ ...tensor, chunk: Buffer.allocUnsafeSlow(Math.min(CHUNK, a.bytes)) }));
  const handles: FileHandle[] = [];
  try {
    for (const { file } of sides) handles.push(await reading(file, openFile(file)));
    for (let at = 0; at < a.bytes; at += CHUNK) {
      throwIfAborted(signal);
      const length = Math.min(CHUNK, a.bytes - at);
      const [first, second] = await Promise.all(
        sides.map(async ({ file, offset, chunk }, i) => {
          const read = handles[i]!.read(chunk, 0, length, offset + at);
          return chunk.subarray(0, (await reading(file, read)).bytesRead);
        }),
      );
      if (first!.length !== length || !first!.equals(second!)) return false;
    }
    return true;
  } finally {
    await closeAll(handles.map((handle) => () => handle.close()));
  }
};

/** The names of the word embeddings and of the decoder that may be tied to them. */
export const decoderNames = ({ family: { languageModel, prefix, embeddings } }: ModelConfig) => ({
  words: `${prefix}${embeddings.words}.weight`,
  decoder: `${languageModel.decoder}.weight`,
  bias: languageModel.bias,
  decoderBias: `${languageModel.decoder}.bias`,
});

/** A model whose decoder has a weight of its own, `weight` if none is stored, and its bias under the decoder's name. */
export const untied = (
  config: ModelConfig,
  checkpoint: Checkpoint,
  weight: TensorEntry | undefined,
): { config: ModelConfig; checkpoint: Map<string, TensorEntry> } => {
  const { decoder, bias, decoderBias } = decoderNames(config);
  const whole = new Map(checkpoint);
  const add = (name: string, tensor: TensorEntry | undefined) => {
    if (tensor && !whole.has(name)) whole.set(name, { ...tensor, name });
  };
  add(decoder, weight);
  if (bias !== undefined) add(decoderBias, checkpoint.get(bias));
  return { config: { ...config, tied: false }, checkpoint: whole };
};

/**
 * A model without second names of what is tied. Its word embeddings are under their own name also where they are there as
 * the decoder alone: with another head they would be saved as what its class does not read.
 */
export const withTies = async ({ config, checkpoint }: ModelSource, signal?: AbortSignal): Promise<ModelSource> => {
  const { words, decoder, bias, decoderBias } = decoderNames(config);
  if (!config.tied) return { config, checkpoint };
  const once = new Map(checkpoint);
  if (bias !== undefined && bias !== decoderBias) {
    const [first, second] = [once.get(bias), once.get(decoderBias)];
    if (first && second && (await isSame(first, second, signal))) once.delete(decoderBias);
  }
  const weight = once.get(decoder);
  if (!weight) return { config, checkpoint: once };
  const embeddings = once.get(checkpointName(words, config.family, once) ?? '');
  if (embeddings && !(await isSame(embeddings, weight, signal))) {
    const message = `${config.file}: ${config.family.config.tied[0]} is true, and tensors '${embeddings.name}' and '${decoder}' differ; each is taken for itself`;
    process.emitWarning(message, { code: 'WARN_ZEST_TIED' });
    return untied(config, once, weight);
  }
  once.delete(decoder);
  if (!embeddings) once.set(words, { ...weight, name: words });
  return { config, checkpoint: once };
};
