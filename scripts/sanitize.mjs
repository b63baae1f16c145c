// `npm run test:sanitizers`: builds the engine and its C++ tests with sanitizers, each in a folder of its own, and runs
// them. `npm run test:sanitizers thread` runs one build alone.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const BUILDS = { thread: 'thread', address: 'address,undefined' };
const chosen = process.argv.slice(2);

for (const [name, sanitizers] of Object.entries(BUILDS)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue;
  const run = (command, ...args) => execFileSync(command, args, { cwd: root, stdio: 'inherit' });
  const folder = `build/sanitize-${name}`;
  run('cmake', '-S', '.', '-B', folder, `-DZEST_SANITIZE=${sanitizers}`, '-DZEST_TESTS=ON');
  run('cmake', '--build', folder, '--parallel', '2');
  run('ctest', '--test-dir', folder, '--verbose', '--timeout', '3600');
}
