// For `using`, which declarations without @types/node, or for ES2022, do not have.
/// <reference lib="esnext.disposable" preserve="true" />
import { throwIfAborted } from '../abort.ts';
import type { Batch } from '../batch.ts';
import {
  checkedPoints,
  checkedStream,
  checkedTerms,
  nativeDirections,
  nativePoints,
  nativeUpdate,
} from '../directions.ts';
import { rangeError, typeError, ZestError } from '../errors.ts';
import type { NativeAbort, NativeBatch, NativeBinding, NativeDirections, NativeEngine } from '../native/binding.ts';
import type { CallOptions, Directions, Objective, Point, StepOptions, StepResult, Update } from '../objective.ts';
import { composeStep } from '../optimizers/compose-step.ts';
import { modelFolder } from './built-in.ts';
import { callEngine } from './call.ts';
import { readCheckpoint } from './checkpoint.ts';
import { readEncoderConfig } from './config-json.ts';
import { describe } from './description.ts';
import {
  chooseDevice,
  chooseShortcuts,
  chooseThreads,
  type Device,
  type LoadOptions,
  storageType,
} from './load-options.ts';
import { type MemoryUse, memoryUse } from './memory.ts';
import { type BatchLimits, packBatch } from './pack-batch.ts';
import { type Origin, saveModel } from './save.ts';
import { nativeStepOptions, stepResult } from './step-options.ts';
import { stopAtExit } from './stop-at-exit.ts';

/** A prompt's continuation; see {@link Model.generate}. */
export interface GenerateOptions extends CallOptions {
  maxTokens: number;
  stop?: number[][];
  temperature?: number;
  seed?: number;
  at?: Point;
}

/**
 * A transformer in the engine: an {@link Objective} whose parameters are the weights of a Hugging Face checkpoint.
 *
 * Calls take effect in call order. Bad arguments reject before any work, with the code of what is wrong; after
 * {@link Model.dispose} every call rejects with ERR_ZEST_DISPOSED, and those under way as well.
 */
export class Model implements Objective<Batch> {
  /** model_type of config.json, e.g. `roberta`. */
  readonly family: string;
  /** Trainable parameters, d. */
  readonly dimension: number;
  /** Names of the trainable parameters, in canonical order. */
  readonly trainableNames: readonly string[];
  /** All parameters of the checkpoint, of a new head and of adapters, aliases counted once. */
  readonly parameterCount: number;
  /** Where the weights are: `cpu` or `cuda:N`. */
  readonly device: string;
  /** Of the weights in memory and as saved. */
  readonly dtype: 'float32' | 'bfloat16';
  /** Token ids are below it. */
  readonly vocabularySize: number;
  /** Most tokens of a sequence. */
  readonly maxLength: number;
  /** Used by the calls that are made from now on; checked when they are. */
  directions: Directions;

  readonly #binding: NativeBinding;
  readonly #engine: NativeEngine;
  readonly #origin: Origin;
  readonly #limits: BatchLimits;
  readonly #indexes: ReadonlyMap<string, number>;
  /** Settled once the next call may be handed to the engine, which has a queue of its own. */
  #turn: Promise<void> = Promise.resolve();
  #disposed = false;

  private constructor(device: Device, engine: NativeEngine, origin: Origin, directions: Directions) {
    const { config, description, dtype } = origin;
    const { spec, head } = description;
    const count = (parameters: typeof spec.parameters) =>
      parameters.reduce((sum, { rows, columns }) => sum + rows * columns, 0);
    this.family = config.modelType;
    const trained = spec.parameters.filter(({ trainable }) => trainable);
    this.dimension = count(trained);
    this.trainableNames = trained.map(({ name }) => name);
    this.parameterCount = count(spec.parameters);
    this.device = device.name;
    this.dtype = dtype;
    this.vocabularySize = spec.vocabulary;
    this.maxLength = spec.positions - spec.positionOffset;
    this.directions = directions;
    this.#binding = device.binding;
    this.#engine = engine;
    this.#origin = origin;
    this.#limits = { ...spec, head: head.kind };
    this.#indexes = new Map(spec.parameters.map(({ name }, index) => [name, index]));
  }

