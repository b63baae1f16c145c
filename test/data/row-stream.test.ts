import { randomBytes } from 'node:crypto';
import { readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { RowFormat, RowInput } from '../../lib/data/input.ts';
import { readRows } from '../../lib/data/read-rows.ts';
import { streamRows } from '../../lib/data/row-stream.ts';
import { rejects } from '../fixtures/rejects.ts';
import { scratchFolder } from '../fixtures/scratch.ts';

const folder = scratchFolder();
const file = (name: string, content: string | Uint8Array): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};

const read = async (input: RowInput, format?: RowFormat, fields = ['text']) => {
  const found: [number, unknown][] = [];
  for await (const { rows } of streamRows(input, { format, fields })) {
    found.push(...rows.map(({ line, fields }): [number, unknown] => [line, fields]));
  }
  return found;
};

/** The bytes in pieces of that many. */
const inPieces = (content: string | Uint8Array, size: number): AsyncIterable<Uint8Array> => {
  const bytes = Buffer.from(content);
  return Readable.from(
    Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size)),
  );
};

/** A frame of Zstandard whose blocks are stored as they are. */
const zstdOf = (content: Buffer): Buffer => {
  const blocks = Array.from({ length: Math.ceil(content.length / 2 ** 16) }, (_, i) => {
    const bytes = content.subarray(i * 2 ** 16, (i + 1) * 2 ** 16);
    const header = Buffer.alloc(3);
    header.writeUIntLE((bytes.length << 3) | Number((i + 1) * 2 ** 16 >= content.length), 0, 3);
    return [header, bytes];
  });
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x70]), ...blocks.flat()]);
};

