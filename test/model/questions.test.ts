import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Batch, Point, Target } from '../../lib/index.ts';
import { Model } from '../../lib/index.ts';
import { bits, film } from '../fixtures/film.ts';
import { rejects } from '../fixtures/rejects.ts';

const folderOf = (name: string) => fileURLToPath(new URL(`../fixtures/parity/${name}`, import.meta.url));
const points: Point[] = [[], { stream: 3n, scale: 0.1 }, { stream: 3n, scale: -0.1 }];

type Options = Extract<Target, { kind: 'options' }>;

/** What the loss of a question is by definition, from the losses of prompt and option as sequences of their own. */
const byDefinition = async (model: Model, prompt: number[], { options, label, normalize }: Options, point: Point) => {
  const sequences = options.map((option) => [...prompt, ...option]);
  const targets = sequences.map(({ length }) => ({ kind: 'tokens' as const, from: prompt.length, to: length }));
  const [losses] = await model.sequenceLosses({ sequences, targets }, [point]);
  const scores = options.map((option, i) => -losses![i]! * (normalize === 'none' ? option.length : 1));
  const top = Math.max(...scores);
  const loss = Math.log(scores.reduce((sum, score) => sum + Math.exp(score - top), 0)) + top - scores[label]!;
  return { scores, loss };
};

const id = fc.integer({ min: 3, max: 60 });
const question = fc
  .record({
    prompt: fc.array(id, { minLength: 1, maxLength: 8 }),
    options: fc.array(fc.array(id, { minLength: 1, maxLength: 5 }), { minLength: 2, maxLength: 4 }),
    normalize: fc.constantFrom('tokens' as const, 'none' as const),
    label: fc.nat(),
  })
  .map(({ prompt, options, normalize, label }) => ({
    prompt,
    target: { kind: 'options', options, normalize, label: label % options.length } as Options,
  }));

describe.each(['gpt2-f16', 'llama-grouped', 'mistral-window', 'opt-projected-post', 'gpt_neox-parallel'])(
  'questions to %s',
  (name) => {
    let model: Model;
    let separate: Model;
    beforeAll(async () => {
      model = await Model.load(folderOf(name));
      separate = await Model.load(folderOf(name), { shortcuts: { sharePrompts: false } });
    });
    afterAll(() => {
      model.dispose();
      separate.dispose();
    });

    it('have the cross-entropy of their options, at perturbed points too', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(question, { minLength: 1, maxLength: 4 }), async (questions) => {
          const batch: Batch = {
            sequences: questions.map(({ prompt }) => prompt),
            targets: questions.map(({ target }) => target),
          };
          const losses = await model.sequenceLosses(batch, points);
          expect((await separate.sequenceLosses(batch, points)).map((row) => bits(row))).toEqual(
            losses.map((row) => bits(row)),
          );
          const split = await model.sequenceLosses(batch, points, { microBatch: 1 });
          expect(split.map((row) => bits(row))).toEqual(losses.map((row) => bits(row)));
          for (const [p, point] of points.entries()) {
            for (const [q, { prompt, target }] of questions.entries()) {
              const { loss } = await byDefinition(model, prompt, target, point);
              expect(losses[p]![q]).toBeCloseTo(loss, 9);
            }
          }
          const rows = await model.logits(batch, { at: points[1]! });
          for (const [q, { prompt, target }] of questions.entries()) {
            const { scores } = await byDefinition(model, prompt, target, points[1]!);
            expect([...rows[q]!]).toEqual(scores.map((score) => expect.closeTo(score, 4)));
          }
        }),
        { numRuns: 8 },
      );
    });

    it('stand beside other targets', async () => {
      const sequences = [
        [5, 6, 7],
        [8, 9],
        [11, 12, 13, 14],
      ];
      const targets: Target[] = [
        { kind: 'tokens', from: 1, to: 3 },
        { kind: 'options', options: [[4], [5, 6]], label: 1, normalize: 'none' },
        { kind: 'tokens', from: 2, to: 4 },
      ];
      const [losses] = await model.sequenceLosses({ sequences, targets }, [[]]);
      const alone = [];
      for (const [i, target] of targets.entries()) {
        const [own] = await model.sequenceLosses({ sequences: [sequences[i]!], targets: [target] }, [[]]);
        alone.push(own![0]);
      }
      expect([...losses!]).toEqual(alone);
      expect(await model.evaluate({ sequences, targets }, [[]])).toEqual(
        Float64Array.of((alone[0]! + alone[1]! + alone[2]!) / 3),
      );
      await rejects(() => model.logits({ sequences, targets }), 'ERR_ZEST_TARGET', /options/);
    });
  },
);

describe('bad questions', () => {
  let model: Model;
  beforeAll(async () => {
    model = await Model.load(folderOf('llama-grouped'));
  });
  afterAll(() => model.dispose());

  it.each<[string, object, string, RegExp]>([
    ['no options', { options: [] }, 'ERR_ZEST_TARGET', /^targets\[0\]\.options is \[\]/],
    ['one option', { options: [[4]] }, 'ERR_ZEST_TARGET', /two or more/],
    ['an empty option', { options: [[4], []] }, 'ERR_ZEST_TARGET', /options\[1\] is empty/],
    ['no token', { options: [[4], [103]] }, 'ERR_ZEST_TARGET', /options\[1\]\[0\] is 103/],
    ['a label beyond them', { label: 2 }, 'ERR_ZEST_TARGET', /label is 2/],
    ['no way to normalize', { normalize: 'word' }, 'ERR_ZEST_TARGET', /normalize is/],
    [
      'another spelling',
      { normalise: 'none' },
      'ERR_ZEST_TARGET',
      /normalise is not known \(did you mean normalize\?\)/,
    ],
    [
      'too long an option',
      { options: [[4], Array(69).fill(5)] },
      'ERR_ZEST_SEQUENCE_LENGTH',
      /71 tokens; the model takes 70/,
    ],
  ])('are refused: %s', async (_, change, code, text) => {
    const target = { kind: 'options', options: [[4], [5]], label: 0, normalize: 'tokens', ...change } as Target;
    await rejects(() => model.evaluate({ sequences: [[7, 8]], targets: [target] }, [[]]), code, text);
  });

  it.each<[Target, RegExp]>([
    [{ kind: 'options', options: [[4], [5]], label: 0, normalize: 'tokens' }, /'options'.*causal/],
    [{ kind: 'tokens', from: 1, to: 2 }, /'tokens'.*causal/],
  ])('and encoders take none: %o', async (target, text) => {
    using encoder = await Model.load(film);
    await rejects(
      () => encoder.evaluate({ sequences: [[7, 8]], targets: [target] }, [[]]),
      'ERR_ZEST_UNSUPPORTED',
      text,
    );
  });

  it('nor do causal models take masked tokens', async () => {
    const targets: Target[] = [{ kind: 'maskedTokens', positions: [0], ids: [3] }];
    await rejects(() => model.evaluate({ sequences: [[7, 8]], targets }, [[]]), 'ERR_ZEST_TARGET', /causal/);
  });
});
