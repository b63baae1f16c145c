import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { configurationText } from '../../lib/init/configuration.ts';
import { init } from '../../lib/init/init.ts';
import { resolveConfig } from '../../lib/training/config.ts';
import { dryRun } from '../../lib/training/dry-run.ts';
import { parseLines, zest } from '../cli/zest.ts';
import { writeByteTokenizer } from '../fixtures/byte-tokenizer.ts';
import { rejects } from '../fixtures/rejects.ts';
import { scratchFolder } from '../fixtures/scratch.ts';
import { folderOf } from '../tasks/folders.ts';

const folder = scratchFolder();
const GOOD = ['charming', 'funny', 'brilliant', 'moving'];
const BAD = ['dull', 'awful', 'boring', 'lame'];
const SUBJECTS = ['the story', 'the cast', 'every scene', 'the ending', 'this film'];

/** Texts of which two fifths are good. */
const texts = Array.from({ length: 50 }, (_, i) => {
  const good = i % 5 < 2;
  return { good, text: `${SUBJECTS[i % 3]} is ${(good ? GOOD : BAD)[i % 4]}, ${SUBJECTS[(i * 7) % 5]} too` };
});

const written = (name: string, lines: readonly string[]): string => {
  const file = join(folder, name);
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
};

/** Makes a configuration of a file, and does a dry run with it. */
const start = async (name: string, lines: readonly string[], options: Parameters<typeof init>[1] = {}) => {
  const output = join(folder, `${name}.yaml`);
  const found = await init(written(name, lines), { output, ...options });
  const config = parse(await readFile(output, 'utf8'));
  return { found, config, dry: await dryRun(config) };
};

