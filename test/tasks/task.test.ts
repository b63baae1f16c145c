import { existsSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Row } from '../../lib/data/rows.ts';
import type { Batch } from '../../lib/model/batch.ts';
import { LabelledExample } from '../../lib/tasks/example.ts';
import type { LoadedTask, TaskSpec } from '../../lib/tasks/kinds.ts';
import { loadTask } from '../../lib/tasks/load.ts';
import type { Scorer } from '../../lib/tasks/task.ts';
import { Tokenizer } from '../../lib/tasks/tokenizer.ts';
import { film } from '../fixtures/film.ts';
import { folderOf } from './folders.ts';

const BERT = folderOf('tokenizer-bert-uncased');
const spec: TaskSpec = { template: '{sentence} It was {mask} .', labelWords: ['terrible', 'great'] };
const stars: TaskSpec = { kind: 'class', fields: ['text'], classes: 3, labels: ['1', '2', '3'] };

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await Tokenizer.load(film);
});

const rowsOf = (...fields: Record<string, unknown>[]): Row[] =>
  fields.map((each, i) => ({ file: 'data.jsonl', line: i + 2, fields: each }));

const fault = async (code: string, action: () => unknown): Promise<string> => {
  let error: unknown;
  try {
    await action();
  } catch (caught) {
    error = caught;
  }
  expect(error).toMatchObject({ code });
  return (error as Error).message;
};

/** A model whose score of a label word is how often its id is among the tokens; it remembers its batches. */
class CountingModel implements Scorer {
  readonly batches: Batch[] = [];
  async logits(batch: Batch): Promise<Float32Array[]> {
    this.batches.push(batch);
    return batch.sequences.map((ids, i) => {
      const target = batch.targets[i]!;
      const counted = target.kind === 'labelWords' ? target.words : [5, 6, 7];
      return Float32Array.from(counted, (word) => ids.filter((id) => id === word).length);
    });
  }
}

describe('loadTask', () => {
  it('knows the built-in tasks', async () => {
    expect(await loadTask('sst2', tokenizer)).toMatchObject({
      fields: ['sentence'],
      names: ['negative', 'positive'],
      labelField: 'label',
      maxLength: 256,
    });
    expect(await fault('ERR_ZEST_OPTION', () => loadTask('sst3', tokenizer))).toMatch(
      /"sst3" is not built in.*sst2, .*mr,/,
    );
  });

  it('says what is wrong with a spec', async () => {
    const cases: [unknown, string][] = [
      [null, 'task is null; expected keys and values'],
      [[], 'task is []; expected keys and values'],
      [{ ...spec, kind: 'regresion' }, 'task.kind'],
      [{ ...spec, kind: 'regression' }, 'task.template is not known'],
      [{ ...spec, templat: 'x' }, 'task.templat'],
      [{ labelWords: ['a', 'b'] }, 'task.template'],
      [{ ...spec, labelWords: ['great'] }, 'task.labelWords'],
      [{ ...spec, labelWords: ['great', 1] }, 'task.labelWords'],
      [{ ...spec, labelWords: undefined }, 'task.labelWords'],
      [{ ...spec, labels: ['negative'] }, "task.labels is [ 'negative' ]; expected 2 names, one a label"],
      [{ ...spec, labels: ['same', 'same'] }, "task.labels is [ 'same', 'same' ]; expected a list without repetitions"],
      [{ ...spec, labelField: '' }, 'task.labelField'],
      [{ ...spec, metrics: 'f1' }, "task.metrics is 'f1'; expected a list"],
      [{ ...spec, metrics: [] }, 'task.metrics is []; expected a list of 1 or more entries'],
      [{ ...spec, metrics: ['recall'] }, "task.metrics.0 is 'recall'; expected one of accuracy, f1, macroF1, matthews"],
      [{ ...spec, metrics: ['f1', 'f1'] }, 'expected a list without repetitions'],
      [{ ...stars, metrics: ['accuracy', 'f1'] }, 'expected metrics of 3 labels, and f1 is of two'],
      [{ kind: 'class', fields: [], classes: 2 }, 'task.fields'],
      [{ kind: 'class', fields: 'text', classes: 2 }, 'task.fields'],
      [{ kind: 'class', fields: ['a', 'b', 'c'], classes: 2 }, 'task.fields'],
      [{ kind: 'class', fields: ['a'], classes: 1 }, 'task.classes'],
      [{ kind: 'class', fields: ['a'], classes: 1e9 }, 'task.classes'],
      [{ kind: 'class', fields: ['a'], classes: 2, template: 'x' }, 'task.template'],
    ];
    for (const [wrong, sentence] of cases) {
      expect(await fault('ERR_ZEST_OPTION', () => loadTask(wrong as TaskSpec, tokenizer))).toContain(sentence);
    }
    await fault('ERR_ZEST_TEMPLATE', () => loadTask({ ...spec, template: '{sentence}' }, tokenizer));
    await fault('ERR_ZEST_LABEL_WORD', () => loadTask({ ...spec, labelWords: ['great', 'great'] }, tokenizer));
  });

  it('finds a length that no example can have before any example', async () => {
    for (const maxLength of [0, 1.5, -1]) {
      expect(await fault('ERR_ZEST_OPTION', () => loadTask(spec, tokenizer, { maxLength }))).toContain('maxLength');
    }
    await fault('ERR_ZEST_SEQUENCE_LENGTH', () => loadTask(spec, tokenizer, { maxLength: 5 }));
    await fault('ERR_ZEST_SEQUENCE_LENGTH', () => loadTask(stars, tokenizer, { maxLength: 1 }));
    await loadTask(spec, tokenizer, { maxLength: 6 });
  });
});

