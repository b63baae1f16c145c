import { readFileSync, writeFileSync } from 'node:fs';
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadTask } from '../../lib/tasks/load.ts';
import { Tokenizer } from '../../lib/tasks/tokenizer.ts';
import { scratchFolder } from '../fixtures/scratch.ts';

const root = fileURLToPath(new URL('../fixtures/tokenizer/', import.meta.url));

type Json = Record<string, unknown>;

/** A copy of one of the small tokenizers, with some files replaced, left out (undefined), or changed by a function. */
const folderOf = async (name: string, files: Record<string, unknown> = {}): Promise<string> => {
  const folder = scratchFolder();
  await mkdir(folder, { recursive: true });
  for (const file of ['config.json', 'tokenizer.json', 'tokenizer_config.json']) {
    if (!(file in files) || typeof files[file] === 'function') await cp(join(root, name, file), join(folder, file));
  }
  for (const [file, content] of Object.entries(files)) {
    if (content === undefined) continue;
    const path = join(folder, file);
    const made = typeof content === 'function' ? content(JSON.parse(readFileSync(path, 'utf8'))) : content;
    writeFileSync(path, typeof made === 'string' ? made : JSON.stringify(made));
  }
  return folder;
};

/** The tokens, those of one word together. */
const words = (tokenizer: Tokenizer, ids: readonly number[]) =>
  ids
    .map((id) => tokenizer.token(id))
    .join(' ')
    .replaceAll(' ##', '');
const encoded = async (folder: string, text: string): Promise<string> => {
  const tokenizer = await Tokenizer.load(folder);
  return words(tokenizer, tokenizer.encode(text));
};

const bertTokens = { unknownId: 1, classId: 2, separatorId: 3, maskId: 4, paddingId: 0 };

// What transformers 5.24 gives for the same folders.
describe('special tokens', () => {
  it.each<[string, Record<string, unknown>]>([
    ['by the class', {}],
    ['by the class of old', { 'tokenizer_config.json': { tokenizer_class: 'BertTokenizerFast' } }],
    ["by the model's type, where no class is named", { 'tokenizer_config.json': {} }],
    ['without tokenizer_config.json', { 'tokenizer_config.json': undefined }],
    ["by DistilBERT's type", { 'tokenizer_config.json': {}, 'config.json': { model_type: 'distilbert' } }],
    [
      'by the class in config.json',
      { 'tokenizer_config.json': {}, 'config.json': { tokenizer_class: 'BertTokenizer' } },
    ],
    [
      'by special_tokens_map.json',
      {
        'tokenizer_config.json': { tokenizer_class: 'PreTrainedTokenizerFast' },
        'special_tokens_map.json': {
          ...{ unk_token: '[UNK]', sep_token: '[SEP]', pad_token: { content: '[PAD]', lstrip: false } },
          ...{ cls_token: '[CLS]', mask_token: '[MASK]' },
        },
      },
    ],
  ])('are found %s', async (_, files) => {
    expect(await Tokenizer.load(await folderOf('bert-uncased', files))).toMatchObject(bertTokens);
  });

  it('are those of the files alone where the class is none that is known', async () => {
    const config = { tokenizer_class: 'PreTrainedTokenizerFast', mask_token: '[MASK]', cls_token: null };
    const tokenizer = await Tokenizer.load(await folderOf('bert-uncased', { 'tokenizer_config.json': config }));
    expect(tokenizer).toMatchObject({ maskId: 4, classId: undefined, separatorId: undefined });
  });

  it('are none where a file says null, whatever the class', async () => {
    const files = { 'tokenizer_config.json': { tokenizer_class: 'BertTokenizer', pad_token: null } };
    expect(await Tokenizer.load(await folderOf('bert-uncased', files))).toMatchObject({
      ...bertTokens,
      paddingId: undefined,
    });
  });

  it('of RoBERTa, XLM-R, GPT-2, Llama and Qwen2 are known', async () => {
    const fairseq = { beginId: 0, paddingId: 1, endId: 2, unknownId: 3, maskId: 4, classId: 0, separatorId: 2 };
    expect(await Tokenizer.load(await folderOf('roberta', { 'tokenizer_config.json': {} }))).toMatchObject(fairseq);
    const unigram = await Tokenizer.load(await folderOf('xlm-roberta', { 'tokenizer_config.json': {} }));
    expect(unigram).toMatchObject({ ...fairseq, maskId: unigram.tokenId('<mask>') });
    const gpt2 = { 'tokenizer_config.json': { tokenizer_class: 'GPT2Tokenizer' } };
    expect(await Tokenizer.load(await folderOf('qwen2', gpt2))).toMatchObject({
      beginId: 0,
      endId: 0,
      paddingId: undefined,
    });
    expect(await Tokenizer.load(await folderOf('qwen2'))).toMatchObject({ beginId: undefined, endId: 0, paddingId: 0 });
    const llama = { 'tokenizer_config.json': { tokenizer_class: 'LlamaTokenizer' } };
    expect(await Tokenizer.load(await folderOf('llama', llama))).toMatchObject({ beginId: 1, endId: 2, unknownId: 0 });
  });
});

