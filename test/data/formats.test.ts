import { execFile, execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { fileRows, readRows } from '../../lib/data/read-rows.ts';
import { streamRows } from '../../lib/data/row-stream.ts';
import { rejects } from '../fixtures/rejects.ts';
import { scratchFolder } from '../fixtures/scratch.ts';

// Files that pyarrow and zstandard wrote (test/fixtures/data/parquet.py), and some made here.

type SchemaElement = NonNullable<Parameters<typeof parquetWriteBuffer>[0]['schema']>[number];

const FIXTURES = new URL('../fixtures/data/parquet/', import.meta.url).pathname;
const folder = scratchFolder();
const written = (name: string, content: string | Uint8Array): string => {
  const file = join(folder, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
};
const copied = (from: string, name: string): string => {
  copyFileSync(join(FIXTURES, from), join(folder, name));
  return join(folder, name);
};
const texts = async (path: string) => (await readRows(path)).map(({ fields }) => fields.text);

describe('Parquet', () => {
  it.each(['none', 'snappy', 'gzip', 'brotli', 'zstd', 'lz4'])('compressed by %s gives its values', async (codec) => {
    const rows = await readRows(join(FIXTURES, `${codec}.parquet`));
    expect(rows.map(({ fields }) => fields.sentence)).toEqual([
      ...['a charming film', 'dull, "and" long', '', null, '日本 🦄', 'wéll'],
    ]);
    expect(rows.map(({ fields }) => fields.label ?? null)).toEqual([1, 0, 0, 1, 1, null]);
    expect(rows.map(({ line }) => line)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(rows[0]?.fields).toEqual({
      ...{ sentence: 'a charming film', label: 1, score: 0.5, idx: 0, sure: true, kind: 'x' },
      ...{ answers: { text: ['a', 'b'], answer_start: [1, 2] }, at: '2026-11-26T01:02:03.004Z' },
      huge: '4611686018427387904',
    });
  });

  it('has columns that are all null, whose words are a page of no bytes', async () => {
    // pq.write_table(pa.table({'text': ['a'], 'n': pa.array([None], pa.string())}), 'nulls.parquet', compression='lz4',
    //   store_schema=False, write_statistics=False)
    const packed =
      'UEFSMRUEFQoVDEwVAhUAEgAAUAEAAABhFQAVEhUULBUCFRAVBhUGHAAAAJACAAAAAgEBAgAVBBUAFQJMFQAVABIAAAAVABUOFRAsFQIVEBUGFQYc' +
      'AAAAcAIAAAACAAAVBBk8NQAYBnNjaGVtYRUEABUMJQIYBHRleHQlAEwcAAAAFQwlAhgBbiUATBwAAAAWAhkcGSwmABwVDBk1AAYQGRgEdGV4dBUO' +
      'FgIWXhZiJjAmCCksFQQVABUCABUAFRAVAgA8FgIZBhkmAAIAAAAmABwVDBk1AAYQGRgBbhUOFgIWUBZUJogBJmopLBUEFQAVAgAVABUQFQIAPBYA' +
      'GQYZJgIAAAAAFq4BFgImCBa2AQAoIHBhcnF1ZXQtY3BwLWFycm93IHZlcnNpb24gMjYuMC4xGSwcAAAcAAAA3AAAAFBBUjE=';
    const rows = await readRows(written('nulls.parquet', Buffer.from(packed, 'base64')));
    expect(rows.map(({ fields }) => fields)).toEqual([{ text: 'a', n: null }]);
  });

  it('is known by its bytes, and read from a stream and from gzip too', async () => {
    const file = copied('snappy.parquet', 'called.csv');
    const rows = (await readRows(file)).map(({ fields }) => fields);
    expect(rows).toHaveLength(6);
    const packed = written('rows.parquet.gz', gzipSync(readFileSync(file)));
    expect((await readRows(packed)).map(({ fields }) => fields)).toEqual(rows);
    const streamed = [];
    for await (const part of streamRows(Readable.from([readFileSync(file)]), { fields: [] }))
      streamed.push(...part.rows);
    expect(streamed.map(({ fields }) => fields)).toEqual(rows);
  });

  it('has times that no date is, times of day, and what is no number', async () => {
    const schema: SchemaElement[] = [
      { name: 'root', num_children: 5 },
      { name: 'text', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' },
      { name: 'at', type: 'INT64', converted_type: 'TIMESTAMP_MICROS', repetition_type: 'REQUIRED' },
      { name: 'day', type: 'INT32', converted_type: 'DATE', repetition_type: 'REQUIRED' },
      { name: 'time', type: 'INT32', converted_type: 'TIME_MILLIS', repetition_type: 'REQUIRED' },
      { name: 'score', type: 'DOUBLE', repetition_type: 'REQUIRED' },
    ];
    const columnData = [
      { name: 'text', data: ['a', 'b'] },
      { name: 'at', data: [2n ** 63n - 1n, 1_000_000n] },
      { name: 'day', data: [2 ** 31 - 1, 1] },
      { name: 'time', data: [1000, 0] },
      { name: 'score', data: [Number.NaN, 0.5] },
    ];
    const rows = await readRows(
      written('times.parquet', new Uint8Array(parquetWriteBuffer({ columnData, schema, statistics: false }))),
    );
    expect(rows.map(({ fields }) => fields)).toEqual([
      { text: 'a', at: '9223372036854775807', day: '2147483647', time: 1000, score: null },
      { text: 'b', at: '1970-01-01T00:00:01.000Z', day: '1970-01-02T00:00:00.000Z', time: 0, score: 0.5 },
    ]);
  });

  it('may have points in names, and has each name once', async () => {
    const struct: SchemaElement[] = [
      { name: 'root', num_children: 2 },
      { name: 'a.b', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' },
      { name: 'a', num_children: 1, repetition_type: 'OPTIONAL' },
      { name: 'b', type: 'INT32', repetition_type: 'REQUIRED' },
    ];
    const columnData = [
      { name: 'a.b', data: ['x'] },
      { name: 'a', data: [{ b: 1 }] },
    ];
    const pointed = new Uint8Array(parquetWriteBuffer({ columnData, schema: struct }));
    expect((await readRows(written('points.parquet', pointed))).map(({ fields }) => fields)).toEqual([
      { 'a.b': 'x', a: { b: 1 } },
    ]);
    const twice = ['x', 'y'].map((text) => ({ name: 'text', data: [text], type: 'STRING' as const }));
    await rejects(
      () => readRows(written('twice.parquet', new Uint8Array(parquetWriteBuffer({ columnData: twice })))),
      'ERR_ZEST_DATA',
      /twice\.parquet: names the column "text" twice$/,
    );
  });

  it.skipIf(process.platform === 'win32')('is read from a pipe that is named as a file', async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const writing = execFile('cp', [join(FIXTURES, 'none.parquet'), pipe]);
    expect(await readRows(pipe)).toHaveLength(6);
    expect(writing.exitCode ?? 0).toBe(0);
  });

  it('comes a row group at a time, and counts bytes', async () => {
    const counts: [number, number][] = [];
    const file = join(FIXTURES, 'zstd.parquet');
    for await (const { rows, bytes } of streamRows(file, { fields: [] })) counts.push([rows.length, bytes]);
    expect(counts.map(([rows]) => rows)).toEqual([4, 2]);
    expect(counts[1]?.[1]).toBe(readFileSync(file).length);
  });

  it('that is cut or damaged is told as such', async () => {
    const wrongEnd = copied('none.parquet', 'end.parquet');
    writeFileSync(wrongEnd, Buffer.concat([readFileSync(wrongEnd).subarray(0, -4), Buffer.from('PAR2')]));
    await rejects(
      () => readRows(wrongEnd),
      'ERR_ZEST_DATA',
      /end\.parquet: is Parquet that is cut or damaged: .*footer/,
    );
    const cut = copied('none.parquet', 'cut.parquet');
    truncateSync(cut, 1000);
    await rejects(() => readRows(cut), 'ERR_ZEST_DATA', /cut\.parquet: is Parquet that is cut or damaged/);
    const bytes = readFileSync(join(FIXTURES, 'none.parquet'));
    bytes.writeUInt32LE(0xfffffff0, bytes.length - 8);
    await rejects(() => readRows(written('long.parquet', bytes)), 'ERR_ZEST_DATA', /damaged: .*metadata length/);
    await rejects(() => readRows(written('magic.parquet', 'PAR1')), 'ERR_ZEST_DATA', /magic\.parquet: is Parquet that/);
    const html = written('page.parquet', 'text,label\n');
    await rejects(() => readRows(html), 'ERR_ZEST_DATA', /page\.parquet: is called \.parquet and does not begin/);
    await rejects(() => readRows(join(FIXTURES, 'empty.parquet')), 'ERR_ZEST_DATA', /empty\.parquet: has no rows/);
  });

  it('of any damage is an error of data, or rows', async () => {
    const whole = readFileSync(join(FIXTURES, 'snappy.parquet'));
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, by) => {
        const bytes = Buffer.from(whole);
        bytes[at] = (bytes[at] as number) ^ by;
        await readRows(written('damaged.parquet', bytes)).catch((error) => {
          expect(error.code).toBe('ERR_ZEST_DATA');
        });
      }),
      { numRuns: 100 },
    );
  });

  it('holds what was written', async () => {
    const row = fc.record({
      text: fc.string({ unit: 'grapheme' }),
      label: fc.integer(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 30 }), async (rows) => {
        const buffer = parquetWriteBuffer({
          columnData: [
            { name: 'text', data: rows.map(({ text }) => text), type: 'STRING' },
            { name: 'label', data: rows.map(({ label }) => label), type: 'INT32' },
          ],
          rowGroupSize: 7,
        });
        const read = await readRows(written('random.parquet', new Uint8Array(buffer)));
        expect(read.map(({ fields }) => fields)).toEqual(rows);
      }),
      { numRuns: 30 },
    );
  });
});

