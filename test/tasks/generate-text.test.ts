import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateText, loadChatTemplate, Model, streamText, Tokenizer } from '../../lib/index.ts';
import { parseLines, start, zest } from '../cli/zest.ts';
import { writeByteTokenizer } from '../fixtures/byte-tokenizer.ts';
import { rejects } from '../fixtures/rejects.ts';
import { scratchFolder } from '../fixtures/scratch.ts';

const scratch = scratchFolder();
const CHAT =
  "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}{{ m.content }}\n{% else %}<|user|>{{ m.content }}{% endif %}{% endfor %}{% if add_generation_prompt %}:{% endif %}";

/** A model of 103 tokens with a tokenizer of bytes, those of two-byte characters among them. */
const copyOf = (name: string, chat?: string): string => {
  const folder = join(scratch, name);
  cpSync(fileURLToPath(new URL('../fixtures/parity/llama-grouped', import.meta.url)), folder, { recursive: true });
  writeByteTokenizer(folder, { size: 103, characters: 'éö abcdefghijklmnopqrstuvwxyz.,:', chat });
  return folder;
};

let folder: string;
let model: Model;
let tokenizer: Tokenizer;
beforeAll(async () => {
  folder = copyOf('chatty', CHAT);
  model = await Model.load(folder);
  tokenizer = await Tokenizer.load(folder);
});
afterAll(() => model.dispose());

/** What is drawn, by the token. */
const drawn = async (seed: number, maxTokens = 30) => {
  const [ids] = await model.generate([tokenizer.encode('a b')], { maxTokens, temperature: 3, seed });
  return tokenizer.decode(ids!, { skipSpecialTokens: true });
};

/** A model that draws these tokens. */
const drawing = (tokens: readonly number[]): Model =>
  ({
    async *stream() {
      for (const token of tokens) yield { token };
    },
  }) as never;

describe('text', () => {
  it('is that of the tokens, in whole characters', async () => {
    for (let seed = 0; seed < 20; seed++) {
      const pieces = [];
      const options = { maxTokens: 30, temperature: 3, seed };
      for await (const piece of streamText(model, tokenizer, 'a b', options)) pieces.push(piece);
      expect(pieces.join('')).toBe(await drawn(seed));
      expect(pieces.every((piece) => piece !== '')).toBe(true);
      // Where a character's bytes come one after the other, it is told at once.
      expect(pieces.slice(0, -1).filter((piece) => piece.endsWith('\ufffd'))).toEqual([]);
    }
  });

  it('ends before a stop, and tells nothing of it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(19), fc.nat(20), fc.integer({ min: 1, max: 4 }), async (seed, at, length) => {
        const whole = await drawn(seed);
        const stop = whole.slice(at, at + length);
        if (stop === '') return;
        const options = { maxTokens: 30, temperature: 3, seed, stop: ['not there', stop] };
        const pieces = [];
        for await (const piece of streamText(model, tokenizer, 'a b', options)) pieces.push(piece);
        expect(pieces.join('')).toBe(whole.slice(0, whole.indexOf(stop)));
      }),
      { numRuns: 40 },
    );
  });

  it('tells nothing of a stop after the first byte of a character of it', async () => {
    const [a, first, second] = tokenizer.encode('aé', { addSpecialTokens: false });
    const pieces = [];
    const model = drawing([a!, first!, second!]);
    for await (const piece of streamText(model, tokenizer, 'b', { maxTokens: 3, stop: ['aé'] })) pieces.push(piece);
    expect(pieces).toEqual([]);
  });

  it.each(['bert-uncased', 'xlm-roberta', 'roberta'])('of %s is whole where decoded text may shrink', async (name) => {
    const own = join(scratch, `cleaned-${name}`);
    cpSync(fileURLToPath(new URL(`../fixtures/tokenizer/${name}`, import.meta.url)), own, { recursive: true });
    const config = JSON.parse(readFileSync(join(own, 'tokenizer_config.json'), 'utf8'));
    writeFileSync(
      join(own, 'tokenizer_config.json'),
      JSON.stringify({ ...config, clean_up_tokenization_spaces: true }),
    );
    const cleaning = await Tokenizer.load(own);
    const word = fc.constantFrom('a', "'", ',', '.', '!', 'n', 't', "n't", 's', "'s", "'m", 've', 'film', 'é');
    await fc.assert(
      fc.asyncProperty(fc.array(word, { maxLength: 12 }), fc.array(word, { maxLength: 2 }), async (words, ends) => {
        const ids = cleaning.encode(words.join(' '), { addSpecialTokens: false });
        const whole = cleaning.decode(ids, { skipSpecialTokens: true });
        const options = { maxTokens: 50, stop: ends };
        const text = await generateText(drawing(ids), cleaning, '', options);
        expect(text).toBe(whole.slice(0, Math.min(...ends.map((end) => whole.indexOf(end) >>> 0))));
        // After a prompt that could be cleaned up together with it, no letter is lost either.
        const after = await generateText(drawing(ids), cleaning, "a '", { maxTokens: 50 });
        expect(after.replaceAll(' ', '')).toBe(whole.replaceAll(' ', ''));
      }),
    );
  });

  it('ends before the special token that a stop spells out', async () => {
    let ended = 0;
    for (let seed = 0; seed < 20; seed++) {
      const options = { maxTokens: 30, temperature: 3, seed };
      const [ids] = await model.generate([tokenizer.encode('a b')], options);
      const at = ids!.indexOf(tokenizer.tokenId('<|user|>')!);
      const text = await generateText(model, tokenizer, 'a b', { ...options, stop: ['<|user|>'] });
      if (at < 0) continue;
      ended++;
      expect(text).toBe(tokenizer.decode(ids!.slice(0, at), { skipSpecialTokens: true }));
    }
    expect(ended).toBeGreaterThan(0);
  });

  it('refuses what is no prompt or stop', async () => {
    await rejects(
      () => generateText(model, tokenizer, 5 as never, { maxTokens: 3 }),
      'ERR_ZEST_ARGUMENT',
      /prompt is 5/,
    );
    await rejects(
      () => generateText(model, tokenizer, 'a', { maxTokens: 3, stop: [''] }),
      'ERR_ZEST_ARGUMENT',
      /stop is/,
    );
  });
});

