import type { Outcome } from './classification-report.ts';
import type { LabelledExample } from './example.ts';

/** log Σ exp, in float64. */
export const logSumExp = (scores: Float32Array): number => {
  const largest = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return largest + Math.log(scores.reduce((sum, score) => sum + Math.exp(score - largest), 0));
};

export const largestAt = (scores: Float32Array): number =>
  scores.reduce((best, score, i) => (score > scores[best]! ? i : best), 0);

/** What a model's scores make of an example. */
export const outcome = (example: LabelledExample, scores: Float32Array): Outcome => {
  const answer = largestAt(scores);
  const total = logSumExp(scores);
  return { example, answer, confidence: Math.exp(scores[answer]! - total), loss: total - scores[example.label]! };
};

/** The probability of each label, of its scores. */
export const probabilitiesOf = (scores: Float32Array): number[] => {
  const total = logSumExp(scores);
  return Array.from(scores, (score) => Math.exp(score - total));
};
