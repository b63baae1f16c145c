import { ZestError } from '../errors.ts';
import type { ModelConfig } from './config-json.ts';
import type { Family, HeadKind } from './families/family.ts';

/** The head of a loaded model: what the checkpoint has, its language model, or a new classifier made from a seed. */
export type HeadOption = 'languageModel' | { classes: number; seed?: number };

/** Which head is used; a classifier with `initialize` is new, one without is the checkpoint's. */
export type Head = { kind: 'languageModel' } | { kind: 'classifier'; initialize?: { classes: number; seed: number } };

/** Whether the checkpoint has the tensors of a head. */
export type HeadTensors = Readonly<Record<HeadKind, boolean>>;

/** The head that the class which wrote the checkpoint has; undefined if it is not known. */
export const architectureHead = ({ architecture = '', family }: ModelConfig): HeadKind | 'none' | undefined =>
  family.heads[architecture.replace(family.architecture, '')];

/** The class of transformers that has a head. */
export const architectureOf = ({ architecture, heads }: Family, kind: HeadKind): string =>
  architecture + Object.keys(heads).find((suffix) => heads[suffix] === kind);

const stored = (config: ModelConfig, tensors: HeadTensors): HeadKind | 'none' => {
  const { architecture, family, file } = config;
  if (architecture !== undefined) {
    const kind = architectureHead(config);
    if (kind) return kind;
    const known = Object.keys(family.heads).map((suffix) => family.architecture + suffix);
    throw new ZestError(
      'ERR_ZEST_UNSUPPORTED',
      `${file}: architectures names ${architecture}, whose head is not known (${known.join(', ')} are); choose one with the option head`,
    );
  }
  if (tensors.classifier) return 'classifier';
  return tensors.languageModel ? 'languageModel' : 'none';
};

/**
 * Chooses the head to use.
 *
 * @throws ERR_ZEST_OPTION for one that does not fit the checkpoint
 */
export const chooseHead = (config: ModelConfig, tensors: HeadTensors, option: HeadOption | undefined): Head => {
  if (option === undefined) {
    const kind = stored(config, tensors);
    if (kind === 'none') {
      throw new ZestError(
        'ERR_ZEST_OPTION',
        `${config.file}: the checkpoint has no head; make a new one with head: { classes, seed }`,
      );
    }
    return { kind };
  }
  if (option === 'languageModel') return { kind: 'languageModel' };
  const { classes, seed = 0 } = option;
  if (tensors.classifier) {
    throw new ZestError(
      'ERR_ZEST_OPTION',
      `${config.file}: the checkpoint has a classifier; leave the option head out to use it`,
    );
  }
  return { kind: 'classifier', initialize: { classes, seed } };
};
