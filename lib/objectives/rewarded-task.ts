import { throwIfAborted } from '../abort.ts';
import type { ZestError } from '../errors.ts';
import { Answers } from '../tasks/answer-report.ts';
import { evaluationBatchSize, type Outcomes, type ScoreOptions, type Task } from '../tasks/task.ts';
import { checkedExamples } from './examples.ts';
import type { Answering, Decoding } from './model-at.ts';
import { type Answer, type Reward, type RewardOptions, rewardsOf } from './reward.ts';

/** What an answer is worth, and what it was. */
type Rewarded = Answers<unknown, { text: string; value: number }>;

/** An answer as a report shows it. */
const shownAnswer = (answer: Answer): string => {
  const [first] = Object.values(answer);
  return typeof first === 'string' ? first : JSON.stringify(answer);
};

/**
 * A task that is judged by a reward: its examples need no right answer, its score has the mean `reward`, and its loss is
 * minus that. An example whose reward fails is an error, or is left out of the score with `onError: 'skip'`, unless all
 * are.
 */
export const rewardedTask = (
  task: Task,
  reward: Reward,
  { onError, ...decoding }: Decoding & Pick<RewardOptions, 'onError'>,
): Task => {
  const unlabelled = { unlabelled: true };
  const examination: Task['examination'] = (outcomes: Outcomes) => {
    const { answers, loss, count, worst } = outcomes as Rewarded;
    const mean = answers.reduce((sum, { value }) => sum + value, 0) / answers.length;
    return { score: { reward: mean, loss, count }, report: { kind: 'answers', worst } };
  };
  const outcomes = (): Rewarded => new Answers(true);

  const examine: Task['examine'] = async (model, given, options: ScoreOptions = {}) => {
    const { signal, batchSize = evaluationBatchSize, onExample, onProgress } = options;
    const examples = checkedExamples(task, given, unlabelled);
    const collected = outcomes();
    let failed: ZestError | undefined;
    const writer: Partial<Answering> & typeof model = {
      endTokens: model.endTokens,
      logits: (batch, call) => model.logits(batch, call),
      generate: (prompts, call) => model.generate(prompts, { ...call, ...decoding }),
      sequenceLosses: (batch, points, call) => model.sequenceLosses(batch, points, call),
    };
    for (let start = 0; start < examples.length; start += batchSize) {
      throwIfAborted(signal);
      const part = examples.slice(start, start + batchSize);
      const answers = await task.answers(writer, part, { signal, batchSize });
      const values = await rewardsOf(
        reward,
        answers.map((answer, i) => ({ answer, example: part[i]!, point: [] })),
        signal,
      );
      for (const [i, value] of values.entries()) {
        if (typeof value !== 'number') {
          failed = value;
          if (onError !== 'skip') throw value;
          continue;
        }
        const { source, fields } = part[i]!;
        const text = shownAnswer(answers[i]!);
        const loss = 0 - value;
        collected.add({
          answer: { text, value },
          reference: undefined,
          example: { source, fields, label: '', answer: text, value, loss },
        });
        onExample?.({ answer: text, prediction: value, reference: undefined, isRight: false, loss });
      }
      onProgress?.(start + part.length, examples.length);
    }
    if (collected.count === 0 && failed) throw failed;
    return examination(collected);
  };

  return {
    fields: task.fields,
    labelField: task.labelField,
    maxLength: task.maxLength,
    metrics: ['reward'],
    names: [],
    examples: (rows) => task.examples(rows, unlabelled),
    example: (row) => task.example(row, unlabelled),
    checkColumns: (rows) => task.checkColumns(rows, unlabelled),
    lacking: (row) => task.lacking(row, unlabelled),
    unknownLabel: () => undefined,
    balance: () => [],
    holdOut: (examples, options) => task.holdOut(examples, options),
    sample: (examples, sampling) => task.sample(examples, sampling),
    demonstrate: (examples, separator) => task.demonstrate(examples, separator),
    preview: (example) => ({ ...task.preview(example), answer: '' }),
    batch: (examples) => task.batch(examples),
    score: async (...call) => (await examine(...call)).score,
    examine,
    outcomes,
    examination,
    answers: (model, examples, options) => task.answers(model, examples, options),
  };
};
