import type { Batch, Target } from '../batch.ts';
import { type ErrorCode, rangeError, typeError, ZestError } from '../errors.ts';
import type { NativeBatch, NativeModelSpec } from '../native/binding.ts';
import { show } from '../show.ts';
import type { HeadKind } from './families/family.ts';
import type { HeadTensors } from './head.ts';

/** What a batch must fit. */
export type BatchLimits = Pick<
  NativeModelSpec,
  'vocabulary' | 'positions' | 'positionOffset' | 'segments' | 'paddingId' | 'outputs' | 'causal'
> & {
  head: HeadKind;
  /** The heads that the checkpoint has. */
  stored: HeadTensors;
  /** The token that a classifier reads. */
  classToken: 'first' | 'last';
};

type Ids = readonly number[] | Int32Array;

const isList = (value: unknown): value is Ids =>
  Array.isArray(value) || Object.prototype.toString.call(value) === '[object Int32Array]';

const isIndex = (value: unknown, end: number): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < end;

/** A list whose values are all indexes below `end`, or an error that names the first that is not. */
const checkedIds = (value: unknown, end: number, name: string, code: ErrorCode): Ids => {
  if (!isList(value)) throw typeError(code, `${name} is ${show(value)}; expected an array of numbers or an Int32Array`);
  const wrong = value.findIndex((id) => !isIndex(id, end));
  if (wrong < 0) return value;
  throw rangeError(code, `${name}[${wrong}] is ${show(value[wrong])}; expected a whole number from 0 to ${end - 1}`);
};

const checkedSequence = (value: unknown, name: string, limits: BatchLimits): Ids => {
  const ids = checkedIds(value, limits.vocabulary, name, 'ERR_ZEST_TOKEN');
  const longest = limits.positions - limits.positionOffset;
  if (ids.length < 1 || ids.length > longest) {
    throw rangeError('ERR_ZEST_SEQUENCE_LENGTH', `${name} has ${ids.length} tokens; the model takes 1 to ${longest}`);
  }
  const padding = ids.indexOf(limits.paddingId);
  if (padding >= 0) {
    throw rangeError(
      'ERR_ZEST_TOKEN',
      `${name}[${padding}] is the padding id ${limits.paddingId}; sequences are not padded`,
    );
  }
  return ids;
};

const checkedSegments = (batch: Batch, limits: BatchLimits): Ids[] => {
  const { segments, sequences } = batch;
  if (segments === undefined) return [];
  if (!Array.isArray(segments) || segments.length !== sequences.length) {
    throw typeError(
      'ERR_ZEST_BATCH',
      `segments is ${show(segments)}; expected one list a sequence, ${sequences.length}`,
    );
  }
  return Array.from(segments, (value, s) => {
    const name = `segments[${s}]`;
    const list = checkedIds(value, limits.segments, name, 'ERR_ZEST_BATCH');
    const { length } = sequences[s] as Ids;
    if (list.length === length) return list;
    throw rangeError('ERR_ZEST_BATCH', `${name} has ${list.length} values; sequences[${s}] has ${length} tokens`);
  });
};

/** A scored position, as in core/batch.h; without `words` every output of the head is a candidate. */
interface Scored {
  position: number;
  label: number;
  words?: readonly number[];
}

