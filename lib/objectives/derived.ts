import { rangeError, typeError } from '../errors.ts';
import type { EvaluationOptions, Objective, Point } from '../objective.ts';
import { withoutMoreOptions } from '../options/no-options.ts';
import { evaluationOptions } from '../options/objective-calls.ts';
import { checkedList } from '../options/reading.ts';
import { show } from '../text/show.ts';
import { assertVersion } from './at-version.ts';
import { checkedPoints } from './directions.ts';
import { turns } from './turns.ts';

/** What an objective computes of its own, at weights that stand still. */
export interface OwnLosses<B> {
  evaluate(batch: B, points: readonly Point[], options: EvaluationOptions): Promise<Float64Array>;
  sequenceLosses?(batch: B, points: readonly Point[], options: EvaluationOptions): Promise<Float64Array[]>;
  prepare?(batch: B): void;
  combine?(losses: Float64Array, batch: B, first: number): number;
  /** As {@link Objective.exclusively}; no other call on the objective takes effect meanwhile. */
  exclusively?<T>(work: (alone: Objective<B>) => Promise<T>): Promise<T>;
  /** As {@link Objective.lowestLoss}, which is not that of the other. */
  lowestLoss?: number | undefined;
}

const checkedLosses = (losses: unknown): Float64Array => {
  const code = 'ERR_ZEST_LOSSES';
  const each = (value: unknown, name: string): number => {
    if (typeof value === 'number') return value;
    throw typeError(code, `${name} is ${show(value)}; expected a number`);
  };
  return Float64Array.from(checkedList(losses, { name: 'losses', code, expected: 'an array of numbers', each }));
};

/**
 * Makes an objective with losses of its own that moves the weights of another. Calls take effect in call order; an
 * evaluation during which the weights are moved by somebody else is ERR_ZEST_VERSION.
 */
// biome-ignore lint/suspicious/noExplicitAny: what the batch of the other is does not matter.
export const derived = <B>(of: Objective<any>, own: OwnLosses<B>): Objective<B> => {
  const { inTurn } = turns();
  const still = async <T>(
    points: readonly Point[],
    options: EvaluationOptions | undefined,
    work: (options: EvaluationOptions) => Promise<T>,
  ) => {
    checkedPoints(points);
    const { atVersion, ...rest } = evaluationOptions(options);
    return await inTurn(async () => {
      const version = atVersion ?? of.version;
      const check = () => assertVersion(version, of.version, 'the weights are');
      check();
      const losses = await work(rest);
      check();
      return losses;
    });
  };
  return withoutMoreOptions({
    get dimension() {
      return of.dimension;
    },
    get version() {
      return of.version;
    },
    lowestLoss: own.lowestLoss,
    get trainableNames() {
      return of.trainableNames;
    },
    evaluate: async (batch, points, options) => still(points, options, (call) => own.evaluate(batch, points, call)),
    apply: async (update, options) => inTurn(() => of.apply(update, options)),
    ...(own.sequenceLosses && {
      sequenceLosses: async (batch: B, points: readonly Point[], options?: EvaluationOptions) =>
        still(points, options, (call) => own.sequenceLosses!(batch, points, call)),
    }),
    get stateNames() {
      return of.stateNames;
    },
    ...(of.state && { state: of.state.bind(of) }),
    ...(of.restoreState && { restoreState: of.restoreState.bind(of) }),
    ...(own.prepare && { prepare: own.prepare }),
    ...(own.exclusively && {
      async exclusively<T>(work: (alone: Objective<B>) => Promise<T>) {
        if (typeof work !== 'function')
          throw typeError('ERR_ZEST_ARGUMENT', `work is ${show(work)}; expected a function of the objective`);
        return await inTurn(() => own.exclusively!(work));
      },
    }),
    ...(own.combine && {
      combine(losses: Float64Array, batch: B, first: number) {
        if (!Number.isSafeInteger(first) || first < 0)
          throw rangeError('ERR_ZEST_ARGUMENT', `first is ${show(first)}; expected a whole number ≥ 0`);
        return own.combine!(checkedLosses(losses), batch, first);
      },
    }),
    ...(of.direction && { direction: of.direction.bind(of) }),
  });
};
