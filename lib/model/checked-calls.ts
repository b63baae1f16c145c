import { throwIfAborted } from '../abort.ts';
import { rangeError, ZestError } from '../errors.ts';
import type { NativeBatch, NativeDirections, NativeEngine } from '../native/binding.ts';
import { isNameOf, NAMES, type NameOf } from '../native/names.ts';
import type { DirectionOptions, Directions, EvaluationOptions, Point, Update } from '../objective.ts';
import {
  checkedPoints,
  checkedStream,
  checkedTerms,
  nativeDirections,
  nativePoints,
  nativeUpdate,
} from '../objectives/directions.ts';
import { pointName } from '../objectives/point-name.ts';
import { assertList, assertPath, given, optionsOf, signal } from '../options/calls.ts';
import { checkOptions } from '../options/check.ts';
import { assertStateValues, directionOptions, evaluationOptions } from '../options/objective-calls.ts';
import { readArgument } from '../options/reading.ts';
import { show } from '../text/show.ts';
import type { Batch } from './batch.ts';
import type { CheckedCall } from './call-queue.ts';
import { checkedEmbedding, type EmbedOptions, packSequences } from './embed.ts';
import { checkedPrompts, type GenerateOptions, type Generation, notCausal } from './generate.ts';
import { generateSchema, saveSchema } from './option-schema.ts';
import { packBatch } from './pack-batch.ts';
import { type Origin, type SaveOptions, saveModel } from './save.ts';
import type { BatchLimits } from './scored-positions.ts';

const logitOptions = optionsOf<DirectionOptions & { at?: Point }>({ signal, directions: given, at: given });

/** Of the engine: any version, and all sequences at a time. */
const ANY_VERSION = -1n;
const ALL = 0;

/**
 * What the calls of a model check before any work: each function takes a call's arguments and gives what the engine is
 * to do. They throw what the method of the same name of {@link Model} says.
 */
export class CheckedCalls {
  readonly #engine: NativeEngine;
  readonly #origin: Origin;
  readonly #directions: () => Directions;
  readonly #limits: BatchLimits;
  readonly #indexes: ReadonlyMap<string, number>;

  /** @param directions gives those of calls that do not say otherwise */
  constructor(engine: NativeEngine, origin: Origin, directions: () => Directions) {
    const { config, description } = origin;
    const { spec, head, stored, problemType } = description;
    const { family, paddingId: classPadding } = config;
    const classToken = family.classifier.token;
    this.#engine = engine;
    this.#origin = origin;
    this.#directions = directions;
    this.#limits = { ...spec, head: head.kind, stored, problemType, classToken, classPadding };
    this.#indexes = new Map(spec.parameters.map(({ name }, index) => [name, index]));
  }

  evaluate(batch: Batch, points: readonly Point[], given?: EvaluationOptions): CheckedCall<Float64Array> {
    const options = evaluationOptions(given);
    const { signal, atVersion = ANY_VERSION, microBatch = ALL } = options;
    const { directions, packed } = this.#packed(batch, options);
    const terms = nativePoints(checkedPoints(points));
    return {
      signal,
      run: (abort) => this.#engine.evaluate(directions, packed, terms, microBatch, atVersion, abort),
    };
  }

  sequenceLosses(batch: Batch, points: readonly Point[], given?: EvaluationOptions): CheckedCall<Float64Array[]> {
    const options = evaluationOptions(given);
    const { signal, atVersion = ANY_VERSION, microBatch = ALL } = options;
    const { directions, packed } = this.#packed(batch, options);
    const terms = checkedPoints(points);
    const native = nativePoints(terms);
    const sequences = batch.sequences.length;
    return {
      signal,
      run: async (abort) => {
        const losses = await this.#engine.sequenceLosses(directions, packed, native, microBatch, atVersion, abort);
        const bad = losses.findIndex((loss) => !Number.isFinite(loss));
        if (bad >= 0) {
          const at = pointName(terms[Math.floor(bad / sequences)]!);
          const message = `the loss of sequences[${bad % sequences}] at ${at} is ${losses[bad]}`;
          throw new ZestError('ERR_ZEST_LOSS_NOT_FINITE', message);
        }
        return terms.map((_, p) => losses.slice(p * sequences, (p + 1) * sequences));
      },
    };
  }

