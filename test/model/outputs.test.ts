import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Batch, Target } from '../../lib/model/batch.ts';
import { rejects } from '../fixtures/rejects.ts';
import { modelTests } from '../fixtures/tiny-models.ts';

const { load, scratch } = modelTests();
const folder = fileURLToPath(new URL('../fixtures/parity/bert-classes', import.meta.url));
const sequences = [
  [5, 9, 4, 7],
  [3, 8],
];
const batchOf = (...targets: Target[]): Batch => ({ sequences, targets });

// What transformers' BertForSequenceClassification gives as `loss` for each sequence alone, with this problem_type:
//   model = BertForSequenceClassification.from_pretrained(folder, problem_type=…, dtype=torch.float32).eval()
//   model(torch.tensor([ids]), labels=torch.tensor([labels])).loss.item()
const KNOWN = {
  regression: {
    targets: [
      { kind: 'values', values: [0.5, -1.25, 2, 0, 0] },
      { kind: 'values', values: [0, 0.25, -0.5, 0, 0] },
    ],
    losses: [1.1130867004394531, 0.36497780680656433],
  },
  multi_label_classification: {
    targets: [
      { kind: 'labels', labels: [0, 2] },
      { kind: 'labels', labels: [] },
    ],
    losses: [0.6825686693191528, 0.7097855806350708],
  },
} satisfies Record<string, { targets: Target[]; losses: number[] }>;

/** The checkpoint as a head of that kind. */
const ofProblem = async (problem_type: string) => {
  const { cpSync, mkdtempSync, writeFileSync } = await import('node:fs');
  const copy = mkdtempSync(join(scratch, 'head-'));
  cpSync(folder, copy, { recursive: true });
  const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
  writeFileSync(join(copy, 'config.json'), JSON.stringify({ ...config, problem_type }));
  return load(copy);
};

describe.each(Object.entries(KNOWN))('a head of %s', (problem, { targets, losses }) => {
  it('has the loss of transformers', async () => {
    const model = await ofProblem(problem);
    const [found] = await model.sequenceLosses(batchOf(...targets), [[]]);
    for (const [i, loss] of losses.entries()) expect(found![i]).toBeCloseTo(loss, 5);
    const [mean] = await model.evaluate(batchOf(...targets), [[]]);
    expect(mean).toBeCloseTo((losses[0]! + losses[1]!) / 2, 5);
    // One at a time, the same bits.
    const [alone] = await model.sequenceLosses(batchOf(...targets), [[]], { microBatch: 1 });
    expect(alone).toEqual(found);
  });

  it('gives a row an output', async () => {
    const model = await ofProblem(problem);
    const rows = await model.logits(batchOf(...targets));
    expect(rows.map(({ length }) => length)).toEqual(Array(10).fill(1));
    const plain = await load(folder);
    const [classes] = await plain.logits(batchOf({ kind: 'class', label: 0 }, { kind: 'class', label: 0 }));
    expect(rows.slice(0, 5).map((row) => row[0])).toEqual([...classes!]);
  });

  it('keeps to its kind of targets', async () => {
    const model = await ofProblem(problem);
    const other = batchOf({ kind: 'class', label: 0 }, { kind: 'class', label: 0 });
    await rejects(
      () => model.evaluate(other, [[]]),
      'ERR_ZEST_TARGET',
      /takes a head of problem type single_label_class/,
    );
    const plain = await load(folder);
    await rejects(
      () => plain.evaluate(batchOf(...targets), [[]]),
      'ERR_ZEST_TARGET',
      new RegExp(`problem type ${problem}`),
    );
  });
});

describe('targets of outputs', () => {
  it('are checked', async () => {
    const model = await ofProblem('regression');
    const fails = (values: unknown, message: RegExp) =>
      rejects(
        () => model.evaluate({ sequences: [[5]], targets: [{ kind: 'values', values } as never] }, [[]]),
        'ERR_ZEST_TARGET',
        message,
      );
    await fails([1], /targets\[0\].values is \[ 1 \]; expected a number for each of the head's 5 outputs/);
    await fails([1, 2, 3, 4, Number.NaN], /targets\[0\].values\[4\] is NaN/);
    await fails(undefined, /values is undefined/);
    const several = await ofProblem('multi_label_classification');
    const labels = batchOf({ kind: 'labels', labels: [5] }, { kind: 'labels', labels: [] });
    await rejects(() => several.evaluate(labels, [[]]), 'ERR_ZEST_TARGET', /targets\[0\].labels\[0\] is 5/);
  });

  it('are what a new head is made for, and saved with it', async () => {
    const model = await load(folder, { head: { classes: 1, problemType: 'regression' } });
    const [loss] = await model.evaluate(batchOf({ kind: 'values', values: [2] }, { kind: 'values', values: [0] }), [
      [],
    ]);
    expect(loss).toBeGreaterThan(0);
    const saved = join(scratch, 'saved');
    await model.save(saved);
    expect(JSON.parse(readFileSync(join(saved, 'config.json'), 'utf8'))).toMatchObject({
      problem_type: 'regression',
      num_labels: 1,
    });
    await load(saved);
  });
});
