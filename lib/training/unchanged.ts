import { ZestError } from '../errors.ts';
import { differences } from '../options/differences.ts';
import { baseDigest } from '../runs/base-digest.ts';
import type { TrajectoryHeader } from '../runs/trajectory-format.ts';
import { show } from '../text/show.ts';
import { version } from '../version.ts';
import { inputDigests } from './input-digests.ts';
import type { ResolvedConfig } from './schema.ts';

/** Digests of weights by the model that has them, for who looks at many runs: those of a large one take seconds. */
export type Bases = Map<string, Promise<string>>;

/** Keys of a configuration that do not change what a run computes. */
const FREE = [
  'output',
  ...['checkpointEvery', 'keepCheckpoints', 'sync', 'tensorboard', 'weights'].map((key) => `training.${key}`),
];

/** What is not as the run in a folder began with, in sentences. */
const changes = async (header: TrajectoryHeader, config: ResolvedConfig, bases: Bases): Promise<string[]> => {
  const now = JSON.parse(JSON.stringify(config));
  const isLonger = ({ key, a, b }: { key: string; a: unknown; b: unknown }) =>
    key === 'training.steps' && config.optimizer.schedule === 'constant' && Number(b) > Number(a);
  const ofConfig = differences(header.config, now)
    .filter((difference) => !FREE.includes(difference.key) && !isLonger(difference))
    .map(({ key, a, b }) => {
      const why = key === 'training.steps' ? ' (more steps are taken with schedule constant only)' : '';
      return `${key} is ${show(b)}; expected ${show(a)}, which it was begun with${why}`;
    });
  const inputs = await inputDigests(config);
  const files = (digest: unknown) => (digest === undefined ? 'no file' : `of the digest ${show(digest)}`);
  const ofInputs = differences(header.inputs, inputs).map(
    ({ key, a, b }) =>
      `what ${key} names is ${files(b)}${key === 'model' ? ' (config.json and tokenizer)' : ''}; expected ${files(a)}`,
  );
  const reading = bases.get(config.model) ?? baseDigest(config.model);
  bases.set(config.model, reading);
  const base = await reading;
  return [
    ...ofConfig,
    ...ofInputs,
    ...(base === header.base
      ? []
      : [`the weights of model ${config.model} have the digest ${base}; expected ${header.base}`]),
    ...(version === header.version ? [] : [`node-zest is ${version}; expected ${header.version}`]),
  ];
};

/**
 * Checks that a run would compute what it began with.
 *
 * @throws ERR_ZEST_RUN with each difference
 */
export const assertUnchanged = async (
  path: string,
  header: TrajectoryHeader,
  config: ResolvedConfig,
  bases: Bases = new Map(),
): Promise<void> => {
  const found = await changes(header, config, bases);
  if (found.length > 0) {
    throw new ZestError('ERR_ZEST_RUN', `${path} cannot go on as it began: ${found.join('\n')}`);
  }
};
