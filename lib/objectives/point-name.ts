import type { Point } from '../objective.ts';

// Points as messages name them; `itself` is what one without terms is called.

const ITSELF = 'the unperturbed weights';

const listOf = (point: Point) => [point].flat();

/** The terms of a point with their scales, which tell it from others of a round: `stream 3, scale 0.1`. */
export const termsName = (point: Point): string => {
  const [first, ...others] = listOf(point);
  if (!first) return ITSELF;
  const more = others.length > 0 ? ` and ${others.length} more` : '';
  return `${'stream' in first ? `stream ${first.stream}` : 'a vector'}, scale ${first.scale}${more}`;
};

/** A point: `the point of stream 3`, with its scales if they are asked for. */
export const pointName = (point: Point, itself = ITSELF, { scales = false } = {}): string => {
  const [first] = listOf(point);
  if (!first) return itself;
  if (scales) return `the point of ${termsName(point)}`;
  return 'stream' in first ? `the point of stream ${first.stream}` : 'the point along a vector';
};
