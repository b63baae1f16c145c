import { readFileSync, rmSync } from 'node:fs';
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

  const requires = !client.withoutRequire?.includes(node);
  it(`gives the same numbers to ${requires ? 'require, to ' : ''}import and in a worker thread`, async () => {
    const { imported, inWorker } = await project.program('main.mjs');
    expect(imported.noise).toEqual(floats(vectors.gaussian[0].values));
    expect(inWorker).toEqual(imported);
    if (requires) expect(await project.program('main.cjs')).toEqual(imported);
  });

  it('takes the addon of its platform package, and ran no script for it', async () => {
    const { output } = await project.run(`${client.execute} zest doctor --json`);
    expect(JSON.parse(output)).toMatchObject({
      package: `${SCOPE}/${machine()}`,
      binary: expect.stringContaining(machine()),
      node: expect.stringContaining(String(node)),
    });
    expect(readFileSync(join(project.folder, client.lockFile), 'utf8')).not.toMatch(/hasInstallScript|requiresBuild/);
    const contents = await project.program('contents.cjs');
    expect(contents).toMatchObject({ manifest: { version: manifest.version }, family: 'roberta' });
    expect(contents.manifest).not.toHaveProperty('scripts');
    expect(contents.files).toContain('dist');
    for (const name of ['binding.gyp', 'build']) expect(contents.files).not.toContain(name);
  });

  if (withDemo.some((other) => other.client === client && other.node === node)) {
    it('runs the demo', async () => {
      const { output, errors } = await project.run(`${client.execute} zest demo`);
      expect(output + errors).toMatch(/on average MeZO .*ZEST .* points/);
    });
  }
});
