import { rangeError, typeError, ZestError } from '../errors.ts';
import type { EvaluationOptions, Point } from '../objective.ts';
import { type BlackBox, boxOfPoints, type Values } from '../objectives/black-box.ts';
import type { TensorSpec } from '../objectives/tensors.ts';
import { assertPath } from '../options/calls.ts';
import { checkOptions } from '../options/check.ts';
import { isList } from '../options/reading.ts';
import { show } from '../text/show.ts';
import { tensorsOf } from './feeds.ts';
import { roundValues } from './half.ts';
import { modelFields, readOnnx } from './model-file.ts';
import { valueInfo } from './nodes.ts';
import { type OnnxOptions, onnxSchema } from './options.ts';
import { assertAnyBatch, assertApart, outputsTogether } from './points.ts';
import { prepared } from './prepare.ts';
import { roundedTypes } from './rounding.ts';
import { type OnnxSession, type OnnxTensor, onnxruntime, openSession, runSession } from './runtime.ts';
import { saveOnnx } from './save.ts';
import { type FloatType, readValues, type Weight } from './tensor.ts';
import { feedName, withWeightInputs } from './weight-inputs.ts';
import { bytesOf } from './wire.ts';

/** An ONNX model as an objective. */
export interface OnnxObjective<B> extends Omit<BlackBox<B>, 'save' | 'load'> {
  /** The names of the model's inputs that `inputs` gives. */
  readonly inputNames: readonly string[];
  /** The names of the model's outputs that `loss` gets. */
  readonly outputNames: readonly string[];
  /**
   * Writes the model with its trained weights as an ONNX file, which onnxruntime loads, in browsers too. Weights keep the
   * types of the file; factors of LoRA stay nodes of the graph, and are constants there. A model whose weights are in
   * files of their own has them in FILE.data. The file that it was made from is read again.
   *
   * @throws ERR_ZEST_FILE for a file that cannot be written, and if the model's own has changed
   */
  save(file: string): Promise<void>;
  /**
   * Writes what is trained, in float32, as a safetensors file.
   *
   * @throws ERR_ZEST_FILE
   */
  saveWeights(file: string): Promise<void>;
  /**
   * Reads what is trained from a file of {@link saveWeights}; counts as an update.
   *
   * @throws ERR_ZEST_FILE, ERR_ZEST_SAFETENSORS, ERR_ZEST_TENSOR_MISSING, ERR_ZEST_TENSOR_SHAPE, ERR_ZEST_TENSOR_DTYPE or
   * ERR_ZEST_TENSOR_VALUE
   */
  loadWeights(file: string): Promise<void>;
  /** Computes the model's outputs for a batch at a point (default: the trained weights themselves). */
  outputs(
    batch: B,
    options?: Omit<EvaluationOptions, 'microBatch'> & { at?: Point },
  ): Promise<Readonly<Record<string, OnnxTensor>>>;
  /** Frees the session; calls that come later reject with ERR_ZEST_DISPOSED. */
  dispose(): void;
  [Symbol.dispose](): void;
}

type Losses = number | ArrayLike<number>;
type Tensors = Readonly<Record<string, OnnxTensor>>;

/** What the black box computes: the feeds of a batch, and what is made of the model's outputs. */
interface Work {
  /** Makes the model's inputs, once. */
  feeds(): Promise<Tensors>;
  use(outputs: Tensors): Losses | PromiseLike<Losses>;
}

const assertLosses = (given: unknown): void => {
  if (typeof given === 'number' || isList(given)) return;
  const message = `loss gave ${show(given)}; expected a number, or an array with the loss of each example`;
  throw typeError('ERR_ZEST_ARGUMENT', message);
};

/** Where a trained tensor is fed. */
interface Place {
  /** Name of the session's input. */
  feed: string;
  shape: readonly number[];
  /** Type that its values are rounded to. */
  type: FloatType;
}

