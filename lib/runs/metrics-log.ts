import type { EvaluationEvent, StepEvent } from './events.ts';
import { appendMetrics } from './folder.ts';
import type { RunContext } from '../training/start-run.ts';

/** TensorBoard's tags: training/meanLoss, validation/accuracy and so on. */
const scalars = (event: StepEvent | EvaluationEvent): Record<string, number> => {
  const group = event.kind === 'step' ? 'training' : event.split;
  const { kind, step, ...rest } = event;
  return Object.fromEntries(
    Object.entries(rest).flatMap(([name, value]) => (typeof value === 'number' ? [[`${group}/${name}`, value]] : [])),
  );
};

/** Adds a step or an evaluation to metrics.jsonl, and to the event file where there is one. */
export const record = async ({ run, events }: RunContext, event: StepEvent | EvaluationEvent): Promise<void> => {
  await appendMetrics(run, event);
  await events?.add(event.step, scalars(event));
};
