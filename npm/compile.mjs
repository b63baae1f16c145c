// npm run build:ts: compiles lib/ to dist/, and examples/ to dist/examples. The compiler writes below build/typescript,
// where it finds what it has done before, and what differs is renamed into dist: whoever runs from there meanwhile finds
// every module, and each of them whole.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const compiler = join(root, 'node_modules/typescript/bin/tsc');

const filesOf = (folder) =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true }).filter((name) => statSync(join(folder, name)).isFile())
    : [];

/** Compiles a folder of sources, and tells the files of `target` that they become. */
const compile = (project, source, target, kinds) => {
  const names = filesOf(join(root, source))
    .filter((name) => name.endsWith('.ts'))
    .flatMap((name) => kinds.map((kind) => name.slice(0, -'.ts'.length) + kind));
  const compiled = join(root, 'build/typescript', source);
  // What was done before counts only while all of it is there.
  if (!names.every((name) => existsSync(join(compiled, name)))) rmSync(compiled, { recursive: true, force: true });
  const { status } = spawnSync(process.execPath, [compiler, '-p', project], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
  return names.map((name) => {
    const [from, to] = [join(compiled, name), join(target, name)];
    if (!existsSync(to) || !readFileSync(from).equals(readFileSync(to))) {
      mkdirSync(dirname(to), { recursive: true });
      const copy = `${from}.${process.pid}`;
      copyFileSync(from, copy);
      renameSync(copy, to);
    }
    return to;
  });
};

const dist = join(root, 'dist');
const made = new Set([
  ...compile('tsconfig.build.json', 'lib', dist, ['.js', '.d.ts']),
  ...compile('tsconfig.examples.json', 'examples', join(dist, 'examples'), ['.js']),
]);
const gone = filesOf(dist).filter((name) => !made.has(join(dist, name))); // made of sources that are no more
for (const name of gone) rmSync(join(dist, name), { force: true });
