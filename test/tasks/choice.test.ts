import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadTask, Model, metricObjective, type ScoredExample, Tokenizer } from '../../lib/index.ts';
import { withinTime } from '../../lib/time-limit.ts';
import { writeByteTokenizer } from '../fixtures/byte-tokenizer.ts';
import { rejects } from '../fixtures/rejects.ts';
import { scratchFolder } from '../fixtures/scratch.ts';

const scratch = scratchFolder();
const folder = join(scratch, 'model');
let tokenizer: Tokenizer;
let model: Model;
beforeAll(async () => {
  cpSync(fileURLToPath(new URL('../fixtures/parity/llama-grouped', import.meta.url)), folder, { recursive: true });
  writeByteTokenizer(folder, { size: 103, characters: ' abcdefghijklmnopqrstuvwxyz.,:\n?' });
  tokenizer = await Tokenizer.load(folder);
  model = await Model.load(folder);
});

const idsOf = (text: string) => tokenizer.encode(text);
const plain = (text: string) => tokenizer.encode(text, { addSpecialTokens: false });
const row = (fields: object, line = 1) => ({ file: 'data.jsonl', line, fields: { ...fields } });

/** Σ log p of the option's tokens after the prompt, of a forward of the whole. */
const logLikelihood = async (prompt: string, option: string): Promise<number> => {
  const [from, whole] = [idsOf(prompt).length, idsOf(prompt + option)];
  const [losses] = await model.sequenceLosses(
    { sequences: [whole], targets: [{ kind: 'tokens', from, to: whole.length }] },
    [[]],
  );
  return -losses![0]! * (whole.length - from);
};

describe('a choice among options', () => {
  const yesNo = { kind: 'choice', prompt: '{text}? yes or no:\n', options: ['no', 'yes'] } as const;

  it('is of the option that is likeliest behind the prompt, by its tokens or not', async () => {
    for (const normalize of ['tokens', 'none'] as const) {
      const task = await loadTask({ ...yesNo, normalize }, tokenizer);
      expect(task.names).toEqual(['no', 'yes']);
      const { sequences, targets } = task.batch([{ text: 'is it', label: 'yes' }]);
      expect([...sequences[0]!]).toEqual(idsOf('is it? yes or no:\n'));
      expect(targets).toEqual([{ kind: 'options', options: [plain('no'), plain('yes')], label: 1, normalize }]);
      const sums = [
        await logLikelihood('is it? yes or no:\n', 'no'),
        await logLikelihood('is it? yes or no:\n', 'yes'),
      ];
      const scores = normalize === 'tokens' ? [sums[0]! / 2, sums[1]! / 3] : sums;
      const total = Math.exp(scores[0]!) + Math.exp(scores[1]!);
      const [answer] = await task.classify(model, ['is it']);
      expect(answer!.probabilities[1]).toBeCloseTo(Math.exp(scores[1]!) / total, 5);
      expect((await task.score(model, [{ text: 'is it', label: 1 }])).loss).toBeCloseTo(
        -Math.log(Math.exp(scores[1]!) / total),
        5,
      );
    }
  });

  it('takes options with fields of the data', async () => {
    const task = await loadTask({ kind: 'choice', prompt: '{premise} so', options: ['{a}', '{b}'] }, tokenizer);
    expect(task.fields).toEqual(['premise', 'a', 'b']);
    expect(task.names).toEqual(['0', '1']);
    const { targets } = task.batch([{ premise: 'it rains', a: 'wet', b: 'very dry', label: 0 }]);
    expect(targets).toMatchObject([{ options: [plain(' wet'), plain(' very dry')], label: 0 }]);
  });

  it('has each option once', async () => {
    const options = ['Yes', 'Yes'];
    await rejects(
      () => loadTask({ ...yesNo, options }, tokenizer),
      'ERR_ZEST_OPTION',
      /options is \[ 'Yes', 'Yes' \]; expected a list without repetitions/,
    );
  });

  it('may be trained on the right option alone', async () => {
    const task = await loadTask({ ...yesNo, loss: 'answer' }, tokenizer);
    const { sequences, targets } = task.batch([{ text: 'is it', label: 'yes' }]);
    const from = idsOf('is it? yes or no:\n').length;
    expect([...sequences[0]!]).toEqual(idsOf('is it? yes or no:\nyes'));
    expect(targets).toEqual([{ kind: 'tokens', from, to: from + 3 }]);
    expect((await task.classify(model, ['is it']))[0]!.probabilities).toHaveLength(2);
  });

  it('leaves room for the longest option', async () => {
    const task = await loadTask(yesNo, tokenizer, { maxLength: 24 });
    const example = task.example(row({ text: 'z'.repeat(30), label: 0 }));
    const { sequences } = task.batch([example]);
    expect(sequences[0]).toHaveLength(21);
    expect(task.preview(example)).toMatchObject({ cut: 1 + 30 + 13 - 21, answer: 'no' });
  });

  it('shows demonstrations before the prompt, as many as fit', async () => {
    const task = await loadTask(yesNo, tokenizer);
    const shown = [row({ text: 'a', label: 1 }), row({ text: 'b', label: 0 })];
    task.demonstrate(task.examples(shown), '\n\n');
    const example = task.example(row({ text: 'c', label: 0 }));
    const [sequence] = task.batch([example]).sequences;
    expect([...sequence!]).toEqual(idsOf('a? yes or no:\nyes\n\nb? yes or no:\nno\n\nc? yes or no:\n'));
    const short = await loadTask(yesNo, tokenizer, { maxLength: 40 });
    short.demonstrate(short.examples(shown), '\n\n');
    const [left] = short.batch([short.example(row({ text: 'c', label: 0 }))]).sequences;
    expect([...left!]).toEqual(idsOf('b? yes or no:\nno\n\nc? yes or no:\n'));
    expect(short.preview(short.example(row({ text: 'c', label: 0 }))).cut).toBe('a? yes or no:\nyes\n\n'.length);
  });

  it('shows demonstrations that have a long run of spaces', async () => {
    const task = await loadTask(yesNo, tokenizer);
    task.demonstrate(task.examples([row({ text: `${' '.repeat(500_000)}a`, label: 1 })]), '\n\n');
    const example = task.example(row({ text: 'c', label: 0 }));
    const read = () => task.batch([example]).sequences[0]!;
    const sequence = withinTime(30, read, () => new Error('it takes more than 30 s'));
    expect([...sequence]).toEqual(idsOf('c? yes or no:\n'));
  });
});

