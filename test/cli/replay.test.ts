import { appendFile, cp, mkdir, readFile, rename, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Model } from '../../lib/model/model.ts';
import { replayTrajectory } from '../../lib/runs/replay.ts';
import { readTrajectory } from '../../lib/runs/trajectory.ts';
import { encodeHeader } from '../../lib/runs/trajectory-format.ts';
import { applyLog, exportLog, replayRun } from '../../lib/training/replay-run.ts';
import { train } from '../../lib/training/train.ts';
import { verifyRun } from '../../lib/training/verify-run.ts';
import { film } from '../fixtures/film.ts';
import { rejects } from '../fixtures/rejects.ts';
import { digestOf, readSummary, reviewConfig, reviewFolder, run } from '../training/runs.ts';
import { parseLines, zest } from './zest.ts';

let folder: string;
let output: string;
let digest: string;
beforeAll(async () => {
  folder = await reviewFolder();
  const config = reviewConfig(folder, 'run');
  output = config.output;
  await run({ ...config, training: { ...config.training, keepCheckpoints: 2 } });
  ({ digest } = await readSummary(output));
});
afterAll(() => rm(folder, { recursive: true }));

/** The weights after each step, by the log alone. */
const weightsOf = async (steps: number): Promise<{ digest: string; values: Map<string, Float32Array> }> => {
  using model = await Model.load(film, { device: 'cpu' });
  await replayTrajectory(model, join(output, 'trajectory.zest'), { toStep: steps });
  const names = ['lm_head.bias', 'roberta.encoder.layer.0.output.dense.weight'];
  const values = new Map<string, Float32Array>();
  for (const name of names) values.set(name, await model.parameter(name));
  return { digest: await model.digest(), values };
};

