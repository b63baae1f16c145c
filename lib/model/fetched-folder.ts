import { existsSync } from 'node:fs';
import { ZestError } from '../errors.ts';
import { fetchModel, type ModelParts } from '../hub/models.ts';
import { builtInModels, modelFolder } from './built-in.ts';

/**
 * The folder of a model, downloaded as far as `parts` says where the name is one of the hub: not that of a built-in
 * model, nor a path that is there.
 *
 * @throws what {@link fetchModel} throws
 */
export const fetchedFolder = async (name: string, parts: ModelParts, signal?: AbortSignal): Promise<string> => {
  try {
    if (!builtInModels().includes(name)) await fetchModel(name, parts, signal);
    const folder = modelFolder(name);
    existsSync(folder);
    return folder;
  } catch (cause) {
    // Node's permission model makes even the question of whether something is there an error, which names nothing.
    const { code, message, resource } = cause as NodeJS.ErrnoException & { resource?: string };
    if (code !== 'ERR_ACCESS_DENIED') throw cause;
    throw new ZestError('ERR_ZEST_FILE', `${name} cannot be read: ${message} (${resource})`, { cause });
  }
};