describe('chat templates', () => {
  it('write a conversation up to the answer', async () => {
    const template = await loadChatTemplate(folder);
    const text = template!.render([
      { role: 'system', content: 'short' },
      { role: 'user', content: 'why' },
    ]);
    expect(text).toBe('<s>short\n<|user|>why:');
    expect(tokenizer.encode(text, { addSpecialTokens: false }).filter((id) => id < 4)).toEqual([1, 3]);
  });

  it('may stand in a file of their own, or in a list', async () => {
    const own = copyOf('own', 'not this');
    writeFileSync(join(own, 'chat_template.jinja'), 'file');
    expect((await loadChatTemplate(own))!.render([])).toBe('file');
    const list = copyOf('list');
    writeFileSync(
      join(list, 'tokenizer_config.json'),
      JSON.stringify({
        chat_template: [
          { name: 'tool_use', template: 'no' },
          { name: 'default', template: 'yes' },
        ],
      }),
    );
    expect((await loadChatTemplate(list))!.render([])).toBe('yes');
    expect(await loadChatTemplate(copyOf('none'))).toBeUndefined();
  });

  it('are refused where they are broken, and may refuse messages', async () => {
    await rejects(() => loadChatTemplate(copyOf('broken', '{% for')), 'ERR_ZEST_TEMPLATE', /broken is broken/);
    const strict = await loadChatTemplate(copyOf('strict', "{{ raise_exception('no systems') }}"));
    await rejects(async () => strict!.render([]), 'ERR_ZEST_TEMPLATE', /refuses these messages.*no systems/);
  });
});

