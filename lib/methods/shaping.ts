import { mean, populationDeviation, ranks } from '../numbers/statistics.ts';
import { norm } from '../numbers/vectors.ts';

// What becomes of the losses of a round before they weigh its directions.

/** z-scores (fᵢ − f̄)/σ with the deviation of the population; all 0 where σ is. */
export const zScores = (losses: readonly number[]): number[] => {
  const sigma = populationDeviation(Float64Array.from(losses));
  const centre = mean(losses);
  return losses.map((loss) => (sigma > 0 ? (loss - centre) / sigma : 0));
};

/**
 * Centred ranks, rank/(n − 1) − ½ from −½ for the least loss to ½ for the largest (Salimans et al. 2017). Losses that
 * are equal share the mean of their ranks, so that a loss without any difference weighs nothing.
 */
export const centredRanks = (losses: readonly number[]): number[] =>
  ranks(losses).map((rank) => (rank - 1) / (losses.length - 1) - 0.5);

/** The length of Σ cᵢ·vᵢ, ‖c‖·√d, as of directions that are orthogonal and of length √d. */
export const lengthOf = (coefficients: readonly number[], dimension: number): number =>
  norm(coefficients) * Math.sqrt(dimension);

/** The scalars of most methods. */
export const commonDiagnostics = {
  lossSpread: {
    title: 'Spread of the losses',
    words: 'Standard deviation of the losses of a step around the weights: its signal, and the noise with it.',
    brief: 'spread',
  },
  gradientNorm: {
    title: 'Gradient norm',
    words: '‖c‖·√d, the length of the estimate. It measures the noise of few directions more than the gradient.',
  },
};
