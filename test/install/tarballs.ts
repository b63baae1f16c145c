import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { machine } from '../../lib/native/load.ts';
import { PLATFORMS, SCOPE } from '../../lib/native/platforms.ts';
// @ts-expect-error: packages are made by plain JavaScript, without declarations
import { platformManifest, platformReadme } from '../../npm/manifests.mjs';
import { kept, root } from './paths.ts';

export const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

const modified = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

const newest = (source: string): number => {
  const path = join(root, source);
  if (!statSync(path).isDirectory()) return modified(path);
  return Math.max(...readdirSync(path, { recursive: true }).map((entry) => modified(join(path, String(entry)))));
};

/** What each tarball is made of; all of them also of package.json and npm. */
const SOURCES = {
  'node-zest': ['lib', 'native', 'models', 'docs', 'assets', 'examples', 'README.md', 'LICENSE'],
  [machine()]: ['native', 'lib/native/platforms.ts'],
};

const fileOf = (name: string): string => {
  const packed = name === 'node-zest' ? name : `node-zest-${name}`;
  return join(root, 'build/packages', `${packed}-${manifest.version}.tgz`);
};

const isCurrent = (name: string): boolean =>
  modified(fileOf(name)) > Math.max(...['package.json', 'npm', ...(SOURCES[name] as string[])].map(newest));

/** Makes the tarballs of node-zest and of this machine's platform package, where they are missing or old. */
export const makeTarballs = (): string[] => {
  const names = Object.keys(SOURCES);
  const old = names.filter((name) => !isCurrent(name));
  if (old.length)
    execFileSync('node', ['npm/packages.mjs', ...old], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  return names.map(fileOf);
};

/**
 * Folders of the other platforms' packages, without their addons. A registry must have all: npm 11 and 12 make a lock
 * file that `npm ci` refuses where an optional dependency is not to be had, and yarn 1 and 4 do not install at all.
 */
export const makePlaceholders = (): string[] =>
  PLATFORMS.filter(({ name }) => name !== machine()).map((platform) => {
    const name = `${SCOPE}/${platform.name}`;
    const folder = join(kept, 'placeholders', platform.name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), JSON.stringify(platformManifest(manifest, name, platform), null, 2));
    writeFileSync(join(folder, 'README.md'), platformReadme(name, platform));
    return folder;
  });
