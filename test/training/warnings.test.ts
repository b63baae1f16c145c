import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Model } from '../../lib/model/model.ts';
import type { StepEvent } from '../../lib/runs/events.ts';
import { resolveConfig } from '../../lib/training/config.ts';
import type { Config } from '../../lib/training/schema.ts';
import { resolution, settingWarnings, weightScale } from '../../lib/training/warnings.ts';
import { film } from '../fixtures/film.ts';
import { ofKind, reviewConfig, reviewFolder, run } from './runs.ts';

let folder: string;
beforeAll(async () => {
  folder = await reviewFolder();
});
afterAll(() => rm(folder, { recursive: true }));

const DIMENSION = 1e6;
const step = (scalars: Partial<StepEvent>) =>
  ({ tau: 1, effectiveSampleSize: 5, gradientNorm: 1e3, ...scalars }) as StepEvent;
const told = (
  optimizer: Partial<Config['optimizer']>,
  { steps = [step({})], scale = 0.04, device = 'cpu', dtype = 'float32' as 'float32' | 'bfloat16' } = {},
) => {
  const config = resolveConfig({
    ...reviewConfig('/data', 'out'),
    optimizer: { method: 'zest', learningRate: 1e-5, ...optimizer } as Config['optimizer'],
  });
  return settingWarnings(config, { device, dtype, dimension: DIMENSION }, scale, steps);
};
const codes = (...given: Parameters<typeof told>) => told(...given).map(({ code }) => code);

describe('the resolution of a dtype', () => {
  it('is the distance to the next number', () => {
    // IEEE 754: float32 has 2⁻²³ above 1; bfloat16 2⁻⁷.
    expect(resolution(1, 'float32')).toBe(2 ** -23);
    expect(resolution(1.99, 'bfloat16')).toBe(2 ** -7);
    expect(resolution(0.04, 'float32')).toBe(2 ** -28);
    const x = Math.fround(0.04);
    expect(Math.fround(x + resolution(x, 'float32'))).toBeGreaterThan(x);
    expect(Math.fround(x + resolution(x, 'float32') / 2.01)).toBe(x);
    expect(resolution(0, 'float32')).toBe(0);
  });
});

