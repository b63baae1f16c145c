import { dataError } from '../data/rows.ts';
import type { ChoiceSpec } from './choice.ts';
import type { GenerateSpec } from './generation.ts';
import type { Derive } from './kind.ts';

/** A built-in task of a causal model: what it is, and how its fields come of the data's. */
export interface CausalTask {
  spec: ChoiceSpec | GenerateSpec;
  derive?: Derive;
}

const yesNo = (
  prompt: string,
  labels: readonly string[],
  options: readonly string[] = ['Yes', 'No'],
): { spec: ChoiceSpec } => ({ spec: { kind: 'choice', prompt, options, labels } });

/** Changes of some fields that are texts; the others, and what is no text, stay as they are. */
const changing =
  (changes: Readonly<Record<string, (text: string) => string>>): Derive =>
  (fields) => ({
    ...fields,
    ...Object.fromEntries(
      Object.entries(changes).flatMap(([field, change]) => {
        const text = Object.hasOwn(fields, field) ? fields[field] : undefined;
        return typeof text === 'string' ? [[field, change(text)]] : [];
      }),
    ),
  });

const CONJUNCTIONS: Readonly<Record<string, string>> = { effect: 'so', cause: 'because' };

/** The first word in small letters, but for I. */
const continued = (text: string): string => text.replace(/^\S*/, (word) => (word === 'I' ? word : word.toLowerCase()));

const asQuestion = (text: string): string => {
  const ended = text.endsWith('?') ? text : `${text}?`;
  return ended.slice(0, 1).toUpperCase() + ended.slice(1);
};

const textList = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((each) => typeof each === 'string');

/** The query with each entity in its place, as the options; the answers alike. */
const filledQueries: Derive = (fields) => {
  const { passage, query, entities, answers } = fields;
  if (typeof query !== 'string')
    throw dataError('the data', 'have no field "query"; expected a text with @placeholder');
  const filled = (value: unknown): unknown =>
    textList(value) ? value.map((entity) => query.replaceAll('@placeholder', entity)) : value;
  return {
    ...fields,
    passage: typeof passage === 'string' ? passage.replaceAll('@highlight\n', '- ') : passage,
    entities: filled(entities),
    answers: filled(answers),
  };
};

const writing = (spec: Pick<GenerateSpec, 'prompt' | 'answer' | 'within' | 'metrics'>): CausalTask => ({
  spec: { kind: 'generate', maxTokens: 50, stop: ['\n'], ...spec },
  derive: changing({ question: (text) => text.trim() }),
});

/**
 * Tasks with a name, for causal models. Prompts are those of MeZO (Malladi et al. 2023); fields have the names that they
 * have in Hugging Face's copies of GLUE, SuperGLUE, SQuAD and DROP. The options of a choice are compared by the mean
 * log-likelihood of their tokens.
 */
export const CAUSAL_TASKS: ReadonlyMap<string, CausalTask> = new Map<string, CausalTask>([
  [
    'sst2',
    {
      ...yesNo('{sentence} It was ', ['negative', 'positive'], ['terrible', 'great']),
      derive: changing({ sentence: (text) => text.trim() }),
    },
  ],
  [
    'rte',
    yesNo('{premise}\nDoes this mean that "{hypothesis}" is true? Yes or No?\n', ['entailment', 'not_entailment']),
  ],
  [
    'cb',
    yesNo(
      'Suppose {premise} Can we infer that "{hypothesis}"? Yes, No, or Maybe?\n',
      ['entailment', 'contradiction', 'neutral'],
      ['Yes', 'No', 'Maybe'],
    ),
  ],
  [
    'boolq',
    {
      ...yesNo('{passage} {question}\n', ['False', 'True'], ['No', 'Yes']),
      derive: changing({ question: asQuestion }),
    },
  ],
  [
    'wsc',
    {
      ...yesNo(
        '{text}\nIn the previous sentence, does the pronoun "{span2_text}" refer to {span1_text}? Yes or No?\n',
        ['False', 'True'],
        ['No', 'Yes'],
      ),
      derive: changing({ span2_text: (text) => text.toLowerCase() }),
    },
  ],
  [
    'wic',
    yesNo(
      'Does the word "{word}" have the same meaning in these two sentences? Yes, No?\n{sentence1}\n{sentence2}\n',
      ['False', 'True'],
      ['No', 'Yes'],
    ),
  ],
  [
    'multirc',
    yesNo(
      '{paragraph}\nQuestion: {question}\nI found this answer "{answer}". Is that correct? Yes or No?\n',
      ['False', 'True'],
      ['No', 'Yes'],
    ),
  ],
  [
    'copa',
    {
      spec: {
        kind: 'choice',
        prompt: '{premise} {question} ',
        options: ['{choice1}', '{choice2}'],
        labels: ['choice1', 'choice2'],
        loss: 'answer',
      },
      derive: changing({
        premise: (text) => text.trimEnd().replace(/\.$/, ''),
        question: (text) => CONJUNCTIONS[text] ?? text,
        choice1: continued,
        choice2: continued,
      }),
    },
  ],
  [
    'record',
    {
      spec: { kind: 'choice', prompt: '{passage}\n- ', options: 'entities', labelField: 'answers', loss: 'answer' },
      derive: filledQueries,
    },
  ],
  [
    'squad',
    writing({
      prompt: 'Title: {title}\nContext: {context}\nQuestion: {question}\nAnswer: ',
      answer: 'answers.text',
      within: 'context',
      metrics: ['tokenF1', 'exactMatch'],
    }),
  ],
  [
    'drop',
    writing({
      prompt: 'Passage: {passage}\nQuestion: {question}\nAnswer: ',
      answer: 'answers_spans.spans',
      metrics: ['dropF1', 'dropExactMatch'],
    }),
  ],
]);
