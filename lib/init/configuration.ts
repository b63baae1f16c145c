import { autoMethod } from '../methods/auto.ts';
import { forwardsOfStep } from '../methods/registry.ts';
import type { ClassSpec } from '../tasks/class.ts';
import type { GenerateSpec } from '../tasks/generation.ts';
import type { LabelWordSpec } from '../tasks/label-words.ts';
import type { RegressionSpec } from '../tasks/regression.ts';
import { formatCount } from '../text/show.ts';

/** What a starting configuration is made of. */
export interface StartingPoint {
  file: string;
  model: string;
  isBuiltIn: boolean;
  /** Whether it is a GGUF file with quantised weights. */
  isQuantized: boolean;
  rows: number;
  /** Names of the columns, for a file without a header. */
  columns?: readonly string[];
  task: LabelWordSpec | ClassSpec | RegressionSpec | GenerateSpec;
  /** Sentences about the label words, or why there are none. */
  why: readonly string[];
  /** Rows of each label, in the order of the task. */
  balance: readonly { name: string; count: number }[];
  /** Rows without a label or a text. */
  leftOut: number;
  /** Tokens of prompts: half are as long as the median or shorter. */
  tokens: { median: number; most: number };
  maxLength: number;
  /** The learning rate that was found for these data; absent: none was looked for, or none found. */
  learningRate?: number;
  /** Why none was found, where one was looked for. */
  whyNotFound?: string;
  steps: number;
  batchSize: number;
  output: string;
}

const WIDTH = 110;

/**
 * A comment of YAML, in lines of a fair length. The text may quote the data, whose line breaks must not end the comment:
 * what follows would be keys of the configuration.
 */
