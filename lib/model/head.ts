import { rangeError, typeError, ZestError } from '../errors.ts';
import { show } from '../show.ts';
import type { EncoderConfig } from './config-json.ts';

/** The head of a loaded model: what the checkpoint has, its language model, or a new classifier made from a seed. */
export type HeadOption = 'languageModel' | { classes: number; seed?: number };

/** Which head is used; a classifier with `initialize` is new, one without is the checkpoint's. */
export type Head = { kind: 'languageModel' } | { kind: 'classifier'; initialize?: { classes: number; seed: number } };

const MOST_CLASSES = 2 ** 20;

const HEAD_OF_ARCHITECTURE: Readonly<Record<string, Head['kind'] | 'none'>> = {
  ForMaskedLM: 'languageModel',
  ForPreTraining: 'languageModel',
  ForSequenceClassification: 'classifier',
  Model: 'none',
};

/** Whether the checkpoint has the tensors of a head. */
export type HeadTensors = Readonly<Record<Head['kind'], boolean>>;

/** The head that the class which wrote the checkpoint has; undefined if it is not known. */
export const architectureHead = ({ architecture = '', family }: EncoderConfig): Head['kind'] | 'none' | undefined =>
  HEAD_OF_ARCHITECTURE[architecture.replace(family.architecture, '')];

const stored = (config: EncoderConfig, tensors: HeadTensors): Head['kind'] | 'none' => {
  const { architecture, family, file } = config;
  if (architecture !== undefined) {
    const kind = architectureHead(config);
    if (kind) return kind;
    const known = Object.keys(HEAD_OF_ARCHITECTURE).map((suffix) => family.architecture + suffix);
    throw new ZestError(
      'ERR_ZEST_UNSUPPORTED',
      `${file}: architectures names ${architecture}, whose head is not known (${known.join(', ')} are); choose one with the option head`,
    );
  }
  if (tensors.classifier) return 'classifier';
  return tensors.languageModel ? 'languageModel' : 'none';
};

/** The head to use. Throws ERR_ZEST_OPTION for an option that is none or does not fit the checkpoint. */
export const chooseHead = (config: EncoderConfig, tensors: HeadTensors, option: HeadOption | undefined): Head => {
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
  if (typeof option !== 'object' || option === null) {
    throw typeError('ERR_ZEST_OPTION', `head is ${show(option)}; expected 'languageModel' or { classes, seed }`);
  }
  const { classes, seed = 0 } = option;
  if (!Number.isSafeInteger(classes) || classes < 2 || classes > MOST_CLASSES) {
    throw rangeError(
      'ERR_ZEST_OPTION',
      `head.classes is ${classes}; expected a whole number from 2 to ${MOST_CLASSES}`,
    );
  }
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw rangeError('ERR_ZEST_OPTION', `head.seed is ${seed}; expected a whole number ≥ 0`);
  }
  if (tensors.classifier) {
    throw new ZestError(
      'ERR_ZEST_OPTION',
      `${config.file}: the checkpoint has a classifier; leave the option head out to use it`,
    );
  }
  return { kind: 'classifier', initialize: { classes, seed } };
};
