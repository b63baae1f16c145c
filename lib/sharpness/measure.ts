import { z } from 'zod';
import { shuffledBatches } from '../data/sampling.ts';
import { rangeError, ZestError } from '../errors.ts';
import { adapterOptions } from '../model/adapter-options.ts';
import { trainableNames } from '../model/description.ts';
import type { Model } from '../model/model.ts';
import { isAdapterFolder } from '../model/peft.ts';
import type { CallOptions } from '../objective.ts';
import { assertPath, callback, flag, given, optionsOf, overrides } from '../options/calls.ts';
import { checkedWhole } from '../options/checked-whole.ts';
import type { Progress } from '../runs/events.ts';
import type { Example } from '../tasks/task.ts';
import { loadInputs, loadModel, type RunInputs } from '../training/inputs.ts';
import { findRun, type RunSource } from '../training/open-run.ts';
import { readTraining } from '../training/read-data.ts';
import type { ResolvedConfig } from '../training/schema.ts';
import { version } from '../version.ts';
import { DEFAULTS } from './defaults.ts';
import { checkedSamples } from './losses.ts';
import { measuredAlong } from './measured-along.ts';
import { type MeasuredWeights, type SharpnessReport, sharpnessChange } from './report.ts';
import { forwardsOfSharpness, type SharpnessOptions, sharpness, sharpnessShape } from './sharpness.ts';

/** Options of {@link measureSharpness}. */
export interface MeasureSharpnessOptions extends Omit<SharpnessOptions, 'firstStream' | 'onForwards'> {
  /** Overrides of the configuration, each key.path=value, such as `device=cpu`. Default: none. */
  overrides?: readonly string[];
  /**
   * Data that the loss is measured on. Default `train`: with its shots and its label noise. The loss is the task's own,
   * whatever the configuration's `objective`.
   */
  split?: SharpnessReport['split'];
  /** Number of examples of the split, drawn by data.seed. Default 256, or all if there are fewer. */
  examples?: number;
  /** Seed of the directions. Default 0. */
  seed?: number;
  /** Whether to measure a run's model as it came, too, and the change. Default true. */
  before?: boolean;
  /** Called once, before anything is measured. */
  onStart?: (start: SharpnessStart) => void;
  /** Called as the work goes on; `done` and `total` are bytes for `load`, forwards for `before` and `after`. */
  onProgress?: (progress: { stage: 'load' | MeasuredWeights['weights']; done: number; total: number }) => void;
}

const { firstStream: _f, onForwards: _o, ...shape } = sharpnessShape;
const measureOptions = optionsOf<MeasureSharpnessOptions>({
  ...shape,
  overrides,
  split: z.enum(['train', 'validation', 'test']).optional(),
  examples: given,
  seed: given,
  before: flag,
  onStart: callback,
  onProgress: callback,
});

/** Plan of a measurement. */
export interface SharpnessStart extends Pick<SharpnessReport, 'split' | 'examples' | 'dimension' | 'samples'> {
  /** Weights that are measured, in order. */
  weights: MeasuredWeights['weights'][];
  /** Number of evaluations of all examples at one point, over all weights; Lanczos' iteration may end sooner. */
  forwards: number;
}

/** Sequences in memory at a time. */
const BATCH_SIZE = 64;

/** The task and the examples of a split, of which alone the data are read. */
const readExamples = async (
  { file, config, kept }: RunSource,
  split: SharpnessReport['split'],
  { most, signal }: CallOptions & { most: number },
): Promise<{ inputs: RunInputs; examples: Example[] }> => {
  if (split !== 'train' && config.data[split] === undefined) {
    throw new ZestError('ERR_ZEST_CONFIG', `${file}: measuring on ${split} needs data.${split}`);
  }
  const splits = split === 'train' ? [] : [split];
  const inputs = await loadInputs(config, { checkpoint: kept?.folder, splits, signal });
  const all = split === 'train' ? await readTraining(config.data, inputs.task, { signal }) : inputs[split];
  if (all.length <= most) return { inputs, examples: all };
  const rows = shuffledBatches(all.length, most, config.data.seed).batch(0);
  return { inputs, examples: rows.map((row) => all[row]!) };
};

