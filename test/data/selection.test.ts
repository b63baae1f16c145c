import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Row } from '../../lib/data/rows.ts';
import { reservoir } from '../../lib/data/sampling.ts';
import { type SelectionSpec, selection } from '../../lib/data/selection.ts';
import { rejects } from '../fixtures/rejects.ts';

const rowOf = (fields: Row['fields'], line = 1): Row => ({ file: 'a.csv', line, fields });

const selected = (spec: SelectionSpec, rows: readonly Row['fields'][]) => {
  const chosen = selection(spec, 'label');
  const found = rows.map((fields, i) => chosen.select(rowOf(fields, i + 1))).filter((row) => row !== undefined);
  chosen.check('a.csv');
  return found;
};

describe('a selection', () => {
  it('gives columns the names that the task reads, and leaves rows as they are', () => {
    const row = rowOf({ review: 'a', stars: 5, label: 'x' }, 7);
    const chosen = selection({ columns: { sentence: 'review', label: 'stars' } }, 'label');
    expect(chosen.select(row)).toEqual({
      file: 'a.csv',
      line: 7,
      fields: { review: 'a', stars: 5, sentence: 'a', label: 5 },
    });
    expect(row.fields).toEqual({ review: 'a', stars: 5, label: 'x' });
  });

  it('lacks a field whose column a row lacks, whatever else is called as the field is', async () => {
    const columns = { sentence: 'review', label: 'stars' };
    const chosen = selection({ columns }, 'label');
    expect(chosen.select(rowOf({ review: 'a', label: 'x' }))?.fields).toEqual({ review: 'a', sentence: 'a' });
    expect(chosen.select(rowOf({ sentence: 'b', label: 'x' }))?.fields).toEqual({});
    await rejects(
      () => chosen.check('a.csv'),
      'ERR_ZEST_DATA',
      /^a\.csv: has no column "stars", which data\.columns\.label names; expected one of review, label$/,
    );
    chosen.select(rowOf({ stars: 1 }));
    chosen.check('a.csv');
    expect(selected({ columns: { a: 'b', b: 'a' } }, [{ a: 1, b: 2 }])).toMatchObject([{ fields: { a: 2, b: 1 } }]);
  });

  it('has a field of the task as the row has it where its column is not there, if that may be', () => {
    const chosen = selection({ columns: { sentence: 'review', label: 'stars' } }, 'label', { orOwn: true });
    expect(chosen.select(rowOf({ sentence: 'b', label: 1 }))?.fields).toEqual({ sentence: 'b', label: 1 });
    expect(chosen.select(rowOf({ review: 'a', label: 1 }))?.fields).toEqual({ review: 'a', sentence: 'a', label: 1 });
  });

  it('of columns that no row has is an error', async () => {
    await rejects(
      () => selected({ columns: { label: 'star' } }, [{ sentence: 'a', label: 'x', stars: 1 }]),
      'ERR_ZEST_DATA',
      /^a\.csv: has no column "star", which data\.columns\.label names; expected one of sentence, label, stars \(did you mean stars\?\)$/,
    );
  });

  it('maps labels, however they are written, and leaves out those mapped to null', () => {
    const labels = { 1: 0, 2: 0, 3: null, 4: 1, 5: 1, yes: 'good' };
    const rows = [1, '2.0', 3, ' 4 ', 5.0, 'yes', 'other', 2.5, null, undefined].map((label) => ({ label }));
    expect(selected({ labels }, rows).map(({ fields }) => fields.label)).toEqual([
      ...[0, 0, 1, 1, 'good', 'other', 2.5, null, undefined],
    ]);
  });

  it.each<[string, SelectionSpec['filter'], number[]]>([
    ['a value', { lang: 'en' }, [1, 4]],
    ['one of several', { lang: ['en', 'de'] }, [1, 2, 4]],
    ['none of one', { lang: { not: 'en' } }, [2, 3, 5]],
    ['none of several', { lang: { not: ['en', null] } }, [2, 3]],
    ['a number, which may be text', { stars: 4 }, [2]],
    ['a range', { stars: { min: 3, max: 4 } }, [2, 3]],
    ['a bound', { stars: { min: 4 } }, [2, 4]],
    ['truth', { sure: true }, [1]],
    ['nothing', { lang: null }, [5]],
    ['several', { lang: 'en', stars: { min: 2 } }, [4]],
  ])('takes rows by %s', (_, filter, expected) => {
    const rows = [
      { lang: 'en', stars: 1, sure: true },
      { lang: 'de', stars: '4.0', sure: false },
      { lang: 'fr', stars: 3, sure: null },
      { lang: 'en', stars: 5 },
      { stars: '' },
    ];
    expect(selected({ filter }, rows).map(({ line }) => line)).toEqual(expected);
  });

  it('sees the names of the data and of the task', () => {
    const rows = [{ review: 'a' }, { review: 'b' }];
    for (const field of ['review', 'sentence']) {
      expect(selected({ columns: { sentence: 'review' }, filter: { [field]: 'b' } }, rows)).toHaveLength(1);
    }
  });

  it('that can take no row is an error', async () => {
    await rejects(
      () => selected({ filter: { langauge: { not: 'en' } } }, [{ language: 'en', text: 'a' }]),
      'ERR_ZEST_DATA',
      /^a\.csv: has no field "langauge", which data\.filter names; expected one of language, text \(did you mean language\?\)$/,
    );
    await rejects(
      () => selected({ filter: { language: 'de' } }, [{ language: 'en' }]),
      'ERR_ZEST_DATA',
      /^a\.csv: has 1 rows, of which data\.filter and data\.labels leave none$/,
    );
  });
});

