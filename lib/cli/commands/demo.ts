import { InvalidArgumentError, Option } from 'commander';
import { type Change, changeOf } from '../../demo/change.ts';
import type { Demo, DemoAnswers, DemoRun } from '../../demo/demo.ts';
import type { RATED_WORDS, RatedWord } from '../../demo/words.ts';
import type { Classification } from '../../tasks/classification.ts';
import { formatCount, percent } from '../../text/show.ts';
import { type CommandDefinition, jsonLines } from '../command.ts';
import { stopSignal } from '../terminal/interrupt.ts';
import { duration, lineWidth, printJson, printLine, table } from '../terminal/output.ts';
import { progressDisplay } from '../terminal/progress.ts';

const introduction = (
  { template, labelWords }: typeof RATED_WORDS,
  { train, heldOut }: Demo,
  { forwards, batchSize }: { forwards: number; batchSize: number },
): string => `\
model     film-roberta-mini, a RoBERTa of 3.4 M parameters trained on film reviews. Some ended in a verdict made from
          their rating ("It was great ."), so it has met prompts of this kind with their answers, but not this task
task      "${template}": ${labelWords.join(' or ')}? For words that people rated as good or bad (AFINN-165);
          ${formatCount(train.length)} to learn from, ${formatCount(heldOut.length)} held out, half of each good
training  forward passes only, ${formatCount(forwards)} of a batch of ${batchSize} words in each run
`;

const runRow = ({ method, seed, before, after, steps, forwards, seconds }: DemoRun): string[] => [
  `${method}, seed ${seed}`,
  percent(before),
  percent(after),
  formatCount(steps),
  formatCount(forwards),
  seconds.toFixed(1),
];

const gain = (runs: readonly DemoRun[]): string => {
  const points = runs.reduce((sum, { before, after }) => sum + 100 * (after - before), 0) / runs.length;
  return `${points >= 0 ? '+' : ''}${points.toFixed(1)} points`;
};

/** The first run of each method with its answers. */
interface Shown {
  method: string;
  seed: number;
  before: DemoAnswers;
  after: DemoAnswers;
}

const KINDS: readonly [keyof Change<unknown>, string][] = [
  ['turnedRight', 'wrong before, right after'],
  ['turnedWrong', 'right before, wrong after'],
  ['stayedRight', 'right before and after'],
  ['stayedWrong', 'wrong before and after'],
];

/** As many of the first words as a line has room for. */
const firstWords = (words: readonly RatedWord[], room: number): string => {
  let line = '';
  for (const { word } of words) {
    const longer = line === '' ? word : `${line}, ${word}`;
    if (longer.length > room - 3) return `${line}, …`;
    line = longer;
  }
  return line;
};

/** How many of the held-out words turned right and wrong, and the first of each kind. */
const storyText = (heldOut: readonly RatedWord[], shown: readonly Shown[], labelWords: readonly string[]): string => {
  const changes = shown.map(({ before, after }) => changeOf(heldOut, before.words, after.words));
  const counts = KINDS.map(([kind, words]) => [words, ...changes.map((change) => formatCount(change[kind].length))]);
  const last = changes.at(-1)!;
  const room = Math.min(lineWidth(), 120) - 42;
  const examples = KINDS.slice(0, 2).flatMap(([kind, words]) =>
    labelWords.flatMap((rated, label) => {
      const found = last[kind].filter((word) => word.label === label);
      return found.length > 0 ? [[words, `rated ${rated}`, firstWords(found, room)]] : [];
    }),
  );
  const { method, seed, before } = shown.at(-1)!;
  const most = labelWords
    .map((word, label) => ({ word, times: before.words.filter((answer) => answer === label).length }))
    .sort((a, b) => b.times - a.times)[0]!;
  return [
    `before training the model answers ${most.word} to ${formatCount(most.times)} of the ${formatCount(heldOut.length)} held-out words`,
    table([['held-out words', ...shown.map((one) => one.method)], ...counts], 1),
    '',
    `the first of these, in the random order of the words (${method}, seed ${seed})`,
    table(examples, 3),
  ].join('\n');
};

const answerText = ({ name, label, probabilities }: Classification): string =>
  `${name} ${percent(probabilities[label]!)}`;

