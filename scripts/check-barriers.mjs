// node scripts/check-barriers.mjs BUILD [--kernels]: takes the barriers of the CUDA kernels and their waits for copies,
// and the events that one stream waits for, away one by one and fails if the tests on the host (BUILD is a CMake build
// with them) do not notice. --kernels: those of kernels alone, in seconds.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const [, , build, only] = process.argv;
const KERNEL_TESTS = ['cuda_forward_kernels_test', 'cuda_attention_kernels_test', 'cuda_noise_kernels_test'];
const BARRIER = /__sync(?:threads|warp)\([^)]*\);|__pipeline_wait_prior\([^)]*\);|check\(cudaStreamWaitEvent\([^;]*;/g;

const run = (command, args) => spawnSync(command, args, { encoding: 'utf8' });
const tested = (file) => (only === '--kernels' ? /\.(cu|h)$/ : /\.(cu|cc|h)$/).test(file);
const passes = (tests) => {
  const made = run('cmake', ['--build', build, '--parallel', '2', '--target', ...tests]);
  if (made.status !== 0) throw new Error(`the tests do not compile:\n${made.stdout}${made.stderr}`);
  return run('ctest', ['--test-dir', build, '-R', `^(${tests.join('|')})$`]).status === 0;
};

// What no test on the host can notice: launches that overlap.
for (const name of readdirSync('native/cuda/kernels').filter((file) => file.endsWith('.cu'))) {
  const source = readFileSync(`native/cuda/kernels/${name}`, 'utf8');
  const kernels = source.match(/__global__/g)?.length ?? 0;
  const waiting = source.match(/__global__[^{;]*\{\s*after_previous_kernels\(\);/g)?.length ?? 0;
  if (kernels !== waiting) throw new Error(`${name}: a kernel does not begin with after_previous_kernels()`);
}

let missed = 0;
let removed = 0;
if (!passes(only ? KERNEL_TESTS : [...KERNEL_TESTS, 'cuda_backend_test'])) throw new Error('the tests fail as it is');
for (const name of readdirSync('native/cuda', { recursive: true }).filter(tested)) {
  const path = `native/cuda/${name}`;
  const source = readFileSync(path, 'utf8');
  const tests = name.endsWith('.cc') ? ['cuda_backend_test'] : KERNEL_TESTS;
  for (const { 0: barrier, index } of source.matchAll(BARRIER)) {
    const line = source.slice(0, index).split('\n').length;
    try {
      writeFileSync(path, `${source.slice(0, index)}{}${source.slice(index + barrier.length)}`);
      const noticed = !passes(tests);
      console.log(`${path}:${line}: ${barrier} ${noticed ? 'noticed' : 'NOT NOTICED'}`);
      removed += 1;
      if (!noticed) missed += 1;
    } finally {
      writeFileSync(path, source);
    }
  }
}
console.log(`${removed} barriers, ${missed} not noticed`);
if (removed === 0 || missed > 0) process.exitCode = 1;
