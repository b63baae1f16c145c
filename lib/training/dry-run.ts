import { disposeAfter } from '../closing.ts';
import type { ZestError } from '../errors.ts';
import { assertWritable } from '../files/files.ts';
import type { CallOptions } from '../objective.ts';
import { callback, flag, optionsOf, overrides, signal } from '../options/calls.ts';
import type { EstimateEvent, Progress, Warning } from '../runs/events.ts';
import { assertNoSweep, runFolder } from '../runs/folder.ts';
import { assertFree } from '../runs/replacement.ts';
import type { Example, Preview } from '../tasks/task.ts';
import { loadConfig } from './config.ts';
import { estimateRun } from './estimate.ts';
import { type PreparedRun, prepareRun } from './prepare-run.ts';
import type { Config } from './schema.ts';

/** Examples of a split that are tokenized, the first ones. */
const MOST_TOKENIZED = 10_000;
/** Answers whose first example is shown. */
const PROMPTS = 3;

/** Data of a run, as the model gets them. */
export interface DataOverview {
  /** Data that it is of. */
  split: 'train' | 'validation' | 'test';
  /** Number of examples. */
  count: number;
  /** Number of examples of each label. */
  classes: { name: string; count: number }[];
  /** Number of examples that the next three are of: the first 10,000 at most. */
  tokenized: number;
  /** Half of the sequences have so many tokens or fewer, specials included. */
  medianTokens: number;
  /** Number of tokens of the longest sequence. */
  mostTokens: number;
  /** Number of examples whose text was cut, since it is longer than training.maxLength. */
  cut: number;
}

/** Example as the model sees it. */
export interface PromptOverview {
  /** Place that it comes from, `file:line`. */
  source: string;
  /** Decoded tokens of the sequence, special tokens among them. */
  text: string;
  /** Number of tokens of the sequence. */
  tokens: number;
  /** Number of tokens of the text that were cut. */
  cut: number;
  /** Name of the right answer. */
  answer: string;
}

/** What a run would do. */
export interface DryRun {
  kind: 'dryRun';
  /** Family of the model: `roberta`, say. */
  family: string;
  /** Device of the weights: `cpu`, say. */
  device: string;
  /** Number of parameters. */
  parameterCount: number;
  /** Number of parameters that would be trained. */
  dimension: number;
  /** Each kind of data that there is. */
  data: DataOverview[];
  /** First training example of each of three answers, and the first that is cut. */
  prompts: PromptOverview[];
  /** What is odd about the data, and that the output folder holds a run. */
  warnings: Warning[];
  /** What the run would take. */
  estimate: EstimateEvent;
}

/** Options of {@link dryRun}. */
export interface DryRunOptions extends CallOptions {
  /** Overrides of the configuration, each key.path=value. Default: none. */
  overrides?: readonly string[];
  /** Whether the run may replace one that the output folder holds. Default false: a warning, which is an error of the run. */
  overwrite?: boolean;
  /** Called as the weights are read. */
  onProgress?: (progress: Progress) => void;
}

const dryRunOptions = optionsOf<DryRunOptions>({ signal, overrides, overwrite: flag, onProgress: callback });

const overviewOf = (
  { task }: PreparedRun['inputs'],
  split: DataOverview['split'],
  examples: readonly Example[],
): DataOverview => {
  const previews = examples.slice(0, MOST_TOKENIZED).map((example) => task.preview(example));
  const lengths = previews.map(({ ids }) => ids.length).sort((a, b) => a - b);
  return {
    split,
    count: examples.length,
    classes: task.balance(examples),
    tokenized: previews.length,
    medianTokens: lengths[Math.floor((lengths.length - 1) / 2)]!,
    mostTokens: lengths.at(-1)!,
    cut: previews.filter(({ cut }) => cut > 0).length,
  };
};

/** Says that the output folder holds a run, which another one is told to replace or to leave: a dry run does neither. */
const heldWarnings = (output: string): Promise<Warning[]> =>
  assertFree(output, { overwrite: false }).then(
    () => [],
    (error: ZestError) => [{ code: 'WARN_ZEST_OUTPUT', message: error.message }],
  );

const promptsOf = ({ inputs: { task, tokenizer }, examples }: PreparedRun): PromptOverview[] => {
  const shown: (Preview & { source: string })[] = [];
  for (const example of examples.slice(0, MOST_TOKENIZED)) {
    const preview = task.preview(example);
    const isNew = shown.length < PROMPTS && shown.every(({ answer }) => answer !== preview.answer);
    const isFirstCut = preview.cut > 0 && shown.every(({ cut }) => cut === 0);
    if (isNew || isFirstCut) shown.push({ ...preview, source: example.source });
  }
  return shown.map(({ source, ids, cut, answer }) => ({
    source,
    text: tokenizer.decode(ids),
    tokens: ids.length,
    cut,
    answer,
  }));
};

/**
 * Does all that a run does before its first step, and says what it found: how the data are balanced, how long they are in
 * tokens and how many are cut, the first prompts as the model sees them, and what the run would take. Trains nothing and
 * writes nothing. What a run would refuse is an error here; an output folder that holds a run, a warning.
 *
 * @example
 * import { dryRun } from 'node-zest';
 * const { prompts, data, estimate } = await dryRun('run.yaml');
 * console.log(prompts[0].text, data[0].cut, estimate.seconds);
 *
 * @throws what `train` throws before its first step
 */
export const dryRun = async (config: Config | string, given?: DryRunOptions): Promise<DryRun> => {
  const { overrides, overwrite = false, signal, onProgress } = dryRunOptions(given);
  const resolved = await loadConfig(config, overrides, 'override');
  await assertNoSweep(runFolder(resolved.output));
  await assertWritable(resolved.output);
  if (overwrite) await assertFree(resolved.output, { overwrite });
  const warnings = overwrite ? [] : await heldWarnings(resolved.output);
  const prepared = await prepareRun(resolved, { signal, onProgress });
  const { inputs, examples } = prepared;
  return disposeAfter(prepared.model, async (model) => {
    const splits = { train: examples, validation: inputs.validation, test: inputs.test };
    return {
      kind: 'dryRun',
      family: model.family,
      device: model.device,
      parameterCount: model.parameterCount,
      dimension: model.dimension,
      data: (['train', 'validation', 'test'] as const)
        .filter((split) => splits[split].length > 0)
        .map((split) => overviewOf(inputs, split, splits[split])),
      prompts: promptsOf(prepared),
      warnings: [...warnings, ...prepared.warnings],
      estimate: await estimateRun(prepared),
    };
  });
};
