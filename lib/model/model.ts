// For `using`, which declarations without @types/node, or for ES2022, do not have.
/// <reference lib="esnext.disposable" preserve="true" />

import { rangeError, typeError } from '../errors.ts';
import type { NativeEngine } from '../native/binding.ts';
import type { NameOf } from '../native/names.ts';
import type { DirectionOptions, Directions, EvaluationOptions, Objective, Point, Update } from '../objective.ts';
import { checkedPart, type Part } from '../objectives/part.ts';
import { refuseMoreOptions } from '../options/no-options.ts';
import { show } from '../text/show.ts';
import type { Batch } from './batch.ts';
import { CallQueue } from './call-queue.ts';
import { CheckedCalls } from './checked-calls.ts';
import type { EmbedOptions } from './embed.ts';
import { continuations, type GeneratedToken, type GenerateOptions } from './generate.ts';
import { loadEngine } from './load-engine.ts';
import type { Device, LoadOptions } from './load-options.ts';
import { type MemoryUse, memoryUse } from './memory.ts';
import type { Origin, SaveOptions } from './save.ts';
import { type ModelStepOptions, type ModelStepResult, stepModel } from './step.ts';

/**
 * A transformer in the engine: an {@link Objective} whose parameters are the weights of a Hugging Face checkpoint.
 *
 * Calls take effect in call order. Bad arguments reject before any work, with the code of what is wrong; after
 * {@link Model.dispose} every call rejects with ERR_ZEST_DISPOSED, and those under way as well. The examples of the
 * methods go on from this one.
 *
 * @example
 * import { loadTask, Model, Tokenizer } from 'node-zest';
 * const model = await Model.load('film-roberta-mini');
 * const task = await loadTask('sst2', await Tokenizer.load('film-roberta-mini'));
 * const batch = task.batch([{ sentence: 'a charming film', label: 1 }]);
 */
export class Model implements Objective<Batch> {
  /** Family of the model, the model_type of config.json: `roberta`, say. */
  readonly family: string;
  /** Number of trainable parameters, d. */
  readonly dimension: number;
  /** Names of the trainable parameters, in canonical order. */
  readonly trainableNames: readonly string[];
  /** Number of all parameters: of the checkpoint, of a new head and of adapters, aliases counted once. */
  readonly parameterCount: number;
  /** Where the weights are: `cpu` or `cuda:N`. */
  readonly device: string;
  /** What the card is, or why `auto` took none; undefined for a CPU that was asked for. */
  readonly deviceReason: string | undefined;
  /** Type of the weights in memory and as saved. */
  readonly dtype: 'float32' | 'bfloat16';
  /** Number of tokens; ids are below it. */
  readonly vocabularySize: number;
  /** Number of tokens that a sequence may have. */
  readonly maxLength: number;
  /** Names of the classes of its classification head, in order, where they are known. */
  readonly labels: readonly string[] | undefined;
  /** What v(stream) is in calls that do not say otherwise: those given at {@link Model.load}. */
  readonly directions: Directions;

  readonly #engine: NativeEngine;
  readonly #origin: Origin;
  readonly #calls: CheckedCalls;
  readonly #queue: CallQueue;

  private constructor(device: Device, engine: NativeEngine, origin: Origin, directions: Directions) {
    const { config, description, dtype } = origin;
    const { spec } = description;
    const count = (parameters: typeof spec.parameters) =>
      parameters.reduce((sum, { rows, columns }) => sum + rows * columns, 0);
    this.family = config.modelType;
    const trained = spec.parameters.filter(({ trainable }) => trainable);
    this.dimension = count(trained);
    this.trainableNames = trained.map(({ name }) => name);
    this.parameterCount = count(spec.parameters);
    this.device = device.name;
    this.deviceReason = device.reason;
    this.dtype = dtype;
    this.vocabularySize = spec.vocabulary;
    this.maxLength = spec.positions - spec.positionOffset;
    this.labels = description.labels;
    this.directions = directions;
    this.#engine = engine;
    this.#origin = origin;
    this.#calls = new CheckedCalls(engine, origin, () => this.directions);
    this.#queue = new CallQueue(device.binding, device.cudaDevice !== undefined);
  }

