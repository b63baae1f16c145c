import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { readRows } from '../../lib/data/read-rows.ts';
import { BUILT_IN_TASKS } from '../../lib/tasks/built-in.ts';
import { loadTask } from '../../lib/tasks/load.ts';
import { Tokenizer } from '../../lib/tasks/tokenizer.ts';
import { rejects } from '../fixtures/rejects.ts';
import { folderOf } from './folders.ts';

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

interface ExpectedTask {
  words: number[];
  prompts: { fields: Record<string, string>; ids: number[]; segments: number[]; position: number }[];
}

/** By tokenizer and task, of Python's transformers; null where a label word is not one token. */
const expected = JSON.parse(readFileSync(path('../fixtures/tasks/prompts.json'), 'utf8')) as Record<
  string,
  Record<string, ExpectedTask | null>
>;

describe.each(Object.keys(expected))('built-in tasks with %s', (name) => {
  const here = it.skipIf(!existsSync(folderOf(name)));
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    if (existsSync(folderOf(name))) tokenizer = await Tokenizer.load(folderOf(name));
  });

  here.each(Object.entries(expected[name]!))('%s: tokens, segments, mask and words', async (task, wanted) => {
    if (wanted === null) {
      await rejects(
        () => loadTask(task, tokenizer),
        'ERR_ZEST_LABEL_WORD',
        /; expected one: (take another word|it is one without a space)/,
      );
      return;
    }
    const { words, prompts } = wanted;
    const batch = (await loadTask(task, tokenizer)).batch(prompts.map(({ fields }) => ({ ...fields, label: 1 })));
    expect(batch.sequences.map((ids) => [...ids])).toEqual(prompts.map(({ ids }) => ids));
    const zeros = prompts.map(({ ids }) => ids.map(() => 0));
    expect(batch.segments?.map((ids) => [...ids]) ?? zeros).toEqual(prompts.map(({ segments }) => segments));
    expect(batch.targets).toEqual(prompts.map(({ position }) => ({ kind: 'labelWords', position, words, label: 1 })));
  });
});

it('the expectations are of every built-in task', () => {
  for (const tasks of Object.values(expected)) expect(Object.keys(tasks)).toEqual([...BUILT_IN_TASKS.keys()]);
});

/** The first rows of each label, one a class. */
const one = <T extends { label: number }>(examples: readonly T[]): T[] => [
  ...new Map(examples.map((example) => [example.label, example])).values(),
];

describe.each(['tokenizer-bert-uncased', 'tokenizer-roberta'])('real data with %s', (name) => {
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    if (existsSync(folderOf(name))) tokenizer = await Tokenizer.load(folderOf(name));
  });

  for (const task of BUILT_IN_TASKS.keys()) {
    const files = ['train', 'validation', 'test']
      .flatMap((split) => [`${task}/${split}`, `kshot16/${task}/13/${split}`])
      .map((file) => path(`../../../shared/data/${file}.jsonl`))
      // The organisers keep the labels of RTE's test data.
      .filter((file) => existsSync(file) && !file.endsWith('/rte/test.jsonl'));
    // Of CR, MPQA and Subj there are no data in the folder; where the folder is absent, all are skipped.
    if (files.length === 0 && existsSync(folderOf(name))) continue;
    it.skipIf(!existsSync(folderOf(name)))(`${task}: every row is read, and batched`, async () => {
      const loaded = await loadTask(task, tokenizer, { maxLength: 128 });
      for (const file of files) {
        const examples = loaded.examples(await readRows(file));
        const chosen = one(examples);
        expect(chosen.map(({ label }) => label).sort()).toEqual(loaded.names.map((_, label) => label));
        const { sequences, segments, targets } = loaded.batch([...chosen, ...examples.slice(0, 64)]);
        for (const [i, ids] of sequences.entries()) {
          expect(ids.length).toBeLessThanOrEqual(128);
          expect(ids[(targets[i] as { position: number }).position]).toBe(tokenizer.maskId);
        }
        const pair = loaded.fields.length === 2 && tokenizer.segmentsPairs;
        expect(segments !== undefined).toBe(pair);
        for (const [i, ids] of (segments ?? []).entries()) {
          const second = ids.indexOf(1);
          expect(sequences[i]![second - 1]).toBe(tokenizer.separatorId);
          expect([...ids.slice(second)]).toEqual([...ids.slice(second)].map(() => 1));
        }
      }
    });
  }
});

const splits = path('../../../shared/data/kshot16');
it.skipIf(!existsSync(splits))("trec has the labels of LM-BFF's splits", async () => {
  const rows = await readRows(`${splits}/trec/13/train.jsonl`);
  const { labels } = BUILT_IN_TASKS.get('trec')!;
  const asked = (text: RegExp) =>
    new Set(
      rows
        .filter(({ fields }) => text.test(fields.sentence as string))
        .map(({ fields }) => labels![fields.label as number]),
    );
  expect(asked(/^What (city|state)/)).toEqual(new Set(['LOC']));
  expect(asked(/^How (many|long|much)/)).toEqual(new Set(['NUM']));
});