describe('Task.examples', () => {
  let task: LoadedTask;
  beforeAll(async () => {
    task = await loadTask({ ...spec, labels: ['bad', 'good'] }, tokenizer);
  });

  it('takes labels as integers, digits and names', () => {
    const labels = [0, '1', 'bad', 'good'];
    const examples = task.examples(rowsOf(...labels.map((label) => ({ sentence: 'x', label }))));
    expect(examples.map(({ label, source }) => [label, source])).toEqual([
      [0, 'data.jsonl:2'],
      [1, 'data.jsonl:3'],
      [0, 'data.jsonl:4'],
      [1, 'data.jsonl:5'],
    ]);
  });

  it('takes label words as names where there are no others, and none that are integers', async () => {
    const words = await loadTask(spec, tokenizer);
    const rows = spec.labelWords.map((label) => ({ sentence: 'x', label }));
    expect(words.examples(rowsOf(...rows)).map(({ label }) => label)).toEqual(spec.labelWords.map((_, i) => i));
    const digits = await loadTask({ ...spec, labelWords: ['1', '0'] }, tokenizer);
    expect(digits.examples(rowsOf({ sentence: 'x', label: '1' }))[0]!.label).toBe(1);
  });

  it('takes names that are integers for names only', async () => {
    const byStars = await loadTask(stars, tokenizer);
    expect(
      byStars.examples(rowsOf({ text: 'x', label: 1 }, { text: 'x', label: '3' })).map(({ label }) => label),
    ).toEqual([0, 2]);
    const message = await fault('ERR_ZEST_LABEL', () => byStars.examples(rowsOf({ text: 'x', label: 0 })));
    expect(message).toBe('data.jsonl:2: label 0 is none of 1, 2, 3');
  });

  it('compares names that are numbers as numbers, with a fraction or without', async () => {
    const labels = ['0.5', '1.0', '1.5', '2.0'];
    const ratings = await loadTask({ kind: 'class', fields: ['text'], classes: 4, labels }, tokenizer);
    const labelOf = (label: unknown) => ratings.examples(rowsOf({ text: 'x', label }))[0]!.label;
    expect([0.5, '.50', 1, '1', '1.0', 1.5, 2, '2.0', ' 2 '].map(labelOf)).toEqual([0, 0, 1, 1, 1, 2, 3, 3, 3]);
    const message = await fault('ERR_ZEST_LABEL', () => labelOf(0));
    expect(message).toBe('data.jsonl:2: label 0 is none of 0.5, 1.0, 1.5, 2.0');
    const some = await loadTask({ kind: 'multiLabel', fields: ['text'], labels }, tokenizer);
    const given = [[1, '1.50'], '2;0.5'].map((label) => some.examples(rowsOf({ text: 'x', label }))[0]!);
    expect(given.map(({ reference }) => reference)).toEqual([
      [1, 2],
      [0, 3],
    ]);
  });

  it('takes a name with white space around it as it is, and without', async () => {
    const labels = [' pos', 'neg', 'neg '];
    const spaced = await loadTask({ kind: 'class', fields: ['text'], classes: 3, labels }, tokenizer);
    const rows = [' pos', 'pos', 'neg', 'neg ', ' neg'].map((label) => ({ text: 'x', label }));
    expect(spaced.examples(rowsOf(...rows)).map(({ label }) => label)).toEqual([0, 0, 1, 2, 1]);
  });

  it('finds a label within another field, as it does texts', async () => {
    const nested = await loadTask(
      { kind: 'class', fields: ['said.text'], classes: 2, labelField: 'said.of' },
      tokenizer,
    );
    const [example] = nested.examples(rowsOf({ said: { text: 'x', of: 1 } }));
    expect(example).toMatchObject({ fields: { 'said.text': 'x' }, label: 1 });
  });

  it('names the row whose label is not in the list', async () => {
    for (const label of [2, -1, 0.5, '01', '', 'Good', null, true, [0], { a: 1 }]) {
      const rows = rowsOf({ sentence: 'x', label: 0 }, { sentence: 'x', label });
      expect(await fault('ERR_ZEST_LABEL', () => task.examples(rows))).toBe(
        `data.jsonl:3: label ${JSON.stringify(label)} is none of 0, 1, bad, good`,
      );
    }
    const message = await fault('ERR_ZEST_LABEL', () => task.examples(rowsOf({ sentence: 'x', label: Number.NaN })));
    expect(message).toBe('data.jsonl:2: label NaN is none of 0, 1, bad, good');
  });

  it('names the row without a field, and the field that no row has', async () => {
    const missing = (...fields: Record<string, unknown>[]) =>
      fault('ERR_ZEST_DATA', () => task.examples(rowsOf(...fields)));
    expect(await missing({ sentence: 'x', label: 0 }, { label: 0 })).toBe('data.jsonl:3: has no field "sentence"');
    expect(await missing({ sentence: 'x' })).toBe('data.jsonl:2: has no field "label" for the label');
    expect(await missing({ sentence: 3, label: 0 })).toBe('data.jsonl:2: field "sentence" is 3; expected a string');
    expect(await fault('ERR_ZEST_TEMPLATE', () => task.examples(rowsOf({ text: 'x', label: 0 })))).toMatch(
      /"sentence", which data.jsonl does not have: text, label/,
    );
    const inherited = await loadTask({ ...spec, template: '{toString} {mask}' }, tokenizer);
    await fault('ERR_ZEST_TEMPLATE', () => inherited.examples(rowsOf({ label: 0 })));
  });

  it('takes rows without a label when told so', () => {
    expect(task.examples(rowsOf({ sentence: 'x' }), { unlabelled: true })).toMatchObject([
      { fields: { sentence: 'x' }, label: 0 },
    ]);
    expect(task.examples([])).toEqual([]);
  });
});

