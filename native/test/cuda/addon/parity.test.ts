import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Model } from '../../../../lib/index.ts';

// What transformers computes for the checkpoints of test/parity.test.ts, on the stand-in of a device.

const FIXTURES = fileURLToPath(new URL('../../../../test/fixtures/parity/', import.meta.url));
const FOLDERS = readdirSync(FIXTURES, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== 'film-roberta-mini')
  .map((entry) => entry.name);

describe.each(FOLDERS)('%s', (name) => {
  const folder = join(FIXTURES, name);
  const { sequences, segments, targets, losses, options } = JSON.parse(
    readFileSync(join(folder, 'expected.json'), 'utf8'),
  );

  it('gives the logits and losses of transformers', async () => {
    const logits = new Float32Array(Uint8Array.from(readFileSync(join(folder, 'logits.f32'))).buffer);
    using model = await Model.load(folder, { ...options, device: 'cuda' });
    const batch = { sequences, segments, targets };
    const seen = (await model.logits(batch)).flatMap((row) => [...row]);
    expect(seen.length).toBe(logits.length);
    for (const [i, logit] of seen.entries()) if (!(Math.abs(logit - logits[i]!) < 1e-4)) expect(logit).toBe(logits[i]);
    const [own] = await model.sequenceLosses(batch, [[]]);
    expect(own!.length).toBe(losses.length);
    for (const [i, loss] of own!.entries()) expect(Math.abs(loss - losses[i])).toBeLessThan(1e-4);
  });

  const greedy = join(folder, 'generated.json');
  it.runIf(existsSync(greedy))('continues as transformers does, and at a perturbed point as the CPU does', async () => {
    const generated: { prompt: number[]; ids: number[] }[] = JSON.parse(readFileSync(greedy, 'utf8'));
    const prompts = generated.map(({ prompt }) => prompt);
    using cuda = await Model.load(folder, { device: 'cuda' });
    using cpu = await Model.load(folder, { device: 'cpu' });
    expect(await cuda.generate(prompts, { maxTokens: 1000, stop: [] })).toEqual(generated.map(({ ids }) => ids));
    const sampled = { maxTokens: 12, temperature: 0.9, topP: 0.9, seed: 3, at: { stream: 4n, scale: 0.02 } };
    expect(await cuda.generate(prompts, sampled)).toEqual(await cpu.generate(prompts, sampled));
  });
});