/** What is kept of a model once its session is open: not its bytes. */
const openModel = async (
  file: string,
  { trainable, pointsAtOnce = 1, session: options, runtime = onnxruntime() }: OnnxOptions<never>,
) => {
  const model = await readOnnx(file);
  const { graph, weights, factors } = prepared(model, trainable, pointsAtOnce > 1);
  if (pointsAtOnce > 1 && weights.length > 0) {
    const message = `pointsAtOnce is ${pointsAtOnce}; expected 1, for other weights than LoRA's are trained`;
    throw rangeError('ERR_ZEST_OPTION', message);
  }
  const parameters: Record<string, TensorSpec> = { ...factors };
  for (const weight of weights) {
    const { name, shape } = weight;
    parameters[name] = { shape, data: await readValues(weight, file), decays: shape.length > 1 };
  }
  const inputs = model.graph.inputs.map(valueInfo).filter(({ name }) => !model.graph.initializers.has(name));
  if (pointsAtOnce > 1) assertAnyBatch(inputs);
  const whole = withWeightInputs(graph, weights);
  const types = roundedTypes(graph, weights);
  const placeOf = (weight: Weight): Place => ({
    feed: feedName(weight),
    shape: weight.shape,
    type: types.get(weight.initializer)!,
  });
  return {
    runtime,
    parameters,
    digest: model.digest,
    inputs,
    outputNames: model.graph.outputs.map((output) => valueInfo(output).name),
    places: new Map<string, Place>([
      ...weights.map((weight) => [weight.name, placeOf(weight)] as const),
      ...Object.entries(factors).map(([name, { shape }]) => [name, { feed: name, shape, type: 'float32' }] as const),
    ]),
    // Last, so that none stays open for what is wrong with the rest.
    session: await openSession(runtime, bytesOf(modelFields(model, whole)), file, options),
  };
};

/**
 * Makes an objective of an ONNX model, which onnxruntime runs: any architecture, quantised ones under LoRA. What is trained
 * becomes inputs of the graph, fed with perturbed values for each point; the file stays as it is. Noise, perturbed values
 * and updates are those of `blackBox`, in float32: a log replays on the same file.
 *
 * `inputs` makes the model's inputs of a batch, nested lists of numbers or onnxruntime's tensors; `loss` makes a number
 * of the outputs, or the loss of each example. Points are evaluated in order, one run of the session each.
 *
 * @example
 * import { mezo } from 'node-zest';
 * import { onnxObjective } from 'node-zest/onnx';
 * const model = await onnxObjective('bert.onnx', {
 *   trainable: { lora: { rank: 4, targets: ['query', 'value'] } },
 *   inputs: ({ ids }) => ({ input_ids: ids, attention_mask: ids.map((row) => row.map(() => 1)) }),
 *   loss: ({ logits }, { labels }) => labels.map((label, i) => -logits.data[3 * i + label]),
 * });
 * const batch = { ids: [[1, 5, 9], [1, 7, 3]], labels: [0, 2] };
 * const optimizer = mezo({ learningRate: 1e-2 });
 * for (let step = 0; step < 5; step++) await optimizer.step(model, batch);
 * await model.save('tuned.onnx');
 * console.log(model.version); // 5n
 *
 * @throws ERR_ZEST_ONNXRUNTIME if onnxruntime-node is not installed or does not take the model, ERR_ZEST_FILE or
 * ERR_ZEST_ONNX for the file, ERR_ZEST_TRAINABLE, ERR_ZEST_TENSOR_DTYPE or ERR_ZEST_TENSOR_VALUE for what is trained,
 * ERR_ZEST_UNSUPPORTED for `pointsAtOnce` and a batch of a fixed size, ERR_ZEST_OPTION or ERR_ZEST_ARGUMENT; its calls
 * reject with ERR_ZEST_BATCH for what `inputs` gave, ERR_ZEST_UNSUPPORTED for a model that `pointsAtOnce` does not suit,
 * ERR_ZEST_LOSS_NOT_FINITE naming the stream, ERR_ZEST_VERSION, ERR_ZEST_DISPOSED, or what `inputs` and `loss` throw
 */
export const onnxObjective = async <B>(file: string, options: OnnxOptions<B>): Promise<OnnxObjective<B>> => {
  assertPath(file, 'file');
  checkOptions(onnxSchema, options);
  const opened = await openModel(file, options);
  try {
    return objectiveOf(file, opened, options);
  } catch (error) {
    await release(opened.session);
    throw error;
  }
};

/** Frees a session. A runtime that fails at it is nothing that anybody who waits could mend. */
const release = async (session: OnnxSession): Promise<void> => {
  try {
    await session.release();
  } catch {}
};

