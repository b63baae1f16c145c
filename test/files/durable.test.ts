import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { scratchFolder } from '../fixtures/scratch.ts';

const scratch = scratchFolder();
const library = join(scratch, 'calls.so');
const source = fileURLToPath(new URL('../fixtures/faults/calls.c', import.meta.url));
const files = new URL('../../dist/files/files.js', import.meta.url).href;

/** Runs code with all of files.ts, counts its calls in a folder, and has one of them fail or kill the process. */
const run = (folder: string, code: string, { at = 0, does = '' } = {}): { calls: string[]; stderr: string } => {
  const log = join(scratch, `${folder}.log`);
  mkdirSync(join(scratch, folder));
  const script = `import * as files from ${JSON.stringify(files)}; import { writeFile } from 'node:fs/promises';
    const at = (name) => ${JSON.stringify(`${join(scratch, folder)}/`)} + name; ${code}`;
  const env = { ...process.env, LD_PRELOAD: library, ZEST_FAULT_LOG: log, ZEST_FAULT_AT: String(at) };
  const all = { ...env, ZEST_FAULT_DO: does, ZEST_FAULT_FOLDER: join(scratch, folder) };
  const { stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], { env: all });
  const lines = existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n') : [];
  const named = (line: string) => {
    const [, name, ...path] = line.split(' ');
    const place = path.join(' ').slice(join(scratch, folder).length);
    return `${name} ${place.replace(/\.\w+-\d+-\w+\.partial/, ' (part)')}`.trim();
  };
  return { calls: lines.map(named), stderr: stderr.toString() };
};

describe.skipIf(process.platform !== 'linux')('on the disk', () => {
  beforeAll(() => execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl']));

  it('is a file before it has its name, and its name after', () => {
    const { calls } = run('replaced', "await files.replaceFile(at('file'), (part) => writeFile(part, 'new'))");
    expect(calls.filter((call) => /write|sync|rename/.test(call))).toEqual([
      'write /file (part)',
      'fsync /file (part)',
      expect.stringMatching(/^rename/),
      'fsync',
    ]);
  });

  it('is the name of a folder that is made, in each above it', () => {
    const { calls } = run('made', "await files.makeFolder(at('a/b/c'))");
    // Begins at the last, and goes up as far as some are missing.
    expect(calls.filter((call) => /sync|mkdir/.test(call)).slice(2)).toEqual([
      'mkdir /a',
      'fsync',
      'mkdir /a/b',
      'fsync /a',
      'mkdir /a/b/c',
      'fsync /a/b',
    ]);
  });

  it('is a new file whole or not at all, and what is there stays', () => {
    const code = "await files.writeNew(at('new'), 'x'.repeat(5000))";
    const { calls } = run('new', code);
    expect(readFileSync(join(scratch, 'new/new'), 'utf8')).toBe('x'.repeat(5000));
    expect(run('taken', `await writeFile(at('new'), 'mine'); ${code}`).stderr).toMatch(/EEXIST/);
    expect(readdirSync(join(scratch, 'taken'))).toEqual(['new']);
    expect(readFileSync(join(scratch, 'taken/new'), 'utf8')).toBe('mine');
    for (const does of ['before', 'after', 'short', String(constants.errno.ENOSPC), String(constants.errno.EIO)]) {
      for (let at = 1; at <= calls.length; at++) {
        const name = `new-${does}-${at}`;
        run(name, code, { at, does });
        const file = join(scratch, name, 'new');
        if (existsSync(file)) expect(readFileSync(file, 'utf8')).toBe('x'.repeat(5000));
      }
    }
  });
});
