import { existsSync } from 'node:fs';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { labelWordIds } from '../../lib/tasks/label-words.ts';
import { cutLongest, fillTemplate, parseTemplate } from '../../lib/tasks/template.ts';
import { Tokenizer } from '../../lib/tasks/tokenizer.ts';
import { film } from '../fixtures/film.ts';
import { folderOf } from './folders.ts';

const BERT = folderOf('tokenizer-bert-uncased');
const ROBERTA = folderOf('tokenizer-roberta');
const STORIES = folderOf('tinystories-656k');

describe('parseTemplate', () => {
  it('finds fields, the mask and doubled braces', () => {
    expect(parseTemplate('{a}? {mask}, {b c}{a}')).toEqual({
      text: '{a}? {mask}, {b c}{a}',
      fields: ['a', 'b c'],
      stretches: [{ parts: [{ field: 'a' }, '? '], end: 'mask' }, { parts: [', ', { field: 'b c' }, { field: 'a' }] }],
    });
    expect(parseTemplate('{{{a}}} }}{mask}{{mask}}').stretches).toEqual([
      { parts: ['{', { field: 'a' }, '} }'], end: 'mask' },
      { parts: ['{mask}'] },
    ]);
    expect(parseTemplate('{a} {segment}{mask}: {b}').stretches).toEqual([
      { parts: [{ field: 'a' }, ' '], end: 'segment' },
      { parts: [], end: 'mask' },
      { parts: [': ', { field: 'b' }] },
    ]);
  });

  it('says what is wrong with a template', () => {
    const cases: [string, string][] = [
      ['{sentence} It was great .', 'has no {mask}'],
      ['{sentence} It was {{mask}} .', 'has no {mask}'],
      ['', 'has no {mask}'],
      ['{mask} {sentence} {mask}', 'has {mask} 2 times'],
      ['It was {mask} .', 'has no field'],
      ['{a} {segment} {mask} {segment} {b}', 'has {segment} 2 times'],
      ['{segment}{a} {mask} {b}', 'begins or ends with {segment}'],
      ['{a} {mask}{segment} ', 'begins or ends with {segment}'],
      ['{sentence {mask}', 'lone { at character 1'],
      ['{sentence} } {mask}', 'lone } at character 12'],
      ['{} {mask}', '{} without a name at character 1'],
      ['{a} { } {mask}', '{} without a name at character 5'],
    ];
    for (const [text, sentence] of cases) {
      expect(() => parseTemplate(text)).toThrow(
        expect.objectContaining({ code: 'ERR_ZEST_TEMPLATE', message: expect.stringContaining(sentence) }),
      );
    }
  });
});

describe('cutLongest', () => {
  it('takes from the longest, of equals from the last', () => {
    expect(cutLongest([5, 3], 0)).toEqual([5, 3]);
    expect(cutLongest([5, 3], 2)).toEqual([3, 3]);
    expect(cutLongest([5, 3], 3)).toEqual([3, 2]);
    expect(cutLongest([5, 3, 5], 5)).toEqual([3, 3, 2]);
    expect(cutLongest([5, 3], 8)).toEqual([0, 0]);
    expect(cutLongest([5, 3], 9)).toBeUndefined();
    expect(cutLongest([], 1)).toBeUndefined();
  });
});

const word = fc.constantFrom(
  'film',
  "isn't",
  'Wonderfully',
  'naïve',
  '電影',
  '3.14',
  '---',
  '🦄',
  'unwatchable',
  'a',
  ',',
);
const sentence = fc.array(word, { maxLength: 30 }).map((words) => words.join(' '));
const special = fc.constantFrom('<mask>', '[MASK]', '<s>', '</s>', '[SEP]', '<pad>', '<MASK>', ' ', 'x', '<', ']');

