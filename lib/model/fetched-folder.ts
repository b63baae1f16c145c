import { fetchModel, type ModelParts } from '../hub/models.ts';
import { builtInModels, modelFolder } from './built-in.ts';

/**
 * The folder of a model, downloaded as far as `parts` says where the name is one of the hub: not that of a built-in
 * model, nor a path that is there.
 *
 * @throws what {@link fetchModel} throws
 */
export const fetchedFolder = async (name: string, parts: ModelParts, signal?: AbortSignal): Promise<string> => {
  if (!builtInModels().includes(name)) await fetchModel(name, parts, signal);
  return modelFolder(name);
};
