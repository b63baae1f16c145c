import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { firstRows } from './clients.ts';
import { makeProject, type Project } from './project.ts';
import { nodeTypes, tsc } from './tools.ts';
import { TYPESCRIPTS } from './versions.ts';

// The declarations as a strict project checks them, with every file of every dependency.

const RESOLUTIONS = [
  { module: 'nodenext', moduleResolution: 'nodenext' },
  { module: 'esnext', moduleResolution: 'bundler' },
];

let project: Project;
beforeAll(async () => {
  project = makeProject(firstRows()[0]!);
  await project.run('npm install node-zest');
  await project.run('npm pkg set type=module');
});
afterAll(() => project?.remove());

/** What the compiler says about the project's program; nothing, where all is well. */
const check = async (version: string, options: object): Promise<string> => {
  const compilerOptions = { strict: true, skipLibCheck: false, noEmit: true, target: 'es2022', ...options };
  writeFileSync(join(project.folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['api.ts'] }));
  return (await project.run(`node ${tsc(version)}`, { succeeds: 'either' })).output;
};

describe.each(['without @types/node', 'with @types/node'])('%s', (types) => {
  beforeAll(async () => {
    if (types.startsWith('with ')) await project.run(`npm install ${nodeTypes}`);
  });

  it.each(TYPESCRIPTS.flatMap((version) => RESOLUTIONS.map((resolution) => ({ version, ...resolution }))))(
    'TypeScript $version accepts the declarations, $moduleResolution',
    async ({ version, ...resolution }) => {
      expect(await check(version, resolution)).toBe('');
    },
  );
});
