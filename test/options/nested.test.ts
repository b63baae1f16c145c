import { expect, it } from 'vitest';
import { zest } from '../../lib/methods/registry.ts';
import { Model } from '../../lib/model/model.ts';
import { vectorObjective } from '../../lib/objectives/vector.ts';
import { loadConfig } from '../../lib/training/config.ts';
import type { Config } from '../../lib/training/schema.ts';
import { film } from '../fixtures/film.ts';

const config = {
  model: film,
  task: 'sst2',
  data: { train: 'train.jsonl' },
  optimizer: { method: 'zest', learningRate: 1e-6 },
  output: 'run',
} as const;

/** What is said of an override of a configuration. */
const overridden = (override: string) =>
  loadConfig(config as unknown as Config, [override]).then(
    () => 'nothing',
    (error: Error) => error.message,
  );

/** What is said of a call. */
const said = async (call: () => unknown): Promise<string> => {
  try {
    await call();
    return 'nothing';
  } catch (error) {
    return (error as Error).message;
  }
};

const step = (options: object) => said(() => zest({ learningRate: 1, ...options }));
const load = (options: object) => said(() => Model.load(film, options));
const vector = (directions: object) => said(() => vectorObjective(() => 1, [1], { directions }));

it.each([
  ['an alternative of a union', step({ tilt: { tua: 1 } }), 'tilt.tua', 'tau'],
  ['one of several keys', step({ law: { lowRank: 2, kep: 3 } }), 'law.kep', 'keep'],
  ['a rule', step({ rule: { momentun: 0.9 } }), 'rule.momentun', 'momentum'],
  ['an adapter', load({ trainable: { lroa: { rank: 1, alpha: 1 } } }), 'trainable.lroa', 'lora'],
  ['an option of an adapter', load({ trainable: { lora: { rnk: 1, alpha: 1 } } }), 'trainable.lora.rnk', 'rank'],
  ['a choice of parameters', load({ trainable: { incldue: ['*'] } }), 'trainable.incldue', 'include'],
  ['a head', load({ head: { clases: 2 } }), 'head.clases', 'classes'],
  ['directions', vector({ lwa: 'gaussian' }), 'directions.lwa', 'law'],
  ['a law', vector({ law: { lowrank: 1 } }), 'law.lowrank', 'lowRank'],
  ['a configuration', overridden('optimizer.tilt={klradius: 1}'), 'optimizer.tilt.klradius', 'klRadius'],
  ['a condition', overridden('data.filter={year: {mni: 1}}'), 'data.filter.year.mni', 'min'],
  ['a cost', overridden('objective.metric={cots: [[0]]}'), 'objective.metric.cots', 'cost'],
])('of %s the key that was meant is named', async (_, message, key, meant) => {
  expect(await message).toContain(`${key} is not known (did you mean ${meant}?); expected one of `);
});

it('names what there is where no key is close', async () => {
  const expected = 'a number, {tau: number}, {effectiveSampleSize: number} or {klRadius: number}';
  for (const tilt of [{ sharpness: 1 }, {}, { tau: 1, klRadius: 1 }, []])
    expect(await step({ tilt })).toMatch(new RegExp(`^tilt is .*; expected ${expected.replace(/[{}]/g, '\\$&')}$`));
});
