import { join } from 'node:path';
import { ZestError } from '../errors.ts';
import type { Score } from '../tasks/task.ts';
import { readJson } from '../text/json.ts';
import type { ChosenRate } from './choose-rate.ts';

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

/** The content of experiment.json. */
export interface ExperimentResult {
  name: string;
  forwards: number;
  /** The model as it came. */
  before: { test: Score; sharpness?: number };
  methods: MethodResult[];
  version: string;
  /** Seeds that were tested, and examples of the test, of an experiment of the decoder. */
  seeds?: number;
  examples?: number;
  /** Evaluations of a run, where the best weights of several were kept. */
  evaluations?: number;
}

/** Where runs are written, and how much is computed. */
export interface Budget {
  output: string;
  forwards: number;
  seeds: number;
  examples: number | undefined;
  rungs: number;
  evaluations: number;
}

/** Where an experiment's result is. */
export const resultFile = (output: string): string => join(output, 'experiment.json');

/**
 * Reads what earlier calls, with other methods, found.
 *
 * @throws ERR_ZEST_RUN for the results of another experiment, or of another size
 */
export const earlierResult = async (
  name: string,
  { output, forwards, seeds, examples, evaluations }: Budget,
): Promise<ExperimentResult | undefined> => {
  const earlier = (await readJson(resultFile(output))) as ExperimentResult | undefined;
  if (!earlier) return undefined;
  const same = earlier.name === name && earlier.forwards === forwards;
  const { seeds: tested = TEST_SEEDS, examples: scored, evaluations: kept = 1 } = earlier;
  if (same && tested === seeds && scored === examples && kept === evaluations) return earlier;
  const sized = (of: number, on: number | undefined, best: number) =>
    same ? `, ${of} seeds, ${on ?? 'the usual'} examples and ${best} evaluations` : '';
  const found = `${earlier.name} with ${earlier.forwards} forwards a run${sized(tested, scored, kept)}`;
  const asked = `${name} with ${forwards}${sized(seeds, examples, evaluations)}`;
  throw new ZestError('ERR_ZEST_RUN', `${output} has the results of ${found}, not ${asked}; give another output`);
};