describe('streamRows', () => {
  it('gives the rows of readRows, however the bytes arrive', async () => {
    const contents = {
      'a.jsonl': '\ufeff{"text":"é电🦄","label":1}\r\n\n{"label":0,"text":""}',
      'a.csv': 'text,label\r\n"a, ""b""\r\nc",1\r\n\r\nplain 5" disk,0\n',
      'a.tsv': '\ufefftext\tlabel\n"quoted\t1\r\n\n電影\t0\n',
    };
    for (const [name, content] of Object.entries(contents)) {
      const path = file(name, content);
      const rows = (await readRows(path)).map(({ line, fields }) => [line, fields]);
      expect(await read(path)).toEqual(rows);
      for (const size of [1, 2, 3, 7, 1000]) {
        expect(await read(inPieces(content, size), name.slice(2) as RowFormat)).toEqual(rows);
      }
    }
  });

  it('knows a table without a name by its header, or by how many fields are wanted', async () => {
    for (const [content, fields] of [
      ['text,label\n"a, b",1\n', { text: 'a, b', label: '1' }],
      ['id; text \n7;a, b\n', { id: '7', text: 'a, b' }],
      ['"label"\t"text"\n1\ta, b\n', { label: '1', text: 'a, b' }],
    ] as const) {
      expect(await read(inPieces(content, 3))).toEqual([[2, fields]]);
    }
    // Prose, a field alone, and a header of other columns are texts.
    for (const line of ['a text, and a comma', 'text', 'sentence,label']) {
      expect(await read(inPieces(`${line}\nb\n`, 3))).toEqual([
        [1, { text: line }],
        [2, { text: 'b' }],
      ]);
    }
    const rows = [[2, { a: '1', b: '2' }]];
    expect(await read(inPieces('a,b\n1,2\n', 3), undefined, ['a', 'c'])).toEqual(rows);
    // The columns that a configuration names for the fields.
    const found = [];
    const options = { fields: ['text'], wanted: ['a'] };
    for await (const { rows } of streamRows(inPieces('a,b\n1,2\n', 3), options)) found.push(...rows);
    expect(found.map(({ fields }) => fields)).toEqual([{ a: '1', b: '2' }]);
  });

  it('takes a line for a text, without its end, and skips empty ones', async () => {
    const content = '\ufeffa fine film \r\n\n{not JSON}\n\ufeff\n last';
    const rows = [
      [1, { text: 'a fine film ' }],
      [3, { text: '{not JSON}' }],
      [4, { text: '\ufeff' }],
      [5, { text: ' last' }],
    ];
    expect(await read(file('a.txt', content))).toEqual(rows);
    expect(await read(inPieces(content, 4))).toEqual(rows);
    await rejects(
      () => read(file('a.txt', content), undefined, ['premise', 'hypothesis']),
      'ERR_ZEST_DATA',
      /fields premise, hypothesis/,
    );
  });

  it('tells JSON lines from texts by the first line', async () => {
    expect(await read(inPieces('\n {"text":"a"}\n', 3))).toEqual([[2, { text: 'a' }]]);
    expect(await read(inPieces('a\n{"text":"a"}\n', 3))).toEqual([
      [1, { text: 'a' }],
      [2, { text: '{"text":"a"}' }],
    ]);
    expect(await read(inPieces('{"text":"a"}\n', 3), 'txt')).toEqual([[1, { text: '{"text":"a"}' }]]);
    await rejects(() => read(inPieces('{"text":"a"}\nb\n', 3)), 'ERR_ZEST_DATA', /^the input:2: is not JSON/);
  });

  it('takes strings as they come', async () => {
    const pieces = Readable.from(['é', 'in Film\n', 'two\n']).setEncoding('utf8');
    expect(await read(pieces)).toEqual([
      [1, { text: 'éin Film' }],
      [2, { text: 'two' }],
    ]);
  });

  it('gives rows before the input has ended', async () => {
    let ended = false;
    const bytes = (async function* () {
      yield Buffer.from('one\ntw');
      yield Buffer.from('o\n');
      ended = true;
    })();
    const stream = streamRows(bytes, { fields: ['text'] });
    for (const text of ['one', 'two']) {
      expect((await stream.next()).value).toMatchObject({ rows: [{ fields: { text } }] });
      expect(ended).toBe(false);
    }
    expect((await stream.next()).done).toBe(true);
  });

  it('counts bytes, and reads any lines', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: 'binary', maxLength: 8 })),
        fc.integer({ min: 1, max: 9 }),
        async (texts, size) => {
          const content = texts.map((text) => `${JSON.stringify({ text })}\n`).join('');
          let bytes = 0;
          for await (const { bytes: far } of streamRows(inPieces(content, size), { format: 'jsonl', fields: [] })) {
            expect(far).toBeGreaterThan(bytes);
            bytes = far;
          }
          expect(bytes).toBe(Buffer.byteLength(content));
          const rows = await read(inPieces(content, size), 'jsonl');
          // A surrogate alone is escaped in JSON, and survives.
          expect(rows).toEqual(texts.map((text, i) => [i + 1, { text }]));
        },
      ),
      { numRuns: 50 },
    );
  });

  it('names what cannot be read', async () => {
    const latin1 = Buffer.from('{"text":"b"}\n{"text":"caf\u00e9"}\n', 'latin1');
    await rejects(() => read(file('u.jsonl', latin1)), 'ERR_ZEST_DATA', /u\.jsonl:2: is not UTF-8;/);
    await rejects(() => read(inPieces(latin1, 5)), 'ERR_ZEST_DATA', /^the input:2: is not UTF-8;/);
    await rejects(
      () => read(file('u.txt', Buffer.from([0x61, 0x0a, 0xe2, 0x82]))),
      'ERR_ZEST_DATA',
      /u\.txt:2: is not/,
    );
    await rejects(() => read(join(folder, 'absent.jsonl')), 'ERR_ZEST_DATA', /absent\.jsonl: cannot be read: ENOENT/);
    await rejects(() => read(file('a.doc', 'x')), 'ERR_ZEST_DATA', /\.jsonl, \.csv, \.tsv, \.txt, \.parquet$/);
    await rejects(() => read('a.txt', 'xml' as RowFormat), 'ERR_ZEST_OPTION', /format is 'xml'; expected one of jsonl/);
    await rejects(() => read(file('b.tsv', 'a\ta\n1\t2\n')), 'ERR_ZEST_DATA', /b\.tsv:1: names the column "a" twice/);
    await rejects(() => read(file('b.csv', 'a,b\n1,2\n3,4,5\n')), 'ERR_ZEST_DATA', /b\.csv:3: has 3 columns/);
  });

  it('refuses what comes as neither bytes nor text', async () => {
    for (const piece of [{ word: 'x' }, 1n, Symbol('x'), ['x'], 7]) {
      const stream = () => streamRows(Readable.from([piece]) as RowInput, { fields: ['text'] }).next();
      await rejects(stream, 'ERR_ZEST_DATA', /^the input: gave .*; expected bytes or text$/);
    }
  });

  it('stops when told to, while it waits', async () => {
    const controller = new AbortController();
    const stream = streamRows(file('long.txt', 'x\n'.repeat(100_000)), { fields: ['text'], signal: controller.signal });
    await stream.next();
    controller.abort(new Error('enough'));
    await expect(
      (async () => {
        for await (const _ of stream);
      })(),
    ).rejects.toThrow('enough');
  });

  describe('closes what it does not read to its end', () => {
    const picture = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(2 ** 18, 1)]);
    const lines = (broken: number): Buffer =>
      Buffer.from(Array.from({ length: 50_000 }, (_, i) => (i === broken ? '{"text\n' : `{"text":"${i}"}\n`)).join(''));
    /** Rows that are left as soon as the first have come. */
    const left = async (input: RowInput): Promise<void> => {
      for await (const _ of streamRows(input, { fields: ['text'] })) return;
    };
    const refused = (input: RowInput) => rejects(() => read(input), 'ERR_ZEST_DATA', /is a picture|is not JSON/);
    const cases: [name: string, content: Buffer, read: (input: RowInput) => Promise<unknown>][] = [
      ['picture.jsonl', picture, refused],
      ['picture.jsonl.gz', gzipSync(picture, { level: 0 }), refused],
      ['picture.jsonl.zst', zstdOf(picture), refused],
      ['broken.jsonl', lines(5), refused],
      ['broken.jsonl.gz', gzipSync(lines(5), { level: 0 }), refused],
      ['broken.jsonl.zst', zstdOf(lines(5)), refused],
      ['left.jsonl', lines(-1), left],
      ['left.jsonl.gz', gzipSync(lines(-1), { level: 0 }), left],
      ['left.jsonl.zst', zstdOf(lines(-1)), left],
    ];

    it.skipIf(process.platform !== 'linux').each(cases)('of a file: %s', async (name, content, reading) => {
      const path = file(name, content);
      const links = () =>
        readdirSync('/proc/self/fd').flatMap((fd) => {
          try {
            return readlinkSync(`/proc/self/fd/${fd}`);
          } catch {
            return []; // that of this look itself
          }
        });
      await reading(path);
      await vi.waitFor(() => expect(links()).not.toContain(path), 10_000);
    });

    it.each(cases)('of what a generator gives: %s', async (_, content, reading) => {
      let close = (): void => {};
      const closed = new Promise<void>((resolve) => {
        close = resolve;
      });
      await reading(
        (async function* () {
          try {
            for (let at = 0; at < content.length; at += 2 ** 14) yield content.subarray(at, at + 2 ** 14);
          } finally {
            close();
          }
        })(),
      );
      await closed;
    });
  });

  it('is left at once, though more of what is compressed may come late', async () => {
    const packed = gzipSync(`a\nb\n${randomBytes(2 ** 16).toString('hex')}`);
    const input = new Readable({ read() {} });
    input.push(packed.subarray(0, 2 ** 15));
    for await (const { rows } of streamRows(input, { fields: ['text'], format: 'txt' })) {
      expect(rows[0]?.fields).toEqual({ text: 'a' });
      break;
    }
    expect(input.destroyed).toBe(true);
  });

  it('is left at once where a generator gives it, whose next piece never comes', async () => {
    const packed = gzipSync(`a\nb\n${randomBytes(2 ** 16).toString('hex')}`);
    const input = async function* () {
      yield packed.subarray(0, 2 ** 15);
      await new Promise(() => {});
    };
    for await (const { rows } of streamRows(input(), { fields: ['text'], format: 'txt' })) {
      expect(rows[0]?.fields).toEqual({ text: 'a' });
      break;
    }
  });

  it('has its own error told, and not that of a generator which fails when it is left', async () => {
    const input = async function* (content: Uint8Array) {
      try {
        yield content;
        yield content;
      } finally {
        await Promise.reject(new Error('cleanup of mine'));
      }
    };
    const picture = Buffer.from('89504e470d0a1a0a', 'hex');
    for (const content of [picture, Buffer.concat([zstdOf(Buffer.from('a\n')), Buffer.from('no frame')])]) {
      await expect(read(input(content), 'txt')).rejects.toMatchObject({
        code: 'ERR_ZEST_DATA',
        message: expect.not.stringContaining('cleanup of mine'),
      });
    }
  });
});
