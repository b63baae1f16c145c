import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { rangeError } from '../../errors.ts';
import { assertWritable, writeAtomic, writing } from '../../files.ts';
import type { MeasuredWeights, SharpnessChange, SharpnessReport } from '../../sharpness/findings.ts';
import { type MeasureSharpnessOptions, measureSharpness } from '../../sharpness/measure.ts';
import type { Estimate } from '../../statistics.ts';
import { stopSignal } from '../terminal/interrupt.ts';
import { count, percent, printJson, printLine, table } from '../terminal/output.ts';
import { progressDisplay } from '../terminal/progress.ts';

export interface SharpnessCommandOptions extends Pick<MeasureSharpnessOptions, 'examples' | 'radii' | 'samples'> {
  set: string[];
  json?: boolean;
  split: string;
  seed: number;
  slice: number;
  eigenvalues: number;
  before: boolean;
  output?: string;
}

const SPLITS = ['train', 'validation', 'test'] as const;
const DIGITS = 4;

/** 2.1e+3 as 2100: digits that are not significant are no more to read than an exponent. */
const number = (value: number, digits = DIGITS): string => {
  const text = value.toPrecision(digits);
  return Math.abs(value) < 1e9 && text.includes('e+') ? String(Number(text)) : text;
};

const withError = (estimate: Estimate | null): string => {
  if (estimate === null) return 'not finite';
  return `${number(estimate.value)} ± ${number(estimate.high - estimate.value, 2)}`;
};

const lines = ({ loss, radii, trace, eigenvalues }: MeasuredWeights): string => {
  const rows = radii.map(({ radius, length, mean, increase, deviation, maximum, notFinite, losses }) => [
    Number(radius.toPrecision(DIGITS)).toString(),
    number(length),
    ...(notFinite > 0
      ? [`${notFinite} of ${losses.length} losses are not finite`, '', '', '']
      : [withError(mean), withError(increase), withError(deviation), number(maximum!.value)]),
  ]);
  const largest = radii.find(({ maximum }) => maximum)?.maximum;
  const titles = ['radius', 'length', 'mean loss', 'increase', 'standard deviation', 'maximum'];
  const top = eigenvalues?.eigenvalues.map(
    ({ value, residual }) => `${number(value)} (residual ${number(residual, 2)})`,
  );
  return [
    `loss ${number(loss)}`,
    table([titles, ...rows], 0),
    ...(largest
      ? [
          `maximum: with 95 % confidence, at least ${percent(largest.coverage)} of all perturbations have no larger loss`,
        ]
      : []),
    `trace of the Hessian ${withError(trace)}`,
    ...(top ? [`largest eigenvalues ${top.join(', ')}${eigenvalues?.converged ? '' : '; not converged'}`] : []),
  ].join('\n');
};

const changeLines = ({ loss, increases, trace }: SharpnessChange): string =>
  [
    `after − before, along the same directions: loss ${number(loss)}, trace ${withError(trace)}`,
    table(
      [
        ['radius', 'change of the increase'],
        ...increases.map(({ radius, change }) => [Number(radius.toPrecision(DIGITS)).toString(), withError(change)]),
      ],
      0,
    ),
  ].join('\n');

const showReport = ({ measured, change }: SharpnessReport): void => {
  for (const weights of measured) printLine(`\n${weights.weights} (step ${weights.step}): ${lines(weights)}`);
  if (change) printLine(`\n${changeLines(change)}`);
  printLine('± is half of a 95 % interval, for the choice of directions and not for that of examples');
};

/** `zest sharpness` */
export const sharpnessCommand = async (path: string, options: SharpnessCommandOptions): Promise<void> => {
  const { set, json, split: name, output, ...measure } = options;
  const split = SPLITS.find((one) => one === name);
  if (!split) throw rangeError('ERR_ZEST_OPTION', `--split is ${name}; expected ${SPLITS.join(', ')}`);
  const isRun = (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
  const folder = output ?? (isRun ? path : undefined);
  // Before minutes of work that could not be written.
  if (folder !== undefined) await assertWritable(folder);
  const signal = stopSignal();
  const progress = await progressDisplay();
  try {
    const report = await measureSharpness(path, {
      ...measure,
      split,
      overrides: set,
      signal,
      onStart: ({ weights, examples, dimension, forwards }) =>
        printLine(
          `${weights.join(' and ')}: ${count(forwards)} forwards of ${count(examples)} examples of ${split}, ` +
            `${count(dimension)} parameters perturbed`,
        ),
      onProgress: ({ stage, done, total }) =>
        progress.update({ label: stage, done, total, ...(stage !== 'load' && { unit: 'forwards' }) }),
    });
    progress.clear();
    if (json) printJson(report);
    showReport(report);
    if (folder === undefined) return;
    await writing(folder, mkdir(folder, { recursive: true }));
    const { sharpnessPage } = await import('../../report/sharpness-page.ts');
    await writeAtomic(join(folder, 'sharpness.json'), `${JSON.stringify(report)}\n`);
    await writeAtomic(join(folder, 'sharpness.html'), await sharpnessPage(report));
    printLine(`written to ${folder}: sharpness.json and sharpness.html`);
  } finally {
    progress.clear();
  }
};
