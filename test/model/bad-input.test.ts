import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Batch, Target } from '../../lib/model/batch.ts';
import { Model } from '../../lib/model/model.ts';
import type { ModelStepOptions } from '../../lib/model/step.ts';
import { film } from '../fixtures/film.ts';
import { rejects } from '../fixtures/rejects.ts';

let model: Model;
let classifier: Model;
let digest: string;
beforeAll(async () => {
  model = await Model.load(film);
  classifier = await Model.load(film, { head: { classes: 3 } });
  digest = await model.digest();
});
afterAll(async () => {
  // Whatever was thrown at it, the model still works and its weights are what they were.
  expect(await model.evaluate(good, [[]])).toHaveLength(1);
  expect(await model.digest()).toBe(digest);
  expect(model.version).toBe(0n);
  model.dispose();
  classifier.dispose();
});

const target: Target = { kind: 'labelWords', position: 1, words: [10, 11], label: 0 };
const good: Batch = { sequences: [[0, 4, 2]], targets: [target] };
const step: ModelStepOptions = {
  ...{ directions: 2, firstStream: 0n, rho: 1e-3, learningRate: 1e-4, tilt: 1, estimator: 'naive', sides: 'two' },
};

const sequence = (ids: unknown): Batch => ({ ...good, sequences: [ids as number[]] });
const withTarget = (changes: object): Batch => ({ ...good, targets: [{ ...target, ...changes } as Target] });
const masked = (positions: unknown, ids: unknown): Batch =>
  withTarget({ kind: 'maskedTokens', positions, ids, words: undefined });