describe('zest generate', () => {
  it('writes the continuation on stdout', async () => {
    const expected = await generateText(model, tokenizer, 'a b', { maxTokens: 12, temperature: 2, seed: 4 });
    const options = ['--max-tokens', '12', '--temperature', '2', '--seed', '4', '--dtype', 'float32'];
    const { status, stdout, stderr } = await zest(['generate', folder, '--prompt', 'a b', ...options]);
    expect([status, stdout]).toEqual([0, `${expected}\n`]);
    expect(stderr).toMatch(/\d+ tokens in [\d.]+ s, [\d.]+ a second\n$/);
    const json = await zest(['generate', folder, '--prompt', 'a b', ...options, '--json']);
    expect(parseLines(json.stdout)).toMatchObject([
      { kind: 'generated', text: expected, tokens: 12, ended: 'maxTokens' },
    ]);
    // A prompt that leaves room for three tokens.
    const long = 'a'.repeat(model.maxLength - 4);
    const made = await model.generate([tokenizer.encode(long)], { maxTokens: 100 });
    const full = await zest(['generate', folder, '--prompt', long, '--dtype', 'float32', '--json']);
    const [{ ended }] = parseLines(full.stdout) as [{ ended: string }];
    expect(ended).toBe(made[0]!.length === 3 ? 'positions' : 'stop');
  });

  it('says what draws nothing, and stops while it waits for its prompt', async () => {
    const { status, stderr } = await zest(['generate', folder, '--prompt', 'a', '--top-k', '3', '--seed', '4']);
    expect(status).toBe(2);
    expect(stderr).toMatch(
      /^error: --top-k, --seed without --temperature: .*; add --temperature 1, say \(ERR_ZEST_OPT/,
    );
    const wrong = await zest(['generate', folder, '--prompt', 'a', '--temperature', '-1', '--seed', '4']);
    expect(wrong.stderr).toContain('temperature is -1; expected');
    const waiting = start(['generate', folder, '--prompt', '-'], {}, 'pipe');
    // More than a pipe holds, so that it is being read by then.
    await new Promise((written) => waiting.child.stdin?.write('a'.repeat(4_000_000), written));
    waiting.child.kill('SIGINT');
    expect((await waiting.finished).status).toBe(130);
  });

  it('chats', async () => {
    const prompt = (await loadChatTemplate(folder))!.render([{ role: 'user', content: 'why' }]);
    const options = { maxTokens: 8, hasSpecialTokens: true };
    const expected = await generateText(model, tokenizer, prompt, options);
    const { stdout } = await zest([
      'generate',
      folder,
      '--prompt',
      'why',
      '--chat',
      '--max-tokens',
      '8',
      '--dtype',
      'float32',
    ]);
    expect(stdout).toBe(`${expected}\n`);
  });

  it('chats with an adapter as PEFT writes it, with the tokenizer and the template of its base', async () => {
    const adapter = join(scratch, 'adapter');
    using trained = await Model.load(folder, { trainable: { lora: { rank: 2, alpha: 4 } } });
    await trained.save(adapter, { weights: 'adapter' });
    for (const name of readdirSync(adapter)) if (!name.startsWith('adapter_')) rmSync(join(adapter, name));
    const args = ['--prompt', 'why', '--chat', '--max-tokens', '8'];
    const { status, stdout } = await zest(['generate', adapter, ...args]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: (await zest(['generate', folder, ...args])).stdout });
    expect((await loadChatTemplate(adapter))?.render([])).toBe('<s>:');
    // A template of its own comes before the base's, wherever that is.
    const own = join(scratch, 'adapter-with-template');
    cpSync(adapter, own, { recursive: true });
    writeFileSync(join(own, 'chat_template.jinja'), 'own');
    const json = JSON.parse(readFileSync(join(own, 'adapter_config.json'), 'utf8'));
    writeFileSync(join(own, 'adapter_config.json'), JSON.stringify({ ...json, base_model_name_or_path: '/nowhere' }));
    expect((await loadChatTemplate(own))?.render([])).toBe('own');
    // Saved as one model, it has them itself.
    using loaded = await Model.load(adapter);
    const merged = join(scratch, 'merged');
    await loaded.save(merged, { weights: 'merged' });
    expect((await Tokenizer.load(merged)).folder).toBe(merged);
    expect((await loadChatTemplate(merged))?.render([])).toBe('<s>:');
  });

  it.each<[string, string[], RegExp]>([
    ['a model that has no chat', ['--chat', '--prompt', 'a'], /silent has no chat template; leave --chat out/],
    ['a system without a chat', ['--system', 'b', '--prompt', 'a'], /--system is for a chat/],
    ['no prompt', [], /--prompt/],
    ['top-p of 0', ['--prompt', 'a', '--top-p', '0'], /--top-p is 0; expected a number > 0/],
  ])('refuses %s', async (_, args, text) => {
    const silent = copyOf('silent');
    const { status, stdout, stderr } = await zest(['generate', silent, ...args]);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(text);
  });

  it('says of what is no model that it is none, and not what its tokenizer lacks', async () => {
    const empty = join(scratch, 'empty');
    mkdirSync(empty);
    for (const [path, words] of [
      [empty, 'empty/config.json cannot be read: there is none; the folder is empty; expected a Hugging Face model'],
      [join(empty, 'none'), 'empty/none is not there: '],
    ] as const) {
      const { status, stderr } = await zest(['generate', path, '--prompt', 'a']);
      expect(status).toBe(1);
      expect(stderr).toContain(words);
      expect(stderr).toMatch(/\(ERR_ZEST_FILE\)\n$/);
    }
  });

  it('refuses an encoder', async () => {
    const { status, stderr } = await zest(['generate', 'film-roberta-mini', '--prompt', 'a']);
    expect(status).not.toBe(0);
    expect(stderr).toMatch(/needs a causal model/);
  });
});