describe('compressed files', () => {
  const lines = ['line 0', 'line 1', 'line 2', 'line 3', 'line 4'];

  it('are unpacked, whatever they are called', async () => {
    for (const name of ['lines.jsonl.gz', 'lines.jsonl.zst', 'frames.jsonl.zst']) {
      expect(await texts(join(FIXTURES, name))).toEqual(lines);
      expect(await texts(copied(name, 'plain.jsonl'))).toEqual(lines);
    }
    expect(await texts(written('a.csv.gz', gzipSync('text,label\n"a, b",1\n')))).toEqual(['a, b']);
    expect(await texts(written('a.csv.gz', 'text,label\nnot packed,1\n'))).toEqual(['not packed']);
  });

  it('of zstd may begin with a frame that is left out, as pzstd writes it', async () => {
    const skipped = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 0x29, 0, 0, 0]);
    const packed = Buffer.concat([skipped, readFileSync(join(FIXTURES, 'lines.jsonl.zst'))]);
    expect(await texts(written('pzstd.jsonl.zst', packed))).toEqual(lines);
  });

  it('that are cut or damaged are told as such', async () => {
    for (const name of ['lines.jsonl.gz', 'lines.jsonl.zst']) {
      const bytes = readFileSync(join(FIXTURES, name));
      const packing = name.endsWith('gz') ? 'gzip' : 'zstd';
      const cut = written(name, bytes.subarray(0, -9));
      await rejects(() => readRows(cut), 'ERR_ZEST_DATA', new RegExp(`${name}: is compressed by ${packing}, and cut`));
    }
    await rejects(
      () => readRows(written('a.jsonl.br', brotliCompressSync('{"a":1}\n'))),
      'ERR_ZEST_DATA',
      /a\.jsonl\.br: is none of the kinds|is not UTF-8/,
    );
  });

  it('give their rows or an error, whichever bit of them is another', async () => {
    // printf 'text,label\nthe film is good,1\nthe film is bad,0\n' | zstd --check
    const packed = {
      zst: Buffer.from('KLUv/QRYVQEANAJ0ZXh0LGxhYmVsCnRoZSBmaWxtIGlzIGdvb2QsMWJhZCwwCgEA2TGdy7pvrw==', 'base64'),
      gz: gzipSync('text,label\nthe film is good,1\nthe film is bad,0\n'),
    };
    for (const [ending, bytes] of Object.entries(packed)) {
      let refused = 0;
      for (let bit = 32; bit < 8 * bytes.length; bit++) {
        const other = Buffer.from(bytes);
        other[bit >> 3]! ^= 1 << (bit & 7);
        const outcome = await texts(written(`flipped.csv.${ending}`, other)).catch(({ code }) => code);
        if (outcome === 'ERR_ZEST_DATA') refused++;
        else expect(outcome).toEqual(['the film is good', 'the film is bad']);
      }
      expect(refused).toBeGreaterThan(8 * bytes.length - 100);
    }
  });

  it('are not unpacked whole before their first row', async () => {
    const line = () => `{"text":"${randomBytes(50).toString('hex')}"}\n`;
    const packed = gzipSync(Array.from({ length: 20_000 }, line).join(''));
    let taken = 0;
    const slowly = (async function* () {
      for (; taken < packed.length; taken += 100) yield packed.subarray(taken, taken + 100);
    })();
    for await (const { rows } of streamRows(slowly, { fields: [] })) {
      if (rows.length === 0) continue;
      expect(taken).toBeLessThan(packed.length / 2);
      break;
    }
  });
});