describe('Task.batch', () => {
  it('asks for the label words at the mask', async () => {
    const task = await loadTask(spec, tokenizer);
    const { sequences, targets, segments } = task.batch([
      { sentence: 'a fine film', label: 1 },
      { sentence: '<mask>', label: 0 },
    ]);
    expect(tokenizer.decode(sequences[0]!)).toBe('<s> a fine film it was<mask> .</s>');
    expect(sequences.map((ids, i) => ids[(targets[i] as { position: number }).position])).toEqual([4, 4]);
    const words = [tokenizer.tokenId('Ġterrible'), tokenizer.tokenId('Ġgreat')];
    expect(targets).toEqual([
      { kind: 'labelWords', position: 6, words, label: 1 },
      { kind: 'labelWords', position: sequences[1]!.length - 3, words, label: 0 },
    ]);
    expect(segments).toBeUndefined();
  });

  it('gives the same for rows of a file, however often, and for another label', async () => {
    const task = await loadTask(spec, tokenizer, { maxLength: 20 });
    const fields = { sentence: 'a film '.repeat(30), label: 1 };
    const [example] = task.examples(rowsOf(fields));
    expect(task.batch([example!])).toEqual(task.batch([fields]));
    expect(task.batch([example!])).toEqual(task.batch([example!]));
    expect(task.batch([example!]).sequences[0]).toHaveLength(20);
    const flipped = new LabelledExample(example!.fields, 0, example!.source);
    expect(task.batch([flipped])).toEqual(task.batch([{ ...fields, label: 0 }]));
  });

  it('names an example at fault', async () => {
    const task = await loadTask(spec, tokenizer);
    const good = { sentence: 'x', label: 0 };
    expect(await fault('ERR_ZEST_LABEL', () => task.batch([good, { ...good, label: 2 }]))).toMatch(
      /^example 1: label 2/,
    );
    expect(await fault('ERR_ZEST_DATA', () => task.batch([{ label: 0 }]))).toMatch(
      /^example 0: has no field "sentence"/,
    );
    expect(await fault('ERR_ZEST_ARGUMENT', () => task.batch([null as never]))).toMatch(
      /^example 0 is null; expected an object/,
    );
  });

  it('makes a pair of two fields, cut in the longer', async () => {
    const task = await loadTask({ kind: 'class', fields: ['a', 'b'], classes: 2 }, tokenizer, { maxLength: 10 });
    const { sequences, targets, segments } = task.batch([{ a: 'good '.repeat(9).trim(), b: 'bad film', label: 1 }]);
    expect(tokenizer.decode(sequences[0]!)).toBe('<s> good good good good</s></s> bad film</s>');
    expect(targets).toEqual([{ kind: 'class', label: 1 }]);
    expect(segments).toBeUndefined();
  });

  it.skipIf(!existsSync(BERT))("gives BERT's second text segment 1", async () => {
    const bert = await Tokenizer.load(BERT);
    const pair = await loadTask({ kind: 'class', fields: ['a', 'b'], classes: 2 }, bert);
    const batch = pair.batch([{ a: 'good film', b: 'bad', label: 0 }]);
    expect(bert.decode(batch.sequences[0]!)).toBe('[CLS] good film [SEP] bad [SEP]');
    expect(batch.segments).toEqual([Int32Array.of(0, 0, 0, 0, 1, 1)]);
    const single = await loadTask({ kind: 'class', fields: ['a'], classes: 2 }, bert);
    expect(single.batch([{ a: 'good film', label: 0 }]).segments).toBeUndefined();
  });
});

