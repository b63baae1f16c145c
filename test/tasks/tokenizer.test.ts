import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assertVocabulary, Tokenizer } from '../../lib/tasks/tokenizer.ts';
import { film } from '../fixtures/film.ts';
import { scratchFolder } from '../fixtures/scratch.ts';
import { folderOf } from './folders.ts';

interface Fixture {
  vocabulary: number;
  texts: { text: string; ids: number[]; plain: number[] }[];
  pairs: { first: string; second: string; ids: number[]; segments: number[] }[];
}

const fixtures = JSON.parse(
  readFileSync(fileURLToPath(new URL('../fixtures/tasks/tokenizer-ids.json', import.meta.url)), 'utf8'),
) as Record<string, Fixture>;

describe.each(Object.keys(fixtures))("%s against Python's tokenizers", (name) => {
  const { vocabulary, texts, pairs } = fixtures[name]!;
  const folder = folderOf(name);

  it.skipIf(!existsSync(folder))(
    'gives the same ids, with and without special tokens, and the same pairs',
    async () => {
      const tokenizer = await Tokenizer.load(folder);
      expect(texts.length).toBeGreaterThan(40);
      expect(tokenizer.vocabularySize).toBe(vocabulary);
      for (const { text, ids, plain } of texts) {
        expect(tokenizer.encode(text), JSON.stringify(text)).toEqual(ids);
        expect(tokenizer.tokenize(text), JSON.stringify(text)).toEqual(plain);
      }
      for (const { first, second, ids, segments } of pairs) {
        expect(tokenizer.encodePair(first, second)).toEqual({ ids, segments });
      }
    },
  );
});

describe('Tokenizer', () => {
  let tokenizer: Tokenizer;
  let folder: string;

  beforeAll(async () => {
    tokenizer = await Tokenizer.load(film);
    folder = await mkdtemp(join(tmpdir(), 'zest-tokenizer-'));
    for (const file of ['tokenizer.json', 'tokenizer_config.json']) await cp(join(film, file), join(folder, file));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const changed = async (file: string, change: (text: string) => string): Promise<unknown> => {
    const original = await readFile(join(film, file), 'utf8');
    await writeFile(join(folder, file), change(original));
    const outcome = await Tokenizer.load(folder).catch((error: unknown) => error);
    await writeFile(join(folder, file), original);
    return outcome;
  };

  it('knows the special tokens and the length limit of its folder', () => {
    expect(tokenizer).toMatchObject({
      vocabularySize: 8192,
      maxLength: 256,
      maskId: 4,
      paddingId: 1,
      unknownId: 3,
      beginId: 0,
      endId: 2,
      classId: 0,
      separatorId: 2,
      maskStrips: { left: true, right: false },
    });
    expect(tokenizer.tokenId('Ġgreat')).toBe(tokenizer.tokenize(' great')[0]);
    expect(tokenizer.tokenId('no such token')).toBeUndefined();
    expect(tokenizer.token(4)).toBe('<mask>');
    expect(tokenizer.token(8192)).toBeUndefined();
  });

  it('never finds a special token in a text that it tokenizes alone', () => {
    const piece = fc.constantFrom('<mask>', '<s>', '</s>', '<pad>', '<unk>', '<MASK>', '<S>', ' ', 'a', '<', '>');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        expect(Math.min(5, ...tokenizer.tokenize(pieces.join('')))).toBe(5);
      }),
    );
  });

  it('decodes what it encoded', () => {
    const ids = tokenizer.encode('A Café, 電影 <mask> .');
    expect(tokenizer.decode(ids, { skipSpecialTokens: true })).toBe(' a café, 電影 .');
    expect(tokenizer.decode(Int32Array.from(ids))).toBe('<s> a café, 電影<mask> .</s>');
    expect(tokenizer.decode([])).toBe('');
    for (const id of [8192, -1, 1.5, Number.NaN]) {
      expect(() => tokenizer.decode([5, id])).toThrow(
        expect.objectContaining({ code: 'ERR_ZEST_TOKEN', message: expect.stringContaining(String(id)) }),
      );
    }
  });

  it('takes any string, lone surrogates too, and nothing else', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 20 }), (text) => {
        const ids = tokenizer.encode(`${text}\ud800`);
        expect(ids.every((id) => Number.isInteger(id) && id >= 0 && id < 8192)).toBe(true);
      }),
    );
    expect(() => tokenizer.encode(3 as never)).toThrow(expect.objectContaining({ code: 'ERR_ZEST_ARGUMENT' }));
  });

  it('names the file that is missing or broken', async () => {
    await expect(Tokenizer.load(join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'ERR_ZEST_FILE' });
    await mkdir(join(folder, 'absent'));
    for (let i = 0; i < 200; i++) {
      await expect(Tokenizer.load(join(folder, 'absent'))).rejects.toMatchObject({
        code: 'ERR_ZEST_TOKENIZER',
        message: expect.stringContaining('tokenizer.json'), // of two that are missing, always this one
      });
    }
    const cases: [string, (text: string) => string, string][] = [
      ['tokenizer.json', (text) => text.slice(0, 1000), 'is not JSON'],
      ['tokenizer.json', () => '[]', 'JSON object'],
      ['tokenizer.json', () => '{}', 'not a tokenizer that can be used'],
      ['tokenizer.json', (text) => text.replace('"added_tokens"', '"other"'), 'not a tokenizer that can be used'],
      ['tokenizer.json', (text) => text.replaceAll('"ByteLevel"', '"Braille"'), 'not a tokenizer that can be used'],
      ['tokenizer_config.json', () => '', 'is not JSON'],
      [
        'tokenizer_config.json',
        (text) => text.replace('"content": "<mask>"', '"content": "<hole>"'),
        '"<hole>" as mask_token',
      ],
    ];
    for (const [file, change, sentence] of cases) {
      const error = await changed(file, change);
      expect(error).toMatchObject({ code: 'ERR_ZEST_TOKENIZER', message: expect.stringContaining(sentence) });
      expect((error as Error).message).toContain(join(folder, file));
    }
  });

  it('does without a mask token or a length limit', async () => {
    const outcome = await changed('tokenizer_config.json', () => '{"model_max_length": 1e30}');
    expect(outcome).toMatchObject({ maskId: undefined, maxLength: undefined, vocabularySize: 8192 });
  });

  it('checks its vocabulary against the model', () => {
    assertVocabulary(tokenizer, 8192);
    assertVocabulary(tokenizer, 8200);
    expect(() => assertVocabulary(tokenizer, 8191)).toThrow(
      expect.objectContaining({
        code: 'ERR_ZEST_TOKENIZER',
        message: expect.stringMatching(/wrong vocabulary size.*8191.*8191/),
      }),
    );
  });
});