describe('a batch', () => {
  const cases: [what: string, batch: unknown, code: string, text: RegExp][] = [
    ['nothing', undefined, 'ERR_ZEST_BATCH', /batch is undefined/],
    ['a batch without targets', { sequences: [[1]] }, 'ERR_ZEST_BATCH', /sequences, targets/],
    ['an empty one', { sequences: [], targets: [] }, 'ERR_ZEST_BATCH_EMPTY', /no sequences/],
    ['more sequences than targets', { ...good, sequences: [[3], [3]] }, 'ERR_ZEST_BATCH', /2 sequences and 1 targets/],
    ['segments for one of two', { ...good, segments: [] }, 'ERR_ZEST_BATCH', /segments/],
    ['too few segments', { ...good, segments: [[0, 0]] }, 'ERR_ZEST_BATCH', /segments\[0\] has 2 values/],
    ['a segment out of range', { ...good, segments: [[0, 1, 0]] }, 'ERR_ZEST_BATCH', /segments\[0\]\[1\] is 1/],
    ['a sequence that is a string', sequence('abc'), 'ERR_ZEST_TOKEN', /sequences\[0\] is 'abc'/],
    ['a hole for a sequence', { ...good, sequences: Array(1) }, 'ERR_ZEST_TOKEN', /sequences\[0\] is undefined/],
    ['a sequence of floats', sequence(Float32Array.of(1, 2)), 'ERR_ZEST_TOKEN', /Int32Array/],
    [
      'a hole for a token',
      sequence(Object.assign(Array(3), { 0: 0 })),
      'ERR_ZEST_TOKEN',
      /sequences\[0\]\[1\] is undefined/,
    ],
    ['a token out of range', sequence([0, 8192]), 'ERR_ZEST_TOKEN', /sequences\[0\]\[1\] is 8192.*8191/],
    ['a token below 0', sequence(Int32Array.of(-1)), 'ERR_ZEST_TOKEN', /is -1/],
    ['a token that is NaN', sequence([0, Number.NaN]), 'ERR_ZEST_TOKEN', /is NaN/],
    ['half a token', sequence([0, 1.5]), 'ERR_ZEST_TOKEN', /is 1.5/],
    ['a bigint for a token', sequence([0, 5n]), 'ERR_ZEST_TOKEN', /is 5n/],
    ['padding', sequence([0, 4, 2, 1]), 'ERR_ZEST_TOKEN', /sequences\[0\]\[3\] is the padding id 1/],
    ['an empty sequence', sequence([]), 'ERR_ZEST_SEQUENCE_LENGTH', /0 tokens.*1 to 256/],
    ['too long a sequence', sequence(Array(257).fill(7)), 'ERR_ZEST_SEQUENCE_LENGTH', /257 tokens/],
    ['no target', { ...good, targets: [undefined] }, 'ERR_ZEST_TARGET', /targets\[0\] is undefined/],
    ['an unknown target', withTarget({ kind: 'span' }), 'ERR_ZEST_TARGET', /kind: 'span'/],
    [
      'an unknown key',
      withTarget({ posision: 2 }),
      'ERR_ZEST_TARGET',
      /^targets\[0\]\.posision is not known \(did you mean position\?\); a target of kind 'labelWords' has kind, position, words, label$/,
    ],
    ['a position out of range', withTarget({ position: 3 }), 'ERR_ZEST_TARGET', /position is 3.*0 to 2/],
    ['a position that is NaN', withTarget({ position: Number.NaN }), 'ERR_ZEST_TARGET', /position is NaN/],
    ['a label out of range', withTarget({ label: 2 }), 'ERR_ZEST_TARGET', /label is 2.*0 to 1/],
    ['a label below 0', withTarget({ label: -1 }), 'ERR_ZEST_TARGET', /label is -1/],
    ['no words', withTarget({ words: [] }), 'ERR_ZEST_TARGET', /words is empty/],
    ['a word out of range', withTarget({ words: [3, 8192] }), 'ERR_ZEST_TARGET', /words\[1\] is 8192/],
    ['a class of a language model', withTarget({ kind: 'class' }), 'ERR_ZEST_TARGET', /'class'.*head: { classes }/],
    ['no masked positions', masked([], []), 'ERR_ZEST_TARGET', /positions is empty/],
    ['positions without ids', masked([0, 1], [5]), 'ERR_ZEST_TARGET', /2 positions and 1 ids/],
    ['a masked position out of range', masked([3], [5]), 'ERR_ZEST_TARGET', /positions\[0\] is 3/],
    ['a masked id out of range', masked([0], [9999]), 'ERR_ZEST_TARGET', /ids\[0\] is 9999/],
    ['next tokens', withTarget({ kind: 'tokens', from: 1, to: 2 }), 'ERR_ZEST_UNSUPPORTED', /causal model/],
    ['options', withTarget({ kind: 'options', options: [[5]] }), 'ERR_ZEST_UNSUPPORTED', /causal model/],
  ];
  it.each(cases)('may not be, or have, %s', async (_, batch, code, text) => {
    const points = [{ stream: 0n, scale: 1e-3 }];
    await rejects(() => model.evaluate(batch as Batch, points), code, text);
    await rejects(() => model.sequenceLosses(batch as Batch, points), code, text);
    await rejects(() => model.logits(batch as Batch), code, text);
    await rejects(() => model.step(batch as Batch, step), code, text);
  });

  it('of a classifier may have classes in range only', async () => {
    const labelled = (label: number): Batch => ({ ...good, targets: [{ kind: 'class', label }] });
    await rejects(() => classifier.evaluate(labelled(3), [[]]), 'ERR_ZEST_TARGET', /label is 3.*0 to 2/);
    await rejects(() => classifier.evaluate(good, [[]]), 'ERR_ZEST_TARGET', /'labelWords'.*languageModel/);
    expect(await classifier.evaluate(labelled(2), [[]])).toHaveLength(1);
  });

  it('may be on its limits', async () => {
    const longest = Array(256).fill(8191);
    const batch: Batch = {
      sequences: [[0], Int32Array.from(longest)],
      segments: [Int32Array.of(0), Array(256).fill(0)],
      targets: [
        { kind: 'labelWords', position: 0, words: [0], label: 0 },
        { kind: 'maskedTokens', positions: [255, 0, 255], ids: [8191, 0, 1] },
      ],
    };
    const [losses] = await model.sequenceLosses(batch, [[]]);
    expect(losses?.[0]).toBe(0);
    expect(losses?.[1]).toBeGreaterThan(0);
    expect((await model.logits(batch)).map(({ length }) => length)).toEqual([1, 8192, 8192, 8192]);
  });
});

