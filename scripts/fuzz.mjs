// `npm run fuzz [-- --runs N --seconds S --length L] [TARGET…]`: builds the targets of native/fuzz with Clang, libFuzzer,
// AddressSanitizer and UndefinedBehaviorSanitizer in build/fuzz, and runs each for so many executions, 10⁷ unless said, or
// until the time is up, with inputs of at most L bytes, 1024 unless said. What they learn is kept in build/fuzz/corpus; a
// fault ends with the input in build/fuzz/faults.
// docs/security.md has what was found.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const build = join(root, 'build/fuzz');
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string', default: '10000000' },
    seconds: { type: 'string', default: '0' }, // 0: no limit
    length: { type: 'string', default: '1024' },
  },
});

const run = (command, ...args) => {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', cwd: root });
  if (error || status !== 0) {
    console.error(`${command} ended with ${error?.message ?? status}`);
    process.exit(1);
  }
};

const settings = ['-DZEST_FUZZ=LIBFUZZER', '-DZEST_TESTS=OFF', '-DZEST_CUDA=OFF', '-DCMAKE_CXX_COMPILER=clang++'];
run('cmake', '-S', root, '-B', build, ...settings);
const known = readdirSync(join(root, 'native/fuzz/corpus'));
const targets = positionals.length > 0 ? positionals : known;
for (const target of targets) {
  if (known.includes(target)) continue;
  console.error(`target is ${target}; expected one of ${known.join(', ')}`);
  process.exit(2);
}
run(
  'cmake',
  '--build',
  build,
  '--parallel',
  `${availableParallelism()}`,
  ...targets.flatMap((each) => ['--target', `fuzz_${each}`]),
);
for (const target of targets) {
  const learnt = join(build, 'corpus', target);
  const faults = join(build, 'faults/');
  for (const folder of [learnt, faults]) mkdirSync(folder, { recursive: true });
  run(
    join(build, `native/fuzz/fuzz_${target}`),
    learnt,
    join(root, 'native/fuzz/corpus', target),
    `-runs=${values.runs}`,
    `-max_total_time=${values.seconds}`,
    `-max_len=${values.length}`,
    '-timeout=20',
    '-malloc_limit_mb=256',
    `-artifact_prefix=${faults}${target}-`,
    '-print_final_stats=1',
  );
}