describe('a choice among options of each example', () => {
  const ending = { kind: 'choice', prompt: '{start} then', options: 'ends', labelField: 'right' } as const;
  const rows = [
    row({ start: 'up', ends: ['down', 'over there', 'home'], right: 2 }),
    row({ start: 'on', ends: ['off', 'a'], right: ['a', 'nowhere'] }, 2),
    row({ start: 'it', ends: ['was', 'is'], right: 'was' }, 3),
  ];

  it('has as many as the example has', async () => {
    const task = await loadTask(ending, tokenizer);
    const examples = task.examples(rows);
    expect(examples.map(({ reference }) => reference)).toEqual([[2], [1], [0]]);
    const { targets } = task.batch(examples);
    expect(targets.map((target) => (target.kind === 'options' ? target.options.length : 0))).toEqual([3, 2, 2]);
    const { score, report } = await task.examine(model, examples);
    const [losses] = await model.sequenceLosses(task.batch(examples), [[]]);
    expect(score.loss).toBeCloseTo(losses!.reduce((sum, loss) => sum + loss, 0) / 3, 5);
    expect(score).toMatchObject({ count: 3, accuracy: expect.any(Number) });
    expect(report).toMatchObject({ kind: 'answers' });
    const answers = await task.answers(
      model,
      task.examples([row({ start: 'a', ends: ['b', 'c'] })], { unlabelled: true }),
    );
    expect(answers).toMatchObject([
      { label: expect.any(Number), probabilities: [expect.any(Number), expect.any(Number)] },
    ]);
  });

  it('is compared by the numbers of options, any right one being the one that is expected', async () => {
    const task = await loadTask(ending, tokenizer);
    const several = rows.map(({ fields }) => row({ ...fields, right: [0, 1] }));
    const seen: Pick<ScoredExample, 'prediction' | 'reference' | 'isRight'>[] = [];
    const onExample = ({ prediction, reference, isRight }: ScoredExample) =>
      seen.push({ prediction, reference, isRight });
    const examples = task.examples(several);
    const { accuracy } = await task.score(model, examples, { onExample });
    for (const { prediction, reference, isRight } of seen) {
      expect(reference).toBe(isRight ? prediction : 0);
      expect(isRight).toBe((prediction as number) < 2);
    }
    const objective = metricObjective(model, task, 'accuracy');
    expect([...(await objective.evaluate(examples, [[]]))]).toEqual([0 - accuracy!]);
    const own = /each example of the task has options of its own/;
    await rejects(() => metricObjective(model, task, { cost: [] }), 'ERR_ZEST_OPTION', own);
    await rejects(() => metricObjective(model, task, 'f1'), 'ERR_ZEST_OPTION', own);
  });

  it('takes examples of a task like it, and refuses those that have no options', async () => {
    const [task, again] = [await loadTask(ending, tokenizer), await loadTask(ending, tokenizer)];
    const examples = task.examples(rows);
    expect(again.batch(examples)).toEqual(task.batch(examples));
    expect(again.optionsOf(examples[1]!)).toEqual(['off', 'a']);
    const written = await loadTask({ kind: 'generate', prompt: '{start} then', answer: 'right' }, tokenizer);
    const [foreign] = written.examples([row({ start: 'up', right: 'down' })]) as unknown as typeof examples;
    for (const call of [
      () => task.batch([foreign!]),
      () => task.preview(foreign!),
      () => task.optionsOf(foreign!),
      () => task.demonstrate([foreign!], ''),
      () => written.batch(examples as never[]),
      () => written.preview(examples[0] as never),
    ]) {
      expect(call).toThrow(
        expect.objectContaining({
          code: 'ERR_ZEST_ARGUMENT',
          message: expect.stringMatching(/^example.* has no answer of this task: another task has made it/),
        }),
      );
    }
  });

  it('has a finite loss, however unlikely the right option is', async () => {
    const task = await loadTask({ ...ending, normalize: 'none' }, tokenizer);
    using sure = await Model.load(folder);
    await sure.apply({ decay: 0, terms: [{ stream: 1n, coefficient: 30 }] });
    const example = { start: 'a', ends: ['b', 'z'.repeat(40)], right: 1 };
    const [scores] = await sure.logits(task.batch([example]));
    const further = scores![0]! - scores![1]!;
    expect(Math.exp(-further)).toBe(0);
    const lossOf = async (right: unknown) => (await task.score(sure, [{ ...example, right }])).loss;
    expect(await lossOf(1)).toBeCloseTo(further, 6);
    expect(await lossOf([1, 0])).toBe(0);
  });

  it('takes a number for the number of an option, and a text for the text of one first', async () => {
    const task = await loadTask(ending, tokenizer);
    const right = (label: unknown, ends = ['1', '0']) =>
      task.example(row({ start: 'a', ends, right: label }, 9)).reference as readonly number[];
    expect([right(1), right('1'), right(['0', 0])]).toEqual([[1], [0], [1, 0]]);
    expect([1, '1', '1.0', 'c'].map((label) => right(label, ['b', 'c']))).toEqual([[1], [1], [1], [1]]);
    expect([' b', 'b', 'c ', 'c'].map((label) => right(label, ['b', ' b', ' c']))).toEqual([[1], [0], [2], [2]]);
  });

  it('refuses options that are none, and labels that are none of them', async () => {
    const task = await loadTask(ending, tokenizer);
    const fails = (fields: object, code: string, message: RegExp) =>
      rejects(async () => task.example(row({ start: 'a', ends: ['b', 'c'], right: 0, ...fields }, 9)), code, message);
    await fails({ ends: ['b'] }, 'ERR_ZEST_DATA', /data.jsonl:9: field "ends" has one option; expected a list of two/);
    await fails({ ends: 'b' }, 'ERR_ZEST_DATA', /data.jsonl:9: field "ends" is 'b'/);
    await fails({ ends: ['b', 3] }, 'ERR_ZEST_DATA', /field "ends" is \[ 'b', 3 \]/);
    await fails({ right: 2 }, 'ERR_ZEST_LABEL', /data.jsonl:9: label 2 is none of its 2 options/);
    await fails({ right: 'd' }, 'ERR_ZEST_LABEL', /expected one of \[ 'b', 'c' \], or its number from 0/);
    const labels = ['x', 'y'];
    await rejects(
      () => loadTask({ ...ending, labels }, tokenizer),
      'ERR_ZEST_OPTION',
      /expected none, since each example/,
    );
    await rejects(
      () => loadTask({ ...ending, metrics: ['f1'] }, tokenizer),
      'ERR_ZEST_OPTION',
      /expected accuracy alone/,
    );
  });
});
