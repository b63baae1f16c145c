import { colorStyle, HEIGHT, PLOT, WIDTH } from './chart.ts';
import { escaped } from './html.ts';
import { formatNumber, linearScale, type Scale, valueScale } from './scale.ts';

/** Viridis at even steps: lightness rises with the value for every kind of colour vision. */
const VIRIDIS = [
  [68, 1, 84],
  [71, 44, 122],
  [59, 81, 139],
  [44, 113, 142],
  [33, 144, 141],
  [39, 173, 129],
  [92, 200, 99],
  [170, 220, 50],
  [253, 231, 37],
] as const;

/** The colour of a share from 0 to 1. */
const viridis = (share: number): string => {
  const at = Math.min(Math.max(share, 0), 1) * (VIRIDIS.length - 1);
  const below = VIRIDIS[Math.floor(at)] as (typeof VIRIDIS)[number];
  const above = VIRIDIS[Math.ceil(at)] as (typeof VIRIDIS)[number];
  return `#${below
    .map((value, i) =>
      Math.round(value + (at % 1) * (above[i]! - value))
        .toString(16)
        .padStart(2, '0'),
    )
    .join('')}`;
};

export interface HeatMapOptions {
  id: string;
  title: string;
  description: string;
  /** Evenly spaced, ascending. */
  x: { label: string; values: readonly number[] };
  y: { label: string; values: readonly number[] };
  /** A row for each of y's values, a column for each of x's; NaN is left empty. */
  z: { label: string; values: readonly (readonly number[])[]; log?: boolean };
  /** Paths over it, in the colours of a chart's series, each with a dot where it ends. */
  paths?: readonly { name: string; x: readonly number[]; y: readonly number[] }[];
}

const fixed = (value: number): string => String(Math.round(value * 100) / 100);
const BAR = { left: PLOT.right + 16, width: 12 } as const;
/** The name of the vertical axis stands left of its ticks, whose characters take so much. */
const NAME_WIDTH = 16;
const CHARACTER_WIDTH = 7;
const TICK_GAP = 6;

/** Values over a grid, by colour, with the scale beside it. */
export const heatMap = ({ id, title, description, x, y, z, paths = [] }: HeatMapOptions): string => {
  const edges = (values: readonly number[]): [number, number] => {
    const [first, last] = [values[0]!, values.at(-1) as number];
    const half = values.length > 1 ? (last - first) / (values.length - 1) / 2 : 0.5;
    return [first - half, last + half];
  };
  const horizontal = linearScale(...edges(x.values));
  const vertical = linearScale(...edges(y.values));
  const color = valueScale(z.values.flat(), { log: z.log });
  const longest = Math.max(...vertical.ticks.map(({ label }) => label.length));
  const left = NAME_WIDTH + CHARACTER_WIDTH * longest + TICK_GAP;
  const [width, height] = [PLOT.right - left, PLOT.bottom - PLOT.top];
  const [cellWidth, cellHeight] = [width / x.values.length, height / y.values.length];
  const across = (value: number) => left + horizontal.at(value) * width;
  const upward = (scale: Scale, value: number) => PLOT.bottom - scale.at(value) * height;
  const cells = z.values.flatMap((row, j) =>
    row.flatMap((value, i) =>
      Number.isNaN(value)
        ? []
        : [
            `<rect x="${fixed(left + i * cellWidth)}" y="${fixed(PLOT.bottom - (j + 1) * cellHeight)}" width="${fixed(cellWidth + 0.3)}" height="${fixed(cellHeight + 0.3)}" fill="${viridis(color.at(value))}"><title>${escaped(
              `${formatNumber(x.values[i]!)}, ${formatNumber(y.values[j]!)}: ${formatNumber(value)}`,
            )}</title></rect>`,
          ],
    ),
  );
  const lines = paths.map((path, color) => {
    const places = path.x.map((value, i) => [fixed(across(value)), fixed(upward(vertical, path.y[i]!))]);
    const [endX, endY] = places.at(-1) ?? ['0', '0'];
    return `<g ${colorStyle('series', color)}><title>${escaped(path.name)}</title><polyline class="path-edge" points="${places.join(' ')}"/><polyline class="line" points="${places.join(' ')}"/><circle class="path-end" r="3" cx="${endX}" cy="${endY}"/></g>`;
  });
  const columns = horizontal.ticks.map(
    ({ value, label }) =>
      `<text class="tick" text-anchor="middle" x="${fixed(across(value))}" y="${PLOT.bottom + 16}">${escaped(label)}</text>`,
  );
  const rows = vertical.ticks.map(
    ({ value, label }) =>
      `<text class="tick" text-anchor="end" x="${left - TICK_GAP}" y="${fixed(upward(vertical, value) + 3.5)}">${escaped(label)}</text>`,
  );
  const steps = 32;
  const bar = Array.from(
    { length: steps },
    (_, i) =>
      `<rect x="${BAR.left}" y="${fixed(PLOT.bottom - ((i + 1) * height) / steps)}" width="${BAR.width}" height="${fixed(height / steps + 0.3)}" fill="${viridis(i / (steps - 1))}"/>`,
  );
  const barTicks = color.ticks.map(
    ({ value, label }) =>
      `<text class="tick" x="${BAR.left + BAR.width + 5}" y="${fixed(upward(color, value) + 3.5)}">${escaped(label)}</text>`,
  );
  return [
    `<svg id="${id}" class="chart" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="${id}-title ${id}-desc">`,
    `<title id="${id}-title">${escaped(title)}</title><desc id="${id}-desc">${escaped(description)}</desc>`,
    `<g shape-rendering="crispEdges">${cells.join('')}</g>`,
    ...(lines.length
      ? [
          `<clipPath id="${id}-plot"><rect x="${left}" y="${PLOT.top}" width="${width}" height="${height}"/></clipPath>`,
          `<g clip-path="url(#${id}-plot)">${lines.join('')}</g>`,
        ]
      : []),
    ...columns,
    ...rows,
    ...bar,
    ...barTicks,
    `<text class="axis-label" text-anchor="middle" x="${(left + PLOT.right) / 2}" y="${PLOT.bottom + 31}">${escaped(x.label)}</text>`,
    `<text class="axis-label" text-anchor="middle" transform="rotate(-90)" x="${-(PLOT.top + PLOT.bottom) / 2}" y="11">${escaped(y.label)}</text>`,
    `<text class="axis-label" text-anchor="middle" x="${BAR.left + BAR.width / 2 + 12}" y="${PLOT.bottom + 31}">${escaped(z.label)}</text>`,
    '</svg>',
  ].join('');
};
