import { rangeError, typeError, ZestError } from '../errors.ts';
import { mean, tiltedMean } from '../numbers/statistics.ts';
import type { EvaluationOptions, Objective, Point } from '../objective.ts';
import { assertObjective } from '../options/calls.ts';
import { withoutOptions } from '../options/no-options.ts';
import { show } from '../text/show.ts';
import { checkedSequenceLosses } from './checked-results.ts';
import { derived } from './derived.ts';

/** Losses of examples; one that is NaN was left out, as `rewardObjective` does with `onError: 'skip'`. */
const known = (losses: Float64Array): Float64Array => losses.filter((loss) => !Number.isNaN(loss));

/**
 * Checks a tilt.
 *
 * @throws ERR_ZEST_TILT
 */
const checkedTilt = (value: number, name: string): number => {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw rangeError('ERR_ZEST_TILT', `${name} is ${show(value)}; expected a finite number`);
};

/** @param risk makes the loss of a batch's examples from `first` on, of theirs */
const withExamples = <B>(
  of: Objective<B>,
  risk: (losses: Float64Array, batch: B, first: number) => number,
  check: (batch: B, count: number) => void = () => {},
): Objective<B> => {
  assertObjective(of);
  if (typeof of.sequenceLosses !== 'function') {
    throw new ZestError(
      'ERR_ZEST_UNSUPPORTED',
      'the objective has no losses of examples (sequenceLosses); expected a model, or an objective whose loss is their mean',
    );
  }
  const lossesOf = async (batch: B, points: readonly Point[], options: EvaluationOptions) => {
    const all = checkedSequenceLosses(await of.sequenceLosses!(batch, points, options), points);
    if (all[0]) check(batch, all[0].length);
    return all;
  };
  return derived(of, {
    prepare: of.prepare?.bind(of),
    lowestLoss: of.lowestLoss, // a tilted mean lies between the least and the largest
    sequenceLosses: lossesOf,
    combine: risk,
    ...(of.exclusively && {
      exclusively: <T>(work: (alone: Objective<B>) => Promise<T>) =>
        of.exclusively!((alone) => work(withExamples(alone, risk, check))),
    }),
    async evaluate(batch, points, options) {
      const all = await lossesOf(batch, points, options);
      return Float64Array.from(all, (losses) => risk(losses, batch, 0));
    },
  });
};

/**
 * Tilts the losses of examples: the risk is (1/s)·log mean e^{sℓ} instead of their mean (TERM, Li et al. 2021, arXiv
 * 2007.01162). Negative s suppresses examples of large loss, wrong labels among them: for cross-entropy, s = −q weighs
 * an example by p(label)^q, as generalised cross-entropy does (Zhang and Sabuncu 2018, arXiv 1805.07836). Positive s
 * stresses them. s = 0 is the mean. No forward is added.
 *
 * @example
 * import { exampleTilt, loadTask, mezo, Model, Tokenizer } from 'node-zest';
 * const model = await Model.load('film-roberta-mini');
 * const task = await loadTask('sst2', await Tokenizer.load('film-roberta-mini'));
 * const robust = exampleTilt(model, -0.5);
 * const batch = task.batch([{ sentence: 'a charming film', label: 1 }, { sentence: 'a dull film', label: 1 }]);
 * const { meanLoss } = await mezo({ learningRate: 1e-5 }).step(robust, batch);
 * console.log(meanLoss < (await model.evaluate(batch, [[]]))[0]); // true
 *
 * @throws ERR_ZEST_TILT for s, ERR_ZEST_UNSUPPORTED for an objective without losses of examples
 * @function
 */
export const exampleTilt = withoutOptions(<B>(objective: Objective<B>, s: number): Objective<B> => {
  checkedTilt(s, 's');
  return withExamples(objective, (losses) => tiltedMean(known(losses), s));
});

/**
 * Tilts the mean losses of groups: the risk is (1/s)·log mean_g e^{s·L_g}, with L_g the mean loss of the batch's
 * examples of group g. Each group counts alike, however many examples it has; the larger s, the more the worst one.
 *
 * @param groupsOf gives the group of each example of a batch
 * @example
 * import { groupTilt, loadTask, mezo, Model, Tokenizer } from 'node-zest';
 * const model = await Model.load('film-roberta-mini');
 * const task = await loadTask('sst2', await Tokenizer.load('film-roberta-mini'));
 * const batch = task.batch([{ sentence: 'a charming film', label: 1 }, { sentence: 'a dull film', label: 0 }]);
 * const worst = groupTilt(model, 5, ({ targets }) => targets.map(({ label }) => label));
 * const { meanLoss } = await mezo({ learningRate: 1e-5 }).step(worst, batch);
 * console.log(meanLoss > (await model.evaluate(batch, [[]]))[0]); // true
 *
 * @throws ERR_ZEST_TILT for s, ERR_ZEST_UNSUPPORTED for an objective without losses of examples; its calls reject with
 * ERR_ZEST_ARGUMENT for groups that are not as many as the losses
 * @function
 */
export const groupTilt = withoutOptions(
  <B>(objective: Objective<B>, s: number, groupsOf: (batch: B) => readonly (string | number)[]): Objective<B> => {
    checkedTilt(s, 's');
    if (typeof groupsOf !== 'function')
      throw typeError('ERR_ZEST_ARGUMENT', `groupsOf is ${show(groupsOf)}; expected a function of a batch`);
    const checkedGroups = (batch: B, least: number, most: number): readonly (string | number)[] => {
      const groups = groupsOf(batch);
      if (!Array.isArray(groups) || groups.length < least || groups.length > most)
        throw typeError('ERR_ZEST_ARGUMENT', `groupsOf gave ${show(groups)}; expected a list of ${least} groups`);
      const wrong = groups.findIndex((group) => typeof group !== 'string' && typeof group !== 'number');
      if (wrong < 0) return groups;
      throw typeError(
        'ERR_ZEST_ARGUMENT',
        `groupsOf gave ${show(groups[wrong])} for example ${wrong}; expected a string or a number`,
      );
    };
    const check = (batch: B, count: number) => {
      checkedGroups(batch, count, count);
    };
    const risk = (losses: Float64Array, batch: B, first: number) => {
      const groups = checkedGroups(batch, first + losses.length, Number.POSITIVE_INFINITY).slice(first);
      const members = new Map<string | number, number[]>();
      for (const [i, loss] of losses.entries()) {
        if (Number.isNaN(loss)) continue;
        members.set(groups[i]!, [...(members.get(groups[i]!) ?? []), loss]);
      }
      const means = Array.from(members.values(), mean);
      return tiltedMean(means, s);
    };
    return withExamples(objective, risk, check);
  },
);