describe.each([
  ['film-roberta-mini', film, '<mask>'],
  ['bert-uncased', BERT, '[MASK]'],
  ['roberta', ROBERTA, '<mask>'],
])('fillTemplate with %s', (_, folder, mask) => {
  const here = it.skipIf(!existsSync(folder));
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    if (existsSync(folder)) tokenizer = await Tokenizer.load(folder);
  });

  here('gives the ids of the whole text with the mask token written out', () => {
    const templates = [
      '{a} It was {mask} .',
      '{a} It was{mask}.',
      '{a}? {mask}, {b}',
      '{mask}: {b}{a}',
      '{a}  \n{mask}',
      '({mask}) {b}s',
    ];
    fc.assert(
      fc.property(fc.constantFrom(...templates), sentence, sentence, (text, a, b) => {
        const whole = text
          .replace('{mask}', mask)
          .replace('{a}', () => a)
          .replace('{b}', () => b);
        const { ids, position } = fillTemplate(parseTemplate(text), { a, b }, tokenizer);
        expect(ids).toEqual(tokenizer.encode(whole));
        expect(ids[position]).toBe(tokenizer.maskId);
      }),
    );
  });

  here('gives the ids and segments of a pair, where the tokenizer has segments', () => {
    const templates = ['{a}? {mask}, {segment}{b}', '{a}{segment}({mask}) {b}s', '{a} {segment} {mask} {b}'];
    fc.assert(
      fc.property(fc.constantFrom(...templates), sentence, sentence, (text, a, b) => {
        const [first, second] = text
          .replace('{mask}', mask)
          .replace('{a}', () => a)
          .replace('{b}', () => b)
          .split('{segment}');
        const { ids, segments, position } = fillTemplate(parseTemplate(text), { a, b }, tokenizer);
        const whole = tokenizer.encode(`${first}${second}`);
        expect({ ids, segments }).toEqual(
          tokenizer.segmentsPairs
            ? tokenizer.encodePair(first!, second!)
            : { ids: whole, segments: whole.map(() => 0) },
        );
        expect(ids[position]).toBe(tokenizer.maskId);
      }),
    );
    const template = parseTemplate('{a} ? {mask} , {segment}{b}');
    const [a, b] = ['a good film '.repeat(9), 'is watched . '.repeat(9)];
    const { ids } = fillTemplate(template, { a, b }, tokenizer);
    const cut = fillTemplate(template, { a, b }, tokenizer, ids.length - 30);
    expect(cut.ids).toHaveLength(ids.length - 30);
    expect(cut.ids[cut.position]).toBe(tokenizer.maskId);
    expect(new Set(cut.segments).size).toBe(tokenizer.segmentsPairs ? 2 : 1);
  });

  here('leaves special tokens in a field plain text', () => {
    fc.assert(
      fc.property(fc.array(special, { maxLength: 6 }), fc.integer({ min: 12, max: 60 }), (pieces, maxLength) => {
        const text = pieces.join('');
        const { ids, position } = fillTemplate(parseTemplate('{a}{mask} {a} ok'), { a: text }, tokenizer, maxLength);
        const { maskId, classId, separatorId, paddingId } = tokenizer;
        const inside = ids.slice(1, -1);
        expect([ids[0], ids.at(-1), ids[position]]).toEqual([
          classId ?? tokenizer.encode('')[0],
          separatorId ?? tokenizer.encode('')[1],
          maskId,
        ]);
        expect(inside.filter((id) => id === maskId)).toHaveLength(1);
        for (const id of [classId, separatorId, paddingId]) expect(inside).not.toContain(id);
      }),
    );
    const user = 'a <mask> [MASK] b';
    const { ids } = fillTemplate(parseTemplate('{a} {mask}'), { a: user }, tokenizer);
    expect(ids.slice(1, -2)).toEqual(tokenizer.tokenize(user));
  });

  here('cuts the longest field by tokens and keeps everything else', () => {
    const template = parseTemplate('{a} and {b} It was {mask} .');
    const literal = ['', ' and', ' It was', ' .'].map((text) => tokenizer.tokenize(text));
    fc.assert(
      fc.property(sentence, sentence, fc.integer({ min: 9, max: 90 }), (a, b, maxLength) => {
        const whole = fillTemplate(template, { a, b }, tokenizer).ids;
        const first = tokenizer.tokenize(a);
        const spaced = tokenizer.tokenize(b === '' ? '' : ` ${b}`);
        // A space that is a token of its own, as before 電, is the template's.
        const space = tokenizer.tokenize(' ').filter((id) => id === spaced[0]);
        const second = spaced.slice(space.length);
        const kept = cutLongest([first.length, second.length], Math.max(0, whole.length - maxLength))!;
        const { ids, position } = fillTemplate(template, { a, b }, tokenizer, maxLength);
        expect(ids.length).toBe(Math.min(whole.length, maxLength));
        expect(ids[position]).toBe(tokenizer.maskId);
        if (a === '' || b === '') return;
        const left = [
          ...first.slice(0, kept[0]),
          ...literal[1]!,
          ...space,
          ...second.slice(0, kept[1]),
          ...literal[2]!,
        ];
        expect(ids).toEqual(tokenizer.frame([...left, tokenizer.maskId!, ...literal[3]!]).ids);
        expect(position).toBe(1 + left.length);
      }),
    );
  });

  here('refuses a template that does not fit by itself', () => {
    const template = parseTemplate('{a} It was {mask} .');
    const least = fillTemplate(template, { a: '' }, tokenizer).ids.length;
    expect(fillTemplate(template, { a: 'film '.repeat(500) }, tokenizer, least).ids.length).toBe(least);
    for (const a of ['', 'a', 'film '.repeat(500)]) {
      expect(() => fillTemplate(template, { a }, tokenizer, least - 1)).toThrow(
        expect.objectContaining({
          code: 'ERR_ZEST_SEQUENCE_LENGTH',
          message: expect.stringMatching(new RegExp(`It was \\{mask\\}.*${least} tokens.*${least - 1} allowed`)),
        }),
      );
    }
  });
});

