import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readRows } from '../../lib/data/read-rows.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zest-data-'));
});
afterAll(() => rm(folder, { recursive: true }));

const read = async (name: string, content: string | Uint8Array) => {
  const file = join(folder, name);
  await writeFile(file, content);
  return (await readRows(file)).map(({ line, fields }) => [line, fields]);
};

const fault = async (name: string, content: string | Uint8Array) => {
  const error = await read(name, content).catch((caught: unknown) => caught);
  expect(error).toMatchObject({ code: 'ERR_ZEST_DATA' });
  return (error as Error).message.replace(folder, '');
};

describe('readRows: jsonl', () => {
  it('reads one object a line, with its line number', async () => {
    const content = '\ufeff{"sentence":"a\u2028b","label":1}\r\n \t\n{"label":0,"sentence":"c"}';
    expect(await read('a.jsonl', content)).toEqual([
      [1, { sentence: 'a\u2028b', label: 1 }],
      [3, { sentence: 'c', label: 0 }],
    ]);
  });

  it('names the broken line', async () => {
    expect(await fault('b.jsonl', '{"a":1}\n{"a":\n')).toMatch(/^\/b\.jsonl:2: is not JSON/);
    for (const line of ['[1]', '"text"', 'null', '3']) {
      expect(await fault('b.jsonl', `{"a":1}\n\n${line}`)).toMatch(/^\/b\.jsonl:3: is .*; expected a JSON object/);
    }
  });

  it('keeps a field of any name to the row', async () => {
    const [[, fields]] = (await read('c.jsonl', '{"__proto__":{"label":1}}')) as [[number, object]];
    expect(Object.keys(fields)).toEqual(['__proto__']);
    expect('label' in fields).toBe(false);
    const [[, cells]] = (await read('c.csv', '__proto__\nx\n')) as [[number, object]];
    expect(Object.entries(cells)).toEqual([['__proto__', 'x']]);
  });
});

describe('readRows: csv', () => {
  it('reads quoted cells with commas, quotes and line ends, and numbers lines of the file', async () => {
    const content = 'sentence,label\r\n"a, ""b""\r\nc",1\r\n\r\nplain 5" disk,0\n"",\n"last",1';
    expect(await read('a.csv', content)).toEqual([
      [2, { sentence: 'a, "b"\r\nc', label: '1' }],
      [5, { sentence: 'plain 5" disk', label: '0' }],
      [6, { sentence: '', label: '' }],
      [7, { sentence: 'last', label: '1' }],
    ]);
    expect(await read('one.csv', 'sentence\n""\n\nb\n')).toEqual([
      [2, { sentence: '' }],
      [4, { sentence: 'b' }],
    ]);
  });

  it('reads back any cells that are quoted', async () => {
    const cell = fc.oneof(fc.string(), fc.stringMatching(/^[",\r\n\t a]*$/), fc.string({ unit: 'binary' }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 6 }),
        fc.constantFrom('\n', '\r\n'),
        fc.boolean(),
        async (records, end, ended) => {
          const quote = (text: string) => `"${text.replaceAll('"', '""')}"`;
          const lines = ['x,y', ...records.map(([x, y]) => `${quote(x)},${quote(y)}`)];
          const rows = await read('random.csv', lines.join(end) + (ended ? end : ''));
          expect(rows.map(([, fields]) => fields)).toEqual(records.map(([x, y]) => ({ x, y })));
        },
      ),
      { numRuns: 50 },
    );
  });

  it('names the line of a fault', async () => {
    expect(await fault('b.csv', 'a,b\n1,2\n3,4,5\n')).toMatch(/^\/b\.csv:3: has 3 columns where the header has 2/);
    expect(await fault('b.csv', 'a,b\n"x\ny",2\n1,2,3\n')).toMatch(/^\/b\.csv:4: has 3 columns/);
    expect(await fault('b.csv', 'a,b\n1,2\n"x,3\n4,5\n')).toMatch(
      /^\/b\.csv:3:1: a quoted cell that begins here is never/,
    );
    expect(await fault('b.csv', 'a,b\n"x\n" y,3\n')).toMatch(/^\/b\.csv:3:3: has text after the closing quote/);
    expect(await fault('b.csv', '\na,a\n1,2\n')).toMatch(/^\/b\.csv:2: names the column "a" twice/);
  });
});

describe('readRows: tsv', () => {
  it('takes quotes as characters, as in GLUE', async () => {
    expect(await read('a.tsv', 'sentence\tlabel\n"quoted\t1\r\nit \'s " fine\t0\n')).toEqual([
      [2, { sentence: '"quoted', label: '1' }],
      [3, { sentence: 'it \'s " fine', label: '0' }],
    ]);
  });
});

describe('readRows: any file', () => {
  it('reads the files of a list one after another', async () => {
    const [a, b] = ['a.csv', 'b.jsonl'].map((name) => join(folder, name)) as [string, string];
    await writeFile(a, 'word\nfine\n');
    await writeFile(b, '{"word":"dull"}\n');
    const words = (await readRows([b, a])).map(({ fields }) => fields.word);
    expect(words).toEqual(['dull', 'fine']);
    for (const path of [[], [a, 3]])
      await expect(readRows(path as string[])).rejects.toMatchObject({ code: 'ERR_ZEST_ARGUMENT' });
  });

  it('refuses a file without rows', async () => {
    for (const [name, content] of [
      ['e.jsonl', ''],
      ['e.jsonl', '\n\r\n'],
      ['e.csv', ''],
      ['e.csv', 'a,b\n'],
      ['e.tsv', 'a\tb'],
    ] as const) {
      expect(await fault(name, content)).toBe(`/${name}: has no rows`);
    }
  });

  it('refuses what is not UTF-8, naming the line', async () => {
    const latin1 = Buffer.from('{"a":"b"}\n{"a":"caf\u00e9"}\n', 'latin1');
    expect(await fault('u.jsonl', latin1)).toMatch(/^\/u\.jsonl:2: is not UTF-8; convert the file, .*iconv/);
    expect(await fault('u.tsv', Buffer.from([0x61, 0x0a, 0x62, 0x0a, 0xe2, 0x82]))).toMatch(
      /^\/u\.tsv:3: is not UTF-8/,
    );
  });

  it('refuses a file that is missing, or of another kind', async () => {
    await expect(readRows(join(folder, 'absent.csv'))).rejects.toMatchObject({
      code: 'ERR_ZEST_DATA',
      message: expect.stringContaining('absent.csv: cannot be read'),
      cause: expect.objectContaining({ code: 'ENOENT' }),
    });
    expect(await fault('d.dat', 'a')).toBe(
      '/d.dat: is none of the kinds that can be read: .jsonl, .csv, .tsv, .parquet',
    );
  });
});
