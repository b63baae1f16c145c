import { escaped } from './html.ts';
import {
  type Format,
  formatNumber,
  linearScale,
  logScale,
  type Scale,
  type ValueScaleOptions,
  valueScale,
} from './scale.ts';

// Lines, bands and points as SVG. The size is in user units: a chart is drawn as wide as its column.

export const WIDTH = 440;
export const HEIGHT = 250;
/** The part of the picture that the values take. */
export const PLOT = { left: 52, right: 342, top: 10, bottom: 214 } as const;
/** Distance between lines of text. */
const LINE_HEIGHT = 12;
/** Characters of a label beside its line. */
const LABEL_CHARACTERS = 15;
/** Colours that assets/report.css names; further series have them again, dashed. */
export const COLORS = 6;

/** A way to lay out the horizontal axis; a page may let its reader choose between several. */
export interface Axis {
  /** Names the axis in the page's script. */
  key: string;
  label: string;
  /** Both ends. Default: those of the values. */
  domain?: readonly [number, number];
  log?: boolean;
}

/** A line with what belongs to it. The lists are of one length; NaN is a gap. */
export interface Series {
  name: string;
  /** What stands beside its end; empty: nothing. Default: the name. */
  label?: string;
  /** Place in the palette, from 0. */
  color: number;
  /** Place of each value, one list for each of the chart's axes, ascending. */
  x: readonly (readonly number[])[];
  y: readonly number[];
  /** A band around the line: a range or a confidence interval. */
  low?: readonly number[];
  high?: readonly number[];
  /** Smoothed `y`. Drawn as the line then, and `y` itself, or its band, faint behind it. */
  trend?: readonly number[];
  /** Number of the run that the series belongs to, by which the page switches it off. Default: it stays. */
  run?: number;
  /** Draw the values as points. Default false. */
  points?: boolean;
  /** Draw the line. Default true. */
  line?: boolean;
}

export interface ChartOptions {
  /** Distinct in its page: letters, digits and hyphens. */
  id: string;
  title: string;
  /** What is to be seen, in a sentence or two. */
  description: string;
  axes: readonly Axis[];
  y: { label: string; format?: Format } & ValueScaleOptions;
  series: readonly Series[];
}

/** What the page's script needs of a chart: to tell values, and to change the axis. */
export interface ChartData {
  id: string;
  axes: { key: string; label: string; low: number; high: number; log: boolean }[];
  format: Format;
  series: Pick<Series, 'name' | 'x' | 'y' | 'low' | 'high' | 'trend'>[];
}

export interface Chart {
  svg: string;
  data: ChartData;
  /** What the picture does not show, in words; empty where it shows all. */
  note: string;
}

const fixed = (value: number): string => String(Math.round(value * 10) / 10);

/** Between the edges, and a little beyond, where it is clipped. */
const bounded = (value: number, low: number, high: number): number => Math.min(Math.max(value, low - 20), high + 20);

const across = (scale: Scale) => (value: number) => PLOT.left + scale.at(value) * (PLOT.right - PLOT.left);
const upward = (scale: Scale) => (value: number) => {
  const at = PLOT.bottom - scale.at(value) * (PLOT.bottom - PLOT.top);
  return Number.isNaN(at) ? PLOT.bottom + 20 : bounded(at, PLOT.top, PLOT.bottom);
};

/** Runs of indices at which all of the lists have values. */
const segments = (...lists: (readonly number[])[]): [from: number, to: number][] => {
  const found: [number, number][] = [];
  for (let i = 0; i < (lists[0] as readonly number[]).length; i++) {
    if (lists.some((list) => Number.isNaN(list[i]!))) continue;
    const open = found.at(-1);
    if (open?.[1] === i) open[1] = i + 1;
    else found.push([i, i + 1]);
  }
  return found;
};

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

