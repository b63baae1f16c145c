import { createHash } from 'node:crypto';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadChatTemplate, Model, readTrajectory, Tokenizer, train, ZestError } from '../../lib/index.ts';
import { readGguf } from '../../lib/model/gguf/format.ts';
import { bits } from '../fixtures/film.ts';
import { rejects } from '../fixtures/rejects.ts';
import { scratchFolder } from '../fixtures/scratch.ts';

// Made by the gguf package, and compared with what it, transformers, sentencepiece and tokenizers say:
// test/fixtures/gguf/make.py.

const FIXTURES = fileURLToPath(new URL('../fixtures/gguf/', import.meta.url));
const file = join(FIXTURES, 'formats.gguf');
const expected = JSON.parse(readFileSync(join(FIXTURES, 'expected.json'), 'utf8'));
const scratch = scratchFolder();
let written = 0;
const write = (bytes: Uint8Array): string => {
  const path = join(scratch, `${written++}.gguf`);
  writeFileSync(path, bytes);
  return path;
};

const hash = (values: Float32Array) =>
  createHash('sha256')
    .update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    .digest('hex');
const words = Array.from({ length: 64 }, (_, i) => i);
const ids: number[] = expected.formats.ids;
const batch = {
  sequences: [ids],
  targets: [{ kind: 'labelWords' as const, position: ids.length - 1, words, label: 0 }],
};
const trainable = { lora: { rank: 2, alpha: 4 } };
const points = [[], { stream: 1n, scale: 0.05 }, { stream: 1n, scale: -0.05 }];

describe('a model of a GGUF file', () => {
  it.each([
    ['widened', {}],
    ['kept as stored', { trainable }],
    ['widened on demand', { trainable, dequantize: true }],
  ])('has the values of every format, %s', async (_, options) => {
    using model = await Model.load(file, options);
    for (const [name, digest] of Object.entries(expected.formats.digests)) {
      expect(hash(await model.parameter(name)), name).toBe(digest);
    }
    const [row] = await model.logits(batch);
    expect([...row!]).toEqual(expected.formats.logits.map((logit: number) => expect.closeTo(logit, 4)));
  });

  it('computes the same bits from blocks as from what they hold, LoRA on top', async () => {
    using stored = await Model.load(file, { trainable });
    using wide = await Model.load(file, { trainable, dequantize: true });
    for (const model of [stored, wide]) await model.apply({ decay: 0, terms: [{ stream: 3n, coefficient: 0.3 }] });
    const [a, b] = await Promise.all([stored, wide].map((model) => model.sequenceLosses(batch, points)));
    expect(a!.map((row) => bits(row))).toEqual(b!.map((row) => bits(row)));
    const prompts = [ids, ids.slice(0, 3), ids.slice(2)];
    const options = { maxTokens: 8, stop: [], temperature: 1, seed: 5 };
    expect(await stored.generate(prompts, options)).toEqual(await wide.generate(prompts, options));
    expect(await stored.digest()).toBe(await wide.digest());
    // The file's own bytes: blocks, and what is not quantised in float32.
    const quantized = (await readGguf(file)).tensors.filter(({ dtype }) => dtype.startsWith('Q'));
    const elements = quantized.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b), 0);
    const bytes = quantized.reduce((sum, tensor) => sum + tensor.bytes, 0);
    expect(wide.memory(0).weights - stored.memory(0).weights).toBe(4 * elements - bytes);
  });

  it('tells how far it is read, its blocks with the rest', async () => {
    const seen: [number, number][] = [];
    using _ = await Model.load(file, { trainable, onProgress: (done, total) => seen.push([done, total]) });
    const bytes = (await readGguf(file)).tensors.reduce((sum, tensor) => sum + tensor.bytes, 0);
    const [done, total] = seen.at(-1)!;
    expect(done).toBe(total);
    expect(total).toBeGreaterThanOrEqual(bytes);
    expect(seen.map(([done]) => done)).toEqual(seen.map(([done]) => done).sort((a, b) => a - b));
  });

  it('is trained from a configuration, its base digested', async () => {
    const rows = Array.from({ length: 8 }, (_, i) => JSON.stringify({ text: i % 2 ? '#$%' : '*+,', label: i % 2 }));
    writeFileSync(join(scratch, 'data.jsonl'), rows.join('\n'));
    const config = {
      model: file,
      output: join(scratch, 'run'),
      trainable,
      task: { template: '{text}/{mask}', labelWords: ['A', 'B'] },
      data: { train: join(scratch, 'data.jsonl'), validation: join(scratch, 'data.jsonl') },
      optimizer: { method: 'mezo', learningRate: 1e-4 },
      training: { steps: 2, batchSize: 4 },
    };
    writeFileSync(join(scratch, 'run.yaml'), JSON.stringify(config));
    for await (const _ of train(join(scratch, 'run.yaml'))) {
      // until it is over
    }
    const { header } = await readTrajectory(join(scratch, 'run', 'trajectory.zest'));
    expect(header.base).toBe(`sha256:${createHash('sha256').update(readFileSync(file)).digest('hex')}`);
  });

  it('that trains nothing stays as stored', async () => {
    using model = await Model.load(file, { trainable: 'none' });
    expect([model.dimension, model.trainableNames]).toEqual([0, []]);
    const [row] = await model.logits(batch);
    expect([...row!]).toEqual(expected.formats.logits.map((logit: number) => expect.closeTo(logit, 4)));
  });

  it('is saved as a folder that transformers can read, LoRA merged', async () => {
    using model = await Model.load(file, { trainable });
    await model.apply({ decay: 0, terms: [{ stream: 3n, coefficient: 0.3 }] });
    const folder = join(scratch, 'saved');
    await model.save(folder);
    using saved = await Model.load(folder);
    const [before, after] = [await model.logits(batch), await saved.logits(batch)];
    expect([...after[0]!]).toEqual([...before[0]!].map((logit) => expect.closeTo(logit, 4)));
    const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
    expect(config).toMatchObject({ model_type: 'llama', rope_scaling: { rope_type: 'llama3', factor: 8 } });
    const tokenizer = await Tokenizer.load(folder);
    expect(tokenizer.encode('!"#')).toEqual([63, 2]);
  });
});

