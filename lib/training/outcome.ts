import { deviation, mean } from '../numbers/statistics.ts';
import type { EvaluationEvent, Warning } from '../runs/events.ts';
import type { Score, ScoredExample, TaskReport } from '../tasks/task.ts';
import { percent } from '../text/show.ts';

// What the losses and the answers of a run say about it: that it diverged, or learned nothing. docs/train.md has the codes.

/** What is read of a scored example. */
type Scored = Pick<ScoredExample, 'answer' | 'isRight' | 'loss'>;

/** A score on the way of a run, of its validation data or its test data. */
export interface Validation {
  /** Number of steps that the weights had seen, and of forward passes of a batch. */
  step: number;
  forwards: number;
  score: Score;
  /** What the score is made of. */
  report?: TaskReport;
  /** What the model made of each example, in order. */
  scored: readonly Scored[];
}

/** What is known of a run, while it goes on or at its end. */
export interface Course {
  /** Mean loss of each step so far. */
  losses: readonly number[];
  /** Number of latest steps in a row that each found the same loss wherever they looked. Default 0. */
  level?: number;
  /** What was seen of a divergence while the run went on. */
  diverged?: Warning;
  /** Validations of the model as it came, of the latest weights and of the best. */
  first?: Validation;
  last?: Validation;
  best?: Validation;
  /** The test of the weights kept, by which they are judged where there is no validation. */
  tested?: Validation;
  /** Codes of what the run was warned of before its end. */
  warned?: readonly string[];
  /** Names of the answers that there are to choose from. */
  answers?: readonly string[];
  /** Whether the method needs no learning rate, so that none can be found for it. Default false. */
  needsNoRate?: boolean;
}

/** Whether the losses of the steps are judged after so many: at 40, 80, 160 …, so that chance has few tries. */
export const isJudged = (steps: number): boolean =>
  steps >= LEAST_STEPS && Number.isInteger(Math.log2(steps / LEAST_STEPS));

/** Standard errors beyond which a rise is no chance, and the share of the loss beyond which it is worth a word. */
const ERRORS = 3;
const SMALL = 0.02;
/** Standard errors within which a difference that is judged once, at the end, may well be chance. */
const LIKELY_ERRORS = 2;
/** Steps whose mean is compared with that of the first: so many, or a quarter of them all if that is less. */
const WINDOW = 20;
/** No fewer steps are judged by their losses. */
const LEAST_STEPS = 40;
/** The loss of a step that is so many times that of the first, and that of a guess, is no chance, however few there were. */
const BURST = 1000;
/** So many steps in a row that find one loss wherever they look have no direction left. */
const LEVEL_STEPS = 3;

const standardError = (values: readonly number[]): number => deviation(values) / Math.sqrt(values.length);

const brief = (value: number): string =>
  Math.abs(value) < 1000 ? String(Number(value.toPrecision(3))) : value.toExponential(1);

/** A loss that is above another by more than the noise of the difference, its standard error. */
interface Rise {
  from: number;
  to: number;
  noise: number;
}

const riseBeyond = (from: number, to: number, noise: number, errors = ERRORS): Rise | undefined =>
  to - from > Math.max(errors * noise, SMALL * from) ? { from, to, noise } : undefined;

/** How something changed from one validation to another, by example: the noise is that of the choice of examples alone. */
const changes = (from: Validation, to: Validation, value: (one: Scored) => number): number[] =>
  to.scored.map((one, i) => value(one) - value(from.scored[i]!));

const lossOf = ({ loss }: Scored): number => loss;

/** How far the validation loss has risen. */
const validationRise = ({ first, last }: Course, errors: number): Rise | undefined => {
  if (!first || !last || last.scored.length < 2) return undefined;
  return riseBeyond(first.score.loss, last.score.loss, standardError(changes(first, last, lossOf)), errors);
};

/** How far the loss of the steps has risen from the first of them to the latest; its noise is that of the batches. */
const trainingRise = ({ losses }: Course, errors: number): Rise | undefined => {
  if (losses.length < LEAST_STEPS) return undefined;
  const window = Math.min(WINDOW, Math.floor(losses.length / 4));
  const [first, last] = [losses.slice(0, window), losses.slice(-window)];
  return riseBeyond(mean(first), mean(last), Math.hypot(standardError(first), standardError(last)), errors);
};

const LONGER = 'use more training.steps, a larger optimizer.learningRate, or a model that knows such texts';
const SHORTER = 'use a smaller optimizer.learningRate, a third of it to begin with';
const FOUND = ', or the one that `zest train --find-learning-rate` prints';

const diverged = ({ needsNoRate }: Course, fact: string): Warning => ({
  code: 'WARN_ZEST_DIVERGED',
  message: `${fact}: ${SHORTER}${needsNoRate ? '' : FOUND}`,
});