const comment = (text: string, indent = ''): string => {
  const lines = [`${indent}#`];
  for (const word of text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').split(' ')) {
    const line = lines.at(-1) as string;
    if (line.length + 1 + word.length > WIDTH) lines.push(`${indent}# ${word}`);
    else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines.join('\n');
};

const quoted = (value: unknown): string => JSON.stringify(value);
const list = (values: readonly string[]): string => `[${values.map(quoted).join(', ')}]`;

/** A rate as 5.0e-5: YAML takes a number without a point and with an exponent for one, too, but not every reader does. */
const rate = (value: number): string => value.toExponential(1);

/** A label with this share of the rows or more makes accuracy a poor measure. */
const UNBALANCED = 0.75;

/** The task where answers are no classes. */
const answerLines = (task: RegressionSpec | GenerateSpec, why: readonly string[]): string[] => [
  'task:',
  ...why.map((sentence) => comment(sentence, '  ')),
  `  kind: ${task.kind}`,
  ...(task.kind === 'regression'
    ? [
        `  fields: ${list(task.fields)}`,
        ...(task.labelField ? [`  labelField: ${quoted(task.labelField)}   # the column of the number`] : []),
      ]
    : [
        `  prompt: ${quoted(task.prompt)}   # docs/tasks.md says how an answer follows`,
        `  answer: ${quoted(task.answer)}   # the column of the text`,
        `  maxTokens: ${task.maxTokens}`,
        ...(task.stop ? [`  stop: ${list(task.stop)}   # no answer has more than one line`] : []),
      ]),
];

/** Outputs of the new head that a task needs; 0 for none. */
const outputsOf = (task: StartingPoint['task']): number =>
  'template' in task || task.kind === 'generate' ? 0 : task.kind === 'regression' ? 1 : task.classes;

const taskLines = ({ task, why, balance }: StartingPoint): string[] => {
  if (!('template' in task) && task.kind !== 'class') return answerLines(task, why);
  const largest = [...balance].sort((a, b) => b.count - a.count)[0]!;
  const share = largest.count / balance.reduce((sum, { count }) => sum + count, 0);
  const isSkewed = share >= UNBALANCED && balance.length === 2;
  const counts = balance.slice(0, 10).map(({ name, count: times }) => `${name} ${formatCount(times)}`);
  const baseline = `Rows by label: ${counts.join(', ')}${balance.length > 10 ? ', …' : ''}. Always answering ${quoted(largest.name)} would be right in ${(100 * share).toFixed(0)} %.`;
  const lines =
    'template' in task
      ? [
          comment(
            'The text stands in a prompt with a gap, and the answer is the word that the model finds likeliest there.',
            '  ',
          ),
          ...why.map((sentence) => comment(sentence, '  ')),
          `  template: ${quoted(task.template)}`,
          `  labelWords: ${list(task.labelWords)}${task.labels ? '' : '   # of label 0, 1 and so on'}`,
        ]
      : [
          comment(`A new layer on the model gives a score a class. ${why.join(' ')}`, '  '),
          '  kind: class',
          `  fields: ${list(task.fields)}`,
          `  classes: ${task.classes}`,
        ];
  return [
    'task:',
    ...lines,
    ...(task.labels
      ? [`  labels: ${list(task.labels)}   # as the data have them${'template' in task ? ', one a label word' : ''}`]
      : []),
    ...(task.labelField ? [`  labelField: ${quoted(task.labelField)}   # the column of the label`] : []),
    comment(baseline, '  '),
    ...(isSkewed
      ? [
          comment(
            'Accuracy says little of such data: Matthews’ correlation is 0 for a model that always gives one answer.',
            '  ',
          ),
          '  metrics: [matthews, accuracy]',
        ]
      : []),
  ];
};

/** The share of each label's rows that is held out as validation data, and how a sentence begins that says so. */
export const HELD_OUT = { share: 0.2, words: 'A fifth' };

/** The method for a rate that was found, and the one that needs none. */
const AT_A_RATE = { method: 'zest', directions: 10, sides: 'one', tilt: 0, schedule: 'linear' };
const WITHOUT_A_RATE = { method: autoMethod.name, directions: autoMethod.options.directions.parse(undefined) };

/** A method at the rate that was found, or one that needs none. */
const optimizerLines = ({ learningRate, whyNotFound }: StartingPoint): string[] => {
  if (learningRate !== undefined) {
    return [
      comment(
        `The slope along ${AT_A_RATE.directions} directions a step, which takes ${forwardsOfStep(AT_A_RATE)} forwards. Without a tilt, which is worth a try once this works (docs/tilt.md); docs/methods.md has the other methods.`,
        '  ',
      ),
      `  method: ${AT_A_RATE.method}`,
      `  directions: ${AT_A_RATE.directions}`,
      `  sides: ${AT_A_RATE.sides}`,
      `  tilt: ${AT_A_RATE.tilt}`,
      comment('Found for these data and steps by --find-learning-rate. Around it, factors of 3 are worth a try.', '  '),
      `  learningRate: ${rate(learningRate)}`,
      `  schedule: ${AT_A_RATE.schedule}`,
    ];
  }
  const why = whyNotFound === undefined ? '' : ` (None was found: ${whyNotFound})`;
  return [
    comment(
      `Measures its learning rate as it goes, which others have to be told: ${WITHOUT_A_RATE.directions} directions a step, which takes ${WITHOUT_A_RATE.directions} forwards, and 2 more every fourth step.${why} Another method, such as zest or mezo (docs/methods.md), may do better at a rate of its own, which --find-learning-rate finds in some 500 to 900 forwards.`,
      '  ',
    ),
    `  method: ${WITHOUT_A_RATE.method}`,
  ];
};

/** Writes a configuration with the reasons for its choices. */
export const configurationText = (start: StartingPoint): string => {
  const { file, model, task, tokens, maxLength, steps, batchSize } = start;
  const forwards = steps * forwardsOfStep(start.learningRate === undefined ? WITHOUT_A_RATE : AT_A_RATE);
  const cut = tokens.most > maxLength ? 'longer texts are cut at their ends' : 'nothing is cut';
  return [
    comment(
      `Made by zest init from ${file}, which has ${formatCount(start.rows)} rows: a start, to be read and changed. docs/train.md explains, docs/configuration.md has every key. zest train THIS --dry-run shows what the model will see.`,
    ),
    '',
    comment(
      start.isBuiltIn
        ? `${model} comes with node-zest. It is small and knows film reviews: of other texts expect little, and name a larger model: one of Hugging Face's hub, such as FacebookAI/roberta-base, or its folder.`
        : start.isQuantized
          ? 'A GGUF file, whose quantised weights stay as they are in the file, also in memory: what is trained is LoRA, a small adapter on them. Training all would widen them first.'
          : 'The folder of a model, a GGUF file, or a name of Hugging Face’s hub.',
    ),
    `model: ${quoted(model)}`,
    ...(outputsOf(task) > 0 ? [`head: { classes: ${outputsOf(task)} }`] : []),
    ...(start.isQuantized ? ['trainable: { lora: { rank: 8, alpha: 16 } }'] : []),
    '',
    ...taskLines(start),
    '',
    'data:',
    `  train: ${quoted(file)}`,
    ...(start.columns ? [`  columns: ${list(start.columns)}   # the file has no header line`] : []),
    ...(start.leftOut > 0
      ? [comment(`${formatCount(start.leftOut)} of the rows have no label or no text, and are left out.`, '  ')]
      : []),
    comment(
      `${HELD_OUT.words} of the rows of each label is held out to choose by; a file of its own is as good. test names a file to test on.`,
      '  ',
    ),
    `  validation: ${HELD_OUT.share}`,
    '',
    'optimizer:',
    ...optimizerLines(start),
    '',
    'training:',
    comment(
      `The budget: ${formatCount(steps)} steps are ${formatCount(forwards)} forwards of ${batchSize} texts. Thousands of forwards are usual, where a gradient would take hundreds of steps.`,
      '  ',
    ),
    `  steps: ${steps}`,
    `  batchSize: ${batchSize}`,
    comment(`Prompts have ${tokens.median} tokens in the median and ${tokens.most} at most; with this ${cut}.`, '  '),
    `  maxLength: ${maxLength}`,
    `  evaluateEvery: ${Math.max(1, Math.round(steps / 10))}`,
    ...(start.isQuantized
      ? [
          comment(
            "PEFT's files alone: small, and used with the base where it is. merged saves all weights, widened.",
            '  ',
          ),
          '  weights: adapter',
        ]
      : []),
    '',
    `output: ${quoted(start.output)}`,
    '',
  ].join('\n');
};
