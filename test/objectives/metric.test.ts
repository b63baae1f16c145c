import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { zest } from '../../lib/methods/zest.ts';
import { Model } from '../../lib/model/model.ts';
import { type MetricChoice, metricObjective } from '../../lib/objectives/metric.ts';
import { taskLoss } from '../../lib/objectives/task-loss.ts';
import { exampleTilt } from '../../lib/objectives/tilt.ts';
import type { LoadedTask, TaskSpec } from '../../lib/tasks/kinds.ts';
import { loadTask } from '../../lib/tasks/load.ts';
import { Tokenizer } from '../../lib/tasks/tokenizer.ts';
import { film } from '../fixtures/film.ts';
import { rejects } from '../fixtures/rejects.ts';

const TEXTS = [
  'a charming film',
  'a dull film',
  'the cast is brilliant',
  'two hours that feel like four',
  'lame jokes',
];
const examples = TEXTS.map((sentence, i) => ({ sentence, label: i % 2 }));

let model: Model;
let task: LoadedTask;
beforeAll(async () => {
  model = await Model.load(film, { device: 'cpu' });
  task = await loadTask('sst2', await Tokenizer.load(film));
});
afterAll(() => model.dispose());

/** A point far enough that some answers turn, and what a model moved there answers. */
const point = { stream: 3n, scale: 0.1 };
const answersThere = async (): Promise<number[]> => {
  const moved = await Model.load(film, { device: 'cpu' });
  await moved.apply({ decay: 0, terms: [{ stream: point.stream, coefficient: -point.scale }] });
  const answers = await task.classify(moved, TEXTS);
  moved.dispose();
  return answers.map(({ label }) => label);
};

