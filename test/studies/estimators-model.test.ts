import { describe, expect, it } from 'vitest';
import { cosineOfWhole } from '../../lib/studies/estimators-model.ts';
import { runStudy } from '../../lib/studies/registry.ts';
import { expectPage, expectRatioEstimators, quick } from './quick.ts';

// Of the loss that the study looks at, in float64, by transformers and PyTorch's autograd:
//   m = AutoModelForMaskedLM.from_pretrained('models/film-roberta-mini').double().eval()
//   loss = mean over 'the film is WORD . i <mask> it .' for delighted (1), defect, bribed, pretends (0) of
//     cross_entropy(m(tokens).logits[0, mask, [4196, 1683]][None], label); 4196, 1683: hated, loved
//   g = autograd.grad(loss, [p for n, p in m.named_parameters() if 'layer.3.output.LayerNorm' in n])
const LOSS = 1.7975226194312257;
const GRADIENT = 1.5815667723003337; // ‖g‖

describe('zest study estimators-model', () => {
  it('has the loss of its words, and finds a gradient of the length that it has', async () => {
    const { settings, tables } = await quick('estimators-model');
    expect(settings.dimension).toBe(384);
    const [, , known] = tables[0]!.rows[0] as [string, number, number];
    // What is not known of it is at right angles to it, and makes it longer; and the mean around is some tenth flatter.
    expect(((settings.gradient as number) * known) / GRADIENT).toBeCloseTo(0.88, 0.6);
    expect(settings.loss).toBeCloseTo(LOSS, 5);
  });

  it('knows how well it knows it: two parts with errors as large as they are have the cosine ½ with each other', () => {
    expect(cosineOfWhole(0.5)).toBeCloseTo(1 / Math.sqrt(1.5), 12);
    expect(cosineOfWhole(1)).toBe(1);
  });

  it('finds of a transformer what holds of a quadratic: corrections lengthen the step, one side has more signal', async () =>
    expectRatioEstimators(await quick('estimators-model')));

  it('has a page with its numbers, which loads nothing', async () => expectPage(await quick('estimators-model')));

  it('takes a size that it can have, and no study without one takes any', async () => {
    const expected = 'expected a whole number from 200 to 1000000, of directions that give the tilted gradient';
    for (const size of [5, 2e6, 1e3 + 0.5, Number.NaN])
      await expect(runStudy('estimators-model', { size })).rejects.toThrow(`size is ${size}; ${expected}`);
    await expect(runStudy('variance', { size: 7 })).rejects.toThrow('size is 7; expected none: variance has no size');
    expect(await quick('estimators-model')).toMatchObject({ size: 400, quick: true });
    expect(await quick('variance')).not.toHaveProperty('size');
  });
});
