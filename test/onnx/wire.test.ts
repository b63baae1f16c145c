import { readFileSync } from 'node:fs';
import { WireType } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bfloatBits, bfloatValue, halfBits, halfValue } from '../../lib/onnx/half.ts';
import { modelFields, readOnnx } from '../../lib/onnx/model-file.ts';
import {
  bytesField,
  bytesOf,
  type Field,
  fieldsOf,
  integerField,
  integersAt,
  messageField,
} from '../../lib/onnx/wire.ts';
import { onnxFile } from '../fixtures/onnx.ts';

const number = fc.integer({ min: 1, max: 2 ** 29 - 1 });
const content = fc.uint8Array({ maxLength: 300 });
const fixed = (bytes: number) => fc.uint8Array({ minLength: bytes, maxLength: bytes });
const { field } = fc.letrec<{ field: Field }>((tie) => ({
  field: fc.oneof(
    { maxDepth: 4 },
    fc.tuple(number, content).map(([at, bytes]) => bytesField(at, bytes)),
    fc.tuple(number, fc.maxSafeInteger()).map(([at, value]) => integerField(at, value)),
    fc.tuple(number, fixed(4)).map(([at, bytes]): Field => ({ number: at, type: WireType.Bit32, content: bytes })),
    fc.tuple(number, fixed(8)).map(([at, bytes]): Field => ({ number: at, type: WireType.Bit64, content: bytes })),
    fc.tuple(number, fc.array(tie('field'), { maxLength: 4 })).map(([at, fields]) => messageField(at, fields)),
  ),
}));

describe('messages of protobuf', () => {
  it('are written as they were read, whatever fields they have', () => {
    fc.assert(
      fc.property(fc.array(field), (fields) => {
        const bytes = bytesOf(fields);
        const read = fieldsOf(bytes);
        expect(read.map(({ number, type }) => [number, type])).toEqual(
          fields.map(({ number, type }) => [number, type]),
        );
        expect(Buffer.compare(bytesOf(read), bytes)).toBe(0);
      }),
    );
  });

  it('that are broken are an error, and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        let fields: Field[] | undefined;
        try {
          fields = fieldsOf(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
        if (fields) expect(Buffer.compare(bytesOf(fieldsOf(bytesOf(fields))), bytesOf(fields))).toBe(0);
      }),
    );
  });

  it('have integers one by one or packed', () => {
    // protobuf's own example: field 4, packed, 3 270 86942.
    expect(integersAt(fieldsOf(Buffer.from('2206038e029ea705', 'hex')), 4)).toEqual([3, 270, 86942]);
    expect(integersAt(fieldsOf(Buffer.from('2003208e02209ea705', 'hex')), 4)).toEqual([3, 270, 86942]);
    expect(integersAt([integerField(4, -1)], 4)).toEqual([-1]);
  });

  it.each(['bert.onnx', 'llama.onnx'])('of a model have all its fields: %s', async (name) => {
    const model = await readOnnx(onnxFile(name));
    const written = bytesOf(modelFields(model, model.graph));
    const sizes = (bytes: Uint8Array) => bytes.length;
    expect(sizes(written)).toBe(sizes(readFileSync(onnxFile(name))));
  });
});

describe('numbers of 16 bits', () => {
  // From numpy: np.array([...], np.float32).astype(np.float16).view(np.uint16)
  it.each([
    [0, 0x0000],
    [-0, 0x8000],
    [1, 0x3c00],
    [-2, 0xc000],
    [0.1, 0x2e66],
    [65504, 0x7bff],
    [65519.996, 0x7bff],
    [65520, 0x7c00],
    [1e6, 0x7c00],
    [6e-8, 0x0001],
    [2.9802322e-8, 0x0000],
    [6.1e-5, 0x03ff],
    [6.103e-5, 0x0400],
    [2049, 0x6800],
    [2051, 0x6802],
    [Number.NEGATIVE_INFINITY, 0xfc00],
  ])('%d is %d as float16', (value, bits) => expect(halfBits(value)).toBe(bits));

  it('are the same again, all of them', () => {
    for (let bits = 0; bits < 2 ** 16; bits++) {
      if ((bits & 0x7c00) === 0x7c00 && bits & 0x3ff) expect(halfValue(bits)).toBeNaN();
      else if (halfBits(halfValue(bits)) !== bits) expect.fail(`float16 ${bits}`);
      if ((bits & 0x7f80) === 0x7f80 && bits & 0x7f) expect(bfloatValue(bits)).toBeNaN();
      else if (bfloatBits(bfloatValue(bits)) !== bits) expect.fail(`bfloat16 ${bits}`);
    }
  });

  it('round bfloat16 to the nearest, ties to even', () => {
    expect([1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -8 + 2 ** -20].map(bfloatBits)).toEqual([0x3f80, 0x3f82, 0x3f81]);
  });
});