describe('examples of another task', () => {
  const three = { template: '{text} . It was {mask} .', labelWords: ['terrible', 'great', 'good'] };
  const another = /: another task has made it; expected what examples\(\) of the task gives$/;

  it('are refused where they lack a field or have a label too many', async () => {
    const foreign = (await loadTask(three, tokenizer)).examples(rowsOf({ text: 'a film', label: 2 }));
    const labelWords = three.labelWords.slice(0, 2);
    const cases = [
      ['{sentence} . It was {mask} .', 'has no field "sentence"'],
      ['{text} . It was {mask} .', 'has no answer of this task'],
    ] as const;
    for (const [template, why] of cases) {
      const task = await loadTask({ template, labelWords }, tokenizer);
      const calls: ((examples: typeof foreign) => unknown)[] = [
        (examples) => task.batch(examples),
        (examples) => task.balance(examples),
        (examples) => task.sample(examples, { shots: 1, labelNoise: 0, seed: 1 }),
        (examples) => task.holdOut(examples, { share: 0.5, seed: 1 }),
        (examples) => task.score(new CountingModel(), examples),
        (examples) => task.answers(new CountingModel(), examples),
      ];
      for (const call of calls) {
        const message = await fault('ERR_ZEST_ARGUMENT', () => call(foreign));
        expect(message).toMatch(/^(examples|inputs)\[0\], of data.jsonl:2, /);
        expect(message).toContain(why);
        expect(message).toMatch(another);
      }
      expect(await fault('ERR_ZEST_ARGUMENT', () => task.preview(foreign[0]!))).toContain(
        `example, of data.jsonl:2, ${why}`,
      );
    }
  });

  it('are refused where their answers are of another kind', async () => {
    const fields = ['text'];
    const labels = ['a', 'b'];
    const classes = await loadTask({ kind: 'class', fields, classes: 2 }, tokenizer);
    const regression = await loadTask({ kind: 'regression', fields }, tokenizer);
    const sets = await loadTask({ kind: 'multiLabel', fields, labels }, tokenizer);
    const more = await loadTask({ kind: 'multiLabel', fields, labels: [...labels, 'c'] }, tokenizer);
    // A field that examples of another kind have the place in.
    const places = await loadTask({ kind: 'regression', fields: ['source'] }, tokenizer);
    const made = {
      class: classes.examples(rowsOf({ text: 'x', label: 1 })),
      number: regression.examples(rowsOf({ text: 'x', label: 1 })),
      set: more.examples(rowsOf({ text: 'x', label: ['c'] })),
    };
    expect(sets.batch(more.examples(rowsOf({ text: 'x', label: ['b'] }))).targets).toEqual([
      { kind: 'labels', labels: [1] },
    ]);
    const wrong: [{ batch(examples: never[]): unknown; preview(example: never): unknown }, readonly unknown[]][] = [
      [classes, made.number],
      [classes, made.set],
      [regression, made.class],
      [regression, made.set],
      [sets, made.class],
      [sets, made.number],
      [sets, made.set],
      [places, made.class],
      [places, made.number],
    ];
    for (const [task, examples] of wrong) {
      const expected = /^example(s\[0\])?.*data.jsonl:2.*; expected what examples\(\) of the task gives$/s;
      expect(await fault('ERR_ZEST_ARGUMENT', () => task.batch(examples as never[]))).toMatch(expected);
      expect(await fault('ERR_ZEST_ARGUMENT', () => task.preview(examples[0] as never))).toMatch(expected);
    }
  });

  it('are taken where they have all that the task reads', async () => {
    const [task, again] = await Promise.all([loadTask(three, tokenizer), loadTask(three, tokenizer)]);
    const rows = rowsOf({ text: 'a film', label: 2 }, { text: 'a play', label: 0 });
    expect(again.batch(task.examples(rows).slice(1))).toEqual(again.batch(again.examples(rows).slice(1)));
    const asked = await loadTask({ ...three, template: '{mask} : {text}' }, tokenizer);
    expect(asked.batch(task.examples(rows))).toEqual(asked.batch(asked.examples(rows)));
    const [unlabelled] = task.examples(rowsOf({ text: 'great' }), { unlabelled: true });
    expect(await asked.classify(new CountingModel(), [unlabelled!])).toMatchObject([{ word: 'great' }]);
  });
});

