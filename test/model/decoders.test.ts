import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Batch } from '../../lib/model/batch.ts';
import { Model } from '../../lib/model/model.ts';
import type { Trainable } from '../../lib/model/trainable.ts';
import type { Shortcuts } from '../../lib/native/binding.ts';
import type { Point } from '../../lib/objective.ts';
import { bits, LAWS, nameOf } from '../fixtures/film.ts';
import { writeMoved } from '../fixtures/moved.ts';
import { readTensors } from '../fixtures/parity/checkpoint.ts';
import { writeFolder } from '../fixtures/safetensors.ts';
import { scratchFolder } from '../fixtures/scratch.ts';

const FIXTURES = fileURLToPath(new URL('../fixtures/parity/', import.meta.url));
const CAUSAL = readdirSync(FIXTURES).filter((name) => existsSync(join(FIXTURES, name, 'generated.json')));
const scratch = scratchFolder();

const sequences = [
  [3, 9, 4, 11, 40, 7, 22],
  [7, 8],
  [5, 6, 8, 10, 12, 13, 60, 9, 31, 4, 5, 17, 20, 21, 44, 43, 8, 9],
];
const batch: Batch = {
  sequences,
  targets: [
    { kind: 'tokens', from: 1, to: 7 },
    { kind: 'options', options: [[4, 5], [6]], label: 1, normalize: 'tokens' },
    { kind: 'labelWords', position: 11, words: [5, 9, 30], label: 2 },
  ],
};
const points: Point[] = [
  [],
  { stream: 3n, scale: 1e-2 },
  { stream: 3n, scale: -1e-2 },
  [
    { stream: 3n, scale: 2e-2 },
    { stream: 9n, scale: -1e-2 },
  ],
];
const SHORTCUTS: (keyof Shortcuts)[] = [
  ...(['packSequences', 'labelledPositionsOnly', 'scoredWordsOnly', 'lastLayerAtLabels'] as const),
  ...(['gatherEmbeddings', 'shareNoise', 'fusePerturbation', 'sharePrompts'] as const),
];
const allBits = async (model: Model) => (await model.sequenceLosses(batch, points)).map((row) => bits(row));

describe.each(CAUSAL)('%s', (name) => {
  const folder = join(FIXTURES, name);

  it.each(['float32', 'bfloat16'] as const)(
    'stored as %s has the same bits with any threads and shortcuts',
    async (dtype) => {
      for (const law of LAWS) {
        const directions = { seed: 5, law };
        using one = await Model.load(folder, { dtype, threads: 1, directions });
        const before = await one.digest();
        const expected = await allBits(one);
        expect(new Set(expected.flat()).size).toBe(12);
        expect(await one.digest()).toBe(before);
        const none = Object.fromEntries(SHORTCUTS.map((key) => [key, false]));
        for (const shortcuts of [...SHORTCUTS.map((key) => ({ [key]: false })), none]) {
          using other = await Model.load(folder, { dtype, threads: 3, directions, shortcuts });
          expect(await allBits(other), JSON.stringify(shortcuts)).toEqual(expected);
        }
      }
    },
  );

  it.each(LAWS.map((law) => [nameOf(law), law] as const))(
    'at a point is the model with its weights moved (%s)',
    async (named, law) => {
      using model = await Model.load(folder);
      const directions = { seed: 11n, law };
      const point = [
        { stream: 5n, scale: 1e-2 },
        { stream: 2n ** 63n - 1n, scale: -0.04 },
      ];
      const [expected] = await model.sequenceLosses(batch, [point], { directions });
      using moved = await Model.load(
        await writeMoved(model, folder, { point, directions, to: join(scratch, `${name}-${named}`) }),
      );
      const [actual] = await moved.sequenceLosses(batch, [[]]);
      if (typeof law === 'string') expect(bits(actual!)).toEqual(bits(expected!));
      else expect([...actual!]).toEqual([...expected!].map((loss) => expect.closeTo(loss, 4)));
      expect(bits(actual!)).not.toEqual(bits((await model.sequenceLosses(batch, [[]]))[0]!));
    },
  );

  it.each<[string, Trainable]>([
    ['LoRA', { lora: { rank: 3, alpha: 6 } }],
    ['LoRA on every linear layer', { lora: { rank: 2, alpha: 4, targets: ['*'] } }],
    ['a prefix', { prefix: { tokens: 3 } }],
    ['biases', name === 'llama-grouped' || /^(mistral|qwen3|llama-llama3)/.test(name) ? 'all' : 'bias'],
  ])('is trained through %s, and then generates and is saved as the same model', async (_, trainable) => {
    using model = await Model.load(folder, { trainable });
    const before = await allBits(model);
    const update = { decay: 0, terms: [{ stream: 1n, coefficient: 0.05 }] };
    await model.apply(update);
    const after = await allBits(model);
    expect(after[0]).not.toEqual(before[0]);

    const prompt = [5, 9, 30];
    const words = Array.from({ length: model.vocabularySize }, (_, i) => i);
    const ids = [...prompt];
    for (let i = 0; i < 4; i++) {
      const targets = [{ kind: 'labelWords' as const, position: ids.length - 1, words, label: 0 }];
      const [row] = await model.logits({ sequences: [ids], targets });
      ids.push(row!.indexOf(Math.max(...row!)));
    }
    expect(await model.generate([prompt], { maxTokens: 4, stop: [] })).toEqual([ids.slice(3)]);

    const saved = join(scratch, `${name}-saved`);
    await model.save(saved);
    using again = await Model.load(saved);
    const [losses, reloaded] = [await model.sequenceLosses(batch, [[]]), await again.sequenceLosses(batch, [[]])];
    expect([...reloaded[0]!]).toEqual([...losses[0]!].map((loss) => expect.closeTo(loss, 4)));
  });
});

describe('tied embeddings that a checkpoint has under the name of the decoder', () => {
  it('are saved as what every class of the family reads', async () => {
    const folder = join(FIXTURES, 'llama-grouped');
    const tensors = [...readTensors(folder)].map(([name, { dtype, shape, bytes }]) => [
      name === 'model.embed_tokens.weight' ? 'lm_head.weight' : name,
      { dtype, shape, bytes },
    ]);
    const json = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
    const renamed = writeFolder(join(scratch, 'renamed'), json, Object.fromEntries(tensors));
    using plain = await Model.load(folder);
    using model = await Model.load(renamed);
    expect(await model.digest()).toBe(await plain.digest());
    using classifier = await Model.load(renamed, { head: { classes: 2 } });
    await classifier.save(join(scratch, 'classifier'));
    const saved = [...readTensors(join(scratch, 'classifier')).keys()];
    expect(saved).toContain('model.embed_tokens.weight');
    expect(saved).not.toContain('lm_head.weight');
  });
});
