import type { LabelWordSpec } from './label-words.ts';

const sentiment: LabelWordSpec = {
  template: '{sentence} It was {mask}.',
  labelWords: ['terrible', 'great'],
  labels: ['negative', 'positive'],
};

const inference = (first: string, second: string): Pick<LabelWordSpec, 'template'> => ({
  template: `{${first}}? {mask}, {segment}{${second}}`,
});

const threeWay: LabelWordSpec = {
  ...inference('premise', 'hypothesis'),
  labelWords: ['Yes', 'Maybe', 'No'],
  labels: ['entailment', 'neutral', 'contradiction'],
};

const twoWay = { labelWords: ['Yes', 'No'], labels: ['entailment', 'not_entailment'] };

const paraphrase = (first: string, second: string, labels: string[]): LabelWordSpec => ({
  template: `{${first}} {mask}, {segment}{${second}}`,
  labelWords: ['No', 'Yes'],
  labels,
  metrics: ['accuracy', 'f1'],
});

/**
 * Tasks with a name. Template, label words and the order of the labels are those of LM-BFF (Gao et al. 2021), which
 * MeZO (Malladi et al. 2023) took over; fields have the names that they have in Hugging
 * Face's copy of GLUE (of SuperGLUE for rte), and metrics are GLUE's. Two things differ. Texts are left as they are,
 * where LM-BFF's code drops the last character of a premise and lower-cases the first letter of a hypothesis. And
 * BERT gets the texts of a pair as a pair, with a separator between them; LM-BFF's templates have none.
 */
export const BUILT_IN_TASKS: ReadonlyMap<string, LabelWordSpec> = new Map<string, LabelWordSpec>([
  ['sst2', sentiment],
  [
    'sst5',
    {
      template: sentiment.template,
      labelWords: ['terrible', 'bad', 'okay', 'good', 'great'],
      labels: ['very negative', 'negative', 'neutral', 'positive', 'very positive'],
    },
  ],
  ['mr', sentiment],
  ['cr', sentiment],
  ['mpqa', sentiment],
  [
    'subj',
    {
      template: '{sentence} This is {mask}.',
      labelWords: ['subjective', 'objective'],
      labels: ['subjective', 'objective'],
    },
  ],
  [
    'trec',
    {
      template: '{mask}: {sentence}',
      labelWords: ['Description', 'Entity', 'Expression', 'Human', 'Location', 'Number'],
      labels: ['DESC', 'ENTY', 'ABBR', 'HUM', 'LOC', 'NUM'],
    },
  ],
  ['mnli', threeWay],
  ['snli', threeWay],
  ['rte', { ...inference('premise', 'hypothesis'), ...twoWay }],
  ['qnli', { ...inference('question', 'sentence'), ...twoWay }],
  ['mrpc', paraphrase('sentence1', 'sentence2', ['not_equivalent', 'equivalent'])],
  ['qqp', paraphrase('question1', 'question2', ['not_duplicate', 'duplicate'])],
  [
    'cola',
    {
      template: '{sentence} This is {mask}.',
      labelWords: ['incorrect', 'correct'],
      labels: ['unacceptable', 'acceptable'],
      metrics: ['matthews'],
    },
  ],
]);
