import { join } from 'node:path';
import { throwIfAborted } from '../abort.ts';
import { disposeAfter } from '../closing.ts';
import { rangeError } from '../errors.ts';
import { writeAtomic } from '../files/files.ts';
import { withBudget } from '../jobs/budget.ts';
import { defaultJobs } from '../jobs/default-jobs.ts';
import { finishedSummary, readFinished } from '../jobs/finished.ts';
import { limit } from '../jobs/limit.ts';
import { runJob } from '../jobs/process.ts';
import { eventsOf } from '../jobs/queue.ts';
import { Model } from '../model/model.ts';
import type { CallOptions } from '../objective.ts';
import { checkedWhole } from '../options/checked-whole.ts';
import type { Summary } from '../runs/events.ts';
import { runFolder } from '../runs/folder.ts';
import { lockingFolder } from '../runs/lock.ts';
import { neighbourhood } from '../sharpness/neighbourhood.ts';
import type { ClassificationTask } from '../tasks/classification.ts';
import { firstMetric } from '../tasks/load.ts';
import type { Metric } from '../tasks/metrics.ts';
import type { Score } from '../tasks/task.ts';
import { resolveConfig } from '../training/config.ts';
import { scoreSplit } from '../training/evaluate.ts';
import { loadInputs, type RunInputs } from '../training/inputs.ts';
import { readTraining } from '../training/read-data.ts';
import type { ResolvedConfig } from '../training/schema.ts';
import type { Digests } from '../training/unchanged.ts';
import { chooseRate, RUNGS } from './choose-rate.ts';
import {
  type Dataset,
  type DecoderOptions,
  experimentData,
  experimentFiles,
  experimentForwards,
  experimentMetric,
  hasClasses,
  isOfDecoder,
  rateFactor,
} from './datasets.ts';
import { BASELINE, type BaselineSplits, compareBaseline } from './embedding-baseline.ts';
import { CONTENDERS, type ComparedMethod, defaultMethods, METHODS } from './methods.ts';
import {
  type Budget,
  type ExperimentResult,
  type ExperimentRun,
  earlierResult,
  kept,
  type MethodResult,
  resultFile,
  setupOf,
  TEST_SEEDS,
} from './result.ts';

const CHOOSING_SEED = 1;

/** Loss at θ + ρv over that at θ, on so many validation examples: the same ones for every run. */
const SHARPNESS = { radius: 5e-3, samples: 16, examples: 64 };

export interface ExperimentOptions extends CallOptions, DecoderOptions {
  /** The folder of the data sets, a folder each: sst2/ say; the words of afinn come with node-zest. */
  data?: string;
  /** Where runs are written; those that are there and finished are not run again. */
  output: string;
  /** Forward passes of a run. Default 4,000 for words and questions, 2,000 for sentences. */
  forwards?: number;
  /** Runs at a time, each with one thread. Default: one a thread of this process; 1 where they run on a CUDA device. */
  jobs?: number;
  /** Seeds that are tested. Default 5. */
  seeds?: number;
  /** How far the search for a learning rate goes to either side, in half decades. Default 2; 0: none is searched for. */
  rungs?: number;
  /**
   * Evaluations of a run, at equal distances. Of several the weights that are best in validation are kept and tested, as
   * training does; of one those of the last step. Their forwards come on top. Default 1.
   */
  evaluations?: number;
  /**
   * Names of the methods to compare; `embeddings` is logistic regression on what the model makes of the texts as it came.
   * Default: all. The result has those of earlier calls too.
   */
  methods?: readonly string[];
}

export type ExperimentEvent =
  | {
      kind: 'run';
      method: string;
      /** One of both, as in {@link MethodResult}. */
      learningRate?: number;
      strength?: number;
      seed: number;
      /** Null where the run failed: `error` says why. */
      validation: Score | null;
      error?: string;
      seconds: number;
    }
  | { kind: 'done'; output: string; result: ExperimentResult };

const configOf = (dataset: Dataset, method: ComparedMethod, rate: number, seed: number, budget: Budget) => {
  const { output, forwards, evaluations } = budget;
  const { model, trainable, task, data, batchSize, maxLength } = dataset;
  const config = resolveConfig({
    model,
    trainable,
    task,
    objective: method.learnsMetric ? { metric: firstMetric(task) } : undefined,
    data: { ...data, seed },
    optimizer: method.optimizer(rate),
    // Counted in evaluations, and one checkpoint at the end, beside those of the best.
    training: {
      steps: evaluations,
      evaluateEvery: 1,
      checkpointEvery: evaluations,
      batchSize,
      maxLength,
      keepBest: evaluations > 1,
      seed,
    },
    output: join(output, method.name, String(rate), String(seed)),
  });
  return withBudget(config, forwards);
};

