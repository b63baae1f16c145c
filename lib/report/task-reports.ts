import type { RunRecord } from '../runs/read.ts';
import type { AnswerReport } from '../tasks/answer-report.ts';
import type { CalibrationBin, ClassificationReport } from '../tasks/classification-report.ts';
import type { TaskReport } from '../tasks/task.ts';
import { mostConfused, shortPlace, timesOf } from './answers.ts';
import { HEIGHT, PLOT } from './chart.ts';
import { escaped, table } from './html.ts';
import { colorKey, figure } from './page.ts';
import { formatNumber } from './scale.ts';

/** Classes that the confusion is shown between as a matrix, and pairs of them that are shown otherwise. */
const MOST_COLUMNS = 20;
const MOST_PAIRS = 20;

const share = (value: number): string => formatNumber(value, 'percent');

const classTable = ({
  classes,
  macro,
}: Pick<ClassificationReport, 'classes'> & Partial<ClassificationReport>): string =>
  table({
    caption: 'Precision is the share of the answers that are right, recall the share of the examples that are found',
    columns: ['class', 'precision', 'recall', 'F1', 'examples'],
    rows: [
      ...classes.map(({ name, precision, recall, f1, count }) => [
        name,
        ...[precision, recall, f1].map(share),
        formatNumber(count),
      ]),
      ...(macro ? [['mean of the classes', ...[macro.precision, macro.recall, macro.f1].map(share), '']] : []),
    ],
  });

const confusionTable = ({ classes, confusion }: ClassificationReport): string => {
  const names = classes.map(({ name }) => name);
  if (names.length > MOST_COLUMNS) {
    return table({
      caption: 'Classes that are taken for others most often',
      columns: ['label', 'answer', 'times'],
      numbersFrom: 2,
      rows: mostConfused(confusion, MOST_PAIRS).map(({ label, answer, times }) => [label, answer, formatNumber(times)]),
    });
  }
  const cell = (times: number, whole: number) => ({
    html: `<span class="heat" style="--share:${whole === 0 ? 0 : Math.round((100 * times) / whole)}%">${formatNumber(times)}</span>`,
  });
  return table({
    caption: 'Confusion: a row a label, a column an answer; darker is a larger share of the row',
    columns: ['label \\ answer', ...names],
    rows: classes.map(({ name, count }) => [
      name,
      ...names.map((answer) => cell(timesOf(confusion, name, answer), count)),
    ]),
  });
};

const SIDE = PLOT.bottom - PLOT.top;

/** Bars of how often answers are right, by their confidence, and the diagonal where the two are the same. */
const reliabilityDiagram = (id: string, title: string, bins: readonly CalibrationBin[]): string => {
  const across = (value: number) => PLOT.left + value * SIDE;
  const upward = (value: number) => PLOT.bottom - value * SIDE;
  const ticks = [0, 0.25, 0.5, 0.75, 1];
  const bars = bins.map(({ from, to, accuracy, count, confidence }) => {
    const words = `${formatNumber(count)} answers, ${share(confidence)} confident, ${share(accuracy)} right`;
    return `<rect class="bar" x="${across(from) + 1}" y="${upward(accuracy)}" width="${(to - from) * SIDE - 2}" height="${accuracy * SIDE}"><title>${escaped(words)}</title></rect>`;
  });
  return [
    `<svg id="${id}" class="chart" viewBox="0 0 ${PLOT.left + SIDE + 20} ${HEIGHT}" role="img" aria-labelledby="${id}-title">`,
    `<title id="${id}-title">${escaped(title)}</title>`,
    ...ticks.map(
      (tick) =>
        `<line class="grid" x1="${across(0)}" x2="${across(1)}" y1="${upward(tick)}" y2="${upward(tick)}"/>` +
        `<text class="tick" text-anchor="end" x="${PLOT.left - 6}" y="${upward(tick) + 3.5}">${100 * tick} %</text>` +
        `<text class="tick" text-anchor="middle" x="${across(tick)}" y="${PLOT.bottom + 16}">${100 * tick} %</text>`,
    ),
    ...bars,
    `<line class="cursor" x1="${across(0)}" y1="${upward(0)}" x2="${across(1)}" y2="${upward(1)}"/>`,
    `<text class="axis-label" text-anchor="middle" x="${across(0.5)}" y="${PLOT.bottom + 32}">confidence</text>`,
    '</svg>',
  ].join('');
};

