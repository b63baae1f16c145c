import { ZestError } from '../errors.ts';
import { differences } from '../options/differences.ts';
import { baseDigest, digestOfFiles } from '../runs/base-digest.ts';
import type { TrajectoryHeader } from '../runs/logged.ts';
import { show } from '../text/show.ts';
import { version } from '../version.ts';
import { inputDigests } from './input-digests.ts';
import type { ResolvedConfig } from './schema.ts';

/** Digests by what they are of, for who looks at many runs, mostly of the same files: those of large ones take seconds. */
export type Digests = Map<string, Promise<string>>;

const once = (digests: Digests, of: string, take: () => Promise<string>): Promise<string> => {
  const digest = digests.get(of) ?? take();
  digests.set(of, digest);
  return digest;
};

/** Keys of a configuration that do not change what a run computes. */
const FREE = [
  'output',
  ...['checkpointEvery', 'keepCheckpoints', 'sync', 'tensorboard'].map((key) => `training.${key}`),
];

/** What is not as the run in a folder began with, in sentences. */
const changes = async (header: TrajectoryHeader, config: ResolvedConfig, digests: Digests): Promise<string[]> => {
  const now = JSON.parse(JSON.stringify(config));
  const isLonger = ({ key, a, b }: { key: string; a: unknown; b: unknown }) =>
    key === 'training.steps' && config.optimizer.schedule === 'constant' && Number(b) > Number(a);
  const ofConfig = differences(header.config, now)
    .filter((difference) => !FREE.includes(difference.key) && !isLonger(difference))
    .map(({ key, a, b }) => {
      const why = key === 'training.steps' ? ' (more steps are taken with schedule constant only)' : '';
      return `${key} is ${show(b)}; expected ${show(a)}, which it was begun with${why}`;
    });
  const inputs = await inputDigests(config, (names) =>
    once(digests, `files ${names.join('\0')}`, () => digestOfFiles(names)),
  );
  const files = (digest: unknown) => (digest === undefined ? 'no file' : `of the digest ${show(digest)}`);
  const ofInputs = differences(header.inputs, inputs).map(
    ({ key, a, b }) =>
      `what ${key} names is ${files(b)}${key === 'model' ? ' (config.json and tokenizer)' : ''}; expected ${files(a)}`,
  );
  const base = await once(digests, `weights ${config.model}`, () => baseDigest(config.model));
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
  digests: Digests = new Map(),
): Promise<void> => {
  const found = await changes(header, config, digests);
  if (found.length > 0) {
    throw new ZestError('ERR_ZEST_RUN', `${path} cannot go on as it began: ${found.join('\n')}`);
  }
};
