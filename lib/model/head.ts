import { ZestError } from '../errors.ts';
import type { ModelConfig } from './config-json.ts';
import type { Family, HeadKind } from './families/family.ts';

/** What the outputs of a classifier are, as transformers calls it: one class, any number of labels, or numbers. */
export type ProblemType = 'single_label_classification' | 'multi_label_classification' | 'regression';

/** The head of a loaded model: what the checkpoint has, its language model, or a new classifier made from a seed. */
export type HeadOption = 'languageModel' | { classes: number; seed?: number; problemType?: ProblemType };

/** Which head is used; a classifier with `initialize` is new, one without is the checkpoint's. */
export type Head =
  | { kind: 'languageModel' }
  | { kind: 'classifier'; initialize?: { classes: number; seed: number }; problemType?: ProblemType };

/** Whether the checkpoint has the tensors of a head; a classifier of texts, or of tokens. */
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
      `${file}: architectures names ${architecture}, whose head is not known (${known.join(', ')} are); put a new one on with head: { classes }`,
    );
  }
  if (tensors.classifier) return 'classifier';
  return tensors.languageModel ? 'languageModel' : 'none';
};

const PROBLEM_TYPES: readonly unknown[] = ['single_label_classification', 'multi_label_classification', 'regression'];

/** What the outputs of a checkpoint's classifier are; undefined where it does not say. */
const storedProblem = ({ file, json }: ModelConfig): ProblemType | undefined => {
  const { problem_type = null } = json;
  if (problem_type === null) return undefined;
  if (PROBLEM_TYPES.includes(problem_type)) return problem_type as ProblemType;
  throw new ZestError(
    'ERR_ZEST_UNSUPPORTED',
    `${file}: problem_type is ${JSON.stringify(problem_type)}; expected one of ${PROBLEM_TYPES.join(', ')}, or a new head: { classes }`,
  );
};

/**
 * Chooses the head to use. A new one takes the place of any that the checkpoint has, which is warned of.
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
    return kind === 'classifier' ? { kind, problemType: storedProblem(config) } : { kind };
  }
  if (option === 'languageModel') return { kind: 'languageModel' };
  const { classes, seed = 0, problemType } = option;
  if (tensors.classifier && architectureHead(config) === 'classifier') {
    const message = `${config.file}: head: { classes: ${classes} } puts a new head in place of the checkpoint's; leave head out to use that, if it has as many outputs as the task`;
    process.emitWarning(message, { code: 'WARN_ZEST_HEAD' });
  }
  return { kind: 'classifier', initialize: { classes, seed }, problemType };
};
