import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Update } from '../../lib/objective.ts';
import { LAWS, nameOf } from '../fixtures/film.ts';
import { tinyTensors } from '../fixtures/tiny-bert.ts';
import { modelTests } from '../fixtures/tiny-models.ts';

const { folderOf, load, scratch } = modelTests();

describe('many updates at once', () => {
  it.each(
    LAWS.flatMap((law) => (['float32', 'bfloat16'] as const).map((dtype) => ({ name: nameOf(law), law, dtype }))),
  )('have the bits of one after another under $name in $dtype', async ({ law, dtype }) => {
    const folder = folderOf(tinyTensors());
    const options = { device: 'cpu', dtype, directions: { seed: 3, law } } as const;
    const [all, each] = [await load(folder, options), await load(folder, options)];
    const coefficient = fc.float({ min: Math.fround(-0.01), max: Math.fround(0.01), noNaN: true });
    const term = fc.record({ stream: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), coefficient });
    const update: fc.Arbitrary<Update> = fc.record({
      decay: fc.constantFrom(0, Math.fround(1e-3)),
      terms: fc.array(term, { maxLength: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(update, { maxLength: 40 }), async (updates) => {
        await all.applyAll(updates);
        for (const one of updates) await each.apply(one);
        expect(all.version).toBe(each.version);
        expect(await all.digest()).toBe(await each.digest());
      }),
      { numRuns: 20 },
    );
  });

  it('tell of the state that they made, as one does', async () => {
    const rule = { name: 'momentum', rate: 1e-3, beta: 0.9 } as const;
    const update: Update = { decay: 0, terms: [{ stream: 1n, coefficient: 1 }], rule };
    for (const updates of [[update], [{ ...update, decay: 0.1, anchored: true }]]) {
      const [all, one] = [await load(folderOf(tinyTensors())), await load(folderOf(tinyTensors()))];
      await all.applyAll(updates);
      await one.apply(updates[0]!);
      expect(one.stateNames).toContain('momentum');
      expect(all.stateNames).toEqual(one.stateNames);
    }
  });

  it('are none where one of them is wrong', async () => {
    const model = await load(folderOf(tinyTensors()), { device: 'cpu' });
    const before = await model.digest();
    const good: Update = { decay: 0, terms: [{ stream: 1n, coefficient: 1 }] };
    await expect(model.applyAll([good, { decay: Number.NaN, terms: [] }])).rejects.toMatchObject({
      code: 'ERR_ZEST_UPDATE',
    });
    await expect(model.applyAll([good], { signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow('no');
    await model.applyAll([]);
    expect(model.version).toBe(0n);
    expect(await model.digest()).toBe(before);
  });

  it('leave no state where they cannot be made', async () => {
    const model = await load(folderOf(tinyTensors()), { device: 'cpu' });
    const rule = { name: 'momentum', rate: 1e-3, beta: 0.9 } as const;
    const update: Update = { decay: 0.1, anchored: true, terms: [{ stream: 1n, coefficient: 1 }], rule };
    // A core of that rank is wider than some weights.
    const directions = { seed: 3, law: { lowRank: 64, core: true } };
    await expect(model.applyAll([update], { directions })).rejects.toMatchObject({ code: 'ERR_ZEST_DIRECTIONS' });
    expect([model.version, model.stateNames]).toEqual([0n, []]);
  });

  it('may ruin the weights, which is found, and not saved', async () => {
    for (const dtype of ['float32', 'bfloat16'] as const) {
      const model = await load(folderOf(tinyTensors()), { device: 'cpu', dtype, trainable: 'bias' });
      expect(await model.notFinite()).toBeUndefined();
      await model.apply({ decay: 0, terms: [{ stream: 1n, coefficient: 3e38 }] });
      await model.apply({ decay: 0, terms: [{ stream: 1n, coefficient: 3e38 }] });
      const name = await model.notFinite();
      expect(model.trainableNames).toContain(name);
      await expect(model.save(join(scratch, 'ruined'))).rejects.toMatchObject({
        code: 'ERR_ZEST_WEIGHTS_NOT_FINITE',
        message: expect.stringContaining(`tensor '${name}' is not finite`),
      });
      expect(existsSync(join(scratch, 'ruined'))).toBe(false);
    }
  });
});