const ownText = (own: readonly string[], shown: readonly Shown[], train: readonly RatedWord[]): string => {
  const known = new Set(train.map(({ word }) => word));
  const rows = own.map((text, i) => [
    known.has(text) ? `${text} (learned from)` : text,
    answerText(shown[0]!.before.own[i]!),
    ...shown.map(({ after }) => answerText(after.own[i]!)),
  ]);
  return table([['yours', 'before', ...shown.map(({ method }) => method)], ...rows], shown.length + 2);
};

const printAnswers = (
  { heldOut }: Demo,
  shown: readonly Shown[],
  own: readonly string[],
  labelWords: readonly string[],
): void => {
  for (const { method, seed, before, after } of shown) {
    const change = changeOf(heldOut, before.words, after.words);
    const counts = KINDS.map(([kind]) => [kind, change[kind].length]);
    printJson({ kind: 'change', method, seed, ...Object.fromEntries(counts) });
  }
  for (const [i, { word, label }] of heldOut.entries()) {
    const after = shown.map((one) => [one.method, labelWords[one.after.words[i]!]]);
    const before = labelWords[shown[0]!.before.words[i]!];
    printJson({ kind: 'word', word, rated: labelWords[label], before, after: Object.fromEntries(after) });
  }
  for (const [i, text] of own.entries()) {
    const answer = ({ name, probabilities }: Classification) => ({
      label: name,
      probabilities: Object.fromEntries(labelWords.map((word, j) => [word, probabilities[j]])),
    });
    const after = shown.map((one) => [one.method, answer(one.after.own[i]!)]);
    printJson({ kind: 'own', text, before: answer(shown[0]!.before.own[i]!), after: Object.fromEntries(after) });
  }
};

export const command: CommandDefinition = {
  options: [
    new Option('--word <text>', 'a word or a line of your own to ask about, before and after; may be repeated')
      .argParser((value: string, earlier: string[]) => {
        if (value.trim() === '') throw new InvalidArgumentError('Expected a word or a line.');
        return [...earlier, value.trim()];
      })
      .default([], 'none'),
    jsonLines,
  ],
  async action({ word: own, json }: { word: string[]; json?: boolean }) {
    const { BATCH_SIZE, FORWARDS, loadDemo, METHODS, runDemo, SEEDS } = await import('../../demo/demo.ts');
    const { RATED_WORDS } = await import('../../demo/words.ts');
    const { labelWords } = RATED_WORDS;
    const began = performance.now();
    const signal = stopSignal();
    const demo = await loadDemo();
    printLine(introduction(RATED_WORDS, demo, { forwards: FORWARDS, batchSize: BATCH_SIZE }));
    if (json) printJson({ kind: 'start', train: demo.train.length, heldOut: demo.heldOut.length });
    const progress = progressDisplay();
    const runs: DemoRun[] = [];
    const shown: Shown[] = [];
    for (const method of METHODS) {
      for (const seed of SEEDS) {
        const label = `${method.name}, seed ${seed}`;
        const { run, before, after } = await runDemo(demo, method, seed, {
          signal,
          own,
          onStep: (done, total, loss) =>
            progress({ label, done, total, unit: 'steps', detail: `loss ${loss.toFixed(3)}` }),
        });
        runs.push(run);
        if (json) printJson({ kind: 'run', ...run });
        else printLine(`${label}: ${percent(run.before)} → ${percent(run.after)}`);
        if (seed === SEEDS[0]) shown.push({ method: method.name, seed, before, after });
      }
    }
    if (json) {
      printAnswers(demo, shown, own, labelWords);
      return;
    }
    const methods = METHODS.map(({ name }) => name);
    printLine(`\n${table([['', 'before', 'after', 'steps', 'forwards', 'seconds'], ...runs.map(runRow)], 1)}`);
    printLine(`\n${storyText(demo.heldOut, shown, labelWords)}`);
    if (own.length > 0) printLine(`\n${ownText(own, shown, demo.train)}`);
    const gains = methods.map((name) => `${name} ${gain(runs.filter(({ method }) => method === name))}`);
    printLine(`\non average ${gains.join(', ')}; ${duration((performance.now() - began) / 1000)} in all`);
    printLine(
      `${formatCount(demo.heldOut.length)} words and two seeds cannot tell the methods apart by less than some 4 points`,
    );
    if (own.length === 0) printLine('ask about a word or a line of your own: zest demo --word "a waste of time"');
  },
};
