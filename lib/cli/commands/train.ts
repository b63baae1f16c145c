import type { Method } from '../../methods/method.ts';
import { methodOf } from '../../methods/registry.ts';
import type { EstimateEvent, StepEvent, Summary, TrainEvent } from '../../runs/events.ts';
import type { ResolvedConfig } from '../../training/schema.ts';
import { train } from '../../training/train.ts';
import { EXIT_USAGE } from '../terminal/failure.ts';
import { endWithParent, stopSignal } from '../terminal/interrupt.ts';
import { count, duration, megabytes, metricsText, printJson, printLine } from '../terminal/output.ts';
import { type ProgressDisplay, progressDisplay } from '../terminal/progress.ts';

export interface TrainCommandOptions {
  set: string[];
  json?: boolean;
  overwrite?: boolean;
  schema?: boolean;
  findLearningRate?: boolean;
}

const stepDetail = (event: StepEvent, diagnostics: Method['diagnostics']): string =>
  [
    `loss ${event.meanLoss.toFixed(4)}`,
    ...Object.entries(diagnostics).flatMap(([name, { brief }]) =>
      brief ? [`${brief} ${Number(event[name]).toPrecision(3)}`] : [],
    ),
  ].join(', ');

/** Two digits that count, in ms below a second. */
const briefly = (seconds: number): string =>
  seconds < 1 ? `${Number((1000 * seconds).toPrecision(2))} ms` : duration(seconds);

const estimateLine = ({ seconds, forwards, evaluations, memory, ...each }: EstimateEvent): string => {
  const parts = [`${count(forwards)} forwards of ${briefly(each.forwardSeconds)}`];
  if (each.updateSeconds) parts.push(`updates of ${briefly(each.updateSeconds)}`);
  if (evaluations) parts.push(`${count(evaluations)} evaluations of ${briefly(each.evaluationSeconds)}`);
  const held =
    memory &&
    `; memory about ${megabytes(memory.total)}, ${megabytes(memory.weights)} of it weights and ${megabytes(memory.activations)} activations`;
  return `about ${duration(seconds)}: ${parts.join(', ')}${held ?? ''}`;
};

const summaryLines = (
  output: string,
  { steps, forwards, seconds, kept, before, validation, test }: Summary,
): string => {
  const change = before && validation && `validation ${metricsText(validation, before)}`;
  const tested = test && `test ${metricsText(test)} of ${count(test.count)}`;
  return [
    [change, tested].filter(Boolean).join(', '),
    `${count(steps)} steps, ${count(forwards)} forwards, ${duration(seconds)}; weights of step ${kept.step} in ${output}/checkpoints/${kept.name}`,
  ]
    .filter(Boolean)
    .join('\n');
};

const showEvent = (event: TrainEvent, { training, optimizer }: ResolvedConfig, progress: ProgressDisplay): void => {
  if (event.kind === 'step') {
    const { step: done, seconds } = event;
    const detail = stepDetail(event, methodOf(optimizer).diagnostics);
    progress.update({ label: 'training', unit: 'steps', done, total: training.steps, seconds, detail });
    return;
  }
  progress.clear();
  switch (event.kind) {
    case 'start':
      printLine(
        `${event.family}, ${count(event.parameterCount)} parameters, ${count(event.dimension)} of them trained, on ${event.device}; ` +
          `${count(event.train)} training, ${count(event.validation)} validation, ${count(event.test)} test examples`,
      );
      break;
    case 'estimate':
      printLine(estimateLine(event));
      break;
    case 'warning':
      printLine(`warning: ${event.message} (${event.code})`);
      break;
    case 'evaluation':
      printLine(`step ${event.step}: ${event.split} ${metricsText(event)}, loss ${event.loss.toFixed(4)}`);
      break;
    case 'done':
      printLine(summaryLines(event.output, event.summary));
      break;
  }
};

/** `zest train` */
export const trainCommand = async (path: string | undefined, options: TrainCommandOptions): Promise<void> => {
  if (options.schema) {
    const { configJsonSchema } = await import('../../training/schema.ts');
    process.stdout.write(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
    return;
  }
  if (path === undefined) {
    printLine("error: missing required argument 'config'");
    process.exitCode = EXIT_USAGE;
    return;
  }
  if (options.findLearningRate) {
    return (await import('./find-learning-rate.ts')).findLearningRateCommand(path, options);
  }
  endWithParent();
  const { readConfig } = await import('../../training/config.ts');
  const config = await readConfig(path, options.set);
  const progress = await progressDisplay();
  const signal = stopSignal();
  let begun = false;
  try {
    const events = train(config, {
      signal,
      overwrite: options.overwrite,
      onProgress: ({ stage, done, total }) => progress.update({ label: stage, done, total }),
    });
    for await (const event of events) {
      begun = true;
      if (options.json) printJson(event);
      showEvent(event, config, progress);
    }
  } catch (error) {
    progress.clear();
    if (signal.aborted) {
      printLine(begun ? `stopped; what was done is in ${config.output}` : 'stopped before the run began');
    }
    throw error;
  } finally {
    progress.clear();
  }
};
