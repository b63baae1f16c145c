import { throwIfAborted } from '../abort.ts';
import type { Batch } from '../model/batch.ts';
import type { Model } from '../model/model.ts';
import type { ClassificationTask } from '../tasks/classification.ts';
import type { LabelledExample } from '../tasks/example.ts';
import { evaluationBatchSize, type Score, type Scorer } from '../tasks/task.ts';
import { fitLogistic, standardizer } from './logistic-regression.ts';
import type { ExperimentRun, MethodResult } from './result.ts';

/** What users would take instead: the model as it came, as features of a classifier. In a table and on the command line. */
export const BASELINE = { name: 'embeddings', title: 'frozen embeddings, logistic regression' };

/** The inverse strengths of the penalty that are tried, scikit-learn's C. */
const STRENGTHS = [1e-4, 1e-3, 1e-2, 1e-1, 1, 10];

export type BaselineSplits = Record<'train' | 'validation' | 'test', readonly LabelledExample[]>;

type Sequences = Batch['sequences'];

/** What a classification asks of each example: its prompt, and the options that may follow, where it has some. */
const askedOf = async (task: ClassificationTask, examples: readonly LabelledExample[]): Promise<Batch> => {
  const sequences: Sequences[number][] = [];
  const targets: Batch['targets'][number][] = [];
  const listener: Scorer = {
    async logits(batch) {
      sequences.push(...batch.sequences);
      targets.push(...batch.targets);
      return batch.sequences.map(() => new Float32Array(task.names.length));
    },
  };
  await task.classify(listener, examples);
  return { sequences, targets };
};

const optionsOfTargets = ({ targets }: Batch) =>
  targets.map((target) => (target.kind === 'options' ? target.options : []));

/** Whether options are each example's own, so that it is they that tell. */
const hasOwnOptions = (batch: Batch): boolean =>
  new Set(optionsOfTargets(batch).map((options) => JSON.stringify(options))).size > 1;

/** Embeds sequences, each once however often it is asked for. */
const embedder = (model: Model, signal: AbortSignal | undefined) => {
  const known = new Map<string, Float32Array>();
  return async (sequences: Sequences): Promise<Float32Array[]> => {
    const unknown = sequences.filter((ids) => !known.has(ids.join()));
    for (let start = 0; start < unknown.length; start += evaluationBatchSize) {
      const part = unknown.slice(start, start + evaluationBatchSize);
      for (const [i, vector] of (await model.embed(part, { signal })).entries()) {
        known.set(part[i]!.join(), vector);
      }
    }
    return sequences.map((ids) => known.get(ids.join()) as Float32Array);
  };
};

/**
 * Logistic regression on the embeddings of a task's prompts, which the model that came makes: the last token's of a causal
 * model, the mean of an encoder. Options that are each example's own follow the prompt, and what is learned is whether one
 * is right. Features have mean 0 and deviation 1 over the training examples. Gives a function that fits to examples, and
 * is a head of the model then.
 */
const regression = (model: Model, task: ClassificationTask, signal: AbortSignal | undefined) => {
  const embed = embedder(model, signal);
  /** One row of features an example, or one of each of its options. */
  const rowsOf = async (batch: Batch, hasOptions: boolean): Promise<Float32Array[][]> => {
    const options = optionsOfTargets(batch);
    const sequences = batch.sequences.map((ids, i) =>
      hasOptions ? (options[i] ?? []).map((option) => [...ids, ...option]) : [ids],
    );
    const all = await embed(sequences.flat());
    return sequences.map((some) => all.splice(0, some.length));
  };
  return async (examples: readonly LabelledExample[], strength: number): Promise<Scorer> => {
    const asked = await askedOf(task, examples);
    const hasOptions = hasOwnOptions(asked);
    const rows = await rowsOf(asked, hasOptions);
    const scaled = standardizer(rows.flat());
    const answers = rows.flatMap((some, i) => {
      const { label } = examples[i]!;
      return hasOptions ? some.map((_, option) => Number(option === label)) : [label];
    });
    const classes = hasOptions ? 2 : task.names.length;
    const classify = fitLogistic(
      rows.flatMap((some) => some.map(scaled)),
      answers,
      { classes, strength },
    );
    return {
      async logits(batch) {
        const found = await rowsOf(batch, hasOptions);
        return found.map((some) => {
          const probabilities = some.map((row) => classify(scaled(row)));
          const scores = hasOptions ? probabilities.map(([, right]) => right as number) : probabilities[0]!;
          return Float32Array.from(scores, (score) => Math.log(Math.max(score, Number.MIN_VALUE)));
        });
      },
    };
  };
};

/** What the baseline is compared on. */
interface BaselineOptions {
  splits(seed: number): Promise<BaselineSplits>;
  /** The seed by whose validation loss the strength is chosen, and those that are tested. */
  seeds: { choosing: number; tested: readonly number[] };
  /** Examples of a forward. */
  batchSize: number;
  onRun(run: { seed: number; strength: number; validation: Score; seconds: number }): void;
  signal?: AbortSignal;
}

/** Chooses the strength of the baseline, and tests it. */
export const compareBaseline = async (
  model: Model,
  task: ClassificationTask,
  { splits, seeds, batchSize, onRun, signal }: BaselineOptions,
): Promise<MethodResult> => {
  const trained = regression(model, task, signal);
  const runOnce = async (seed: number, strength: number): Promise<ExperimentRun> => {
    const began = performance.now();
    const { train, validation, test } = await splits(seed);
    const head = await trained(train, strength);
    throwIfAborted(signal);
    const scores = { validation: await task.score(head, validation), test: await task.score(head, test) };
    onRun({ seed, strength, validation: scores.validation, seconds: (performance.now() - began) / 1000 });
    return { seed, ...scores, forwards: Math.ceil((train.length + validation.length) / batchSize) };
  };
  const losses: number[] = [];
  for (const strength of STRENGTHS) losses.push((await runOnce(seeds.choosing, strength)).validation.loss);
  const strength = STRENGTHS[losses.indexOf(Math.min(...losses))]!;
  const runs: ExperimentRun[] = [];
  for (const seed of seeds.tested) runs.push(await runOnce(seed, strength));
  return { ...BASELINE, strength, tried: Object.fromEntries(STRENGTHS.map((tried, i) => [tried, losses[i]!])), runs };
};
