import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { findLearningRate, type RatelessConfig } from '../../lib/training/find-learning-rate.ts';
import { parseLines, zest } from '../cli/zest.ts';
import { topicsConfig, topicsFolder } from '../fixtures/topics.ts';
import { ofKind, reviewConfig, reviewFolder, run } from './runs.ts';

let folder: string;
beforeAll(async () => {
  folder = await reviewFolder();
});
afterAll(() => rm(folder, { recursive: true }));

type Rateless = NonNullable<RatelessConfig['optimizer']>;
const rateless = (optimizer: Partial<Rateless> = {}, training: RatelessConfig['training'] = {}) => ({
  ...reviewConfig(folder, 'never'),
  optimizer: { method: 'zest', directions: 4, tilt: { tau: 1 }, ...optimizer } as Rateless,
  training: { steps: 100, batchSize: 4, maxLength: 32, ...training },
});

describe('the learning rate finder', () => {
  it('puts the rate where the steps of the run together cost their share of the loss', async () => {
    const config = rateless();
    const found = await findLearningRate(config);
    const { stepRate, stepShare, runShare, loss, measured, measuredSteps, forwards } = found;
    const above = measured.findIndex(({ cost }) => cost >= stepShare * loss);
    expect(above).toBeGreaterThan(0);
    expect(measured[above - 1]?.learningRate).toBeLessThanOrEqual(stepRate);
    expect(measured[above]?.learningRate).toBeGreaterThanOrEqual(stepRate);
    // 100 steps that cost runShare together cost runShare/100 each, and the cost goes with the square.
    const rate = stepRate * Math.sqrt(runShare / 100 / stepShare);
    expect(found.learningRate).toBe(Number(rate.toPrecision(2)));
    // For each step 8 evaluations make it and one is the loss before; each rate takes two. Fifty steps are followed, and
    // judged by the same batches.
    expect(forwards).toBe(measuredSteps * (8 + 1 + 2 * measured.length) + 50 * 8 + measuredSteps);
    expect(found.followed).toMatchObject([{ learningRate: found.learningRate, steps: 50 }]);
    expect(await findLearningRate(config)).toEqual(found);
    expect(
      await findLearningRate({ ...config, optimizer: { ...config.optimizer, learningRate: 7 } as Rateless }),
    ).toEqual(found);
    expect(await readdir(folder)).not.toContain('never');
  });

  it('takes the steps that the run would, also of a method that looks at all training data', async () => {
    const svrg = { method: 'svrg', directions: 1, tilt: undefined, interval: 2, anchorDirections: 1 };
    const found = await findLearningRate(rateless(svrg as Partial<Rateless>, { steps: 4 }));
    const { measured, measuredSteps, followed, forwards } = found;
    // 40 examples are ten batches, looked at twice in each of the two steps with an anchor; the others take four.
    const followedForwards = 2 * 20 + 2 * 4;
    expect(forwards).toBe(
      measuredSteps * (20 + 1 + 2 * measured.length) + followed.length * (followedForwards + measuredSteps),
    );
  });

  it('allows for the length of a run and its schedule, up to the rate of a single step', async () => {
    const { stepRate, learningRate: long } = await findLearningRate(rateless({}, { steps: 400 }));
    const { scheduledSteps, learningRate } = await findLearningRate(rateless({ schedule: 'linear' }));
    // Σ (1 − s/100)² over s = 0 … 99
    expect(scheduledSteps).toBeCloseTo(33.835, 6);
    expect(learningRate / long).toBeCloseTo(Math.sqrt(400 / 33.835), 0);
    const single = await findLearningRate(rateless({}, { steps: 1 }));
    expect(single.learningRate).toBe(Number(stepRate.toPrecision(2)));
  });

  it('scales with the coefficients, so that normalized steps are found to have the same length', async () => {
    const plain = await findLearningRate(rateless({ tilt: 0 }));
    const sigma = await findLearningRate(rateless({ tilt: 0, normalize: 'sigma' }));
    const norm = await findLearningRate(rateless({ tilt: 0, normalize: 'norm', sides: 'one' }));
    for (const found of [plain, sigma, norm]) {
      expect(found.measured.every(({ cost }) => Number.isFinite(cost))).toBe(true);
    }
    expect(sigma.learningRate).not.toBe(plain.learningRate);
    expect(norm.learningRate).toBeGreaterThan(100 * plain.learningRate);
  });

  it('gives no rate at which a new head diverges, as the first guess does', async () => {
    const topics = await topicsFolder();
    onTestFinished(() => rm(topics, { recursive: true }));
    const config = topicsConfig(topics, 'never');
    const { learningRate, followed, isQuadratic } = await findLearningRate(config);
    // The costs of single steps at the start say nothing of it.
    expect(isQuadratic).toBe(true);
    expect(followed[0]?.change).toBeGreaterThan(1);
    expect(followed.at(-1)).toMatchObject({ learningRate, change: expect.any(Number) });
    expect(followed.at(-1)!.change).toBeLessThan(0);
    const lossesAt = async (learningRate: number) => {
      const training = { ...config.training, steps: 50, keepBest: false };
      const events = await run(
        { ...config, optimizer: { method: 'mezo', learningRate }, training },
        { overwrite: true },
      );
      return ofKind(events, 'evaluation').map(({ loss }) => loss);
    };
    expect(Math.max(...(await lossesAt(learningRate)))).toBeLessThan(Math.log(3) + 0.2);
    expect(Math.max(...(await lossesAt(followed[0]!.learningRate)))).toBeGreaterThan(5);
  });

  it('refuses where the loss rises at each rate that it follows', async () => {
    const topics = await topicsFolder();
    onTestFinished(() => rm(topics, { recursive: true }));
    const { head: _, ...config } = topicsConfig(topics, 'never');
    const task = { template: '{text} . it is about {mask} .', labelWords: ['food', 'music', 'sport'] };
    // Perturbations far beyond where the loss is anything like a plane.
    await expect(findLearningRate({ ...config, task, optimizer: { method: 'mezo', rho: 0.3 } })).rejects.toMatchObject({
      code: 'ERR_ZEST_LEARNING_RATE',
      message: expect.stringMatching(
        /^no learning rate was found: the loss rose at each rate that was followed \(its change is .* % in 50 steps at .*, .*, .*, .*\); compare some from /,
      ),
    });
  });

  it('says so where there is none, and stops when told to', async () => {
    const frozen = { ...rateless(), trainable: { include: ['*.position_embeddings.weight'] } };
    await expect(findLearningRate({ ...frozen, optimizer: { method: 'mezo', rho: 1e-30 } })).rejects.toMatchObject({
      code: 'ERR_ZEST_LEARNING_RATE',
      message: expect.stringContaining('no step has a length'),
    });
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(findLearningRate(rateless(), { signal })).rejects.toThrow('enough');
    for (const optimizer of [{ method: 'auto' } as const, undefined]) {
      await expect(findLearningRate({ ...rateless(), optimizer })).rejects.toMatchObject({
        code: 'ERR_ZEST_CONFIG',
        message: expect.stringMatching(
          /^optimizer\.method is auto, which does without .*: --set optimizer\.method=zest$/,
        ),
      });
    }
    await expect(findLearningRate(rateless({ directions: 0 }))).rejects.toMatchObject({ code: 'ERR_ZEST_CONFIG' });
  });
});

describe('zest train --find-learning-rate', () => {
  it('prints the rate and how it was found; without the option a rate is needed', async () => {
    const file = join(folder, 'rateless.yaml');
    await writeFile(file, stringify(rateless()));
    const { status, stdout, stderr } = await zest(['train', file, '--find-learning-rate', '--json']);
    expect(status).toBe(0);
    const [found] = parseLines(stdout);
    expect(found).toEqual({ kind: 'learningRate', ...(await findLearningRate(rateless())) });
    expect(stderr).toMatch(/^learning rate +gain +cost +of the loss$/m);
    expect(stderr).toMatch(/^learningRate: \d\.\de-\d+$/m);
    const refused = await zest(['train', file]);
    expect(refused.status).toBe(2);
    expect(refused.stderr).toContain('optimizer.learningRate is missing; expected a number');
  });
});
