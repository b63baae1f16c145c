import { join } from 'node:path';
import { z } from 'zod';
import { throwIfAborted } from '../abort.ts';
import { ZestError } from '../errors.ts';
import { isThere, writeAtomic } from '../files/files.ts';
import { defaultJobs } from '../jobs/default-jobs.ts';
import { finishedSummary, readFinished } from '../jobs/finished.ts';
import { limit } from '../jobs/limit.ts';
import { runJob } from '../jobs/process.ts';
import { eventsOf } from '../jobs/queue.ts';
import { chooseThreads } from '../model/load-options.ts';
import type { CallOptions } from '../objective.ts';
import { flag, optionalCount, optionsOf, overrides, signal, text } from '../options/calls.ts';
import type { EstimateEvent, TrainEvent } from '../runs/events.ts';
import { runFolder } from '../runs/folder.ts';
import { lockingFolder } from '../runs/lock.ts';
import type { Score } from '../tasks/task.ts';
import { testCheckpoint } from '../training/evaluate.ts';
import { loadInputs, type RunInputs } from '../training/inputs.ts';
import { runMetric } from '../training/objective.ts';
import type { Config } from '../training/schema.ts';
import type { Digests } from '../training/unchanged.ts';
import { version } from '../version.ts';
import { estimateSweep } from './estimate.ts';
import type { SweepEvent, SweepOptions } from './events.ts';
import type { GridAxis } from './grid.ts';
import { type Plan, type PlannedRun, planSweep } from './plan.ts';
import { renameRuns } from './renamed.ts';
import { doneRun, pointsOf, ranked, type SweepPoint, type SweepResult, type SweepRun, spreadOf } from './results.ts';

const axis = z.strictObject({ key: z.string().min(1), values: z.array(z.unknown()) });
const sweepOptions = optionsOf<SweepOptions>({
  signal,
  grid: z.union([z.record(z.string(), z.array(z.unknown())), z.array(axis)], {
    error: 'a list of values for each key, such as { "training.seed": [1, 2] }',
  }),
  resume: flag,
  jobs: optionalCount,
  forwards: optionalCount,
  overrides,
  output: text,
});

const axesOf = (grid: SweepOptions['grid']): readonly GridAxis[] =>
  Array.isArray(grid) ? grid : Object.entries(grid).map(([key, values]) => ({ key, values }));

/** Runs at a time and the threads of each. */
const share = (jobs: number | undefined, { runs }: Plan): { jobs: number; threads: number } => {
  const atOnce = jobs ?? defaultJobs(runs.map(({ config }) => config.device));
  const chosen = Math.min(atOnce, runs.length);
  return { jobs: chosen, threads: Math.max(1, Math.floor(chooseThreads(undefined) / chosen)) };
};

/** The row of a run: as an earlier sweep left it, or trained now. Undefined if it was stopped. */
const train = async (
  run: PlannedRun,
  threads: number,
  signal: AbortSignal,
  push: (event: SweepEvent) => void,
  onEstimate: (run: PlannedRun, estimate: EstimateEvent) => void,
): Promise<SweepRun | undefined> => {
  const { name, point, values, config } = run;
  const onEvent = (event: TrainEvent) => {
    push({ kind: 'train', name, event });
    if (event.kind === 'estimate') onEstimate(run, event);
  };
  const error = await runJob(config, { threads, signal, onEvent });
  if (signal.aborted) return undefined;
  const summary = error === undefined ? await readFinished(config) : undefined;
  if (summary) return doneRun(run, summary);
  return { name, point, values, status: 'failed', error: error ?? 'the run left no good summary.json' };
};

/** Trains the runs that are left, `jobs` at a time; `rows` gets what comes of them. Ends when all have. */
const trainAll = (
  left: readonly PlannedRun[],
  rows: Map<string, SweepRun>,
  { jobs, threads }: { jobs: number; threads: number },
  signal: AbortSignal | undefined,
): AsyncGenerator<SweepEvent, void> =>
  eventsOf(signal, async (push, stopped, stop) => {
    let estimated = false;
    const onEstimate = (run: PlannedRun, estimate: EstimateEvent): void => {
      if (!estimated) push(estimateSweep(estimate, run, left, jobs));
      estimated = true;
    };
    const slot = limit(jobs);
    const work = async (run: PlannedRun): Promise<void> => {
      const row = stopped.aborted ? undefined : await train(run, threads, stopped, push, onEstimate);
      if (row === undefined) return;
      rows.set(run.name, row);
      push({ kind: 'run', run: row });
    };
    const failing = (error: unknown): never => {
      stop();
      throw error;
    };
    const ended = await Promise.allSettled(left.map((run) => slot(() => work(run)).catch(failing)));
    for (const one of ended) if (one.status === 'rejected') throw one.reason;
  });

const inputsOf = ({ config }: PlannedRun, test: string | string[], { signal }: CallOptions): Promise<RunInputs> =>
  loadInputs({ ...config, data: { ...config.data, test } }, { splits: ['test'], signal });

/**
 * Checks the test data for each of the tasks, before the first run.
 *
 * @throws what is wrong with the test data
 */
const assertTestable = async (
  runs: readonly PlannedRun[],
  test: string | string[],
  options: CallOptions,
): Promise<void> => {
  const tasks = new Map(runs.map((run) => [JSON.stringify([run.config.model, run.config.task]), run]));
  for (const run of tasks.values()) await inputsOf(run, test, options);
};