/** What the choice of a learning rate makes small: the loss, or what of the metric is missing if that is learned. */
const shortfall = (summary: Summary | undefined, metric: Metric | undefined): number => {
  const { validation } = summary ?? {};
  if (!validation) return Number.POSITIVE_INFINITY;
  return metric === undefined ? validation.loss : 1 - (validation[metric] ?? Number.NaN);
};

/** Uses a model of its own, on one thread. */
const withModel = async <T>(folder: string, options: CallOptions, use: (model: Model) => Promise<T>): Promise<T> =>
  disposeAfter(await Model.load(folder, { threads: 1, ...options }), use);

const sharpnessOf = (folder: string, { task, validation }: RunInputs, options: CallOptions): Promise<number> =>
  withModel(folder, options, async (model) => {
    const { radius, samples, examples } = SHARPNESS;
    const around = { radii: [radius], samples, ...options };
    const result = await neighbourhood(model, task.batch(validation.slice(0, examples)), around);
    return result.radii[0]?.increase?.value ?? Number.NaN;
  });

const scoreBefore = async ({ model }: ResolvedConfig, loaded: RunInputs, isSharp: boolean, options: CallOptions) => ({
  test: await withModel(model, options, (before) => scoreSplit(loaded, before, 'test', options)),
  ...(isSharp && { sharpness: await sharpnessOf(model, loaded, options) }),
});

/** An experiment whose folder is ours. */
async function* compareInFolder(
  name: string,
  { methods, hasBaseline }: { methods: readonly ComparedMethod[]; hasBaseline: boolean },
  files: readonly string[],
  budget: Budget,
  options: ExperimentOptions,
): AsyncGenerator<ExperimentEvent, void> {
  const { output, seeds } = budget;
  const { signal } = options;
  const hasSharpness = !isOfDecoder(name);
  const setup = await setupOf(name, files, budget, options);
  // Before the data of the runs that are there are replaced.
  const earlier = await earlierResult(output, setup);
  const dataset = await experimentData(name, files, join(output, 'data'), options);
  const metric = experimentMetric(name);
  // All of them, so that too few forwards for one method are told before the first run of another.
  for (const method of methods) configOf(dataset, method, method.learningRate, CHOOSING_SEED, budget);
  const seeded = (seed: number) => configOf(dataset, METHODS[0]!, 1, seed, budget);
  const base = seeded(CHOOSING_SEED);
  const loaded = await loadInputs(base, { signal });
  const tested = Array.from({ length: seeds }, (_, i) => CHOOSING_SEED + 1 + i);

  const [before, compared] = yield* eventsOf<ExperimentEvent, [ExperimentResult['before'], MethodResult[]]>(
    signal,
    (push, stopped) => {
      const digests: Digests = new Map();
      const slot = limit(options.jobs ?? defaultJobs([base.device]));
      const runOnce = (method: ComparedMethod, learningRate: number, seed: number): Promise<Summary | undefined> =>
        slot(async () => {
          throwIfAborted(stopped);
          const config = configOf(dataset, method, learningRate, seed, budget);
          const earlier = await finishedSummary(config, { resume: true, digests });
          if (earlier) return earlier;
          const began = performance.now();
          const error = await runJob(config, { threads: 1, signal: stopped, onEvent: () => {} });
          throwIfAborted(stopped);
          const summary = error === undefined ? await readFinished(config) : undefined;
          const seconds = (performance.now() - began) / 1000;
          const validation = summary?.validation ?? null;
          push({ kind: 'run', method: method.name, learningRate, seed, validation, error, seconds });
          return summary;
        });
      const testRun = async (
        method: ComparedMethod,
        learningRate: number,
        seed: number,
      ): Promise<ExperimentRun | null> => {
        const summary = await runOnce(method, learningRate, seed);
        if (!summary?.validation || !summary.test) return null;
        const { validation, test, forwards } = summary;
        const tested = { seed, validation, test, forwards };
        if (!hasSharpness) return tested;
        const run = runFolder(configOf(dataset, method, learningRate, seed, budget).output);
        const weights = join(run.checkpoints, summary.kept.name);
        const sharpness = await slot(() =>
          kept(run.sharpness, { ...SHARPNESS, digest: summary.digest, kept: summary.kept }, () =>
            sharpnessOf(weights, loaded, { signal: stopped }),
          ),
        );
        return { ...tested, sharpness };
      };
      const compare = async (method: ComparedMethod): Promise<MethodResult> => {
        const { rungs } = budget;
        const chosen =
          method.measuresRate || rungs === 0
            ? { learningRate: method.learningRate, tried: {} }
            : await chooseRate(
                method,
                async (rate) =>
                  shortfall(await runOnce(method, rate, CHOOSING_SEED), method.learnsMetric ? metric : undefined),
                rungs,
              );
        const runs = await Promise.all(tested.map((seed) => testRun(method, chosen.learningRate, seed)));
        return { name: method.name, title: method.title, ...chosen, runs };
      };

      const baseline = (): Promise<MethodResult> =>
        withModel(base.model, { signal: stopped }, (model) =>
          compareBaseline(model, loaded.answers as ClassificationTask, {
            async splits(seed) {
              const train = await readTraining(seeded(seed).data, loaded.answers, { signal: stopped });
              return { train, validation: loaded.validation, test: loaded.test } as unknown as BaselineSplits;
            },
            seeds: { choosing: CHOOSING_SEED, tested },
            batchSize: dataset.batchSize,
            onRun: (run) => push({ kind: 'run', method: BASELINE.name, ...run }),
            signal: stopped,
          }),
        );
      const baselines = hasBaseline ? [slot(() => kept(join(output, `${BASELINE.name}.json`), setup, baseline))] : [];

      return Promise.all([
        earlier?.before ??
          slot(() =>
            kept(join(output, 'before.json'), setup, () =>
              scoreBefore(base, loaded, hasSharpness, { signal: stopped }),
            ),
          ),
        Promise.all([...methods.map(compare), ...baselines]),
      ]);
    },
  );
  const all = [...compared, ...(earlier?.methods ?? [])];
  const results = CONTENDERS.flatMap((name) => all.find((one) => one.name === name) ?? []);
  const result: ExperimentResult = { ...setup, before, methods: results };
  await writeAtomic(resultFile(output), `${JSON.stringify(result, null, 2)}\n`);
  yield { kind: 'done', output, result };
}

