import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Model } from '../../lib/model/model.ts';
import { rejects } from '../fixtures/rejects.ts';
import { modelTests } from '../fixtures/tiny-models.ts';

type Pooling = 'first' | 'last' | 'mean';

const FIXTURES = new URL('../fixtures/parity/', import.meta.url);
const folder = (name: string) => fileURLToPath(new URL(name, FIXTURES));
const KNOWN: Record<string, ({ ids: number[] } & Record<Pooling, number[]>)[]> = JSON.parse(
  readFileSync(new URL('embeddings.json', FIXTURES), 'utf8'),
);
const POOLINGS = ['first', 'last', 'mean'] as const;
const { load } = modelTests();
/** A bare checkpoint takes a head, which no embedding reads. */
const bare = (name: string) => (name === 'bert-bare' ? { head: { classes: 1 } } : {});

const distance = (found: ArrayLike<number>, expected: readonly number[]) =>
  Math.max(...expected.map((value, i) => Math.abs(value - (found[i] ?? Number.NaN))));

describe.each(Object.entries(KNOWN))('%s', (name, texts) => {
  const sequences = texts.map(({ ids }) => ids);

  it.each(POOLINGS)("has transformers' hidden states: %s", async (pooling) => {
    const model = await load(folder(name), bare(name));
    const found = await model.embed(sequences, { pooling });
    for (const [s, text] of texts.entries()) {
      expect(found[s]?.length).toBe(text[pooling].length);
      expect(distance(found[s] as Float32Array, text[pooling])).toBeLessThan(2e-5);
    }
  });

  it('pools the last token of causal models, all of encoders, and has the same bits with no shortcut', async () => {
    const model = await load(folder(name), bare(name));
    const expected = await model.embed(sequences, { pooling: isCausal(name) ? 'last' : 'mean' });
    expect(await model.embed(sequences)).toEqual(expected);
    const none = { packSequences: false, labelledPositionsOnly: false, lastLayerAtLabels: false };
    using plain = await Model.load(folder(name), { ...bare(name), threads: 1, shortcuts: none });
    expect(await plain.embed(sequences)).toEqual(expected);
  });
});

const isCausal = (name: string) => /^(gpt|opt|llama)/.test(name);

it('embeds at a point, counts forwards, and leaves the weights alone', async () => {
  const model = await load(folder('bert-bare'), bare('bert-bare'));
  const before = await model.digest();
  const sequences = [[5, 9], [4]];
  const [there] = await model.embed(sequences);
  const [ahead] = await model.embed(sequences, { at: { stream: 1n, scale: 0.1 } });
  expect(ahead).not.toEqual(there);
  expect(await model.digest()).toBe(before);
  expect(model.forwards).toBe(4n);
  await model.apply({ decay: 0, terms: [{ stream: 1n, coefficient: -0.1 }] });
  const [moved] = await model.embed(sequences);
  expect(distance(moved as Float32Array, [...(ahead as Float32Array)])).toBeLessThan(1e-5);
});

it('reads segments', async () => {
  const model = await load(folder('bert-f16-types3'));
  const sequences = [[5, 9, 4, 7]];
  const [zeros] = await model.embed(sequences);
  expect(await model.embed(sequences, { segments: [[0, 0, 0, 0]] })).toEqual([zeros]);
  expect(await model.embed(sequences, { segments: [[0, 0, 1, 2]] })).not.toEqual([zeros]);
});

it('says what is wrong with sequences and options', async () => {
  const model = await load(folder('bert-bare'), bare('bert-bare'));
  const wrong = (sequences: unknown, options?: object) => () => model.embed(sequences as number[][], options);
  await rejects(wrong('a film'), 'ERR_ZEST_BATCH', /^sequences is 'a film'; expected a list of lists of token ids$/);
  await rejects(wrong([]), 'ERR_ZEST_BATCH_EMPTY', /^sequences has none; expected at least one list/);
  await rejects(wrong([[4], []]), 'ERR_ZEST_SEQUENCE_LENGTH', /^sequences\[1\] has 0 tokens; the model takes 1 to /);
  await rejects(wrong([[4, 1e6]]), 'ERR_ZEST_TOKEN', /^sequences\[0\]\[1\] is 1000000; expected a whole number from 0/);
  await rejects(wrong(['film']), 'ERR_ZEST_TOKEN', /^sequences\[0\] is 'film'; expected an array of numbers/);
  await rejects(
    wrong([[4]], { pooling: 'max' }),
    'ERR_ZEST_OPTION',
    /^pooling is 'max'; expected one of first, last, mean/,
  );
  await rejects(wrong([[4]], { pool: 'mean' }), 'ERR_ZEST_OPTION', /pool/);
  await rejects(wrong([[4]], { segments: [[0, 0]] }), 'ERR_ZEST_BATCH', /^segments\[0\] has 2 values/);
});
