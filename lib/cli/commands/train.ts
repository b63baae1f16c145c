import { Option } from 'commander';
import { isInterruption } from '../../abort.ts';
import { typeError } from '../../errors.ts';
import type { Method } from '../../methods/method.ts';
import type { ResumeEvent, StepEvent, Summary, TrainEvent, Warning } from '../../runs/events.ts';
import { formatCount } from '../../text/show.ts';
import { type CommandDefinition, type ConfigOptions, configOptions } from '../command.ts';
import { dryRunText } from '../terminal/dry-run.ts';
import { endWithParent, stopSignal } from '../terminal/interrupt.ts';
import { foundText } from '../terminal/learning-rate.ts';
import {
  duration,
  estimateText,
  metricsText,
  printJson,
  printLine,
  printOut,
  warningLine,
} from '../terminal/output.ts';
import { progressDisplay, type ShowProgress } from '../terminal/progress.ts';

interface TrainCommandOptions extends ConfigOptions {
  overwrite?: boolean;
  resume?: boolean;
  schema?: boolean;
  findLearningRate?: boolean;
  dryRun?: boolean;
}

/** What a step measured on the way, of what is short enough for a line. */
const measured = (event: StepEvent, diagnostics: Method['diagnostics']): string[] =>
  Object.entries(diagnostics).flatMap(([name, { brief }]) => {
    const value = Number(event[name]);
    return brief && Number.isFinite(value) ? [`${brief} ${value.toPrecision(3)}`] : [];
  });

const stepDetail = (event: StepEvent, diagnostics: Method['diagnostics']): string =>
  [`loss ${event.meanLoss.toFixed(4)}`, ...measured(event, diagnostics)].join(', ');

const resumeText = ({ step, checkpoint, tornBytes }: ResumeEvent): string => {
  const weights = checkpoint === 0 ? 'the model as it came' : `the checkpoint of step ${formatCount(checkpoint)}`;
  const torn = tornBytes > 0 ? `; ${formatCount(tornBytes)} bytes of a torn record were cut off its end` : '';
  return `goes on after step ${formatCount(step)}, from ${weights} and the log${torn}`;
};

const summaryLines = (
  output: string,
  { steps, forwards, seconds, kept, before, validation, test }: Summary,
): string => {
  const change = before && validation && `validation ${metricsText(validation, before)}`;
  const tested = test && `test ${metricsText(test)} of ${formatCount(test.count)}`;
  return [
    [change, tested].filter(Boolean).join(', '),
    `${formatCount(steps)} steps, ${formatCount(Math.round(forwards))} forwards, ${duration(seconds)}; weights of step ${kept.step} in ${output}/checkpoints/${kept.name}`,
  ]
    .filter(Boolean)
    .join('\n');
};

/** What a run's events are shown with. */
interface Shown {
  total: number;
  diagnostics: Method['diagnostics'];
  progress: ShowProgress;
  /** The step before the event. */
  step?: StepEvent;
}

const showEvent = (event: TrainEvent, shown: Shown): void => {
  const { total, diagnostics, progress } = shown;
  switch (event.kind) {
    case 'step': {
      shown.step = event;
      const { step: done, seconds } = event;
      const detail = stepDetail(event, diagnostics);
      progress({ label: 'training', unit: 'steps', done, total, seconds, detail });
      break;
    }
    case 'start':
      printLine(
        `${event.family}, ${formatCount(event.parameterCount)} parameters, ${formatCount(event.dimension)} of them trained, on ${event.device}${event.device === 'cpu' ? '' : ` (${event.deviceReason})`}; ` +
          `${formatCount(event.train)} training, ${formatCount(event.validation)} validation, ${formatCount(event.test)} test examples`,
      );
      break;
    case 'estimate':
      printLine(estimateText(event));
      break;
    case 'resume':
      printLine(resumeText(event));
      break;
    case 'evaluation':
      printLine(
        [
          `step ${event.step}: ${event.split} ${metricsText(event)}, loss ${event.loss.toFixed(4)}`,
          ...(event.split === 'validation' && shown.step ? measured(shown.step, diagnostics) : []),
        ].join(', '),
      );
      break;
    case 'done':
      printLine(summaryLines(event.output, event.summary));
      break;
  }
};

export const command: CommandDefinition = {
  argument: 'YAML or JSON file; with --resume also the folder of a run',
  options: [
    ...configOptions,
    new Option('--overwrite', 'replace a run that the output folder holds'),
    new Option(
      '--resume',
      'go on with the run that the output folder holds, which may be named in place of the file',
    ).conflicts('overwrite'),
    new Option('--find-learning-rate', 'print a learning rate and how it was found; train nothing'),
    new Option(
      '--dry-run',
      'show the estimate, the data and the first prompts as the model sees them; train nothing',
    ).conflicts('findLearningRate'),
    new Option('--schema', 'print the JSON Schema of configurations'),
  ],
  async action(path: string | undefined, options: TrainCommandOptions) {
    if (options.schema) {
      const { configJsonSchema } = await import('../../training/schema.ts');
      printOut(JSON.stringify(configJsonSchema(), null, 2));
      return;
    }
    if (path === undefined) throw typeError('ERR_ZEST_ARGUMENT', "missing required argument 'config'");
    if (options.findLearningRate) {
      const { findLearningRate } = await import('../../training/find-learning-rate.ts');
      const found = await findLearningRate(path, { overrides: options.set, signal: stopSignal() });
      if (options.json) printJson({ kind: 'learningRate', ...found });
      printLine(foundText(found));
      return;
    }
    if (options.dryRun) {
      const { dryRun } = await import('../../training/dry-run.ts');
      const progress = progressDisplay();
      const { readConfig } = await import('../../training/config.ts');
      const run = await dryRun(await readConfig(path, options.set), {
        overwrite: options.overwrite,
        signal: stopSignal(),
        onProgress: ({ stage, done, total }) => progress({ label: stage, done, total }),
      });
      if (options.json) printJson(run);
      printLine(dryRunText(run, `zest train ${path}`));
      return;
    }
    endWithParent();
    const { train } = await import('../../training/train.ts');
    const { configToTrain } = await import('../../training/resume-run.ts');
    const config = await configToTrain(path, { overrides: options.set, resume: options.resume }, '--set');
    const progress = progressDisplay();
    const signal = stopSignal();
    const { methodOf } = await import('../../methods/registry.ts');
    const { diagnostics } = methodOf(config.optimizer);
    const shown: Shown = { total: config.training.steps, diagnostics, progress };
    let begun = false;
    let stepped = false;
    // Those of the end are the last lines.
    let warnings: Warning[] = [];
    const showWarnings = () => {
      for (const warning of warnings) printLine(warningLine(warning));
      warnings = [];
    };
    try {
      const events = train(config, {
        signal,
        overwrite: options.overwrite,
        resume: options.resume,
        onProgress: ({ stage, done, total }) => progress({ label: stage, done, total }),
      });
      for await (const event of events) {
        begun = true;
        if (options.json) printJson(event);
        if (event.kind === 'warning') warnings.push(event);
        if (event.kind === 'step') {
          stepped = true;
          showWarnings();
        }
        showEvent(event, shown);
      }
      showWarnings();
    } catch (error) {
      if (isInterruption(error, signal)) {
        showWarnings();
        printLine(
          begun && (stepped || !options.overwrite)
            ? `stopped; what was done is in ${config.output}, and zest train ${config.output} --resume goes on`
            : `stopped before the run began${options.overwrite ? '; a run that it was to replace is kept' : ''}`,
        );
      }
      throw error;
    }
  },
};
