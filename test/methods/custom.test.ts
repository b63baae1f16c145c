import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { registerMethod } from '../../lib/methods/registry.ts';
import { resolveConfig } from '../../lib/training/config.ts';
import type { Config } from '../../lib/training/schema.ts';
import { zest } from '../cli/zest.ts';
import { rejects } from '../fixtures/rejects.ts';
import { ofKind, readMetrics, readSummary, reviewConfig, reviewFolder, run } from '../training/runs.ts';

// A method in a file of its own, as a configuration names it.

const EXAMPLE = relative('', fileURLToPath(new URL('../../examples/rank-method.mjs', import.meta.url)));

let folder: string;
beforeAll(async () => {
  folder = await reviewFolder();
});
afterAll(() => rm(folder, { recursive: true }));

const withMethod = (output: string, method: string, options = {}): Config =>
  ({ ...reviewConfig(folder, output), optimizer: { method, learningRate: 0.3, ...options } }) as never;

const configFile = async (name: string, config: Config): Promise<string> => {
  const file = join(folder, `${name}.yaml`);
  await writeFile(file, stringify(config));
  return file;
};

describe('a method in a file of its own', () => {
  it('is trained from YAML, estimated, charted and reported as the built-in ones are', async () => {
    const file = await configFile('ranks', withMethod('ranks', EXAMPLE, { directions: 4, schedule: 'linear' }));
    const trained = await zest(['train', file]);
    expect(trained).toMatchObject({ status: 0, stderr: expect.stringContaining('48 forwards') });
    const output = join(folder, 'ranks');
    expect(await readSummary(output)).toMatchObject({ steps: 6, forwards: 6 * 8 });
    const steps = ofKind((await readMetrics(output)) as never, 'step');
    for (const step of steps) expect(Number(step.lossRange)).toBeGreaterThan(0);
    const reported = await zest(['report', output, '--output', join(folder, 'report.html'), '--json']);
    expect(reported.status).toBe(0);
    expect((await zest(['evaluate', output])).status).toBe(0);
  });

  it('is swept at equal forwards, and has its learning rate found', async () => {
    const file = await configFile('swept', withMethod('swept', EXAMPLE));
    const sweep = ['sweep', file, '--grid', 'optimizer.directions=2,4', '--forwards', '16', '--json'];
    expect((await zest(sweep)).status).toBe(0);
    expect(await readSummary(join(folder, 'swept/directions=2'))).toMatchObject({ steps: 4, forwards: 16 });
    expect(await readSummary(join(folder, 'swept/directions=4'))).toMatchObject({ steps: 2, forwards: 16 });
    expect((await zest(['train', file, '--find-learning-rate', '--json'])).status).toBe(0);
  });

  it('has its options checked, with what they are', async () => {
    const file = await configFile('wrong', withMethod('wrong', EXAMPLE, { direction: 4 }));
    const { status, stderr } = await zest(['train', file]);
    expect(status).toBe(2);
    expect(stderr).toContain('optimizer.direction is not known (did you mean directions?)');
  });

  it('can be used from a program by its path', async () => {
    const events = await run(withMethod('program', EXAMPLE, { directions: 2 }));
    expect(ofKind(events, 'done')[0]!.summary.forwards).toBe(6 * 4);
  });

  it('may be missing, broken or none, which names the file', async () => {
    await mkdir(join(folder, 'modules'));
    const module = async (name: string, source: string) => {
      const path = join(folder, 'modules', name);
      await writeFile(path, source);
      return path;
    };
    const refused = async (method: string, text: RegExp) => {
      await rejects(() => run(withMethod('none', method)), 'ERR_ZEST_CONFIG', text);
    };
    await refused('./nowhere.js', /optimizer\.method: \.\/nowhere\.js cannot be used: Cannot find module/);
    await refused(await module('broken.mjs', 'export default {'), /broken\.mjs cannot be used: /);
    await refused(await module('empty.mjs', 'export const method = 3;'), /empty\.mjs cannot be used: .*defineMethod/);
    await refused(
      await module('half.mjs', "export default { name: 'half' };"),
      /half\.mjs cannot be used: .*defineMethod/,
    );
  });
});

describe('a method of a program', () => {
  const still = {
    name: 'still',
    title: 'Still',
    options: {},
    streams: () => 0,
    forwards: () => 1,
    diagnostics: {},
    *estimate() {
      const losses: Float64Array = yield [[]];
      return { terms: [], meanLoss: losses[0]!, diagnostics: {} };
    },
  };

  it('is usable in configurations once it is registered', async () => {
    const config = withMethod('still', 'still');
    expect(() => resolveConfig(config)).toThrow(/^optimizer\.method is 'still'; expected one of zest, mezo, nspsa/);
    registerMethod(still);
    const events = await run(config);
    const { summary } = ofKind(events, 'done')[0]!;
    expect(summary).toMatchObject({ forwards: 6, steps: 6 });
  });

  it('cannot take the name of another', async () => {
    registerMethod(still);
    const optimizer: Config['optimizer'] = { method: registerMethod(still), learningRate: 0.5 };
    expect(resolveConfig({ ...reviewConfig(folder, 'still'), optimizer }).optimizer).toMatchObject({ method: 'still' });
    const byPath: Config['optimizer'] = { method: './still.mjs', learningRate: 0.5 };
    // @ts-expect-error there is no such option of zest
    const wrong: Config['optimizer'] = { method: 'zest', learningRate: 0.5, rhoo: 1 };
    for (const other of [byPath, wrong])
      await rejects(
        () => resolveConfig({ ...reviewConfig(folder, 'still'), optimizer: other }),
        'ERR_ZEST_CONFIG',
        /still|rhoo/,
      );
    await rejects(() => registerMethod({ ...still }), 'ERR_ZEST_OPTION', /method still is another one already/);
    await rejects(() => registerMethod({ ...still, name: 'zest' }), 'ERR_ZEST_OPTION', /method zest is another one/);
  });
});