describe('one JSON array', () => {
  it('has a row an object, on the line that it begins on', async () => {
    const file = written(
      'a.json',
      '[\n  {"text": "a]}\\"",\n   "in": [{"x": [1]}]},\n  {"text": "b"}, {"text": "c"}\n]\n',
    );
    expect((await readRows(file)).map(({ line, fields }) => [line, fields])).toEqual([
      [2, { text: 'a]}"', in: [{ x: [1] }] }],
      [4, { text: 'b' }],
      [4, { text: 'c' }],
    ]);
  });

  it('is read however it is laid out', async () => {
    const value = fc.array(fc.dictionary(fc.string(), fc.jsonValue()), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(value, fc.constantFrom(0, 1, 2, '\t'), async (rows, indent) => {
        const text = JSON.stringify(rows, null, indent);
        const read = await readRows(written('any.json', text));
        expect(read.map(({ fields }) => fields)).toEqual(JSON.parse(text));
      }),
      { numRuns: 60 },
    );
  });

  it.each<[string, RegExp]>([
    ['[{"a":1},\n{"a":2}', /a\.json:1: the array that begins here is never closed/],
    ['[{"a":1}\n{"a":2}]', /a\.json:2:1: is '{' in an array of rows; expected a comma/],
    ['[{"a":1},]', /a\.json:1:10: is '\]' in an array of rows; expected an object after the comma/],
    ['[,]', /a\.json:1:2: is ',' in an array of rows; expected an object/],
    ['[{"a":1}, 7]', /a\.json:1:11: is '7' in an array of rows; expected an object/],
    ['[{"a":1}]\n[]', /a\.json:2:1: is '\[' in an array of rows; expected nothing more/],
    ['[{"a":1},\n{"b": oops}]', /a\.json:2: the object that begins here is not JSON/],
    ['[]', /a\.json: has no rows/],
  ])('%s is told where it breaks', async (content, message) => {
    await rejects(() => readRows(written('a.json', content)), 'ERR_ZEST_DATA', message);
  });
});