describe('an example whose right answer is not known', () => {
  it.each([
    { template: '{text} . It was {mask} .', labelWords: ['terrible', 'great'] },
    { kind: 'class', fields: ['text'], classes: 2 },
    { kind: 'regression', fields: ['text'] },
    { kind: 'multiLabel', fields: ['text'], labels: ['a', 'b'] },
  ] as TaskSpec[])('is neither trained on nor scored by: %o', async (spec) => {
    const task = await loadTask(spec, tokenizer);
    const examples = task.examples(rowsOf({ text: 'great' }), { unlabelled: true }) as never[];
    for (const [use, call] of [
      ['train on', () => task.batch(examples)],
      ['score by', () => task.score(new CountingModel() as never, examples)],
    ] as const)
      expect(await fault('ERR_ZEST_DATA', call)).toBe(`data.jsonl:2: has no right answer to ${use}`);
  });
});

describe('Task.score', () => {
  const examples = [
    { sentence: 'great great', label: 1 }, // scores 0, 2
    { sentence: 'terrible', label: 0 }, // scores 1, 0
    { sentence: 'great', label: 0 }, // scores 0, 1: wrong
    { sentence: 'neither', label: 0 }, // scores 0, 0: the first of equals
    { sentence: 'none', label: 1 }, // scores 0, 0: wrong
  ];
  const losses = [Math.log1p(Math.exp(-2)), Math.log1p(Math.exp(-1)), Math.log1p(Math.exp(1)), Math.LN2, Math.LN2];

  it('gives accuracy and mean cross-entropy, whatever the batches, and tells its progress', async () => {
    const task = await loadTask(spec, tokenizer);
    for (const batchSize of [1, 2, 5, 32]) {
      const model = new CountingModel();
      const progress: number[][] = [];
      const score = await task.score(model, examples, { batchSize, onProgress: (...done) => progress.push(done) });
      expect(score).toMatchObject({ accuracy: 3 / 5, count: 5 });
      expect(score.loss).toBeCloseTo(losses.reduce((a, b) => a + b) / 5, 12);
      expect(model.batches.flatMap(({ sequences }) => sequences)).toEqual(task.batch(examples).sequences);
      expect(progress).toHaveLength(Math.ceil(5 / batchSize));
      expect(progress.at(-1)).toEqual([5, 5]);
    }
  });

  it('has the metrics of the task', async () => {
    const task = await loadTask({ ...spec, metrics: ['matthews', 'f1'] }, tokenizer);
    expect(task.metrics).toEqual(['matthews', 'f1']);
    const { loss, ...score } = await task.score(new CountingModel(), examples);
    // answers 1, 0, 1, 0, 0 to labels 1, 0, 0, 0, 1
    expect(score).toEqual({ accuracy: 3 / 5, f1: 0.5, matthews: expect.closeTo(1 / 6, 12), count: 5 });
    const paraphrase = await loadTask('mrpc', tokenizer);
    expect([paraphrase.metrics, (await loadTask('sst2', tokenizer)).metrics]).toEqual([
      ['accuracy', 'f1'],
      ['accuracy'],
    ]);
  });

  it('stays exact for scores of any size', async () => {
    const task = await loadTask(spec, tokenizer);
    const model: Scorer = { logits: async () => [Float32Array.of(1e30, -1e30)] };
    expect(await task.score(model, [{ sentence: 'x', label: 0 }])).toEqual({ accuracy: 1, loss: 0, count: 1 });
    expect((await task.classify(model, ['x']))[0]).toMatchObject({ label: 0, probabilities: [1, 0] });
  });

  it('stops when told to', async () => {
    const task = await loadTask(spec, tokenizer);
    const model = new CountingModel();
    const controller = new AbortController();
    const onProgress = () => controller.abort(new Error('enough'));
    const score = task.score(model, examples, { batchSize: 2, signal: controller.signal, onProgress });
    await expect(score).rejects.toThrow('enough');
    expect(model.batches).toHaveLength(1);
    const late = task.score(model, examples, { signal: controller.signal });
    await expect(late).rejects.toBe(controller.signal.reason);
    expect(model.batches).toHaveLength(1);
  });

  it('refuses no examples, a wrong batch size, and a model that does not fit', async () => {
    const task = await loadTask(spec, tokenizer);
    const model = new CountingModel();
    await fault('ERR_ZEST_BATCH_EMPTY', () => task.score(model, []));
    for (const batchSize of [0, 1.5]) await fault('ERR_ZEST_OPTION', () => task.score(model, examples, { batchSize }));
    const scores = (...row: number[]): Scorer => ({ logits: async () => [Float32Array.from(row)] });
    const one = examples.slice(0, 1);
    expect(await fault('ERR_ZEST_TARGET', () => task.score(scores(1, 2, 3), one))).toMatch(/3 scores.*2 labels/);
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      await fault('ERR_ZEST_LOSS_NOT_FINITE', () => task.score(scores(0, bad), one));
    }
  });
});

