import { describe, expect, it } from 'vitest';
import { withBudget } from '../../lib/jobs/budget.ts';
import { gridRuns, parseAxis } from '../../lib/sweep/grid.ts';
import { planSweep } from '../../lib/sweep/plan.ts';
import { resolveConfig } from '../../lib/training/config.ts';
import { reviewConfig } from '../training/runs.ts';

describe('an axis', () => {
  it.each([
    ['optimizer.tilt=0,1,{tau: 1}', [0, 1, { tau: 1 }]],
    ['optimizer.learningRate=1e-4, 3.0e-5', [1e-4, 3e-5]],
    ['training.patience=null,3', [null, 3]],
    [
      'task.labelWords=[bad, good],["terrible", great]',
      [
        ['bad', 'good'],
        ['terrible', 'great'],
      ],
    ],
    ['task.template="{a}, {mask} .",\'{a} = {mask}\'', ['{a}, {mask} .', '{a} = {mask}']],
    ['model=a=b', ['a=b']],
    [
      'optimizer={method: mezo, learningRate: 1e-5},{method: zest, learningRate: 1e-4}',
      [
        { method: 'mezo', learningRate: 1e-5 },
        { method: 'zest', learningRate: 1e-4 },
      ],
    ],
  ])('%s', (text, values) => {
    expect(parseAxis(text)).toEqual({ key: text.slice(0, text.indexOf('=')), values });
  });

  it.each(['key', '=1', 'key=', 'key=1,,2', 'key={tau: 1', 'key=1],[2', 'key="a', 'key=*a'])('is not %s', (text) => {
    expect(() => parseAxis(text)).toThrow(
      expect.objectContaining({
        code: 'ERR_ZEST_CONFIG',
        message: expect.stringMatching(/^--grid .*(expected|alias)/),
      }),
    );
  });
});

