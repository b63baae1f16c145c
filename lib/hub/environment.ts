import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ZestError } from '../errors.ts';

/** Where Hugging Face's hub is, and where its files are kept: as Python's huggingface_hub reads it from the environment. */
export interface HubEnvironment {
  /** Address without a slash at its end. */
  endpoint: string;
  /** Folder of the downloaded files, which Python's libraries share. */
  cache: string;
  /** Token of HF_TOKEN, or else the one that `hf auth login` keeps in a file. */
  token: string | undefined;
  /** Where the token came from: the name of a variable, or the path of the file. */
  tokenSource: string | undefined;
  /** Whether nothing may be asked of the network. */
  isOffline: boolean;
  /** Time that the other side may keep silent, in milliseconds. */
  patience: number;
}

const filled = (value: string | undefined): string | undefined => value?.trim() || undefined;

const isSet = (value: string | undefined): boolean => /^(1|on|yes|true)$/i.test(value ?? '');

/** The home directory, where a path leads there; a user id in a container may have none. */
const homeFolder = (): string => {
  try {
    return homedir();
  } catch (cause) {
    throw new ZestError(
      'ERR_ZEST_HUB',
      'no folder for downloads: this user has no home directory; name a folder in HF_HOME, as a path without ~',
      { cause },
    );
  }
};

const expanded = (path: string): string => path.replace(/^~(?=$|\/)/, () => homeFolder());

/** A token on one line: line breaks are taken out, wherever they are, as Python's library does. */
const onOneLine = (token: string | undefined): string | undefined => filled(token?.replace(/[\r\n]/g, ''));

/** The token, and the variable or the file that has it. */
const tokenOf = (file: () => string): Pick<HubEnvironment, 'token' | 'tokenSource'> => {
  for (const variable of ['HF_TOKEN', 'HUGGING_FACE_HUB_TOKEN']) {
    const token = onOneLine(process.env[variable]);
    if (token !== undefined) return { token, tokenSource: variable };
  }
  try {
    const tokenSource = file();
    return { token: onOneLine(readFileSync(tokenSource, 'utf8')), tokenSource };
  } catch {
    // There is no such file, or no home directory that it could be in.
    return { token: undefined, tokenSource: undefined };
  }
};

/**
 * Reads the environment, anew at each call: HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_TOKEN, HF_HUB_OFFLINE.
 *
 * @throws ERR_ZEST_HUB where downloads would be kept in a home directory, and there is none
 */
export const hubEnvironment = (): HubEnvironment => {
  const { env } = process;
  const home = () =>
    expanded(filled(env.HF_HOME) ?? join(filled(env.XDG_CACHE_HOME) ?? join(homeFolder(), '.cache'), 'huggingface'));
  const seconds = Number(filled(env.HF_HUB_DOWNLOAD_TIMEOUT) ?? 10);
  return {
    endpoint: (filled(env.HF_ENDPOINT) ?? 'https://huggingface.co').replace(/\/+$/, ''),
    cache: expanded(filled(env.HF_HUB_CACHE) ?? filled(env.HUGGINGFACE_HUB_CACHE) ?? join(home(), 'hub')),
    ...tokenOf(() => expanded(filled(env.HF_TOKEN_PATH) ?? join(home(), 'token'))),
    isOffline: isSet(env.HF_HUB_OFFLINE) || isSet(env.TRANSFORMERS_OFFLINE),
    patience: 1000 * (seconds > 0 ? seconds : 10),
  };
};