// What transformers 5.24 gives for the same folders.
it.each([undefined, '[UNK]', '[PAD]'])(
  "a model of whole words has its own unknown token, beside the folder's %s",
  async (unk_token) => {
    const folder = await folderOf('bert-uncased', {
      'config.json': undefined,
      'tokenizer.json': {
        added_tokens: [],
        normalizer: null,
        pre_tokenizer: { type: 'Whitespace' },
        post_processor: null,
        decoder: null,
        model: { type: 'WordLevel', vocab: { a: 0, film: 1, '[UNK]': 2, '[PAD]': 3, '.': 4 }, unk_token: '[UNK]' },
      },
      'tokenizer_config.json': { tokenizer_class: 'PreTrainedTokenizerFast', unk_token },
    });
    const tokenizer = await Tokenizer.load(folder);
    const ids = tokenizer.encode('a good film .');
    expect(ids).toEqual([0, 2, 1, 4]);
    expect(tokenizer.decode(ids)).toBe('a [UNK] film .');
  },
);

describe('what a class sets itself', () => {
  const cased = (json: Json) => ({ ...json, normalizer: { ...(json.normalizer as Json), lowercase: false } });

  it('lower-cases as tokenizer_config.json says, or else as the class does', async () => {
    const silent = await folderOf('bert-uncased', { 'tokenizer.json': cased });
    expect(await encoded(silent, 'The FILM')).toBe('[CLS] the film [SEP]');
    const says = { 'tokenizer_config.json': { tokenizer_class: 'BertTokenizer', do_lower_case: false } };
    expect(await encoded(await folderOf('bert-uncased', says), 'the FILM')).toBe('[CLS] the [UNK] [SEP]');
    const files = { 'tokenizer.json': cased, 'tokenizer_config.json': { tokenizer_class: 'PreTrainedTokenizerFast' } };
    expect(await encoded(await folderOf('bert-uncased', files), 'the FILM')).toBe('[CLS] the [UNK] [SEP]');
  });

  it('puts the usual tokens around texts where tokenizer.json says nothing', async () => {
    const folder = await folderOf('bert-uncased', {
      'tokenizer.json': (json: Json) => ({ ...json, post_processor: null }),
    });
    const tokenizer = await Tokenizer.load(folder);
    const { ids, segments } = tokenizer.encodePair('the', 'film');
    expect(words(tokenizer, ids)).toBe('[CLS] the [SEP] film [SEP]');
    expect(segments).toEqual(ids.map((_, i) => (i > ids.indexOf(3) ? 1 : 0)));
  });

  it.each(['\n', '\r\n'])('reads vocab.txt, and vocab.json with merges.txt, of lines that end in %j', async (end) => {
    const { model } = JSON.parse(readFileSync(join(root, 'bert-uncased', 'tokenizer.json'), 'utf8'));
    const vocab = Object.entries<number>(model.vocab).sort((a, b) => a[1] - b[1]);
    const old = await folderOf('bert-uncased', {
      'tokenizer.json': undefined,
      'vocab.txt': vocab.map(([word]) => `${word}${end}`).join(''),
    });
    expect(await encoded(old, 'The film, was GOOD')).toBe(
      await encoded(join(root, 'bert-uncased'), 'The film, was GOOD'),
    );
    const bpe = JSON.parse(readFileSync(join(root, 'roberta', 'tokenizer.json'), 'utf8')).model;
    const roberta = await folderOf('roberta', {
      'tokenizer.json': undefined,
      'vocab.json': bpe.vocab,
      'merges.txt': ['#version: 0.2', ...bpe.merges.map((pair: string[]) => pair.join(' ')), ''].join(end),
    });
    expect(await encoded(roberta, 'The film, was GOOD')).toBe(
      await encoded(join(root, 'roberta'), 'The film, was GOOD'),
    );
  });

  it('says what makes tokenizer.json of a SentencePiece model', async () => {
    const folder = await folderOf('xlm-roberta', { 'tokenizer.json': undefined, 'sentencepiece.bpe.model': '' });
    await expect(Tokenizer.load(folder)).rejects.toMatchObject({
      code: 'ERR_ZEST_TOKENIZER',
      message: expect.stringMatching(/tokenizer\.json is missing.*sentencepiece\.bpe\.model.*save_pretrained/),
    });
  });

  it("names a pointer of Git LFS that stands in a file's place", async () => {
    const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:77\nsize 4\n';
    const folder = await folderOf('bert-uncased', { 'tokenizer.json': pointer });
    await expect(Tokenizer.load(folder)).rejects.toMatchObject({ message: expect.stringContaining('git lfs pull') });
  });
});