  apply(update: Update, given?: DirectionOptions): CheckedCall<void> {
    const options = directionOptions(given);
    throwIfAborted(options.signal);
    const directions = this.#directionsOf(options);
    const terms = nativeUpdate(update);
    return { signal: options.signal, run: (abort) => this.#engine.apply(directions, terms, abort) };
  }

  applyAll(updates: readonly Update[], given?: DirectionOptions): CheckedCall<void> {
    const options = directionOptions(given);
    throwIfAborted(options.signal);
    assertList(updates, 'updates', 'updates');
    const directions = this.#directionsOf(options);
    const all = updates.map((update) => nativeUpdate(update));
    return { signal: options.signal, run: (abort) => this.#engine.applyAll(directions, all, abort) };
  }

  logits(batch: Batch, given?: DirectionOptions & { at?: Point }): CheckedCall<Float32Array[]> {
    const options = logitOptions(given);
    const { directions, packed } = this.#packed(batch, options);
    const other = batch.targets.findIndex(({ kind }) => kind !== 'options');
    if (packed.examples.length > 0 && other >= 0) {
      const message = `targets[${other}] is of kind '${batch.targets[other]?.kind}', but others are 'options'; ask for their logits apart`;
      throw new ZestError('ERR_ZEST_TARGET', message);
    }
    const point = nativePoints([checkedTerms(options.at ?? [], 'at')]);
    return { signal: options.signal, run: (abort) => this.#engine.logits(directions, packed, point, abort) };
  }

  embed(sequences: Batch['sequences'], given?: EmbedOptions): CheckedCall<Float32Array[]> {
    const options = checkedEmbedding(given, this.#limits);
    throwIfAborted(options.signal);
    const directions = this.#directionsOf(options);
    const packed = packSequences(sequences, options, this.#limits);
    const point = nativePoints([checkedTerms(options.at, 'at')]);
    return { signal: options.signal, run: (abort) => this.#engine.embeddings(directions, packed, point, abort) };
  }

  generate(prompts: readonly (readonly number[])[], options: GenerateOptions): Generation {
    const { config, description } = this.#origin;
    const { head, spec } = description;
    if (!spec.causal || head.kind !== 'languageModel') throw notCausal(config.modelType, spec);
    const checked = checkOptions(generateSchema, options);
    const { maxTokens, at, signal, temperature, topK = 0, topP } = checked;
    throwIfAborted(signal);
    const { vocabulary } = spec;
    const longest = spec.positions - spec.positionOffset;
    return {
      engine: this.#engine,
      signal,
      directions: this.#directionsOf(checked),
      point: nativePoints([checkedTerms(at, 'at')]),
      prompts: checkedPrompts(prompts, { vocabulary, longest }),
      longest,
      maxTokens,
      stop: checked.stop ?? config.endTokens.map((token) => [token]),
      sampling: { temperature, topK, topP, seed: BigInt(checked.seed) },
    };
  }

  parameter(name: string): CheckedCall<Float32Array> {
    const index = this.#index(name);
    return { run: () => this.#engine.parameter(index) };
  }

  direction(stream: bigint, name: string, options?: DirectionOptions): CheckedCall<Float32Array> {
    const index = this.#index(name);
    const checked = directionOptions(options);
    const directions = this.#directionsOf(checked);
    checkedStream(stream, 'stream');
    const { signal } = checked;
    const run = async () => {
      const v = await this.#engine.direction(directions, stream, index);
      // The engine draws too fast to be stopped, but the draw may have waited for others.
      throwIfAborted(signal);
      return v;
    };
    return { signal, run };
  }

  state(name: NameOf<'state'>, parameter: string): CheckedCall<Float32Array> {
    const index = this.#stateIndex(name, parameter);
    return { run: () => this.#engine.state(name, index) };
  }

  restoreState(name: NameOf<'state'>, parameter: string, values: ArrayLike<number>): CheckedCall<void> {
    const index = this.#stateIndex(name, parameter);
    const { rows, columns } = this.#origin.description.spec.parameters[index]!;
    const count = readArgument('values', () => Object(values).length);
    if (count !== rows * columns) {
      const message = `values has ${show(count)} numbers; expected ${rows * columns}, one an element of ${parameter}`;
      throw rangeError('ERR_ZEST_ARGUMENT', message);
    }
    const copy = readArgument('values', () => Float32Array.from(values));
    const bad = copy.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0)
      throw rangeError(
        'ERR_ZEST_ARGUMENT',
        `values[${bad}] is ${show(values[bad])}; expected a number that float32 can hold`,
      );
    assertStateValues(name, copy);
    return { run: () => this.#engine.restoreState(name, index, copy) };
  }

  save(folder: string, options: SaveOptions = {}): CheckedCall<void> {
    assertPath(folder, 'folder');
    const checked = checkOptions(saveSchema, options);
    return { run: () => saveModel(folder, this.#engine, this.#origin, checked) };
  }

  #packed(batch: Batch, options: DirectionOptions): { directions: NativeDirections; packed: NativeBatch } {
    throwIfAborted(options.signal);
    return { directions: this.#directionsOf(options), packed: packBatch(batch, this.#limits) };
  }

  #directionsOf({ directions = this.#directions() }: DirectionOptions): NativeDirections {
    return nativeDirections(directions);
  }

  #index(name: string): number {
    const index = this.#indexes.get(name);
    if (index !== undefined) return index;
    const [first] = this.#indexes.keys();
    throw rangeError('ERR_ZEST_PARAMETER', `there is no parameter ${show(name)}; one is '${first}'`);
  }

  #stateIndex(name: string, parameter: string): number {
    const index = this.#index(parameter);
    if (!isNameOf('state', name))
      throw rangeError(
        'ERR_ZEST_PARAMETER',
        `there is no state ${show(name)}; expected one of ${NAMES.state.join(', ')}`,
      );
    if (this.#origin.description.spec.parameters[index]?.trainable) return index;
    throw rangeError('ERR_ZEST_PARAMETER', `${parameter} is not trained, so no update keeps state of it`);
  }
}
