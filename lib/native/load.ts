import { statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { familySync } from 'detect-libc';
import { ZestError } from '../errors.ts';
import { manifest, version } from '../version.ts';
import type { NativeBinding, NativeCuda } from './binding.ts';
import { assertWhole } from './elf.ts';
import { installCommand } from './install-command.ts';
import { type Addon, PLATFORMS, type Platform, SCOPE } from './platforms.ts';

const require = createRequire(import.meta.url);

/** A .node file that was loaded. */
export interface Loaded {
  binding: NativeBinding;
  file: string;
  /** The package that it is from; absent: ZEST_NATIVE, or built on this machine. */
  platform?: Platform;
}

/** A place that may have the addon. */
interface Candidate {
  /** How an error calls it. */
  name: string;
  /**
   * Finds the file.
   *
   * @throws if there is none
   */
  find: () => string;
  platform?: Platform;
}

const libc = (): string | null => (process.platform === 'linux' ? familySync() : null);

/** This machine, as packages are named: linux-x64, linux-x64-musl, win32-x64. */
export const machine = (): string => `${process.platform}-${process.arch}${libc() === 'musl' ? '-musl' : ''}`;

const platformsOf = (addon: Addon): Platform[] =>
  PLATFORMS.filter(
    (platform) =>
      platform.addon === addon &&
      platform.os === process.platform &&
      platform.cpu === process.arch &&
      (platform.libc === undefined || platform.libc === libc()),
  );

const existing = (path: string): string => {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats) throw new Error('no such file');
  if (stats.isDirectory()) throw new Error('it is a folder; a .node file is expected');
  // Node would run a file of another name as a program.
  if (!path.endsWith('.node')) throw new Error('its name does not end in .node');
  return path;
};

const assertVersion = (other: string | undefined): void => {
  if (other === version) return;
  throw new Error(`it is of version ${other ?? 'unknown'}, and node-zest of ${version}`);
};

const inPackage = (name: string): string => {
  let description: string;
  try {
    description = require.resolve(`${name}/package.json`);
  } catch (cause) {
    throw new Error('not installed', { cause });
  }
  assertVersion(require(description).version);
  return require.resolve(name);
};

/** Where an addon is looked for, in order: ZEST_NATIVE, and then nowhere else; a build on this machine; a package. */
const candidates = (addon: Addon): Candidate[] => {
  const chosen = process.env.ZEST_NATIVE;
  if (chosen) {
    const file = resolve(chosen);
    return [{ name: `ZEST_NATIVE, ${file}`, find: () => existing(file) }];
  }
  const builds = ['Release', 'Debug'].map((folder) => {
    const file = fileURLToPath(new URL(`../../build/${folder}/${addon}.node`, import.meta.url));
    return { name: file, find: () => existing(file) };
  });
  const packages = platformsOf(addon).map((platform) => {
    const name = `${SCOPE}/${platform.name}`;
    return { name, find: () => inPackage(name), platform };
  });
  return [...builds, ...packages];
};

const firstLine = (error: unknown): string => String((error as Error)?.message ?? error).split('\n', 1)[0]!;

/**
 * Loads a .node file.
 *
 * @throws an Error that says what is wrong with it
 */
const open = (file: string, platform?: Platform): NativeBinding => {
  assertWhole(file);
  let binding: Partial<NativeBinding>;
  try {
    binding = require(file);
  } catch (cause) {
    throw new Error(`${firstLine(cause)}${platform?.needs ? ` (it needs ${platform.needs})` : ''}`, { cause });
  }
  if (typeof binding?.createEngine !== 'function') throw new Error('it is not an addon of node-zest');
  assertVersion(binding.version);
  return binding as NativeBinding;
};

const loaded = new Map<Addon, Loaded>();

/** Loads an addon once; `tried` has a line for each place that did not have it. */
const load = (addon: Addon): { loaded?: Loaded; tried: string[] } => {
  const tried: string[] = [];
  const known = loaded.get(addon);
  if (known) return { loaded: known, tried };
  for (const { name, find, platform } of candidates(addon)) {
    try {
      const file = find();
      const found: Loaded = { binding: open(file, platform), file, platform };
      loaded.set(addon, found);
      return { loaded: found, tried };
    } catch (error) {
      if (error instanceof ZestError) throw error;
      tried.push(`${name}: ${firstLine(error)}`);
    }
  }
  return { tried };
};

/** An addon, if there is one that this machine can load; it need not find a device. */
export const findAddon = (addon: Addon): Loaded | undefined => load(addon).loaded;

/** The command that helps. */
const advice = (addon: Addon): string => {
  const build = `\`npx zest build${addon === 'zest_cuda' ? ' --cuda' : ''}\``;
  const needs = addon === 'zest_cuda' ? 'the CUDA toolkit 13 and a C++20 compiler' : 'a C++20 compiler';
  if (process.env.ZEST_NATIVE) return 'Correct the environment variable ZEST_NATIVE, or unset it.';
  const [platform] = platformsOf(addon);
  if (!platform) return `There is no package for ${machine()}: compile it with ${build} (needs ${needs}).`;
  const name = `${SCOPE}/${platform.name}`;
  if (!manifest.optionalDependencies?.[name]) return `Compile it with ${build} (needs ${needs}).`;
  return (
    `Install it with \`${installCommand(`${name}@${version}`)}\`, and let installs keep optional dependencies; ` +
    `or compile it with ${build} (needs ${needs}).`
  );
};

const listed = (tried: readonly string[]): string => tried.map((line) => `\n  ${line}`).join('');

/**
 * Loads the addon for the CPU, with the file that it is from.
 *
 * @throws ERR_ZEST_NO_BINARY: every place tried, and the cure
 */
export const loadNative = (): Loaded => {
  const { loaded, tried } = load('zest');
  if (loaded) return loaded;
  throw new ZestError(
    'ERR_ZEST_NO_BINARY',
    `node-zest ${version} has no native addon for this machine, ${machine()}. Tried:${listed(tried)}\n${advice('zest')}`,
  );
};

/**
 * Gives the addon for the CPU.
 *
 * @throws ERR_ZEST_NO_BINARY
 */
export const native = (): NativeBinding => loadNative().binding;

/**
 * The addon with the CUDA backend, loaded once, and what it finds.
 *
 * @throws ERR_ZEST_DEVICE: there is none, or the machine has no driver, one that is too old, or no device that is
 * visible
 */
export const nativeCuda = (): Loaded & { cuda: NativeCuda } => {
  const { loaded, tried } = load('zest_cuda');
  if (!loaded) {
    throw new ZestError(
      'ERR_ZEST_DEVICE',
      `this installation has no CUDA backend. Tried:${listed(tried)}\n${advice('zest_cuda')}`,
    );
  }
  const cuda = loaded.binding.cuda();
  if (!cuda) throw new ZestError('ERR_ZEST_DEVICE', `${loaded.file} is for the CPU alone. ${advice('zest_cuda')}`);
  if (cuda.failure) throw new ZestError('ERR_ZEST_DEVICE', cuda.failure);
  return { ...loaded, cuda };
};