  /**
   * Loads a Hugging Face folder: config.json and model.safetensors, or shards with their index. `film-roberta-mini` is
   * the built-in model, wherever node-zest is installed.
   *
   * @example
   * import { Model } from 'node-zest';
   * const trainable = { lora: { rank: 4, alpha: 8 } };
   * const model = await Model.load('film-roberta-mini', { device: 'cpu', trainable });
   * console.log(`${model.dimension} of ${model.parameterCount} parameters are trained`);
   * model.dispose();
   *
   * @throws ERR_ZEST_FILE, ERR_ZEST_CONFIG_JSON, ERR_ZEST_FAMILY, ERR_ZEST_SAFETENSORS, ERR_ZEST_TENSOR_MISSING,
   * ERR_ZEST_TENSOR_SHAPE, ERR_ZEST_TENSOR_DTYPE, ERR_ZEST_TENSOR_VALUE or ERR_ZEST_UNSUPPORTED for what the folder
   * holds; ERR_ZEST_OPTION, ERR_ZEST_TRAINABLE, ERR_ZEST_DIRECTIONS, ERR_ZEST_THREADS, ERR_ZEST_DEVICE or
   * ERR_ZEST_CUBLAS for the options; with `cuda`, any call may reject with ERR_ZEST_DEVICE_LOST
   */
  static async load(name: string, options?: LoadOptions): Promise<Model> {
    const { device, engine, origin, directions } = await loadEngine(name, options === undefined ? {} : options);
    return new Model(device, engine, origin, directions);
  }

  /** Ids of the tokens that end a text, as generation_config.json names them, or config.json without one. */
  get endTokens(): readonly number[] {
    return this.#origin.config.endTokens;
  }

  /** Number of updates that were applied since the model was loaded. */
  get version(): bigint {
    return this.#engine.version();
  }

  /** Number of sequences that the engine has evaluated, counted once for each point. */
  get forwards(): bigint {
    return this.#engine.forwards();
  }

  /** Names and shapes of the trainable parameters, in canonical order; a vector is one row. */
  get trainableParameters(): { name: string; rows: number; columns: number }[] {
    const { parameters } = this.#origin.description.spec;
    return parameters.filter(({ trainable }) => trainable).map(({ name, rows, columns }) => ({ name, rows, columns }));
  }

