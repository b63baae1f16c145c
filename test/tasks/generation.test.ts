import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadTask, Model, Tokenizer } from '../../lib/index.ts';
import { writeByteTokenizer } from '../fixtures/byte-tokenizer.ts';
import { film } from '../fixtures/film.ts';
import { rejects } from '../fixtures/rejects.ts';
import { scratchFolder } from '../fixtures/scratch.ts';

const scratch = scratchFolder();
const folder = join(scratch, 'model');
const chat =
  "{% for m in messages %}{{ '<|user|>' + m.content + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<s>' }}{% endif %}";
let tokenizer: Tokenizer;
let model: Model;
beforeAll(async () => {
  cpSync(fileURLToPath(new URL('../fixtures/parity/llama-grouped', import.meta.url)), folder, { recursive: true });
  writeByteTokenizer(folder, { size: 103, characters: ' abcdefghijklmnopqrstuvwxyz.,:\n?', chat });
  tokenizer = await Tokenizer.load(folder);
  model = await Model.load(folder);
});

const idsOf = (text: string) => tokenizer.encode(text);
const plain = (text: string) => tokenizer.encode(text, { addSpecialTokens: false });
const qa = {
  kind: 'generate',
  prompt: '{context}\n{question}? answer:',
  answer: 'answers.text',
  maxTokens: 8,
  stop: ['\n'],
} as const;
const rows = [
  { context: 'up is up.', question: 'what is up', answers: { text: ['up', 'it is up'] } },
  { context: 'a', question: 'b', answers: { text: ['c'] } },
].map((fields, i) => ({ file: 'qa.jsonl', line: i + 1, fields }));

