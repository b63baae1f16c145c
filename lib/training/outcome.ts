import type { Warning } from '../runs/events.ts';
import { deviation, mean } from '../statistics.ts';
import type { ClassificationReport } from '../tasks/classification-report.ts';
import type { Score, ScoredExample } from '../tasks/task.ts';

// What the losses and the answers of a run say about it: that it diverged, or learned nothing. docs/train.md has the codes.

/** A validation on the way of a run. */
export interface Validation {
  /** Number of steps that the weights had seen, and of forward passes of a batch. */
  step: number;
  forwards: number;
  score: Score;
  /** What the score is made of. */
  report?: ClassificationReport;
  /** What the model made of each example, in order. */
  scored: readonly ScoredExample[];
}

/** What is known of a run, while it goes on or at its end. */
export interface Course {
  /** Mean loss of each step so far. */
  losses: readonly number[];
  /** Validations of the model as it came, of the latest weights and of the best. */
  first?: Validation;
  last?: Validation;
  best?: Validation;
  /** Names of the answers that there are to choose from. */
  answers?: readonly string[];
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
const changes = (from: Validation, to: Validation, value: (one: ScoredExample) => number): number[] =>
  to.scored.map((one, i) => value(one) - value(from.scored[i] as ScoredExample));

const lossOf = ({ loss }: ScoredExample): number => loss;

/** How far the validation loss has risen. */
const validationRise = ({ first, last }: Course): Rise | undefined => {
  if (!first || !last || last.scored.length < 2) return undefined;
  return riseBeyond(first.score.loss, last.score.loss, standardError(changes(first, last, lossOf)));
};

/** How far the loss of the steps has risen from the first of them to the latest; its noise is that of the batches. */
const trainingRise = ({ losses }: Course): Rise | undefined => {
  if (losses.length < LEAST_STEPS) return undefined;
  const window = Math.min(WINDOW, Math.floor(losses.length / 4));
  const [first, last] = [losses.slice(0, window), losses.slice(-window)];
  return riseBeyond(mean(first), mean(last), Math.hypot(standardError(first), standardError(last)));
};

const LONGER = 'use more training.steps, a larger optimizer.learningRate, or a model that knows such texts';
const RATE =
  'use a smaller optimizer.learningRate, a third of it to begin with, or the one that `zest train --find-learning-rate` prints';

/** Says that the loss has risen by more than its noise: on the validation data, if there are any. */
export const divergence = (course: Course): Warning | undefined => {
  const validated = course.last !== undefined && course.last.step > 0;
  const rise = validated ? validationRise(course) : trainingRise(course);
  if (!rise) return undefined;
  const which = validated ? 'the validation loss' : 'the training loss';
  return {
    code: 'WARN_ZEST_DIVERGED',
    message: `${which} rose from ${brief(rise.from)} to ${brief(rise.to)}, by more than its noise (${brief(rise.noise)}): ${RATE}`,
  };
};

const oneAnswer = ({ score, scored }: Validation, answers: readonly string[] | undefined): Warning | undefined => {
  const [first] = scored;
  if (first === undefined || scored.length < 2 || scored.every(({ isRight }) => isRight)) return undefined;
  if (scored.some(({ answer }) => answer !== first.answer)) return undefined;
  const name = answers?.[first.answer] ?? first.answer;
  return {
    code: 'WARN_ZEST_ONE_ANSWER',
    message: `the weights kept answer ${JSON.stringify(name)} to all ${score.count} validation examples: they tell nothing apart; use another optimizer.learningRate, more training.steps, or a model that knows such texts`,
  };
};

const aboveChance = ({ score, scored }: Validation, answers: readonly string[] | undefined): Warning | undefined => {
  if (!answers || scored.length < 2) return undefined;
  const noise = standardError(scored.map(({ loss }) => loss));
  const rise = riseBeyond(Math.log(answers.length), score.loss, noise, LIKELY_ERRORS);
  if (!rise) return undefined;
  return {
    code: 'WARN_ZEST_WORSE_THAN_CHANCE',
    message: `the validation loss of the weights kept is ${brief(rise.to)}, above ln ${answers.length} = ${brief(rise.from)} by more than its noise (${brief(noise)}): probabilities of 1/${answers.length} for every label would be better; use more training.steps, another optimizer.learningRate or another prompt`,
  };
};

/** What is said of the weights of step 0, whatever else is known of their run. */
export const UNTRAINED: Warning = {
  code: 'WARN_ZEST_UNTRAINED',
  message: 'nothing was learned: the weights kept are those of the model as it came, of step 0',
};

const untrained = ({ best, last, losses }: Course, kept: number, rose: boolean): Warning | undefined => {
  if (losses.length === 0) return { ...UNTRAINED, message: `${UNTRAINED.message}; no step was taken` };
  // Weights that were never scored may be better or worse.
  if (best?.step !== 0 || last?.step === 0) return undefined;
  const what =
    kept === 0
      ? `${UNTRAINED.message}, since no later validation was better`
      : 'nothing was learned: no validation was better than that of step 0; the last weights are kept all the same, as training.keepBest is false';
  return { ...UNTRAINED, message: `${what}; ${rose ? RATE : LONGER}` };
};

/** Says that what the weights kept have over the model as it came may be chance. */
const withinNoise = (first: Validation | undefined, kept: Validation): Warning | undefined => {
  if (!first || first.step > 0 || kept.scored.length < 2) return undefined;
  const gains = [changes(kept, first, lossOf), changes(first, kept, ({ isRight }) => Number(isRight))];
  if (gains.some((gain) => mean(gain) > LIKELY_ERRORS * standardError(gain))) return undefined;
  const [loss] = gains as [number[], number[]];
  return {
    code: 'WARN_ZEST_WITHIN_NOISE',
    message: `the weights kept, of step ${kept.step}, are better than the model as it came by no more than chance: their validation loss fell by ${brief(mean(loss))}, with a noise of ${brief(standardError(loss))}, and as little can be said of their answers to ${kept.score.count} examples; ${LONGER}`,
  };
};

/** Says what is wrong with what a run came to; `kept` is the step of the weights that it kept. */
export const outcomeWarnings = (course: Course, kept: number): Warning[] => {
  const { best, last, answers } = course;
  const diverged = divergence(course);
  const scored = [best, last].find((validation) => validation?.step === kept);
  const ofKept =
    scored === undefined || kept === 0
      ? []
      : [oneAnswer(scored, answers), aboveChance(scored, answers), withinNoise(course.first, scored)];
  return [diverged, ...ofKept, untrained(course, kept, diverged !== undefined)].filter(
    (warning) => warning !== undefined,
  );
};