describe('a Unigram tokenizer', () => {
  const folder = scratchFolder();
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    // As in XLM-RoBERTa's file: special tokens are pieces too, with the best score.
    const specials = ['<s>', '<pad>', '</s>', '<unk>'];
    const letters = [...'▁abdekmnpsu<>/'];
    const vocab = [...specials.map((piece) => [piece, 0]), ...letters.map((piece) => [piece, -5]), ['<mask>', 0]];
    const added = [...specials, '<mask>'].map((content) => ({
      id: vocab.findIndex(([piece]) => piece === content),
      content,
      special: true,
      lstrip: content === '<mask>',
    }));
    const json = {
      added_tokens: added,
      normalizer: null,
      pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always' },
      post_processor: null,
      decoder: { type: 'Metaspace', replacement: '▁' },
      model: { type: 'Unigram', unk_id: 3, vocab },
    };
    await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(json));
    await writeFile(
      join(folder, 'tokenizer_config.json'),
      JSON.stringify({ pad_token: '<pad>', mask_token: '<mask>' }),
    );
    tokenizer = await Tokenizer.load(folder);
  });

  it('finds no special token in a text alone, and its unknown token for unknown letters only', () => {
    const pieces = (text: string) => tokenizer.tokenize(text).map((id) => tokenizer.token(id));
    for (const special of ['<s>', '<pad>', '</s>', '<unk>', '<mask>']) {
      expect(pieces(`a${special}b`)).toEqual(['▁', 'a', ...special, 'b']);
    }
    expect(pieces('aéb')).toEqual(['▁', 'a', '<unk>', 'b']);
    expect(tokenizer.encode('a <mask>')).toContain(tokenizer.maskId);
  });
});