  /**
   * Loads a Hugging Face folder: config.json and model.safetensors, or shards with their index. `film-roberta-mini` is
   * the built-in model, wherever node-zest is installed.
   *
   * Rejects with ERR_ZEST_FILE, ERR_ZEST_CONFIG_JSON, ERR_ZEST_FAMILY, ERR_ZEST_SAFETENSORS, ERR_ZEST_TENSOR_MISSING,
   * ERR_ZEST_TENSOR_SHAPE, ERR_ZEST_TENSOR_DTYPE, ERR_ZEST_TENSOR_VALUE, ERR_ZEST_UNSUPPORTED for what the folder holds;
   * ERR_ZEST_OPTION, ERR_ZEST_TRAINABLE, ERR_ZEST_DIRECTIONS, ERR_ZEST_THREADS, ERR_ZEST_DEVICE, ERR_ZEST_CUBLAS for the
   * options; with `cuda`, any call may reject with ERR_ZEST_DEVICE_LOST.
   */
  static async load(name: string, options: LoadOptions = {}): Promise<Model> {
    if (typeof name !== 'string') throw typeError('ERR_ZEST_ARGUMENT', `folder is a ${typeof name}; expected a path`);
    const folder = modelFolder(name);
    const { dtype = 'float32', trainable = 'all', head, signal, onProgress } = options;
    throwIfAborted(signal);
    const device = chooseDevice(options.device);
    const storage = storageType(dtype);
    const shortcuts = chooseShortcuts(options.shortcuts);
    if (device.cudaDevice !== undefined && Object.values(shortcuts).includes(false)) {
      throw new ZestError('ERR_ZEST_UNSUPPORTED', 'shortcuts can be switched off on the CPU only');
    }
    const directions: Directions = { seed: 0, law: 'gaussian', ...options.directions };
    nativeDirections(directions);
    const threads = chooseThreads(options.threads);
    const config = await readEncoderConfig(folder);
    const description = describe(config, await readCheckpoint(folder), { head, trainable });
    const { spec } = description;

    const { binding, cudaDevice } = device;
    const where = cudaDevice === undefined ? {} : { cudaDevice };
    return callEngine(binding, signal, async (abort) => {
      const engine = binding.createEngine({ spec, storage, threads, shortcuts, ...where });
      stopAtExit(engine);
      let failed: { error: unknown } | undefined;
      const report = (done: number, total: number) => {
        try {
          onProgress?.(done, total);
        } catch (error) {
          failed ??= { error };
          abort.abort();
        }
      };
      try {
        await engine.load(onProgress && report, abort);
        if (failed) throw failed.error;
      } catch (error) {
        engine.dispose();
        throw failed ? failed.error : error;
      }
      return new Model(device, engine, { folder, config, description, dtype }, directions);
    });
  }

  get version(): bigint {
    return this.#engine.version();
  }

  /** Sequences evaluated so far, counted once a point, by the engine. */
  get forwards(): bigint {
    return this.#engine.forwards();
  }

  /** What is trained, in canonical order; a vector is one row. */
  get trainableParameters(): { name: string; rows: number; columns: number }[] {
    const { parameters } = this.#origin.description.spec;
    return parameters.filter(({ trainable }) => trainable).map(({ name, rows, columns }) => ({ name, rows, columns }));
  }

  /** Bytes that the weights take, and the activations of an evaluation of so many tokens, from shapes; for the CPU. */
  memory(tokens: number): MemoryUse {
    const { hidden, intermediate } = this.#origin.description.spec;
    const { parameterCount, dtype } = this;
    return memoryUse({ parameterCount, dtype, hidden, intermediate }, tokens);
  }

