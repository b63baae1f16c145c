import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { Model } from '../../../../lib/index.ts';

// A GGUF file with every block format (test/fixtures/gguf/make.py) whose weights stay quantised on the stand-in of a
// device.

const FIXTURES = fileURLToPath(new URL('../../../../test/fixtures/gguf/', import.meta.url));
const file = `${FIXTURES}formats.gguf`;
const { formats } = JSON.parse(readFileSync(`${FIXTURES}expected.json`, 'utf8'));
const ids: number[] = formats.ids;
const words = Array.from({ length: 64 }, (_, i) => i);
const batch = {
  sequences: [ids],
  targets: [{ kind: 'labelWords' as const, position: ids.length - 1, words, label: 0 }],
};
const close = (row: Iterable<number>) => [...row].map((value) => expect.closeTo(value, 4));

it('has the values and logits that the gguf package and transformers give', async () => {
  using model = await Model.load(file, { device: 'cuda', trainable: { lora: { rank: 2, alpha: 4 } } });
  for (const [name, digest] of Object.entries(formats.digests)) {
    const values = await model.parameter(name);
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    expect(createHash('sha256').update(bytes).digest('hex'), name).toBe(digest);
  }
  const [row] = await model.logits(batch);
  expect([...row!]).toEqual(close(formats.logits));
});

it('is trained through LoRA, and writes, as on the CPU', async () => {
  const trainable = { lora: { rank: 2, alpha: 4 } };
  using cuda = await Model.load(file, { device: 'cuda', trainable });
  using cpu = await Model.load(file, { device: 'cpu', trainable });
  for (const model of [cuda, cpu]) await model.apply({ decay: 0, terms: [{ stream: 3n, coefficient: 0.3 }] });
  expect(await cuda.digest()).toBe(await cpu.digest());
  const points = [[], { stream: 1n, scale: 0.05 }, { stream: 1n, scale: -0.05 }];
  const [ours, theirs] = await Promise.all([cuda, cpu].map((model) => model.sequenceLosses(batch, points)));
  expect(ours!.map((row) => [...row])).toEqual(theirs!.map(close));
  const options = { maxTokens: 8, stop: [], temperature: 1, seed: 5 };
  const prompts = [ids, ids.slice(0, 3)];
  expect(await cuda.generate(prompts, options)).toEqual(await cpu.generate(prompts, options));
});
