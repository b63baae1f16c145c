import { deviation } from '../numbers/statistics.ts';
import type { Perturbation, Point } from '../objective.ts';

/** Asks for the loss at a point, and for those one-sided around it: at + scale·v(stream) for each stream. */
export function* around(
  at: readonly Perturbation[],
  streams: readonly bigint[],
  scale: number,
): Generator<readonly Point[], { centre: number; losses: number[] }, Float64Array> {
  const losses: Float64Array = yield [at, ...streams.map((stream) => [...at, { stream, scale }])];
  return { centre: losses[0]!, losses: [...losses.subarray(1)] };
}

/**
 * The coefficients of FZOO's and ZOSA's estimates, (fᵢ − f₀)/(kσ) with σ² = Σ(fᵢ − f̄)²/(k − 1): one-sided differences
 * in units of their spread. All 0 where there is none.
 */
export const inDeviations = (
  centre: number,
  losses: readonly number[],
): { coefficients: number[]; lossSpread: number } => {
  const sigma = deviation(losses);
  const unit = losses.length * sigma;
  return { coefficients: losses.map((loss) => (sigma > 0 ? (loss - centre) / unit : 0)), lossSpread: sigma };
};