  /** Names of all parameters, in canonical order. */
  get parameterNames(): string[] {
    return [...this.#indexes.keys()];
  }

  /**
   * The loss at each point, in nats: the mean over the batch's sequences. Rejects with ERR_ZEST_LOSS_NOT_FINITE naming
   * the stream, ERR_ZEST_VERSION if the weights are not at `atVersion` when the call's turn comes.
   */
  async evaluate(
    batch: Batch,
    points: readonly Point[],
    options: CallOptions & { atVersion?: bigint } = {},
  ): Promise<Float64Array> {
    const { signal, atVersion = -1n } = options;
    if (typeof atVersion !== 'bigint' || (options.atVersion !== undefined && atVersion < 0n)) {
      throw rangeError('ERR_ZEST_ARGUMENT', `atVersion is ${String(atVersion)}; expected a bigint ≥ 0`);
    }
    const { directions, packed } = this.#checked(batch, signal);
    const terms = nativePoints(checkedPoints(points));
    return this.#call(signal, (abort) => this.#engine.evaluate(directions, packed, terms, atVersion, abort));
  }

  /** Per point, the loss of each sequence, in nats. Rejects with ERR_ZEST_LOSS_NOT_FINITE naming the stream. */
  async sequenceLosses(batch: Batch, points: readonly Point[], options: CallOptions = {}): Promise<Float64Array[]> {
    const { directions, packed } = this.#checked(batch, options.signal);
    const terms = checkedPoints(points);
    const losses = await this.#call(options.signal, (abort) =>
      this.#engine.sequenceLosses(directions, packed, nativePoints(terms), abort),
    );
    const sequences = packed.starts.length - 1;
    const bad = losses.findIndex((loss) => !Number.isFinite(loss));
    if (bad >= 0) {
      const stream = terms[Math.floor(bad / sequences)]?.[0]?.stream;
      const point = stream === undefined ? 'the unperturbed weights' : `the point of stream ${stream}`;
      const message = `the loss of sequences[${bad % sequences}] at ${point} is ${losses[bad]}`;
      throw new ZestError('ERR_ZEST_LOSS_NOT_FINITE', message);
    }
    return terms.map((_, p) => losses.slice(p * sequences, (p + 1) * sequences));
  }

  /** θ ← θ − (decay·θ + Σ coefficient·v(stream)) over the trainable parameters; decay skips biases and norms. */
  async apply(update: Update, options: CallOptions = {}): Promise<void> {
    throwIfAborted(options.signal);
    const directions = nativeDirections(this.directions);
    const terms = nativeUpdate(update);
    return this.#call(options.signal, (abort) => this.#engine.apply(directions, terms, abort));
  }