/** The marks of a series; `data-from` is the index of the first value, so that the script can move them to another axis. */
const marks = (series: Series, x: (value: number) => number, y: (value: number) => number): string => {
  const { y: values, low, high, trend, points = false, line = true } = series;
  const place = (list: readonly number[], i: number) => `${fixed(x(series.x[0]![i]!))},${fixed(y(list[i]!))}`;
  const polyline = (list: readonly number[], className: string) =>
    segments(list).map(([from, to]) =>
      to - from === 1
        ? `<circle class="${className}" data-from="${from}" r="1.2" cx="${place(list, from).replace(',', '" cy="')}"/>`
        : `<polyline class="${className}" data-from="${from}" points="${range(from, to)
            .map((i) => place(list, i))
            .join(' ')}"/>`,
    );
  const band =
    low && high
      ? segments(low, high).map(([from, to]) => {
          const outline = [
            ...range(from, to).map((i) => place(high, i)),
            ...range(from, to)
              .reverse()
              .map((i) => place(low, i)),
          ];
          return `<polygon class="band" data-from="${from}" points="${outline.join(' ')}"/>`;
        })
      : [];
  const circles = points
    ? values.flatMap((value, i) =>
        Number.isNaN(value)
          ? []
          : [`<circle class="point" data-from="${i}" r="2.6" cx="${place(values, i).replace(',', '" cy="')}"/>`],
      )
    : [];
  return [
    ...band,
    ...(trend && !band.length ? polyline(values, 'faint') : []),
    ...(line ? polyline(trend ?? values, 'line') : []),
    ...circles,
  ].join('');
};

/** The last value that the line shows. */
const lastValue = ({ y, trend }: Series): number =>
  (trend ?? y).findLast((value) => !Number.isNaN(value)) ?? Number.NaN;

/** Cut in the middle, where names of runs differ least. */
export const shortened = (text: string, length: number): string => {
  const characters = [...text];
  if (characters.length <= length) return text;
  const tail = Math.ceil((length - 1) / 2);
  return `${characters.slice(0, length - 1 - tail).join('')}…${characters.slice(-tail).join('')}`;
};

/** Moves places apart until none is nearer than a line to another, inside the plot. */
const spread = (places: readonly number[]): number[] => {
  const order = places.map((_, i) => i).sort((a, b) => places[a]! - places[b]!);
  const moved = [...places];
  let least = PLOT.top + LINE_HEIGHT / 2;
  for (const i of order) {
    moved[i] = Math.max(moved[i]!, least);
    least = moved[i]! + LINE_HEIGHT;
  }
  let most: number = PLOT.bottom;
  for (const i of order.reverse()) {
    moved[i] = Math.min(moved[i]!, most);
    most = moved[i]! - LINE_HEIGHT;
  }
  return moved;
};

/** Names beside the ends of their lines; none where there is no room for all. */
const labels = (series: readonly Series[], y: (value: number) => number): string[] => {
  const named = series
    .map((one, i) => ({ ...one, i, last: lastValue(one) }))
    .filter(({ last, label }) => !Number.isNaN(last) && label !== '');
  if (named.length > (PLOT.bottom - PLOT.top) / LINE_HEIGHT) return series.map(() => '');
  const places = spread(named.map(({ last }) => Math.min(Math.max(y(last), PLOT.top), PLOT.bottom)));
  const texts = series.map(() => '');
  for (const [at, { i, name, label = name }] of named.entries()) {
    texts[i] =
      `<text class="label" x="${PLOT.right + 6}" y="${fixed(places[at]! + 3.5)}">${escaped(shortened(label, LABEL_CHARACTERS))}</text>`;
  }
  return texts;
};

/** Bands lie over one another: the more there are, the fainter. */
const bandOpacity = (count: number): number => Math.round(100 * Math.min(0.18, 0.5 / count)) / 100;

/** Gives class and colour to what shows a series. */
export const colorStyle = (className: string, color: number): string =>
  `class="${className}${color >= COLORS ? ' dashed' : ''}" style="color:var(--series-${color % COLORS})"`;

const horizontalScale = ({ domain, log }: Axis, values: readonly number[]): Scale => {
  const finite = values.filter((value) => Number.isFinite(value) && (!log || value > 0));
  const ends = domain ?? [
    finite.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
    finite.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY),
  ];
  const [low, high] = ends.every(Number.isFinite) ? ends : [0, 1];
  return log && low > 0 ? logScale(low, high, 4) : linearScale(low, high, 4);
};

