import { quantile } from '../numbers/statistics.ts';
import { percent } from '../text/show.ts';

/** A place on an axis that is named. */
export interface Tick {
  value: number;
  label: string;
}

/** Values on an axis. */
export interface Scale {
  low: number;
  high: number;
  log: boolean;
  /** 0 at `low`, 1 at `high`. */
  at(value: number): number;
  ticks: readonly Tick[];
}

export type Format = 'number' | 'percent';

/** Four significant digits, thousands in groups, 1.2e-5 where zeros would have to be counted; – for no number. */
export const formatNumber = (value: number, format: Format = 'number'): string => {
  if (Number.isNaN(value)) return '–';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  if (format === 'percent') return percent(value);
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e9) return (value || 0).toLocaleString('en-US').replace('-', '−');
  const text =
    size >= 1e5 || size < 1e-3
      ? value
          .toExponential(2)
          .replace(/\.?0+e/, 'e')
          .replace('e+', 'e')
      : Number(value.toPrecision(4)).toLocaleString('en-US', { maximumFractionDigits: 6 });
  return text.replace(/^-/, '−');
};

/** The label of a place on a logarithmic axis. */
const logLabel = (value: number): string =>
  value >= 1e5 || value < 1e-3 ? value.toExponential().replace('e+', 'e') : formatNumber(value);

/** The multiples of 1, 2 or 5 times a power of ten inside a range, at most `count` of them, or little more. */
const roundValues = (low: number, high: number, count: number): { values: number[]; step: number } => {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough * (1 - 1e-9)) ?? 10);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return { values: Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => (first + i) * step), step };
};

/** Labels of equal precision. */
const tickLabel = (value: number, step: number, format: Format): string => {
  const shown = format === 'percent' ? 100 * value : value;
  const unit = format === 'percent' ? 100 * step : step;
  const decimals = Math.max(0, -Math.floor(Math.log10(unit) + 1e-9));
  const exact = Math.abs(shown) < unit / 1e6 ? 0 : shown;
  if (exact === 0 && decimals > 4) return '0';
  const text =
    exact !== 0 && (unit >= 1e5 || decimals > 4)
      ? formatNumber(Number(exact.toPrecision(3)))
      : exact.toLocaleString('en-US', { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  return text.replace(/^-/, '−') + (format === 'percent' ? ' %' : '');
};

/** Values no further apart than this, as a share of their size, differ by rounding. */
const ROUNDING = 1e-9;

/** The largest end of an axis, and the least width: what is computed of two of them is finite, and no step is 0. */
const MOST = Number.MAX_VALUE / 4;
const LEAST = 1e-300;

const bounded = (value: number, least = -MOST): number => Math.min(MOST, Math.max(least, value));

/** An even axis. A range of no width is widened. */
export const linearScale = (from: number, to: number, count = 5, format: Format = 'number'): Scale => {
  let [low, high] = [bounded(from), bounded(to)];
  if (!(high - low > Math.max(LEAST, ROUNDING * Math.abs(low)))) {
    const room = Math.abs(low) > LEAST ? Math.abs(low) * 0.1 : 1;
    [low, high] = [bounded(low - room), bounded(low + room)];
  }
  const { values, step } = roundValues(low, high, count);
  return {
    low,
    high,
    log: false,
    at: (value) => (value - low) / (high - low),
    ticks: values.map((value) => ({ value, label: tickLabel(value, step, format) })),
  };
};

/** A logarithmic axis of values above 0. */
export const logScale = (from: number, to: number, count = 5): Scale => {
  const ends = to > from * (1 + ROUNDING) ? [from, to] : [from / 2, from * 2];
  const [low, high] = ends.map((end) => bounded(end, Number.MIN_VALUE)) as [number, number];
  const decades = Math.log10(high) - Math.log10(low);
  const every = Math.max(1, Math.ceil(decades / count));
  const factors = decades <= 2 ? [1, 2, 5] : [1];
  const first = Math.floor(Math.log10(low));
  const values = Array.from({ length: Math.ceil(decades) + 2 }, (_, i) => first + i)
    .filter((exponent) => exponent % every === 0)
    .flatMap((exponent) => factors.map((factor) => Number(`${factor}e${exponent}`)))
    .filter((value) => value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9));
  const ticks =
    values.length >= 2
      ? values.map((value) => ({ value, label: logLabel(value) }))
      : linearScale(low, high, count).ticks;
  return {
    low,
    high,
    log: true,
    at: (value) => (Math.log(value) - Math.log(low)) / (Math.log(high) - Math.log(low)),
    ticks,
  };
};

/** Shares of the values, at either end, that may lie outside of an axis. */
const TAIL = 0.01;
/** An axis leaves values out only if it would otherwise be so many times as long. */
const STRETCH = 1.6;
/** From this ratio on an axis is logarithmic. */
const LOG_RATIO = 40;
/** Room beside the outermost values, as a share of the axis. */
const ROOM = 0.05;

export interface ValueScaleOptions {
  format?: Format;
  /** Default: where the values are above 0 and some dozens of times apart. */
  log?: boolean;
  /** Ends that the axis has whatever the values are. */
  low?: number;
  high?: number;
}

/**
 * An axis for values, without the few (1 % at either end) that would stretch it. NaN and infinities are left out;
 * without any value it goes from 0 to 1.
 */
export const valueScale = (values: readonly number[], options: ValueScaleOptions = {}): Scale => {
  const { format = 'number' } = options;
  const sorted = Float64Array.from(values.filter(Number.isFinite)).sort();
  if (sorted.length === 0) return linearScale(options.low ?? 0, options.high ?? 1, 5, format);
  const inner = [quantile(sorted, TAIL), quantile(sorted, 1 - TAIL)] as const;
  const log = options.log ?? (options.low === undefined && inner[0] > 0 && inner[1] / inner[0] > LOG_RATIO);
  const positive = log ? sorted.filter((value) => value > 0) : sorted;
  if (positive.length === 0) return linearScale(0, 1, 5, format);
  const to = log ? Math.log : (value: number) => value;
  const from = log ? Math.exp : (value: number) => value;
  let [low, high] = [to(positive[0]!), to(positive.at(-1) as number)];
  const [innerLow, innerHigh] = log
    ? ([to(quantile(positive, TAIL)), to(quantile(positive, 1 - TAIL))] as const)
    : inner;
  const width = innerHigh - innerLow;
  if (width > 0 && high - low > STRETCH * width) {
    low = Math.max(low, innerLow - (width * (STRETCH - 1)) / 2);
    high = Math.min(high, innerHigh + (width * (STRETCH - 1)) / 2);
  }
  const room = (high - low) * ROOM;
  const ends = [options.low ?? from(low - room), options.high ?? from(high + room)] as const;
  return log ? logScale(...ends) : linearScale(...ends, 5, format);
};