const scoredPositions = (target: Target, ids: Ids, name: string, limits: BatchLimits): Scored[] => {
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
  const needs = (head: BatchLimits['head']): void => {
    if (limits.head === head) return;
    const canSpeak = limits.stored.languageModel;
    const hints = {
      languageModel: canSpeak
        ? "load the model with head: 'languageModel'"
        : "the checkpoint has no language model, so that words are no answers; take a task of kind 'class', or another checkpoint",
      classifier: 'load the model with head: { classes }',
    };
    throw new ZestError(
      'ERR_ZEST_TARGET',
      `${name} is of kind '${target.kind}', which this model's head does not serve; ${hints[head]}`,
    );
  };
  const needsCausal = (kind: Target['kind']): void => {
    if (limits.causal) return;
    throw new ZestError('ERR_ZEST_TARGET', `${name} is of kind '${kind}', which needs a causal model`);
  };
  switch (target?.kind) {
    case 'labelWords': {
      needs('languageModel');
      const words = list(target.words, limits.outputs, 'words') as readonly number[];
      const label = index(target.label, words.length, 'label');
      return [{ position: index(target.position, length, 'position'), label, words }];
    }
    case 'class':
      needs('classifier');
      return [
        {
          position: limits.classToken === 'first' ? 0 : length - 1,
          label: index(target.label, limits.outputs, 'label'),
        },
      ];
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
      return Array.from(positions, (position, i) => ({ position, label: labels[i] as number }));
    }
    case 'tokens': {
      needsCausal(target.kind);
      needs('languageModel');
      const from = index(target.from, length, 'from');
      const to = index(target.to, length + 1, 'to');
      if (from < 1 || to <= from) {
        const message = `${name} is of tokens ${from} to ${to}; expected at least one, from 1 on: the first has none before it`;
        throw rangeError('ERR_ZEST_TARGET', message);
      }
      return Array.from({ length: to - from }, (_, i) => ({ position: from + i - 1, label: ids[from + i] as number }));
    }
    case 'options':
      needsCausal(target.kind);
      throw new ZestError('ERR_ZEST_UNSUPPORTED', `${name} is of kind 'options', which this version does not take`);
    default: {
      const expected = "a target of kind 'labelWords', 'class', 'tokens' or 'maskedTokens'";
      throw typeError('ERR_ZEST_TARGET', `${name} is ${show(target)}; expected ${expected}`);
    }
  }
};

/**
 * Checks a batch and lays its sequences end to end.
 *
 * @throws ERR_ZEST_BATCH_EMPTY, ERR_ZEST_BATCH (counts that disagree, segment ids), ERR_ZEST_TOKEN,
 * ERR_ZEST_SEQUENCE_LENGTH, ERR_ZEST_TARGET, or ERR_ZEST_UNSUPPORTED for targets of causal models, each naming the
 * place in the batch
 */
export const packBatch = (batch: Batch, limits: BatchLimits): NativeBatch => {
  if (typeof batch !== 'object' || batch === null || !Array.isArray(batch.sequences) || !Array.isArray(batch.targets)) {
    throw typeError('ERR_ZEST_BATCH', `batch is ${show(batch)}; expected { sequences, targets }`);
  }
  const { length } = batch.sequences;
  if (length === 0) throw rangeError('ERR_ZEST_BATCH_EMPTY', 'batch has no sequences; expected at least one');
  if (batch.targets.length !== length) {
    throw rangeError(
      'ERR_ZEST_BATCH',
      `batch has ${length} sequences and ${batch.targets.length} targets; expected as many`,
    );
  }
  const sequences = Array.from(batch.sequences, (ids, s) => checkedSequence(ids, `sequences[${s}]`, limits));
  const segments = checkedSegments(batch, limits);
  const starts = new Int32Array(length + 1);
  for (const [s, ids] of sequences.entries()) starts[s + 1] = (starts[s] as number) + ids.length;
  const join = (lists: readonly Ids[]): Int32Array => {
    const joined = new Int32Array(lists.length > 0 ? (starts[length] as number) : 0);
    for (const [s, list] of lists.entries()) joined.set(list, starts[s]);
    return joined;
  };

  const scored: number[] = [];
  const candidates: number[] = [];
  // Targets that share their list of words share its place.
  const places = new Map<readonly number[], [begin: number, end: number]>();
  const place = (words: readonly number[]): [begin: number, end: number] => {
    const known = places.get(words) ?? [candidates.length, candidates.length + words.length];
    if (!places.has(words)) for (const word of words) candidates.push(word);
    places.set(words, known);
    return known;
  };
  for (const [s, target] of (batch.targets as readonly Target[]).entries()) {
    for (const { position, label, words } of scoredPositions(target, sequences[s] as Ids, `targets[${s}]`, limits)) {
      const [begin, end] = words ? place(words) : [0, 0];
      scored.push(s, position, label, begin, end);
    }
  }
  return {
    ids: join(sequences),
    starts,
    segments: join(segments),
    scored: Int32Array.from(scored),
    candidates: Int32Array.from(candidates),
  };
};