/** The loss of probabilities that are all the same. */
const guessLoss = ({ answers }: Course): number => Math.log(answers?.length ?? 1);

/** Says that the loss is above the first by more than its noise: on the validation data, if there are any. */
const rising = (course: Course, errors = ERRORS): Warning | undefined => {
  const validated = course.last !== undefined && course.last.step > 0;
  const rise = (validated ? validationRise : trainingRise)(course, errors);
  if (!rise) return undefined;
  const which = validated ? 'the validation loss' : 'the training loss';
  return diverged(
    course,
    `${which} rose from ${brief(rise.from)} to ${brief(rise.to)}, by more than its noise (${brief(rise.noise)})`,
  );
};

/** Says that the latest step has a loss beyond all noise; a validation of the same weights knows better. */
const burst = (course: Course): Warning | undefined => {
  const { losses, last } = course;
  const [from, to] = [losses[0], losses.at(-1)];
  if (from === undefined || to === undefined || last?.step === losses.length) return undefined;
  const expected = Math.max(from, guessLoss(course));
  return expected > 0 && to > BURST * expected
    ? diverged(course, `the training loss rose from ${brief(from)} to ${brief(to)} by step ${losses.length}`)
    : undefined;
};

/** Says that the latest steps find one loss wherever they look, though earlier ones did not, and nothing is learned. */
const levelled = (course: Course): Warning | undefined => {
  const { losses, level = 0 } = course;
  const loss = losses.at(-1) ?? 0;
  if (level < LEVEL_STEPS || level >= losses.length) return undefined;
  if (loss <= SMALL * Math.max(losses[0]!, guessLoss(course))) return undefined;
  return diverged(
    course,
    `the last ${level} steps found the same loss wherever they looked, ${brief(loss)} at last: the weights have grown until no perturbation changes what the model says`,
  );
};

/** Says of the steps alone what cannot be noise, as soon as it is seen; what was seen is not forgotten. */
export const collapse = (course: Course): Warning | undefined => burst(course) ?? course.diverged ?? levelled(course);

/** Says that the run diverged, by its validation data, by its steps, or as it was seen before. */
export const divergence = (course: Course, errors = ERRORS): Warning | undefined =>
  burst(course) ?? rising(course, errors) ?? collapse(course);

/** What is wrong with the weights of a run, and what to do about it. */
interface Finding {
  code: string;
  fact: string;
  cure?: string;
}

/** Weights that are judged, by the data that they were scored on. */
type Judged = Validation & { split: EvaluationEvent['split'] };

const oneAnswer = ({ score, scored, split }: Judged, { answers }: Course): Finding | undefined => {
  const [first] = scored;
  if (first === undefined || scored.length < 2 || scored.every(({ isRight }) => isRight)) return undefined;
  if (scored.some(({ answer }) => answer !== first.answer)) return undefined;
  const name = typeof first.answer === 'number' ? (answers?.[first.answer] ?? first.answer) : first.answer;
  return {
    code: 'WARN_ZEST_ONE_ANSWER',
    fact: `the weights kept answer ${JSON.stringify(name)} to all ${score.count} ${split} examples: they tell nothing apart`,
    cure: 'use another optimizer.learningRate, more training.steps, or a model that knows such texts',
  };
};

const aboveChance = ({ score, scored, split }: Judged, { answers }: Course): Finding | undefined => {
  if (!answers || scored.length < 2) return undefined;
  const noise = standardError(scored.map(({ loss }) => loss));
  const rise = riseBeyond(Math.log(answers.length), score.loss, noise, LIKELY_ERRORS);
  if (!rise) return undefined;
  return {
    code: 'WARN_ZEST_WORSE_THAN_CHANCE',
    fact: `the ${split} loss of the weights kept is ${brief(rise.to)}, above ln ${answers.length} = ${brief(rise.from)} by more than its noise (${brief(noise)}): probabilities of 1/${answers.length} for every label would be better`,
    cure: 'use more training.steps, another optimizer.learningRate or another prompt',
  };
};

/** Says that the answers are no better than the most frequent label, and the loss no better than the labels' shares. */
const asChance = ({ score, scored, report, split }: Judged): Finding | undefined => {
  const shares = (report && 'confusion' in report ? report.classes : []).map(({ name, count }) => ({
    name,
    share: count / score.count,
  }));
  const most = shares.toSorted((a, b) => b.share - a.share)[0];
  if (most === undefined || most.share === 1 || scored.length < 2) return undefined;
  const right = mean(scored.map(({ isRight }) => Number(isRight)));
  const noise = Math.sqrt((most.share * (1 - most.share)) / scored.length);
  const losses = scored.map(lossOf);
  const entropy = shares.reduce((sum, { share }) => (share > 0 ? sum - share * Math.log(share) : sum), 0);
  const isBetter =
    right - most.share > LIKELY_ERRORS * noise ||
    riseBeyond(mean(losses), entropy, standardError(losses), LIKELY_ERRORS) !== undefined;
  return isBetter
    ? undefined
    : {
        code: 'WARN_ZEST_CHANCE',
        fact: `the weights kept are no better than chance: ${percent(right)} of their answers to ${score.count} ${split} examples are right, and ${percent(most.share)} would be if all were ${JSON.stringify(most.name)}, with a noise of ${percent(noise)}`,
        cure: LONGER,
      };
};