describe('a name that lies, or says nothing', () => {
  it('gives way to the content', async () => {
    expect(await texts(written('lines.csv', '{"text":"a, b"}\n'))).toEqual(['a, b']);
    expect(await texts(written('array.jsonl', '[{"text":"a"}]'))).toEqual(['a']);
    expect(await texts(written('nameless', '{"text":"a"}\n'))).toEqual(['a']);
    expect(await texts(written('table', 'text\tlabel\na\t1\n'))).toEqual(['a']);
    expect(await texts(written('data.json.download', '[{"text":"a"}]'))).toEqual(['a']);
  });
});

describe('bad text', () => {
  it('may be a text a line', async () => {
    const file = written('lines.txt', 'a good film\r\n\r\n{"a": 1}\n');
    expect((await readRows(file)).map(({ fields }) => fields)).toEqual([{ text: 'a good film' }, { text: '{"a": 1}' }]);
  });

  it('has lines, and not one that has no end', async () => {
    const piece = Buffer.alloc(2 ** 20, 'a');
    const endless = (async function* () {
      for (;;) yield piece;
    })();
    const read = async () => {
      for await (const _ of streamRows(endless, { format: 'jsonl', fields: [] }));
    };
    await rejects(read, 'ERR_ZEST_DATA', /the input:1: has more than 268435456 bytes; expected rows in lines/);
  });

  it('has a quote that is never closed, at its file, line and column', async () => {
    const open = written('open.csv', 'text,label\nfine,1\ngood,"never closed\nbad,0\n');
    await rejects(
      () => readRows(open),
      'ERR_ZEST_DATA',
      /open\.csv:3:6: a quoted cell that begins here is never closed/,
    );
    const more = written('more.csv', 'text,label\n"a" b,1\n');
    await rejects(() => readRows(more), 'ERR_ZEST_DATA', /more\.csv:2:5: has text after the closing quote/);
  });

  it('in two encodings names a line of each', async () => {
    const mixed = Buffer.concat([Buffer.from('{"text":"a"}\n{"text":"é"}\n'), Buffer.from('{"text":"é"}\n', 'latin1')]);
    await rejects(
      () => readRows(written('mixed.jsonl', mixed)),
      'ERR_ZEST_DATA',
      /mixed\.jsonl:3: is not UTF-8, as line 2 is: the file mixes encodings/,
    );
  });
});

