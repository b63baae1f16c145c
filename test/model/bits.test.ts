import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Batch } from '../../lib/model/batch.ts';
import { Model } from '../../lib/model/model.ts';
import type { Shortcuts } from '../../lib/native/binding.ts';
import type { DirectionOptions, Point } from '../../lib/objective.ts';
import { bits, film, filmBatch, LAWS, nameOf } from '../fixtures/film.ts';
import { writeMoved } from '../fixtures/moved.ts';
import { scratchFolder } from '../fixtures/scratch.ts';

const scratch = scratchFolder();
const batch = filmBatch([7, 1, 23, 64, 5, 140]);
const points: Point[] = [
  [],
  { stream: 3n, scale: 1e-3 },
  { stream: 3n, scale: -1e-3 },
  [
    { stream: 3n, scale: 2e-3 },
    { stream: 9n, scale: -1e-3 },
  ],
];
const SHORTCUTS: (keyof Shortcuts)[] = [
  'packSequences',
  'labelledPositionsOnly',
  'scoredWordsOnly',
  'lastLayerAtLabels',
  'gatherEmbeddings',
  'shareNoise',
  'fusePerturbation',
  'sharePrompts',
];

let model: Model;
beforeAll(async () => {
  model = await Model.load(film);
});
afterAll(() => model.dispose());

/** The bits of every sequence's loss at every point, and of the logits at one of them. */
const everyBit = async (of: Model, options: DirectionOptions = {}): Promise<string[]> => {
  const losses = await of.sequenceLosses(batch, points, options);
  const logits = await of.logits(batch, { ...options, at: points[3] });
  return [...losses, ...logits].flatMap((row) => bits(row));
};

describe.each(LAWS.map((law) => [nameOf(law), law] as const))('the bits of %s directions', (_, law) => {
  let expected: string[];
  beforeAll(async () => {
    expected = await everyBit(model, { directions: { seed: 7, law } });
  });

  it.each([1, 2, 3, 8])('are those of %i threads', async (threads) => {
    using other = await Model.load(film, { threads, directions: { seed: 7, law } });
    expect(await everyBit(other)).toEqual(expected);
  });

  it.each(SHORTCUTS)('are those without %s', async (shortcut) => {
    using other = await Model.load(film, { shortcuts: { [shortcut]: false }, directions: { seed: 7, law } });
    expect(await everyBit(other)).toEqual(expected);
  });

  it('are those without any shortcut', async () => {
    const shortcuts = Object.fromEntries(SHORTCUTS.map((key) => [key, false]));
    using other = await Model.load(film, { shortcuts, directions: { seed: 7, law } });
    expect(await everyBit(other)).toEqual(expected);
  });
});

describe.each([
  ['bert-classes', 'class'],
  ['bert-f16-types3', 'maskedTokens'],
  ['distilbert-f16-classes', 'class'],
  ['distilbert-bf16-sinusoidal', 'maskedTokens'],
] as const)('the bits of %s', (folder, kind) => {
  const path = fileURLToPath(new URL(`../fixtures/parity/${folder}`, import.meta.url));
  const segmented: Batch = {
    sequences: [[3, 9, 4, 11], [7], [5, 6, 8, 10, 12, 13]],
    ...(folder.startsWith('bert') && { segments: [[0, 1, 1, 0], [1], [0, 0, 0, 0, 1, 0]] }),
    targets: [1, 0, 1].map((label, s) =>
      kind === 'class' ? { kind, label } : { kind, positions: [s && 2 * s - 2], ids: [label + 20] },
    ),
  };

  it.each(['float32', 'bfloat16'] as const)('stored as %s are those of any threads and shortcuts', async (dtype) => {
    using one = await Model.load(path, { dtype, threads: 1 });
    const expected = (await one.sequenceLosses(segmented, points)).map((row) => bits(row));
    expect(new Set(expected.flat()).size).toBe(12);
    for (const shortcut of SHORTCUTS) {
      using other = await Model.load(path, { dtype, threads: 3, shortcuts: { [shortcut]: false } });
      expect((await other.sequenceLosses(segmented, points)).map((row) => bits(row))).toEqual(expected);
    }
  });
});

describe('a sequence', () => {
  it('has the same loss whatever it is packed with', async () => {
    const alone = await model.sequenceLosses(batch, points);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(batch.sequences.length - 1), { minLength: 1, maxLength: 9 }), async (rows) => {
        const packed: Batch = {
          sequences: rows.map((row) => batch.sequences[row] as number[]),
          targets: rows.map((row) => batch.targets[row] as Batch['targets'][number]),
        };
        const losses = await model.sequenceLosses(packed, points);
        for (const [p, row] of losses.entries()) expect(bits(row)).toEqual(bits(rows.map((s) => alone[p]?.[s] ?? 0)));
      }),
      { numRuns: 15 },
    );
  });

  it('adds up to the loss of the batch in order', async () => {
    const [losses, sequences] = await Promise.all([model.evaluate(batch, points), model.sequenceLosses(batch, points)]);
    const means = sequences.map((row) => row.reduce((sum, loss) => sum + loss, 0) / row.length);
    expect(bits(losses)).toEqual(bits(means));
  });
});

describe('a point', () => {
  it.each(LAWS.map((law) => [nameOf(law), law] as const))(
    'is the model with its weights moved (%s)',
    async (name, law) => {
      const directions = { seed: 11n, law };
      const point = [
        { stream: 5n, scale: 1e-3 },
        { stream: 2n ** 63n - 1n, scale: -0.004 },
      ];
      const expected = await model.sequenceLosses(batch, [point], { directions });
      using moved = await Model.load(await writeMoved(model, film, { point, directions, to: join(scratch, name) }));
      const actual = await moved.sequenceLosses(batch, [[]]);
      if (typeof law === 'string') expect(bits(actual[0] ?? [])).toEqual(bits(expected[0] ?? []));
      for (const [s, loss] of (actual[0] ?? []).entries()) {
        expect(Math.abs(loss / (expected[0]?.[s] as number) - 1)).toBeLessThan(1e-5);
      }
      const still = await model.sequenceLosses(batch, [[]]);
      expect(bits(actual[0] ?? [])).not.toEqual(bits(still[0] ?? []));
    },
  );
});
