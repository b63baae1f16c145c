import { describe, expect, it } from 'vitest';
import { rangeError } from '../lib/errors.ts';
import { type Model, mezo, vectorObjective, ZestError } from '../lib/index.ts';
import { film, filmBatch } from './fixtures/film.ts';
import { modelTests } from './fixtures/tiny-models.ts';

const { load } = modelTests();

const batch = filmBatch([4, 7]);
const badBatch = { ...batch, sequences: [[-1], [3]] };
const step = { directions: 1, firstStream: 0n, rho: 1e-3, learningRate: 1e-4, tilt: 0, estimator: 'naive' } as const;

describe('the stack of an error', () => {
  it.each<[string, (model: Model) => Promise<unknown>]>([
    ['a bad batch', (model) => model.evaluate(badBatch, [[]])],
    ['a bad point', (model) => model.evaluate(batch, [{ stream: -1n, scale: 1 }])],
    ['a loss that is not finite', (model) => model.evaluate(batch, [{ stream: 1n, scale: 3e38 }])],
    ['a bad update', (model) => model.apply({ decay: Number.NaN, terms: [] })],
    ['work that has the model alone', (model) => model.exclusively((alone) => alone.evaluate(badBatch, [[]]))],
    ['a step of the model', (model) => model.step(badBatch, { ...step, sides: 'two' })],
    ['a step of an optimizer', (model) => mezo({ learningRate: 1e-4 }).step(model, badBatch)],
    ['a step whose loss is not finite', (model) => mezo({ learningRate: 1e-4, rho: 3e38 }).step(model, batch)],
    ['saving', (model) => model.save('/proc/nowhere')],
  ])('leads to the caller: %s', async (_, call) => {
    const model = await load(film);
    const theCaller = async () => {
      await call(model);
    };
    const error = await theCaller().catch((reason) => reason);
    expect(error).toBeInstanceOf(ZestError);
    expect(error.stack).toMatch(/theCaller/);
  });

  it('leads to the caller of a step of a function', async () => {
    const theCaller = async () => {
      await mezo({ learningRate: 1 }).step(vectorObjective(() => Number.NaN, [1]));
    };
    expect((await theCaller().catch((reason) => reason)).stack).toMatch(/theCaller/);
  });

  it('is as long as the program asks for, if that is more or none', () => {
    const before = Error.stackTraceLimit;
    const deep = (levels: number): Error => (levels > 0 ? deep(levels - 1) : rangeError('ERR_ZEST_OPTION', 'deep'));
    const frames = (limit: number): number => {
      Error.stackTraceLimit = limit;
      try {
        return deep(100).stack!.split('\n').length - 1;
      } finally {
        expect(Error.stackTraceLimit).toBe(limit);
        Error.stackTraceLimit = before;
      }
    };
    expect([0, 1, 30, 50].map(frames)).toEqual([0, 30, 30, 50]);
    expect(new ZestError('ERR_ZEST_OPTION', 'short').stack).toMatch(/stacks.test/);
  });
});