describe('points', () => {
  const cases: [what: string, points: unknown, code: string, text: RegExp][] = [
    ['nothing', undefined, 'ERR_ZEST_POINT', /points is undefined/],
    ['a number', [3], 'ERR_ZEST_POINT', /points\[0\] is 3/],
    ['null', [[null]], 'ERR_ZEST_POINT', /points\[0\]/],
    ['a scale that is NaN', [{ stream: 1n, scale: Number.NaN }], 'ERR_ZEST_POINT', /points\[0\].scale is NaN/],
    [
      'a scale beyond float32',
      [[], [{ stream: 1n, scale: 4e38 }]],
      'ERR_ZEST_POINT',
      /points\[1\]\[0\].scale is 4e\+38/,
    ],
    ['no scale', [{ stream: 1n }], 'ERR_ZEST_POINT', /scale is undefined/],
    ['a stream below 0', [{ stream: -1n, scale: 1 }], 'ERR_ZEST_STREAM', /points\[0\].stream is -1/],
    ['a stream of 2^63', [{ stream: 2n ** 63n, scale: 1 }], 'ERR_ZEST_STREAM', /9223372036854775808/],
    ['a stream that is a number', [{ stream: 1, scale: 1 }], 'ERR_ZEST_STREAM', /expected a bigint/],
  ];
  it.each(cases)('may not be, or have, %s', async (_, points, code, text) => {
    await rejects(() => model.evaluate(good, points as never), code, text);
    await rejects(() => model.sequenceLosses(good, points as never), code, text);
  });

  it('of logits are named by their option', async () => {
    await rejects(() => model.logits(good, { at: { stream: -1n, scale: 1 } }), 'ERR_ZEST_STREAM', /^at.stream is -1/);
  });

  it('may be none', async () => {
    expect(await model.evaluate(good, [])).toHaveLength(0);
  });
});

describe('an update', () => {
  const term = { stream: 1n, coefficient: 1 };
  it.each([
    ['nothing', undefined, 'ERR_ZEST_UPDATE', /update is undefined/],
    ['no terms', { decay: 0 }, 'ERR_ZEST_UPDATE', /decay, terms/],
    ['a decay that is NaN', { decay: Number.NaN, terms: [] }, 'ERR_ZEST_UPDATE', /update.decay is NaN/],
    ['an infinite decay', { decay: 1e39, terms: [] }, 'ERR_ZEST_UPDATE', /update.decay is 1e\+39/],
    ['null for a term', { decay: 0, terms: [null] }, 'ERR_ZEST_STREAM', /terms\[0\].stream/],
    [
      'a coefficient that is NaN',
      { decay: 0, terms: [term, { ...term, coefficient: Number.NaN }] },
      'ERR_ZEST_UPDATE',
      /terms\[1\].coefficient is NaN/,
    ],
    ['a stream of 2^63', { decay: 0, terms: [{ ...term, stream: 2n ** 63n }] }, 'ERR_ZEST_STREAM', /terms\[0\].stream/],
  ])('may not be, or have, %s', async (_, update, code, text) => {
    await rejects(() => model.apply(update as never), code, text);
  });
});

