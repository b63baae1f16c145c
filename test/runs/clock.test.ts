import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import type { TrainEvent } from '../../lib/runs/events.ts';
import { readRun } from '../../lib/runs/read.ts';
import { zest } from '../cli/zest.ts';
import { scratchFolder } from '../fixtures/scratch.ts';
import { outcome } from '../training/kills.ts';
import { readMetrics, run } from '../training/runs.ts';
import { writeTinyRun } from '../training/tiny-run.ts';
import { eventFiles, readRecords, recordOf } from './event-files.ts';

const scratch = scratchFolder();
const SOURCE = fileURLToPath(new URL('../fixtures/faults/clock.c', import.meta.url));

it.skipIf(process.platform !== 'linux')('a run whose clock goes back comes to the same, in order', async () => {
  const library = join(scratch, 'clock.so');
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, SOURCE, '-ldl']);
  const tiny = writeTinyRun(scratch, {
    ...{ steps: 12, batchSize: 4, evaluateEvery: 3, checkpointEvery: 4 },
    ...{ sync: 'seconds', tensorboard: true },
  });
  const config = { ...tiny, output: join(scratch, 'whole') };
  await run(config);

  const output = join(scratch, 'back');
  const file = join(scratch, 'config.json');
  await writeFile(file, JSON.stringify({ ...config, output }));
  // Each process begins a day before the one before it.
  let day = 0;
  const earlier = (...args: string[]) =>
    zest(args, { LD_PRELOAD: library, ZEST_CLOCK_BACK: `${86_400 * day++}`, ZEST_THREADS: '1' });
  expect(await earlier('train', file, '--set', 'training.steps=5')).toMatchObject({ status: 0 });
  expect(await earlier('train', output, '--resume', '--set', 'training.steps=12')).toMatchObject({ status: 0 });
  const came = async (path: string) => {
    const { metrics, ...rest } = await outcome(path);
    return { ...rest, metrics: (metrics as TrainEvent[]).filter(({ kind }) => kind !== 'start') };
  };
  expect(await came(output)).toEqual(await came(config.output));

  const metrics = await readMetrics(output);
  const seconds = metrics.flatMap((event) => (event.kind === 'step' ? [event.seconds] : []));
  expect(seconds).toEqual(seconds.toSorted((a, b) => a - b));
  expect(seconds[0]).toBeGreaterThan(0);
  expect(seconds.at(-1)).toBeLessThan(60);

  // TensorBoard reads the files by name.
  const files = await eventFiles(output);
  expect(files).toHaveLength(2);
  const records = (await Promise.all(files.map(readRecords))).flatMap((all) => all.slice(1));
  const wallTimes = records.map(({ wallTime }) => wallTime);
  expect(wallTimes).toEqual(wallTimes.toSorted((a, b) => a - b));
  const scored = metrics.filter((event) => event.kind === 'step' || event.kind === 'evaluation');
  const steps = scored.filter(({ kind }) => kind === 'step');
  const isStep = ({ record }: { record: Buffer }) => record.includes('training/meanLoss');
  const written = records.filter(isStep);
  expect(written.map(({ record }) => record)).toEqual(steps.map((event, i) => recordOf(event, written[i]!.wallTime)));

  expect(await earlier('report', output, '--output', join(scratch, 'report.html'))).toMatchObject({ status: 0 });
  expect(await readRun(output, 'back')).toMatchObject({ status: 'finished', notes: [] });
});
