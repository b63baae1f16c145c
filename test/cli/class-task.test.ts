import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadTask } from '../../lib/tasks/load.ts';
import { Tokenizer } from '../../lib/tasks/tokenizer.ts';
import { film } from '../fixtures/film.ts';
import { writeFolder } from '../fixtures/safetensors.ts';
import { scratchFolder } from '../fixtures/scratch.ts';
import { tinyClassifier, tinyConfig, tinyTensors } from '../fixtures/tiny-bert.ts';
import { TINY_WORDS, writeTinyTokenizer } from '../fixtures/tiny-tokenizer.ts';
import { parseLines, zest } from './zest.ts';

const scratch = scratchFolder();
const file = (name: string, content: string): string => {
  writeFileSync(join(scratch, name), content);
  return join(scratch, name);
};

const bert = writeTinyTokenizer(
  writeFolder(join(scratch, 'bert'), { ...tinyConfig, initializer_range: 0.5 }, tinyTensors()),
);

/** Pairs of words; the label is whether the second is an answer. */
const rows = TINY_WORDS.flatMap((a) =>
  TINY_WORDS.map((b) => ({ a, b, answers: b === 'yes' || b === 'no' ? 'answer' : 'move' })),
);
const data = file('pairs.jsonl', rows.map((row) => `${JSON.stringify(row)}\n`).join(''));

describe('a task of classes, from YAML', () => {
  it('trains a new head for a pair of texts on BERT, scores it and answers', async () => {
    const config = file(
      'pair.yaml',
      `model: ${bert}
head: { classes: 2 }
task:
  kind: class
  fields: [a, b]
  classes: 2
  labels: [move, answer]
  labelField: answers
  metrics: [f1]
data: { train: ${data}, validation: ${data} }
optimizer: { method: zest, directions: 4, normalize: norm, learningRate: 0.5, schedule: linear }
training: { steps: 300, batchSize: 36, maxLength: 8, evaluateEvery: 100, seed: 1 }
output: ${join(scratch, 'pair')}
`,
    );
    const trained = await zest(['train', config, '--json']);
    expect(trained.stderr).toMatch(/^step 0: validation accuracy \d+\.\d %, F1 \d+\.\d %, loss/m);
    expect(trained.status).toBe(0);
    const { summary } = parseLines(trained.stdout).at(-1) as { summary: Record<string, { f1: number; loss: number }> };
    expect(summary.validation!.loss).toBeLessThan(summary.before!.loss / 2);
    expect(summary.validation!.f1).toBeGreaterThan(0.9);

    const checkpoint = join(scratch, 'pair', 'checkpoints', 'last');
    expect(JSON.parse(readFileSync(join(checkpoint, 'config.json'), 'utf8'))).toMatchObject({
      architectures: ['BertForSequenceClassification'],
    });
    const evaluated = parseLines((await zest(['evaluate', join(scratch, 'pair'), '--json'])).stdout);
    expect(evaluated).toMatchObject([{ split: 'validation', ...summary.validation }]);
    const input = file('new.csv', 'b,a\nyes,left\nup,no\n');
    const answers = parseLines((await zest(['predict', join(scratch, 'pair'), '--input', input])).stdout);
    expect(answers).toEqual([
      { b: 'yes', a: 'left', label: 'answer', probabilities: { move: expect.any(Number), answer: expect.any(Number) } },
      { b: 'up', a: 'no', label: 'move', probabilities: { move: expect.any(Number), answer: expect.any(Number) } },
    ]);
  });

  it("takes the names of the checkpoint's classes, and refuses another order of them", async () => {
    const names = { 0: 'No', 1: 'perhaps', 2: 'yes' };
    const classifier = { ...tinyConfig, architectures: ['BertForSequenceClassification'], id2label: names };
    const folder = writeFolder(join(scratch, 'three'), classifier, { ...tinyTensors(), ...tinyClassifier() });
    writeTinyTokenizer(folder);
    const config = (labels: string) =>
      file(
        'names.yaml',
        `model: ${folder}
task: { kind: class, fields: [a], classes: 3${labels} }
data: { train: ${data}, validation: ${file('named.jsonl', '{"a": "up", "label": "yes"}\n')} }
optimizer: { method: mezo, learningRate: 1e-3 }
output: ${join(scratch, 'names')}
`,
      );
    expect(await zest(['evaluate', config('')])).toMatchObject({ status: 0 });
    const input = file('one.txt', 'up\n');
    const [answer] = parseLines((await zest(['predict', config(''), '--input', input])).stdout);
    expect(Object.keys((answer as { probabilities: object }).probabilities)).toEqual(Object.values(names));
    const swapped = await zest(['evaluate', config(', labels: ["yes", perhaps, "no"]')]);
    expect(swapped).toMatchObject({ status: 2, stderr: expect.stringContaining('expected the order of id2label') });
    const fewer = await zest(['evaluate', config(''), '--set', 'task.classes=2']);
    expect(fewer).toMatchObject({ status: 2, stderr: expect.stringContaining('head: { classes: 2 }') });
  });

  it('gives the second text of a pair segment 1', async () => {
    const tokenizer = await Tokenizer.load(bert);
    const { sequences, segments } = (
      await loadTask({ kind: 'class', fields: ['a', 'b'], classes: 2 }, tokenizer)
    ).batch([{ a: 'up down', b: 'yes', label: 0 }]);
    expect([[...sequences[0]!], [...segments![0]!]]).toEqual([
      [2, 5, 6, 3, 9, 3],
      [0, 0, 0, 0, 1, 1],
    ]);
  });

  it('trains a new head for one text on RoBERTa', async () => {
    const config = file(
      'text.yaml',
      `model: ${film}
head: { classes: 6 }
task: { kind: class, fields: [b], classes: 6, labels: [${TINY_WORDS.join(', ')}], labelField: a }
data: { train: ${data} }
optimizer: { method: mezo, learningRate: 1e-4 }
training: { steps: 2, batchSize: 4 }
output: ${join(scratch, 'text')}
`,
    );
    expect((await zest(['train', config])).status).toBe(0);
    const { stdout } = await zest(['predict', join(scratch, 'text'), '--input', file('a.txt', 'up\n')]);
    expect(Object.keys((parseLines(stdout)[0] as { probabilities: object }).probabilities)).toEqual(TINY_WORDS);
  });
});
