// `npm run build:native`: builds build/Release/zest.node with cmake-js; `npm run build:cuda`, which is --cuda, builds
// zest_cuda.node beside it. CMake itself needs make or ninja; where neither is installed, or with --direct, the compiler
// is called here, with the same sources and flags (native/sources.json); zest_cuda.node has no such way.
import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const require = createRequire(import.meta.url);
const cores = availableParallelism();
const cuda = process.argv.includes('--cuda');
const direct = process.argv.includes('--direct');
const name = cuda ? 'zest_cuda.node' : 'zest.node';
process.chdir(fileURLToPath(new URL('..', import.meta.url)));

const runs = (program) => spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;

const withCMake = () => {
  if (!runs('cmake')) throw new Error('cmake was not found; install it (Debian: apt install cmake g++)');
  const cmakeJs = require.resolve('cmake-js/bin/cmake-js');
  const architectures = process.env.ZEST_CUDA_ARCHITECTURES;
  const options = [
    ['--log-level', 'warn', '--parallel', String(cores)],
    cuda ? ['--out', 'build/cuda', '--target', 'zest_cuda', '--CDZEST_CUDA=ON'] : [],
    process.env.ZEST_WERROR ? [`--CDZEST_WERROR=${process.env.ZEST_WERROR}`] : [],
    cuda && architectures ? [`--CDZEST_CUDA_ARCHITECTURES=${architectures}`] : [],
  ].flat();
  const { status } = spawnSync(process.execPath, [cmakeJs, 'compile', ...options], { stdio: 'inherit' });
  if (status !== 0) throw new Error('cmake-js failed; its messages are above');
};

const modified = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

const withCompiler = async () => {
  const compiler = process.env.CXX ?? 'c++';
  if (!runs(compiler)) throw new Error(`${compiler} was not found; install a C++20 compiler (Debian: apt install g++)`);
  const addon = 'build/Release/zest.node';
  const inputs = readdirSync('native', { recursive: true }).map((path) => `native/${path}`);
  if (modified(addon) > Math.max(...inputs.map(modified))) return;

  const sources = JSON.parse(readFileSync('native/sources.json', 'utf8'));
  const include = ['native', require('node-api-headers').include_dir, require('node-addon-api').include_dir];
  const common = ['-std=c++20', '-O3', '-DNDEBUG', '-fPIC', '-pthread', ...sources.flags.all]
    .concat(sources.definitions.map((name) => `-D${name}`))
    .concat(include.map((path) => `-I${resolve(path)}`));
  const groups = ['core', 'cpu', 'addon', 'addon_without_cuda', ...(process.arch === 'x64' ? ['avx2', 'avx512'] : [])];
  const pending = groups.flatMap((group) =>
    sources[group].map((source) => ({ source, flags: sources.flags[group] ?? [], object: `build/direct/${source}.o` })),
  );
  const objects = pending.map(({ object }) => object);
  const compile = promisify(execFile);
  const worker = async () => {
    for (let job = pending.shift(); job; job = pending.shift()) {
      mkdirSync(dirname(job.object), { recursive: true });
      console.log(`${job.source} (${objects.length - pending.length} of ${objects.length})`);
      await compile(compiler, [...common, ...job.flags, '-c', job.source, '-o', job.object]);
    }
  };
  await Promise.all(Array.from({ length: cores }, worker));
  mkdirSync(dirname(addon), { recursive: true });
  const link =
    process.platform === 'darwin'
      ? ['-undefined', 'dynamic_lookup']
      : ['-Wl,--version-script=native/addon/exports.map', '-Wl,--gc-sections', '-s'];
  await compile(compiler, ['-shared', '-pthread', ...objects, ...link, '-o', addon]);
};

try {
  const generator = runs('make') || runs('ninja');
  if (cuda && (direct || !generator))
    throw new Error('it needs cmake with make or ninja (Debian: apt install cmake make)');
  if (direct || !generator) await withCompiler();
  else withCMake();
} catch (error) {
  console.error(`${name} was not built: ${error.message}`);
  process.exitCode = 1;
}
