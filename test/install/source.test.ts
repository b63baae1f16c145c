import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { firstRows, type Row } from './clients.ts';
import { root } from './paths.ts';
import { type Project, testProject } from './project.ts';
import { run } from './run.ts';
import { manifest } from './tarballs.ts';

// From a clone that was never built, by whoever has a compiler: what is packed or installed works at once.

/** What compiles the addon, and what fetches a repository. */
const programs = ['git', 'c++', 'as', 'ld'];
const ADDON = 'build/Release/zest.node';

const place = mkdtempSync(join(tmpdir(), 'zest-source-'));
afterAll(() => rmSync(place, { recursive: true, force: true }));

const clone = async (name: string): Promise<string> => {
  const folder = join(place, name);
  await run('git', ['clone', '--quiet', root, folder], { cwd: place, env: { PATH: process.env.PATH as string } });
  return folder;
};

const expectsBuilt = async (project: Project): Promise<void> => {
  const { output } = await project.run('npx zest doctor --json');
  expect(JSON.parse(output)).toMatchObject({ binary: expect.stringContaining(ADDON), package: null });
  expect(await project.program('main.cjs')).toHaveProperty('digest');
};

const npms = firstRows(({ name }) => name.startsWith('npm')).map((row) => ({ ...row, name: row.client.name }));
const npm: Row = npms[0]!;

/** npm 12 fetches from no repository unless it is told to. */
const allowGit = ({ client }: Row): string => (client.name === 'npm 12' ? '--allow-git=root ' : '');

describe('npm pack in a clone', () => {
  let folder: string;
  let packed: string;
  beforeAll(async () => {
    folder = await clone('packed');
  });

  it('makes a tarball that has JavaScript and the addon of this machine, as no published one has', async () => {
    const project = testProject(npm);
    const { output } = await project.run('npm pack --json', { cwd: folder, programs });
    const [{ filename, files }] = JSON.parse(output);
    const paths = files.map(({ path }: { path: string }) => path);
    expect(paths).toEqual(expect.arrayContaining(['dist/index.js', ADDON]));
    packed = join(folder, filename);
    const published = readdirSync(join(root, 'build/packages/node-zest'), { recursive: true });
    expect(published.filter((path) => String(path).endsWith('.node'))).toEqual([]);
  });

  it.each(npms)('is installed by $name, and again from its lock file', async (row) => {
    const project = testProject(row);
    await project.run(`npm install ${packed}`);
    await project.run('npm ci');
    expect(existsSync(join(project.folder, 'node_modules/@node-zest'))).toBe(false);
    await expectsBuilt(project);
  });

  it.each(npms)('leaves a clone that $name links to', async (row) => {
    const project = testProject(row);
    await project.run(`npm install ${folder}`);
    await project.run('npm ci');
    await expectsBuilt(project);
  });
});

describe('npm install git+file://…', () => {
  it.each(npms)('builds and installs, with $name', async (row) => {
    const project = testProject(row);
    const folder = await clone(`by-${row.client.name.replace(' ', '-')}`);
    await project.run(`npm install ${allowGit(row)}git+${pathToFileURL(folder)}`, { programs });
    await expectsBuilt(project);
    const { version } = JSON.parse(readFileSync(join(project.packageFolder('node-zest'), 'package.json'), 'utf8'));
    expect(version).toBe(manifest.version);
  });
});
