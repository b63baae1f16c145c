import { ZestError } from '../errors.ts';
import { isObject } from '../text/json.ts';
import { cachedCommit, cachedFiles, type HubName, rememberedFiles, storage } from './cache.ts';
import { hubEnvironment } from './environment.ts';
import { ask, called, noFolder } from './request.ts';
import { missingShards } from './shards.ts';

/** A file of a repository, and how to know it. */
export interface HubFile {
  path: string;
  /** Number of bytes. */
  size: number;
  /** The name of its blob: its sha256 where it is in LFS, or else Git's sha1 of it. */
  etag: string;
}

/** A repository at a commit. */
export interface Repository {
  name: HubName;
  commit: string;
  /** Its files; those in the cache, and the shards that belong to them, where no list of all is known. */
  paths: readonly string[];
  /** What is known of them; empty where nothing can be downloaded. */
  files: ReadonlyMap<string, HubFile>;
  /** Why only the cache is known. */
  offline?: ZestError;
  /** Short name of the licence, if it says one. */
  license: string | undefined;
}

const fileOf = (sibling: unknown): HubFile | undefined => {
  if (!isObject(sibling) || typeof sibling.rfilename !== 'string') return undefined;
  const lfs = isObject(sibling.lfs) ? sibling.lfs : undefined;
  const etag = lfs?.sha256 ?? sibling.blobId;
  const size = lfs?.size ?? sibling.size;
  // What would lead out of the folder is no file of ours.
  const isInside =
    !sibling.rfilename.split('/').some((part) => part === '..' || part === '') && !sibling.rfilename.includes('\\');
  if (!isInside || typeof etag !== 'string' || !/^[0-9a-f]{40,64}$/.test(etag)) return undefined;
  return typeof size === 'number' ? { path: sibling.rfilename, size, etag } : undefined;
};

const licenseOf = (info: Record<string, unknown>): string | undefined => {
  const said = isObject(info.cardData) ? info.cardData.license : undefined;
  if (typeof said === 'string') return said;
  const tag = Array.isArray(info.tags) ? info.tags.find((each) => String(each).startsWith('license:')) : undefined;
  return tag === undefined ? undefined : String(tag).slice('license:'.length);
};

const asked = async (name: HubName, signal: AbortSignal | undefined): Promise<Repository> => {
  const path = `/api/${name.kind}s/${name.id}/revision/${encodeURIComponent(name.revision)}?blobs=true`;
  const response = await ask(name, path, 'its files', { signal });
  const bad = (cause?: unknown) =>
    new ZestError(
      'ERR_ZEST_DOWNLOAD',
      `${called(name)}: ${hubEnvironment().endpoint} does not answer as the hub does`,
      { cause },
    );
  const info = await response.json().catch((cause) => {
    signal?.throwIfAborted();
    throw bad(cause);
  });
  if (
    !isObject(info) ||
    typeof info.sha !== 'string' ||
    !/^[0-9a-f]{40}$/.test(info.sha) ||
    !Array.isArray(info.siblings)
  )
    throw bad();
  const files = info.siblings.map(fileOf).filter((file) => file !== undefined);
  return {
    ...{ name, commit: info.sha, paths: files.map(({ path }) => path).sort() },
    files: new Map(files.map((file) => [file.path, file])),
    license: licenseOf(info),
  };
};

const cached = (name: HubName, offline: ZestError): Repository => {
  const commit = cachedCommit(name);
  if (commit === undefined) throw offline;
  const there = cachedFiles(name, commit);
  const paths =
    rememberedFiles(name, commit) ?? [...there, ...missingShards(there, name.kind === 'model' ? 1 : 0)].sort();
  if (paths.length === 0) throw offline;
  return { name, commit, paths, files: new Map(), offline, license: undefined };
};

/** What this process has looked up, so that one run has one commit. */
const known = new Map<string, Repository>();

const keyOf = (name: HubName): string => JSON.stringify([hubEnvironment().endpoint, storage(name), name.revision]);

/** The commit of a revision: as this process found it, or else as the cache has it. */
export const knownCommit = (name: HubName): string | undefined => known.get(keyOf(name))?.commit ?? cachedCommit(name);

/**
 * Looks a repository up: its commit and its files. Offline, or where the hub cannot be reached, as the cache has it.
 *
 * @throws ERR_ZEST_HUB and ERR_ZEST_DOWNLOAD; the latter also offline without a copy
 */
export const openRepository = async (name: HubName, signal?: AbortSignal): Promise<Repository> => {
  const { isOffline, cache } = hubEnvironment();
  if (isOffline) {
    const message = `${noFolder(name)}${called(name)} is not in the cache ${cache}, and HF_HUB_OFFLINE keeps it from being downloaded; unset that, or copy it there`;
    return cached(name, new ZestError('ERR_ZEST_DOWNLOAD', message));
  }
  const key = keyOf(name);
  const before = known.get(key);
  if (before) return before;
  try {
    const found = await asked(name, signal);
    known.set(key, found);
    return found;
  } catch (error) {
    if (!(error instanceof ZestError) || error.code !== 'ERR_ZEST_DOWNLOAD') throw error;
    return cached(name, error);
  }
};