describe('Task.classify', () => {
  it('gives labels, words and probabilities for texts, objects and rows', async () => {
    const task = await loadTask('sst2', tokenizer);
    const [row] = task.examples(rowsOf({ sentence: 'great' }), { unlabelled: true });
    const found = await task.classify(new CountingModel(), ['terrible', { sentence: 'great' }, row!]);
    const probability = 1 / (1 + Math.exp(-1));
    expect(found.map(({ label, name, word }) => [label, name, word])).toEqual([
      [0, 'negative', 'terrible'],
      [1, 'positive', 'great'],
      [1, 'positive', 'great'],
    ]);
    expect(found[0]!.probabilities[0]).toBeCloseTo(probability, 12);
    expect(found[1]!.probabilities[1]).toBeCloseTo(probability, 12);
    for (const { probabilities } of found) expect(probabilities.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
  });

  it('collects the answers to whatever has a label of the task', async () => {
    const task = await loadTask('sst2', tokenizer);
    const outcomes = task.outcomes();
    const inputs = ['great', { sentence: 'great', label: 1 }, { sentence: 'great', label: 'none' }, { sentence: 'x' }];
    await task.classify(new CountingModel(), inputs, { outcomes });
    expect(task.examination(outcomes).score).toMatchObject({ accuracy: 1, count: 1 });
  });

  it('names classes by number where nothing else does', async () => {
    const task = await loadTask({ kind: 'class', fields: ['text'], classes: 3 }, tokenizer);
    const [found] = await task.classify(new CountingModel(), ['x']);
    expect(found).toEqual({ label: 0, name: '0', probabilities: expect.any(Array) });
  });

  it('refuses a text where the task has two fields', async () => {
    const task = await loadTask({ kind: 'class', fields: ['a', 'b'], classes: 2 }, tokenizer);
    expect(await fault('ERR_ZEST_ARGUMENT', () => task.classify(new CountingModel(), ['x']))).toMatch(/fields a, b/);
    expect(await fault('ERR_ZEST_DATA', () => task.classify(new CountingModel(), [{ a: 'x' }]))).toMatch(
      /text 0: has no field "b"/,
    );
    await fault('ERR_ZEST_BATCH_EMPTY', () => task.classify(new CountingModel(), []));
  });
});