/** The objective of a model whose session is open. */
const objectiveOf = <B>(
  file: string,
  { runtime, session, parameters, digest, inputs, outputNames, places }: Awaited<ReturnType<typeof openModel>>,
  { trainable, inputs: inputsOf, loss: lossOf, directions, pointsAtOnce = 1 }: OnnxOptions<B>,
): OnnxObjective<B> => {
  let disposed = false;
  /** Runs of the session that are under way: calls that are aborted do not end theirs. */
  const running = new Set<Promise<unknown>>();

  const assertOpen = (): void => {
    if (disposed) throw new ZestError('ERR_ZEST_DISPOSED', `the objective of ${file} was disposed`);
  };

  const run = (feeds: Tensors): Promise<Tensors> => {
    assertOpen();
    const outputs = runSession(runtime, session, feeds, file).finally(() => running.delete(outputs));
    running.add(outputs);
    return outputs;
  };

  const outputsAt = (feeds: Tensors, values: Values): Promise<Tensors> => {
    const all = { ...feeds };
    for (const [name, { feed, shape, type }] of places) {
      if (type !== 'float32') roundValues(values[name]!, type);
      all[feed] = new runtime.Tensor('float32' as never, values[name] as never, shape);
    }
    return run(all);
  };

  const shapes = new Map([...places].map(([name, { shape }]) => [name, shape]));
  let isApart = false;
  /** The outputs at each of some points. */
  const outputsOf = async (feeds: Tensors, points: readonly Values[]): Promise<Tensors[]> => {
    if (pointsAtOnce === 1) return [await outputsAt(feeds, points[0]!)];
    const together = (some: readonly Values[]) => outputsTogether(runtime, run, shapes, feeds, some);
    if (!isApart) await assertApart(together, shapes);
    isApart = true;
    return together(points);
  };

  const box = boxOfPoints<Work, string>({
    parameters,
    directions,
    pointsAtOnce,
    evaluateAll: async (points, { feeds, use }) => {
      const losses: Losses[] = [];
      for (const outputs of await outputsOf(await feeds(), points)) losses.push(await use(outputs));
      return losses;
    },
  });

  // A batch's inputs are made in the call's turn, so that calls take effect in call order.
  const feedsOf = (batch: B): Work['feeds'] => {
    assertOpen();
    let made: ReturnType<Work['feeds']> | undefined;
    const make = async () => tensorsOf(runtime, inputs, await inputsOf(batch));
    return () => (made ??= make());
  };

  const work = (batch: B, signal?: AbortSignal): Work => ({
    feeds: feedsOf(batch),
    use: async (outputs) => {
      const losses = await lossOf(outputs, batch, { signal });
      assertLosses(losses);
      return losses;
    },
  });

  const dispose = (): void => {
    if (disposed) return;
    disposed = true;
    void Promise.allSettled(running).then(() => release(session));
  };

  /** A call that is refused once the session is freed. */
  const whileOpen =
    <Values extends unknown[], T>(call: (...values: Values) => Promise<T>) =>
    async (...values: Values): Promise<T> => {
      assertOpen();
      return call(...values);
    };

  return {
    dimension: box.dimension,
    trainableNames: box.trainableNames,
    parameters: box.parameters,
    parameter: whileOpen(box.parameter),
    apply: whileOpen(box.apply),
    direction: whileOpen(box.direction),
    inputNames: inputs.map(({ name }) => name),
    outputNames,
    get version() {
      return box.version;
    },
    evaluate: async (batch, points, call) => box.evaluate(work(batch, call?.signal), points, call),
    sequenceLosses: async (batch, points, call) => box.sequenceLosses(work(batch, call?.signal), points, call),
    async outputs(batch, { at = [], ...call } = {}) {
      let found: Awaited<ReturnType<OnnxObjective<B>['outputs']>> = {};
      const use = (outputs: typeof found): number => {
        found = outputs;
        return 0;
      };
      await box.evaluate({ feeds: feedsOf(batch), use }, [at], call);
      return found;
    },
    // What is not trained stays in the file.
    digest: whileOpen(async (part) => (part === 'frozen' ? digest : box.digest(part))),
    save: whileOpen(async (target) => {
      assertPath(target, 'file');
      // Asked for at once, so that no update comes in between.
      const names = box.trainableNames;
      const values = await Promise.all(names.map((name) => box.parameter(name)));
      await saveOnnx(target, { file, digest }, trainable, new Map(names.map((name, i) => [name, values[i]!])));
    }),
    saveWeights: whileOpen((target) => box.save(target)),
    loadWeights: whileOpen((target) => box.load(target)),
    dispose,
    [Symbol.dispose]: dispose,
  };
};