/**
 * Measures the sharpness of the model of a configuration as it came, or of the weights that a run kept and of the model
 * as it came side by side. `path` is a configuration file or the folder of a run. What is perturbed is what the
 * configuration trains; of a run with LoRA, which its checkpoint holds merged, all parameters.
 *
 * @example
 * import { measureSharpness } from 'node-zest';
 * const { measured, change } = await measureSharpness('runs/film', { examples: 16, samples: 4 });
 * console.log(measured[0].trace.value, change.trace.value);
 *
 * @throws ERR_ZEST_CONFIG, also where the configuration does not name the split; ERR_ZEST_RUN for a folder that is no
 * run; ERR_ZEST_OPTION, ERR_ZEST_DIMENSION; what loading the model, the task and the data throws
 */
export const measureSharpness = async (path: string, unchecked?: MeasureSharpnessOptions): Promise<SharpnessReport> => {
  assertPath(path, 'path');
  const options = measureOptions(unchecked);
  const { split = DEFAULTS.split, seed = DEFAULTS.seed, signal, onStart, onProgress } = options;
  const { radii, slice, eigenvalues } = options;
  const most = checkedWhole('examples', options.examples ?? DEFAULTS.examples, 1);
  const source = await findRun(path, options.overrides);
  const { config, kept } = source;
  const { inputs, examples } = await readExamples(source, split, { most, signal });
  if (examples.length === 0) throw rangeError('ERR_ZEST_BATCH_EMPTY', `there are no examples in data.${split}`);
  const batches = Array.from({ length: Math.ceil(examples.length / BATCH_SIZE) }, (_, i) =>
    inputs.task.batch(examples.slice(i * BATCH_SIZE, (i + 1) * BATCH_SIZE)),
  );
  const { law = 'gaussian' } = config.optimizer;
  const sources: Pick<MeasuredWeights, 'weights' | 'folder' | 'step'>[] = [];
  if (!kept || (options.before ?? true)) sources.push({ weights: 'before', folder: config.model, step: 0 });
  if (kept) sources.push({ weights: 'after', ...kept });
  const measured: MeasuredWeights[] = [];
  let dimension = 0;
  for (const { weights, folder, step } of sources) {
    const trainable = await perturbed(config, weights, folder);
    const within = { head: undefined, adapter: undefined };
    const load = { ...config, trainable, model: folder, ...(weights === 'after' && within) };
    const model: Model = await loadModel(load, inputs.tokenizer, {
      signal,
      onProgress: ({ done, total }: Progress) => onProgress?.({ stage: 'load', done, total }),
    });
    try {
      dimension = model.dimension;
      const samples = checkedSamples(options.samples);
      const own = { signal, radii, samples, slice, eigenvalues };
      const total = forwardsOfSharpness(dimension, own);
      if (measured.length === 0) {
        const forwards = total * sources.length;
        onStart?.({
          weights: sources.map((source) => source.weights),
          split,
          examples: examples.length,
          dimension,
          samples,
          forwards,
        });
      }
      const around = measuredAlong(model, { seed, law });
      let done = 0;
      const onForwards = (count: number) => {
        done += count;
        onProgress?.({ stage: weights, done, total });
      };
      measured.push({ weights, folder, step, ...(await sharpness(around, batches, { ...own, onForwards })) });
    } finally {
      model.dispose();
    }
  }
  const [first, second] = measured;
  return {
    kind: 'sharpness',
    version,
    source: path,
    split,
    examples: examples.length,
    seed,
    law,
    trainable: config.trainable,
    dimension,
    samples: first!.trace.samples,
    measured,
    ...(second && { change: sharpnessChange(first!, second) }),
  };
};

/** LoRA's own tensors; without them it is perturbed as if it were merged. */
const LORA = ['*.lora_?.weight'];

/**
 * What to perturb. A checkpoint holds LoRA merged, or beside weights to which it is added, so that all but its own
 * tensors is perturbed, of the model as it came too; and a head that was new with a prefix is an old one there, so that
 * both are named.
 */
const perturbed = async (
  { model, adapter, trainable, head }: ResolvedConfig,
  weights: MeasuredWeights['weights'],
  folder: string,
): Promise<ResolvedConfig['trainable']> => {
  const { lora, prefix } = adapterOptions(trainable);
  const hasOwn = weights === 'after' ? isAdapterFolder(folder) : adapter !== undefined;
  if (hasOwn) return { exclude: LORA };
  if (lora || adapter !== undefined) return 'all';
  const named = weights === 'after' && prefix && head;
  return named ? { include: await trainableNames(model, { trainable, head }) } : trainable;
};
