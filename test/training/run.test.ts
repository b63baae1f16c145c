import { readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readRows } from '../../lib/data/read-rows.ts';
import { Model } from '../../lib/model/model.ts';
import { readMetadata } from '../../lib/model/safetensors.ts';
import type { EvaluationEvent, StepEvent, Summary, TrainEvent } from '../../lib/runs/events.ts';
import { readTrajectory } from '../../lib/runs/trajectory.ts';
import { loadTask } from '../../lib/tasks/load.ts';
import { Tokenizer } from '../../lib/tasks/tokenizer.ts';
import { resolveConfig } from '../../lib/training/config.ts';
import { evaluate } from '../../lib/training/evaluate.ts';
import { version } from '../../lib/version.ts';
import { digestOf, ofKind, readMetrics, readSummary, replay, reviewConfig, reviewFolder, run } from './runs.ts';

let folder: string;
beforeAll(async () => {
  folder = await reviewFolder();
});
afterAll(() => rm(folder, { recursive: true }));

describe('a run', () => {
  let config: ReturnType<typeof reviewConfig>;
  let events: TrainEvent[];
  let summary: Summary;
  beforeAll(async () => {
    config = reviewConfig(folder, 'whole');
    events = await run(config);
    summary = await readSummary(config.output);
  });

  it('reports its start, steps, evaluations, checkpoints and end', () => {
    expect(events[0]).toEqual({
      kind: 'start',
      steps: 6,
      device: 'cpu',
      family: 'roberta',
      parameterCount: 3_448_064,
      dimension: 3_448_064,
      train: 40,
      validation: 24,
      test: 30,
      output: config.output,
      environment: {
        version,
        node: process.version,
        platform: expect.any(String),
        processor: expect.any(String),
        host: hostname(),
      },
    });
    expect(ofKind(events, 'step').map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
    const evaluations = ofKind(events, 'evaluation');
    expect(evaluations.filter(({ split }) => split === 'validation').map(({ step }) => step)).toEqual([0, 2, 4, 6]);
    expect(evaluations.filter(({ split }) => split === 'test')).toHaveLength(1);
    const last = ofKind(events, 'checkpoint').filter(({ name }) => name === 'last');
    expect(last.map(({ step }) => step)).toEqual([4, 6]);
    expect(events.at(-1)).toEqual({ kind: 'done', output: config.output, summary });
  });

  it('leaves exactly the files of the contract', async () => {
    expect((await readdir(config.output)).sort()).toEqual([
      'checkpoints',
      'classification.json',
      'config.yaml',
      'metrics.jsonl',
      'state.json',
      'summary.json',
      'trajectory.zest',
    ]);
    expect((await readdir(join(config.output, 'checkpoints'))).sort()).toEqual(['best', 'last']);
    expect(parse(await readFile(join(config.output, 'config.yaml'), 'utf8'))).toEqual(resolveConfig(config));
  });

  it('writes its start, the scalars of every step and every evaluation', async () => {
    const metrics = await readMetrics(config.output);
    expect(metrics).toEqual(events.filter(({ kind }) => ['start', 'step', 'evaluation'].includes(kind)));
    const step = metrics.find(({ kind }) => kind === 'step') as StepEvent;
    expect(Object.keys(step)).toEqual([
      'kind',
      'step',
      'learningRate',
      'meanLoss',
      'tilt',
      'tau',
      'tiltedLoss',
      'effectiveSampleSize',
      'gradientNorm',
      'coefficientSpread',
      'curvatureShare',
      'forwards',
      'seconds',
    ]);
    expect(step.tau).toBeCloseTo(1, 9);
    expect(step.tiltedLoss).toBeGreaterThan(step.meanLoss);
  });

  it('counts the forwards that steps and evaluated weights have taken', () => {
    const counted = [...ofKind(events, 'step'), ...ofKind(events, 'evaluation')];
    expect(counted.map(({ forwards }) => forwards)).toEqual(counted.map(({ step }) => step * 2 * 2));
  });

  it('has the standard deviation of the coefficients that it applied', async () => {
    const { updates } = await readTrajectory(join(config.output, 'trajectory.zest'));
    for (const [i, { coefficientSpread, learningRate }] of ofKind(events, 'step').entries()) {
      const [a, b] = updates[i]!.terms.map(({ coefficient }) => coefficient / learningRate) as [number, number];
      expect(Number(coefficientSpread) / (Math.abs(a - b) / 2)).toBeCloseTo(1, 6);
    }
  });

  it('sums up what happened', () => {
    const steps = ofKind(events, 'step');
    const validations = ofKind(events, 'evaluation').filter(({ split }) => split === 'validation');
    const [test] = ofKind(events, 'evaluation').filter(({ split }) => split === 'test');
    const best = validations.reduce((a, b) =>
      b.accuracy! > a.accuracy! || (b.accuracy === a.accuracy && b.loss < a.loss) ? b : a,
    );
    const score = ({ accuracy, loss, count }: EvaluationEvent) => ({ accuracy, loss, count });
    expect(summary).toEqual({
      steps: 6,
      forwards: 6 * 2 * 2,
      final: { loss: steps.at(-1)?.meanLoss },
      kept: { name: best.step === 6 ? 'last' : 'best', step: best.step },
      before: score(validations[0]!),
      validation: score(best),
      test: score(test!),
      stoppedEarly: false,
      interrupted: false,
      warnings: [],
      seconds: expect.any(Number),
      digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
      device: 'cpu',
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
    });
    expect(test?.step).toBe(best.step);
  });

  it('that fails ends with a line that says why', async () => {
    const diverging = { ...config.optimizer, learningRate: 1e30 };
    const output = join(folder, 'diverged');
    const failed = await run({ ...config, optimizer: diverging, output }).catch((error) => error);
    expect(failed).toMatchObject({ code: 'ERR_ZEST_LOSS_NOT_FINITE' });
    expect((await readMetrics(output)).at(-1)).toEqual({
      kind: 'failure',
      step: expect.any(Number),
      message: failed.message,
      code: failed.code,
    });
  });

  it('is replayed from its log to the same digest, which its checkpoint has', async () => {
    const { before, after } = await replay(config.output);
    expect(after).toBe(summary.digest);
    expect(after).not.toBe(before);
    expect(await digestOf(join(config.output, 'checkpoints', 'last'))).toBe(after);
  });

  it('gives the same weights again, and others with another seed', async () => {
    await run({ ...config, output: join(folder, 'again') });
    expect((await readSummary(join(folder, 'again'))).digest).toBe(summary.digest);
    await run({ ...config, training: { ...config.training, seed: 2 }, output: join(folder, 'other') });
    expect((await readSummary(join(folder, 'other'))).digest).not.toBe(summary.digest);
  });

  it('can be evaluated, with the score that it reported', async () => {
    const scores: EvaluationEvent[] = [];
    for await (const event of evaluate(config.output)) scores.push(event);
    const { kept, validation, test } = summary;
    const reports = JSON.parse(await readFile(join(config.output, 'classification.json'), 'utf8'));
    expect(scores).toEqual([
      { kind: 'evaluation', split: 'validation', step: kept.step, ...validation, report: reports.validation },
      { kind: 'evaluation', split: 'test', step: kept.step, ...test, report: reports.test },
    ]);
  });

  it('keeps checkpoints that say of which step they are, and what they hold', async () => {
    for (const name of ['best', 'last'] as const) {
      const checkpoint = join(config.output, 'checkpoints', name);
      const saved = ofKind(events, 'checkpoint').findLast((event) => event.name === name);
      expect(await readMetadata(join(checkpoint, 'model.safetensors'))).toEqual({
        format: 'pt',
        step: String(saved?.step),
        digest: await digestOf(checkpoint),
      });
    }
  });

  it('keeps a checkpoint that is a model folder, tokenizer and all', async () => {
    const checkpoint = join(config.output, 'checkpoints', summary.kept.name);
    const task = await loadTask(config.task, await Tokenizer.load(checkpoint), { maxLength: 32 });
    const model = await Model.load(checkpoint, { device: 'cpu' });
    const score = await task.score(model, task.examples(await readRows(config.data.test)));
    model.dispose();
    expect(score).toEqual(summary.test);
  });

  it('is not overwritten unless asked', async () => {
    await expect(run(config)).rejects.toMatchObject({
      code: 'ERR_ZEST_RUN',
      message: `${config.output} holds a run already (${join(config.output, 'config.yaml')}); name another folder as output, or replace the run by the option overwrite`,
    });
    expect(await readSummary(config.output)).toEqual(summary);
    const other = reviewConfig(folder, 'replaced');
    await run(other);
    await writeFile(join(other.output, 'notes.txt'), 'mine');
    await run({ ...other, training: { ...other.training, steps: 1 } }, { overwrite: true });
    expect((await readSummary(other.output)).steps).toBe(1);
    expect((await readTrajectory(join(other.output, 'trajectory.zest'))).updates).toHaveLength(1);
    expect(await readFile(join(other.output, 'notes.txt'), 'utf8')).toBe('mine');
    // The weights to go on from are part of what would be replaced.
    const kept = join(other.output, 'checkpoints', 'last');
    await symlink(other.output, join(folder, 'by-another-name'));
    for (const model of [kept, join(folder, 'by-another-name', 'checkpoints', 'last')]) {
      await expect(run({ ...other, model }, { overwrite: true })).rejects.toMatchObject({
        code: 'ERR_ZEST_RUN',
        message: `the model ${model} is a checkpoint of the run in ${other.output}, which the option overwrite would remove; name another folder as output`,
      });
    }
    expect(await digestOf(kept)).toBe((await readSummary(other.output)).digest);
    await run({ ...other, model: kept, output: join(folder, 'gone-on') });
  });
});
