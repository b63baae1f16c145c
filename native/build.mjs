// `npm run build:native`: builds build/Release/zest.node with cmake-js; `npm run build:cuda`, which is --cuda, builds
// zest_cuda.node beside it. Where cmake-js, CMake, or both make and ninja are not there, or with --direct, the compilers
// are called without them. `--output FOLDER` puts the file elsewhere, without CMake; `--tree FOLDER` is where CMake
// builds in the place of build or build/cuda.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compileAddon, runs } from './compile.mjs';

const { values: options } = parseArgs({
  options: {
    cuda: { type: 'boolean' },
    direct: { type: 'boolean' },
    output: { type: 'string' },
    tree: { type: 'string' },
  },
});
const root = fileURLToPath(new URL('..', import.meta.url));
const name = options.cuda ? 'zest_cuda.node' : 'zest.node';

const cmakeJs = () => {
  try {
    return createRequire(import.meta.url).resolve('cmake-js/bin/cmake-js');
  } catch {
    return undefined;
  }
};

const withCMake = () => {
  const tree = options.tree ?? (options.cuda ? 'build/cuda' : undefined);
  const architectures = process.env.ZEST_CUDA_ARCHITECTURES;
  const settings = [
    ['--log-level', 'warn', '--parallel', String(availableParallelism())],
    options.cuda ? ['--target', 'zest_cuda', '--CDZEST_CUDA=ON'] : [],
    tree ? ['--out', tree] : [],
    process.env.ZEST_WERROR ? [`--CDZEST_WERROR=${process.env.ZEST_WERROR}`] : [],
    options.cuda && architectures ? [`--CDZEST_CUDA_ARCHITECTURES=${architectures}`] : [],
  ].flat();
  const { status } = spawnSync(process.execPath, [cmakeJs(), 'compile', ...settings], { cwd: root, stdio: 'inherit' });
  if (status !== 0) throw new Error('cmake-js failed; its messages are above');
};

const writableFolder = (folder) => {
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
    return folder;
  } catch (cause) {
    throw new Error(
      `${folder} cannot be written to (${cause.code}); build elsewhere with --output FOLDER, and set ZEST_NATIVE to ` +
        `FOLDER/${name}`,
    );
  }
};

const modified = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

const isCurrent = (addon) => {
  const inputs = readdirSync(join(root, 'native'), { recursive: true }).map((path) => join(root, 'native', path));
  return modified(addon) > Math.max(...[...inputs, join(root, 'package.json')].map(modified));
};

const withCompilers = async () => {
  const folder = writableFolder(options.output ? resolve(options.output) : join(root, 'build/Release'));
  const objects = mkdtempSync(join(tmpdir(), 'zest-build-'));
  const onSource = (source, done, total) => console.log(`${source} (${done} of ${total})`);
  try {
    await compileAddon({ output: join(folder, name), objects, cuda: options.cuda, onSource });
  } finally {
    rmSync(objects, { recursive: true, force: true });
  }
  console.log(join(folder, name));
};

try {
  const generator = runs('make') || runs('ninja');
  const asked = options.direct || options.output;
  if (!asked && cmakeJs() && runs('cmake') && generator) withCMake();
  else if (asked || !isCurrent(join(root, 'build/Release', name))) await withCompilers();
} catch (error) {
  console.error(`${name} was not built: ${error.stderr || error.message}`);
  process.exitCode = 1;
}
