import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ZestError } from '../lib/errors.ts';
import { readCheckpoint } from '../lib/model/checkpoint.ts';
import { readTensors, safetensorsHeader } from '../lib/model/safetensors.ts';
import { film } from './fixtures/film.ts';
import { readTensors as readApart } from './fixtures/parity/checkpoint.ts';
import { rejects } from './fixtures/rejects.ts';
import { f32, fileOf, safetensors } from './fixtures/safetensors.ts';
import { scratchFolder } from './fixtures/scratch.ts';

const scratch = scratchFolder();
const path = join(scratch, 'model.safetensors');
const write = (content: Uint8Array | string): string => {
  writeFileSync(path, content);
  return path;
};
const lengthOnly = (length: bigint, rest = ''): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(length);
  return Buffer.concat([bytes, Buffer.from(rest)]);
};
const x = { dtype: 'F32', shape: [2], data_offsets: [0, 8] };
const eight = new Uint8Array(8);

describe('a safetensors file', () => {
  it('is read as another reader reads it', async () => {
    const expected = readApart(film);
    const actual = await readTensors(join(film, 'model.safetensors'));
    expect(actual).toHaveLength(expected.size);
    for (const { name, dtype, shape, offset, bytes } of actual) {
      expect({ dtype, shape, offset, length: bytes }).toEqual({
        ...(({ dtype, shape, offset }) => ({ dtype, shape, offset }))(expected.get(name) as never),
        length: expected.get(name)?.bytes.length,
      });
    }
  });

  it('may have metadata, padding, empty tensors, scalars and any order', async () => {
    const header = `{"__metadata__":{"a":"b"},"late":${JSON.stringify({ dtype: 'U8', shape: [3], data_offsets: [4, 7] })},
      "scalar":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"none":{"dtype":"BF16","shape":[0,9],"data_offsets":[4,4]}}   `;
    const tensors = await readTensors(write(fileOf(header, new Uint8Array(7))));
    const start = 8 + Buffer.from(header).length;
    expect(tensors.map(({ name, offset, bytes }) => [name, offset - start, bytes])).toEqual([
      ['late', 4, 3],
      ['scalar', 0, 4],
      ['none', 4, 0],
    ]);
    expect(await readTensors(write(fileOf({})))).toEqual([]);
  });

  it('may have names that objects are wary of', async () => {
    const names = ['__proto__', 'constructor', 'a"b\\', '\u{1F600}', ''];
    const entries = names.map((name) => `${JSON.stringify(name)}:{"dtype":"F32","shape":[0],"data_offsets":[0,0]}`);
    expect((await readTensors(write(fileOf(`{${entries}}`)))).map(({ name }) => name)).toEqual(names);
  });

  const cases: [what: string, content: Uint8Array | string, text: RegExp][] = [
    ['nothing', '', /has 0 bytes/],
    ['less than a length', '1234567', /has 7 bytes/],
    ['a header that is missing', lengthOnly(100n), /claims 100 bytes, but the file has 8/],
    ['a header that is cut', lengthOnly(100n, '{"x":'), /claims 100 bytes, but the file has 13/],
    [
      'a header of 2^64 − 1 bytes',
      lengthOnly(2n ** 64n - 1n, '{}'),
      /claims 18446744073709551615 bytes; at most 100 MB/,
    ],
    ['a header over 100 MB', lengthOnly(100_000_001n, '{}'), /100000001 bytes; at most 100 MB/],
    ['an empty header', fileOf(''), /not JSON/],
    ['a header that is no JSON', fileOf('{"x":'), /not JSON/],
    ['a header with more after it', fileOf('{}{}'), /not JSON/],
    ['a header that is no UTF-8', Buffer.concat([lengthOnly(3n), Buffer.from([0x7b, 0xff, 0x7d])]), /not UTF-8/],
    ['a byte order mark', fileOf('\uFEFF{}'), /not JSON|not a JSON object/],
    ['spaces before its header', fileOf(' {}'), /not a JSON object/],
    ['an array for a header', fileOf('[]'), /not a JSON object/],
    ['null for a header', fileOf('null'), /not a JSON object/],
    ['metadata that are no object', fileOf({ __metadata__: 3 }), /__metadata__/],
    ['a tensor that is no object', fileOf({ x: 3 }), /tensor 'x' is not described/],
    ['a tensor without a dtype', fileOf({ x: { ...x, dtype: undefined } }, eight), /tensor 'x' has no dtype/],
    ['an unknown dtype', fileOf({ x: { ...x, dtype: 'F31' } }, eight), /tensor 'x' has dtype 'F31'/],
    ['a dtype of Object', fileOf({ x: { ...x, dtype: 'toString' } }, eight), /tensor 'x' has dtype 'toString'/],
    ['no shape', fileOf({ x: { ...x, shape: undefined } }, eight), /tensor 'x' has shape undefined/],
    ['a shape below 0', fileOf({ x: { ...x, shape: [-2] } }, eight), /tensor 'x' has shape \[ -2 \]/],
    ['half a shape', fileOf({ x: { ...x, shape: [1.5] } }, eight), /tensor 'x' has shape \[ 1.5 \]/],
    ['a shape beyond 2^53', fileOf({ x: { ...x, shape: [2 ** 60] } }, eight), /tensor 'x' has shape/],
    [
      'a product beyond float64',
      fileOf({ x: { ...x, shape: Array(40).fill(2 ** 50) } }, eight),
      /tensor 'x' has 8 bytes/,
    ],
    ['a product that wraps to its size', fileOf({ x: { ...x, shape: [2 ** 32, 2 ** 32, 2] } }, eight), /has 8 bytes/],
    ['no offsets', fileOf({ x: { ...x, data_offsets: undefined } }, eight), /data_offsets undefined/],
    ['one offset', fileOf({ x: { ...x, data_offsets: [0] } }, eight), /data_offsets \[ 0 \]/],
    ['half an offset', fileOf({ x: { ...x, data_offsets: [0.5, 8.5] } }, eight), /data_offsets \[ 0.5, 8.5 \]/],
    ['an offset below 0', fileOf({ x: { ...x, data_offsets: [-8, 0] } }, eight), /data_offsets \[ -8, 0 \]/],
    ['offsets in disorder', fileOf({ x: { ...x, data_offsets: [8, 0] } }, eight), /bytes 8 to 0/],
    [
      'offsets beyond the file',
      fileOf({ x: { ...x, data_offsets: [8, 16] } }, eight),
      /bytes 8 to 16, outside the 8 bytes/,
    ],
    [
      'an offset of 10^300',
      fileOf('{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,1e300]}}', eight),
      /data_offsets/,
    ],
    [
      'too few bytes for its shape',
      fileOf({ x: { ...x, shape: [3] } }, eight),
      /tensor 'x' has 8 bytes.*F32 of shape \[3\]/,
    ],
    ['too many bytes for its shape', fileOf({ x: { ...x, shape: [1] } }, eight), /tensor 'x' has 8 bytes/],
    ['half a byte', fileOf({ x: { dtype: 'F4', shape: [3], data_offsets: [0, 2] } }, new Uint8Array(2)), /tensor 'x'/],
    ['bytes at its end that are no tensor', fileOf({ x }, new Uint8Array(9)), /last 1 bytes/],
    ['a cut in its data', fileOf({ x }, new Uint8Array(7)), /outside the 7 bytes/],
    ['a gap', fileOf({ x, y: { ...x, data_offsets: [12, 20] } }, new Uint8Array(20)), /4 bytes before tensor 'y'/],
    ['an overlap', fileOf({ x, y: { ...x, data_offsets: [4, 12] } }, new Uint8Array(12)), /tensor 'y' overlaps/],
    ['two tensors in one place', fileOf({ x, y: x }, eight), /overlaps/],
    ['a name twice', fileOf(`{"x":${JSON.stringify(x)},"x":${JSON.stringify(x)}}`, eight), /key 'x' twice/],
    [
      'a name twice, once escaped',
      fileOf(`{"x":${JSON.stringify(x)},"\\u0078":${JSON.stringify(x)}}`, eight),
      /key 'x' twice/,
    ],
    [
      'a dtype twice',
      fileOf('{"x":{"dtype":"F32","dtype":"I32","shape":[2],"data_offsets":[0,8]}}', eight),
      /key 'dtype' twice/,
    ],
  ];
  it.each(cases)('may not have, or be, %s', async (_, content, text) => {
    await rejects(() => readTensors(write(content)), 'ERR_ZEST_SAFETENSORS', text);
    await rejects(() => readTensors(path), 'ERR_ZEST_SAFETENSORS', /^\S*model\.safetensors: /);
  });

  it('may have a hostile header of any length', async () => {
    const deep = `${'['.repeat(1e6)}${']'.repeat(1e6)}`;
    await rejects(() => readTensors(write(fileOf(`{"x":${deep}}`))), 'ERR_ZEST_SAFETENSORS', /'x'/);
    const nested = `{"x":{"dtype":"F32","shape":${deep},"data_offsets":[0,8]}}`;
    await rejects(() => readTensors(write(fileOf(nested, eight))), 'ERR_ZEST_SAFETENSORS', /'x' has shape/);
    const escapes = '\\n'.repeat(4e6);
    await rejects(() => readTensors(write(fileOf(`{"${escapes}":3}`))), 'ERR_ZEST_SAFETENSORS', /tensor '/);
    const shape = `[${'2,'.repeat(1e6)}2]`;
    const tensor = `{"x":{"dtype":"F32","shape":${shape},"data_offsets":[0,8]}}`;
    await rejects(() => readTensors(write(fileOf(tensor, eight))), 'ERR_ZEST_SAFETENSORS', /'x'/);
  });

  it('that is damaged anywhere is read or refused, never worse', async () => {
    const good = safetensors({ a: f32([2, 3], [1, 2, 3, 4, 5, 6]), b: f32([1], [7]), c: f32([2], [8, 9]) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 4 }),
        fc.nat(good.length),
        async (changes, cut) => {
          const bad = Buffer.from(good.subarray(0, good.length - (cut % 3 === 0 ? cut : 0)));
          for (const [at, byte] of changes) if (at < bad.length) bad[at] = byte;
          try {
            const tensors = await readTensors(write(bad));
            const total = tensors.reduce((sum, { bytes }) => sum + bytes, 0);
            expect(total + 8 + Number(bad.readBigUInt64LE())).toBe(bad.length);
          } catch (error) {
            expect(error).toBeInstanceOf(ZestError);
            expect(error).toMatchObject({ code: 'ERR_ZEST_SAFETENSORS' });
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('must be a file that can be read', async () => {
    await rejects(() => readTensors(join(scratch, 'none')), 'ERR_ZEST_FILE', /none cannot be read: ENOENT/);
    await rejects(() => readTensors(scratch), 'ERR_ZEST_FILE', /cannot be read: it is no file/);
  });
});

it('the header that is written is the one that is read', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(
        fc.record({
          name: fc.string({ unit: 'binary' }).filter((name) => name !== '__metadata__'),
          dtype: fc.constantFrom('F32', 'BF16'),
          shape: fc.array(fc.nat(5), { maxLength: 3 }),
        }),
        { selector: ({ name }) => name, maxLength: 8 },
      ),
      async (tensors) => {
        const header = safetensorsHeader(tensors);
        expect(header.length % 8).toBe(0);
        const sizes = tensors.map(({ dtype, shape }) => shape.reduce((a, b) => a * b, dtype === 'F32' ? 4 : 2));
        const data = new Uint8Array(sizes.reduce((a, b) => a + b, 0));
        const read = new Map(
          (await readTensors(write(Buffer.concat([header, data])))).map((tensor) => [tensor.name, tensor]),
        );
        let offset = header.length;
        for (const [i, { name, dtype, shape }] of tensors.entries()) {
          expect(read.get(name)).toEqual({ name, dtype, shape, offset, bytes: sizes[i], file: path });
          offset += sizes[i] as number;
        }
      },
    ),
  );
});

describe('shards', () => {
  const folder = join(scratch, 'sharded');
  const shard = (name: string, tensors: Parameters<typeof safetensors>[0]) =>
    writeFileSync(join(folder, name), safetensors(tensors));
  const index = (content: unknown) =>
    writeFileSync(
      join(folder, 'model.safetensors.index.json'),
      typeof content === 'string' ? content : JSON.stringify(content),
    );
  const [one, two] = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
  const good = { weight_map: { a: one, b: two } };
  const setUp = () => {
    mkdirSync(folder, { recursive: true });
    shard(one, { a: f32([1], [1]) });
    shard(two, { b: f32([1], [2]) });
    index(good);
  };

  it('are found through their index', async () => {
    setUp();
    const tensors = await readCheckpoint(folder);
    expect([...tensors.keys()].sort()).toEqual(['a', 'b']);
    expect(tensors.get('b')?.file).toBe(join(folder, two));
    expect(readFileSync(join(folder, two)).readFloatLE(tensors.get('b')?.offset)).toBe(2);
  });

  it.each<[string, unknown, string, RegExp]>([
    ['no JSON', '{', 'ERR_ZEST_SAFETENSORS', /index.json: not a JSON file/],
    ['no map', {}, 'ERR_ZEST_SAFETENSORS', /weight_map is missing/],
    ['null', null, 'ERR_ZEST_SAFETENSORS', /weight_map is missing/],
    ['an array for its map', { weight_map: [] }, 'ERR_ZEST_SAFETENSORS', /weight_map is missing/],
    ['a shard that is a number', { weight_map: { a: 3 } }, 'ERR_ZEST_SAFETENSORS', /tensor 'a' is in 3/],
    ['a shard outside the folder', { weight_map: { a: '../x.safetensors' } }, 'ERR_ZEST_SAFETENSORS', /same folder/],
    ['a shard that is no safetensors file', { weight_map: { a: 'x.bin' } }, 'ERR_ZEST_SAFETENSORS', /'x.bin'/],
    [
      'a shard that is not there',
      { weight_map: { a: one, b: 'x.safetensors' } },
      'ERR_ZEST_FILE',
      /x.safetensors cannot be read/,
    ],
  ])('may not have an index with, or that is, %s', async (_, content, code, text) => {
    setUp();
    index(content);
    await rejects(() => readCheckpoint(folder), code, text);
  });

  it('have what their index says, and no more', async () => {
    setUp();
    shard(two, { b: f32([1], [2]), a: f32([1], [3]), c: f32([1], [4]) });
    index({ weight_map: { a: one, b: two, d: two } });
    const tensors = await readCheckpoint(folder);
    expect([...tensors.keys()].sort()).toEqual(['a', 'b', 'c']); // c is in no other, d in none
    expect(tensors.get('a')?.file).toBe(join(folder, one));
  });

  it('or a single file must be there', async () => {
    const empty = join(scratch, 'empty');
    mkdirSync(empty);
    await rejects(
      () => readCheckpoint(empty),
      'ERR_ZEST_FILE',
      /neither model.safetensors nor model.safetensors.index.json/,
    );
    await rejects(() => readCheckpoint(join(empty, 'none')), 'ERR_ZEST_FILE', /none is not there/);
  });
});
