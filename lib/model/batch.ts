/**
 * Loss of a sequence. Positions count from 0 within the sequence.
 * - `labelWords`: cross-entropy over these words' logits at `position`; `label` indexes `words`
 * - `class`: cross-entropy of the classification head
 * - `labels`: mean over the head's outputs of the cross-entropy of whether each is among `labels`
 * - `values`: mean squared error of the head's outputs
 * - `tokens`: mean next-token cross-entropy of ids[from … to) (causal models)
 * - `maskedTokens`: mean cross-entropy of `ids` at `positions`, over the whole vocabulary
 * - `options`: the sequence is the shared prompt; cross-entropy over the options' log-likelihoods (causal models)
 */
export type Target =
  | { kind: 'labelWords'; position: number; words: readonly number[]; label: number }
  | { kind: 'class'; label: number }
  | { kind: 'labels'; labels: readonly number[] }
  | { kind: 'values'; values: readonly number[] }
  | { kind: 'tokens'; from: number; to: number }
  | { kind: 'maskedTokens'; positions: readonly number[]; ids: readonly number[] }
  | { kind: 'options'; options: readonly (readonly number[])[]; label: number; normalize: 'tokens' | 'none' };

/** Sequences of token ids with one target each; nothing is padded. A batch's loss is the mean over its sequences. */
export interface Batch {
  /** Token ids of each sequence. */
  sequences: readonly (readonly number[] | Int32Array)[];
  /** Segment (token type) ids of each sequence, one a token. Default: all 0. */
  segments?: readonly (readonly number[] | Int32Array)[];
  /** Target of each sequence. */
  targets: readonly Target[];
}