describe('tokens that a user added', () => {
  const task = { kind: 'class', fields: ['text'], classes: 2 } as const;
  const inTask = async (folder: string, text: string) => {
    const tokenizer = await Tokenizer.load(folder);
    const made = await loadTask(task, tokenizer);
    return words(tokenizer, [...(made.batch([{ text, label: 0 }]).sequences[0] as Int32Array)]);
  };

  it('are kept whole in texts, as in transformers, and those with a role are plain text', async () => {
    const text = 'the [E1] film [/E1] was good';
    const expected = '[CLS] the [E1] film [/E1] was good [SEP]';
    expect(await encoded(join(root, 'bert-uncased'), text)).toBe(expected);
    expect(await inTask(join(root, 'bert-uncased'), text)).toBe(expected);
    expect(await inTask(join(root, 'bert-uncased'), 'the [MASK]')).not.toContain('[MASK]');
  });

  it('may hold any character that means something in a pattern', async () => {
    const tokens = ['<|fim-prefix|>', '[E1-START]', '\\^$.*+?()[]{}|/-', '~!@#%&_=:;"\'`,'];
    const folder = await folderOf('bert-uncased', {
      'added_tokens.json': Object.fromEntries(tokens.map((token, i) => [token, 500 + i])),
    });
    const tokenizer = await Tokenizer.load(folder);
    for (const [i, token] of tokens.entries()) {
      const [the, film] = ['the', 'film'].map((word) => tokenizer.encode(word, { addSpecialTokens: false }));
      const ids = tokenizer.encode(`the ${token}film`, { addSpecialTokens: false });
      expect(ids, token).toEqual([...the!, 500 + i, ...film!]);
    }
  });

  it.each<[string, Record<string, unknown>]>([
    ['added_tokens.json', { 'added_tokens.json': { '<e>': 500 } }],
    [
      'added_tokens_decoder',
      { 'tokenizer_config.json': { added_tokens_decoder: { 500: { content: '<e>', special: true } } } },
    ],
    [
      'additional_special_tokens, with the next id',
      { 'tokenizer_config.json': { additional_special_tokens: ['<e>'] } },
    ],
  ])('are read from %s', async (_, files) => {
    const tokenizer = await Tokenizer.load(await folderOf('bert-uncased', files));
    const id = tokenizer.tokenId('<e>')!;
    expect(id).toBeGreaterThanOrEqual(400);
    expect(words(tokenizer, tokenizer.encode('the<e>film'))).toBe('[CLS] the <e> film [SEP]');
    expect(tokenizer.vocabularySize).toBe(id + 1);
  });
});