describe('a reservoir', () => {
  const drawn = (count: number, of: number, seed: number): number[] => {
    const kept = reservoir<number>(count, seed);
    for (let i = 0; i < of; i++) kept.offer(() => i);
    return kept.items();
  };

  it('keeps so many, each once, in their order, and the same ones for a seed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.nat(60), fc.nat(1000), (count, of, seed) => {
        const kept = drawn(count, of, seed);
        expect(kept).toHaveLength(Math.min(count, of));
        expect(kept).toEqual([...new Set(kept)].sort((a, b) => a - b));
        expect(drawn(count, of, seed)).toEqual(kept);
        if (of <= count) expect(kept).toEqual(Array.from({ length: of }, (_, i) => i));
      }),
    );
  });

  it('draws each item as often as any other', () => {
    const [count, of, draws] = [3, 12, 4000];
    const times = new Array<number>(of).fill(0);
    for (let seed = 0; seed < draws; seed++) for (const item of drawn(count, of, seed)) times[item]!++;
    // Pearson's statistic; its 99.99 % quantile at 11 degrees of freedom is 37.4 (scipy.stats.chi2.ppf(0.9999, 11)).
    const expected = (count / of) * draws;
    const statistic = times.reduce((sum, each) => sum + (each - expected) ** 2 / expected, 0);
    expect(statistic).toBeLessThan(37.4);
  });

  it('makes only what it keeps', () => {
    let made = 0;
    const kept = reservoir<number>(10, 1);
    for (let i = 0; i < 100_000; i++) kept.offer(() => made++);
    // 10·(1 + ln(100000/10)) are expected: some 102.
    expect(made).toBeLessThan(200);
  });
});

describe('labels of a task that takes several', () => {
  const chosen = (several: boolean) => selection({ labels: { odd: 'neg', ok: 1, gone: null } }, 'tags', { several });
  const row = (tags: unknown) => ({ file: 'a.csv', line: 2, fields: { tags } });
  it.each([
    ['odd', 'neg'],
    ['pos, odd', ['pos', 'neg']],
    ['ok|odd;pos', [1, 'neg', 'pos']],
    [
      ['odd', 'pos', 'ok'],
      ['neg', 'pos', 1],
    ],
    ['pos', 'pos'],
    [[], []],
  ])('of %j are %j', (tags, mapped) => {
    expect(chosen(true).select(row(tags))?.fields.tags).toEqual(mapped);
  });

  it('leave a row out where one of them is to be', () => {
    for (const tags of ['gone', 'pos, gone', ['gone', 'odd']]) expect(chosen(true).select(row(tags))).toBeUndefined();
  });

  it('are one label of a task that takes one', () => {
    expect(chosen(false).select(row('pos, odd'))?.fields.tags).toBe('pos, odd');
  });
});
