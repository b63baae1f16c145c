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
  /** Whether nothing may be asked of the network. */
  isOffline: boolean;
  /** Time that the other side may keep silent, in milliseconds. */
  patience: number;
}

const filled = (value: string | undefined): string | undefined => value?.trim() || undefined;

const isSet = (value: string | undefined): boolean => /^(1|on|yes|true)$/i.test(value ?? '');

const expanded = (path: string): string => path.replace(/^~(?=$|\/)/, homedir());

const kept = (file: string): string | undefined => {
  try {
    return filled(readFileSync(file, 'utf8'));
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
  const seconds = Number(filled(env.HF_HUB_DOWNLOAD_TIMEOUT) ?? 10);
  return {
    endpoint: (filled(env.HF_ENDPOINT) ?? 'https://huggingface.co').replace(/\/+$/, ''),
    cache: expanded(filled(env.HF_HUB_CACHE) ?? filled(env.HUGGINGFACE_HUB_CACHE) ?? join(home, 'hub')),
    token:
      filled(env.HF_TOKEN) ??
      filled(env.HUGGING_FACE_HUB_TOKEN) ??
      kept(expanded(filled(env.HF_TOKEN_PATH) ?? join(home, 'token'))),
    isOffline: isSet(env.HF_HUB_OFFLINE) || isSet(env.TRANSFORMERS_OFFLINE),
    patience: 1000 * (seconds > 0 ? seconds : 10),
  };
};
