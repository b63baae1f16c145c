// A user's program in TypeScript: what docs/embed.md shows, with types where it has none.
import {
  type Batch,
  type Config,
  hessianTrace,
  loadTask,
  Model,
  mezo,
  type Objective,
  type Optimizer,
  openRun,
  type Prediction,
  predict,
  readRows,
  report,
  type StepResult,
  shuffledBatches,
  sweep,
  type Task,
  Tokenizer,
  type TrainEvent,
  train,
  vectorObjective,
  ZestError,
  type ZestOptions,
  zest,
} from 'node-zest';
import { type OnnxOptions, onnxObjective } from 'node-zest/onnx';

const folder = 'film-roberta-mini';
const options: ZestOptions = { learningRate: 1e-3, rho: 1e-2, tilt: { tau: 1 }, schedule: 'linear', totalSteps: 20 };

export const trainModel = async (): Promise<StepResult[]> => {
  const model: Model = await Model.load(folder, { trainable: { lora: { rank: 8, alpha: 16 } } });
  const task: Task = await loadTask('sst2', await Tokenizer.load(folder), { maxLength: 64 });
  const examples = task.examples(await readRows('train.jsonl'));
  const batches = shuffledBatches(examples.length, 16, 1);
  const optimizer: Optimizer = zest(options);
  const results: StepResult[] = [];
  for (let step = 0; step < 20; step++) {
    const batch: Batch = task.batch(batches.batch(step).map((row) => examples[row]!));
    results.push(await optimizer.step(model, batch, { signal: AbortSignal.timeout(60_000), microBatch: 4 }));
  }
  optimizer.restore(optimizer.state());
  console.log(await task.score(model, examples), await task.classify(model, ['wonderful']), model.memory);
  await model.save('tuned');
  model.dispose();
  return results;
};

export const trainFunction = async (): Promise<Float64Array> => {
  const objective = vectorObjective((x) => (x[0]! - 1) ** 2 + 4 * (x[1]! + 2) ** 2, [0, 0]);
  const optimizer = mezo({ learningRate: 0.02, rho: 0.01, seed: 1n });
  await optimizer.step(objective);
  await optimizer.step(objective, undefined, { signal: AbortSignal.timeout(60_000) });
  return objective.x;
};

export const trainAnything = async <B>(objective: Objective<B>, batch: B): Promise<number> => {
  const { meanLoss, losses } = await zest({ learningRate: 1 }).step(objective, batch);
  const trace = await hessianTrace(objective, batch, {});
  return meanLoss + losses[0]! + trace.value;
};

export const refuse = async (model: Model): Promise<void> => {
  // @ts-expect-error a model needs a batch
  await zest(options).step(model);
  // @ts-expect-error there is no such option
  zest({ learningRate: 1, lerningRate: 1 });
};

export const useFiles = async (config: Config): Promise<Prediction[]> => {
  const show = (event: TrainEvent): void => console.log(event.kind);
  for await (const event of train(config)) show(event);
  for await (const event of sweep(config, { grid: { 'training.seed': [1, 2] }, forwards: 100 }))
    console.log(event.kind);
  const run = await openRun('runs/words', { overrides: ['device=cpu'] });
  const predictions: Prediction[] = [];
  for await (const prediction of predict(run, 'new.jsonl')) predictions.push(prediction);
  console.log((await report(['runs/words'])).html.length);
  return predictions;
};

export const withOwn = (config: Config): Config => ({ ...config, optimizer: { method: './own.mjs', learningRate: 1 } });

export const withOnnx = (options: OnnxOptions<number[]>) => onnxObjective('model.onnx', options);

export const codeOf = (error: unknown): string | undefined => (error instanceof ZestError ? error.code : undefined);
