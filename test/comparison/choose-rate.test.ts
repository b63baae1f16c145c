import { describe, expect, it } from 'vitest';
import { chooseRate } from '../../lib/comparison/choose-rate.ts';

/** What is chosen where the loss at a rate is as told, and the rates that were tried. */
const choose = async (loss: (rate: number) => number, learningRate = 1e-4) => {
  const asked: number[] = [];
  const { learningRate: chosen, tried } = await chooseRate({ name: 'mezo', learningRate }, async (rate) => {
    asked.push(rate);
    return loss(rate);
  });
  expect(Object.keys(tried).map(Number)).toEqual([...asked].sort((a, b) => a - b));
  return { chosen, asked: asked.length };
};

const distanceTo = (best: number) => (rate: number) => Math.abs(Math.log(rate / best));

describe('the choice of a learning rate', () => {
  it('stays where both neighbours are worse', async () => {
    expect(await choose(distanceTo(1e-4))).toEqual({ chosen: 1e-4, asked: 3 });
  });

  it.each([3e-5, 3e-4])('climbs to %s and looks at what is beyond', async (best) => {
    expect(await choose(distanceTo(best))).toEqual({ chosen: best, asked: 4 });
  });

  it('goes a decade and no further, up or down', async () => {
    expect(await choose((rate) => rate)).toEqual({ chosen: 1e-5, asked: 4 });
    expect(await choose((rate) => -rate, 3e-5)).toEqual({ chosen: 3e-4, asked: 4 });
  });

  it('passes runs that failed, and says so where all did', async () => {
    expect(await choose((rate) => (rate > 3e-5 ? Number.POSITIVE_INFINITY : rate))).toEqual({ chosen: 1e-5, asked: 4 });
    await expect(choose(() => Number.POSITIVE_INFINITY)).rejects.toMatchObject({
      code: 'ERR_ZEST_RUN',
      message: 'no run of mezo got to its end, at learning rates 0.0001, 0.00003, 0.0003',
    });
  });
});