describe('a step', () => {
  const cases: [what: string, changes: Record<string, unknown>, code: string, text: RegExp][] = [
    ['k = 0', { directions: 0 }, 'ERR_ZEST_DIRECTIONS', /directions is 0/],
    ['k that is NaN', { directions: Number.NaN }, 'ERR_ZEST_DIRECTIONS', /directions is NaN/],
    ['half a direction', { directions: 1.5 }, 'ERR_ZEST_DIRECTIONS', /directions is 1.5/],
    ['a billion directions', { directions: 1e9 }, 'ERR_ZEST_DIRECTIONS', /directions is 1000000000/],
    ['rho = 0', { rho: 0 }, 'ERR_ZEST_RHO', /rho is 0/],
    ['rho < 0', { rho: -1e-3 }, 'ERR_ZEST_RHO', /rho is -0.001/],
    ['rho that is NaN', { rho: Number.NaN }, 'ERR_ZEST_RHO', /rho is NaN/],
    ['rho below float32', { rho: 1e-60 }, 'ERR_ZEST_RHO', /rho is 1e-60/],
    ['rho beyond float32', { rho: 1e60 }, 'ERR_ZEST_RHO', /rho is 1e\+60/],
    ['a tilt that is NaN', { tilt: Number.NaN }, 'ERR_ZEST_TILT', /tilt/],
    ['a tau that is NaN', { tilt: { tau: Number.NaN } }, 'ERR_ZEST_TILT', /tau/],
    ['an unknown tilt', { tilt: { mu: 1 } }, 'ERR_ZEST_TILT', /tilt/],
    ['an unknown estimator', { estimator: 'mean' }, 'ERR_ZEST_ESTIMATOR', /mean/],
    ['one side of one direction', { sides: 'one', directions: 1 }, 'ERR_ZEST_ESTIMATOR', /at least 2/],
    ['one side with beale', { sides: 'one', estimator: 'beale' }, 'ERR_ZEST_ESTIMATOR', /naive/],
    ['three sides', { sides: 'three' }, 'ERR_ZEST_OPTION', /sides/],
    ['an unknown normalization', { normalize: 'max' }, 'ERR_ZEST_OPTION', /normalize/],
    ['a learning rate that is NaN', { learningRate: Number.NaN }, 'ERR_ZEST_OPTION', /learningRate is NaN/],
    ['no learning rate', { learningRate: undefined }, 'ERR_ZEST_OPTION', /learningRate is missing/],
    ['an infinite learning rate', { learningRate: Number.POSITIVE_INFINITY }, 'ERR_ZEST_OPTION', /learningRate/],
    ['a decay that is NaN', { weightDecay: Number.NaN }, 'ERR_ZEST_OPTION', /weightDecay is NaN/],
    ['a decay below 0', { weightDecay: -1 }, 'ERR_ZEST_OPTION', /weightDecay is -1/],
    ['a decay beyond float32', { weightDecay: 1e45 }, 'ERR_ZEST_OPTION', /beyond float32/],
    ['a micro-batch of 0', { microBatch: 0 }, 'ERR_ZEST_OPTION', /microBatch is 0/],
    ['a micro-batch that is NaN', { microBatch: Number.NaN }, 'ERR_ZEST_OPTION', /microBatch is NaN/],
    ['a first stream below 0', { firstStream: -1n }, 'ERR_ZEST_STREAM', /firstStream is -1/],
    ['a first stream that is a number', { firstStream: 0 }, 'ERR_ZEST_STREAM', /firstStream is 0; expected a bigint/],
    ['a last stream of 2^63', { firstStream: 2n ** 63n - 1n }, 'ERR_ZEST_STREAM', /firstStream \+ directions/],
  ];
  it.each(cases)('may not have %s', async (_, changes, code, text) => {
    await rejects(() => model.step(good, { ...step, ...changes } as never), code, text);
  });

  it('needs options', async () => {
    await rejects(() => model.step(good, undefined as never), 'ERR_ZEST_OPTION', /options is undefined/);
  });
});

