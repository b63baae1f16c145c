import { join } from 'node:path';
import { ZestError } from '../errors.ts';
import { writeAtomic } from '../files/files.ts';
import type { CallOptions } from '../objective.ts';
import { differences } from '../options/differences.ts';
import { baseDigest, digestOfFiles } from '../runs/base-digest.ts';
import type { Score } from '../tasks/task.ts';
import { isObject, readJson } from '../text/json.ts';
import { show } from '../text/show.ts';
import { version } from '../version.ts';
import type { ChosenRate } from './choose-rate.ts';
import { type DecoderOptions, experimentModel } from './datasets.ts';

/** Seeds that are tested where nothing is said. */
export const TEST_SEEDS = 5;

/** What came of one run with the chosen learning rate. */
export interface ExperimentRun {
  seed: number;
  validation: Score;
  test: Score;
  forwards: number;
  /** Mean of f(θ + ρv) − f(θ) on validation examples, ρ = 5e-3; of the built-in model alone. */
  sharpness?: number;
}

export interface MethodResult {
  name: string;
  title: string;
  /** The learning rate that was chosen, of a method that trains. */
  learningRate?: number;
  /** Of logistic regression the chosen inverse strength of its penalty, scikit-learn's C. */
  strength?: number;
  /** Validation loss of the choosing seed by what was tried; null where the run failed. */
  tried: ChosenRate['tried'];
  /** Of the other seeds; null where a run failed. */
  runs: (ExperimentRun | null)[];
}

/** All that decides what comes of a method; results are of one table where all of it is the same. */
export interface ExperimentSetup {
  name: string;
  forwards: number;
  /** Seeds that are tested. */
  seeds: number;
  /** Examples of the test, where they were asked for. */
  examples?: number;
  /** Half decades that the search for a learning rate goes to either side. */
  rungs: number;
  /** Evaluations of a run; of several the best weights are kept. */
  evaluations: number;
  model: string;
  /** Digest of the model's weights. */
  base: string;
  /** Digest of the files of the data set; of words there are none. */
  data?: string;
  version: string;
}

/** The content of experiment.json; those of early versions have not all that was asked. */
export type ExperimentResult = Pick<ExperimentSetup, 'name' | 'forwards' | 'version'> &
  Partial<ExperimentSetup> & {
    /** The model as it came. */
    before: { test: Score; sharpness?: number };
    methods: MethodResult[];
  };

/** Where runs are written, and how much is computed. */
export interface Budget {
  output: string;
  forwards: number;
  seeds: number;
  examples: number | undefined;
  rungs: number;
  evaluations: number;
}

/** Computed once of what `of` says: kept in `file`. */
export const kept = async <T>(file: string, of: object, compute: () => Promise<T>): Promise<T> => {
  const earlier = await readJson(file);
  if (isObject(earlier) && differences(earlier.of, of).length === 0) return earlier.value as T;
  const value = await compute();
  await writeAtomic(file, JSON.stringify({ of, value }));
  return value;
};

/** The setup of an experiment, with digests of what its options name. */
export const setupOf = async (
  name: string,
  files: readonly string[],
  { output: _, ...sizes }: Budget,
  options: DecoderOptions & CallOptions,
): Promise<ExperimentSetup> => {
  const model = experimentModel(name, options);
  const base = await baseDigest(model, options.signal);
  return { name, ...sizes, model, base, ...(files.length > 0 && { data: await digestOfFiles(files) }), version };
};

/** Where an experiment's result is. */
export const resultFile = (output: string): string => join(output, 'experiment.json');

/**
 * Reads what earlier calls, with other methods, found.
 *
 * @throws ERR_ZEST_RUN for the results of another experiment, and where anything else was asked
 */
export const earlierResult = async (output: string, setup: ExperimentSetup): Promise<ExperimentResult | undefined> => {
  const file = resultFile(output);
  const earlier = await readJson(file);
  if (!isObject(earlier)) return undefined;
  const { before: _, methods: _m, ...there } = earlier;
  const found = differences(there, setup).map(
    ({ key, a, b }) =>
      `${key} is ${b === undefined ? 'not given' : show(b)}; ${a === undefined ? 'the results there, of an earlier version, do not say theirs' : `expected ${show(a)}, of the results there`}`,
  );
  if (found.length === 0) return earlier as unknown as ExperimentResult;
  throw new ZestError('ERR_ZEST_RUN', `${file} is of another experiment, give another output: ${found.join('\n')}`);
};
