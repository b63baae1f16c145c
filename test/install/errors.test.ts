import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { machine } from '../../lib/native/load.ts';
import { SCOPE } from '../../lib/native/platforms.ts';
import { firstRows, quick } from './clients.ts';
import { testProject } from './project.ts';
import { manifest } from './tarballs.ts';

const platformPackage = `${SCOPE}/${machine()}`;

/** The command that an error says to install with. */
const advised = (message: string): string => {
  const [, command] = /Install it with `(.+?)`/.exec(message) ?? [];
  if (!command) throw new Error(`no command in: ${message}`);
  return command;
};

describe.each(
  firstRows(({ addWithoutOptional }) => Boolean(addWithoutOptional)).map((row) => ({ ...row, name: row.client.name })),
)('$name, without optional dependencies', ({ name: _, ...row }) => {
  it('leads to an error whose command helps', async () => {
    const { client } = row;
    const project = testProject(row);
    await project.run(client.addWithoutOptional?.('node-zest') as string);
    const { errors } = await project.run(`${client.node} main.cjs`, { succeeds: false });
    expect(errors).toContain('ERR_ZEST_NO_BINARY');
    expect(errors).toContain(`${platformPackage}: not installed`);
    await project.run(advised(errors));
    expect(await project.program('main.cjs')).toHaveProperty('digest');
  });
});

const [npm] = firstRows();

describe('an installed package', () => {
  it('names both versions where the addon is of another', async () => {
    const project = testProject(npm!);
    await project.run('npm install node-zest');
    const file = join(project.packageFolder(platformPackage), 'package.json');
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), version: '0.0.9' }));
    const { errors } = await project.run('node main.cjs', { succeeds: false });
    expect(errors).toContain(`${platformPackage}: it is of version 0.0.9, and node-zest of ${manifest.version}`);
  });

  it('says all that it needs to be compiled, in one message', async () => {
    const project = testProject(npm!);
    await project.run('npm install --omit=optional node-zest');
    rmSync(project.packageFolder('node-addon-api'), { recursive: true });
    const { errors } = await project.run('npx zest build', { succeeds: false });
    expect(errors).toMatch(/c\+\+, a C\+\+20 compiler: (apt|dnf|apk|xcode-select) /);
    expect(errors).toContain('the packages node-addon-api: npm install --no-save node-addon-api');
  });

  if (!quick) {
    it('is compiled by zest build where there is a compiler and nothing else', async () => {
      const project = testProject(npm!);
      await project.run('npm install --omit=optional node-zest');
      await project.run('npx zest build', { programs: ['c++', 'as', 'ld'] });
      const { output } = await project.run('npx zest doctor --json');
      const built = join(project.packageFolder('node-zest'), 'build/Release/zest.node');
      expect(JSON.parse(output)).toMatchObject({ binary: built, package: null });
      expect(await project.program('main.cjs')).toHaveProperty('digest');
    });
  }
});
