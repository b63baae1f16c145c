import { shuffledBatches } from '../data/sampling.ts';
import { forwardsOfFirst, methodOf } from '../methods/registry.ts';
import { firstRound } from '../methods/run-step.ts';
import { chooseThreads } from '../model/load-options.ts';
import type { Law } from '../objective.ts';
import { noise } from '../objectives/noise.ts';
import type { EstimateEvent } from '../runs/events.ts';
import { type Example, evaluationBatchSize, type Task } from '../tasks/task.ts';
import type { PreparedRun } from './prepare-run.ts';

/** Batches whose forwards are timed, of the training examples, and the points of each: those that a step asks for first. */
const TIMED_BATCHES = 3;
const TIMED_POINTS = 2;

const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
};

/** Values of noise that are timed; enough for a millisecond. */
const TIMED_VALUES = 2 ** 20;

/**
 * Time of one direction's part of an update, on the CPU: nearly all of it is noise, a value for each parameter. It is the
 * noise that is timed, for an update would move the weights. A low-rank direction, which is a sum of a few products a
 * weight, is taken to cost what Rademacher's signs do.
 */
const directionSeconds = async (law: Law, dimension: number, threads: number): Promise<number> => {
  const into = new Float32Array(Math.min(dimension, TIMED_VALUES));
  const fill = async () =>
    noise({
      seed: 0,
      stream: 0n,
      offset: 0,
      into,
      law: law === 'gaussian' || law === 'sphere' ? 'gaussian' : 'rademacher',
    });
  await fill();
  return ((await timed(fill)) * dimension) / into.length / threads;
};

const tokensOf = (task: Task, examples: readonly Example[]): number =>
  examples.reduce((sum, example) => sum + task.preview(example).ids.length, 0);

/**
 * What a run will take, from the time of a few forwards, that of noise, and from shapes. Evaluations only: the weights
 * stay as they are, and so does the run. Checkpoints and the test are not counted, nor updates on a GPU; nor is what
 * `patience` may save.
 */
export const estimateRun = async (prepared: PreparedRun): Promise<EstimateEvent> => {
  const { config, inputs, examples, model, objective, residentBefore, options } = prepared;
  const { task, validation } = inputs;
  const { steps, batchSize, evaluateEvery, seed } = config.training;
  const { optimizer } = config;
  const method = methodOf(optimizer);
  const { law = 'gaussian' } = optimizer;
  const { signal } = options;
  const order = shuffledBatches(examples.length, batchSize, seed);
  // Answers that are rewarded take so long that one batch tells enough.
  const isRewarded = config.objective?.reward !== undefined;
  const batches = Array.from({ length: isRewarded ? 1 : TIMED_BATCHES }, (_, i) =>
    order.batch(i).map((row) => examples[row]!),
  );
  const points = firstRound(method, optimizer).slice(0, TIMED_POINTS);
  const call = { directions: { seed, law }, signal };
  // The first call allocates, and reads weights that were never read.
  if (!isRewarded) await objective.evaluate(batches[0]!, points, call);
  let pointSeconds = 0;
  for (const batch of batches) pointSeconds += await timed(() => objective.evaluate(batch, points, call));
  const forwardSeconds = pointSeconds / batches.length / points.length;
  const forwards = forwardsOfFirst(optimizer, steps, examples.length / order.size);

  let evaluationSeconds = 0;
  let mostTokens = Math.max(...batches.map((batch) => tokensOf(task, batch)));
  if (validation.length) {
    const some = validation.slice(0, evaluationBatchSize);
    mostTokens = Math.max(mostTokens, tokensOf(task, some) / 2);
    const seconds = isRewarded ? undefined : await timed(() => task.score(model, some, { signal }));
    const ofExample = seconds === undefined ? forwardSeconds / batches[0]!.length : seconds / some.length;
    evaluationSeconds = ofExample * validation.length;
  }
  const evaluations = validation.length ? 1 + Math.ceil(steps / evaluateEvery) : 0;
  const updateSeconds =
    model.device === 'cpu'
      ? method.streams(optimizer) * (await directionSeconds(law, model.dimension, chooseThreads(undefined)))
      : 0;
  const memory = model.device === 'cpu' ? model.memory(mostTokens) : undefined;
  return {
    kind: 'estimate',
    seconds: forwards * forwardSeconds + steps * updateSeconds + evaluations * evaluationSeconds,
    forwardSeconds,
    updateSeconds,
    evaluationSeconds,
    forwards: Math.ceil(forwards),
    evaluations,
    memory: memory && {
      ...memory,
      process: residentBefore,
      total: residentBefore + memory.weights + memory.activations,
    },
  };
};