describe('several files', () => {
  const names = [
    'b/train-10.jsonl',
    'b/train-2.csv',
    'b/c/more.parquet',
    'b/notes.md',
    'b/.hidden.jsonl',
    'b/test.jsonl',
  ];
  const parquet = new Uint8Array(
    parquetWriteBuffer({ columnData: [{ name: 'text', data: ['b/c/more.parquet'], type: 'STRING' }] }),
  );
  for (const name of names) {
    const row = name.endsWith('.csv') ? `text\n${name}\n` : `${JSON.stringify({ text: name })}\n`;
    written(name, name.endsWith('.parquet') ? parquet : row);
  }

  it('of a folder are those with rows, in the order of their names', async () => {
    const all = ['b/c/more.parquet', 'b/test.jsonl', 'b/train-10.jsonl', 'b/train-2.csv'];
    expect(await texts(join(folder, 'b'))).toEqual(all);
    expect(await texts(join(folder, 'b/'))).toEqual(all);
  });

  it.each([
    ['b/train-*', ['b/train-10.jsonl', 'b/train-2.csv']],
    ['b/train-?.csv', ['b/train-2.csv']],
    ['b/**/*.{parquet,csv}', ['b/c/more.parquet', 'b/train-2.csv']],
    ['b/**/t*.jsonl', ['b/test.jsonl', 'b/train-10.jsonl']],
    ['*/c/*', ['b/c/more.parquet']],
  ])('of the glob %s are those that it matches', async (glob, expected) => {
    expect(await texts(join(folder, glob))).toEqual(expected);
  });

  it('of a folder are texts where it has no others, and no notes beside a table', async () => {
    for (const name of ['texts/b.txt', 'texts/c/a.TXT', 'noted/notes.txt', 'noted/README.txt'])
      written(name, `${name}\n`);
    written('noted/README', '#\n');
    written('noted/a.csv', 'text\none\n');
    const found = ['texts/b.txt', 'texts/c/a.TXT'];
    expect(await texts(join(folder, 'texts'))).toEqual(found);
    expect(await texts(join(folder, 'texts/**'))).toEqual(found);
    expect(await texts(join(folder, 'noted'))).toEqual(['one']);
    const fields = ['review'];
    const read = [];
    for await (const rows of fileRows(join(folder, 'texts'), { fields })) read.push(...rows);
    expect(read.map((row) => row.fields)).toEqual(found.map((review) => ({ review })));
    await rejects(
      () => texts(join(folder, 'noted/*.{csv,txt}')),
      'ERR_ZEST_DATA',
      /csv,txt\}: has \.txt files, with a text a line, and files with fields; name those of one kind/,
    );
  });

  it('are those of the current directory too, however it is written', async () => {
    for (const name of ['a.csv', 'bb.csv', '.hid.csv', 'data/00.csv', 'data/a.csv', 'data/.x.csv', 'data/.y/z.csv'])
      written(`here/${name}`, `text\n${name}\n`);
    const before = process.cwd();
    process.chdir(join(folder, 'here'));
    try {
      const own = ['a.csv', 'bb.csv'];
      const inner = ['data/00.csv', 'data/a.csv'];
      for (const path of ['*.csv', './*.csv', '../here/*.csv', 'data/../*.csv']) expect(await texts(path)).toEqual(own);
      for (const path of ['data', './data', './data/', 'data//*.csv', 'data/./*', '{data,b}/*'])
        expect(await texts(path)).toEqual(inner);
      for (const path of ['.', './', '**/*.csv', './**']) expect(await texts(path)).toEqual([...own, ...inner]);
      expect(await texts('{data/a,bb}.csv')).toEqual(['bb.csv', 'data/a.csv']);
      expect(await texts('data/.y/*.csv')).toEqual(['data/.y/z.csv']);
    } finally {
      process.chdir(before);
    }
  });

  it('of a folder are those behind links, which may lead back', async () => {
    written('linked/a.csv', 'text\na\n');
    written('elsewhere/b.csv', 'text\nb\n');
    symlinkSync('../elsewhere', join(folder, 'linked/to'));
    symlinkSync('..', join(folder, 'elsewhere/back'));
    symlinkSync('.', join(folder, 'linked/self'));
    symlinkSync('a.csv', join(folder, 'linked/c.csv'));
    expect(await texts(join(folder, 'linked/{a,c,to/b}.csv'))).toEqual(['a', 'a', 'b']);
    rmSync(join(folder, 'elsewhere/back'));
    symlinkSync('../linked', join(folder, 'elsewhere/back'));
    expect(await texts(join(folder, 'linked'))).toEqual(['a', 'a', 'b']);
  });

  it('that cannot be looked for or read are told with what was asked for', async () => {
    written('stuck/a.csv', 'text\na\n');
    const inFile = join(folder, 'stuck/a.csv/x');
    await rejects(() => readRows(inFile), 'ERR_ZEST_DATA', /stuck\/a\.csv\/x: cannot be read: ENOTDIR/);
    await rejects(() => readRows(`${inFile}/*`), 'ERR_ZEST_DATA', /a\.csv\/x\/\*: /);
    await rejects(() => readRows(join(folder, 'n'.repeat(300))), 'ERR_ZEST_DATA', /nnn: cannot be read: ENAMETOOLONG/);
    symlinkSync('gone.csv', join(folder, 'stuck/broken.csv'));
    await rejects(
      () => readRows(join(folder, 'stuck')),
      'ERR_ZEST_DATA',
      /broken\.csv: cannot be read: ENOENT: .*broken\.csv is a link to gone\.csv, which is not there$/,
    );
  });

  it('are found beside a folder that may not be looked into, unless it is asked for', async () => {
    written('shut/a.csv', 'text\na\n');
    written('shut/private/b.csv', 'text\nb\n');
    chmodSync(folder, 0o755);
    chmodSync(join(folder, 'shut/private'), 0);
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) process.seteuid?.(65_534);
    try {
      for (const glob of ['*.csv', '{a,q/**/b}.csv']) expect(await texts(join(folder, 'shut', glob))).toEqual(['a']);
      for (const path of ['shut', 'shut/**/*.csv'])
        await rejects(() => readRows(join(folder, path)), 'ERR_ZEST_DATA', /shut.*: cannot be read: EACCES: .*private/);
    } finally {
      if (isRoot) process.seteuid?.(0);
      chmodSync(join(folder, 'shut/private'), 0o755);
    }
  });

  it('that are none are an error', async () => {
    await rejects(
      () => readRows(join(folder, 'b/no-*')),
      'ERR_ZEST_DATA',
      /b\/no-\*: matches no file; .*b has .*train-10\.jsonl/,
    );
    mkdirSync(join(folder, 'hollow'));
    await rejects(() => readRows(join(folder, 'hollow')), 'ERR_ZEST_DATA', /is a folder without files with rows/);
    await rejects(() => readRows(join(folder, 'none-such/*.csv')), 'ERR_ZEST_DATA', /matches no file in/);
  });

  it('a file whose name is a glob is itself', async () => {
    expect(await texts(written('odd[1]*.jsonl', '{"text":"odd"}\n'))).toEqual(['odd']);
  });

  it('stdin is read once', async () => {
    const script = `
      import { readRows } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)};
      console.log((await readRows('-')).map(({ file, line, fields }) => [file, line, fields.text]).join(';'));
      await readRows('-').catch((error) => console.log(error.message));`;
    const child = execFile(process.execPath, ['--input-type=module', '-e', script]);
    child.stdin?.end(gzipSync('[{"text":"a"},\n{"text":"b"}]'));
    let out = '';
    child.stdout?.on('data', (piece) => {
      out += piece;
    });
    await new Promise((done) => child.once('close', done));
    expect(out).toBe(
      'stdin,1,a;stdin,2,b\nstdin: was read already, and comes once; name a file where it is needed twice\n',
    );
  });
});
