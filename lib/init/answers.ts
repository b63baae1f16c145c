import { dataError } from '../data/rows.ts';
import type { GenerateSpec } from '../tasks/generation.ts';
import type { RegressionSpec } from '../tasks/regression.ts';
import type { Tokenizer } from '../tasks/tokenizer.ts';
import { LABEL_LENGTH, MOST_CLASSES } from './columns.ts';
import { rounded, usualMost } from './lengths.ts';

/** What the answers of a column are. */
export type AnswersOfColumn = 'classes' | 'numbers' | 'texts';

const isNumber = (text: string): boolean => /^[-+]?\d+(\.\d+)?(e[-+]?\d+)?$/i.test(text);

/**
 * Tells what the answers in a column are: numbers that hardly repeat, texts that are too many or too long for classes,
 * or classes.
 */
export const answersOf = (values: readonly string[]): AnswersOfColumn => {
  const distinct = new Set(values).size;
  const areNumbers = values.every(isNumber);
  const haveFractions = values.some((value) => !Number.isInteger(Number(value)));
  if (areNumbers && (distinct > MOST_CLASSES || (haveFractions && distinct > values.length / 2))) return 'numbers';
  const length = values.reduce((sum, value) => sum + value.length, 0) / values.length;
  return !areNumbers && (distinct > MOST_CLASSES || length > LABEL_LENGTH) ? 'texts' : 'classes';
};

/** A task for answers that are no classes, and why it is this one. */
export interface ProposedAnswers {
  task: RegressionSpec | GenerateSpec;
  why: string[];
}

/** The prompt for an answer about a text, or about a pair of which one may be a question. */
const promptOf = (texts: readonly string[]): string => {
  const isQuestion = (name: string) => /^(question|query)/i.test(name);
  const questions = texts.filter(isQuestion).map((name) => `Question: {${name}}`);
  return [...texts.filter((name) => !isQuestion(name)).map((name) => `{${name}}`), ...questions, 'Answer:'].join('\n');
};

/**
 * Proposes a task for answers that are numbers, by a head, or texts, which a causal model writes.
 *
 * @throws ERR_ZEST_DATA for texts that an encoder would have to write
 */
export const proposeAnswers = (
  file: string,
  { texts, label }: { texts: readonly string[]; label: string },
  { kind, values, tokenizer }: { kind: 'numbers' | 'texts'; values: readonly string[]; tokenizer: Tokenizer },
): ProposedAnswers => {
  if (kind === 'numbers') {
    return {
      task: { kind: 'regression', fields: texts, ...(label !== 'label' && { labelField: label }) },
      why: ['The answers are numbers: a new head gives one, and is trained by its squared error.'],
    };
  }
  if (!tokenizer.causal) {
    throw dataError(
      file,
      `the answers in ${JSON.stringify(label)} are texts, ${new Set(values).size} different of ${values.length}, which an encoder does not write; expected a causal model with --model, or another column with --label`,
    );
  }
  const lengths = values.map((value) => tokenizer.tokenize(` ${value}`).length).sort((a, b) => a - b);
  const isOneLine = values.every((value) => !value.includes('\n'));
  return {
    task: {
      kind: 'generate',
      prompt: promptOf(texts),
      answer: label,
      maxTokens: rounded(usualMost(lengths) + 1),
      ...(isOneLine && { stop: ['\n'] }),
    },
    why: ['The answers are texts: the model writes them after the prompt, the likeliest token each time.'],
  };
};
