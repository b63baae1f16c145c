import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { inject, onTestFinished } from 'vitest';
import type { Row } from './clients.ts';
import { consumer } from './paths.ts';
import { linkPrograms } from './programs.ts';
import { type Ended, type RunOptions, run } from './run.ts';
import { commandsOf, nodeOf } from './tools.ts';

/** What clients and the commands that they link ask of a system. */
const SYSTEM = ['sh', 'env', 'basename', 'dirname', 'sed', 'uname'];

/** Fills a folder with all the programs that a project may start. */
const layPrograms = (folder: string, { client, node }: Row): void => {
  linkPrograms(SYSTEM, folder);
  symlinkSync(nodeOf(node), join(folder, 'node'));
  for (const [name, file] of commandsOf(client)) {
    const command = /\.[cm]?js$/.test(file) ? `node "${file}"` : `"${file}"`;
    writeFileSync(join(folder, name), `#!/bin/sh\nexec ${command} "$@"\n`);
    chmodSync(join(folder, name), 0o755);
  }
};

/** Settings that hold for every client: the registry, and that a package may be as new as these are. */
const laySettings = (home: string, registry: string): void => {
  mkdirSync(home);
  writeFileSync(join(home, '.npmrc'), `registry=${registry}\nupdate-notifier=false\nfund=false\naudit=false\n`);
  writeFileSync(
    join(home, '.yarnrc.yml'),
    `npmRegistryServer: ${registry}\nunsafeHttpWhitelist: [127.0.0.1]\nnpmMinimalAgeGate: 0\nenableTelemetry: false\n`,
  );
};

export interface CommandOptions extends Partial<RunOptions> {
  /** Programs of this system that are on the PATH as well. */
  programs?: readonly string[];
  /** A command that runs this one. */
  through?: readonly string[];
}

/** A user's project. */
export interface Project {
  folder: string;
  /** Runs a command line, split at blanks, as the user would in the project. */
  run: (command: string, options?: CommandOptions) => Promise<Ended>;
  /** Runs a program of `consumer`; returns the JSON that it prints. */
  // biome-ignore lint/suspicious/noExplicitAny: each program prints what it likes
  program: (file: string) => Promise<any>;
  /** The folder of an installed package, by way of node-zest. */
  packageFolder: (name: string) => string;
  remove: () => void;
}

/** Makes an empty project whose PATH has Node and one client, no compiler, CMake, make or Python. */
export const makeProject = (row: Row): Project => {
  const { client } = row;
  const place = mkdtempSync(join(tmpdir(), 'zest-install-'));
  const folder = join(place, 'mein projekt – größer');
  const own = join(place, 'programs');
  mkdirSync(folder);
  layPrograms(own, row);
  laySettings(join(place, 'home'), inject('registry'));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'project', version: '1.0.0', private: true }));
  for (const [name, text] of Object.entries(client.files ?? {})) writeFileSync(join(folder, name), text);
  cpSync(consumer, folder, { recursive: true });
  const base = { HOME: join(place, 'home'), LANG: 'C.UTF-8', npm_config_globalconfig: join(place, 'none') };

  const runCommand: Project['run'] = (command, { programs = [], through = [], env, ...options } = {}) => {
    const more = join(place, 'more', programs.join('-'));
    linkPrograms(programs, more);
    const PATH = [own, more].join(delimiter);
    const [name, ...args] = command.split(' ') as [string, ...string[]];
    const [program, ...rest] = [...through, join(own, name), ...args] as [string, ...string[]];
    return run(program, rest, { cwd: folder, ...options, env: { ...base, PATH, ...env } });
  };
  return {
    folder,
    run: runCommand,
    program: async (file) => JSON.parse((await runCommand(`${client.node} ${file}`)).output),
    packageFolder: (name) => {
      const home = createRequire(join(folder, 'main.cjs')).resolve('node-zest/package.json');
      return join(createRequire(home).resolve(`${name}/package.json`), '..');
    },
    remove: () => rmSync(place, { recursive: true, force: true }),
  };
};

/** The same, for one test. */
export const testProject = (row: Row): Project => {
  const project = makeProject(row);
  onTestFinished(project.remove);
  return project;
};