describe('segments', () => {
  const segmentsOf = async (files: Record<string, unknown>): Promise<boolean> =>
    (await Tokenizer.load(await folderOf('bert-uncased', files))).segmentsPairs;

  it("are the tokenizer's, where the model has some", async () => {
    expect(await segmentsOf({})).toBe(true);
    expect(await segmentsOf({ 'config.json': { model_type: 'bert', type_vocab_size: 1 } })).toBe(false);
    expect(await segmentsOf({ 'config.json': { model_type: 'distilbert' } })).toBe(false);
    const names = ['input_ids', 'attention_mask'];
    const config = { tokenizer_class: 'BertTokenizer', model_input_names: names };
    expect(await segmentsOf({ 'tokenizer_config.json': config })).toBe(false);
    expect(await segmentsOf({ 'tokenizer_config.json': { tokenizer_class: 'PreTrainedTokenizerFast' } })).toBe(false);
    const own = { tokenizer_class: 'PreTrainedTokenizerFast', model_input_names: [...names, 'token_type_ids'] };
    expect(await segmentsOf({ 'tokenizer_config.json': own })).toBe(true);
  });
});

describe('label words without a space', () => {
  const words = async (template: string, labelWords: string[]) => {
    const tokenizer = await Tokenizer.load(join(root, 'xlm-roberta'));
    const task = await loadTask({ template, labelWords }, tokenizer);
    const [target] = task.batch([{ text: '电影', label: 0 }]).targets;
    return (target as unknown as { words: number[] }).words.map((id) => tokenizer.token(id));
  };

  it('are the tokens that stand there where the mask follows a text at once', async () => {
    expect(await words('{text}很{mask}。', ['好', '看'])).toEqual(['好', '看']);
    expect(await words('{text}{mask}。', ['好', '看'])).toEqual(['好', '看']);
  });

  it('are an error where there is a space between', async () => {
    await expect(words('{text}很 {mask}。', ['好', '看'])).rejects.toMatchObject({ code: 'ERR_ZEST_LABEL_WORD' });
  });
});

describe('the length of texts', () => {
  const cut = async (model: string, maxLength?: number) => {
    const tokenizer = await Tokenizer.load(model);
    const task = await loadTask({ kind: 'class', fields: ['text'], classes: 2 }, tokenizer, { maxLength });
    return task.batch([{ text: 'a '.repeat(1000), label: 0 }]).sequences[0]?.length;
  };

  it('is never more than the model in the folder takes', async () => {
    expect(await cut('film-roberta-mini', 100_000)).toBe(256);
    expect(await cut('film-roberta-mini', 40)).toBe(40);
    expect(await cut('film-roberta-mini')).toBe(256);
    // 258 rows of positions, of which RoBERTa's first two are not used; model_max_length says more than that.
    const film = fileURLToPath(new URL('../../models/film-roberta-mini/', import.meta.url));
    const folder = scratchFolder();
    await cp(join(film, 'tokenizer.json'), join(folder, 'tokenizer.json'));
    const config = JSON.parse(readFileSync(join(film, 'config.json'), 'utf8'));
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...config, max_position_embeddings: 18 }));
    writeFileSync(
      join(folder, 'tokenizer_config.json'),
      '{"tokenizer_class":"TokenizersBackend","model_max_length":512}',
    );
    expect(await cut(folder)).toBe(16);
    expect(await cut(folder, 128)).toBe(16);
  });
});
