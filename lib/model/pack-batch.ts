import { rangeError, typeError, ZestError } from '../errors.ts';
import type { NativeBatch } from '../native/binding.ts';
import { readArgument } from '../options/reading.ts';
import { show } from '../text/show.ts';
import type { Batch, Target } from './batch.ts';
import {
  type BatchLimits,
  checkedIds,
  type Ids,
  lossOf,
  questionSequences,
  scoredPositions,
} from './scored-positions.ts';
import { checkTargetKeys } from './target-keys.ts';

/** A sequence of token ids that the model takes, or an error that names what is wrong with it. */
export const checkedSequence = (value: unknown, name: string, limits: BatchLimits): Ids => {
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

/** The segments of sequences, none where there are none. */
export const checkedSegments = (
  { segments, sequences }: Pick<Batch, 'segments' | 'sequences'>,
  limits: BatchLimits,
): Ids[] => {
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
    const { length } = sequences[s]!;
    if (list.length === length) return list;
    throw rangeError('ERR_ZEST_BATCH', `${name} has ${list.length} values; sequences[${s}] has ${length} tokens`);
  });
};

/** Sequences, and their segments where there are any, one after another. */
export const endToEnd = (
  sequences: readonly Ids[],
  segments: readonly Ids[],
): Pick<NativeBatch, 'ids' | 'starts' | 'segments'> => {
  const starts = new Int32Array(sequences.length + 1);
  for (const [s, ids] of sequences.entries()) starts[s + 1] = starts[s]! + ids.length;
  const join = (lists: readonly Ids[]): Int32Array => {
    const joined = new Int32Array(lists.length > 0 ? starts[sequences.length]! : 0);
    for (const [s, list] of lists.entries()) joined.set(list, starts[s]);
    return joined;
  };
  return { ids: join(sequences), starts, segments: join(segments) };
};

/**
 * Checks a batch and lays its sequences end to end.
 *
 * @throws ERR_ZEST_BATCH_EMPTY, ERR_ZEST_BATCH (counts that disagree, segment ids), ERR_ZEST_TOKEN,
 * ERR_ZEST_SEQUENCE_LENGTH, ERR_ZEST_TARGET, or ERR_ZEST_UNSUPPORTED for targets of causal models, each naming the
 * place in the batch
 */
export const packBatch = (batch: Batch, limits: BatchLimits): NativeBatch =>
  readArgument('batch', () => readBatch(batch, limits));

const readBatch = (batch: Batch, limits: BatchLimits): NativeBatch => {
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
  const laid: Ids[] = [];
  const laidSegments: Ids[] = [];
  const parents: number[] = [];
  const examples: number[] = [];
  const scored: number[] = [];
  const candidates: number[] = [];
  const references: number[] = [];
  const [firstTarget] = batch.targets as readonly Target[];
  const loss = lossOf(Object(firstTarget));
  // Targets that share their list of words share its place.
  const places = new Map<readonly number[], [begin: number, end: number]>();
  const place = (words: readonly number[]): [begin: number, end: number] => {
    const known = places.get(words) ?? [candidates.length, candidates.length + words.length];
    if (!places.has(words)) for (const word of words) candidates.push(word);
    places.set(words, known);
    return known;
  };
  const lay = (ids: Ids, parent: number, ofSegments?: Ids): number => {
    parents.push(parent);
    if (ofSegments) laidSegments.push(ofSegments);
    return laid.push(ids) - 1;
  };
  for (const [s, target] of (batch.targets as readonly Target[]).entries()) {
    const ids = sequences[s]!;
    const name = `targets[${s}]`;
    if (target?.kind === 'options') {
      const { prompt, options } = questionSequences(target, ids, name, limits);
      checkTargetKeys(target, name);
      examples.push(laid.length, target.label, target.normalize === 'tokens' ? 1 : 0);
      const parent = prompt.length > 0 ? lay(prompt, -1) : -1;
      for (const option of options) {
        const sequence = lay(option, parent);
        for (let i = 1; i < option.length; i++) scored.push(sequence, i - 1, option[i]!, 0, 0);
      }
      continue;
    }
    examples.push(laid.length, -1, 0);
    const sequence = lay(ids, -1, segments[s]);
    const positions = scoredPositions(target, ids, name, limits);
    checkTargetKeys(target, name);
    if (lossOf(target) !== loss) {
      const message = `${name} is of kind '${target.kind}', and targets[0] of '${firstTarget?.kind}'; expected one kind in a batch`;
      throw new ZestError('ERR_ZEST_TARGET', message);
    }
    for (const { position, label, words, reference } of positions) {
      if (reference !== undefined) references.push(reference);
      const [begin, end] = words ? place(words) : [0, 0];
      scored.push(sequence, position, label, begin, end);
    }
  }
  const hasQuestions = laid.length > length;
  return {
    // Causal models, whose questions become several sequences, have one segment.
    ...endToEnd(laid, hasQuestions ? [] : laidSegments),
    scored: Int32Array.from(scored),
    candidates: Int32Array.from(candidates),
    loss,
    references: Float32Array.from(references),
    parents: Int32Array.from(hasQuestions ? parents : []),
    examples: Int32Array.from(hasQuestions ? examples : []),
  };
};