describe('the film tokenizer', () => {
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    tokenizer = await Tokenizer.load(film);
  });
  const spelt = (text: string, a: string, maxLength?: number) =>
    fillTemplate(parseTemplate(text), { a }, tokenizer, maxLength).ids.map((id) => tokenizer.token(id));

  it('gives the mask the space before it', () => {
    const expected = ['<s>', 'Ġgood', 'Ġ.', 'Ġit', 'Ġwas', '<mask>', 'Ġ.', '</s>'];
    expect(spelt('{a} It was {mask} .', 'Good .')).toEqual(expected);
    expect(spelt('{a} It was{mask}.', 'Good .')).toEqual(expected);
  });

  it('counts a token of a field and the template as the template', () => {
    expect(spelt('{a}s are {mask}', 'bad movie')).toEqual(['<s>', 'Ġbad', 'Ġmovies', 'Ġare', '<mask>', '</s>']);
    expect(spelt('{a}s are {mask}', 'bad movie', 5)).toEqual(['<s>', 'Ġmovies', 'Ġare', '<mask>', '</s>']);
    expect(() => spelt('{a}s are {mask}', 'bad movie', 4)).toThrow(
      expect.objectContaining({ code: 'ERR_ZEST_SEQUENCE_LENGTH' }),
    );
  });

  it('strips a long run of white space before the mask in no time', () => {
    const blank = ' '.repeat(200_000);
    expect(spelt('{a}{mask}', `good${blank}`)).toEqual(['<s>', 'Ġgood', '<mask>', '</s>']);
  });
});

describe('labelWordIds', () => {
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    tokenizer = await Tokenizer.load(film);
  });
  const fault = (words: string[], owner = tokenizer): string => {
    try {
      labelWordIds(words, owner);
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_ZEST_LABEL_WORD' });
      return (error as Error).message;
    }
    return 'no error';
  };

  it('gives the token of each word', () => {
    expect(labelWordIds(['terrible', 'great'], tokenizer).map((id) => tokenizer.token(id))).toEqual([
      'Ġterrible',
      'Ġgreat',
    ]);
  });

  it('names the word that is not one token, with its tokens', () => {
    expect(fault(['terrible', 'great film'])).toBe(
      'label word "great film" is 2 tokens ("Ġgreat" "Ġfilm"); expected one: take another word, or a task of kind \'class\', which needs none',
    );
    for (const word of ['', ' ']) expect(fault(['terrible', word])).toBe(`label word "${word}" is empty`);
    expect(fault(['<mask>', 'great'])).toMatch(/^label word "<mask>" is [2-9] tokens/);
  });

  it('refuses two words of the same token', () => {
    expect(fault(['great', 'terrible', 'Great'])).toBe('label word "Great" is the same token as "great"');
  });

  it.skipIf(!existsSync(ROBERTA))('means the word with a space before it, as MeZO does', async () => {
    const roberta = await Tokenizer.load(ROBERTA);
    const words = ['great', 'Expression'];
    expect(labelWordIds(words, roberta).map((id) => roberta.token(id))).toEqual(['Ġgreat', 'ĠExpression']);
  });

  it.skipIf(!existsSync(BERT))('refuses a word that is not in the vocabulary', async () => {
    const bert = await Tokenizer.load(BERT);
    expect(labelWordIds(['terrible', 'great'], bert)).toEqual([6659, 2307]);
    expect(fault(['great', '🦄'], bert)).toBe('label word "🦄" is not in the vocabulary');
    expect(fault(['[UNK]', 'great'], bert)).toMatch(/is 4 tokens .*; expected one: take another word/);
  });

  it.skipIf(!existsSync(STORIES))(
    'says of a word that is a token only without a space where {mask} may stand',
    async () => {
      const stories = await Tokenizer.load(STORIES);
      expect(fault(['good', 'bad'], stories)).toBe(
        'label word "good" is 2 tokens ("▁" "good"); expected one: it is one without a space before it: let {mask} stand directly behind the text, or take another word',
      );
      expect(labelWordIds(['good', 'bad'], stories, 's').map((id) => stories.token(id))).toEqual(['good', 'bad']);
    },
  );
});
