import { formatCount, percent } from '../../text/show.ts';
import type { FoundLearningRate } from '../../training/find-learning-rate.ts';
import { type FollowedRate, isWithinNoise } from '../../training/follow-rate.ts';
import { table } from './output.ts';

const exponential = (value: number): string => value.toExponential(1);

const followedRow = ({ learningRate, steps, change, changeError }: FollowedRate): string[] =>
  Number.isFinite(change)
    ? [exponential(learningRate), formatCount(steps), exponential(change), exponential(changeError)]
    : [exponential(learningRate), formatCount(steps), 'not finite', ''];

/** What the costs of single steps say of the rate, and what the run's own steps say of those. */
const costText = ({
  isQuadratic,
  followed,
  stepRate,
  stepShare,
  runShare,
  scheduledSteps,
}: FoundLearningRate): string =>
  [
    `a step costs ${percent(stepShare)} of the loss at ${exponential(stepRate)}; if the cost goes with the square of the rate,`,
    `all steps of the run (${scheduledSteps.toFixed(1)} by the squares of their schedule) may cost ${percent(runShare)} together.`,
    isQuadratic
      ? 'The two costs around that rate go with its square, as far as their noise lets it be seen.'
      : 'The two costs around that rate do not go with its square: a rate has to show that the loss falls.',
    ...(isQuadratic && followed.length > 1
      ? ["The run's own steps do not: at larger rates the loss rose by more than they may cost."]
      : []),
  ].join('\n');

/** The learning rate that was found, last, and how. */
export const foundText = (found: FoundLearningRate): string => {
  const { learningRate, loss, measuredSteps, measured, followed, forwards } = found;
  const rows = measured.map((at) => [
    exponential(at.learningRate),
    exponential(at.gain),
    exponential(at.cost),
    percent(at.cost / loss),
  ]);
  const last = followed.at(-1) as FollowedRate;
  return [
    `a step from the start, mean of ${measuredSteps} on other batches than made it; the loss there is ${loss.toFixed(4)}:`,
    table([['learning rate', 'gain', 'cost', 'of the loss'], ...rows], 0),
    'first steps of the run:',
    table([['learning rate', 'steps', 'change of the loss', 'its noise'], ...followed.map(followedRow)], 0),
    costText(found),
    ...(isWithinNoise(last)
      ? [
          `The change in ${formatCount(last.steps)} steps at ${exponential(learningRate)} is within twice its noise: that it does no harm was seen, and not that the loss falls.`,
        ]
      : []),
    `${formatCount(forwards)} forwards`,
    `learningRate: ${exponential(learningRate)}`,
  ].join('\n');
};
