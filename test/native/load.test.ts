import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { loadNative, machine } from '../../lib/native/load.ts';
import { PLATFORMS } from '../../lib/native/platforms.ts';
import { scratchFolder } from '../fixtures/scratch.ts';

// How an installed package finds its addon: each test has an installation of its own, and processes that use it.

const root = fileURLToPath(new URL('../..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const addon = loadNative().file;
const platform = PLATFORMS.find(({ name }) => name === machine());
const foreign = createRequire(createRequire(import.meta.url).resolve('vite')).resolve(
  `@rolldown/binding-${process.platform}-${process.arch}${process.platform === 'linux' ? '-gnu' : ''}`,
);
const scratch = scratchFolder();

let count = 0;
let project: string;
let home: string;
let packaged: string;

/** Lays node-zest's JavaScript into a folder, as npm would, without an addon. */
const layPackage = (folder: string, changes: object = {}): void => {
  cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true });
  symlinkSync(join(root, 'models'), join(folder, 'models'));
  const optionalDependencies = Object.fromEntries(
    PLATFORMS.map(({ name }) => [`@node-zest/${name}`, manifest.version]),
  );
  const published = { ...manifest, optionalDependencies, scripts: undefined, ...changes };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(published));
};

/** Installs a file as the addon of this machine's package. */
const layAddon = (file: string, version = manifest.version): void => {
  mkdirSync(packaged, { recursive: true });
  const description = { name: `@node-zest/${machine()}`, version, main: 'zest.node' };
  writeFileSync(join(packaged, 'package.json'), JSON.stringify(description));
  cpSync(file, join(packaged, 'zest.node'));
};

beforeEach(() => {
  project = join(scratch, `projet n° ${++count} – größer`);
  home = join(project, 'node_modules/node-zest');
  packaged = join(project, 'node_modules/@node-zest', machine());
  mkdirSync(home, { recursive: true });
  for (const name of readdirSync(join(root, 'node_modules')).filter((entry) => !entry.startsWith('.'))) {
    symlinkSync(join(root, 'node_modules', name), join(project, 'node_modules', name));
  }
  layPackage(home);
});

interface Said {
  ok: boolean;
  output: string;
}

/** Runs Node in the project; as a user without rights where `uid` says so. */
const spawn = (args: readonly string[], env: Record<string, string>, uid?: number): Said => {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: project,
    env: { ...process.env, ZEST_NATIVE: '', npm_config_user_agent: '', ...env },
    encoding: 'utf8',
    uid,
  });
  return { ok: status === 0, output: stdout + stderr };
};

/** What a program in the project prints; it may await. */
const run = (program: string, env: Record<string, string> = {}): Said => {
  writeFileSync(join(project, 'main.mjs'), program);
  return spawn(['main.mjs'], env);
};

const NOISE = `
  import { noise, ZestError } from 'node-zest';
  try {
    console.log([...noise({ seed: 1, stream: 2n, offset: 3, length: 2 })].join(' '));
  } catch (error) {
    console.log(error instanceof ZestError, error.code, error.message);
    process.exitCode = 1;
  }`;
/** What `zest doctor --json` says in the project. */
const doctor = (env: Record<string, string> = {}) =>
  JSON.parse(spawn([join(home, 'dist/cli/main.js'), 'doctor', '--json'], env).output);

