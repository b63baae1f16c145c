import { estimateMean } from '../numbers/statistics.ts';
import * as show from '../text/show.ts';

/** A number of a finding: three digits. NaN is what was not reached. */
export const brief = (value: number): string => (Number.isNaN(value) ? 'more than were tried' : show.brief(value, 3));

/** A mean with its 95 % interval, as a chart's line has it. */
export const lineOf = (name: string, x: readonly number[], samples: readonly (readonly number[])[]) => {
  const estimates = samples.map(estimateMean);
  return {
    name,
    x,
    y: estimates.map(({ value }) => value),
    low: estimates.map(({ low }) => low),
    high: estimates.map(({ high }) => high),
  };
};
