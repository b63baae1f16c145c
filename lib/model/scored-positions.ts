import { type ErrorCode, rangeError, typeError, ZestError } from '../errors.ts';
import type { NativeBatch, NativeModelSpec } from '../native/binding.ts';
import { show } from '../text/show.ts';
import type { Target } from './batch.ts';
import type { HeadKind } from './families/family.ts';
import type { HeadTensors, ProblemType } from './head.ts';

// What a target asks of a model: the positions that are scored, and what is compared there.

/** What a batch must fit. */
export type BatchLimits = Pick<
  NativeModelSpec,
  'vocabulary' | 'positions' | 'positionOffset' | 'segments' | 'paddingId' | 'outputs' | 'causal'
> & {
  head: HeadKind;
  /** The heads that the checkpoint has. */
  stored: HeadTensors;
  /** What the outputs of a classifier are. */
  problemType: ProblemType | undefined;
  /** The token that a classifier reads. */
  classToken: 'first' | 'last';
  /** The padding id that it passes over at the end, where it reads the last token. */
  classPadding: number | undefined;
};

/** Token ids, or numbers of outputs. */
export type Ids = readonly number[] | Int32Array;

const isList = (value: unknown): value is Ids =>
  Array.isArray(value) || Object.prototype.toString.call(value) === '[object Int32Array]';

const isIndex = (value: unknown, end: number): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < end;

/** A list whose values are all indexes below `end`, or an error that names the first that is not. */
export const checkedIds = (value: unknown, end: number, name: string, code: ErrorCode): Ids => {
  if (!isList(value)) throw typeError(code, `${name} is ${show(value)}; expected an array of numbers or an Int32Array`);
  const { length } = value; // of a list that grows while it is read, what it was
  for (let i = 0; i < length; i++) {
    if (isIndex(value[i], end)) continue;
    throw rangeError(code, `${name}[${i}] is ${show(value[i])}; expected a whole number from 0 to ${end - 1}`);
  }
  return value;
};

/**
 * A scored position, as in core/batch.h; without `words` every output of the head is a candidate. With a `reference`, the
 * only candidate is compared with that.
 */
export interface Scored {
  position: number;
  label: number;
  words?: readonly number[];
  reference?: number;
}

/** Which loss each kind of target has, and what the outputs of its head must be. */
const OF_OUTPUTS = {
  class: 'single_label_classification',
  labels: 'multi_label_classification',
  values: 'regression',
} as const;
const LOSSES: { readonly [kind in Target['kind']]?: NativeBatch['loss'] } = {
  labels: 'binaryCrossEntropy',
  values: 'squaredError',
};
/** The loss that a kind of target has. */
export const lossOf = ({ kind }: Target): NativeBatch['loss'] => LOSSES[kind] ?? 'crossEntropy';

/** Checks that the outputs of the classifier are what a target takes them for. */
const needsProblem = (kind: keyof typeof OF_OUTPUTS, name: string, { problemType }: BatchLimits): void => {
  if (problemType === OF_OUTPUTS[kind]) return;
  throw new ZestError(
    'ERR_ZEST_TARGET',
    `${name} is of kind '${kind}', which takes a head of problem type ${OF_OUTPUTS[kind]}, and this one's is ${problemType}; put a new one on with head: { classes, problemType: '${OF_OUTPUTS[kind]}' }`,
  );
};

const needsHead = (kind: string, head: HeadKind, name: string, limits: BatchLimits): void => {
  if (limits.head === head) return;
  const hints = {
    languageModel: limits.stored.languageModel
      ? "load the model with head: 'languageModel'"
      : "the checkpoint has no language model, so that words are no answers; take a task of kind 'class', or another checkpoint",
    classifier: 'load the model with head: { classes }',
  };
  const message = `${name} is of kind '${kind}', which this model's head does not serve; ${hints[head]}`;
  throw new ZestError('ERR_ZEST_TARGET', message);
};

const needsCausal = (kind: string, name: string, { causal }: BatchLimits): void => {
  if (causal) return;
  throw new ZestError('ERR_ZEST_UNSUPPORTED', `${name} is of kind '${kind}', which needs a causal model`);
};

/**
 * A question as sequences: the prompt but for its last token, where there is more of it, and that token with the tokens
 * of each option, in which every one but the first is scored.
 */
export const questionSequences = (
  target: Extract<Target, { kind: 'options' }>,
  ids: Ids,
  name: string,
  limits: BatchLimits,
): { prompt: Ids; options: Ids[] } => {
  needsCausal(target.kind, name, limits);
  needsHead(target.kind, 'languageModel', name, limits);
  const { options, label, normalize } = target;
  if (!isList(options) || options.length < 2) {
    throw rangeError('ERR_ZEST_TARGET', `${name}.options is ${show(options)}; expected two or more lists of tokens`);
  }
  if (!isIndex(label, options.length)) {
    const message = `${name}.label is ${show(label)}; expected a whole number from 0 to ${options.length - 1}`;
    throw rangeError('ERR_ZEST_TARGET', message);
  }
  if (normalize !== 'tokens' && normalize !== 'none') {
    throw typeError('ERR_ZEST_TARGET', `${name}.normalize is ${show(normalize)}; expected 'tokens' or 'none'`);
  }
  const longest = limits.positions - limits.positionOffset;
  const last = ids[ids.length - 1]!;
  const sequences = Array.from(options as readonly unknown[], (option, i) => {
    const tokens = checkedIds(option, limits.vocabulary, `${name}.options[${i}]`, 'ERR_ZEST_TARGET');
    if (tokens.length === 0) {
      throw rangeError('ERR_ZEST_TARGET', `${name}.options[${i}] is empty; expected at least one token`);
    }
    if (ids.length + tokens.length > longest) {
      const message = `${name}.options[${i}] and its prompt have ${ids.length + tokens.length} tokens; the model takes ${longest}`;
      throw rangeError('ERR_ZEST_SEQUENCE_LENGTH', message);
    }
    return [last, ...tokens];
  });
  return { prompt: ids.slice(0, -1), options: sequences };
};

