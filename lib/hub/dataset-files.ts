import { readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { hasRows, withRows } from '../data/formats.ts';
import { isGlob, matchesPath } from '../data/path-glob.ts';
import { ZestError } from '../errors.ts';
import { isObject } from '../text/json.ts';
import { listed } from '../text/show.ts';
import { type HubName, written } from './cache.ts';
import { fetchFiles } from './fetch-files.ts';
import { openRepository, type Repository } from './repository.ts';
import { called } from './request.ts';

/** Where Hugging Face's own libraries have data sets of the hub. */
const SCHEME = 'hf://datasets/';

/** The branch on which the hub keeps every data set as Parquet, those of a script too. */
const AS_PARQUET = 'refs/convert/parquet';

const CARD = 'README.md';

export const isHubPath = (path: string): boolean => path.startsWith('hf://');

/** Files of a data set: a path or a glob, or a split of it. */
interface HubPath {
  name: HubName;
  path: string | undefined;
  split: string | undefined;
  subset: string | undefined;
}

const PATH =
  /^hf:\/\/datasets\/([\w-][\w.-]*(?:\/[\w-][\w.-]*)?)(?:@(refs\/(?:pr|convert)\/[\w.-]+|[^/?]+))?(?:\/([^?]+))?(?:\?(.*))?$/;

/** Writes a revision so that its slashes are none of the path behind it; those of the hub's own refs are known. */
const inPath = (revision: string): string =>
  /^refs\/(pr|convert)\/[\w.-]+$/.test(revision) ? revision : encodeURIComponent(revision);

/** Writes the path of a split. */
export const splitPath = (
  hub: string,
  { split, subset, revision }: { split: string; subset?: string; revision?: string },
): string => {
  const [id, own] = hub.split('@', 2);
  const written = own?.includes('/') ? inPath(own) : (own ?? (revision && inPath(revision)));
  const at = written === undefined ? id : `${id}@${written}`;
  return `${SCHEME}${at}?${new URLSearchParams({ ...(subset !== undefined && { subset }), split })}`;
};

const parsed = (path: string): HubPath => {
  const [, id, revision = 'main', inside, query = ''] = PATH.exec(path) ?? [];
  const asked = new URLSearchParams(query);
  const split = asked.get('split') ?? undefined;
  if (id === undefined || (inside === undefined) === (split === undefined)) {
    throw new ZestError(
      'ERR_ZEST_HUB',
      `${path} names no files of a data set; expected ${SCHEME}ORG/NAME/PATH, ${SCHEME}ORG/NAME@REVISION/PATH, where PATH may be a glob, or ${SCHEME}ORG/NAME?split=train`,
    );
  }
  const name: HubName = { kind: 'dataset', id, revision: decodeURIComponent(revision) };
  return { name, path: inside, split, subset: asked.get('subset') ?? undefined };
};

/** Words for a split that names of files have, as Hugging Face's datasets reads them. */
const SYNONYMS: Readonly<Record<string, readonly string[]>> = {
  train: ['train', 'training'],
  validation: ['validation', 'valid', 'dev', 'val'],
  test: ['test', 'testing', 'eval', 'evaluation'],
};

/** Whether a path has a word, set off by what is no letter. */
const hasWord = (path: string, word: string): boolean =>
  new RegExp(`(^|[^a-z])${word.replace(/[^\w]/g, '\\$&')}([^a-z]|$)`, 'i').test(path);

const isOfSplit = (path: string, split: string): boolean =>
  (SYNONYMS[split] ?? [split]).some((word) => hasWord(path, word));

/** A subset, as the head of README.md describes it. */
interface Subset {
  /** Folder that its files are in, with a slash at its end; empty for the repository itself. */
  folder: string;
  /** Globs over the files by split; undefined where the names of the files in the folder tell the splits. */
  splits: Map<string, string[]> | undefined;
}

/** Subsets by name, and the one that is meant where none is named. */
interface Card {
  subsets: Map<string, Subset>;
  main: string | undefined;
}

const listOf = (value: unknown): string[] => [value].flat().filter((each) => typeof each === 'string');

const cardOf = async (card: string): Promise<Card> => {
  const { parse } = await import('yaml');
  const head = /^---\r?\n([\s\S]*?)\r?\n---/.exec(card)?.[1];
  const subsets: Card['subsets'] = new Map();
  let main: string | undefined;
  let value: unknown;
  try {
    value = parse(head ?? '');
  } catch {
    return { subsets, main };
  }
  const configs = isObject(value) && Array.isArray(value.configs) ? value.configs : [];
  for (const config of configs) {
    if (!isObject(config)) continue;
    const subset = typeof config.config_name === 'string' ? config.config_name : 'default';
    // `english`, `./english` and `english/` are the same folder.
    const folder = typeof config.data_dir === 'string' ? posix.join('/', config.data_dir, '/').slice(1) : '';
    const splits = new Map<string, string[]>();
    for (const entry of [config.data_files ?? []].flat()) {
      const [split, globs] = isObject(entry) ? [String(entry.split), listOf(entry.path)] : ['train', listOf(entry)];
      if (globs.length > 0) splits.set(split, [...(splits.get(split) ?? []), ...globs.map((glob) => folder + glob)]);
    }
    const isByName = config.data_files === undefined || config.data_files === null;
    if (isByName || splits.size > 0) subsets.set(subset, { folder, splits: isByName ? undefined : splits });
    if (config.default === true) main = subset;
  }
  return { subsets, main };
};

const fail = (name: HubName, message: string): ZestError => new ZestError('ERR_ZEST_HUB', `${called(name)} ${message}`);

/** The subset that is read: the one that is named, or else the main one of the card. */
const chosenOf = (name: HubName, { subsets, main }: Card, asked: string | undefined): string | undefined => {
  if (subsets.size === 0) return asked;
  const all = [...subsets.keys()];
  const chosen = asked ?? main ?? (subsets.has('default') ? 'default' : all.length === 1 ? all[0] : undefined);
  if (chosen === undefined) throw fail(name, `has several subsets; expected one of them as subset: ${listed(all)}`);
  if (subsets.has(chosen)) return chosen;
  throw fail(name, `has no subset ${JSON.stringify(chosen)}; expected one of ${listed(all)}`);
};

/** Files of a split by their names; all are training data where no name says what it is. */
const byName = (paths: readonly string[], split: string, subset?: string): string[] => {
  const all = withRows(paths.filter((path) => !/(^|\/)\./.test(path)));
  const tables = all.filter((path) => !/\.json$/i.test(path));
  const data = (tables.length > 0 ? tables : all).filter(
    (path) => subset === undefined || path.split('/').includes(subset) || hasWord(path, subset),
  );
  const found = data.filter((path) => isOfSplit(path, split));
  const isSplit = data.some((path) => Object.keys(SYNONYMS).some((each) => isOfSplit(path, each)));
  return found.length > 0 || isSplit || split !== 'train' ? found : data;
};

/** Files of a split of a subset that the card describes. */
const byCard = ({ name, paths }: Repository, { folder, splits }: Subset, split: string): string[] => {
  if (!splits) {
    // The names of the folder itself tell nothing of a split.
    const inside = paths.filter((path) => path.startsWith(folder)).map((path) => path.slice(folder.length));
    return byName(inside, split).map((path) => folder + path);
  }
  const globs = splits.get(split);
  if (!globs) throw fail(name, `has no split ${JSON.stringify(split)}; expected one of ${listed(splits.keys())}`);
  return paths.filter((path) => globs.some((glob) => path === glob || matchesPath(glob, path)));
};

const splitFiles = async (
  { name, split, subset: asked }: HubPath & { split: string },
  signal: AbortSignal | undefined,
): Promise<{ repository: Repository; paths: string[] }> => {
  const repository = await openRepository(name, signal);
  const isDescribed = repository.paths.includes(CARD);
  const card = isDescribed ? await readFile(join(await fetchFiles(repository, [CARD], signal), CARD), 'utf8') : '';
  const described = await cardOf(card);
  const subset = chosenOf(name, described, asked);
  const chosen = subset === undefined ? undefined : described.subsets.get(subset);
  const paths = chosen ? byCard(repository, chosen, split) : byName(repository.paths, split, subset);
  if (paths.length > 0) return { repository, paths };
  if (name.revision === 'main') {
    const converted = await openRepository({ ...name, revision: AS_PARQUET }, signal).catch((error) => {
      if (error instanceof ZestError) return undefined;
      throw error;
    });
    const inside = converted?.paths.filter(
      (path) => path.endsWith('.parquet') && matchesPath(`${subset ?? '*'}/${split}/*`, path),
    );
    const subsets = new Set(inside?.map((path) => path.split('/')[0]!));
    if (subsets.size > 1) throw fail(name, `has several subsets; expected one of them as subset: ${listed(subsets)}`);
    if (converted && inside && inside.length > 0) return { repository: converted, paths: inside };
  }
  if (repository.offline) throw repository.offline;
  const inside = repository.paths.filter((path) => path.startsWith(chosen?.folder ?? ''));
  const some = listed(inside.filter(hasRows), 5);
  throw fail(
    name,
    `has no files of the split ${JSON.stringify(split)}${subset === undefined ? '' : ` of the subset ${subset}`}; ${some === '' ? 'none of its files has rows' : `it has ${some}; a file is named by ${SCHEME}${name.id}/PATH`}`,
  );
};

/** A file in the cache, and what it is called on the hub. */
export interface HubDataFile {
  path: string;
  name: string;
}

const fetchNamed = async (
  repository: Repository,
  paths: readonly string[],
  signal: AbortSignal | undefined,
): Promise<HubDataFile[]> => {
  const folder = await fetchFiles(repository, paths, signal);
  return paths.map((path) => ({ path: join(folder, path), name: `${SCHEME}${written(repository.name)}/${path}` }));
};

/**
 * Has files of a data set of the hub in the cache, and gives their paths there.
 *
 * @throws ERR_ZEST_HUB for a name, a split or a path that there is not; ERR_ZEST_DOWNLOAD, ERR_ZEST_FILE
 */
export const hubFiles = async (source: string, signal?: AbortSignal): Promise<HubDataFile[]> => {
  const asked = parsed(source);
  const { name, path, split } = asked;
  if (split !== undefined) {
    const { repository, paths } = await splitFiles({ ...asked, split }, signal);
    return fetchNamed(repository, paths, signal);
  }
  const glob = path as string;
  const repository = await openRepository(name, signal);
  const paths = repository.paths.filter((each) => each === glob || (isGlob(glob) && matchesPath(glob, each)));
  if (paths.length === 0) {
    if (repository.offline) throw repository.offline;
    const some = listed(repository.paths, 5);
    throw fail(name, `has no file ${glob}; it has ${some}${repository.paths.length > 5 ? ', …' : ''}`);
  }
  return fetchNamed(repository, paths, signal);
};
