import { describe, expect, it } from 'vitest';
import { ratedWords } from '../../lib/demo/words.ts';
import { parseLines, zest } from './zest.ts';

describe('the demo', () => {
  it('holds out words whose families it does not train on, half of them positive', async () => {
    const { train, heldOut } = await ratedWords();
    expect(heldOut.length).toBeGreaterThanOrEqual(500);
    const families = new Set(train.map(({ word }) => word.slice(0, 4)));
    expect(heldOut.filter(({ word }) => families.has(word.slice(0, 4)))).toEqual([]);
    for (const words of [train, heldOut]) {
      expect(words.filter(({ label }) => label === 1)).toHaveLength(words.length / 2);
      expect(new Set(words.map(({ word }) => word)).size).toBe(words.length);
      // In random order: the first words are not all of one label or from the start of the alphabet.
      expect(new Set(words.slice(0, 20).map(({ label }) => label)).size).toBe(2);
      expect(new Set(words.slice(0, 20).map(({ word }) => word[0])).size).toBeGreaterThan(5);
    }
  });

  it('gains ten points with each method on the held-out words, at equal forwards', async () => {
    const { status, stdout, stderr } = await zest(['demo', '--json', '--word', 'a waste of time', '--word', 'panic']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: expect.stringContaining('made from') });
    const [start, ...lines] = parseLines(stdout);
    expect(start).toEqual({ kind: 'start', train: 1636, heldOut: 660 });
    const runs = lines.filter(({ kind }) => kind === 'run');
    expect(runs.map(({ method, seed }) => [method, seed])).toEqual([
      ['MeZO', 1],
      ['MeZO', 2],
      ['ZEST', 1],
      ['ZEST', 2],
      ['auto', 1],
      ['auto', 2],
    ]);
    // 36 steps of auto, of 16 and every fourth of 18; 37 would be more than 600.
    expect(runs.map(({ forwards }) => forwards)).toEqual([600, 600, 600, 600, 594, 594]);
    for (const name of ['MeZO', 'ZEST', 'auto']) {
      const gains = runs
        .filter(({ method }) => method === name)
        .map(({ before, after }) => Number(after) - Number(before));
      expect(gains.reduce((a, b) => a + b) / gains.length).toBeGreaterThan(0.1);
    }
    const words = lines.filter(({ kind }) => kind === 'word');
    expect(words).toHaveLength(660);
    for (const { rated, before, after } of words) {
      const { MeZO, ZEST, auto } = after as Record<string, string>;
      for (const label of [rated, before, MeZO, ZEST, auto]) expect(['hated', 'loved']).toContain(label);
    }
    const changes = lines.filter(({ kind }) => kind === 'change');
    expect(changes.map(({ method, seed }) => [method, seed])).toEqual([
      ['MeZO', 1],
      ['ZEST', 1],
      ['auto', 1],
    ]);
    for (const { method, turnedRight, turnedWrong, stayedRight, stayedWrong } of changes as Record<string, number>[]) {
      // The counts are those of the words, and add up to the scores of the run.
      const turned = words.filter(
        ({ rated, before, after }) => before !== rated && (after as Record<string, string>)[String(method)] === rated,
      );
      expect(turnedRight).toBe(turned.length);
      expect(turnedRight! + turnedWrong! + stayedRight! + stayedWrong!).toBe(660);
      const ran = runs.find((one) => one.method === method && one.seed === 1);
      expect((turnedRight! + stayedRight!) / 660).toBeCloseTo(Number(ran?.after), 12);
      expect((turnedWrong! + stayedRight!) / 660).toBeCloseTo(Number(ran?.before), 12);
    }
    const own = lines.filter(({ kind }) => kind === 'own');
    expect(own.map(({ text }) => text)).toEqual(['a waste of time', 'panic']);
    const panic = words.find(({ word }) => word === 'panic');
    const answer = own[1] as { before: { label: string }; after: Record<string, { label: string }> };
    expect(answer.before.label).toBe(panic?.before);
    const labels = Object.entries(answer.after).map(([method, { label }]) => [method, label]);
    expect(Object.fromEntries(labels)).toEqual(panic?.after);
  }, 300_000);

  it('refuses a word that is none', async () => {
    const { status, stderr } = await zest(['demo', '--word', ' ']);
    expect(status).toBe(2);
    expect(stderr).toContain("option '--word <text>' argument ' ' is invalid. Expected a word or a line.");
  });
});