/** Position of the token that a classifier reads, as transformers finds it: of nothing but padding, the first. */
const classPosition = (ids: Ids, { classToken, classPadding }: BatchLimits): number => {
  let position = classToken === 'first' ? 0 : ids.length - 1;
  while (position > 0 && ids[position] === classPadding) position--;
  return position;
};

/** 1 for each output that is among the labels, 0 for the others. */
const presence = (labels: unknown, name: string, { outputs }: BatchLimits): number[] => {
  const present = new Set<number>(checkedIds(labels, outputs, `${name}.labels`, 'ERR_ZEST_TARGET'));
  return Array.from({ length: outputs }, (_, output) => (present.has(output) ? 1 : 0));
};

/** An output as the only candidate, a list that all who ask for it share. */
const OUTPUT_WORDS: number[][] = [];
const outputWords = (output: number): readonly number[] => {
  OUTPUT_WORDS[output] ??= [output];
  return OUTPUT_WORDS[output];
};

/**
 * The positions of a sequence that a target scores, checked against what the model can give there.
 *
 * @throws ERR_ZEST_TARGET, or ERR_ZEST_UNSUPPORTED for targets of causal models, naming the place in the target
 */
export const scoredPositions = (
  target: Exclude<Target, { kind: 'options' }>,
  ids: Ids,
  name: string,
  limits: BatchLimits,
): Scored[] => {
  const { length } = ids;
  const index = (value: unknown, end: number, key: string): number => {
    if (isIndex(value, end)) return value;
    throw rangeError(
      'ERR_ZEST_TARGET',
      `${name}.${key} is ${show(value)}; expected a whole number from 0 to ${end - 1}`,
    );
  };
  const list = (value: unknown, end: number, key: string): Ids => {
    const ids = checkedIds(value, end, `${name}.${key}`, 'ERR_ZEST_TARGET');
    if (ids.length > 0) return ids;
    throw rangeError('ERR_ZEST_TARGET', `${name}.${key} is empty; expected at least one value`);
  };
  const needs = (head: BatchLimits['head']) => needsHead(target.kind, head, name, limits);
  switch (target?.kind) {
    case 'labelWords': {
      needs('languageModel');
      const words = list(target.words, limits.outputs, 'words') as readonly number[];
      const label = index(target.label, words.length, 'label');
      return [{ position: index(target.position, length, 'position'), label, words }];
    }
    case 'class':
      needs('classifier');
      needsProblem(target.kind, name, limits);
      return [
        {
          position: classPosition(ids, limits),
          label: index(target.label, limits.outputs, 'label'),
        },
      ];
    case 'labels':
    case 'values': {
      needs('classifier');
      needsProblem(target.kind, name, limits);
      const position = classPosition(ids, limits);
      const references = target.kind === 'values' ? target.values : presence(target.labels, name, limits);
      if (!Array.isArray(references) || references.length !== limits.outputs) {
        const message = `${name}.values is ${show(references)}; expected a number for each of the head's ${limits.outputs} outputs`;
        throw rangeError('ERR_ZEST_TARGET', message);
      }
      return references.map((reference: unknown, output) => {
        if (typeof reference === 'number' && Number.isFinite(Math.fround(reference)))
          return { position, label: 0, words: outputWords(output), reference };
        const message = `${name}.values[${output}] is ${show(reference)}; expected a number that float32 can hold`;
        throw rangeError('ERR_ZEST_TARGET', message);
      });
    }
    case 'maskedTokens': {
      needs('languageModel');
      if (limits.causal) {
        const message = `${name} is of kind 'maskedTokens', but the model is causal; a target of kind 'tokens' is what it is trained on`;
        throw new ZestError('ERR_ZEST_TARGET', message);
      }
      const positions = list(target.positions, length, 'positions');
      const labels = list(target.ids, limits.outputs, 'ids');
      if (positions.length !== labels.length) {
        const message = `${name} has ${positions.length} positions and ${labels.length} ids; expected as many`;
        throw rangeError('ERR_ZEST_TARGET', message);
      }
      return Array.from(positions, (position, i) => ({ position, label: labels[i]! }));
    }
    case 'tokens': {
      needsCausal(target.kind, name, limits);
      needs('languageModel');
      const from = index(target.from, length, 'from');
      const to = index(target.to, length + 1, 'to');
      if (from < 1 || to <= from) {
        const message = `${name} is of tokens ${from} to ${to}; expected at least one, from 1 on: the first has none before it`;
        throw rangeError('ERR_ZEST_TARGET', message);
      }
      return Array.from({ length: to - from }, (_, i) => ({ position: from + i - 1, label: ids[from + i]! }));
    }
    default: {
      const expected =
        "a target of kind 'labelWords', 'class', 'labels', 'values', 'maskedTokens', 'tokens' or 'options'";
      throw typeError('ERR_ZEST_TARGET', `${name} is ${show(target)}; expected ${expected}`);
    }
  }
};