describe('a grid', () => {
  it('has all combinations, the last axis fastest, and names that say which', () => {
    const runs = gridRuns([
      { key: 'optimizer.tilt', values: [0, { tau: 1 }] },
      { key: 'training.seed', values: [1, 2] },
    ]);
    expect(runs.map(({ name, point }) => [name, point])).toEqual([
      ['tilt=0_seed=1', 'tilt=0'],
      ['tilt=0_seed=2', 'tilt=0'],
      ['tilt=tau-1_seed=1', 'tilt=tau-1'],
      ['tilt=tau-1_seed=2', 'tilt=tau-1'],
    ]);
    expect(runs[3]?.values).toEqual({ 'optimizer.tilt': { tau: 1 }, 'training.seed': 2 });
  });

  it('names a run the same whatever else is in the grid', () => {
    const names = (values: unknown[]) => gridRuns([{ key: 'optimizer.learningRate', values }]).map(({ name }) => name);
    expect(names([1e-5, 1e-7])).toEqual(['learningRate=0.00001', 'learningRate=1e-7']);
    expect(names([3, 1e-7])[1]).toBe('learningRate=1e-7');
  });

  it('names whole objects by the first keys that tell them all apart', () => {
    const names = (...values: unknown[]) => gridRuns([{ key: 'optimizer', values }]).map(({ name }) => name);
    const [mezo, zest] = ['mezo', 'zest'].map((method) => ({ method, learningRate: 2e-4, rho: 1e-3 }));
    expect(names(mezo, { ...zest, tilt: { tau: 1 }, normalize: 'norm' })).toEqual([
      'optimizer=method-mezo',
      'optimizer=method-zest',
    ]);
    expect(names(mezo, ...[1, 2].map((tau) => ({ ...zest, tilt: { tau }, normalize: 'norm' })))).toEqual([
      'optimizer=method-mezo',
      'optimizer=method-zest-tilt-tau-1',
      'optimizer=method-zest-tilt-tau-2',
    ]);
    expect(names(zest, { ...zest, tilt: 0 }, { ...zest, tilt: null })).toEqual([
      'optimizer=default',
      'optimizer=tilt-0',
      'optimizer=tilt-null',
    ]);
    // Two that read alike, and one object alone.
    const [a, b, alone] = [...names({ k: true }, { k: 'true' }), ...names({ k: 1, l: 2 })];
    expect([a, b]).toEqual([1, 2].map(() => expect.stringMatching(/^optimizer=k-true-[0-9a-f]{8}$/)));
    expect(a).not.toBe(b);
    expect(alone).toBe('optimizer=k-1-l-2');
  });

  it('tells apart keys with one last part, values with one slug, and values too long for a name', () => {
    const seeds = gridRuns([
      { key: 'data.seed', values: [1] },
      { key: 'training.seed', values: [2] },
    ]);
    expect(seeds[0]).toMatchObject({ name: 'data.seed=1_training.seed=2', point: '' });
    const [a, b] = gridRuns([{ key: 'model', values: ['a/b', 'a-b'] }]);
    expect(a?.name).toMatch(/^model=a-b-[0-9a-f]{8}$/);
    expect(a?.name).not.toBe(b?.name);
    const [long] = gridRuns(Array.from({ length: 9 }, (_, i) => ({ key: `k${i}`, values: ['x'.repeat(500)] })));
    expect(long?.name.length).toBeLessThan(255);
    const [wide] = gridRuns(['a', 'b', 'c', 'd'].map((key) => ({ key, values: ['語é'.repeat(30)] })));
    expect(Buffer.byteLength(wide!.name)).toBeLessThan(210);
    expect(wide!.name).not.toContain('\ufffd');
    expect(gridRuns([{ key: 'a', values: ['../../etc', '', '…'] }]).map(({ name }) => name)).toEqual([
      'a=..-..-etc',
      expect.stringMatching(/^a=-[0-9a-f]{8}$/),
      expect.stringMatching(/^a=-[0-9a-f]{8}$/),
    ]);
  });

  it.each([
    [[], 'a sweep needs a grid'],
    [[{ key: 'a', values: [] }], 'the grid has no value for a'],
    [[{ key: 'a', values: [1, 1.0] }], 'the grid has a=1 twice'],
    [
      [
        { key: 'a', values: [1] },
        { key: 'a', values: [2] },
      ],
      'the grid has a twice',
    ],
    [[{ key: 'a', values: [undefined] }], 'not JSON'],
    [
      [{ key: 'a', values: [{ b: [Number.POSITIVE_INFINITY] }, 2] }],
      'a value for a that is not JSON: { b: [ Infinity ] }',
    ],
  ])('%j is refused', (axes, message) => {
    expect(() => gridRuns(axes)).toThrow(message);
  });
});

