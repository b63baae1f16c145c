import { readCheckpoint } from './checkpoint.ts';
import { type ModelConfig, modelConfig, readModelConfig } from './config-json.ts';
import { isGguf, readGguf } from './gguf/format.ts';
import { ggufModel } from './gguf/model.ts';
import type { TensorEntry } from './safetensors.ts';

/** What a model is made of: its configuration, and where its tensors are. */
export interface ModelSource {
  config: ModelConfig;
  checkpoint: Map<string, TensorEntry>;
}

/** Reads the configuration of a Hugging Face folder, or of a GGUF file. */
export const readSourceConfig = async (name: string): Promise<ModelConfig> =>
  isGguf(name) ? modelConfig(name, ggufModel(await readGguf(name)).json) : readModelConfig(name);

/**
 * Reads a Hugging Face folder, or a GGUF file, but for its weights.
 *
 * @throws what {@link readModelConfig}, {@link readCheckpoint}, {@link readGguf} and {@link ggufModel} throw
 */
export const readSource = async (name: string): Promise<ModelSource> => {
  if (!isGguf(name)) return { config: await readModelConfig(name), checkpoint: await readCheckpoint(name) };
  const { json, checkpoint } = ggufModel(await readGguf(name));
  return { config: modelConfig(name, json), checkpoint };
};
