import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Target } from '../../lib/model/batch.ts';
import { Model } from '../../lib/model/model.ts';
import { withConfig } from '../fixtures/parity/checkpoint.ts';
import { scratchFolder } from '../fixtures/scratch.ts';

// Settings as transformers takes them: test/fixtures/parity/settings.py.

interface Case {
  name: string;
  folder: string;
  set: Record<string, unknown>;
  leaveOut: string[];
  lengths: number[];
  end: number[];
  logits: number[][];
}

const FIXTURES = fileURLToPath(new URL('../fixtures/parity/', import.meta.url));
const CASES: Case[] = JSON.parse(readFileSync(join(FIXTURES, 'settings.json'), 'utf8'));
const scratch = scratchFolder();

describe('a setting means what it means to transformers', () => {
  it.each(CASES)('$name', async ({ name, folder, set, leaveOut, lengths, end, logits }) => {
    const changes = { ...set, ...Object.fromEntries(leaveOut.map((key) => [key, undefined])) };
    using model = await Model.load(withConfig(join(FIXTURES, folder), changes, join(scratch, name)));
    const vocabulary = model.vocabularySize;
    const sequences = lengths.map((length) => [
      ...Array.from({ length }, (_, i) => 3 + ((7 * i * i + 5 * i) % (vocabulary - 3))),
      ...end,
    ]);
    const words = Array.from({ length: vocabulary }, (_, word) => word);
    const targets = sequences.map(
      ({ length }): Target =>
        /classes/.test(folder)
          ? { kind: 'class', label: 0 }
          : { kind: 'labelWords', position: length - 1, words, label: 0 },
    );
    const rows = await model.logits({ sequences, targets });
    expect(rows.map((row) => [...row])).toEqual(logits.map((row) => row.map((logit) => expect.closeTo(logit, 4))));
  });
});