describe('metricObjective', () => {
  it('is minus the metric of the answers at each point', async () => {
    const here = (await task.classify(model, TEXTS)).map(({ label }) => label);
    const there = await answersThere();
    expect(there).not.toEqual(here);
    const right = (answers: number[]) => answers.filter((answer, i) => answer === examples[i]!.label).length;
    const accuracy = metricObjective(model, task, 'accuracy');
    expect([...(await accuracy.evaluate(examples, [[], point]))]).toEqual([-right(here) / 5, -right(there) / 5]);
    expect((await accuracy.sequenceLosses!(examples, [point])).map((losses) => [...losses])).toEqual([
      there.map((answer, i) => (answer === examples[i]!.label ? -1 : 0)),
    ]);
    // F1 = 2·TP / (answers of 1 + labels of 1)
    const f1 = metricObjective(model, task, 'f1');
    const truePositive = here.filter((answer, i) => answer === 1 && examples[i]!.label === 1).length;
    const [loss] = await f1.evaluate(examples, [[]]);
    expect(loss).toBeCloseTo((-2 * truePositive) / (here.filter((answer) => answer === 1).length + 2), 12);
    expect(f1.sequenceLosses).toBeUndefined();
  });

  it('does not depend on how a batch is split', async () => {
    const objective = metricObjective(model, task, 'accuracy');
    const whole = await objective.evaluate(examples, [[], point]);
    expect(await objective.evaluate(examples, [[], point], { microBatch: 2 })).toEqual(whole);
  });

  it('is what answers cost', async () => {
    const here = (await task.classify(model, TEXTS)).map(({ label }) => label);
    const cost = [
      [0, 1],
      [7, -1],
    ];
    const costs = here.map((answer, i) => cost[examples[i]!.label]![answer]!);
    const objective = metricObjective(model, task, { cost });
    expect([...(await objective.sequenceLosses!(examples, [[]]))[0]!]).toEqual(costs);
    expect((await objective.evaluate(examples, [[]]))[0]).toBeCloseTo(costs.reduce((a, b) => a + b) / 5, 12);
  });

  it('says how low it can be', () => {
    const lowest = (metric: MetricChoice) => metricObjective(model, task, metric).lowestLoss;
    expect(lowest('accuracy')).toBe(-1);
    expect(lowest('f1')).toBe(-1);
    expect(lowest('matthews')).toBe(-1);
    const cost = [
      [2, 1],
      [7, 0.5],
    ];
    expect(lowest({ cost })).toBe(0.5);
    expect(lowest(() => 3)).toBeUndefined();
    expect(exampleTilt(metricObjective(model, task, 'accuracy'), 2).lowestLoss).toBe(-1);
    expect(exampleTilt(taskLoss(model, task), 2).lowestLoss).toBeUndefined();
  });

  it('compares what the scores of a task compare, also where its metrics are others', async () => {
    const tokenizer = await Tokenizer.load(film);
    const folders = {
      values: { classes: 1 },
      sets: { classes: 3, problemType: 'multi_label_classification' },
    } as const;
    const [values, sets] = await Promise.all(
      Object.values(folders).map((head) => Model.load(film, { device: 'cpu', head })),
    );
    const numbers = TEXTS.map((text, i) => ({ text, label: i * 0.7 - 1 }));
    const regression = { kind: 'regression', fields: ['text'] } as const;
    const several = TEXTS.map((text, i) => ({ text, label: i % 2 ? [0, 2] : [1] }));
    const labels = { kind: 'multiLabel', fields: ['text'], labels: ['a', 'b', 'c'] } as const;
    const scored = async (given: Model, spec: TaskSpec, rows: readonly object[], metrics: readonly string[]) => {
      const full = (await loadTask({ ...spec, metrics } as TaskSpec, tokenizer)) as LoadedTask;
      const score = await full.score(given as never, rows as never);
      for (const metric of metrics) {
        const alone = (await loadTask({ ...spec, metrics: [metrics[0]] } as TaskSpec, tokenizer)) as LoadedTask;
        const [loss] = await metricObjective(given, alone, metric as MetricChoice).evaluate(rows as never, [[]]);
        const value = score[metric as 'accuracy']!;
        expect(loss).toBe(metric === 'meanSquaredError' ? value : 0 - value);
      }
    };
    await scored(values!, regression, numbers, ['spearman', 'pearson', 'meanSquaredError']);
    await scored(sets!, labels, several, ['microF1', 'subsetAccuracy']);
    const seen: unknown[] = [];
    const own = metricObjective(sets!, await loadTask(labels, tokenizer), (answers, references) => {
      seen.push(...answers, ...references);
      return 0;
    });
    await own.evaluate(several, [[]]);
    expect(seen).toHaveLength(10);
    for (const one of seen) expect(one).toBeInstanceOf(Array);
    for (const one of [values, sets]) one!.dispose();
  });

  it("is a function of one's own, which cannot change what others see", async () => {
    const seen: number[][] = [];
    const objective = metricObjective(model, task, (answers, labels) => {
      seen.push([...answers], [...labels]);
      (answers as number[]).fill(9);
      return 2;
    });
    expect([...(await objective.evaluate(examples, [[], []]))]).toEqual([-2, -2]);
    expect(seen[1]).toEqual([0, 1, 0, 1, 0]);
    expect(seen[2]).toEqual(seen[0]);
    const own = new Error('mine');
    const bad = (value: unknown) =>
      metricObjective(model, task, () => {
        if (value === own) throw own;
        return value as number;
      }).evaluate(examples, [point]);
    await expect(bad(own)).rejects.toBe(own);
    await rejects(() => bad('1'), 'ERR_ZEST_ARGUMENT', /returned '1'; expected a number/);
    await rejects(() => bad(Number.NaN), 'ERR_ZEST_LOSS_NOT_FINITE', /the point of stream 3, scale 0\.1 is NaN/);
  });

  it('learns, with a radius at which answers turn', async () => {
    const mine = await Model.load(film, { device: 'cpu', trainable: 'bias' });
    const turned = TEXTS.map((sentence, i) => ({ sentence, label: 1 - [1, 0, 1, 0, 0][i]! }));
    const objective = metricObjective(mine, task, 'accuracy');
    const [before] = await objective.evaluate(turned, [[]]);
    const optimizer = zest({
      learningRate: 0.05,
      rho: 0.05,
      directions: 8,
      tilt: 0,
      normalize: 'sigma',
      sides: 'one',
      seed: 1,
    });
    for (let step = 0; step < 12; step++) await optimizer.step(objective, turned);
    const [after] = await objective.evaluate(turned, [[]]);
    expect(after!).toBeLessThan(before!);
    mine.dispose();
  });

  it('names what it cannot learn', async () => {
    const made = (metric: unknown, of: unknown = task) => metricObjective(model, of as LoadedTask, metric as never);
    await rejects(() => made('accurracy'), 'ERR_ZEST_OPTION', /metric is 'accurracy'; expected one of accuracy, f1/);
    await rejects(() => made(undefined), 'ERR_ZEST_OPTION', /metric is undefined/);
    for (const cost of [
      undefined,
      [],
      [[0, 1]],
      [[0, 1], [1]],
      [
        [0, 1],
        [1, Number.NaN],
      ],
      [
        [0, 1],
        [1, '0'],
      ],
    ]) {
      await rejects(() => made({ cost }), 'ERR_ZEST_OPTION', /expected 2 rows of 2 numbers/);
    }
    await rejects(() => made('accuracy', {}), 'ERR_ZEST_ARGUMENT', /task is \{\}; expected what loadTask gives/);
    const three = await loadTask(
      { template: '{sentence} it was {mask} .', labelWords: ['terrible', 'good', 'great'] },
      await Tokenizer.load(film),
    );
    await rejects(() => made('f1', three), 'ERR_ZEST_OPTION', /f1, which is of two labels; the task has 3/);
    await rejects(() => metricObjective({} as Model, task, 'f1'), 'ERR_ZEST_ARGUMENT', /model is/);
    const objective = made('accuracy');
    await rejects(() => objective.evaluate([], [[]]), 'ERR_ZEST_BATCH_EMPTY', /no examples/);
    await rejects(() => objective.evaluate(undefined as never, [[]]), 'ERR_ZEST_ARGUMENT', /batch is undefined/);
    await rejects(() => objective.evaluate([{ sentence: 'a' }], [[]]), 'ERR_ZEST_DATA', /example:0/);
    await rejects(() => objective.evaluate(examples, [{ stream: 1n, scale: Number.NaN }]), 'ERR_ZEST_POINT', /scale/);
  });

  it('stops when told to', async () => {
    const objective = metricObjective(model, task, 'accuracy');
    await expect(objective.evaluate(examples, [[]], { signal: AbortSignal.abort('enough') })).rejects.toBe('enough');
  });
});
