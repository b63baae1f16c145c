/** log Σ exp, in float64. */
export const logSumExp = (scores: Float32Array): number => {
  const largest = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return largest + Math.log(scores.reduce((sum, score) => sum + Math.exp(score - largest), 0));
};

export const largestAt = (scores: Float32Array): number =>
  scores.reduce((best, score, i) => (score > scores[best]! ? i : best), 0);

/** The probability of each label, of its scores. */
export const probabilitiesOf = (scores: Float32Array): number[] => {
  const total = logSumExp(scores);
  return Array.from(scores, (score) => Math.exp(score - total));
};
