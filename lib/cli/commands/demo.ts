import type { Demo, DemoRun } from '../../demo/demo.ts';
import type { RATED_WORDS } from '../../demo/words.ts';
import { type CommandDefinition, jsonLines } from '../command.ts';
import { stopSignal } from '../terminal/interrupt.ts';
import { count, duration, percent, printJson, printLine, table } from '../terminal/output.ts';
import { progressDisplay } from '../terminal/progress.ts';

const WORDS_SHOWN = 10;

const introduction = (
  { template, labelWords }: typeof RATED_WORDS,
  { train, heldOut }: Demo,
  { forwards, batchSize }: { forwards: number; batchSize: number },
): string => `\
model     film-roberta-mini, a RoBERTa of 3.4 M parameters trained on film reviews. Some ended in a verdict made from
          their rating ("It was great ."), so it has met prompts of this kind with their answers, but not this task
task      "${template}": ${labelWords.join(' or ')}? For words that people rated as good or bad (AFINN-165);
          ${count(train.length)} to learn from, ${count(heldOut.length)} held out, half of each good
training  forward passes only, ${count(forwards)} of a batch of ${batchSize} words in each run
`;

const runRow = ({ method, seed, before, after, steps, forwards, seconds }: DemoRun): string[] => [
  `${method}, seed ${seed}`,
  percent(before),
  percent(after),
  count(steps),
  count(forwards),
  seconds.toFixed(1),
];

const gain = (runs: readonly DemoRun[]): string => {
  const points = runs.reduce((sum, { before, after }) => sum + 100 * (after - before), 0) / runs.length;
  return `${points >= 0 ? '+' : ''}${points.toFixed(1)} points`;
};

export const command: CommandDefinition = {
  options: [jsonLines],
  async action(options: { json?: boolean }) {
    const { BATCH_SIZE, FORWARDS, loadDemo, METHODS, runDemo, SEEDS } = await import('../../demo/demo.ts');
    const { RATED_WORDS } = await import('../../demo/words.ts');
    const began = performance.now();
    const signal = stopSignal();
    const demo = await loadDemo();
    printLine(introduction(RATED_WORDS, demo, { forwards: FORWARDS, batchSize: BATCH_SIZE }));
    if (options.json) printJson({ kind: 'start', train: demo.train.length, heldOut: demo.heldOut.length });
    const progress = await progressDisplay();
    const runs: DemoRun[] = [];
    const labels: string[][] = [];
    for (const method of METHODS) {
      for (const seed of SEEDS) {
        const label = `${method.name}, seed ${seed}`;
        const result = await runDemo(demo, method, seed, {
          signal,
          words: WORDS_SHOWN,
          onStep: (done, total, loss) =>
            progress({ label, done, total, unit: 'steps', detail: `loss ${loss.toFixed(3)}` }),
        });
        runs.push(result.run);
        if (options.json) printJson({ kind: 'run', ...result.run });
        else printLine(`${label}: ${percent(result.run.before)} → ${percent(result.run.after)}`);
        if (labels.length === 0) labels.push(result.labels.before);
        if (seed === SEEDS[0]) labels.push(result.labels.after);
      }
    }
    const words = demo.heldOut.slice(0, WORDS_SHOWN).map(({ word, label }, i) => ({
      word,
      rated: RATED_WORDS.labelWords[label] ?? '',
      before: labels[0]?.[i] ?? '',
      after: labels.slice(1).map((column) => column[i] ?? ''),
    }));
    if (options.json) {
      for (const { after, ...word } of words) {
        const named = Object.fromEntries(METHODS.map(({ name }, i) => [name, after[i]]));
        printJson({ kind: 'word', ...word, after: named });
      }
      return;
    }
    const methods = METHODS.map(({ name }) => name);
    printLine(`\n${table([['', 'before', 'after', 'steps', 'forwards', 'seconds'], ...runs.map(runRow)], 1)}`);
    const wordRows = words.map(({ word, rated, before, after }) => [word, rated, before, ...after]);
    const titles = ['held-out word', 'rated', 'before', ...methods];
    printLine(`\n${table([titles, ...wordRows], titles.length)}`);
    const gains = methods.map((name) => `${name} ${gain(runs.filter(({ method }) => method === name))}`);
    printLine(`\non average ${gains.join(', ')}; ${duration((performance.now() - began) / 1000)} in all`);
    printLine(
      `${count(demo.heldOut.length)} words and two seeds cannot tell the methods apart by less than some 4 points`,
    );
  },
};