describe('a plan', () => {
  const config = reviewConfig('/data', 'out');
  const plan = (key: string, values: unknown[], options = {}) =>
    planSweep(config, { grid: [{ key, values }], overrides: [], ...options });

  it('gives each run its folder, its values, and no test data', async () => {
    const { runs, output, test } = await plan('optimizer.tilt', [0, { tau: 2 }]);
    expect(output).toBe('/data/out');
    expect(test).toBe('/data/test.jsonl');
    expect(runs.map((run) => run.config.output)).toEqual(['/data/out/tilt=0', '/data/out/tilt=tau-2']);
    expect(runs.map((run) => run.config.optimizer)).toMatchObject([{ tilt: 0 }, { tilt: { tau: 2 } }]);
    expect(runs.every((run) => run.config.data.test === undefined)).toBe(true);
  });

  it('has its own folder for that of a configuration, which may have none', async () => {
    const { output: _, ...without } = config;
    const grid = [{ key: 'optimizer.tilt', values: [0] }];
    const planned = await planSweep(without as typeof config, { grid, overrides: [], output: 'elsewhere' });
    expect(planned.output).toBe('elsewhere');
    expect(planned.runs.map((run) => run.config.output)).toEqual(['elsewhere/tilt=0']);
  });

  it('sets a key before those within it, on the grid and beside it', async () => {
    const methods = [1e-4, 2e-4].map((learningRate) => ({ method: 'zest', learningRate }));
    const grid = [
      { key: 'optimizer.tilt', values: [0, 5] },
      { key: 'optimizer', values: methods },
    ];
    const { runs } = await planSweep(config, { grid, overrides: ['optimizer.schedule=linear'] });
    expect(runs.map((run) => run.config.optimizer)).toMatchObject(
      [0, 5].flatMap((tilt) => methods.map((method) => ({ ...method, tilt, schedule: 'linear' }))),
    );
  });

  it.each([
    [
      'data',
      ['a', 'b'].map((test) => ({ ...config.data, test })),
      {},
      'the grid cannot have data.test: it takes no part',
    ],
    ['training', [{ steps: 100 }, { steps: 200 }], { forwards: 40 }, 'the grid cannot have training.steps: forwards'],
    [
      'optimizer.tilt',
      [0, 1],
      { overrides: ['optimizer.tilt.tau=1'] },
      'the grid has one run twice, as tilt=0 and as tilt=1',
    ],
    [
      'task',
      ['sst2', 'cola'],
      { overrides: [] },
      'the grid has task=sst2, which is judged by accuracy, and task=cola by matthews; expected runs with one',
    ],
    ['output', ['a'], {}, 'the grid cannot have output'],
    ['data.test', ['a'], {}, 'the grid cannot have data.test'],
    ['training.steps', [1], { forwards: 10 }, 'forwards sets it'],
    ['optimizer.tilts', [1], {}, 'optimizer.tilts is not known (did you mean tilt?)'],
    ['optimizer.tilt', [1, -1], {}, 'optimizer.tilt is -1; expected'],
    ['training.seed', [1], { overrides: ['data={train: a}'] }, 'data.validation: is missing'],
    ['optimizer.directions', [5, 50], { forwards: 20 }, 'forwards is 20; expected 100 or more, which a step takes'],
  ])('refuses %s of %j', async (key, values, options, message) => {
    await expect(plan(key, values, options)).rejects.toMatchObject({
      code: 'ERR_ZEST_CONFIG',
      message: expect.stringContaining(message),
    });
  });

  it('spends the same forwards on every method, within a step', () => {
    const training = { steps: 1000, evaluateEvery: 100, checkpointEvery: 500, batchSize: 8 };
    for (const [optimizer, steps, evaluateEvery] of [
      [{ method: 'mezo', learningRate: 1, schedule: 'linear', warmupSteps: 50 }, 501, 50],
      [{ method: 'zest', learningRate: 1, schedule: 'linear', warmupSteps: 50 }, 100, 10],
      [{ method: 'zest', learningRate: 1, schedule: 'linear', warmupSteps: 50, sides: 'one', directions: 3 }, 334, 33],
    ] as const) {
      const { training: own, optimizer: set } = withBudget(resolveConfig({ ...config, optimizer, training }), 1003);
      expect(own).toMatchObject({ steps, evaluateEvery, batchSize: 8 });
      expect(set.warmupSteps).toBe(Math.round(steps / 20));
    }
  });

  it('counts the steps of a method one by one where they differ', async () => {
    const auto = resolveConfig({ ...config, optimizer: { method: 'auto' } });
    expect(() => withBudget(auto, 17)).toThrow('forwards is 17; expected 18 or more, which a step takes');
    expect([18, 33, 34, 65, 66].map((forwards) => withBudget(auto, forwards).training.steps)).toEqual([1, 1, 2, 3, 4]);
    const svrg = resolveConfig({ ...config, optimizer: { method: 'svrg', learningRate: 1e-3, interval: 3 } });
    // An anchor takes 10 forwards of 5.5 batches, the two steps after it 4 each.
    const steps = [55, 59, 62, 63, 117, 118].map((most) => withBudget(svrg, most, 5.5).training.steps);
    expect(steps).toEqual([1, 2, 2, 3, 3, 4]);
    expect(() => withBudget(svrg, 54, 5.5)).toThrow('expected 55 or more');
  });
});
