import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadTask, Model, Tokenizer } from '../../lib/index.ts';
import { BUILT_IN_TASKS } from '../../lib/tasks/built-in.ts';
import { CAUSAL_TASKS } from '../../lib/tasks/built-in-causal.ts';
import { firstMetric } from '../../lib/tasks/load.ts';
import type { Task } from '../../lib/tasks/task.ts';
import { writeByteTokenizer } from '../fixtures/byte-tokenizer.ts';
import { film } from '../fixtures/film.ts';
import { rejects } from '../fixtures/rejects.ts';
import { scratchFolder } from '../fixtures/scratch.ts';
import { folderOf } from './folders.ts';

const scratch = scratchFolder();
const folder = join(scratch, 'model');
let tokenizer: Tokenizer;
beforeAll(async () => {
  // A tokenizer of all bytes, and of a model only what it needs to know.
  mkdirSync(folder);
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ model_type: 'opt', max_position_embeddings: 2048 }));
  writeByteTokenizer(folder, { size: 300, characters: '' });
  tokenizer = await Tokenizer.load(folder);
});

/** Rows as Hugging Face's data sets have them, with MeZO's prompt and its answers, the right one first. */
const CASES: Record<string, { row: object; prompt: string; answers: string[] }> = {
  sst2: {
    row: { sentence: 'hide new secretions from the parental units ', label: 0 },
    prompt: 'hide new secretions from the parental units It was',
    answers: [' terrible', ' great'],
  },
  rte: {
    row: { premise: 'No weapons were found.', hypothesis: 'Weapons were found.', label: 1 },
    prompt: 'No weapons were found.\nDoes this mean that "Weapons were found." is true? Yes or No?\n',
    answers: ['No', 'Yes'],
  },
  cb: {
    row: { premise: 'He left.', hypothesis: 'he stayed', label: 1 },
    prompt: 'Suppose He left. Can we infer that "he stayed"? Yes, No, or Maybe?\n',
    answers: ['No', 'Yes', 'Maybe'],
  },
  boolq: {
    row: { passage: 'Windows is not free.', question: 'is windows free', label: 0 },
    prompt: 'Windows is not free. Is windows free?\n',
    answers: ['No', 'Yes'],
  },
  wsc: {
    row: { text: 'Mark saw Pete. He waved.', span1_text: 'Mark', span2_text: 'He', label: 1 },
    prompt: 'Mark saw Pete. He waved.\nIn the previous sentence, does the pronoun "he" refer to Mark? Yes or No?\n',
    answers: ['Yes', 'No'],
  },
  wic: {
    row: { word: 'place', sentence1: 'My place.', sentence2: 'No place.', label: 0 },
    prompt: 'Does the word "place" have the same meaning in these two sentences? Yes, No?\nMy place.\nNo place.\n',
    answers: ['No', 'Yes'],
  },
  multirc: {
    row: { paragraph: 'It fell.', question: 'What?', answer: 'It', label: 1 },
    prompt: 'It fell.\nQuestion: What?\nI found this answer "It". Is that correct? Yes or No?\n',
    answers: ['Yes', 'No'],
  },
  copa: {
    row: {
      premise: 'My body cast a shadow over the grass.',
      choice1: 'The sun was rising.',
      choice2: 'I cut the grass.',
      question: 'cause',
      label: 0,
    },
    prompt: 'My body cast a shadow over the grass because',
    answers: [' the sun was rising.', ' I cut the grass.'],
  },
  record: {
    row: {
      passage: 'Text\n@highlight\nOne thing',
      query: 'They saw @placeholder in Rome',
      entities: ['Ann', 'Bob', 'Cy'],
      answers: ['Bob'],
    },
    prompt: 'Text\n- One thing\n-',
    answers: [' They saw Bob in Rome', ' They saw Ann in Rome', ' They saw Cy in Rome'],
  },
  squad: {
    row: { title: 'Bee', context: 'Bees fly.', question: ' What flies? ', answers: { text: ['Bees', 'bees'] } },
    prompt: 'Title: Bee\nContext: Bees fly.\nQuestion: What flies?\nAnswer:',
    answers: [' Bees\n'],
  },
  drop: {
    row: { passage: 'They won 3 to 1.', question: 'By how many?', answers_spans: { spans: ['2'], types: ['number'] } },
    prompt: 'Passage: They won 3 to 1.\nQuestion: By how many?\nAnswer:',
    answers: [' 2\n'],
  },
};