  /**
   * Estimates the memory on the CPU, in bytes, from shapes: the weights, and the activations of an evaluation of a
   * batch of so many tokens.
   *
   * @example
   * const { weights, activations } = model.memory(64 * 128);
   * console.log(`${Math.ceil((weights + activations) / 2 ** 20)} MiB`);
   */
  memory(tokens: number): MemoryUse {
    if (typeof tokens !== 'number' || !(tokens >= 0))
      throw rangeError('ERR_ZEST_ARGUMENT', `tokens is ${show(tokens)}; expected a number ≥ 0`);
    return memoryUse(this.#origin.description.spec, { dtype: this.dtype, tokens });
  }

  /**
   * All parameters in canonical order: name, shape as in the checkpoint, whether updates move it, and whether weight decay
   * does.
   */
  get parameters(): { name: string; shape: readonly number[]; trainable: boolean; decays: boolean }[] {
    const { shapes, spec } = this.#origin.description;
    return spec.parameters.map(({ name, trainable, decays }, index) => ({
      name,
      shape: shapes[index] ?? [],
      trainable,
      decays,
    }));
  }

  /** Names of all parameters, in canonical order. */
  get parameterNames(): string[] {
    return this.#origin.description.spec.parameters.map(({ name }) => name);
  }

  /**
   * Computes the loss at each point, in nats: the mean over the batch's sequences, of which `microBatch` are evaluated
   * at a time (default: all; the bits do not depend on it).
   *
   * @example
   * const [loss, ahead] = await model.evaluate(batch, [[], { stream: 0n, scale: 1e-3 }]);
   * console.log(loss, ahead - loss);
   *
   * @throws ERR_ZEST_LOSS_NOT_FINITE naming the stream; ERR_ZEST_VERSION if the weights are not at `atVersion` when the
   * call's turn comes; ERR_ZEST_BATCH_EMPTY, ERR_ZEST_BATCH, ERR_ZEST_TOKEN, ERR_ZEST_SEQUENCE_LENGTH or
   * ERR_ZEST_TARGET for the batch; ERR_ZEST_POINT or ERR_ZEST_STREAM for the points
   */
  async evaluate(batch: Batch, points: readonly Point[], options?: EvaluationOptions): Promise<Float64Array> {
    return this.#queue.add(this.#calls.evaluate(batch, points, options));
  }

  /**
   * Computes the loss of each sequence, in nats, at each point: one array a point.
   *
   * @example
   * const [losses] = await model.sequenceLosses(batch, [[]]);
   * console.log(losses.length); // 1
   *
   * @throws what {@link evaluate} throws
   */
  async sequenceLosses(batch: Batch, points: readonly Point[], options?: EvaluationOptions): Promise<Float64Array[]> {
    return this.#queue.add(this.#calls.sequenceLosses(batch, points, options));
  }

  /**
   * Updates the trainable parameters: θ ← θ − (decay·θ + Σ coefficient·v(stream)). The decay skips biases and norms.
   *
   * @example
   * await model.apply({ decay: 0, terms: [{ stream: 0n, coefficient: 1e-4 }] });
   * console.log(model.version); // 1n
   *
   * @throws ERR_ZEST_UPDATE or ERR_ZEST_STREAM for the update
   */
  async apply(update: Update, options?: DirectionOptions): Promise<void> {
    return this.#queue.add(this.#calls.apply(update, options));
  }

  /**
   * Updates the trainable parameters several times, one update after another, with the bits of as many calls of
   * {@link apply}. On the CPU a pass over the weights takes sixteen updates. Where memory ends in the middle, `version` says
   * how many took effect.
   *
   * @example
   * const terms = [{ stream: 1n, coefficient: 1e-4 }];
   * await model.applyAll([{ decay: 0, terms }, { decay: 0.1, terms: [] }]);
   * console.log(await model.notFinite()); // undefined
   *
   * @throws ERR_ZEST_UPDATE or ERR_ZEST_STREAM for an update; none is applied then
   */
  async applyAll(updates: readonly Update[], options?: DirectionOptions): Promise<void> {
    return this.#queue.add(this.#calls.applyAll(updates, options));
  }

  /**
   * Finds a trainable parameter with a value that is NaN or infinite, and gives its name; undefined where there is none.
   *
   * @example
   * console.log(await model.notFinite()); // undefined
   */
  async notFinite(): Promise<string | undefined> {
    const index = await this.#queue.add({ run: () => this.#engine.notFinite() });
    return this.parameterNames[index];
  }

  /**
   * Takes a step of ZEST at streams of the caller's choice: evaluates the 2k (or k) points, turns the losses into
   * coefficients and applies them. No other call takes effect in between.
   *
   * @example
   * const ratio = { rho: 1e-3, tilt: { tau: 1 }, estimator: 'naive', sides: 'two' };
   * const options = { ...ratio, directions: 2, firstStream: 0n, learningRate: 1e-5 };
   * const { meanLoss, coefficients } = await model.step(batch, options);
   * console.log(meanLoss, coefficients);
   *
   * @throws ERR_ZEST_DIRECTIONS (how many), ERR_ZEST_STREAM, ERR_ZEST_RHO, ERR_ZEST_TILT, ERR_ZEST_ESTIMATOR or
   * ERR_ZEST_OPTION for the options; what {@link evaluate} throws
   */
  async step(batch: Batch, options: ModelStepOptions): Promise<ModelStepResult> {
    return await stepModel(this, batch, options, this.directions);
  }

  /**
   * Does some work with the model while no other call on it takes effect; `alone` is the model for that work.
   *
   * @example
   * const losses = await model.exclusively(async (alone) => {
   *   const before = await alone.evaluate(batch, [[]]);
   *   await alone.apply({ decay: 0.1, terms: [] });
   *   return [...before, ...(await alone.evaluate(batch, [[]]))];
   * });
   * console.log(losses.length); // 2
   *
   * @throws what the work throws
   */
  async exclusively<T>(work: (alone: Objective<Batch>) => Promise<T>): Promise<T> {
    if (typeof work !== 'function')
      throw typeError('ERR_ZEST_ARGUMENT', `work is ${show(work)}; expected a function of the model`);
    return await this.#queue.alone(() => work(this.#alone()));
  }

  /**
   * Computes the logits at a point (default: θ itself): a row for each scored position, in the order of the targets. A
   * row has a logit for each word of `labelWords`, each class of `class`, each token of the vocabulary for
   * `maskedTokens` and `tokens`, and the log-likelihood of each option of `options`.
   *
   * @example
   * const [logits] = await model.logits(batch);
   * console.log(logits.length); // 2
   *
   * @throws what {@link evaluate} throws for the batch and the point
   */
  async logits(batch: Batch, options?: DirectionOptions & { at?: Point }): Promise<Float32Array[]> {
    return this.#queue.add(this.#calls.logits(batch, options));
  }

  /**
   * Computes an embedding of each sequence: the hidden states that the head would read, transformers' last_hidden_state,
   * pooled over its tokens. No head is read; a bare checkpoint is loaded with a new one, `head: { classes: 1 }`.
   *
   * @example
   * const tokenizer = await Tokenizer.load('film-roberta-mini');
   * const [funny, dull] = await model.embed(['a charming film', 'it drags'].map((text) => tokenizer.encode(text)));
   * console.log(funny.length, dull.length); // 192 192
   *
   * @throws ERR_ZEST_BATCH_EMPTY, ERR_ZEST_BATCH, ERR_ZEST_TOKEN or ERR_ZEST_SEQUENCE_LENGTH for the sequences;
   * ERR_ZEST_OPTION, ERR_ZEST_POINT, ERR_ZEST_STREAM or ERR_ZEST_DIRECTIONS for the options
   */
  async embed(sequences: Batch['sequences'], options?: EmbedOptions): Promise<Float32Array[]> {
    return this.#queue.add(this.#calls.embed(sequences, options));
  }

  /**
   * Continues prompts, token by token, with a cache of keys and values; on the CPU the same bits as of whole sequences.
   * Calls that come after it wait for its end.
   *
   * @example
   * const prompts = [[1, 305, 12]]; // as a tokenizer makes them; this model is an encoder, and continues none
   * const call = model.generate(prompts, { maxTokens: 20, temperature: 0.8, topP: 0.9, seed: 1 });
   * await call.catch(({ code }) => console.log(code)); // ERR_ZEST_UNSUPPORTED
   *
   * @returns the continuations, without the prompts and without what stopped them
   * @throws ERR_ZEST_UNSUPPORTED for a model that is not causal; ERR_ZEST_SEQUENCE_LENGTH, ERR_ZEST_TOKEN or
   * ERR_ZEST_OPTION for prompts and options; ERR_ZEST_MEMORY if the keys and values cannot be had; what {@link evaluate}
   * throws for the point
   */
  async generate(prompts: readonly (readonly number[])[], options: GenerateOptions): Promise<number[][]> {
    const generation = this.#calls.generate(prompts, options);
    const made: number[][] = generation.prompts.map(() => []);
    return await this.#queue.alone(async () => {
      for await (const { sequence, token } of continuations(generation, this.#queue)) made[sequence]?.push(token);
      return made;
    });
  }

  /**
   * Continues prompts as {@link generate} does, and yields each token as it comes. Other calls may be made meanwhile; if
   * one moves the weights, the next token is ERR_ZEST_VERSION.
   *
   * @example
   * const tokens = model.stream([[1, 305, 12]], { maxTokens: 20 }); // as above
   * const print = async () => { for await (const { token } of tokens) console.log(token); };
   * await print().catch(({ code }) => console.log(code)); // ERR_ZEST_UNSUPPORTED
   *
   * @throws what {@link generate} throws, and ERR_ZEST_VERSION
   */
  async *stream(prompts: readonly (readonly number[])[], options: GenerateOptions): AsyncGenerator<GeneratedToken> {
    const generation = this.#calls.generate(prompts, options);
    await this.#queue.turn();
    yield* continuations(generation, this.#queue);
  }

  /**
   * Copies a parameter, rows × columns, by its name in the checkpoint or the name of an adapter's tensor.
   *
   * @example
   * const bias = await model.parameter('lm_head.bias');
   * console.log(bias.length); // 8192
   *
   * @throws ERR_ZEST_PARAMETER for a name that there is not
   */
  async parameter(name: string): Promise<Float32Array> {
    return this.#queue.add(this.#calls.parameter(name));
  }

  /**
   * Computes the part of the direction v(stream) that one parameter has, rows × columns; zeros if it is not trained.
   *
   * @example
   * const v = await model.direction(0n, 'lm_head.bias');
   * console.log(v.length); // 8192
   *
   * @throws ERR_ZEST_PARAMETER for a name that there is not, ERR_ZEST_STREAM
   */
  async direction(stream: bigint, name: string, options?: DirectionOptions): Promise<Float32Array> {
    return this.#queue.add(this.#calls.direction(stream, name, options));
  }

  /** Names of the state, of each trainable parameter, that updates by a rule have made: `momentum`, say. */
  get stateNames(): NameOf<'state'>[] {
    return this.#engine.states();
  }

  /**
   * Copies the state that the rule of updates keeps of a trainable parameter, rows × columns.
   *
   * @example
   * const rule = { name: 'momentum', rate: 1e-4, beta: 0.9 };
   * await model.apply({ decay: 0, terms: [{ stream: 0n, coefficient: 1 }], rule });
   * const momentum = await model.state('momentum', 'lm_head.bias');
   * console.log(model.stateNames, momentum.length); // [ 'momentum' ] 8192
   *
   * @throws ERR_ZEST_PARAMETER for a parameter that there is not or that is not trained, for a name that is none, or one
   * that no update has made
   */
  async state(name: NameOf<'state'>, parameter: string): Promise<Float32Array> {
    return this.#queue.add(this.#calls.state(name, parameter));
  }

  /**
   * Puts values in the place of the state of a trainable parameter, as after a stop; that of the others is made, if
   * there is none, as by the first update that uses it.
   *
   * @example
   * const momentum = new Float32Array(8192);
   * await model.restoreState('momentum', 'lm_head.bias', momentum);
   * console.log(model.stateNames.includes('momentum')); // true
   *
   * @throws ERR_ZEST_PARAMETER as {@link state} does; ERR_ZEST_ARGUMENT for values of another number, or not finite
   */
  async restoreState(name: NameOf<'state'>, parameter: string, values: ArrayLike<number>): Promise<void> {
    return this.#queue.add(this.#calls.restoreState(name, parameter, values));
  }

  /**
   * Hashes the trainable parameters, or the frozen ones: `sha256:…` over name, dtype, shape and little-endian stored bytes
   * of each, in canonical order. Equal digests are equal weights, bit for bit.
   *
   * @example
   * const before = await model.digest();
   * await model.apply({ decay: 0.1, terms: [] });
   * console.log((await model.digest()) === before); // false
   *
   * @param part default `trainable`
   * @throws ERR_ZEST_OPTION
   */
  async digest(part?: Part): Promise<string> {
    const isFrozen = checkedPart(part) === 'frozen';
    return this.#queue.add({ run: () => this.#engine.digest(isFrozen) });
  }

  /**
   * Saves the model as a Hugging Face folder, which may be the one it was loaded from (an adapter's with `weights` of
   * `adapter`).
   *
   * `weights` (default `merged`) says what is saved of LoRA:
   * - `merged`: the folder holds W + (alpha / rank)·B·A, computed in float32 and stored in the model's dtype, and no adapter
   * - `adapter`: PEFT's files, adapter_config.json and adapter_model.safetensors, with a head that is new and
   *   all else that is trained; the folder loads as a model while its base is where it was
   * - `both`: merged, and PEFT's files in its folder `adapter`
   *
   * A prefix is saved as tensors of its own, which {@link Model.load} finds and uses; transformers loads the folder, warns
   * of them, and computes without. `metadata` (default none) are texts for the header of the weights' file.
   *
   * @example
   * await model.save('tuned');
   * const saved = await Model.load('tuned');
   * console.log((await saved.digest()) === (await model.digest())); // true
   *
   * @throws ERR_ZEST_FILE if the folder cannot be written, or has files of another kind of `weights`, which would stay
   * beside the new ones; ERR_ZEST_OPTION for an adapter that the model does not have;
   * ERR_ZEST_WEIGHTS_NOT_FINITE, as {@link notFinite} finds it, for weights that could not be loaded again
   */
  async save(folder: string, options?: SaveOptions): Promise<void> {
    const call = this.#calls.save(folder, options);
    return await this.#queue.alone(() => this.#queue.now(call));
  }

  /**
   * Frees the weights; calls under way are stopped, but for an update that has begun. May be called again.
   *
   * @example
   * model.dispose();
   * await model.digest().catch(({ code }) => console.log(code)); // ERR_ZEST_DISPOSED
   */
  dispose(): void {
    this.#queue.close();
    this.#engine.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** The model for work that has it alone: its calls wait for none. */
  #alone(): Objective<Batch> {
    const version = () => this.version;
    const queue = this.#queue;
    const calls = this.#calls;
    return {
      dimension: this.dimension,
      get version() {
        return version();
      },
      evaluate: async (batch, points, options) => queue.now(calls.evaluate(batch, points, options)),
      apply: async (update, options) => queue.now(calls.apply(update, options)),
      sequenceLosses: async (batch, points, options) => queue.now(calls.sequenceLosses(batch, points, options)),
    };
  }

  static {
    refuseMoreOptions(this);
  }
}
