import type { Batch } from '../batch.ts';
import type { Point } from '../objective.ts';
import { shuffledBatches } from '../text/sampling.ts';
import { type Example, evaluationBatchSize } from '../text/task.ts';
import type { EstimateEvent } from './events.ts';
import type { RunContext } from './start-run.ts';

/** Batches whose forwards are timed, of the training examples. */
const TIMED_BATCHES = 3;

const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
};

const tokens = ({ sequences }: Batch): number => sequences.reduce((sum, { length }) => sum + length, 0);

/**
 * What a run will take, from the time of a few forwards and from shapes. Evaluations only: the weights stay as they are,
 * and so does the run. Updates, checkpoints and the test are not counted; nor is what `patience` may save.
 */
export const estimateRun = async (context: RunContext): Promise<EstimateEvent> => {
  const { config, experiment, examples, model, residentBefore, options } = context;
  const { task, validation } = experiment;
  const { steps, batchSize, evaluateEvery, seed } = config.training;
  const { rho, law, directions } = config.optimizer;
  const { signal } = options;
  const order = shuffledBatches(examples.length, batchSize, seed);
  const batches = Array.from({ length: TIMED_BATCHES }, (_, i) =>
    task.batch(order.batch(i).map((row) => examples[row] as Example)),
  );
  model.directions = { seed, law };
  const sides: Point[] = [
    { stream: 0n, scale: rho },
    { stream: 0n, scale: -rho },
  ];
  // The first call allocates, and reads weights that were never read.
  await model.evaluate(batches[0] as Batch, sides, { signal });
  let pairSeconds = 0;
  for (const batch of batches) pairSeconds += await timed(() => model.evaluate(batch, sides, { signal }));
  pairSeconds /= TIMED_BATCHES;
  const oneSided = config.optimizer.method === 'zest' && config.optimizer.sides === 'one';
  const stepForwards = oneSided ? directions : 2 * directions;

  let evaluationSeconds = 0;
  let mostTokens = Math.max(...batches.map(tokens));
  if (validation.length) {
    const batch = task.batch(validation.slice(0, evaluationBatchSize));
    mostTokens = Math.max(mostTokens, tokens(batch) / 2);
    const seconds = await timed(() => model.logits(batch, { signal }));
    evaluationSeconds = (seconds * validation.length) / batch.sequences.length;
  }
  const evaluations = validation.length ? 1 + Math.ceil(steps / evaluateEvery) : 0;
  const forwardSeconds = pairSeconds / 2;
  const memory = model.device === 'cpu' ? model.memory(mostTokens) : undefined;
  return {
    kind: 'estimate',
    seconds: steps * stepForwards * forwardSeconds + evaluations * evaluationSeconds,
    forwardSeconds,
    evaluationSeconds,
    forwards: steps * stepForwards,
    evaluations,
    memory: memory && {
      ...memory,
      process: residentBefore,
      total: residentBefore + memory.weights + memory.activations,
    },
  };
};
