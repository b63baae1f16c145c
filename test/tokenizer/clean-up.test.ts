import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Tokenizer } from '../../lib/tasks/tokenizer.ts';
import { cleanedUp, settled } from '../../lib/tokenizer/clean-up.ts';
import { scratchFolder } from '../fixtures/scratch.ts';

const scratch = scratchFolder();
const TEXT = "it 's a film , was n't it ! don't ' the ' film .";

/** The text encoded and decoded by one of the small tokenizers, whose folder says this of spaces. */
const decoded = async (name: string, clean_up_tokenization_spaces?: boolean, options?: object): Promise<string> => {
  const folder = join(scratch, `${name}-${clean_up_tokenization_spaces}`);
  cpSync(fileURLToPath(new URL(`../fixtures/tokenizer/${name}`, import.meta.url)), folder, { recursive: true });
  const file = join(folder, 'tokenizer_config.json');
  const config = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(file, JSON.stringify({ ...config, clean_up_tokenization_spaces }));
  const tokenizer = await Tokenizer.load(folder);
  return tokenizer.decode(tokenizer.encode(TEXT, { addSpecialTokens: false }), options);
};

// What transformers 5.24 gives for the same folders.
describe('spaces before marks and contractions', () => {
  it.each(['roberta', 'qwen2'])('stay with BPE (%s), whatever its folder says', async (name) => {
    for (const says of [undefined, false, true]) expect(await decoded(name, says)).toBe(TEXT);
  });

  it('stay with others where their folder does not say that they go', async () => {
    const bert = "it ' s a film, was n ' t it! don ' t ' the ' film.";
    for (const says of [undefined, false]) {
      expect(await decoded('xlm-roberta', says)).toBe(TEXT);
      expect(await decoded('bert-uncased', says)).toBe(bert);
    }
    expect(await decoded('xlm-roberta', true)).toBe("it's a film, wasn't it! don't'the'film.");
    expect(await decoded('bert-uncased', true)).toBe("it's a film, wasn't it! don't'the'film.");
  });

  it('go or stay as the call says', async () => {
    expect(await decoded('xlm-roberta', true, { cleanUpTokenizationSpaces: false })).toBe(TEXT);
    expect(await decoded('xlm-roberta', false, { cleanUpTokenizationSpaces: true })).toContain("wasn't it!");
  });
});

it('what is settled is cleaned up alike, whatever follows', () => {
  const text = fc.string({ unit: fc.constantFrom(..." '.?!,ntmsvrea"), maxLength: 12 });
  fc.assert(
    fc.property(text, text, (before, after) => {
      const whole = cleanedUp(before + after);
      expect(whole.startsWith(cleanedUp(settled(before)))).toBe(true);
    }),
    { numRuns: 20_000 },
  );
});
