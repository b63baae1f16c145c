import { mostConfused, shortPlace, timesOf } from '../../report/answers.ts';
import type { ClassificationReport, WorstExample } from '../../tasks/classification-report.ts';
import { formatCount, percent } from '../../text/show.ts';
import { table } from './output.ts';

/** Classes that have a row of their own, and that the confusion is shown between in full. */
const MOST_CLASSES = 30;
const MOST_COLUMNS = 8;
/** Examples of a high loss, and pairs of classes that are taken for each other. */
const SHOWN = 5;

export const indented = (text: string): string => text.replace(/^(?=.)/gm, '  ');

const classTable = ({ classes, macro }: ClassificationReport): string => {
  const row = (name: string, of: { precision: number; recall: number; f1: number }, examples: string) => [
    name,
    percent(of.precision),
    percent(of.recall),
    percent(of.f1),
    examples,
  ];
  const shown =
    classes.length > MOST_CLASSES ? [...classes].sort((a, b) => a.f1 - b.f1).slice(0, MOST_CLASSES) : classes;
  const title = shown.length < classes.length ? `the ${MOST_CLASSES} classes of the lowest F1` : 'class';
  return table(
    [
      [title, 'precision', 'recall', 'F1', 'examples'],
      ...shown.map((one) => row(one.name, one, formatCount(one.count))),
      row('mean', macro, ''),
    ],
    1,
  );
};

const confusionTable = ({ classes, confusion }: ClassificationReport): string => {
  const names = classes.map(({ name }) => name);
  if (names.length <= MOST_COLUMNS) {
    const rows = names.map((label) => [
      label,
      ...names.map((answer) => formatCount(timesOf(confusion, label, answer))),
    ]);
    return table([['label \\ answer', ...names], ...rows], 1);
  }
  const pairs = mostConfused(confusion, SHOWN).map(({ label, answer, times }) => [label, answer, formatCount(times)]);
  return table([['label', 'answer', 'times'], ...pairs], 2);
};

const calibrationTable = ({ calibration: { error, bins } }: ClassificationReport): string => {
  const rows = bins.map(({ from, to, count: answers, confidence, accuracy }) => [
    `${Math.round(100 * from)} to ${Math.round(100 * to)} %`,
    percent(confidence),
    percent(accuracy),
    formatCount(answers),
  ]);
  const surplus = bins.reduce((sum, bin) => sum + bin.count * (bin.confidence - bin.accuracy), 0);
  const words = `expected calibration error ${percent(error)}: ${surplus > 0 ? 'more' : 'less'} confident than right`;
  return `${table([['confidence', 'mean', 'right', 'answers'], ...rows], 1)}\n${words}`;
};

/** As much of a text as fits, on one line. */
export const clipped = (text: string, width: number): string => {
  const line = text.replace(/\s+/g, ' ').trim();
  const characters = [...line];
  return characters.length <= width ? line : `${characters.slice(0, Math.max(1, width - 1)).join('')}…`;
};

const worstLines = (worst: readonly WorstExample[], width: number): string => {
  const rows = worst
    .slice(0, SHOWN)
    .map(({ source, label, answer, probability, loss }) => [
      loss.toFixed(2),
      label,
      percent(probability),
      answer,
      shortPlace(source),
    ]);
  const head = table([['loss', 'label', 'p(label)', 'answer', 'example'], ...rows], 5).split('\n');
  const broad = Math.max(...head.map((line) => line.length));
  const room = width - broad - 4;
  const [titles, ...lines] = head;
  const texts = worst.slice(0, SHOWN).map(({ fields }) => Object.values(fields).join(' | '));
  if (room < 30)
    return [titles, ...lines.flatMap((line, i) => [line, `  ${clipped(texts[i]!, width - 4)}`])].join('\n');
  return [titles, ...lines.map((line, i) => `${line.padEnd(broad)}  ${clipped(texts[i]!, room)}`)].join('\n');
};

/** What a score of a classification is made of, in blocks of lines. */
export const classificationText = (report: ClassificationReport, width: number): string =>
  [
    classTable(report),
    confusionTable(report),
    calibrationTable(report),
    `highest losses\n${worstLines(report.worst, width)}`,
  ]
    .map(indented)
    .join('\n\n');
