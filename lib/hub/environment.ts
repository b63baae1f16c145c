import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where Hugging Face's hub is, and where its files are kept: as Python's huggingface_hub reads it from the environment. */
export interface HubEnvironment {
  /** Address without a slash at its end. */
  endpoint: string;
  /** Folder of the downloaded files, which Python's libraries share. */
  cache: string;
  /** Token of HF_TOKEN, or else the one that `hf auth login` keeps in a file. */
  token: string | undefined;
  /** Where the token came from: the name of a variable, or the path of the file. */
  tokenSource: string;
  /** Whether nothing may be asked of the network. */
  isOffline: boolean;
  /** Time that the other side may keep silent, in milliseconds. */
  patience: number;
}

const filled = (value: string | undefined): string | undefined => value?.trim() || undefined;

const isSet = (value: string | undefined): boolean => /^(1|on|yes|true)$/i.test(value ?? '');

const expanded = (path: string): string => path.replace(/^~(?=$|\/)/, homedir());

/** A token on one line: line breaks are taken out, wherever they are, as Python's library does. */
const onOneLine = (token: string | undefined): string | undefined => filled(token?.replace(/[\r\n]/g, ''));

const kept = (file: string): string | undefined => {
  try {
    return onOneLine(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
};

/** Reads the environment, anew at each call: HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_TOKEN, HF_HUB_OFFLINE. */
export const hubEnvironment = (): HubEnvironment => {
  const { env } = process;
  const home = expanded(
    filled(env.HF_HOME) ?? join(filled(env.XDG_CACHE_HOME) ?? join(homedir(), '.cache'), 'huggingface'),
  );
  const variable = ['HF_TOKEN', 'HUGGING_FACE_HUB_TOKEN'].find((each) => onOneLine(env[each]) !== undefined);
  const tokenFile = expanded(filled(env.HF_TOKEN_PATH) ?? join(home, 'token'));
  const seconds = Number(filled(env.HF_HUB_DOWNLOAD_TIMEOUT) ?? 10);
  return {
    endpoint: (filled(env.HF_ENDPOINT) ?? 'https://huggingface.co').replace(/\/+$/, ''),
    cache: expanded(filled(env.HF_HUB_CACHE) ?? filled(env.HUGGINGFACE_HUB_CACHE) ?? join(home, 'hub')),
    token: variable === undefined ? kept(tokenFile) : onOneLine(env[variable]),
    tokenSource: variable ?? tokenFile,
    isOffline: isSet(env.HF_HUB_OFFLINE) || isSet(env.TRANSFORMERS_OFFLINE),
    patience: 1000 * (seconds > 0 ? seconds : 10),
  };
};
