import type { Estimate } from '../numbers/statistics.ts';
import type { LossesAtRadius } from '../sharpness/neighbourhood.ts';
import type { MeasuredWeights, SharpnessReport } from '../sharpness/report.ts';
import type { Slice } from '../sharpness/slice.ts';
import { lineChart, type Series } from './chart.ts';
import { heatMap } from './heat-map.ts';
import { escaped, table } from './html.ts';
import { type Figure, figure, page } from './page.ts';
import { formatNumber } from './scale.ts';

const NAMES = { before: 'before the run', after: 'after the run' } as const;
const RADIUS = 'radius, per coordinate';

type Interval = Pick<Estimate, 'value' | 'low' | 'high'>;

const withInterval = (estimate: Interval | null): string =>
  estimate
    ? `${formatNumber(estimate.value)} (${formatNumber(estimate.low)} to ${formatNumber(estimate.high)})`
    : 'not finite';

/** The name of weights in their report: a configuration has only the model as it came. */
const nameOf = ({ weights }: MeasuredWeights, { measured }: SharpnessReport): string =>
  weights === 'before' && measured.length === 1 ? 'the model as it came' : NAMES[weights];

/** A statistic over radii, a line for each of the weights. */
const overRadii = (
  report: SharpnessReport,
  { id, title, words }: { id: string; title: string; words: string },
  statistic: (at: LossesAtRadius, loss: number) => Interval | null,
): Figure => {
  const gap = { value: Number.NaN, low: Number.NaN, high: Number.NaN };
  const values = report.measured.map(({ radii, loss }) => radii.map((at) => statistic(at, loss) ?? gap));
  const radii = report.measured[0]!.radii.map(({ radius }) => Number(radius.toPrecision(6)));
  const series = report.measured.map((weights, i): Series => {
    const list = values[i]!;
    return {
      name: nameOf(weights, report),
      color: i,
      x: [radii],
      y: list.map(({ value }) => value),
      low: list.map(({ low }) => low),
      high: list.map(({ high }) => high),
      points: true,
    };
  });
  const numbers = table({
    caption: `${title} over the radius`,
    columns: [RADIUS, ...series.map(({ name }) => name)],
    rows: radii.map((radius, r) => [formatNumber(radius), ...values.map((list) => withInterval(list[r]!))]),
  });
  const axes = [{ key: 'radius', label: RADIUS, log: true }];
  const chart = lineChart({ id, title, description: words, axes, y: { label: title }, series });
  return { chart, html: figure(chart, title, words, numbers) };
};

const centre = ({ steps }: Slice): number => (steps.length - 1) / 2;

const sliceFigures = (report: SharpnessReport): Figure[] => {
  const cut = report.measured.filter(({ slice }) => slice);
  if (cut.length === 0) return [];
  const series = cut.map((weights, i): Series => {
    const slice = weights.slice!;
    const x = [slice.steps.map((step) => Number(step.toPrecision(6)))];
    return {
      name: nameOf(weights, report),
      color: i,
      x,
      y: slice.losses.map((row) => row[centre(slice)]! - weights.loss),
      points: true,
    };
  });
  const title = 'Increase along the first direction';
  const words = 'The loss on the middle line of the plane below, less the loss at the weights.';
  const axes = [{ key: 'step', label: 'first direction, ρ' }];
  const line = lineChart({ id: 'cut', title, description: words, axes, y: { label: title }, series });
  const maps = cut.map((weights): Figure => {
    const { steps, losses } = weights.slice!;
    const heading = `Loss on a plane, ${nameOf(weights, report)}`;
    const described = 'Along two orthogonal directions of length √d times ρ; the weights are in the middle.';
    const svg = heatMap({
      id: `plane-${weights.weights}`,
      title: heading,
      description: described,
      x: { label: 'first direction, ρ', values: steps },
      y: { label: 'second direction, ρ', values: steps },
      // A row is one value of the second direction.
      z: { label: 'loss', values: steps.map((_, j) => losses.map((row) => row[j]!)) },
    });
    return { html: figure({ svg, note: '' }, heading, described) };
  });
  return [{ chart: line, html: figure(line, title, words) }, ...maps];
};