describe('zest init', () => {
  it('knows a text and a sentiment by their columns', async () => {
    const lines = [
      'id,review,sentiment',
      ...texts.map(({ text, good }, i) => `${i},"${text}",${good ? 'positive' : 'negative'}`),
    ];
    const { found, config, dry } = await start('reviews.csv', lines);
    expect(found).toMatchObject({ rows: 50, texts: ['review'], label: 'sentiment', leftOut: 0, columns: undefined });
    expect(config).toMatchObject({
      model: 'film-roberta-mini',
      task: {
        template: '{review} . it was {mask} .',
        labelWords: ['terrible', 'great'],
        labels: ['negative', 'positive'],
        labelField: 'sentiment',
      },
      data: { train: join(folder, 'reviews.csv'), validation: 0.2 },
      optimizer: { method: 'auto' },
      output: 'runs/reviews',
    });
    expect(dry.data.map(({ split, count }) => [split, count])).toEqual([
      ['train', 40],
      ['validation', 10],
    ]);
    expect(dry.data[0]?.classes.map(({ count }) => count)).toEqual([24, 16]);
    expect(dry.data[0]?.cut).toBe(0);
    const text = await readFile(join(folder, 'reviews.csv.yaml'), 'utf8');
    expect(text).toContain(
      '# Rows by label: negative 30, positive 20. Always answering "negative" would be right in 60 %.',
    );
    for (const line of text.split('\n')) if (line.includes('#')) expect(line.length).toBeLessThan(200);
  });

  it.each<[string, string[]]>([
    ['with commas', texts.map(({ text, good }) => `"${text}",${good ? 1 : 0}`)],
    ['with semicolons', texts.map(({ text, good }) => `${good ? 1 : 0};${text}`)],
    ['as floats', texts.map(({ text, good }) => `"${text}",${good ? '1.0' : '0.0'}`)],
  ])('finds that there is no header: %s', async (name, lines) => {
    const { found, config, dry } = await start(`${name.replace(' ', '-')}.csv`, lines);
    expect(found.rows).toBe(50);
    expect([...config.data.columns].sort()).toEqual(['label', 'text']);
    expect(config.task).toEqual({ template: '{text} . it was {mask} .', labelWords: ['terrible', 'great'] });
    expect(dry.data.map(({ count }) => count)).toEqual([40, 10]);
  });

  it('takes names of labels that are words of the model for its words', async () => {
    const topics = ['food', 'music', 'sport'];
    const lines = ['label\ttext', ...texts.map(({ text }, i) => `${topics[i % 3]}\t${text}`)];
    const { config } = await start('topics.tsv', lines);
    expect(config.task).toEqual({ template: '{text} . this is about {mask} .', labelWords: topics });
  });

  it('knows pairs, and takes the labels of an inference in their order', async () => {
    const labels = ['contradiction', 'entailment', 'neutral'];
    const lines = texts.map(({ text }, i) =>
      JSON.stringify({ premise: text, hypothesis: text.slice(0, 12), label: labels[i % 3] }),
    );
    const { config, dry } = await start('pairs.jsonl', lines);
    expect(config.task.template).toBe('{premise} ? {mask} , {segment}{hypothesis}');
    expect(config.task.labels).toEqual(['entailment', 'neutral', 'contradiction']);
    expect(dry.prompts[0]?.text).toMatch(/ \?<mask> , /);
    const numbers = texts.map(({ text }, i) => JSON.stringify({ sentence1: text, sentence2: text, label: i % 2 }));
    expect((await start('same.jsonl', numbers)).config.task).toMatchObject({
      template: '{sentence1} ? {mask} , {segment}{sentence2}',
      labelWords: [expect.stringMatching(/^no$/i), expect.stringMatching(/^yes$/i)],
    });
  });

  it('takes the numbers of an inference as its data sets have them, and says so', async () => {
    const of = (labels: number) =>
      texts.map(({ text }, i) => JSON.stringify({ premise: text, hypothesis: text.slice(0, 12), label: i % labels }));
    const three = await start('three.jsonl', of(3));
    expect(three.config.task.labelWords.map((word: string) => word.toLowerCase())).toEqual(['yes', 'maybe', 'no']);
    const two = await start('two.jsonl', of(2));
    expect(two.config.task.labelWords.map((word: string) => word.toLowerCase())).toEqual(['yes', 'no']);
    expect(two.found.why).toEqual([expect.stringContaining('0 is taken for entailment')]);
  });

  it('asks a causal model for the next word, behind a quotation mark where words are no token with a space', async () => {
    const model = join(folder, 'llama');
    cpSync(fileURLToPath(new URL('../fixtures/parity/llama-grouped', import.meta.url)), model, { recursive: true });
    writeByteTokenizer(model, { size: 103, characters: ' abcdefghijklmnopqrstuvwxyz.,:?"' });
    const lines = ['text,label', ...texts.map(({ good }, i) => `${'xyz'[i % 3]},${good ? 'a' : 'b'}`)];
    const { config, found, dry } = await start('letters.csv', lines, { model });
    expect(config.task).toEqual({ template: '{text} . this is about "{mask}', labelWords: ['a', 'b'] });
    expect(config).not.toHaveProperty('head');
    expect(config).not.toHaveProperty('trainable');
    expect(found.why).toEqual([expect.stringContaining('the gap is at the end, for the next word')]);
    expect(dry.prompts[0]?.text).toMatch(/[xyz] ?\. this is about "$/);
    const pairs = texts.map(({ good }) => JSON.stringify({ premise: 'x', hypothesis: 'y', label: good ? 'a' : 'b' }));
    expect((await start('letters.jsonl', pairs, { model })).config.task.template).toBe(
      '{premise} . {hypothesis} ? the answer is "{mask}',
    );
    const longer = ['text,label', ...texts.map(({ text, good }) => `"${text}",${good ? 'aa' : 'bb'}`)];
    const head = await start('syllables.csv', longer, { model });
    expect(head.config).toMatchObject({ head: { classes: 2 }, task: { kind: 'class' } });
    expect(head.found.why.join(' ')).toContain('Words for the labels are not one token each of this model: aa, bb.');
  });

  it.skipIf(!existsSync(folderOf('tinystories-656k')))(
    'finds the words of tinystories-656k for a sentiment',
    async () => {
      const lines = ['text,label', ...texts.map(({ text, good }) => `"${text}",${good ? 'pos' : 'neg'}`)];
      const { config } = await start('stories.csv', lines, { model: folderOf('tinystories-656k') });
      expect(config.task).toEqual({
        template: '{text} . it was "{mask}',
        labelWords: ['bad', 'good'],
        labels: ['neg', 'pos'],
      });
    },
  );

  it('trains LoRA on a GGUF file whose weights are quantised, and says why', async () => {
    const model = fileURLToPath(new URL('../fixtures/gguf/formats.gguf', import.meta.url));
    const lines = ['text,label', ...texts.map(({ good }, i) => `${'XYZ'[i % 3]},${good ? 'aa' : 'bb'}`)];
    const { config, dry } = await start('quantised.csv', lines, { model });
    expect(config).toMatchObject({ trainable: { lora: { rank: 8, alpha: 16 } }, training: { weights: 'adapter' } });
    expect(dry.dimension).toBeLessThan(dry.parameterCount / 4);
    expect(await readFile(join(folder, 'quantised.csv.yaml'), 'utf8')).toContain(
      'A GGUF file, whose quantised weights',
    );
  });

  it('makes a new head where no words are known, and says so', async () => {
    const lines = ['text,kind', ...texts.map(({ text }, i) => `"${text}",${i % 4}`)];
    const { config, dry } = await start('numbers.csv', lines);
    expect(config).toMatchObject({
      head: { classes: 4 },
      task: { kind: 'class', fields: ['text'], classes: 4, labelField: 'kind' },
    });
    expect(dry.prompts).toHaveLength(3);
    expect(await readFile(join(folder, 'numbers.csv.yaml'), 'utf8')).toMatch(/numbers, which say no words/);
  });

  it('says why no learning rate was found, where one was looked for', async () => {
    const lines = ['text,kind', ...texts.map(({ text }, i) => `"${text}",${i % 4}`)];
    const { found } = await start('refused.csv', lines);
    const text = configurationText({ ...found, whyNotFound: 'no rate\nlets the loss fall' });
    expect(text.replaceAll(/\s+# /g, ' ')).toContain('(None was found: no rate lets the loss fall)');
    expect(parse(text).optimizer).toEqual({ method: 'auto' });
  });

  it('chooses a measure for labels out of balance, a length for long texts, and counts rows without a label', async () => {
    const long = 'a very long text '.repeat(60).trim();
    const lines = [
      'text,label',
      ...texts.map(({ text }, i) => `"${i === 0 ? long : text}",${i === 1 ? '' : i % 10 === 0 ? 'pos' : 'neg'}`),
    ];
    const { found, config, dry } = await start('skewed.csv', lines);
    expect(found.leftOut).toBe(1);
    expect(config.task.metrics).toEqual(['matthews', 'accuracy']);
    expect(config.training.maxLength % 8).toBe(0);
    expect(config.training.maxLength).toBeLessThan(250);
    const cut = dry.data.reduce((sum, one) => sum + one.cut, 0);
    expect(cut).toBe(1);
    expect(dry.warnings.map(({ code }) => code)).toContain('WARN_ZEST_ROWS');
  });

  it.each([
    ['a key', 'x\nobjective: {reward: ./e.mjs} #'],
    ['a line', 'two\nlines'],
    ['every sign of a line', 'a\u0085b\u2028c\u2029d\u000be\u000cf\u0000g'],
  ])('quotes labels in comments without the lines in them: %s', async (name, label) => {
    const rows = texts.map(({ text, good }) => JSON.stringify({ text, label: good ? label : 'other' }));
    const { config } = await start(`${name.replaceAll(' ', '-')}.jsonl`, rows);
    expect(Object.keys(config)).toEqual(['model', 'head', 'task', 'data', 'optimizer', 'training', 'output']);
    expect(config.task).toEqual({ kind: 'class', fields: ['text'], classes: 2, labels: ['other', label].sort() });
  });

  it('writes what was meant, whatever lines file, model and failures have', () => {
    const line = 'x\ntraining: {steps: 1}\n#';
    const text = configurationText({
      file: `${line}.csv`,
      model: line,
      isBuiltIn: true,
      isQuantized: false,
      rows: 8,
      task: { kind: 'regression', fields: [line], labelField: line },
      why: [line],
      balance: [],
      leftOut: 1,
      tokens: { median: 1, most: 2 },
      maxLength: 8,
      whyNotFound: line,
      steps: 10,
      batchSize: 4,
      output: line,
    });
    expect(parse(text)).toEqual({
      model: line,
      head: { classes: 1 },
      task: { kind: 'regression', fields: [line], labelField: line },
      data: { train: `${line}.csv`, validation: 0.2 },
      optimizer: { method: 'auto' },
      training: { steps: 10, batchSize: 4, maxLength: 8, evaluateEvery: 1 },
      output: line,
    });
  });

  it('reads a table of more columns than most have', async () => {
    const beside = Array(1200).fill('x').join(',');
    const rows = texts.map(({ text, good }, i) => `${i},"${text}",${good ? 1 : 0},${beside}`);
    const output = join(folder, 'wide.yaml');
    const { texts: chosen, label } = await init(written('wide.csv', rows), { output });
    expect([chosen, label]).toEqual([['text'], 'label']);
    expect(parse(await readFile(output, 'utf8')).data.columns).toHaveLength(1203);
  });

  it('takes the columns that are named, and names those that there are', async () => {
    const lines = ['a,b,c', ...texts.map(({ text, good }, i) => `${good ? 'x' : 'y'},"${text}",${i % 2}`)];
    expect((await start('named.csv', lines, { text: ['b'], label: 'c' })).config.task).toMatchObject({
      template: '{b} . it was {mask} .',
      labelField: 'c',
    });
    await rejects(
      () => init(join(folder, 'named.csv'), { label: 'd' }),
      'ERR_ZEST_OPTION',
      /--label is "d"; expected a column of the file: a, b, c/,
    );
  });

  it('measures texts that are longer than the model takes as long as they are, and says that they are cut', async () => {
    const rows = Array.from({ length: 12 }, (_, i) => `${'very long text '.repeat(200)},${i % 2}`);
    const output = join(folder, 'long.yaml');
    const { tokens, maxLength } = await init(written('long.csv', ['text,label', ...rows]), { output });
    expect(maxLength).toBe(256);
    expect(tokens.most).toBeGreaterThan(600);
    expect(readFileSync(output, 'utf8')).toContain('longer texts are cut at');
  });

  it('says at once that the folder of the configuration is not there', () =>
    rejects(
      () => init(written('fine.csv', ['text,label', 'a,1']), { output: join(folder, 'no', 'x.yaml') }),
      'ERR_ZEST_FILE',
      /^cannot write .*x\.yaml: .*no is not there.*; make that folder first$/,
    ));

  it('refuses a file of which nothing can be learned, and a configuration that is there', async () => {
    const cases: [string, string[], RegExp][] = [
      [
        'same.csv',
        ['text,label', 'a,1', 'b,1', 'c,1'],
        /same\.csv: all rows have the label "1"; expected two labels or more/,
      ],
      [
        'names.csv',
        ['text,name', 'hello there,a', 'what now,b', 'the third,c'],
        /no column looks like a label: "text" \(3 different of 3\)/,
      ],
      [
        'nested.jsonl',
        ['{"data":{"text":"a"},"label":1}', '{"data":{"text":"b"},"label":0}', '{"data":{"text":"c"},"label":0}'],
        /no column looks like a text: "data" \(no text, number or truth value\)/,
      ],
      ['empty.csv', ['text,label'], /empty\.csv: has no rows/],
      [
        'few.csv',
        ['review,stars', 'loved it,5', 'awful thing,1', 'it was fine,3'],
        /few\.csv: has 3 rows with a label, at most 1 of the same; expected at least 3 rows of some label/,
      ],
    ];
    for (const [name, lines, message] of cases) {
      const file = written(name, lines);
      await rejects(() => init(file, { output: join(folder, 'never.yaml') }), 'ERR_ZEST_DATA', message);
    }
    await rejects(
      () => init('-', { output: join(folder, 'never.yaml') }),
      'ERR_ZEST_DATA',
      /^stdin: comes once, and a configuration names its data; expected a file$/,
    );
    await rejects(
      () => init(join(folder, 'reviews.csv'), { output: join(folder, 'reviews.csv.yaml') }),
      'ERR_ZEST_FILE',
      /reviews\.csv\.yaml is there already; name another file with --output/,
    );
  });

  it('is a command, which finds a learning rate when told to', async () => {
    const lines = ['text,label', ...texts.map(({ text, good }) => `"${text}",${good ? 'good' : 'bad'}`)];
    const output = join(folder, 'cli.yaml');
    const { status, stdout, stderr } = await zest([
      'init',
      written('cli.csv', lines),
      '--output',
      output,
      '--json',
      '--find-learning-rate',
    ]);
    expect({ status, error: /error/.test(stderr) }).toEqual({ status: 0, error: false });
    const [found] = parseLines(stdout);
    expect(found).toMatchObject({
      kind: 'init',
      written: output,
      learningRate: expect.any(Number),
      texts: ['text'],
      label: 'label',
    });
    const config = resolveConfig(parse(await readFile(output, 'utf8')));
    expect(config.optimizer).toMatchObject({
      method: 'zest',
      tilt: 0,
      sides: 'one',
      learningRate: found?.learningRate,
    });
    expect(stderr).toContain(`zest train ${output} --dry-run`);
    const again = await zest(['init', join(folder, 'cli.csv'), '--output', output]);
    expect(again).toMatchObject({ status: 1, stdout: '' });
    expect(again.stderr).toMatch(/^error: .*cli\.yaml is there already; .* \(ERR_ZEST_FILE\)\n$/);
  });

  it('knows numbers and texts for answers', async () => {
    const scored = texts.map(({ text }, i) => JSON.stringify({ text, score: i / 7 }));
    const numbers = await start('scores.jsonl', scored);
    expect(numbers.config).toMatchObject({
      head: { classes: 1 },
      task: { kind: 'regression', fields: ['text'], labelField: 'score' },
    });
    const answered = texts.map(({ text }, i) =>
      JSON.stringify({ text, question: `what is ${i}`, answer: `it is ${i}, and nothing else than that is it` }),
    );
    await rejects(
      () => start('answers.jsonl', answered, { label: 'answer', text: ['text'] }),
      'ERR_ZEST_DATA',
      /are texts, 50 different of 50, which an encoder does not write; expected a causal model with --model/,
    );
    const model = join(folder, 'writer');
    cpSync(fileURLToPath(new URL('../fixtures/parity/llama-grouped', import.meta.url)), model, { recursive: true });
    const json = JSON.parse(readFileSync(join(model, 'config.json'), 'utf8'));
    writeFileSync(join(model, 'config.json'), JSON.stringify({ ...json, max_position_embeddings: 512 }));
    writeByteTokenizer(model, { size: 103, characters: ' abcdefghijklmnopqrstuvwxyz0123456789QA.,:\n?' });
    const written = await start('written.jsonl', answered, { label: 'answer', text: ['text', 'question'], model });
    expect(written.config).toMatchObject({
      task: {
        kind: 'generate',
        prompt: '{text}\nQuestion: {question}\nAnswer:',
        answer: 'answer',
        maxTokens: 48,
        stop: ['\n'],
      },
    });
    expect(written.config).not.toHaveProperty('head');
    expect(written.dry.data[0]).toMatchObject({ split: 'train', count: 40, cut: 0, classes: [] });
    expect(written.dry.prompts[0]!.text).toMatch(/Question: what is \d+\nAnswer:$/);
  });
});
