import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  assertWritable,
  assertWritableFile,
  isThere,
  makeFolder,
  replaceFile,
  writeAtomic,
} from '../../lib/files/files.ts';
import { rejects } from '../fixtures/rejects.ts';
import { scratchFolder } from '../fixtures/scratch.ts';

const scratch = scratchFolder();

describe('what is no file', () => {
  it.skipIf(process.platform === 'win32')('is not replaced by one', async () => {
    const pipe = join(scratch, 'pipe');
    execFileSync('mkfifo', [pipe]);
    for (const [path, what] of [
      [pipe, 'a pipe'],
      ['/dev/null', 'a device'],
      [scratch, 'a folder'],
    ] as const) {
      const message = new RegExp(`^cannot write ${path}: it is ${what}; expected the path of a file$`);
      await rejects(() => assertWritableFile(path), 'ERR_ZEST_FILE', message);
      // A fault here must not cost the machine its device.
      if (path !== '/dev/null') await rejects(() => writeAtomic(path, 'x'), 'ERR_ZEST_FILE', message);
    }
    expect(statSync(pipe).isFIFO()).toBe(true);
  });
});

it('what cannot be looked at is not taken for what is not there', async () => {
  const [file, circle] = [join(scratch, 'looked-at'), join(scratch, 'looked-at-circle')];
  writeFileSync(file, '');
  symlinkSync(circle, circle);
  expect(await isThere(file)).toBe(true);
  for (const path of [join(scratch, 'nothing'), join(file, 'below'), 'x'.repeat(5000), 'a\0b'])
    expect(await isThere(path)).toBe(false);
  await rejects(() => isThere(circle), 'ERR_ZEST_FILE', new RegExp(`^cannot read ${circle}: ELOOP`));
});

describe('a file that is replaced', () => {
  const leftovers = (): string[] => readdirSync(scratch).filter((name) => name.endsWith('.partial'));

  it('is the old or the new, and nothing is left beside it', async () => {
    const file = join(scratch, 'replaced');
    await writeAtomic(file, 'old');
    const failing = replaceFile(file, async (temporary) => {
      writeFileSync(temporary, 'ne');
      expect(readFileSync(file, 'utf8')).toBe('old');
      throw new Error('no space');
    });
    await expect(failing).rejects.toThrow('no space');
    expect(readFileSync(file, 'utf8')).toBe('old');
    await Promise.all(['one', 'another'].map((content) => writeAtomic(file, content)));
    expect(['one', 'another']).toContain(readFileSync(file, 'utf8'));
    expect(leftovers()).toEqual([]);
  });

  it('takes away what a killed process left, and not what another one writes', async () => {
    const file = join(scratch, 'left');
    const code = `const { replaceFile } = await import(${JSON.stringify(new URL('../../dist/files/files.js', import.meta.url).href)});
      const { writeFileSync } = await import('node:fs');
      await replaceFile(${JSON.stringify(file)}, async (temporary) => {
        writeFileSync(temporary, 'half');
        process.stdout.write('written');
        await new Promise(() => setInterval(() => {}, 1000));
      });`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', code]);
    await once(child.stdout, 'data');
    await writeAtomic(file, 'mine');
    expect(leftovers()).toHaveLength(1);
    child.kill('SIGKILL');
    await once(child, 'close');
    await writeAtomic(join(scratch, 'other'), '');
    expect(leftovers()).toHaveLength(1);
    await writeAtomic(file, 'mine');
    expect(leftovers()).toEqual([]);
  });
});

describe.skipIf(process.platform === 'win32')('a link', () => {
  it('stays, and what it leads to is replaced, made or refused', async () => {
    const inside = join(scratch, 'inside');
    mkdirSync(inside);
    const file = join(inside, 'file');
    writeFileSync(file, 'old');
    const link = (name: string, to: string): string => {
      symlinkSync(to, join(scratch, name));
      return join(scratch, name);
    };
    const folder = link('folder-link', 'inside');
    // Of a link to a link, of one within a folder that is one, and of one that leads to nothing yet.
    symlinkSync('../inside/file', join(inside, 'near'));
    for (const path of [link('one', file), link('two', 'one'), join(folder, 'near')]) {
      await assertWritableFile(path);
      await writeAtomic(path, `by ${path}`);
      expect(lstatSync(path).isSymbolicLink()).toBe(true);
      expect(readFileSync(file, 'utf8')).toBe(`by ${path}`);
    }
    const early = link('early', join('inside', 'later'));
    await writeAtomic(early, 'new');
    expect(readFileSync(join(inside, 'later'), 'utf8')).toBe('new');
    expect(readlinkSync(early)).toBe(join('inside', 'later'));
    expect(readdirSync(inside).sort()).toEqual(['file', 'later', 'near']);
    // A folder.
    await makeFolder(folder);
    const made = link('made', join('inside', 'made'));
    await assertWritable(made);
    await makeFolder(made);
    expect(statSync(join(inside, 'made')).isDirectory()).toBe(true);
    // A device, a folder that is not there, and a circle.
    const device = link('device', '/dev/null');
    await rejects(() => assertWritableFile(device), 'ERR_ZEST_FILE', /device: it is a device; expected the path of a/);
    const nowhere = link('nowhere', join('no', 'file'));
    await rejects(() => assertWritableFile(nowhere), 'ERR_ZEST_FILE', /nowhere: .*no is not there.*make that folder/);
    const circle = link('circle', 'circle');
    await rejects(() => writeAtomic(circle, ''), 'ERR_ZEST_FILE', /circle: ELOOP/);
    expect(lstatSync(circle).isSymbolicLink() && lstatSync(device).isSymbolicLink()).toBe(true);
  });
});

describe('a folder that is made', () => {
  it('has those above it, and may be there', async () => {
    const folder = join(scratch, 'a', 'b', 'c');
    for (let i = 0; i < 50; i++) {
      const deep = join(folder, String(i), 'b', 'c', 'd');
      await Promise.all([deep, deep, join(deep, 'e'), dirname(deep), deep].map(makeFolder));
      await makeFolder(deep);
      expect(statSync(join(deep, 'e')).isDirectory()).toBe(true);
    }
  });

  it('is none where something else is', async () => {
    const file = join(scratch, 'file');
    writeFileSync(file, '');
    mkdirSync(join(scratch, 'there'));
    await expect(makeFolder(file)).rejects.toMatchObject({
      code: 'EEXIST',
      message: 'it is a file; expected the path of a folder',
    });
    const [folder, below] = [join(scratch, 'there'), join(file, 'below')];
    await assertWritable(folder);
    await assertWritable(join(folder, 'not', 'yet'));
    await rejects(() => assertWritable(file), 'ERR_ZEST_FILE', /file: it is a file; expected the path of a folder$/);
    await rejects(() => assertWritable(below), 'ERR_ZEST_FILE', /below: .*file is a file; expected the path of a/);
    await expect(makeFolder(join(file, 'below'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  });

  it.skipIf(process.platform !== 'linux')('is told at once where there can be none', async () => {
    await expect(makeFolder('/proc/none')).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(makeFolder('/proc/none/of/these')).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
