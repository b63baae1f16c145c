import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { machine } from '../../lib/native/load.ts';
import { SCOPE } from '../../lib/native/platforms.ts';
import { firstRows, quick, rows } from './clients.ts';
import { root } from './paths.ts';
import { makeProject, type Project } from './project.ts';
import { manifest } from './tarballs.ts';

const vectors = JSON.parse(readFileSync(join(root, 'test/fixtures/noise/vectors.json'), 'utf8'));

/** Float32s from their bits in hexadecimal. */
const floats = (bits: readonly string[]): number[] =>
  bits.map((word) => new Float32Array(Uint32Array.of(Number.parseInt(word, 16)).buffer)[0] as number);

/** The newest of each kind runs the demo as well, which takes half a minute. */
const DEMO_BY = ['npm 12', 'pnpm 12', 'yarn 1', 'yarn 4, pnp'];
const withDemo = quick ? [] : firstRows(({ name }) => DEMO_BY.includes(name));

describe.each(rows().map((row) => ({ ...row, name: row.client.name })))('$name on Node $node', (row) => {
  const { client, node } = row;
  let project: Project;
  beforeAll(async () => {
    project = makeProject(row);
    await project.run(client.add('node-zest'));
    for (const made of ['node_modules', '.pnp.cjs', '.yarn'])
      rmSync(join(project.folder, made), { recursive: true, force: true });
    const lock = readFileSync(join(project.folder, client.lockFile), 'utf8');
    await project.run(client.installLocked);
    expect(readFileSync(join(project.folder, client.lockFile), 'utf8')).toBe(lock);
  });
  afterAll(() => project?.remove());

  it('gives the same numbers to require, to import and in a worker thread', async () => {
    const { result, family, manifest: installed } = await project.program('main.cjs');
    expect(result.noise).toEqual(floats(vectors.gaussian[0].values));
    expect(await project.program('main.mjs')).toEqual({ imported: result, inWorker: result });
    expect(family).toBe('roberta');
    expect(installed).toMatchObject({ version: manifest.version });
  });

  it('takes the addon of its platform package, and ran no script for it', async () => {
    const { output } = await project.run(`${client.execute} zest doctor --json`);
    const { binary, ...doctor } = JSON.parse(output);
    expect(doctor).toMatchObject({ package: `${SCOPE}/${machine()}`, node: expect.stringContaining(String(node)) });
    const { manifest: installed } = await project.program('main.cjs');
    expect(installed).not.toHaveProperty('scripts');
    expect(readFileSync(join(project.folder, client.lockFile), 'utf8')).not.toMatch(/hasInstallScript|requiresBuild/);
    expect(binary).toContain(machine());
    const { files } = await project.program('files.cjs');
    expect(files).not.toContain('binding.gyp');
    expect(files).not.toContain('build');
    expect(existsSync(join(project.folder, 'node_modules/node-zest/build'))).toBe(false);
  });

  if (withDemo.some((other) => other.client === client && other.node === node)) {
    it('runs the demo', async () => {
      const { output } = await project.run(`${client.execute} zest demo`);
      expect(output).toMatch(/on average MeZO .*ZEST .* points/);
    });
  }
});
