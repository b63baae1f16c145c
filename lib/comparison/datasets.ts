import { access } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { rangeError, ZestError } from '../errors.ts';
import { BUILT_IN_MODEL } from '../model/built-in.ts';
import { firstMetric } from '../tasks/load.ts';
import { definitionOf, type Metric } from '../tasks/metrics.ts';
import type { Config } from '../training/schema.ts';
import { DECODER_SOURCES, SOURCES, type Source, UNSEEN_SOURCES } from './sources.ts';
import type { Files } from './splits.ts';

/** What an experiment trains, and on what it trains and tests. */
export type Dataset = Pick<Config, 'task' | 'model' | 'trainable'> & {
  data: Omit<Config['data'], keyof Files> & Files;
  /** Examples of a step. */
  batchSize: number;
  maxLength?: number;
};

interface Setting {
  dataset: string;
  source: Source;
  shots: number | undefined;
  labelNoise: number;
  /** What is trained of the decoder; `undefined`: the built-in model. */
  decoder?: 'full' | 'lora';
}

const settingName = ({ dataset, shots, labelNoise, decoder }: Setting): string =>
  decoder
    ? `smollm2-${dataset}-${decoder}`
    : [dataset, ...(shots === undefined ? [] : [shots]), ...(labelNoise === 0 ? [] : [`noise-${labelNoise}`])].join(
        '-',
      );

const SETTINGS: ReadonlyMap<string, Setting> = new Map(
  [
    ...Object.entries({ ...SOURCES, ...UNSEEN_SOURCES }).flatMap(([dataset, source]): Setting[] => [
      ...source.shots.map((shots) => ({ dataset, source, shots, labelNoise: 0 })),
      ...(source.labelNoise ?? []).map((labelNoise) => ({ dataset, source, shots: source.shots.at(-1), labelNoise })),
    ]),
    ...Object.entries(DECODER_SOURCES).flatMap(([dataset, source]) =>
      (['full', 'lora'] as const).map(
        (decoder): Setting => ({ dataset, source, shots: undefined, labelNoise: 0, decoder }),
      ),
    ),
  ].map((setting) => [settingName(setting), setting]),
);

/** Names of experiments: a data set, training examples a class, share of training labels drawn at random. */
export const EXPERIMENTS: readonly string[] = [...SETTINGS.keys()];

const settingOf = (name: string): Setting => {
  const setting = SETTINGS.get(name);
  if (setting) return setting;
  throw rangeError('ERR_ZEST_OPTION', `experiment ${JSON.stringify(name)} is none of ${EXPERIMENTS.join(', ')}`);
};

/**
 * Gives the default number of forward passes of each run of an experiment.
 *
 * @throws ERR_ZEST_OPTION for an unknown name
 */
export const experimentForwards = (name: string): number => settingOf(name).source.forwards;

/**
 * Finds the metric that an experiment's methods are judged by: the first of its task.
 *
 * @throws ERR_ZEST_OPTION for an unknown name
 */
export const experimentMetric = (name: string): Metric => firstMetric(settingOf(name).source.task);

/**
 * Finds the files that an experiment needs. `folder` has one a data set, sst2/ say.
 *
 * @throws ERR_ZEST_OPTION for an unknown name, or where a folder is needed, ERR_ZEST_DATA for a file that is not there
 */
export const experimentFiles = async (name: string, folder: string | undefined): Promise<string[]> => {
  const { paths } = settingOf(name).source;
  const [first] = paths;
  if (first !== undefined && folder === undefined) {
    throw rangeError('ERR_ZEST_OPTION', `--data is missing; expected the folder that has ${dirname(first)}/`);
  }
  const files = paths.map((path) => join(folder ?? '', `${path}.jsonl`));
  for (const [i, file] of files.entries()) {
    await access(file).catch((cause) => {
      const message = `${file} is not there; --data names the folder that has ${dirname(paths[i]!)}/`;
      throw new ZestError('ERR_ZEST_DATA', message, { cause });
    });
  }
  return files;
};

/** Whether an experiment's answers are classes or choices, which a classifier of embeddings gives. */
export const hasClasses = (name: string): boolean => definitionOf(experimentMetric(name)).of === 'classes';

const LORA = { lora: { rank: 8, alpha: 16 } };

/** Whether an experiment is of the decoder. */
export const isOfDecoder = (name: string): boolean => settingOf(name).decoder !== undefined;

/** How a learning rate is scaled against that of the built-in model's parameters, where a search for one begins. */
export const rateFactor = (name: string): number =>
  ({ full: 0.1, lora: 100, none: 1 })[settingOf(name).decoder ?? 'none'];

const DECODER = 'HuggingFaceTB/SmolLM2-135M-Instruct';

/** What is asked of the decoder. */
export interface DecoderOptions {
  /** A folder or a name. Default HuggingFaceTB/SmolLM2-135M-Instruct. */
  model?: string;
  /** Examples to test on. Default 256. */
  examples?: number;
}

/** The model that an experiment trains. */
export const experimentModel = (name: string, { model = DECODER }: DecoderOptions): string =>
  isOfDecoder(name) ? model : BUILT_IN_MODEL;

/** The data of an experiment, of the files that {@link experimentFiles} found; what is made is written to `scratch`. */
export const experimentData = async (
  name: string,
  files: readonly string[],
  scratch: string,
  options: DecoderOptions,
): Promise<Dataset> => {
  const { source, shots, labelNoise, decoder } = settingOf(name);
  const { task, maxLength } = source;
  const data = { ...(await source.files(files, scratch, options.examples ?? 256)), shots, labelNoise };
  const model = experimentModel(name, options);
  if (decoder === undefined) return { task, data, model, batchSize: 16 };
  return { task, data, model, batchSize: 8, maxLength, ...(decoder === 'lora' && { trainable: LORA }) };
};