describe('directions', () => {
  it.each([
    ['nothing', null, /directions is null/],
    ['no seed', { law: 'gaussian' }, /seed is undefined/],
    ['a seed below 0', { seed: -1, law: 'gaussian' }, /seed is -1/],
    ['a seed that is NaN', { seed: Number.NaN, law: 'gaussian' }, /seed is NaN/],
    ['a seed that is not safe', { seed: 2 ** 53, law: 'gaussian' }, /seed is 9007199254740992/],
    ['a seed of 2^64', { seed: 2n ** 64n, law: 'gaussian' }, /seed is 18446744073709551616n/],
    ['an unknown law', { seed: 0, law: 'cauchy' }, /law is 'cauchy'/],
    ['rank 0', { seed: 0, law: { lowRank: 0 } }, /law.lowRank is 0/],
    ['rank 65', { seed: 0, law: { lowRank: 65 } }, /law.lowRank is 65/],
    ['a rank that is NaN', { seed: 0, law: { lowRank: Number.NaN } }, /law.lowRank is NaN/],
  ])('may not be, or have, %s', async (_, directions, text) => {
    const call = { directions: directions as never };
    await rejects(() => model.evaluate(good, [[]], call), 'ERR_ZEST_DIRECTIONS', text);
    await rejects(() => model.apply({ decay: 0, terms: [] }, call), 'ERR_ZEST_DIRECTIONS', text);
    await rejects(() => model.direction(0n, 'lm_head.bias', call), 'ERR_ZEST_DIRECTIONS', text);
    if (directions && 'seed' in directions)
      await rejects(() => Model.load(film, { directions: directions as never }), 'ERR_ZEST_DIRECTIONS', text);
  });

  it('may have the largest seed and rank', async () => {
    using other = await Model.load(film, { directions: { seed: 2n ** 64n - 1n, law: { lowRank: 64 } } });
    expect(await other.evaluate(good, [{ stream: 2n ** 63n - 1n, scale: 1e-3 }])).toHaveLength(1);
  });
});

describe('other arguments', () => {
  it.each<[string, () => Promise<unknown>, string, RegExp]>([
    [
      'a version beyond int64',
      () => model.evaluate(good, [[]], { atVersion: 2n ** 64n }),
      'ERR_ZEST_ARGUMENT',
      /atVersion is 18446744073709551616n?; expected a bigint from 0n and below 2\^63/,
    ],
    [
      'any version',
      () => model.evaluate(good, [[]], { atVersion: 2n ** 63n }),
      'ERR_ZEST_ARGUMENT',
      /atVersion is 9223372036854775808/,
    ],
    ['a version below 0', () => model.evaluate(good, [[]], { atVersion: -1n }), 'ERR_ZEST_ARGUMENT', /atVersion is -1/],
    [
      'a version that is a number',
      () => model.evaluate(good, [[]], { atVersion: 0 as never }),
      'ERR_ZEST_ARGUMENT',
      /atVersion is 0/,
    ],
    [
      'a signal that is none',
      () => model.evaluate(good, [[]], { signal: {} as never }),
      'ERR_ZEST_ARGUMENT',
      /AbortSignal/,
    ],
    [
      'an unknown parameter',
      () => model.parameter('lm_head'),
      'ERR_ZEST_PARAMETER',
      /'lm_head'; one is 'lm_head.bias'/,
    ],
    ['a direction of an unknown parameter', () => model.direction(0n, ''), 'ERR_ZEST_PARAMETER', /''/],
    ['a direction of a wrong stream', () => model.direction(-1n, 'lm_head.bias'), 'ERR_ZEST_STREAM', /stream is -1/],
    ['a folder that is none', () => model.save(3 as never), 'ERR_ZEST_ARGUMENT', /folder is 3; expected a path/],
    ['generation', () => model.generate([[1]], { maxTokens: 1 }), 'ERR_ZEST_UNSUPPORTED', /causal model/],
  ])('%s', async (_, call, code, text) => {
    await rejects(call, code, text);
  });
});
