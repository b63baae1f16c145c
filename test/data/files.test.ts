import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonArray } from '../../lib/data/json-array.ts';
import { readRows } from '../../lib/data/read-rows.ts';
import { type LineParser, separatedLines } from '../../lib/data/records.ts';
import { rejects } from '../fixtures/rejects.ts';
import { scratchFolder } from '../fixtures/scratch.ts';

// Data files as spreadsheets, data frames and GLUE write them, and files that are none.

const folder = scratchFolder();
const written = (name: string, content: string | Uint8Array): string => {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
};

const fieldsOf = async (name: string, content: string | Uint8Array, columns?: string[]) =>
  (await readRows(written(name, content), { columns })).map(({ fields }) => fields);

const rows = [
  { text: 'a good film', label: '1' },
  { text: 'dull, and long', label: '0' },
];

describe('a table', () => {
  it.each([
    ['with commas', 'text,label\na good film,1\n"dull, and long",0\n'],
    ['with semicolons, as a European Excel saves it', '\ufefftext;label\r\na good film;1\r\ndull, and long;0\r\n'],
    ['that says its separator', 'sep=;\r\ntext;label\r\na good film;1\r\ndull, and long;0\r\n'],
    ['with tabs', 'text\tlabel\na good film\t1\ndull, and long\t0\n'],
    ['with bars', 'text|label\na good film|1\ndull, and long|0'],
    ['with lines that end in CR, as CSV (Macintosh)', 'text,label\ra good film,1\r"dull, and long",0\r'],
    ['with spaces after the commas', 'text, label\na good film, 1\n"dull, and long", "0"\n'],
    ['with names in quotes and with spaces', '"text" ," label "\na good film,1\n"dull, and long",0\n'],
    ['with commas at the ends of lines', 'text,label,,\na good film,1,,\n"dull, and long",0\n'],
    ['with empty rows', 'text,label\n,\na good film,1\n\n,\n"dull, and long",0\n,\n'],
  ])('%s', async (_, content) => {
    expect(await fieldsOf('a.csv', content)).toEqual(rows);
  });

  it('of a data frame has its index under no name', async () => {
    expect(await fieldsOf('a.csv', ',text,label\n0,a good film,1.0\n')).toEqual([
      { '': '0', text: 'a good film', label: '1.0' },
    ]);
  });

  it('may end a row early, and GLUE’s may have cells beyond the header', async () => {
    expect(await fieldsOf('a.tsv', 'id\ttext\tlabel\n1\ta\t0\n2\tb\n3\tc\t1\textra\tmore\n')).toEqual([
      { id: '1', text: 'a', label: '0' },
      { id: '2', text: 'b' },
      { id: '3', text: 'c', label: '1' },
    ]);
    await rejects(
      () => readRows(written('a.csv', 'text,label\nfine,1\nreally, really good,1\n')),
      'ERR_ZEST_DATA',
      /a\.csv:3: has 3 columns where the header has 2; a text that has the separator in it stands in quotes/,
    );
  });

  it('without a header has the columns that are named', async () => {
    const columns = ['text', 'label'];
    expect(await fieldsOf('a.csv', 'a good film,1\n"dull, and long",0\n', columns)).toEqual(rows);
    expect(await fieldsOf('a.tsv', 'a good film\t1\ndull, and long\t0\n', columns)).toEqual(rows);
    expect(await fieldsOf('a.csv', 'text,label\na good film,1\n"dull, and long",0\n', columns)).toEqual(rows);
  });

  it('whose first line has some of the columns that are named, or others beside them, has a header', async () => {
    const columns = ['text', 'label'];
    expect(await fieldsOf('a.csv', 'text\ngood\n', columns)).toEqual([{ text: 'good' }]);
    expect(await fieldsOf('a.csv', 'label,text\n1,good\n', columns)).toEqual([{ label: '1', text: 'good' }]);
    expect(await fieldsOf('a.tsv', 'label\ttext\tid\n1\tgood\t7\n', columns)).toEqual([
      { label: '1', text: 'good', id: '7' },
    ]);
    expect(await fieldsOf('a.csv', 'text;label\ngood;1\n', ['text'])).toEqual([{ text: 'good', label: '1' }]);
    expect(await fieldsOf('a.csv', 'good; fine\nbad\n', ['text'])).toEqual([{ text: 'good; fine' }, { text: 'bad' }]);
    expect(await fieldsOf('a.csv', 'text,text\ngood,1\n', columns)).toEqual([
      { text: 'text', label: 'text' },
      { text: 'good', label: '1' },
    ]);
    await rejects(
      () => fieldsOf('a.csv', 'text\ngood,1\n', columns),
      'ERR_ZEST_DATA',
      /a\.csv:2: has 2 columns where the header has 1;/,
    );
  });

  it.each([
    [
      'good; film,1\nbad film,0\n',
      ',',
      [
        ['good; film', '1'],
        ['bad film', '0'],
      ],
    ],
    [
      'good, film;1\nbad film;0\nnice;1\n',
      ';',
      [
        ['good, film', '1'],
        ['bad film', '0'],
        ['nice', '1'],
      ],
    ],
    ['"a, b; c"|1\n', '|', [['a, b; c', '1']]],
    ['\ngood film\nbad film;0\n', ';', [['good film'], ['bad film', '0']]],
    ['sep=;\ngood, film;1\n', ';', [['good, film', '1']]],
    [
      '"Good.\nThin; it is.\nI laughed; cried.",0\n"{\n\tx;\n\ty;\n}",1\n',
      ',',
      [
        ['Good.\nThin; it is.\nI laughed; cried.', '0'],
        ['{\n\tx;\n\ty;\n}', '1'],
      ],
    ],
    [
      'good film,1,\nbad; film,0,\ndull film,0,\n',
      ',',
      [
        ['good film', '1'],
        ['bad; film', '0'],
        ['dull film', '0'],
      ],
    ],
  ])('without a header, %j, has the separator that gives its lines their columns', async (content, _, cells) => {
    const names = ['sentence', 'idx'];
    const expected = cells.map((row) => Object.fromEntries(row.map((cell, i) => [names[i], cell])));
    expect(await fieldsOf('a.csv', content, names)).toEqual(expected);
  });

  it('without a header that has more columns than names is told of', async () => {
    for (const content of ['a;b;c\n', 'a,b,c\n'])
      await rejects(
        () => fieldsOf('a.csv', content, ['x', 'y']),
        'ERR_ZEST_DATA',
        /a\.csv:1: has 3 columns where 2 have names;/,
      );
    await rejects(() => fieldsOf('a.csv', 'a,b\n', ['x']), 'ERR_ZEST_DATA', /:1: has 2 columns where 1 have names;/);
  });

  it('that says its separator may have spaces behind it', async () => {
    expect(await fieldsOf('a.csv', 'sep=;\ntext; label\na; 1\nc; "d;e"\n')).toEqual([
      { text: 'a', label: '1' },
      { text: 'c', label: 'd;e' },
    ]);
  });

  it('ends lines in CR CR LF, as Python’s csv writes them on Windows', async () => {
    const content = 'text,label\na good film,1\n"dull, and long",0\n'.replaceAll('\n', '\r\r\n');
    expect(await fieldsOf('a.csv', content)).toEqual(rows);
    expect(await fieldsOf('a.tsv', content.replaceAll(',', '\t'))).toHaveLength(2);
    expect(await fieldsOf('a.csv', `${content.slice(0, -1)}`)).toEqual(rows);
  });

  it('keeps the returns that stand in its cells', async () => {
    expect(await fieldsOf('a.csv', 'text,label\n"a\rb\r\nc\n",1\nd\re,0\n')).toEqual([
      { text: 'a\rb\r\nc\n', label: '1' },
      { text: 'd\re', label: '0' },
    ]);
  });

  it('is read the same with any separator and any line end', async () => {
    const cell = fc.stringMatching(/^[a-z"\n\r,;|\t ]{1,8}$/);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 5 }),
        fc.constantFrom(',', ';', '\t', '|'),
        fc.constantFrom('\n', '\r\n', '\r'),
        async (records, separator, end) => {
          const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
          const lines = [['x', 'y'], ...records.map((cells) => cells.map(quoted))];
          const content = lines.map((cells) => cells.join(separator) + end).join('');
          expect(await fieldsOf('random.csv', content)).toEqual(records.map(([x, y]) => ({ x, y })));
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('JSON lines', () => {
  it('may be called .json and .ndjson', async () => {
    const content = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
    for (const name of ['a.json', 'a.ndjson', 'A.JSONL']) expect(await fieldsOf(name, content)).toEqual(rows);
  });

  it('may end in CR', async () => {
    expect(await fieldsOf('a.jsonl', '{"a":1}\r{"a":2}\r')).toEqual([{ a: 1 }, { a: 2 }]);
    expect(await fieldsOf('a.jsonl', '{"a":1}\r')).toEqual([{ a: 1 }]);
  });
});

describe('lines', () => {
  it('end in LF where there is one, whatever stands before it', async () => {
    expect(await fieldsOf('a.txt', 'good film\r part two\nbad film\nnice\n')).toEqual([
      { text: 'good film\r part two' },
      { text: 'bad film' },
      { text: 'nice' },
    ]);
    expect(await fieldsOf('a.csv', 'text,label\rx,note\n"a\rb",1,\n')).toEqual([
      { text: 'a\rb', 'label\rx': '1', note: '' },
    ]);
  });

  it('end in CR where no LF is near, though one stands in a quoted cell or far behind', async () => {
    expect(await fieldsOf('a.csv', 'text,label\r"a\nb",1\r"c ""d""\n",0\r')).toEqual([
      { text: 'a\nb', label: '1' },
      { text: 'c "d"\n', label: '0' },
    ]);
    const long = await fieldsOf('a.txt', `${'word\r'.repeat(40_000)}last\nline\r`);
    expect(long).toHaveLength(40_001);
    expect(long.at(-1)).toEqual({ text: 'last\nline' });
  });
});

describe('what is never closed', () => {
  const line = 'x'.repeat(2 ** 22);
  const fed = ({ add }: LineParser, first: string) => {
    add({ line: 1, content: first, end: '\n' });
    for (let number = 2; number < 100; number++) add({ line: number, content: line, end: '\n' });
  };

  it('is told of where it opened, before it is longer than texts may be', async () => {
    await rejects(
      () => fed(separatedLines('big.csv', ['text']), '"a'),
      'ERR_ZEST_DATA',
      /^big\.csv:1:1: a quoted cell that begins here is never closed/,
    );
    await rejects(
      () => fed(jsonArray('big.json'), '[{"a": "b'),
      'ERR_ZEST_DATA',
      /^big\.json:1: the object that begins here is never closed/,
    );
  });
});

describe('what is no table', () => {
  const png = Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
    'base64',
  );
  const header = Buffer.from('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}');
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  it.each<[string, Uint8Array | string, RegExp]>([
    ['data.csv', Buffer.from('7f454c460201010000b7fe', 'hex'), /data\.csv: is no text but binary; expected rows/],
    ['data.csv', png, /data\.csv: is a picture \(PNG\); expected rows/],
    ['photo.png', png, /photo\.png: is a picture/],
    [
      'model.safetensors',
      Buffer.concat([length, header, Buffer.alloc(4)]),
      /is a safetensors file, the weights of a mo/,
    ],
    ['data.xlsx', Buffer.from('PK\x03\x04\x14\0\x06\0', 'latin1'), /is a ZIP archive, as the workbooks of Excel/],
    ['data.csv', Buffer.from('PK\x03\x04\x14\0\x06\0', 'latin1'), /save the sheet as CSV UTF-8/],
    ['data.tar.gz', gzipSync(Buffer.concat([Buffer.alloc(257, 1), Buffer.from('ustar')])), /is a tar archive/],
    ['data.jsonl.xz', Buffer.from('\xfd7zXZ\0', 'latin1'), /is compressed by xz; .*: unpack it: unxz/],
    ['data.csv', Buffer.from('\ufefftext,label\n', 'utf16le'), /data\.csv: is UTF-16; .*: save it as UTF-8/],
    ['data.csv', Buffer.from('text,label\n', 'utf16le'), /data\.csv: is UTF-16/],
    ['data.csv', Buffer.from('\ufefftext,label\n', 'utf16le').swap16(), /data\.csv: is UTF-16/],
    ['data.csv', '<!DOCTYPE html>\n<html>', /is an HTML page; .*: fetch the file itself/],
    ['data.csv', 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n', /pointer of Git LFS/],
    ['data.doc', 'text\n', /is none of the kinds that can be read: \.jsonl, \.csv, \.tsv, \.parquet$/],
    ['data.csv', '', /data\.csv: has no rows$/],
  ])('%s is told as what it is', async (name, content, message) => {
    await rejects(() => readRows(written(name, content)), 'ERR_ZEST_DATA', message);
  });
});