describe.skipIf(!platform)('an installed package', () => {
  it('takes the addon of its platform package', () => {
    layAddon(addon);
    expect(run(NOISE)).toMatchObject({ ok: true, output: expect.stringMatching(/^-?\d/) });
    expect(doctor()).toMatchObject({
      binary: join(packaged, 'zest.node'),
      package: `@node-zest/${machine()}`,
      packageRan: platform?.ran,
    });
  });

  it('prefers what was built on the machine, and ZEST_NATIVE to both', () => {
    layAddon(addon);
    const built = join(home, 'build/Release/zest.node');
    cpSync(addon, built);
    expect(doctor()).toMatchObject({ binary: built, package: null });
    expect(doctor({ ZEST_NATIVE: addon })).toMatchObject({ binary: addon, package: null });
    expect(doctor({ ZEST_NATIVE: relative(project, addon) })).toMatchObject({ binary: addon });
  });

  it('passes over a build that cannot be loaded, if the package has a good one', () => {
    layAddon(addon);
    mkdirSync(join(home, 'build/Release'), { recursive: true });
    writeFileSync(join(home, 'build/Release/zest.node'), readFileSync(addon).subarray(0, 5000));
    expect(doctor()).toMatchObject({ binary: join(packaged, 'zest.node') });
  });

  it('says what it tried, and the command that helps in the project', () => {
    const said = run(NOISE);
    expect(said.ok).toBe(false);
    expect(said.output).toMatch(/^true ERR_ZEST_NO_BINARY node-zest \d/);
    expect(said.output).toContain(`${join(home, 'build/Release/zest.node')}: no such file`);
    expect(said.output).toContain(`@node-zest/${machine()}: not installed`);
    const specifier = `@node-zest/${machine()}@${manifest.version}`;
    expect(said.output).toContain(`npm install --no-save ${specifier}`);
    expect(said.output).toContain('npx zest build');
    const pnpm = run(NOISE, { npm_config_user_agent: 'pnpm/10.1.0 npm/? node/v22' });
    expect(pnpm.output).toContain(`pnpm add --save-optional ${specifier}`);
    const yarn = run(NOISE, { npm_config_user_agent: 'yarn/1.22.22 npm/? node/v22' });
    expect(yarn.output).toContain(`yarn add --optional ${specifier}`);
    // Without a package manager about: by what the one that installed it left.
    writeFileSync(join(project, 'node_modules/.yarn-state.yml'), '');
    expect(run(NOISE).output).toContain(`yarn add --optional ${specifier}`);
  });

  it('does not name a package that it was not published with', () => {
    layPackage(join(project, 'node_modules/from-git'), { name: 'from-git', optionalDependencies: undefined });
    const said = run(NOISE.replace("'node-zest'", "'from-git'"));
    expect(said.output).toContain('Compile it with `npx zest build`');
    expect(said.output).not.toContain('npm install');
  });

  it('names both versions where they differ', () => {
    const differ = (other: string, own: string) => `it is of version ${other}, and node-zest of ${own}`;
    layAddon(addon, '0.0.9');
    expect(run(NOISE).output).toContain(`@node-zest/${machine()}: ${differ('0.0.9', manifest.version)}`);
    // The addon itself knows its version too, which tells a build or a ZEST_NATIVE that is left over.
    writeFileSync(join(home, 'package.json'), JSON.stringify({ ...manifest, version: '9.9.9' }));
    expect(run(NOISE, { ZEST_NATIVE: addon }).output).toContain(`${addon}: ${differ(manifest.version, '9.9.9')}`);
  });

  it('tells a broken, an empty and a foreign file from an addon of its own', () => {
    layAddon(addon);
    for (const bytes of [100, 5000, -1]) {
      writeFileSync(join(packaged, 'zest.node'), readFileSync(addon).subarray(0, bytes));
      expect(run(NOISE).output).toMatch(/@node-zest\/.*: it is cut short: \d+ of \d+ bytes/);
    }
    writeFileSync(join(packaged, 'zest.node'), '');
    expect(run(NOISE).output).toMatch(/@node-zest\/.*: .*zest\.node: file too short/);
    layAddon(foreign);
    expect(run(NOISE).output).toContain(`@node-zest/${machine()}: it is not an addon of node-zest`);
  });

  it('takes ZEST_NATIVE alone, and says what is wrong with it', () => {
    layAddon(addon);
    const none = run(NOISE, { ZEST_NATIVE: 'none.node' });
    expect(none.output).toContain(`ZEST_NATIVE, ${join(project, 'none.node')}: no such file`);
    expect(none.output).toContain('Correct the environment variable ZEST_NATIVE, or unset it.');
    expect(none.output).not.toContain('@node-zest');
    expect(run(NOISE, { ZEST_NATIVE: '.' }).output).toContain(`ZEST_NATIVE, ${project}: it is a folder`);
    writeFileSync(join(project, 'text.node'), 'not a library');
    expect(run(NOISE, { ZEST_NATIVE: 'text.node' }).output).toMatch(/text\.node: (file too short|invalid ELF header)/);
    expect(run(NOISE, { ZEST_NATIVE: foreign }).output).toContain('it is not an addon of node-zest');
  });

  it('says how to build where there is no package for the machine', () => {
    layAddon(addon);
    const elsewhere = `Object.defineProperty(process, 'arch', { value: 'riscv64' }); await import('node-zest').then(
      ({ noise }) => noise({ seed: 1, stream: 2n, offset: 0, length: 1 })).catch((e) => console.log(e.message));`;
    expect(run(elsewhere).output).toMatch(
      /no native addon for this machine, \w+-riscv64[\s\S]*There is no package for \w+-riscv64.*: compile it with `npx zest build`/,
    );
  });

  it('works where node_modules is read-only, and zest build says where to build', () => {
    layAddon(addon);
    cpSync(join(root, 'native'), join(home, 'native'), { recursive: true });
    chmodSync(scratch, 0o755);
    for (const folder of [packaged, home, join(project, 'node_modules')]) chmodSync(folder, 0o555);
    const nobody = process.getuid?.() === 0 ? 65_534 : undefined;
    expect(run(NOISE).ok).toBe(true);
    expect(spawn(['main.mjs'], {}, nobody).ok).toBe(true);
    const said = spawn([join(home, 'dist/cli/main.js'), 'build'], {}, nobody);
    expect(said).toMatchObject({ ok: false, output: expect.stringMatching(/build.Release cannot be written to/) });
    expect(said.output).toMatch(/with --output FOLDER, and set ZEST_NATIVE to FOLDER.zest\.node/);
    for (const folder of [packaged, home, join(project, 'node_modules')]) chmodSync(folder, 0o755);
  });

  it('loads twice in one process, and in a worker thread, with the same result', () => {
    layAddon(addon);
    layPackage(join(project, 'node_modules/second'), { name: 'second' });
    writeFileSync(
      join(project, 'worker.mjs'),
      `import { parentPort } from 'node:worker_threads';
      import { noise } from 'node-zest';
      parentPort.postMessage(noise({ seed: 1, stream: 2n, offset: 3, length: 4 }));`,
    );
    const said = run(`
      import { Worker } from 'node:worker_threads';
      import * as first from 'node-zest';
      import * as second from 'second';
      const options = { seed: 1, stream: 2n, offset: 3, length: 4 };
      const batch = { sequences: [[5, 6, 7]], targets: [{ kind: 'maskedTokens', positions: [1], ids: [9] }] };
      const digest = async (model, { zest }) => {
        await zest({ learningRate: 1e-4 }).step(model, batch);
        return model.digest();
      };
      const [a, b] = await Promise.all([first, second].map(({ Model }) => Model.load('film-roberta-mini')));
      console.log(first.Model !== second.Model, (await digest(a, first)) === (await digest(b, second)));
      const [c, d] = await Promise.all([first, second].map(({ Model }) => Model.load('film-roberta-mini')));
      console.log((await digest(c, second)) === (await digest(d, first)), (await c.digest()) === (await a.digest()));
      try { first.noise({}); } catch (error) { console.log(error instanceof second.ZestError); }
      const worker = new Worker(new URL('worker.mjs', import.meta.url));
      worker.on('message', (values) => console.log(String(values) === String(first.noise(options))));`);
    expect(said.output).toBe('true true\ntrue true\ntrue\ntrue\n');
  });
});

it('names each platform once, and its addon as its package has it', () => {
  const names = PLATFORMS.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const { name, os, cpu, libc, addon } of PLATFORMS) {
    const parts = [os, cpu, ...(libc === 'musl' ? ['musl'] : []), ...(addon === 'zest_cuda' ? ['cuda'] : [])];
    expect(name).toBe(parts.join('-'));
  }
});