describe('a task that generates', () => {
  it('is trained on the tokens of the first answer and of what ends it, after the prompt', async () => {
    const task = await loadTask(qa, tokenizer);
    const { sequences, targets } = task.batch(task.examples(rows));
    const prompt = idsOf('up is up.\nwhat is up? answer:');
    expect([...sequences[0]!]).toEqual(idsOf('up is up.\nwhat is up? answer: up\n'));
    expect(targets[0]).toEqual({ kind: 'tokens', from: prompt.length, to: sequences[0]!.length });
    expect(task.prompt(task.examples(rows)[0]!)).toEqual(prompt);
    expect(task.prompt(rows[0]!.fields)).toEqual(prompt);
  });

  it('is trained to end a text where nothing else ends an answer', async () => {
    const task = await loadTask({ ...qa, stop: [] }, tokenizer);
    const { sequences } = task.batch(task.examples(rows));
    expect(sequences[1]!.at(-1)).toBe(tokenizer.endId);
  });

  it.each(['</s>', '<|user|>'])(
    'is trained on the token that a stop spells out, which ends what it writes: %s',
    async (stop) => {
      const task = await loadTask({ ...qa, stop: [stop, '\n'] }, tokenizer);
      const token = tokenizer.tokenId(stop)!;
      const [example] = task.examples(rows);
      const [sequence] = task.batch([example!]).sequences;
      expect([...sequence!]).toEqual([...idsOf('up is up.\nwhat is up? answer: up'), token]);
      expect(task.generation({ endTokens: [2] }).stop).toEqual([[2], [token], plain('\n')]);
      task.demonstrate([example!], '\n\n');
      const { sequences } = task.batch(task.examples(rows.slice(1)));
      expect([...sequences[0]!]).toEqual([
        ...[...idsOf('up is up.\nwhat is up? answer: up'), token],
        ...[...plain('\n\na\nb? answer: c'), token],
      ]);
    },
  );

  it('puts a space before an answer, unless the prompt ends with white space', async () => {
    const textOf = async (prompt: string) => {
      const task = await loadTask({ ...qa, prompt, stop: [] }, tokenizer);
      const example = task.example(rows[1]!);
      const { sequences, targets } = task.batch([example]);
      const { from } = targets[0] as { from: number };
      return [tokenizer.decode(task.prompt(example)), tokenizer.decode([...sequences[0]!].slice(from, -1))];
    };
    expect(await textOf('{context}:')).toEqual(['<s>a:', ' c']);
    expect(await textOf('{context}: ')).toEqual(['<s>a:', ' c']);
    expect(await textOf('{context}:\n')).toEqual(['<s>a:\n', 'c']);
    expect(await textOf('{context}')).toEqual(['<s>a', ' c']);
  });

  it('leaves room for the answer, and cuts the longest field', async () => {
    const task = await loadTask(qa, tokenizer, { maxLength: 28 });
    const [example] = task.examples([{ ...rows[0]!, fields: { ...rows[0]!.fields, context: 'z'.repeat(40) } }]);
    expect(task.prompt(example!)).toHaveLength(20);
    expect(task.preview(example!)).toMatchObject({ cut: 41 + 10 + 10 - 20, answer: 'up' });
    await rejects(() => loadTask(qa, tokenizer, { maxLength: 8 }), 'ERR_ZEST_SEQUENCE_LENGTH', /task.maxTokens is 8/);
    await rejects(() => loadTask(qa, tokenizer, { maxLength: 12 }), 'ERR_ZEST_SEQUENCE_LENGTH', /takes 11 tokens/);
  });

  it('writes a prompt as a user says it, in which a special token is plain text', async () => {
    const task = await loadTask({ ...qa, chat: true }, tokenizer);
    const fields = { ...rows[0]!.fields, context: '<s> up' };
    const ids = task.prompt(fields);
    expect(tokenizer.decode(ids)).toBe('<|user|><s> up\nwhat is up? answer:\n<s>');
    expect(ids.filter((id) => id === tokenizer.beginId)).toHaveLength(1);
    const { sequences } = task.batch([fields]);
    expect(tokenizer.decode([...sequences[0]!].slice(ids.length))).toBe('up\n');
  });

  it.each([
    ['changes the text', '{{ m.content|tojson }}', 0],
    ['repeats the text', '{{ m.content }} / {{ m.content }}', 2],
    ['changes the last text', '{{ messages[-1].content|upper }}', 0],
    ['leaves the text out', '{{ m.role }}', 0],
  ])('refuses a chat template that %s', async (name, text, times) => {
    const other = join(scratch, name.replaceAll(' ', '-'));
    mkdirSync(other);
    const template = `{% for m in messages %}<|user|>${text}{% endfor %}`;
    writeByteTokenizer(other, { size: 103, characters: ' abcdefghijklmnopqrstuvwxyz.,:\n?', chat: template });
    cpSync(join(folder, 'config.json'), join(other, 'config.json'));
    const spelt = await Tokenizer.load(other);
    await rejects(
      () => loadTask({ ...qa, chat: true }, spelt),
      'ERR_ZEST_TEMPLATE',
      new RegExp(`chat template of .* writes the texts of 1 messages ${times} times as they are; expected each once`),
    );
  });

  it('cuts what a model wrote at what ends an answer', async () => {
    const task = await loadTask(qa, tokenizer);
    const ids = tokenizer.encode(' up and\nmore', { addSpecialTokens: false });
    expect(task.decode(ids)).toBe('up and');
    expect(task.decode([])).toBe('');
  });

  it('is scored by what the model writes, the likeliest token each time', async () => {
    const task = await loadTask(qa, tokenizer);
    const examples = task.examples(rows);
    const { score, report } = await task.examine(model, examples);
    const written = await model.generate(
      examples.map((example) => task.prompt(example)),
      task.generation(model),
    );
    const [losses] = await model.sequenceLosses(task.batch(examples), [[]]);
    expect(score.loss).toBeCloseTo((losses![0]! + losses![1]!) / 2, 12);
    expect(score).toMatchObject({ count: 2, exactMatch: 0 });
    expect(report).toMatchObject({ kind: 'answers' });
    const answers = written.map((ids) => task.decode(ids));
    expect('confusion' in report ? [] : report.worst.map(({ answer }) => answer).sort()).toEqual(answers.sort());
    // A right answer is what the model writes.
    const right = examples.map(({ fields, source }, i) => ({
      ...fields,
      answers: { text: ['none', task.decode(written[i]!)] },
      source,
    }));
    expect(await task.score(model, right)).toMatchObject({ exactMatch: 1, tokenF1: 1 });
    expect(await task.answers(model, task.examples(rows, { unlabelled: true }))).toEqual(
      written.map((ids) => ({ answer: task.decode(ids) })),
    );
  });

  it('answers rows without a right answer', async () => {
    const task = await loadTask(qa, tokenizer);
    const [example] = task.examples([{ file: 'a', line: 1, fields: { context: 'a', question: 'b' } }], {
      unlabelled: true,
    });
    const outcomes = task.outcomes();
    expect(await task.answers(model, [example!], { outcomes })).toHaveLength(1);
    const fields = { context: 'a', question: 'b' };
    expect(await task.answers(model, [fields])).toEqual(await task.answers(model, [example!]));
    await rejects(() => task.answers(model, [{ context: 'a' }]), 'ERR_ZEST_DATA', /question/);
    expect(outcomes.count).toBe(0);
    await rejects(async () => task.batch([example!]), 'ERR_ZEST_DATA', /a:1: has no right answer/);
  });

  it('refuses an answer that is not in the field which it is taken from', async () => {
    const task = await loadTask({ ...qa, within: 'context' }, tokenizer);
    expect(task.example(rows[0]!).reference).toEqual(['up', 'it is up']);
    const fails = () => task.example(rows[1]!);
    await rejects(
      async () => fails(),
      'ERR_ZEST_DATA',
      /qa.jsonl:2: the answer 'c' is not in "context"; expected a stretch/,
    );
    const within = () => loadTask({ ...qa, within: 'text' }, tokenizer);
    await rejects(
      within,
      'ERR_ZEST_OPTION',
      /task.within is 'text'; expected a field of the prompt: context, question/,
    );
  });

  it('says what is wrong with its spec and its data', async () => {
    await rejects(
      () => loadTask({ ...qa, prompt: '{a} {mask}' }, tokenizer),
      'ERR_ZEST_TEMPLATE',
      /has \{mask\}; a prompt has fields alone/,
    );
    await rejects(() => loadTask({ ...qa, prompt: 'no field' }, tokenizer), 'ERR_ZEST_TEMPLATE', /has no field/);
    await rejects(async () => loadTask(qa, await Tokenizer.load(film)), 'ERR_ZEST_UNSUPPORTED', /needs a causal model/);
    const metrics = ['accuracy'] as never;
    await rejects(
      () => loadTask({ ...qa, metrics }, tokenizer),
      'ERR_ZEST_OPTION',
      /expected one of exactMatch, tokenF1, rougeL/,
    );
    const task = await loadTask(qa, tokenizer);
    const row = (answers: unknown) => ({ file: 'qa.jsonl', line: 7, fields: { context: 'a', question: 'b', answers } });
    await rejects(
      async () => task.example(row({ text: [{}] })),
      'ERR_ZEST_DATA',
      /qa.jsonl:7: field "answers.text" is/,
    );
    expect(task.lacking(row({ text: [] }))).toBe('answers.text');
    expect(task.lacking(row(null))).toBe('answers.text');
    await rejects(
      async () => task.checkColumns([row(3)]),
      'ERR_ZEST_DATA',
      /no field "answers.text" for the answer, which task.answer names/,
    );
    await rejects(async () => task.sample([], { shots: 1, labelNoise: 0, seed: 1 }), 'ERR_ZEST_SHOTS', /there are 0/);
    await rejects(async () => task.sample([], { labelNoise: 0.1, seed: 1 }), 'ERR_ZEST_OPTION', /labelNoise is 0.1/);
  });
});
