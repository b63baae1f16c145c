import { stat } from 'node:fs/promises';
import { Option } from 'commander';
import { rangeError } from '../../errors.ts';
import { assertWritable, makeFolder, writeAtomic, writing } from '../../files/files.ts';
import type { Estimate } from '../../numbers/statistics.ts';
import { DEFAULTS } from '../../sharpness/defaults.ts';
import type { MeasureSharpnessOptions } from '../../sharpness/measure.ts';
import type { MeasuredWeights, SharpnessChange, SharpnessReport } from '../../sharpness/report.ts';
import { formatCount, percent } from '../../text/show.ts';
import { type CommandDefinition, type ConfigOptions, configOptions, counting, numbers } from '../command.ts';
import { stopSignal } from '../terminal/interrupt.ts';
import { printJson, printLine, table } from '../terminal/output.ts';
import { progressDisplay } from '../terminal/progress.ts';

type SharpnessCommandOptions = ConfigOptions &
  Omit<MeasureSharpnessOptions, 'overrides' | 'split' | 'signal'> & { split: string; output?: string };

const SPLITS = ['train', 'validation', 'test'] as const;
const DIGITS = 4;

const isSmall = (value: number): boolean => value !== 0 && Math.abs(value) < 1e-3;

/**
 * 2.1e+3 as 2100: digits that are not significant are no more to read than an exponent, which all numbers below a
 * thousandth have.
 */
const number = (value: number, digits = DIGITS, hasExponent = isSmall(value)): string => {
  if (hasExponent) return value.toExponential(digits - 1);
  const text = value.toPrecision(digits);
  return Math.abs(value) < 1e9 && text.includes('e+') ? String(Number(text)) : text;
};

/** A value and its error, written as the value is. */
const withError = (estimate: Estimate | null): string => {
  if (estimate === null) return 'not finite';
  const { value } = estimate;
  return `${number(value)} ± ${number(estimate.high - value, 2, isSmall(value))}`;
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

export const command: CommandDefinition = {
  argument: 'YAML or JSON file, or the folder of a run',
  options: [
    ...configOptions,
    new Option('--split <name>', 'train, validation or test').default(DEFAULTS.split),
    counting('--examples <n>', 'examples of the split, all if it has fewer', DEFAULTS.examples),
    new Option('--radii <list>', 'perturbation per coordinate, ascending, commas between')
      .argParser(numbers)
      .default(DEFAULTS.radii, DEFAULTS.radii.join(',')),
    counting('--samples <n>', 'directions of each mean, each both ways', DEFAULTS.samples),
    counting('--seed <n>', 'of the directions', DEFAULTS.seed),
    counting('--slice <n>', 'points along each axis of the picture, odd; 0: none', DEFAULTS.sliceSize),
    counting('--eigenvalues <n>', 'largest eigenvalues of the Hessian, for few trainable parameters', 0),
    new Option('--no-before', 'of a run, measure only the weights that it kept'),
    new Option('--output <folder>', 'for sharpness.json and sharpness.html; default: the folder of the run'),
  ],
  async action(path: string, options: SharpnessCommandOptions) {
    const { set, json, split: name, output, ...measure } = options;
    const split = SPLITS.find((one) => one === name);
    if (!split) throw rangeError('ERR_ZEST_OPTION', `--split is ${name}; expected ${SPLITS.join(', ')}`);
    const { measureSharpness } = await import('../../sharpness/measure.ts');
    const isRun = (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
    const folder = output ?? (isRun ? path : undefined);
    // Before minutes of work that could not be written.
    if (folder !== undefined) await assertWritable(folder);
    const signal = stopSignal();
    const progress = progressDisplay();
    const report = await measureSharpness(path, {
      ...measure,
      split,
      overrides: set,
      signal,
      onStart: ({ weights, examples, dimension, forwards }) =>
        printLine(
          `${weights.join(' and ')}: ${formatCount(forwards)} forwards of ${formatCount(examples)} examples of ${split}, ` +
            `${formatCount(dimension)} parameters perturbed`,
        ),
      onProgress: ({ stage, done, total }) =>
        progress({ label: stage, done, total, ...(stage !== 'load' && { unit: 'forwards' }) }),
    });
    if (json) printJson(report);
    showReport(report);
    if (folder === undefined) return;
    await writing(folder, makeFolder(folder));
    const { runFolder } = await import('../../runs/folder.ts');
    const files = runFolder(folder);
    const { sharpnessPage } = await import('../../report/sharpness-page.ts');
    await writeAtomic(files.sharpness, `${JSON.stringify(report)}\n`);
    await writeAtomic(files.sharpnessPage, await sharpnessPage(report));
    printLine(`written to ${folder}: sharpness.json and sharpness.html`);
  },
};
