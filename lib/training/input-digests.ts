import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { filesOf } from '../data/sources.ts';
import { ifThere } from '../files/files.ts';
import { isGguf } from '../model/gguf/format.ts';
import { adaptedSource } from '../model/peft.ts';
import { TOKENIZER_FILES } from '../model/tokenizer-files.ts';
import { digestOfFiles } from '../runs/base-digest.ts';
import { isObject } from '../text/json.ts';
import { pathsOf } from './read-data.ts';
import type { ResolvedConfig } from './schema.ts';

const CONFIG = 'config.json';

const isFile = async (path: string): Promise<boolean> => (await ifThere(path, stat(path)))?.isFile() ?? false;

/** The files that the leaves of a value name, by dotted key. */
const namedFiles = async (value: unknown, ...path: string[]): Promise<[key: string, files: string[]][]> => {
  if (typeof value === 'string') return (await isFile(value)) ? [[path.join('.'), [value]]] : [];
  if (!isObject(value) && !Array.isArray(value)) return [];
  const inner = await Promise.all(Object.entries(value).map(([name, one]) => namedFiles(one, ...path, name)));
  return inner.flat();
};

/** The files with rows of each split, but what came on stdin. */
const dataFiles = async (data: ResolvedConfig['data']): Promise<[key: string, files: string[]][]> => {
  const found: [string, string[]][] = [];
  for (const split of ['train', 'validation', 'test'] as const) {
    const source = data[split];
    if (source === undefined || typeof source === 'number') continue;
    const files: string[] = [];
    for (const name of pathsOf(source, data)) for (const { path } of await filesOf(name, undefined)) files.push(path);
    if (!files.includes('-')) found.push([`data.${split}`, files]);
  }
  return found;
};

const filesIn = async (folder: string, isWanted: (name: string) => boolean): Promise<string[]> =>
  (await readdir(folder))
    .filter(isWanted)
    .sort()
    .map((name) => join(folder, name));

/** The files that say what a model is, beside its weights; an adapter's whole. */
const modelFiles = async ({ model, adapter }: ResolvedConfig): Promise<[key: string, files: string[]][]> => {
  const { folder, base, adapter: stored } = await adaptedSource(model, adapter, 'weights');
  const folders = [...new Set([folder, base])].filter((one) => !isGguf(one));
  const described = folders.map((one) => filesIn(one, (name) => name === CONFIG || TOKENIZER_FILES.includes(name)));
  const adapting = stored ? await filesIn(stored.folder, (name) => name.startsWith('adapter_')) : [];
  return [
    ['model', (await Promise.all(described)).flat()],
    ['adapter', adapting],
  ];
};

/**
 * Digests of all files that a configuration names, by key, but the model's weights: those of each split's data, one after
 * another; those that the task, the optimizer and the objective name, without what they import; the model's config.json and
 * tokenizer; the adapter's.
 */
export const inputDigests = async (
  config: ResolvedConfig,
  digestOf: (files: readonly string[]) => Promise<string> = digestOfFiles,
): Promise<Record<string, string>> => {
  const { data, task, optimizer, objective } = config;
  const files = [
    ...(await dataFiles(data)),
    ...(await namedFiles({ task, optimizer, objective })),
    ...(await modelFiles(config)),
  ];
  const digests: Record<string, string> = {};
  for (const [key, named] of files) if (named.length > 0) digests[key] = await digestOf(named);
  return digests;
};