/** The grid of a chart, with the horizontal axes of which the page shows one. */
const frame = (axes: readonly Axis[], scales: readonly Scale[], value: Scale): string => {
  const y = upward(value);
  const rows = value.ticks.map(({ value: at, label }) => {
    const place = fixed(y(at));
    return `<line class="grid" x1="${PLOT.left}" x2="${PLOT.right}" y1="${place}" y2="${place}"/><text class="tick" text-anchor="end" x="${PLOT.left - 6}" y="${fixed(y(at) + 3.5)}">${escaped(label)}</text>`;
  });
  const columns = axes.map(({ key, label }, i) => {
    const scale = scales[i]!;
    const ticks = scale.ticks.map((tick) => {
      const place = fixed(across(scale)(tick.value));
      return `<line class="axis" x1="${place}" x2="${place}" y1="${PLOT.bottom}" y2="${PLOT.bottom + 4}"/><text class="tick" text-anchor="middle" x="${place}" y="${PLOT.bottom + 16}">${escaped(tick.label)}</text>`;
    });
    const name = `<text class="axis-label" text-anchor="middle" x="${(PLOT.left + PLOT.right) / 2}" y="${PLOT.bottom + 31}">${escaped(label)}</text>`;
    return `<g data-axis="${escaped(key)}"${i ? ' style="display:none"' : ''}>${ticks.join('')}${name}</g>`;
  });
  const base = `<line class="axis" x1="${PLOT.left}" x2="${PLOT.right}" y1="${PLOT.bottom}" y2="${PLOT.bottom}"/>`;
  return [...rows, base, ...columns].join('');
};

/** Values that the axis leaves out, in words. */
const beyond = (values: readonly number[], { low, high }: Scale, format: Format): string => {
  const above = values.filter((value) => value > high);
  const below = values.filter((value) => value < low);
  const largest = above.reduce((a, b) => Math.max(a, b), high);
  const smallest = below.reduce((a, b) => Math.min(a, b), low);
  const parts = [
    above.length ? `up to ${formatNumber(largest, format)} above` : '',
    below.length ? `down to ${formatNumber(smallest, format)} below` : '',
  ].filter(Boolean);
  return parts.length ? `Outside of the axis: values ${parts.join(' and ')}.` : '';
};

/** Lines over one of several axes, with bands, faint raw values and points as the series say. */
export const lineChart = ({ id, title, description, axes, y: value, series }: ChartOptions): Chart => {
  const format = value.format ?? 'number';
  const scales = axes.map((axis, i) =>
    horizontalScale(
      axis,
      series.flatMap(({ x }) => x[i] as readonly number[]),
    ),
  );
  const shown = series.flatMap(({ y, low = [], high = [], trend = [] }) => [...y, ...low, ...high, ...trend]);
  const vertical = valueScale(shown, value);
  const [x, y] = [across(scales[0]!), upward(vertical)];
  const texts = labels(series, y);
  const groups = series.map(
    (one, i) =>
      `<g ${colorStyle('series', one.color)} data-series="${i}"${one.run === undefined ? '' : ` data-run="${one.run}"`}><g clip-path="url(#${id}-plot)">${marks(one, x, y)}</g>${texts[i]}</g>`,
  );
  const svg = [
    `<svg id="${id}" class="chart" style="--band-opacity:${bandOpacity(series.length)}" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" tabindex="0" aria-labelledby="${id}-title ${id}-desc">`,
    `<title id="${id}-title">${escaped(title)}</title><desc id="${id}-desc">${escaped(description)}</desc>`,
    `<clipPath id="${id}-plot"><rect x="${PLOT.left - 3}" y="${PLOT.top - 3}" width="${PLOT.right - PLOT.left + 6}" height="${PLOT.bottom - PLOT.top + 6}"/></clipPath>`,
    frame(axes, scales, vertical),
    ...groups,
    `<line class="cursor" y1="${PLOT.top}" y2="${PLOT.bottom}" style="display:none"/>`,
    '</svg>',
  ].join('');
  return {
    svg,
    note: beyond(shown, vertical, format),
    data: {
      id,
      axes: axes.map(({ key, label }, i) => {
        const { low, high, log } = scales[i]!;
        return { key, label, low, high, log };
      }),
      format,
      series: series.map(({ name, x, y, low, high, trend }) => ({ name, x, y, low, high, trend })),
    },
  };
};
