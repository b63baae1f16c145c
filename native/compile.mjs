// Compiles an addon with compilers alone, without CMake: what `zest build` does in an installed package, and what makes
// the platform packages. Sources and flags stand in native/sources.json.
import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const require = createRequire(import.meta.url);
const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));
const sources = JSON.parse(readFileSync(join(root, 'native/sources.json'), 'utf8'));
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

const MOST_OUTPUT_BYTES = 1 << 26;

/** Whether a program can be started. */
export const runs = (program, ...options) =>
  spawnSync(program, [...options, '--version'], { cwd: tmpdir(), stdio: 'ignore' }).status === 0;

const installCompiler = () => {
  if (process.platform === 'darwin') return 'xcode-select --install';
  if (runs('apk')) return 'apk add g++';
  return runs('dnf') ? 'dnf install gcc-c++' : 'apt install g++';
};

const headersOf = (name) => {
  try {
    return resolve(require(name).include_dir); // which may be relative to the current directory
  } catch {
    return undefined;
  }
};

/** The folder of a CUDA toolkit, if there is one. */
const findToolkit = () =>
  [process.env.CUDA_HOME, process.env.CUDA_PATH, '/usr/local/cuda'].find(
    (home) => home && runs(join(home, 'bin/nvcc')),
  );

/** Compute capabilities as CMake writes them, for nvcc: `90-real` is code for that processor, `90` has PTX for later ones too. */
const generateCode = (list) =>
  list.map((entry) => {
    const [, number, kind] = /^(\d+[a-z]?)(?:-(real|virtual))?$/.exec(entry) ?? [];
    if (!number) {
      throw new Error(`ZEST_CUDA_ARCHITECTURES has '${entry}'; expected entries such as 90, 90-real, 90-virtual`);
    }
    const codes = [...(kind === 'virtual' ? [] : [`sm_${number}`]), ...(kind === 'real' ? [] : [`compute_${number}`])];
    return `-gencode=arch=compute_${number},code=[${codes}]`;
  });

const linkFlags = (os) => {
  if (os === 'darwin') {
    return ['-Wl,-undefined,dynamic_lookup', '-Wl,-dead_strip', '-Wl,-install_name,@rpath/zest.node', '-s'];
  }
  if (os === 'win32') return ['-s'];
  return ['-pthread', `-Wl,--version-script=${join(root, 'native/addon/exports.map')}`, '-Wl,--gc-sections', '-s'];
};

/** The headers and the CUDA toolkit that a compilation needs. Throws an Error that names all that is missing. */
const findToolchain = (compiler, cuda) => {
  const headers = ['node-addon-api', 'node-api-headers'].map((name) => ({ name, folder: headersOf(name) }));
  const absent = headers.filter(({ folder }) => !folder).map(({ name }) => name);
  const toolkit = cuda ? findToolkit() : undefined;
  const missing = [
    ...(runs(...compiler) ? [] : [`${compiler.join(' ')}, a C++20 compiler: ${installCompiler()}`]),
    ...(absent.length ? [`the packages ${absent.join(' and ')}: npm install --no-save ${absent.join(' ')}`] : []),
    ...(cuda && !toolkit ? ['nvcc: install the CUDA toolkit 13, and name its folder in CUDA_HOME'] : []),
  ];
  if (missing.length) throw new Error(`these are missing:\n  ${missing.join('\n  ')}`);
  return { toolkit, include: [...headers.map(({ folder }) => folder), ...(toolkit ? [join(toolkit, 'include')] : [])] };
};

const groupsOf = (arch, cuda) => [
  'core',
  'cpu',
  'addon',
  ...(arch === 'x64' ? ['avx2', 'avx512'] : []),
  ...(arch === 'arm64' ? ['neon'] : []),
  ...(cuda ? ['cuda', 'addon_with_cuda'] : ['addon_without_cuda']),
];

/** For each source the command that compiles it, without the names of the files. */
const commandsOf = ({ compiler, os, arch, cuda, flags }, { toolkit, include }) => {
  const core = `-I${join(root, 'native')}`;
  const cxx = [
    '-std=c++20',
    '-O3',
    '-DNDEBUG',
    ...(os === 'win32' ? [] : ['-fPIC', '-pthread']),
    ...sources.flags.all,
    ...sources.definitions.map((name) => `-D${name}`),
    `-DZEST_VERSION="${version}"`,
    core,
    ...include.flatMap((folder) => ['-isystem', folder]),
    ...flags,
  ];
  const architectures = process.env.ZEST_CUDA_ARCHITECTURES?.split(/[;, ]+/) ?? sources.cuda_architectures;
  const nvcc = ['-std=c++20', '-DNDEBUG', core, '-ccbin', compiler[0], ...sources.flags.cuda];
  const flagsOf = (group) => (group === 'cuda' ? [] : (sources.flags[group] ?? []));
  return groupsOf(arch, cuda).flatMap((group) =>
    sources[group].map((source) => ({
      source,
      command: source.endsWith('.cu')
        ? [join(toolkit, 'bin/nvcc'), ...nvcc, ...generateCode(architectures)]
        : [...compiler, ...cxx, ...flagsOf(group)],
    })),
  );
};

/** Runs a compiler in a folder where it may leave files: Zig does. */
const execute = ([program, ...options], cwd) => run(program, options, { cwd, maxBuffer: MOST_OUTPUT_BYTES });

/**
 * Compiles and links one addon. Rejects with an Error that names everything that is missing and what installs it, or
 * that has the compiler's messages.
 *
 * @param {object} target
 * @param {string} target.output the .node file
 * @param {string} target.objects a folder for object files
 * @param {string[]} [target.compiler] the C++ compiler, a program and its first arguments; default: CXX, else c++
 * @param {string[]} [target.linker] what links, as `compiler`; default: that
 * @param {string} [target.os] of the target, as Node names it; default: this machine's
 * @param {string} [target.arch] of the target, as Node names it; default: this machine's
 * @param {boolean} [target.cuda] with the CUDA backend
 * @param {string[]} [target.flags] more arguments for each source
 * @param {string[]} [target.link] more arguments for linking
 * @param {(source: string, done: number, total: number) => void} [target.onSource] is called as each source is begun
 */
export const compileAddon = async ({
  output,
  objects,
  compiler = [process.env.CXX || 'c++'],
  linker = compiler,
  os = process.platform,
  arch = process.arch,
  cuda = false,
  flags = [],
  link = [],
  onSource = () => {},
}) => {
  const toolchain = findToolchain(compiler, cuda);
  const pending = commandsOf({ compiler, os, arch, cuda, flags }, toolchain).map((job) => ({
    ...job,
    object: join(objects, `${job.source}.o`),
  }));
  const total = pending.length;
  mkdirSync(objects, { recursive: true });
  const built = pending.map(({ object }) => object);
  const compile = async () => {
    for (let job = pending.shift(); job; job = pending.shift()) {
      mkdirSync(dirname(job.object), { recursive: true });
      onSource(job.source, total - pending.length, total);
      await execute([...job.command, '-c', join(root, job.source), '-o', job.object], objects);
    }
  };
  try {
    await Promise.all(Array.from({ length: availableParallelism() }, compile));
  } catch (error) {
    pending.length = 0; // the other workers stop
    throw error;
  }
  mkdirSync(dirname(output), { recursive: true });
  const { toolkit } = toolchain;
  const runtime = toolkit ? [join(toolkit, 'lib64/libcudart_static.a'), '-ldl', '-lrt'] : [];
  await execute([...linker, '-shared', ...built, ...runtime, ...linkFlags(os), ...link, '-o', output], objects);
};
