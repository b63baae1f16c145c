import { z } from 'zod';
import { mean } from '../numbers/statistics.ts';
import type { Perturbation, Point } from '../objective.ts';
import { count } from '../options/count.ts';
import { defineMethod, type MethodInput } from './method.ts';
import { createOptimizer, type Optimizer } from './optimizer.ts';
import { directions, probe } from './options.ts';
import { lengthOf } from './shaping.ts';

const shape = {
  directions: directions(1, 'directions of a step, k; four forwards each'),
  interval: count().default(10).describe('steps from one anchor to the next, q'),
  anchorDirections: count()
    .max(2 ** 20)
    .default(5)
    .describe('directions of the estimate over all training data at an anchor; two forwards of those each'),
  ...probe({ rho: 1e-3, law: 'gaussian' }),
};

/** Options of {@link svrg}; docs/configuration.md says what each is. */
export interface SvrgOptions extends MethodInput<typeof shape> {}

/** Streams, in decimal, with their factors: JSON. */
export type Terms = [stream: string, factor: number][];

const termsSchema = z.array(z.tuple([z.string().regex(/^\d{1,19}$/), z.number()]));

/** The anchor, as what has been added to the weights since: they are the anchor − Σ factor·v. */
export interface SvrgState extends Record<string, unknown> {
  /** Steps since the anchor; 0 asks for one. */
  age: number;
  /** The anchor's estimate over all training data. */
  estimate: Terms;
  moved: Terms;
}

const pairs = (streams: readonly bigint[], rho: number, at: readonly Perturbation[]): Point[] =>
  streams.flatMap((stream) => [rho, -rho].map((scale) => [...at, { stream, scale }]));

/** MeZO's estimate, (f⁺ − f⁻)/(2kρ), of losses in pairs. */
const differences = (losses: Float64Array, rho: number): number[] =>
  Array.from({ length: losses.length / 2 }, (_, i) => {
    return (losses[2 * i]! - losses[2 * i + 1]!) / (losses.length * rho);
  });

/** Sums of terms by stream. */
const sum = (terms: Terms): Terms => {
  const byStream = new Map<string, number>();
  for (const [stream, factor] of terms) byStream.set(stream, (byStream.get(stream) ?? 0) + factor);
  return [...byStream];
};

/** MeZO-SVRG (Gautam et al. 2024, arXiv 2404.08080). */
export const svrgMethod = defineMethod({
  name: 'svrg',
  title: 'MeZO-SVRG',
  options: shape,
  conflicts: ({ rule, weightDecay }) => [
    ...(rule === 'plain'
      ? []
      : [{ option: 'rule', expected: 'plain: svrg finds its anchor by the steps taken since' }]),
    ...(weightDecay === 0
      ? []
      : [{ option: 'weightDecay', expected: '0: svrg finds its anchor by the steps taken since' }]),
  ],
  streams: ({ directions, anchorDirections }) => Math.max(directions, anchorDirections),
  forwards: ({ directions, anchorDirections, interval }, batches = 1) =>
    Math.ceil((2 * anchorDirections * batches + (interval - 1) * 4 * directions) / interval),
  forwardsOfFirst({ directions, anchorDirections, interval }, steps, batches = 1) {
    const anchors = Math.ceil(steps / interval);
    return anchors * 2 * anchorDirections * batches + (steps - anchors) * 4 * directions;
  },
  initialState: (): SvrgState => ({ age: 0, estimate: [], moved: [] }),
  stateShape: { age: z.int().min(0), estimate: termsSchema, moved: termsSchema },
  *estimate({ rho, directions, anchorDirections, interval }, { streams, dimension, state, learningRate }) {
    const isAnchor = state.age === 0;
    const drawn = streams.slice(0, isAnchor ? anchorDirections : directions);
    const anchor = state.moved.map(([stream, scale]) => ({ stream: BigInt(stream), scale }));
    let losses: Float64Array;
    let terms: Terms;
    if (isAnchor) {
      losses = yield { points: pairs(drawn, rho, []), of: 'all' };
      terms = differences(losses, rho).map((c, i) => [String(drawn[i]), c]);
    } else {
      losses = yield pairs(drawn, rho, []);
      const before = differences(yield pairs(drawn, rho, anchor), rho);
      const corrected = differences(losses, rho).map((c, i): Terms[0] => [String(drawn[i]), c - before[i]!]);
      terms = [...corrected, ...state.estimate];
    }
    const applied = terms.map(([stream, c]): Terms[0] => [stream, Math.fround(learningRate * c)]);
    return {
      terms: terms.map(([stream, coefficient]) => ({ stream: BigInt(stream), coefficient })),
      meanLoss: mean([...losses]),
      diagnostics: {
        gradientNorm: lengthOf(
          terms.map(([, c]) => c),
          dimension,
        ),
        anchorAge: state.age,
      },
      state: {
        age: (state.age + 1) % interval,
        estimate: isAnchor ? terms : state.estimate,
        moved: isAnchor ? applied : sum([...state.moved, ...applied]),
      },
    };
  },
  diagnostics: {
    gradientNorm: { title: 'Gradient norm', words: '‖c‖·√d, the length of the estimate.' },
    anchorAge: { title: 'Age of the anchor', words: 'Steps since the estimate over all training data.', chart: false },
  },
});

/**
 * Makes the optimizer of MeZO-SVRG (Gautam et al. 2024, arXiv 2404.08080): every q steps the weights are an anchor θ̃,
 * whose estimate ĝ(θ̃) is over all training data and is the step; the others go along ĝ_B(θ) − ĝ_B(θ̃) + ĝ(θ̃), the
 * first two of the step's batch B and of the same directions. The anchor is no copy: it is the point that the steps
 * since lead back to, and ĝ(θ̃) is its streams and coefficients, so that no memory of θ's size is taken; points have
 * up to kq terms. 4k forwards a step, 2·anchorDirections over all data at an anchor; what `forwards` says counts these
 * as batches. Only with the plain rule and without decay. Defaults: directions 1, interval 10, anchorDirections 5, rho
 * 1e-3, law `gaussian`.
 *
 * @example
 * import { svrg, vectorObjective } from 'node-zest';
 * const bowl = vectorObjective(([x, y]) => x * x + y * y, [3, 4]);
 * const optimizer = svrg({ learningRate: 0.05 });
 * for (let step = 0; step < 100; step++) await optimizer.step(bowl);
 * console.log(Math.hypot(...bowl.x) < 0.5, optimizer.state().age); // true 0
 *
 * @throws TypeError or RangeError with ERR_ZEST_OPTION, ERR_ZEST_DIRECTIONS or ERR_ZEST_RHO
 */
export const svrg = (options: SvrgOptions): Optimizer => createOptimizer(svrgMethod, options);