/** Scores the weights that a run kept on the test data. */
const testRun = async (
  run: PlannedRun,
  { kept: { name } }: SweepRun & { status: 'done' },
  test: string | string[],
  { signal }: CallOptions,
): Promise<Score> => {
  const kept = join(runFolder(run.config.output).checkpoints, name);
  return (await testCheckpoint(run.config, await inputsOf(run, test, { signal }), kept, { signal })).score;
};

const testOf = async ({ runs, test }: Plan, point: SweepPoint, rows: Map<string, SweepRun>, signal?: AbortSignal) => {
  const scores: Score[] = [];
  for (const name of point.runs) {
    const run = runs.find((planned) => planned.name === name) as PlannedRun;
    const row = rows.get(name) as SweepRun & { status: 'done' };
    scores.push(await testRun(run, row, test as string | string[], { signal }));
  }
  return spreadOf(scores);
};

const assertNoSweep = async (table: string): Promise<void> => {
  if (!(await isThere(table))) return;
  throw new ZestError(
    'ERR_ZEST_RUN',
    `${table} is there from another sweep; replace it with --resume, or name another output`,
  );
};

/**
 * Checks that a folder is not that of a run, whose files a sweep's would be mixed with.
 *
 * @throws ERR_ZEST_RUN
 */
const assertNotRun = async (output: string): Promise<void> => {
  const { config, metrics, summary } = runFolder(output);
  for (const part of [config, metrics, summary]) {
    if (!(await isThere(part))) continue;
    throw new ZestError(
      'ERR_ZEST_RUN',
      `${output} holds a run (${part}); expected a folder of the sweep's own, in which each run has one: name another output`,
    );
  }
};

/** A sweep whose folder is ours. */
async function* sweepPlan(
  plan: Plan,
  grid: readonly GridAxis[],
  options: SweepOptions,
): AsyncGenerator<SweepEvent, void> {
  const { signal, resume = false, forwards } = options;
  const table = join(plan.output, 'sweep.json');
  const rows = new Map<string, SweepRun>();
  if (resume) await renameRuns(plan);
  const digests: Digests = new Map();
  for (const run of plan.runs) {
    const summary = await finishedSummary(run.config, { resume, digests });
    if (summary) rows.set(run.name, doneRun(run, summary));
  }
  if (!resume) await assertNoSweep(table);
  const left = plan.runs.filter(({ name }) => !rows.has(name));
  const sharing = share(options.jobs, plan);
  yield {
    kind: 'start',
    output: plan.output,
    runs: plan.runs.length,
    finished: rows.size,
    steps: left.reduce((sum, run) => sum + run.config.training.steps, 0),
    ...sharing,
  };
  yield* trainAll(left, rows, sharing, signal);
  throwIfAborted(signal);
  const runs = plan.runs.map(({ name }) => rows.get(name) as SweepRun);
  const points = pointsOf(runs);
  const metric = runMetric(plan.runs[0]?.config ?? { task: '' });
  const best = ranked(points, metric).find(({ failed }) => failed === 0);
  if (best && plan.test !== undefined) best.test = await testOf(plan, best, rows, signal);
  const result: SweepResult = {
    grid: Object.fromEntries(grid.map(({ key, values }) => [key, values])),
    forwards,
    metric,
    best: best?.name ?? null,
    points,
    runs,
    version,
  };
  await writeAtomic(table, `${JSON.stringify(result, null, 2)}\n`);
  yield { kind: 'done', output: plan.output, result };
}

/**
 * Trains every combination of the grid's values, each in a folder and a process of its own, and chooses the point with
 * the best mean over its seeds of the validation metric that the task names first. `config` is a configuration or the
 * path of one. A run that fails is a row with its error. The weights of the chosen point, and of no other, are scored on
 * data.test. Writes sweep.json.
 *
 * When `signal` aborts, the steps under way are finished, the runs end, and the iteration ends with `signal.reason`;
 * `resume` goes on with the runs that are not finished, from where they are, and leads to the same sweep.json. Leaving
 * the loop early stops the runs too.
 *
 * @example
 * import { sweep } from 'node-zest';
 * const grid = { 'optimizer.tilt': [0, { tau: 1 }] };
 * for await (const event of sweep('run.yaml', { grid, output: 'runs/tilts' })) {
 *   if (event.kind === 'done') console.log(event.result.best);
 * }
 *
 * @throws ERR_ZEST_CONFIG, also without data.validation; ERR_ZEST_OPTION for jobs or forwards; what reading the test
 * data throws, before the first run; ERR_ZEST_RUN if the output holds a sweep or a folder a run and `resume` is not
 * set, or one of another configuration, or if another sweep writes to the output
 */
export async function* sweep(config: Config | string, given: SweepOptions): AsyncGenerator<SweepEvent, void> {
  const options = sweepOptions(given ?? null);
  const { signal, forwards, overrides: changes = [], output } = options;
  throwIfAborted(signal);
  const grid = axesOf(options.grid);
  const plan = await planSweep(config, { grid, overrides: changes, forwards, output, signal });
  await assertNotRun(plan.output);
  if (plan.test !== undefined) await assertTestable(plan.runs, plan.test, { signal });
  yield* lockingFolder(plan.output, () => sweepPlan(plan, grid, options));
}
