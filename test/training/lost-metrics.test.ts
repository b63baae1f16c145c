import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readTrajectory } from '../../lib/runs/trajectory.ts';
import { train } from '../../lib/training/train.ts';
import { ofKind, readMetrics, readSummary, reviewConfig, reviewFolder, run } from './runs.ts';

let folder: string;
beforeAll(async () => {
  folder = await reviewFolder();
});
afterAll(() => rm(folder, { recursive: true }));

const stepsOf = async (output: string) =>
  (await readMetrics(output)).flatMap((event) => (event.kind === 'step' ? [[event.step, event.meanLoss]] : []));

it('a run whose metrics were lost says so, takes its steps again, and keeps its log where it is stopped before', async () => {
  const { data, ...rest } = reviewConfig(folder, 'lost');
  const config = { ...rest, data: { train: data.train }, training: { ...rest.training, checkpointEvery: 3 } };
  for await (const event of train(config)) if (event.kind === 'step' && event.step === 5) break;
  const [log, metrics] = ['trajectory.zest', 'metrics.jsonl'].map((name) => join(config.output, name)) as [
    string,
    string,
  ];
  const [records, lines] = [await readFile(log), await readFile(metrics, 'utf8')];
  await rm(metrics);
  const stopped = new AbortController();
  const warnings: string[] = [];
  await expect(
    (async () => {
      for await (const event of train(config, { resume: true, signal: stopped.signal })) {
        if (event.kind === 'warning' && event.code === 'WARN_ZEST_METRICS') warnings.push(event.message);
        if (event.kind === 'step' && event.step === 2) stopped.abort(new Error('enough'));
      }
    })(),
  ).rejects.toThrow('enough');
  expect(warnings).toEqual([
    `${metrics} has 0 of the 5 steps that ${log} has; those that are missing are taken again, to the same weights. If you have the whole file, stop this run, put it back, and go on`,
  ]);
  expect((await readSummary(config.output)).steps).toBe(2);
  expect(await readFile(log)).toEqual(records);
  expect((await readTrajectory(log)).updates).toHaveLength(5);
  // As told: the file is put back, and the run goes on where it was.
  await writeFile(metrics, lines);
  const events = await run(config, { resume: true });
  expect(ofKind(events, 'resume')[0]?.step).toBe(5);
  expect(ofKind(events, 'warning').map(({ code }) => code)).not.toContain('WARN_ZEST_METRICS');
  const whole = { ...config, output: join(folder, 'whole') };
  await run(whole);
  expect(await stepsOf(config.output)).toEqual(await stepsOf(whole.output));
  expect((await readSummary(config.output)).digest).toBe((await readSummary(whole.output)).digest);
});
