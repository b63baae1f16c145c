import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Tokenizer } from '../../lib/tasks/tokenizer.ts';

const root = fileURLToPath(new URL('../fixtures/tokenizer/', import.meta.url));

/** What transformers makes of each text and pair, as make-folders.py asked it. */
const { texts, pairs, folders } = JSON.parse(readFileSync(`${root}ids.json`, 'utf8')) as {
  texts: string[];
  pairs: [string, string][];
  folders: Record<string, { ids: number[][]; pairs: { ids: number[]; segments: number[] | null }[] }>;
};

describe.each(Object.entries(folders))('%s against transformers', (name, expected) => {
  it('gives the same ids for hard texts', async () => {
    const tokenizer = await Tokenizer.load(root + name);
    expect(texts.length).toBeGreaterThan(150);
    for (const [i, text] of texts.entries()) {
      expect(tokenizer.encode(text), `text ${i}: ${JSON.stringify(text)}`).toEqual(expected.ids[i]);
    }
  });

  it('gives the same ids and segments for pairs', async () => {
    const tokenizer = await Tokenizer.load(root + name);
    for (const [i, [first, second]] of pairs.entries()) {
      const { ids, segments = null } = expected.pairs[i]!;
      expect(tokenizer.encodePair(first, second)).toEqual({ ids, segments: segments ?? ids.map(() => 0) });
    }
  });
});