const textOf = (ids: ArrayLike<number>) => tokenizer.decode(Array.from(ids), { skipSpecialTokens: true });

describe('built-in tasks of causal models', () => {
  it('are all looked at here', () => {
    expect(Object.keys(CASES)).toEqual([...CAUSAL_TASKS.keys()]);
  });

  it.each(Object.entries(CASES))("%s has MeZO's prompt and answers", async (name, { row, prompt, answers }) => {
    const task: Task = await loadTask(name, tokenizer, { maxLength: 2000 });
    const example = task.example({ file: 'a', line: 1, fields: { ...row } });
    const { ids, cut } = task.preview(example);
    expect([textOf(ids), cut]).toEqual([prompt, 0]);
    const { sequences, targets } = task.batch([example]);
    const [target] = targets;
    const trained = textOf(sequences[0]!).slice(prompt.length);
    const { spec } = CAUSAL_TASKS.get(name)!;
    if (target!.kind === 'options') {
      const options = target!.options.map(textOf);
      expect(options[target!.label]).toBe(answers[0]);
      expect([...options].sort()).toEqual([...answers].sort());
    } else {
      expect(trained).toBe(answers[0]);
      expect(spec.kind === 'generate' || spec.loss === 'answer').toBe(true);
    }
  });

  it('go by the model: an encoder keeps its mask', async () => {
    const masked = await Tokenizer.load(film);
    expect(await loadTask('rte', masked)).toMatchObject({ spec: { labelWords: ['Yes', 'No'] } });
    expect(await loadTask('rte', tokenizer)).toMatchObject({ spec: { kind: 'choice' } });
    await rejects(() => loadTask('squad', masked), 'ERR_ZEST_UNSUPPORTED', /needs a causal model/);
  });

  it('are judged by the same metric whatever the model', () => {
    for (const [name, { spec }] of CAUSAL_TASKS) {
      if (BUILT_IN_TASKS.has(name)) expect(firstMetric(name)).toBe(spec.metrics?.[0] ?? 'accuracy');
    }
    expect([firstMetric('squad'), firstMetric('copa'), firstMetric('drop')]).toEqual(['tokenF1', 'accuracy', 'dropF1']);
  });

  it("may begin with another token, as MeZO's OPT does", async () => {
    const task: Task = await loadTask('sst2', tokenizer, { startToken: '</s>' });
    const { ids } = task.preview(task.example({ file: 'a', line: 1, fields: { sentence: 'good', label: 1 } }));
    expect(tokenizer.decode(ids)).toBe('</s>good It was');
    await rejects(
      () => loadTask('sst2', tokenizer, { startToken: '<x>' }),
      'ERR_ZEST_TOKENIZER',
      /startToken is '<x>'/,
    );
  });

  it('say what of the data is missing', async () => {
    const task: Task = await loadTask('record', tokenizer);
    const fields = { passage: 'a', entities: ['b', 'c'], answers: ['b'] };
    await rejects(async () => task.example({ file: 'r', line: 3, fields }), 'ERR_ZEST_DATA', /no field "query"/);
  });
});

describe('a model that writes', () => {
  const stories = folderOf('stories260k');
  it.skipIf(!existsSync(stories))('is scored on squad with and without demonstrations', async () => {
    using model = await Model.load(stories);
    const task = await loadTask(
      {
        kind: 'generate',
        prompt: 'Story: {context}\nWho is it about?',
        answer: 'who',
        maxTokens: 6,
        stop: ['\n', '.'],
      },
      await Tokenizer.load(stories),
    );
    const rows = ['Lily', 'Tom', 'Ben'].map((who, i) => ({
      file: 's',
      line: i + 1,
      fields: { context: `Once upon a time there was ${who}. ${who} liked to play.`, who },
    }));
    const examples = task.examples(rows);
    const before = await task.score(model, examples);
    const { length } = task.prompt(examples[0]!);
    task.demonstrate(examples.slice(1), '\n');
    expect(task.prompt(examples[0]!).length).toBeGreaterThan(2 * length);
    const after = await task.score(model, examples.slice(0, 1));
    expect([before.count, after.count, after.loss > 0]).toEqual([3, 1, true]);
  });
});
