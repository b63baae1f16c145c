import { readdirSync, readFileSync } from 'node:fs';
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
});
