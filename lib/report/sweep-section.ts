import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { ranked, type Spread, type SweepPoint, type SweepResult, shownValues } from '../sweep/results.ts';
import { metricSpread, spreadText } from '../sweep/spread.ts';
import { definitionOf, isMetric, type Metric } from '../tasks/metrics.ts';
import { isObject, readJson } from '../text/json.ts';
import { escaped, table } from './html.ts';
import { formatNumber } from './scale.ts';

/** What a sweep found, if a folder has that of one of this version. */
const readSweep = async (folder: string): Promise<SweepResult | undefined> => {
  const value = await readJson(join(folder, 'sweep.json'));
  if (!isObject(value) || !Array.isArray(value.points) || !isMetric(value.metric)) return undefined;
  return value.points.every((point) => isObject(point) && Array.isArray(point.runs) && isObject(point.values))
    ? (value as unknown as SweepResult)
    : undefined;
};

const spread = (value: Spread | undefined, metric: Metric): string =>
  value === undefined ? '–' : metricSpread(value, metric);

const lossOf = ({ validation }: SweepPoint): string =>
  validation ? spreadText(validation.loss, (nats) => formatNumber(nats)) : '–';

const section = (folder: string, { points, best, metric }: SweepResult): string => {
  const keys = [...new Set(points.flatMap(({ values }) => Object.keys(values)))];
  const { title } = definitionOf(metric);
  const chosen = points.find(({ name }) => name === best);
  const found = chosen
    ? `Best by validation: ${chosen.name || 'the only point'}, ${title} ${spread(chosen.validation?.[metric], metric)}` +
      (chosen.test ? `; on the test data ${spread(chosen.test[metric], metric)}.` : '.')
    : 'No point without a failed run: none is chosen.';
  const order = ranked(points, metric);
  const shown = keys.map((key) => shownValues(order, key));
  const rows = order.map((point, i) => [
    ...(keys.length > 0 ? shown.map((texts) => texts[i]!) : ['the only point']),
    point.failed ? `${point.runs.length - point.failed} of ${point.runs.length}` : `${point.runs.length}`,
    spread(point.validation?.[metric], metric),
    lossOf(point),
    spread(point.test?.[metric], metric),
    formatNumber(point.forwards ?? Number.NaN),
  ]);
  return `<section><h2>Sweep ${escaped(folder)}</h2><p><strong>${escaped(found)}</strong></p>${table({
    caption: `Points by ${title} on the validation data, the best first: mean ± sample standard deviation over seeds`,
    columns: [
      ...(keys.length > 0 ? keys : ['point']),
      'runs',
      `validation ${title}`,
      'validation loss',
      'test',
      'forwards',
    ],
    numbersFrom: Math.max(1, keys.length),
    rows,
  })}</section>`;
};

/** Says what the sweeps of some folders found: their points, the best, and its score on the test data. */
export const sweepSections = async (folders: readonly string[]): Promise<string[]> => {
  const sections: string[] = [];
  const seen = new Set<string>();
  for (const folder of folders) {
    const path = await realpath(folder).catch(() => folder);
    if (seen.has(path)) continue;
    seen.add(path);
    const result = await readSweep(folder);
    if (result) sections.push(section(folder, result));
  }
  return sections;
};