describe('a warning', () => {
  it.each([
    [{}, {}, []],
    [{ rho: 3e-9 }, {}, ['WARN_ZEST_RHO']],
    [{ rho: 4e-9 }, {}, []],
    [{ rho: 1e-4 }, { dtype: 'bfloat16' as const }, []],
    [{ rho: 1e-4 }, { dtype: 'bfloat16' as const, device: 'cuda:0' }, ['WARN_ZEST_RHO']],
    [{ rho: 1e-3 }, { dtype: 'bfloat16' as const, device: 'cuda:0' }, []],
    [{ rho: 1e-9 }, { scale: 0 }, []],
    [{ tilt: 1 }, { steps: [step({ tau: 9e-4 })] }, ['WARN_ZEST_TILT']],
    [{ tilt: 1 }, { steps: [1e-4, 2e-3, 2e-3].map((tau) => step({ tau })) }, []],
    [{ tilt: { tau: 1 } }, { steps: [step({ tau: 1, curvatureShare: 0.09 })] }, ['WARN_ZEST_TILT']],
    [{ tilt: { tau: 1 } }, { steps: [step({ tau: 1, curvatureShare: 0.11 })] }, []],
    [{ tilt: 0 }, { steps: [step({ tau: 0, curvatureShare: 0.01 })] }, []],
    [{ tilt: 0 }, { steps: [step({ tau: 0, effectiveSampleSize: 10 })] }, []],
    [{ tilt: { effectiveSampleSize: 1 } }, { steps: [step({ tau: 0 })] }, []],
    [{ tilt: { klRadius: 0.1 } }, { steps: [step({ tau: 0 })] }, ['WARN_ZEST_TILT']],
    [{ method: 'mezo' as const }, { steps: [step({ tau: 0, effectiveSampleSize: 1 })] }, []],
    [{ tilt: 1e6 }, { steps: [step({ effectiveSampleSize: 1.1 })] }, ['WARN_ZEST_EFFECTIVE_SAMPLE_SIZE']],
    [{ tilt: 1e6, directions: 1 }, { steps: [step({ effectiveSampleSize: 1.1 })] }, []],
    [{ learningRate: 1.8e-9 }, {}, ['WARN_ZEST_UPDATE']],
    [{ learningRate: 1.9e-9 }, {}, []],
    [{ learningRate: 1.8e-9 }, { dtype: 'bfloat16' as const }, ['WARN_ZEST_UPDATE']],
    // Losses that are all the same, of one cause: neither the tilt nor the learning rate is at fault.
    [{ tilt: { tau: 1 } }, { steps: [step({ tau: 0, gradientNorm: 0 })] }, ['WARN_ZEST_UPDATE']],
    [{ tilt: { tau: 1 }, rho: 1e-9 }, { steps: [step({ tau: 0, gradientNorm: 0 })] }, ['WARN_ZEST_RHO']],
  ])('of %j in %j', (optimizer, run, expected) => {
    expect(codes(optimizer, run)).toEqual(expected);
  });

  it('asks for nothing that is so already', () => {
    expect(told({ rho: 1e-9 })[0]?.message).toMatch(/use a larger optimizer\.rho, 0\.001 is usual$/);
    // float32 has 2⁻⁹ = 0.00195 above 2¹⁴.
    expect(told({ rho: 1e-3 }, { scale: 21_000 })[0]?.message).toMatch(
      /^rho 0\.001 is below .* \(0\.002 at 21000\), so that most weights are not perturbed; use a larger optimizer\.rho$/,
    );
    const [level] = told({ tilt: { tau: 1 } }, { steps: [step({ tau: 0, gradientNorm: 0 })] });
    expect(level?.message).toMatch(
      /^the losses of a step are all the same, .*; use a larger optimizer\.rho, parameters that/,
    );
  });

  it('comes once a run, after the first steps, and says what to change', async () => {
    const config = reviewConfig(folder, 'warned');
    const optimizer = { method: 'zest' as const, tilt: 0.01, directions: 2, learningRate: 1e-14 };
    const events = await run({ ...config, optimizer, training: { ...config.training, steps: 7 } });
    const warnings = ofKind(events, 'warning');
    // The last is of what came of it.
    expect(warnings.map(({ code }) => code)).toEqual(['WARN_ZEST_TILT', 'WARN_ZEST_UPDATE', 'WARN_ZEST_WITHIN_NOISE']);
    expect(events.indexOf(warnings[0]!)).toBe(
      events.findIndex((event) => event.kind === 'step' && event.step === 5) + 1,
    );
    expect(warnings[0]?.message).toMatch(/behaves as MeZO with 2 directions; use optimizer\.tilt \{tau: 1\}$/);
    expect(warnings[1]?.message).toMatch(/use a larger optimizer\.learningRate$/);
    const lines = (await readFile(join(config.output, 'metrics.jsonl'), 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line)).filter(({ kind }) => kind === 'warning')).toEqual(warnings);
    // And it is true: what was to move the weights left most of them as they were.
    const [before, after] = await Promise.all(
      [film, `${config.output}/checkpoints/last`].map(async (path) => {
        const model = await Model.load(path, { device: 'cpu' });
        const weights = await model.parameter('roberta.encoder.layer.0.intermediate.dense.weight');
        model.dispose();
        return weights;
      }),
    );
    expect(after?.filter((x, i) => x !== before?.[i]).length).toBeLessThan(0.1 * before!.length);
  });

  it('is not of usual settings, nor of a short run of them', async () => {
    const config = reviewConfig(folder, 'fine');
    for (const dtype of ['float32', 'bfloat16'] as const) {
      const events = await run({ ...config, dtype, training: { ...config.training, steps: 2 } }, { overwrite: true });
      const ofSettings = ofKind(events, 'warning').filter(({ code }) => code !== 'WARN_ZEST_WITHIN_NOISE');
      expect(ofSettings).toEqual([]);
    }
  });
});

describe('the scale of the weights', () => {
  it('is the median magnitude of what is trained', async () => {
    const bias = 'roberta.encoder.layer.1.output.dense.bias';
    const model = await Model.load(film, { device: 'cpu', trainable: { include: [bias] } });
    expect(model.trainableParameters).toEqual([{ name: bias, rows: 1, columns: 192 }]);
    const sorted = (await model.parameter(bias)).map(Math.abs).sort();
    expect(await weightScale(model)).toBe((sorted[95]! + sorted[96]!) / 2);
    model.dispose();
    const whole = await Model.load(film, { device: 'cpu' });
    const scale = await weightScale(whole);
    expect(scale).toBeGreaterThan(0.005);
    expect(scale).toBeLessThan(0.5);
    whole.dispose();
  });
});