describe('zest replay', () => {
  it.each([0, 1, 5, 6])('rebuilds the weights of step %i as a model folder', async (step) => {
    const to = join(folder, `step-${step}`);
    const { status, stdout } = await zest(['replay', output, '--to-step', `${step}`, '--output', to, '--json']);
    expect(status).toBe(0);
    const expected = (await weightsOf(step)).digest;
    // From the newest checkpoint that is not newer.
    const from = step < 4 ? 0 : step < 6 ? 4 : 6;
    expect(parseLines(stdout)).toEqual([{ kind: 'replayed', step, from, digest: expected, output: to, tornBytes: 0 }]);
    expect(await digestOf(to)).toBe(expected);
  });

  it('refuses steps that there are not', async () => {
    const { status, stderr } = await zest(['replay', output, '--to-step', '7']);
    expect(status).toBe(2);
    expect(stderr).toContain('--to-step is 7; expected a whole number from 0 to 6 (ERR_ZEST_OPTION)');
    for (const average of ['3', '3..', '4..2', '0..9']) {
      expect((await zest(['replay', output, '--average', average])).status).toBe(2);
    }
  });

  it('checks the checkpoints against the log', async () => {
    const verify = async (path: string) => {
      const { status, stdout } = await zest(['replay', path, '--verify', '--json']);
      return { status, lines: parseLines(stdout).map(({ kind: _, ...line }) => line) };
    };
    const best = (await readSummary(output)).kept.step;
    const names = ['best', 'last', 'step-4', 'step-6', 'summary'];
    const steps: Record<string, number> = { best, last: 6, 'step-4': 4, 'step-6': 6, summary: 6 };
    const { status, lines } = await verify(output);
    expect(status).toBe(0);
    expect(lines.sort((a, b) => String(a.name).localeCompare(String(b.name)))).toEqual(
      names.map((name) => ({ name, step: steps[name], isLogged: true, isRight: true })),
    );
    const other = join(folder, 'other');
    await cp(output, other, { recursive: true });
    // The header says step 6; the tensors are those of step 4.
    const [four, six] = await Promise.all(
      ['step-4', 'step-6'].map((name) => readFile(join(output, 'checkpoints', name, 'model.safetensors'))),
    );
    six!.set(four!.subarray(-1000), six!.length - 1000);
    await rm(join(other, 'checkpoints', 'last', 'model.safetensors'));
    await appendFile(join(other, 'checkpoints', 'last', 'model.safetensors'), six!);
    const wrong = await verify(other);
    expect(wrong.status).toBe(1);
    expect(wrong.lines.filter(({ isRight }) => !isRight)).toEqual([
      { name: 'last', step: 6, isLogged: true, isRight: false },
    ]);
    // Cut ones are wrong, and keep none of the others from being looked at.
    await truncate(join(other, 'checkpoints', 'step-4', 'model.safetensors'), 4);
    await truncate(join(other, 'checkpoints', 'last', 'model.safetensors'), 5_000_000);
    const cut = await verify(other);
    expect(cut.status).toBe(1);
    expect(cut.lines.filter(({ isRight }) => !isRight)).toEqual([
      { name: 'last', step: 6, isLogged: true, isRight: false },
      { name: 'step-4', step: null, isLogged: false, isRight: false },
    ]);
    // One that cannot be read is neither right nor wrong.
    const config = join(other, 'checkpoints', 'step-6', 'config.json');
    await rm(config);
    await mkdir(config);
    await rejects(() => verifyRun(other), 'ERR_ZEST_FILE', /step-6.config\.json cannot be read: EISDIR/);
  });

  it.each(['merged', 'adapter', 'both'] as const)('checks what checkpoints hold of LoRA, %s', async (weights) => {
    const config = reviewConfig(folder, `lora-${weights}`);
    const training = { ...config.training, steps: 2, evaluateEvery: 2, weights };
    await run({ ...config, trainable: { lora: { rank: 2, alpha: 4 } }, training });
    const right = async () => (await verifyRun(config.output)).map(({ isRight }) => isRight);
    expect(await right()).not.toContain(false);
    const last = join(config.output, 'checkpoints', 'last');
    const file = join(last, weights === 'merged' ? 'model.safetensors' : 'adapter_model.safetensors');
    const place = weights === 'both' ? join(last, 'adapter', 'adapter_model.safetensors') : file;
    const bytes = await readFile(place);
    bytes.fill(0x3e, bytes.length - 400);
    await writeFile(place, bytes);
    expect(await right()).toContain(false);
  });

  it('says what it leaves out of a log that is cut, and so does export-log', async () => {
    const torn = join(folder, 'torn');
    await cp(output, torn, { recursive: true });
    const log = join(torn, 'trajectory.zest');
    await truncate(log, (await stat(log)).size - 3);
    for (const args of [
      ['replay', torn, '--json'],
      ['export-log', torn, join(folder, 'torn.zest'), '--json'],
    ]) {
      const { status, stdout, stderr } = await zest(args);
      expect(status).toBe(0);
      const [{ tornBytes }] = parseLines(stdout) as [{ tornBytes: number }];
      expect(tornBytes).toBeGreaterThan(0);
      expect(stderr).toContain(
        `${torn}: ${tornBytes} bytes at the end of its log are no whole record, and are left out`,
      );
    }
  });

  it('says of a checkpoint that it is of a step behind the end of a log', async () => {
    const { status, stderr } = await zest(['replay', join(folder, 'torn'), '--verify']);
    expect(status).toBe(1);
    expect(stderr).toContain('step-4, step 4: as the log leads to it\n');
    expect(stderr).toContain('step-6, step 6: NOT in the log, which ends before it\n');
  });

  it('takes no mean of weights that a rule with state moved', async () => {
    const config = reviewConfig(folder, 'momentum');
    await run({ ...config, optimizer: { ...config.optimizer, rule: 'sign', learningRate: 1e-6 } });
    await expect(replayRun(config.output, { average: [1, 2] })).rejects.toMatchObject({
      code: 'ERR_ZEST_OPTION',
      message:
        "average is [ 1, 2 ], and the run's rule is sign; expected a run of the plain rule, or the weights of single steps, by toStep, to take the mean of",
    });
  });

  it('gives the mean of the weights of some steps', async () => {
    const { model } = await replayRun(output, { average: [2, 5] });
    const parts = await Promise.all([2, 3, 4, 5].map(weightsOf));
    for (const [name, values] of parts[0]!.values) {
      const mean = values.map((_, i) => parts.reduce((sum, part) => sum + part.values.get(name)![i]!, 0) / 4);
      const found = await model.parameter(name);
      const far = (a: Float32Array, b: Float32Array) =>
        a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
      const moved = far(parts[0]!.values.get(name)!, parts[3]!.values.get(name)!);
      expect(far(found, mean)).toBeLessThan(1e-3 * moved + 2e-6);
    }
    model.dispose();
    const alone = await replayRun(output, { average: [3, 3] });
    expect(await alone.model.digest()).toBe((await weightsOf(3)).digest);
    alone.model.dispose();
  });

  it('leaves no model behind where it is stopped', async () => {
    const { applyAll } = Model.prototype;
    const options = [{ toStep: 5 }, { average: [2, 5] }] as const;
    for (const [calls, option] of options.entries()) {
      const controller = new AbortController();
      const models: Model[] = [];
      const moving = vi.spyOn(Model.prototype, 'applyAll').mockImplementation(function (this: Model, ...call) {
        // The mean is what the second call leads on to.
        if (models.push(this) > calls) controller.abort('enough');
        return applyAll.apply(this, call);
      });
      await expect(replayRun(output, { ...option, signal: controller.signal })).rejects.toBe('enough');
      moving.mockRestore();
      expect(models).toHaveLength(calls + 1);
      for (const model of models) await rejects(() => model.digest(), 'ERR_ZEST_DISPOSED', /disposed/);
    }
  });

  it('reads a run that goes on', async () => {
    const config = reviewConfig(folder, 'live');
    const digests: string[] = [];
    for await (const event of train(config)) {
      if (event.kind !== 'step') continue;
      const { model, step } = await replayRun(config.output);
      expect(step).toBe(event.step);
      digests.push(await model.digest());
      model.dispose();
    }
    expect(digests.at(-1)).toBe((await readSummary(config.output)).digest);
    expect(digests.at(-1)).toBe(digest);
  });
});

