import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cachedModel } from '../hub/models.ts';

const MODELS = fileURLToPath(new URL('../../models', import.meta.url));

/** Model that commands and studies take where none is named. */
export const BUILT_IN_MODEL = 'film-roberta-mini';

/** Names of the models that come with node-zest. */
export const builtInModels = (): string[] => (existsSync(MODELS) ? readdirSync(MODELS) : []);

/**
 * The folder of a model: a path as it is, where a built-in model such as `film-roberta-mini` is installed, or where a
 * model of the hub was downloaded to. A folder of that name in the current directory comes first if it holds a model's
 * files.
 */
export const modelFolder = (nameOrPath: string): string => {
  if (!builtInModels().includes(nameOrPath)) return cachedModel(nameOrPath) ?? nameOrPath;
  const isModel = ['config.json', 'tokenizer.json'].some((file) => existsSync(join(nameOrPath, file)));
  return isModel ? nameOrPath : join(MODELS, nameOrPath);
};
