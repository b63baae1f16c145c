import { readCheckpoint } from './checkpoint.ts';
import { type ModelConfig, modelConfig, readModelConfig } from './config-json.ts';
import { isGguf, readGguf } from './gguf/format.ts';
import { ggufModel } from './gguf/model.ts';
import type { TensorEntry } from './safetensors.ts';
import { unwrapped } from './tensor-names.ts';
import { withTies } from './tied.ts';

/** What a model is made of: its configuration, and where its tensors are. */
export interface ModelSource {
  config: ModelConfig;
  checkpoint: ReadonlyMap<string, TensorEntry>;
}

/** Reads the configuration of a Hugging Face folder, or of a GGUF file. */
export const readSourceConfig = async (name: string): Promise<ModelConfig> =>
  isGguf(name) ? modelConfig(name, ggufModel(await readGguf(name)).json) : readModelConfig(name);

/**
 * Reads a Hugging Face folder, or a GGUF file, but for its weights: those that are tied are compared where both are stored.
 *
 * @throws what {@link readModelConfig}, {@link readCheckpoint}, {@link unwrapped}, {@link readGguf} and {@link ggufModel}
 * throw
 */
export const readSource = async (name: string, signal?: AbortSignal): Promise<ModelSource> => {
  if (isGguf(name)) {
    const { json, checkpoint } = ggufModel(await readGguf(name));
    return { config: modelConfig(name, json), checkpoint };
  }
  const config = await readModelConfig(name);
  return withTies({ config, checkpoint: unwrapped(await readCheckpoint(name), config.family, name) }, signal);
};
