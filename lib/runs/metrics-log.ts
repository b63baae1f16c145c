import { appendFile } from 'node:fs/promises';
import { writing } from '../files.ts';
import type { EvaluationEvent, StepEvent } from './events.ts';
import type { RunFolder } from './folder.ts';
import type { EventFileWriter } from './tensorboard.ts';

/** TensorBoard's tags: training/meanLoss, validation/accuracy and so on. */
const scalars = (event: StepEvent | EvaluationEvent): Record<string, number> => {
  const group = event.kind === 'step' ? 'training' : event.split;
  const { kind, step, ...rest } = event;
  return Object.fromEntries(
    Object.entries(rest).flatMap(([name, value]) => (typeof value === 'number' ? [[`${group}/${name}`, value]] : [])),
  );
};

/** Adds a line to metrics.jsonl. */
export const appendMetrics = (run: RunFolder, entry: object): Promise<void> =>
  writing(run.metrics, appendFile(run.metrics, `${JSON.stringify(entry)}\n`));

/** Adds a step or an evaluation to metrics.jsonl, and to the event file where there is one. */
export const record = async (
  { run, events }: { run: RunFolder; events?: EventFileWriter },
  event: StepEvent | EvaluationEvent,
): Promise<void> => {
  await appendMetrics(run, event);
  await events?.add(event.step, scalars(event));
};
