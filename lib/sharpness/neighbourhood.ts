import { rangeError, typeError } from '../errors.ts';
import { coverageOfMaximum, type Estimate, estimateDeviation, estimateMean } from '../numbers/statistics.ts';
import type { Objective } from '../objective.ts';
import { MEASURING_STREAM } from '../objectives/directions.ts';
import { assertObjective, given, optionsOf } from '../options/calls.ts';
import { checkedList } from '../options/reading.ts';
import { show } from '../text/show.ts';
import { DEFAULTS } from './defaults.ts';
import { checkedSamples, checkedScale, lossesAround, type MeasureOptions, measureShape } from './losses.ts';

/** Options of {@link neighbourhood}. */
export interface NeighbourhoodOptions extends MeasureOptions {
  /** Radii ρ, per coordinate, ascending: a perturbation ρ·v has the length ρ√d. Default `[1e-3, 2e-3, 5e-3]`. */
  radii?: readonly number[];
  /** Number of directions, 2 to 100,000; each is taken both ways, and all radii take the same ones. Default 32. */
  samples?: number;
}

/** The schemas of {@link NeighbourhoodOptions}. */
export const neighbourhoodShape = { ...measureShape, radii: given, samples: given };

const neighbourhoodOptions = optionsOf<NeighbourhoodOptions>(neighbourhoodShape);

/** Losses f(θ + ρv) at one radius, over the law of the objective's directions. */
export interface LossesAtRadius {
  /** Radius ρ, per coordinate. */
  radius: number;
  /** Length of a perturbation, ρ√d. */
  length: number;
  /** Losses [f⁺₀, f⁻₀, f⁺₁, …]: NaN where a loss is not finite (null in JSON). */
  losses: number[];
  /** Number of losses that are not finite. If any is, there is no mean, no deviation and no maximum. */
  notFinite: number;
  /** Mean of the losses. */
  mean: Estimate | null;
  /** Rise of the mean above f(θ), which is (ρ²/2)·tr H where the radius is small. */
  increase: Estimate | null;
  /** Standard deviation of the losses. */
  deviation: Estimate | null;
  /** Largest of the 2n losses. With 95 % confidence at least `coverage` of all perturbations have no larger loss. */
  maximum: { value: number; coverage: number } | null;
}

/** Loss around the weights. */
export interface Neighbourhood {
  /** Loss at the weights themselves, f(θ). */
  loss: number;
  /** Losses at each radius, in the order of the radii asked for. */
  radii: LossesAtRadius[];
}

/**
 * Checks the radii of a neighbourhood, and rounds them to float32.
 *
 * @throws ERR_ZEST_OPTION
 */
export const checkedRadii = (radii: readonly number[] = DEFAULTS.radii): number[] => {
  const list = { name: 'radii', code: 'ERR_ZEST_OPTION', expected: 'an array of numbers' } as const;
  const checked = checkedList(radii, { ...list, each: (radius, name) => checkedScale(name, radius as number) });
  if (checked.length === 0) throw typeError(list.code, `radii is ${show(radii)}; expected ${list.expected}`);
  const fallen = checked.findIndex((radius, i) => i > 0 && radius <= checked[i - 1]!);
  if (fallen < 0) return checked;
  throw rangeError('ERR_ZEST_OPTION', `radii[${fallen}] is ${radii[fallen]}; expected more than the one before`);
};

/** m_i = (f⁺ᵢ + f⁻ᵢ)/2 − f(θ), the antithetic samples of the increase. */
export const increases = (losses: readonly number[], loss: number): number[] =>
  Array.from({ length: losses.length / 2 }, (_, i) => (losses[2 * i]! - loss + (losses[2 * i + 1]! - loss)) / 2);

const summarise = (radius: number, dimension: number, losses: number[], loss: number): LossesAtRadius => {
  const notFinite = losses.filter((value) => !Number.isFinite(value)).length;
  const all = { radius, length: radius * Math.sqrt(dimension), losses, notFinite };
  if (notFinite > 0) return { ...all, mean: null, increase: null, deviation: null, maximum: null };
  const increase = estimateMean(increases(losses, loss));
  const maximum = losses.reduce((a, b) => Math.max(a, b));
  return {
    ...all,
    mean: { ...increase, value: loss + increase.value, low: loss + increase.low, high: loss + increase.high },
    increase,
    deviation: estimateDeviation(losses),
    maximum: { value: maximum, coverage: coverageOfMaximum(losses.length / 2) },
  };
};

/**
 * Measures the loss around the weights: its mean, spread and maximum at θ ± ρv(stream) for `samples` directions of the
 * objective's law and seed, over radii. Intervals are 95 %, for the directions and not for the choice of examples: the
 * loss is that of the batch, or of a list of batches; a batch that is a list, of examples say, stands in one. Takes
 * 1 + 2·samples·radii forwards.
 *
 * @example
 * import { neighbourhood, vectorObjective } from 'node-zest';
 * const bowl = vectorObjective(([x, y]) => x * x + 10 * y * y, [0, 0]);
 * const { loss, radii } = await neighbourhood(bowl, undefined, { radii: [0.1, 0.2] });
 * for (const { radius, maximum } of radii) console.log(radius, maximum.value - loss);
 *
 * @throws ERR_ZEST_OPTION; ERR_ZEST_BATCH_EMPTY; ERR_ZEST_LOSS_NOT_FINITE where f(θ) itself is not finite;
 * ERR_ZEST_VERSION if the weights change meanwhile
 */
export const neighbourhood = async <B>(
  objective: Objective<B>,
  batch: B | readonly B[],
  unchecked?: NeighbourhoodOptions,
): Promise<Neighbourhood> => {
  assertObjective(objective);
  const options = neighbourhoodOptions(unchecked);
  const { firstStream = MEASURING_STREAM } = options;
  const radii = checkedRadii(options.radii);
  const samples = checkedSamples(options.samples);
  const [loss] = await lossesAround(objective, batch, options)([[]]);
  const lossesAt = lossesAround(objective, batch, { ...options, keepNotFinite: true });
  const results: LossesAtRadius[] = [];
  for (const radius of radii) {
    const points = Array.from({ length: samples }, (_, i) => firstStream + BigInt(i)).flatMap((stream) => [
      { stream, scale: radius },
      { stream, scale: -radius },
    ]);
    results.push(summarise(radius, objective.dimension, Array.from(await lossesAt(points)), loss!));
  }
  return { loss: loss!, radii: results };
};