const KEPT_UNTRAINED = 'the weights kept are those of the model as it came, of step 0';

/** What is said of the weights of step 0, where nothing else is known of their run. */
export const UNTRAINED: Warning = {
  code: 'WARN_ZEST_UNTRAINED',
  message: `nothing was learned: ${KEPT_UNTRAINED}`,
};

/** What to do about a run that gained nothing: of answers that were all right there is nothing to gain. */
const gainMore = (first: Validation | undefined): string =>
  first?.step === 0 && first.scored.every(({ isRight }) => isRight)
    ? 'use validation data that the model as it came does not answer rightly throughout'
    : LONGER;

const untrained = ({ best, first, last, losses }: Course, kept: number): Finding | undefined => {
  const { code, message } = UNTRAINED;
  if (losses.length === 0) return { code, fact: `${message}; no step was taken` };
  // Weights that were never scored may be better or worse.
  if (best?.step !== 0 || last?.step === 0) return undefined;
  const fact =
    kept === 0
      ? `${message}, since no later validation was better`
      : 'nothing was learned: no validation was better than that of step 0; the last weights are kept all the same, as training.keepBest is false';
  return { code, fact, cure: gainMore(first) };
};

/** Says that what the weights kept have over the model as it came may be chance. */
const withinNoise = (kept: Validation, { first }: Course): Finding | undefined => {
  if (!first || first.step > 0 || kept.scored.length < 2) return undefined;
  const gains = [changes(kept, first, lossOf), changes(first, kept, ({ isRight }) => Number(isRight))];
  if (gains.some((gain) => mean(gain) > LIKELY_ERRORS * standardError(gain))) return undefined;
  const [loss] = gains as [number[], number[]];
  const fell = mean(loss);
  const [compared, moved] =
    fell > 0
      ? ['better than the model as it came by no more than chance', 'fell']
      : ['no better than the model as it came', 'rose'];
  return {
    code: 'WARN_ZEST_WITHIN_NOISE',
    fact: `the weights kept, of step ${kept.step}, are ${compared}: their validation loss ${moved} by ${brief(Math.abs(fell))}, with a noise of ${brief(standardError(loss))}, and as little can be said of their answers to ${kept.score.count} examples`,
    cure: gainMore(first),
  };
};

/** The worst that can be said of weights. */
const fault = (kept: Judged, course: Course): Finding | undefined =>
  oneAnswer(kept, course) ?? aboveChance(kept, course) ?? asChance(kept) ?? withinNoise(kept, course);

/** Warnings of what keeps a run from learning: theirs is the cure of what it came to. */
const CAUSES: readonly string[] = ['WARN_ZEST_CUT', 'WARN_ZEST_RHO', 'WARN_ZEST_UPDATE'];

/** The weights kept with their score: that of a validation, or of the test where there is none. */
const judged = ({ best, last, tested }: Course, kept: number): Judged | undefined => {
  if (kept === 0) return undefined;
  const validated = [best, last].find((validation) => validation?.step === kept);
  if (validated) return { ...validated, split: 'validation' };
  return tested && { ...tested, split: 'test' };
};

/**
 * Says what is wrong with what a run came to, one thing with one cure; `kept` is the step of the weights that it kept. A
 * divergence explains all else, and is not told of a run that went on to keep good weights; what the run was warned of
 * before has the cure of what came of it.
 */
export const outcomeWarning = (course: Course, kept: number): Warning | undefined => {
  const scored = judged(course, kept);
  const found = untrained(course, kept) ?? (scored && fault(scored, course));
  const isGood = scored !== undefined && found === undefined;
  const diverged = isGood ? rising(course) : divergence(course, LIKELY_ERRORS);
  if (diverged) return kept === 0 ? { ...diverged, message: `${diverged.message}; ${KEPT_UNTRAINED}` } : diverged;
  if (!found) return undefined;
  const cause = CAUSES.find((code) => course.warned?.includes(code));
  const advice = cause ? `first mend what the run was warned of before (${cause})` : found.cure;
  return { code: found.code, message: advice ? `${found.fact}; ${advice}` : found.fact };
};
