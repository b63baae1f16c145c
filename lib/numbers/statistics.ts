/** Estimate with its 95 % confidence interval, which is Student's: value ± t·standardError. */
export interface Estimate {
  /** Estimate itself. */
  value: number;
  /** Standard error of the estimate. */
  standardError: number;
  /** Lower end of the interval. */
  low: number;
  /** Upper end of the interval. */
  high: number;
}

const CONFIDENCE = 0.95;
/** The 97.5 % quantile of the normal distribution. */
const Z = 1.959963984540054;

/**
 * The 97.5 % quantile of Student's t: exact for one and two degrees of freedom, beyond that Fisher and Cornish's
 * expansion (Abramowitz and Stegun 26.7.5), which is within 0.004 at three and 2e-4 from six on.
 */
export const tQuantile = (degrees: number): number => {
  if (degrees === 1) return Math.tan(Math.PI * (CONFIDENCE / 2));
  if (degrees === 2) return Math.sqrt((2 * CONFIDENCE ** 2) / (1 - CONFIDENCE ** 2));
  const terms = [
    Z,
    (Z ** 3 + Z) / 4,
    (5 * Z ** 5 + 16 * Z ** 3 + 3 * Z) / 96,
    (3 * Z ** 7 + 19 * Z ** 5 + 17 * Z ** 3 - 15 * Z) / 384,
    (79 * Z ** 9 + 776 * Z ** 7 + 1482 * Z ** 5 - 1920 * Z ** 3 - 945 * Z) / 92160,
  ];
  return terms.reduceRight((sum, term) => sum / degrees + term, 0);
};

const interval = (value: number, standardError: number, samples: number): Estimate => {
  const half = tQuantile(samples - 1) * standardError;
  return { value, standardError, low: value - half, high: value + half };
};

/** Averages values; the differences from the first are what is summed, so that equal values have exactly their mean. */
export const mean = (values: readonly number[]): number => {
  const first = values[0] ?? Number.NaN;
  return first + values.reduce((sum, value) => sum + (value - first), 0) / values.length;
};

/** The tilted mean (1/s)·log mean e^{sx}; the mean at s = 0. Nothing overflows, and small s lose no digits. */
export const tiltedMean = (values: ArrayLike<number>, s: number): number => {
  const list = Array.from(values);
  if (s === 0) return mean(list);
  const pivot = list.reduce((a, b) => (s > 0 ? Math.max(a, b) : Math.min(a, b)), list[0] ?? Number.NaN);
  return pivot + Math.log1p(mean(list.map((value) => Math.expm1(s * (value - pivot))))) / s;
};

/** The sample standard deviation, with n − 1; NaN for a single value. */
export const deviation = (values: readonly number[]): number => {
  const centre = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1));
};

/** The standard deviation of a whole population, with n; 0 for a single value. */
export const populationDeviation = (values: Float64Array): number => {
  const centre = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / values.length);
};

/** The value below which the share `q` of sorted values lies, interpolated. */
export const quantile = (sorted: ArrayLike<number>, q: number): number => {
  const at = q * (sorted.length - 1);
  const below = sorted[Math.floor(at)]!;
  return below + (at % 1) * (sorted[Math.ceil(at)]! - below);
};

/** The median, the mean of the two in the middle of an even number. */
export const median = (values: readonly number[]): number =>
  quantile(
    values.toSorted((a, b) => a - b),
    0.5,
  );

/** The mean of independent samples, two or more. */
export const estimateMean = (samples: readonly number[]): Estimate =>
  interval(mean(samples), deviation(samples) / Math.sqrt(samples.length), samples.length);

/**
 * The standard deviation of losses that come in independent pairs [f⁺₀, f⁻₀, …], two pairs or more; its standard error
 * is the jackknife's over pairs (Efron and Stein 1981).
 */
export const estimateDeviation = (losses: readonly number[]): Estimate => {
  const pairs = losses.length / 2;
  const centre = mean(losses);
  const centred = losses.map((loss) => loss - centre);
  const sum = centred.reduce((a, b) => a + b, 0);
  const squares = centred.reduce((a, b) => a + b * b, 0);
  const rest = losses.length - 2;
  const without = Array.from({ length: pairs }, (_, i) => {
    const [a, b] = [centred[2 * i]!, centred[2 * i + 1]!];
    const variance = (squares - a * a - b * b - (sum - a - b) ** 2 / rest) / (rest - 1);
    return Math.sqrt(Math.max(0, variance));
  });
  const spread = deviation(without) * ((pairs - 1) / Math.sqrt(pairs));
  return interval(deviation(losses), spread, pairs);
};

/**
 * Of the largest loss of n independent pairs: with 95 % confidence at least this share of all perturbations has no
 * larger loss, whatever the distribution. A loss is below the share's quantile q with probability q, both of a pair at
 * most so, and all n pairs with qⁿ at most, which is 5 % here.
 */
export const coverageOfMaximum = (pairs: number): number => (1 - CONFIDENCE) ** (1 / pairs);

/** The rank of each value from 1, the mean rank of equals. */
export const ranks = (values: readonly number[]): number[] => {
  const order = values.map((_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const ranked = new Array<number>(values.length);
  for (let from = 0; from < order.length; ) {
    let to = from + 1;
    while (to < order.length && values[order[to]!] === values[order[from]!]) to++;
    for (let i = from; i < to; i++) ranked[order[i]!] = (from + 1 + to) / 2;
    from = to;
  }
  return ranked;
};