  /**
   * Evaluates the 2k (or k) points of a step, turns the losses into coefficients and applies them, all in the engine.
   * With an estimator that is a function the three are calls of their own, between which no other call takes effect.
   */
  async step(batch: Batch, options: StepOptions): Promise<StepResult> {
    const settings = nativeStepOptions(options, this.dimension);
    const { signal, estimator } = options;
    const { directions, packed } = this.#checked(batch, signal);
    const engine = this.#engine;
    if (typeof estimator !== 'function') {
      return stepResult(await this.#call(signal, (abort) => engine.step(directions, packed, settings, abort)));
    }
    const alone: Objective<Batch> = {
      dimension: this.dimension,
      version: this.version,
      directions: this.directions,
      evaluate: (_, points) =>
        callEngine(this.#binding, signal, (abort) =>
          engine.evaluate(directions, packed, nativePoints(checkedPoints(points)), -1n, abort),
        ),
      apply: (update) =>
        callEngine(this.#binding, signal, (abort) => engine.apply(directions, nativeUpdate(update), abort)),
    };
    return this.#enqueue(() => composeStep(alone, batch, options), { alone: true });
  }

  /**
   * The logits at a point (default: θ itself), one row a scored position in the order of the targets: `labelWords` has
   * one a word, `class` one a class, `maskedTokens` one a token of the vocabulary.
   */
  async logits(batch: Batch, options: CallOptions & { at?: Point } = {}): Promise<Float32Array[]> {
    const { signal, at = [] } = options;
    const { directions, packed } = this.#checked(batch, signal);
    const point = nativePoints([checkedTerms(at, 'at')]);
    return this.#call(signal, (abort) => this.#engine.logits(directions, packed, point, abort));
  }

  /** Rejects with ERR_ZEST_UNSUPPORTED: generation needs a causal model, and this version loads encoders. */
  async generate(prompts: readonly (readonly number[])[], options: GenerateOptions): Promise<number[][]> {
    throwIfAborted(options?.signal);
    const message = `generation of ${prompts?.length} continuations needs a causal model; '${this.family}' is an encoder`;
    throw new ZestError('ERR_ZEST_UNSUPPORTED', message);
  }

  /** A copy of a parameter by its name in the checkpoint, or an adapter's, rows × columns. Rejects with ERR_ZEST_PARAMETER. */
  async parameter(name: string): Promise<Float32Array> {
    const index = this.#index(name);
    return this.#call(undefined, () => this.#engine.parameter(index));
  }

  /** v(stream) restricted to one parameter, rows × columns, under the model's directions; zeros where it is not trained. */
  async direction(stream: bigint, name: string): Promise<Float32Array> {
    const index = this.#index(name);
    const directions = nativeDirections(this.directions);
    checkedStream(stream, 'stream');
    return this.#call(undefined, () => this.#engine.direction(directions, stream, index));
  }

  /** 'sha256:…' over name, dtype, shape and little-endian stored bytes of every trainable parameter in canonical order. */
  async digest(): Promise<string> {
    return this.#call(undefined, () => this.#engine.digest());
  }

  /**
   * Saves the model as a Hugging Face folder, which may be the one it was loaded from. Rejects with ERR_ZEST_FILE.
   *
   * LoRA is merged: the folder holds W + (alpha / rank)·B·A, computed in float32 and stored in the model's dtype, and no
   * adapter. A prefix is saved as tensors of its own, which {@link Model.load} finds and uses; transformers loads the
   * folder, warns of them, and computes without.
   */
  async save(folder: string): Promise<void> {
    if (typeof folder !== 'string')
      throw typeError('ERR_ZEST_ARGUMENT', `folder is a ${typeof folder}; expected a path`);
    return this.#call(undefined, () => saveModel(folder, this.#engine, this.#origin), { alone: true });
  }

  /** Frees the weights; calls under way are stopped. May be called again. */
  dispose(): void {
    this.#disposed = true;
    this.#engine.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #checked(batch: Batch, signal: AbortSignal | undefined): { directions: NativeDirections; packed: NativeBatch } {
    throwIfAborted(signal);
    return { directions: nativeDirections(this.directions), packed: packBatch(batch, this.#limits) };
  }

  #index(name: string): number {
    const index = this.#indexes.get(name);
    if (index !== undefined) return index;
    throw rangeError('ERR_ZEST_PARAMETER', `there is no parameter '${name}'; one is '${[...this.#indexes.keys()][0]}'`);
  }

  #call<T>(
    signal: AbortSignal | undefined,
    call: (abort: NativeAbort) => Promise<T>,
    options?: { alone: boolean },
  ): Promise<T> {
    if (this.#disposed) throw new ZestError('ERR_ZEST_DISPOSED', 'the model has been disposed');
    return this.#enqueue(() => callEngine(this.#binding, signal, call), options);
  }

  /** Hands a call to the engine after those before it. One that is `alone` is over before the next is handed over. */
  #enqueue<T>(call: () => Promise<T>, { alone } = { alone: false }): Promise<T> {
    const result = this.#turn.then(call);
    if (alone)
      this.#turn = result.then(
        () => {},
        () => {},
      );
    return result;
  }
}
