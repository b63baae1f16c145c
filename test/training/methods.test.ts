import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findMethod } from '../../lib/methods/registry.ts';
import { findLearningRate } from '../../lib/training/find-learning-rate.ts';
import type { Config } from '../../lib/training/schema.ts';
import { rejects } from '../fixtures/rejects.ts';
import { ofKind, readSummary, replay, reviewConfig, reviewFolder, run } from './runs.ts';

// Every method in a run: a configuration, steps of a model, its log.

let folder: string;
beforeAll(async () => {
  folder = await reviewFolder();
});
afterAll(() => rm(folder, { recursive: true }));

const withOptimizer = (output: string, optimizer: object): Config =>
  ({
    ...reviewConfig(folder, output),
    optimizer: { learningRate: 1e-5, ...optimizer },
    training: { steps: 2, batchSize: 8, maxLength: 32, keepBest: false },
  }) as never;

const METHODS: [name: string, options: object][] = [
  ['fzoo', { directions: 2 }],
  ['zosa', { directions: 2 }],
  ['es', { directions: 3, shaping: 'zScores' }],
  ['essam', { directions: 3 }],
  ['sabo', { directions: 2 }],
  ['conservative', {}],
  ['lozo', {}],
  ['subzero', { law: { lowRank: 4, keep: 2, core: true } }],
];

describe('a run by a method of the field', () => {
  it.each(METHODS)('%s: counts its forwards, shows its scalars, and is its log', async (method, options) => {
    const config = withOptimizer(method, { method, ...options });
    const events = await run(config);
    const steps = ofKind(events, 'step');
    const { forwards, digest } = await readSummary(config.output);
    const found = findMethod(method)!;
    expect(forwards).toBe(ofKind(events, 'estimate')[0]!.forwards);
    const shown = Object.keys(found.diagnostics).filter((name) => name in steps[1]!);
    expect(shown).toContain('gradientNorm');
    for (const name of shown) expect(steps[1]).toHaveProperty(name, expect.any(Number));
    expect((await replay(config.output)).after).toBe(digest);
  });

  it('svrg looks at all training data at its anchor, five batches of eight', async () => {
    const config = withOptimizer('svrg', { method: 'svrg', anchorDirections: 2, interval: 2 });
    await run(config);
    const { forwards, digest } = await readSummary(config.output);
    expect(forwards).toBe(2 * 2 * 5 + 4);
    expect((await replay(config.output)).after).toBe(digest);
  });

  it.each(['sign', { momentum: 0.9 }, { adam: {} }])(
    'replays with the rule %j, which the finder does not measure',
    async (rule) => {
      const config = withOptimizer(`ruled-${JSON.stringify(rule).replaceAll(/\W/g, '')}`, { method: 'mezo', rule });
      await run(config);
      const { before, after } = await replay(config.output);
      expect(after).toBe((await readSummary(config.output)).digest);
      expect(after).not.toBe(before);
      const { learningRate: _, ...rateless } = config.optimizer as never as Record<string, unknown>;
      const message = /optimizer.rule is .*; expected plain: the finder measures what a step along G does/;
      await rejects(() => findLearningRate({ ...config, optimizer: rateless } as never), 'ERR_ZEST_CONFIG', message);
    },
  );

  it('a method that needs a gradient is none of a configuration', async () => {
    await rejects(
      () => run(withOptimizer('no', { method: 'sam' })),
      'ERR_ZEST_CONFIG',
      /method is 'sam'; expected one of .*zest, mezo/,
    );
  });
});
