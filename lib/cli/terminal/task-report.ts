import { shortPlace } from '../../report/answers.ts';
import type { AnswerReport } from '../../tasks/answer-report.ts';
import type { TaskReport } from '../../tasks/task.ts';
import { percent } from '../../text/show.ts';
import { classificationText, clipped, indented } from './classification.ts';
import { table } from './output.ts';

/** Examples of a low value that are shown. */
const SHOWN = 5;

const worstText = ({ worst }: AnswerReport, width: number): string => {
  const digits = (value: number | undefined) => (value === undefined ? '' : value.toFixed(2));
  const blocks = worst.slice(0, SHOWN).map(({ source, fields, label, answer, value, loss }) => {
    const head = [
      shortPlace(source),
      value === undefined ? [] : `score ${digits(value)}`,
      `loss ${loss.toFixed(2)}`,
    ].flat();
    const rows = [
      ...Object.entries(fields).map(([name, text]) => [name, text]),
      ['expected', label],
      ['answered', answer],
    ];
    const broad = Math.max(...rows.map(([name]) => name!.length)) + 2;
    const lines = rows.map(([name, text]) => `  ${name!.padEnd(broad)}${clipped(text!, width - broad - 6)}`);
    return [head.join(', '), ...lines].join('\n');
  });
  return ['worst answers', ...blocks].join('\n');
};

const labelTable = (classes: NonNullable<AnswerReport['classes']>): string =>
  table(
    [
      ['label', 'precision', 'recall', 'F1', 'examples'],
      ...classes.map(({ name, precision, recall, f1, count }) => [
        name,
        percent(precision),
        percent(recall),
        percent(f1),
        String(count),
      ]),
    ],
    1,
  );

/** What a score is made of, in blocks of lines. */
export const reportText = (report: TaskReport, width: number): string =>
  'confusion' in report
    ? classificationText(report, width)
    : [...(report.classes ? [labelTable(report.classes)] : []), worstText(report, width)].map(indented).join('\n\n');
