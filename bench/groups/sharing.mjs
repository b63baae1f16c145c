import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { Model } from '../../dist/index.js';
import { quantile } from '../../dist/numbers/statistics.js';
import { startEngineWorker } from '../child.mjs';
import { interleave, ratio, time } from '../measure.mjs';
import { BASE, equalLengths, FILM, STEP } from './workloads.mjs';

const STEPS = 16; // of all engines together
const READ_EVERY = 2; // ms
const ONE = 'one engine';
const TWO = 'two engines';
const FOUR = 'four worker threads';

const threadCount = () => readdirSync('/proc/self/task').length;

/** The same number of steps by one engine, by two at once, and by four in worker threads. */
const throughput = async ({ folders, threads, batch }, { repeats, onRun }) => {
  const folder = folders[FILM.model];
  const work = batch(FILM, equalLengths(16, 32));
  let stream = 0n;
  const steps = async (model, count) => {
    for (let i = 0; i < count; i++, stream += 5n) await model.step(work, { ...STEP, firstStream: stream });
  };
  const before = threadCount();
  const models = [await Model.load(folder, { threads }), await Model.load(folder, { threads })];
  const withTwo = threadCount();
  const workers = Array.from({ length: 4 }, startEngineWorker);
  await Promise.all(workers.map((worker) => worker.request('load', { folder, threads })));
  const withFour = threadCount();
  const inWorkers = (worker) => worker.request('steps', { batch: work, options: STEP, count: STEPS / workers.length });
  const rows = await interleave(
    [
      { name: ONE, run: () => time(() => steps(models[0], STEPS)) },
      { name: TWO, run: () => time(() => Promise.all(models.map((model) => steps(model, STEPS / 2)))) },
      { name: FOUR, run: () => time(() => Promise.all(workers.map(inWorkers))) },
    ].map((contestant) => ({ ...contestant, work: `${STEPS} steps in all`, side: 'ours' })),
    repeats,
    onRun,
  );
  for (const model of models) model.dispose();
  await Promise.all(workers.map((worker) => worker.stop()));
  return {
    title: `engines at once, film-roberta-mini, 16 × 32 tokens`,
    rows: rows.map((row) => ({ ...row, rates: { 'steps/s': (STEPS / row.ms.median) * 1e3 } })),
    figures: [
      { name: TWO, 'threads they add': withTwo - before },
      { name: FOUR, 'threads they add': withFour - withTwo },
    ],
    floors: [TWO, FOUR].map((name) => ({
      name: `steps a second of ${name} over one engine's`,
      value: ratio(rows, ONE, name),
      least: 0.95,
    })),
  };
};

/** Reads a small file every 2 ms until `work` is done; the times in ms. */
const readTimes = async (work) => {
  const times = [];
  let over = false;
  const ended = work.finally(() => {
    over = true;
  });
  while (!over) {
    times.push(await time(() => readFile(import.meta.filename)));
    await wait(READ_EVERY);
  }
  await ended;
  return times;
};

/** How long fs.readFile takes beside a running step. */
const reading = async ({ load, batch }, { quick }) => {
  const shape = quick ? FILM : BASE;
  const model = await load(shape.model);
  const work = batch(shape, equalLengths(16, 64));
  const duration = quick ? 2e3 : 20e3; // ms
  const steps = async () => {
    const until = performance.now() + duration;
    for (let stream = 0n; performance.now() < until; stream += 5n) {
      await model.step(work, { ...STEP, firstStream: stream });
    }
  };
  const figures = [
    ['beside an idle engine', await readTimes(wait(duration))],
    ['beside a running step', await readTimes(steps())],
  ].map(([name, times]) => {
    const sorted = times.toSorted((a, b) => a - b);
    const [q1, median, q3, p99, max] = [0.25, 0.5, 0.75, 0.99, 1].map((fraction) => quantile(sorted, fraction));
    return { name, reads: times.length, 'q1 ms': q1, 'median ms': median, 'q3 ms': q3, 'p99 ms': p99, 'max ms': max };
  });
  return {
    title: `fs.readFile() every ${READ_EVERY} ms, ${shape.model}, 16 × 64 tokens`,
    figures,
    floors: [{ name: 'p99 beside a running step, ms', value: figures[1]['p99 ms'], most: 20 }],
  };
};

export const sharing = async (workloads, options) => [
  await throughput(workloads, options),
  await reading(workloads, options),
];
