import { BUILT_IN_TASKS } from '../tasks/built-in.ts';
import { CAUSAL_TASKS } from '../tasks/built-in-causal.ts';
import { KINDS } from '../tasks/kinds.ts';
import { definitionOf, isMetric, type Metric } from '../tasks/metrics.ts';
import { parseJson } from '../text/json.ts';
import type { Format } from './scale.ts';

/** How a metric, or something else that was measured, is written. */
export const formatOf = (metric: string): Format => (isMetric(metric) ? definitionOf(metric).format : 'number');

/** The title of a metric, or the name of something else that was measured. */
export const titleOf = (measured: string): string => (isMetric(measured) ? definitionOf(measured).title : measured);

const listed = (text: string | undefined): unknown[] => {
  const value = parseJson(text ?? '[]');
  return Array.isArray(value) ? value : [];
};

/** What a run's task is judged by: the first metric that its configuration, as leaves by dotted key, asks for. */
export const metricOf = (config: ReadonlyMap<string, string>): Metric => {
  if (config.has('objective.reward')) return 'reward';
  const own = listed(config.get('task.metrics'));
  const name = config.get('task') ?? '';
  const builtIn = BUILT_IN_TASKS.get(name)?.metrics ?? CAUSAL_TASKS.get(name)?.spec.metrics ?? [];
  const kind = KINDS[config.get('task.kind') as keyof typeof KINDS] ?? KINDS.labelWords;
  return [...own, ...builtIn, ...kind.defaultMetrics].find(isMetric) as Metric;
};
