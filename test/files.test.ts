import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { assertWritable, makeFolder } from '../lib/files.ts';
import { rejects } from './fixtures/rejects.ts';
import { scratchFolder } from './fixtures/scratch.ts';

const scratch = scratchFolder();

describe('a folder that is made', () => {
  it('has those above it, and may be there', async () => {
    const folder = join(scratch, 'a', 'b', 'c');
    await Promise.all([makeFolder(folder), makeFolder(folder), makeFolder(join(folder, 'd'))]);
    await makeFolder(folder);
    expect(statSync(join(folder, 'd')).isDirectory()).toBe(true);
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
