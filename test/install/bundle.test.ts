import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { firstRows } from './clients.ts';
import { testProject } from './project.ts';
import { esbuild } from './tools.ts';

it('a bundle by esbuild runs, with node-zest left outside', async () => {
  const project = testProject(firstRows()[0]!);
  await project.run('npm install node-zest');
  const expected = await project.program('main.cjs');
  for (const [entry, format, output] of [
    ['main.cjs', 'cjs', 'bundle.cjs'],
    ['bundled.mjs', 'esm', 'bundle.mjs'],
  ]) {
    const options = `--bundle --platform=node --format=${format} --external:node-zest --outfile=${output}`;
    await project.run(`node ${esbuild()} ${entry} ${options} --log-level=warning`);
  }
  for (const source of ['work.cjs', 'main.cjs', 'bundled.mjs']) rmSync(join(project.folder, source));
  expect(await project.program('bundle.cjs')).toEqual(expected);
  expect(await project.program('bundle.mjs')).toEqual(expected);
});
