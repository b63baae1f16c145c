import { rangeError, typeError } from '../errors.ts';
import type { NativeBatch } from '../native/binding.ts';
import type { DirectionOptions, Point } from '../objective.ts';
import { checkOptions } from '../options/check.ts';
import { readArgument } from '../options/reading.ts';
import { show } from '../text/show.ts';
import type { Batch } from './batch.ts';
import { embedSchema } from './option-schema.ts';
import { checkedSegments, checkedSequence, endToEnd } from './pack-batch.ts';
import type { BatchLimits } from './scored-positions.ts';

/** How {@link Model.embed} makes one vector of a text. */
export interface EmbedOptions extends DirectionOptions {
  /**
   * Tokens whose hidden states are the text's: the `last` one, which alone has read all others in a causal model; the
   * `first` one, `[CLS]` or `<s>` say; or the `mean` over all. Default: `last` of causal models, `mean` of encoders.
   */
  pooling?: 'first' | 'last' | 'mean';
  /** Segment (token type) ids of each sequence, one a token. Default: all 0. */
  segments?: Batch['segments'];
  /** Point that the weights are at. Default: θ itself. */
  at?: Point;
}

/** Options, checked, with their defaults. */
export const checkedEmbedding = (
  options: EmbedOptions = {},
  { causal }: BatchLimits,
): EmbedOptions & Required<Pick<EmbedOptions, 'pooling' | 'at'>> => {
  const { pooling = causal ? 'last' : 'mean', ...checked } = checkOptions(embedSchema, options);
  return { ...checked, pooling };
};

/** What the scored positions of a backend's embeddings have in the place of candidates: one, which nothing reads. */
const CANDIDATE = [0, 0, 1];

/** The sequences end to end; scored are the tokens that are pooled. */
export const packSequences = (
  sequences: Batch['sequences'],
  { pooling, segments }: Pick<EmbedOptions, 'segments'> & { pooling: NonNullable<EmbedOptions['pooling']> },
  limits: BatchLimits,
): NativeBatch =>
  readArgument('sequences', () => {
    if (!Array.isArray(sequences))
      throw typeError('ERR_ZEST_BATCH', `sequences is ${show(sequences)}; expected a list of lists of token ids`);
    if (sequences.length === 0)
      throw rangeError('ERR_ZEST_BATCH_EMPTY', 'sequences has none; expected at least one list of token ids');
    const checked = Array.from(sequences, (ids, s) => checkedSequence(ids, `sequences[${s}]`, limits));
    const scored: number[] = [];
    for (const [s, { length }] of checked.entries()) {
      const first = pooling === 'last' ? length - 1 : 0;
      const end = pooling === 'first' ? 1 : length;
      for (let position = first; position < end; position++) scored.push(s, position, ...CANDIDATE);
    }
    return {
      ...endToEnd(checked, checkedSegments({ sequences, segments }, limits)),
      scored: Int32Array.from(scored),
      candidates: Int32Array.of(0),
      loss: 'crossEntropy',
      references: new Float32Array(0),
      parents: new Int32Array(0),
      examples: new Int32Array(0),
    };
  });