const calibrationFigure = (id: string, { calibration: { error, bins } }: ClassificationReport): string => {
  const words = `How often answers are right, by the probability that the model gives them. On the dashed line they are as often right as they are confident; below it the model is too sure. The mean distance, the expected calibration error, is ${share(error)}.`;
  const numbers = table({
    caption: 'Answers by confidence',
    columns: ['confidence', 'mean', 'right', 'answers'],
    rows: bins.map(({ from, to, confidence, accuracy, count }) => [
      `${share(from)} to ${share(to)}`,
      share(confidence),
      share(accuracy),
      formatNumber(count),
    ]),
  });
  const svg = reliabilityDiagram(id, 'Calibration', bins);
  return figure({ svg, note: '' }, 'Calibration', words, numbers);
};

interface WorstExample extends Pick<AnswerReport['worst'][number], 'source' | 'fields' | 'label' | 'answer' | 'loss'> {
  score: string;
}

/** `columns` are the headings of label, answer and score. */
const worstTable = (caption: string, columns: readonly string[], worst: readonly WorstExample[]): string =>
  table({
    caption,
    columns: ['example', 'text', ...columns, 'loss'],
    numbersFrom: 4,
    rows: worst.map(({ source, fields, label, answer, score, loss }) => [
      shortPlace(source),
      Object.values(fields).join(' | '),
      label,
      answer,
      score,
      loss.toFixed(2),
    ]),
  });

const worstOfClasses = ({ worst }: ClassificationReport): string => {
  const scored = worst.map((one) => ({ ...one, score: share(one.probability) }));
  return worstTable('The examples of the highest loss', ['label', 'answer', 'p(label)'], scored);
};

const worstAnswers = ({ worst }: AnswerReport): string => {
  const scored = worst.map((one) => ({ ...one, score: one.value === undefined ? '' : formatNumber(one.value) }));
  return worstTable('The examples that were answered worst', ['expected', 'answered', 'score'], scored);
};

/** The parts of a report: of classes, or of other answers. */
const partsOf = (id: string, report: TaskReport): string => {
  if (!('confusion' in report)) {
    const { classes } = report;
    return [...(classes ? [`<div>${classTable({ classes })}</div>`] : []), `<div>${worstAnswers(report)}</div>`].join(
      '',
    );
  }
  const inside = [classTable, confusionTable].map((part) => part(report)).join('');
  return `<div>${inside}</div>${calibrationFigure(id, report)}<div>${worstOfClasses(report)}</div>`;
};

/**
 * What the scores of each run's weights are made of, on the validation and the test data; nothing without any. `colors`
 * has that of each run.
 */
export const taskReportsSection = (runs: readonly RunRecord[], colors: readonly number[]): string => {
  const parts = runs.flatMap(({ name, reports }, run) => {
    const splits = (['validation', 'test'] as const).flatMap((split) => {
      const report = reports[split];
      if (!report) return [];
      const parts = partsOf(`calibration-${run}-${split}`, report);
      return `<h3>On the ${split} data</h3><div class="parts">${parts}</div>`;
    });
    if (splits.length === 0) return [];
    const open = runs.length === 1 ? ' open' : '';
    return `<details class="classes"${open} data-run="${run}"><summary>${colorKey(colors[run]!)} ${escaped(name)}</summary>${splits.join('')}</details>`;
  });
  if (parts.length === 0) return '';
  const areClasses = runs.every(({ reports }) =>
    [reports.validation, reports.test].every((report) => report === undefined || 'confusion' in report),
  );
  return `<section><h2>${areClasses ? 'Classes' : 'Answers'}</h2><p class="quiet">Of the weights that each run kept.</p>${parts.join('')}</section>`;
};
