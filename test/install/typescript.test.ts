import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
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

/** Checks the project's program. Throws with what the compiler says about it. */
const check = async (version: string, options: object): Promise<void> => {
  const compilerOptions = { strict: true, skipLibCheck: false, noEmit: true, target: 'es2022', ...options };
  writeFileSync(join(project.folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['api.ts'] }));
  await project.run(`node ${tsc(version)}`);
};

describe.each(['without @types/node', 'with @types/node'])('%s', (types) => {
  beforeAll(async () => {
    if (types.startsWith('with ')) await project.run(`npm install ${nodeTypes}`);
  });

  it.each(TYPESCRIPTS.flatMap((version) => RESOLUTIONS.map((resolution) => ({ version, ...resolution }))))(
    'TypeScript $version accepts the declarations, $moduleResolution',
    async ({ version, ...resolution }) => {
      await check(version, resolution);
    },
  );
});