/**
 * Compares methods on a data set with equal forwards: for each the learning rate is chosen by the validation loss of one
 * seed, and the other seeds (of the directions, the order, the sample of examples and the noise in their labels) are
 * tested with it, weights of the last step if nothing else is said. Writes experiment.json. What an earlier call finished
 * is not run again.
 *
 * @throws ERR_ZEST_OPTION for an unknown name and for jobs or forwards, ERR_ZEST_CONFIG if a step takes more forwards
 * than there are, ERR_ZEST_DATA for data that are not there, ERR_ZEST_RUN where the output holds results or a run of
 * another experiment, or another experiment writes to it, and where a method's runs fail whatever the learning rate
 */
export async function* compareMethods(name: string, options: ExperimentOptions): AsyncGenerator<ExperimentEvent, void> {
  const { output, signal, examples } = options;
  const { forwards = experimentForwards(name), seeds = TEST_SEEDS, rungs = RUNGS, evaluations = 1 } = options;
  throwIfAborted(signal);
  const unknown = options.methods?.find((method) => !CONTENDERS.includes(method));
  if (unknown !== undefined) {
    throw rangeError('ERR_ZEST_OPTION', `method ${JSON.stringify(unknown)} is none of ${CONTENDERS.join(', ')}`);
  }
  const isClassified = hasClasses(name);
  const hasBaseline = options.methods?.includes(BASELINE.name) ?? isClassified;
  if (hasBaseline && !isClassified) {
    const message = `method "${BASELINE.name}" is a classifier, and the answers of ${name} are texts; expected others`;
    throw rangeError('ERR_ZEST_OPTION', message);
  }
  for (const name of ['jobs', 'forwards', 'seeds', 'examples', 'evaluations'] as const) {
    if (options[name] !== undefined) checkedWhole(name, options[name], 1);
  }
  const factor = rateFactor(name);
  const chosen = options.methods
    ? METHODS.filter((method) => options.methods?.includes(method.name))
    : defaultMethods(isOfDecoder(name));
  const methods = chosen.map((method) =>
    method.measuresRate ? method : { ...method, learningRate: method.learningRate * factor },
  );
  const budget = { output, forwards, seeds, examples, rungs, evaluations };
  // Before a folder is made.
  const files = await experimentFiles(name, options.data);
  yield* lockingFolder(output, () => compareInFolder(name, { methods, hasBaseline }, files, budget, options));
}
