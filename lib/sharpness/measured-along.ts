import type { DirectionOptions, Directions, Objective } from '../objective.ts';

/**
 * What the measures of sharpness ask of an objective, along directions of one's own where a call does not say which. It is
 * not for methods, which ask for more.
 */
export const measuredAlong = <B>(objective: Objective<B>, directions: Directions): Objective<B> => {
  const along = <O extends DirectionOptions>(options: O | undefined) =>
    ({ ...options, directions: options?.directions ?? directions }) as O;
  return {
    dimension: objective.dimension,
    get version() {
      return objective.version;
    },
    evaluate: (batch, points, options) => objective.evaluate(batch, points, along(options)),
    apply: (update, options) => objective.apply(update, along(options)),
    trainableNames: objective.trainableNames,
    ...(objective.direction && {
      direction: (stream: bigint, name: string, options?: DirectionOptions) =>
        objective.direction!(stream, name, along(options)),
    }),
  };
};