describe.each(['spm', 'bpe-gpt-2', 'bpe-smollm', 'bpe-llama-bpe', 'bpe-qwen2'])('the tokenizer %s', (name) => {
  it('gives the ids of the program that made it', async () => {
    const tokenizer = await Tokenizer.load(join(FIXTURES, `${name}.gguf`));
    const { texts, ids } = expected[name] as { texts: string[]; ids: number[][] };
    for (const [i, text] of texts.entries()) expect(tokenizer.encode(text), text).toEqual(ids[i]);
  });
});

describe('a broken GGUF file', () => {
  const bytes = readFileSync(file);
  const changed = (change: (copy: Buffer) => void): string => {
    const copy = Buffer.from(bytes);
    change(copy);
    return write(copy);
  };

  it.each<[string, () => string, string, RegExp]>([
    ['another magic', () => changed((b) => b.write('JUNK')), 'ERR_ZEST_GGUF', /does not begin/],
    ['a version of the future', () => changed((b) => b.writeUInt32LE(4, 4)), 'ERR_ZEST_GGUF', /version 4/],
    [
      'more tensors than bytes',
      () => changed((b) => b.writeBigUInt64LE(2n ** 60n, 8)),
      'ERR_ZEST_GGUF',
      /1152921504606846976 tensors/,
    ],
    ['more keys than bytes', () => changed((b) => b.writeBigUInt64LE(2n ** 63n, 16)), 'ERR_ZEST_GGUF', /keys/],
    ['a key beyond its end', () => changed((b) => b.writeBigUInt64LE(400000n, 24)), 'ERR_ZEST_GGUF', /a key/],
    [
      'an end inside its header',
      () => write(bytes.subarray(0, 300)),
      'ERR_ZEST_GGUF',
      /300|more than the file has bytes for/,
    ],
    ['an end inside its data', () => write(bytes.subarray(0, bytes.length - 1)), 'ERR_ZEST_GGUF', /outside the file/],
    ['nothing', () => write(new Uint8Array()), 'ERR_ZEST_GGUF', /truncated/],
    [
      'a vocabulary alone',
      () => join(FIXTURES, 'spm.gguf'),
      'ERR_ZEST_GGUF',
      /llama\.attention\.head_count|embedding_length/,
    ],
    ['no file', () => join(scratch, 'none.gguf'), 'ERR_ZEST_FILE', /none\.gguf cannot be read/],
  ])('is refused: %s', async (_, path, code, text) => {
    await rejects(() => Model.load(path()), code, text);
  });

  // Types of values.
  const [FLAG, TEXT, ARRAY] = [7, 8, 9];

  it.each<[string, number, { of?: number; type: number; length: bigint }, RegExp]>([
    ['a text longer than memory', 5e9, { type: TEXT, length: 4_500_000_000n }, /header goes on beyond byte 100000000/],
    ['a text longer than any', 1e9, { type: TEXT, length: 900_000_000n }, /header goes on beyond byte 100000000/],
    [
      'an array larger than memory',
      7e8,
      { type: ARRAY, of: FLAG, length: 690_000_000n },
      /690000000 values of a; expected at most 8388608/,
    ],
    [
      'an array longer than any',
      5e9,
      { type: ARRAY, of: FLAG, length: 4_500_000_000n },
      /4500000000 values of a; expected at most/,
    ],
    [
      'texts for which it has no bytes',
      8e6,
      { type: ARRAY, of: TEXT, length: 1_500_000n },
      /1500000 values of a, more than the file/,
    ],
    [
      'arrays for which it has no bytes',
      8e6,
      { type: ARRAY, of: ARRAY, length: 1_000_000n },
      /1000000 values of a, more than the file/,
    ],
  ])('is refused without being read: %s', async (_, size, { type, of, length }, text) => {
    const header = Buffer.alloc(64);
    header.write('GGUF');
    header.writeUInt32LE(3, 4);
    header.writeBigUInt64LE(1n, 16);
    header.writeBigUInt64LE(1n, 24);
    header.write('a', 32);
    header.writeUInt32LE(type, 33);
    if (of !== undefined) header.writeUInt32LE(of, 37);
    header.writeBigUInt64LE(length, of === undefined ? 37 : 41);
    const path = write(header);
    truncateSync(path, size);
    await rejects(() => readGguf(path), 'ERR_ZEST_GGUF', text);
  });

  it('is refused for a type of tensor that is not computed', async () => {
    const at = bytes.indexOf('blk.0.attn_q.weight') + 'blk.0.attn_q.weight'.length + 4 + 16;
    expect(bytes.readUInt32LE(at)).toBe(8);
    const path = changed((copy) => copy.writeUInt32LE(10, at));
    await rejects(() => Model.load(path), 'ERR_ZEST_UNSUPPORTED', /'blk\.0\.attn_q\.weight' has type Q2_K; .*Q8_0/);
  });

  it('has no chat template either', async () => {
    await rejects(() => loadChatTemplate(write(bytes.subarray(0, 300))), 'ERR_ZEST_GGUF', /300|bytes/);
  });

  it('is refused for another architecture', async () => {
    const path = changed((copy) => copy.write('lemma', copy.indexOf('llama', 40)));
    await rejects(
      () => Model.load(path),
      'ERR_ZEST_FAMILY',
      /architecture is "?'?lemma.*known in GGUF: llama, qwen2, qwen3/,
    );
  });

  it('is never more than an error, whatever its header says', async () => {
    const header = (await readGguf(file)).tensors.reduce((least, { offset }) => Math.min(least, offset), bytes.length);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(header - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        async (edits) => {
          const path = changed((copy) => {
            for (const [at, byte] of edits) copy[at] = byte;
          });
          try {
            const model = await Model.load(path, { trainable });
            await model.logits(batch).catch((error) => expect(error).toBeInstanceOf(ZestError));
            model.dispose();
          } catch (error) {
            expect(error).toBeInstanceOf(ZestError);
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});
