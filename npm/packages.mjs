// `npm run packages [NAME …]`: makes the tarballs of node-zest and of its platform packages, or of those named, in
// build/packages. One Linux machine makes all; nvcc is needed for linux-x64-cuda alone.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileAddon } from '../native/compile.mjs';
import { mainManifest, platformManifest, platformReadme } from './manifests.mjs';
import { targetOptions } from './zig.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const output = join(root, 'build/packages');
const MAIN = 'node-zest';
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

const run = (program, ...options) =>
  execFileSync(program, options, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' });
const writeJson = (file, value) => writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);
const emptyFolder = (folder) => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
};

/** Packs a folder; returns the tarball. */
const pack = (folder) => {
  const [{ filename }] = JSON.parse(
    run('npm', 'pack', folder, '--json', '--ignore-scripts', '--pack-destination', output),
  );
  return join(output, filename);
};

const packMain = (packages) => {
  const folder = emptyFolder(join(output, MAIN));
  const [{ files }] = JSON.parse(run('npm', 'pack', '--json', '--dry-run', '--ignore-scripts'));
  for (const { path } of files) {
    if (!path.endsWith('.node')) cpSync(join(root, path), join(folder, path));
  }
  writeJson(join(folder, 'package.json'), mainManifest(manifest, packages));
  return pack(folder);
};

const packPlatform = async ({ name, platform }) => {
  const folder = emptyFolder(join(output, platform.name));
  await compileAddon({
    ...targetOptions(platform),
    os: platform.os,
    arch: platform.cpu,
    cuda: platform.addon === 'zest_cuda',
    output: join(folder, `${platform.addon}.node`),
    objects: join(output, 'objects', platform.name),
  });
  // The linker leaves a library of a file's exports beside it on Windows.
  for (const name of readdirSync(folder)) if (name.endsWith('.lib')) rmSync(join(folder, name));
  writeJson(join(folder, 'package.json'), platformManifest(manifest, name, platform));
  writeFileSync(join(folder, 'README.md'), platformReadme(name, platform));
  cpSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
  return pack(folder);
};

run('npm', 'run', '--silent', 'build:ts');
const { PLATFORMS, SCOPE } = await import('../dist/native/platforms.js');
const packages = PLATFORMS.map((platform) => ({ name: `${SCOPE}/${platform.name}`, platform }));
const known = [MAIN, ...PLATFORMS.map(({ name }) => name)];
const wanted = process.argv.length > 2 ? process.argv.slice(2) : known;
const unknown = wanted.filter((name) => !known.includes(name));
if (unknown.length) {
  console.error(`there is no package ${unknown.join(', ')}; expected ${known.join(', ')}`);
  process.exit(2);
}

for (const name of wanted) {
  const started = performance.now();
  try {
    const tarball =
      name === MAIN ? packMain(packages) : await packPlatform(packages.find(({ platform }) => platform.name === name));
    const kilobytes = Math.round(statSync(tarball).size / 1000);
    console.log(`${tarball}  ${kilobytes} kB, ${Math.round((performance.now() - started) / 1000)} s`);
  } catch (error) {
    console.error(`${name} was not made: ${error.stderr || error.message}`);
    process.exitCode = 1;
  }
}