describe('zest export-log and apply-log', () => {
  it('carry a fine-tune in a file of kilobytes', async () => {
    const file = join(folder, 'tune.zest');
    const exported = await zest(['export-log', output, file, '--json']);
    expect(exported.status).toBe(0);
    const { size } = await stat(file);
    expect(parseLines(exported.stdout)).toEqual([
      { kind: 'exported', output: file, steps: 6, bytes: size, tornBytes: 0 },
    ]);
    expect(size).toBeLessThan(20_000);
    // Nothing of where the files of the run are.
    expect((await readFile(file)).includes(folder)).toBe(false);
    expect((await readTrajectory(file)).header).toMatchObject({
      result: digest,
      config: { model: 'film-roberta-mini' },
    });
    const to = join(folder, 'applied');
    const applied = await zest(['apply-log', film, file, '--output', to, '--json']);
    expect(applied.status).toBe(0);
    expect(parseLines(applied.stdout)).toEqual([{ kind: 'applied', output: to, step: 6, digest }]);
    expect(await digestOf(to)).toBe(digest);
  });

  it('are refused where the base differs, or the file is cut', async () => {
    const file = join(folder, 'tune.zest');
    const other = join(output, 'checkpoints', 'last');
    const { status, stderr } = await zest(['apply-log', other, file, '--output', join(folder, 'none')]);
    expect(status).toBe(2);
    expect(stderr).toMatch(/last has weights of the digest sha256:.*; expected sha256:.*, those of film-roberta-mini/);
    const own = join(output, 'trajectory.zest');
    const before = await readFile(own);
    await expect(exportLog(output, own)).rejects.toMatchObject({
      code: 'ERR_ZEST_FILE',
      message: `${own} is a part of the run in ${output}; expected another file to write`,
    });
    expect(await readFile(own)).toEqual(before);
    const link = join(folder, 'linked');
    await cp(output, link, { recursive: true });
    await rename(join(link, 'trajectory.zest'), join(folder, 'elsewhere.zest'));
    await symlink(join(folder, 'elsewhere.zest'), join(link, 'trajectory.zest'));
    await rejects(() => exportLog(link, join(link, 'trajectory.zest')), 'ERR_ZEST_FILE', /is a part of the run in/);
    const bare = join(folder, 'bare');
    await mkdir(bare);
    await writeFile(join(bare, 'trajectory.zest'), before);
    await rejects(() => exportLog(bare, join(bare, 'trajectory.zest')), 'ERR_ZEST_FILE', /is the log that is exported/);
    // What was exported is no run, whatever it is called.
    for (let time = 0; time < 2; time++) await exportLog(output, join(folder, 'trajectory.zest'));
    for (const args of [
      ['report', output, '--output', join(output, 'metrics.jsonl')],
      ['report', output, '--output', join(output, 'checkpoints', 'best', 'model.safetensors')],
      ['predict', output, '--input', join(folder, 'train.jsonl'), '--output', join(output, 'config.yaml')],
    ]) {
      const { status, stderr } = await zest(args);
      expect(status).toBe(1);
      expect(stderr).toContain(`is a part of the run in ${output}; expected another file to write (ERR_ZEST_FILE)`);
    }
    // A log of anyone may name any folder.
    const { header } = await readTrajectory(file);
    const foreign = join(folder, 'foreign.zest');
    await writeFile(
      foreign,
      encodeHeader({ ...header, config: { ...Object(header.config), adapter: '../etc' } }).bytes,
    );
    await expect(applyLog(film, foreign)).rejects.toMatchObject({
      code: 'ERR_ZEST_OPTION',
      message: `${foreign} is of a model with the adapter '../etc'; expected the override adapter=FOLDER that says where it is`,
    });
    await appendFile(file, 'x');
    await expect(applyLog(film, file)).rejects.toMatchObject({
      code: 'ERR_ZEST_TRAJECTORY',
      message: `${file}: 1 bytes at its end are no whole record; expected a file that is whole`,
    });
  });
});