const summary = (report: SharpnessReport): string => {
  const { measured, change, samples } = report;
  const rows = [
    ['loss', ...measured.map(({ loss }) => formatNumber(loss)), ...(change ? [formatNumber(change.loss)] : [])],
    ...measured[0]!.radii.map(({ radius }, r) => [
      `increase at ρ = ${formatNumber(Number(radius.toPrecision(6)))}`,
      ...measured.map(({ radii }) => withInterval(radii[r]!.increase)),
      ...(change ? [withInterval(change.increases[r]!.change)] : []),
    ]),
    [
      'trace of the Hessian',
      ...measured.map(({ trace }) => withInterval(trace)),
      ...(change ? [withInterval(change.trace)] : []),
    ],
  ];
  const columns = ['', ...measured.map((weights) => nameOf(weights, report)), ...(change ? ['change'] : [])];
  const eigenvalues = measured.flatMap((weights) =>
    (weights.eigenvalues?.eigenvalues ?? []).map(({ value, residual }, i) => [
      `${i + 1}, ${nameOf(weights, report)}`,
      formatNumber(value),
      formatNumber(residual),
    ]),
  );
  return [
    table({ caption: `Means over ${samples} directions, both ways, with 95 % intervals`, columns, rows }),
    change ? '<p class="quiet">The intervals of changes are of differences along the same directions.</p>' : '',
    eigenvalues.length
      ? table({ caption: 'Largest eigenvalues of the Hessian', columns: ['', 'value', 'residual'], rows: eigenvalues })
      : '',
  ].join('');
};

const notFinite = (report: SharpnessReport): string =>
  report.measured
    .flatMap((weights) =>
      weights.radii
        .filter((at) => at.notFinite > 0)
        .map(
          (at) =>
            `<p>${nameOf(weights, report)}, ρ = ${formatNumber(Number(at.radius.toPrecision(6)))}: ${at.notFinite} of ${at.losses.length} losses are not finite.</p>`,
        ),
    )
    .join('');

/** One HTML document that shows a report and loads nothing. */
export const sharpnessPage = (report: SharpnessReport): Promise<string> => {
  const { source, split, examples, dimension, law, seed, version } = report;
  const figures = [
    overRadii(
      report,
      {
        id: 'increase',
        title: 'Increase of the loss',
        words: 'Mean loss around the weights, less the loss at them. The band is the 95 % interval.',
      },
      ({ increase }) => increase,
    ),
    overRadii(
      report,
      {
        id: 'deviation',
        title: 'Standard deviation of the loss',
        words: 'Over perturbations of one radius: what a tilt weighs. The band is the 95 % interval.',
      },
      ({ deviation }) => deviation,
    ),
    overRadii(
      report,
      {
        id: 'maximum',
        title: 'Largest increase found',
        words: 'The largest of the losses of one radius, less the loss at the weights. It is not the largest there is.',
      },
      ({ maximum }, loss) => {
        const value = (maximum?.value ?? Number.NaN) - loss;
        return { value, low: value, high: value };
      },
    ),
    ...sliceFigures(report),
  ];
  const title = `Sharpness of ${source}`;
  const body = [
    `<header><h1>${escaped(title)}</h1><p class="quiet">node-zest ${escaped(version)}</p></header>`,
    `<section><h2>Summary</h2><p>Mean loss of ${formatNumber(examples)} examples of ${split}; ${formatNumber(dimension)} parameters perturbed along ${escaped(typeof law === 'string' ? law : `low-rank (${law.lowRank})`)} directions of seed ${seed}.</p>${summary(report)}${notFinite(report)}</section>`,
    `<section><h2>Charts</h2><div class="charts">${figures.map(({ html }) => html).join('')}</div></section>`,
  ].join('\n');
  const charts = figures.flatMap(({ chart }) => chart ?? []);
  return page({ title: `${title} · node-zest`, body, charts });
};
