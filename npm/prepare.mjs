// What npm runs in a clone after `npm ci`, before `npm pack`, and for `npm install git+…`: makes dist and, where this
// machine can compile it, the addon, so that what is packed works here.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const cwd = fileURLToPath(new URL('..', import.meta.url));
// npm reads the standard output of `npm pack --json`, so nothing else may be written there.
const stdio = ['ignore', process.stderr, process.stderr];
const windows = process.platform === 'win32';
const npm = (...options) => execFileSync('npm', options, { cwd, stdio, shell: windows });

if (!existsSync(new URL('../node_modules/typescript', import.meta.url))) npm('ci', '--ignore-scripts');
npm('run', '--silent', 'build:ts');
if (spawnSync(process.execPath, ['native/build.mjs'], { cwd, stdio }).status !== 0) {
  console.error('prepare: goes on without the addon; `npx zest build` compiles it later');
}
