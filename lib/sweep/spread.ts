import { type Metric, metricDigits, metricUnit } from '../tasks/metrics.ts';
import type { Spread } from './results.ts';

/** Writes a spread as mean ± deviation, with the mean alone for a single run. */
export const spreadText = ({ mean, deviation }: Spread, written: (value: number) => string): string =>
  deviation === null ? written(mean) : `${written(mean)} ± ${written(deviation)}`;

/** Writes the spread of a metric with its unit. */
export const metricSpread = (value: Spread, metric: Metric): string =>
  spreadText(value, (one) => metricDigits(metric, one)) + metricUnit(metric);
