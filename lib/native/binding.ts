// The typed contract with native/addon: the only place that knows the shape of a .node file. Methods that return
// promises run on the engine's own thread, in call order. Errors from C++ arrive as Error with a `code`.

import type { NAMES, NameOf } from './names.ts';

export interface NativeDirections {
  seed: bigint;
  law: NameOf<'law'>;
  /** Rank of `lowRank`; 0 for the other laws. */
  rank: number;
  /** Consecutive streams that share the factor B of `lowRank`. Default 1n. */
  keep?: bigint;
  /** Whether A is U·Z/√rank, U kept as B is. Default false. */
  core?: boolean;
}

/**
 * core/batch.h, flattened. `scored` holds 5 numbers a position: sequence, position, label, candidatesBegin,
 * candidatesEnd.
 */
export interface NativeBatch {
  ids: Int32Array;
  starts: Int32Array;
  segments: Int32Array;
  scored: Int32Array;
  candidates: Int32Array;
  /** Of each scored position; of other losses than cross-entropy one candidate each. */
  loss: NameOf<'loss'>;
  /** What each scored position is compared with, 0 or 1 of a yes or no; empty for cross-entropy. */
  references: Float32Array;
  /** Of each sequence the one whose tokens come before its own, or −1; empty: all −1. */
  parents: Int32Array;
  /** 3 numbers an example: first sequence, label (−1: the loss of its one sequence), 1 if options are scored per token. */
  examples: Int32Array;
}

/** core/sampling.h */
export interface NativeSampling {
  temperature: number;
  topK: number;
  topP: number;
  seed: bigint;
}

/** Points flattened: point p has terms termStarts[p] … termStarts[p + 1] of streams and scales. */
export interface NativePoints {
  termStarts: Int32Array;
  streams: BigUint64Array;
  scales: Float32Array;
}

export interface NativeUpdate {
  rule: NameOf<'rule'>;
  /** Numbers of a rule that is not plain; momentum's beta is `beta1`. */
  rate?: number;
  beta1?: number;
  beta2?: number;
  epsilon?: number;
  decay: number;
  /** Whether the decay is towards the anchor, the weights before the first such update. */
  anchored?: boolean;
  streams: BigUint64Array;
  coefficients: Float32Array;
}

/** core/estimators.h */
export interface NativeEstimatorOptions {
  rho: number;
  tiltRule: NameOf<'tiltRule'>;
  tiltValue: number;
  estimator: NameOf<'estimator'>;
  sides: NameOf<'sides'>;
  normalize: NameOf<'normalize'>;
  dimension: number;
}

export interface NativeCoefficients {
  coefficients: Float64Array;
  tilt: number;
  tau: number;
  tiltedLoss: number;
  meanLoss: number;
  effectiveSampleSize: number;
  gradientNorm: number;
}

/** core/transformer/spec.h ParameterSpec and ParameterSource. `file` empty: initialised, not read. */
export interface NativeParameter {
  name: string;
  rows: number;
  columns: number;
  matrix: boolean;
  trainable: boolean;
  decays: boolean;
  /** Kept in memory as the file has it, where the device can. */
  asStored: boolean;
  file: string;
  offset: number;
  fileType: NameOf<'fileType'>;
  /** Not 0: the file has the rows of so many heads in the order of pairs that turn together. */
  interleavedHeads: number;
  initialScale: number;
  initialSeed: bigint;
  initialOffset: number;
}

export interface NativeNorm {
  weight: number;
  bias: number;
}

export interface NativeLinear extends NativeNorm {
  /** LoRA: rank × inputs, and outputs × rank; both or neither. */
  adapterA: number;
  adapterB: number;
  /** Whether the weight is inputs × outputs. */
  transposed: boolean;
  /** Output j is the weight's first + ⌊j ÷ block⌋ · step + j mod block; block 0: j. */
  outputs: { first: number; count: number; block: number; step: number };
}

export interface NativeLayer {
  query: NativeLinear;
  key: NativeLinear;
  value: NativeLinear;
  attentionOutput: NativeLinear;
  gate: NativeLinear;
  intermediate: NativeLinear;
  output: NativeLinear;
  attentionNorm: NativeNorm;
  outputNorm: NativeNorm;
  queryNorm: NativeNorm;
  keyNorm: NativeNorm;
  /** Keys and values before those of every sequence: tokens × columns of all heads of keys. */
  prefix: { key: number; value: number };
}

/** core/transformer/spec.h ModelSpec; roles are indexes into `parameters`, −1 where the model has none. */
export interface NativeModelSpec {
  hidden: number;
  heads: number;
  keyValueHeads: number;
  headWidth: number;
  intermediate: number;
  embedding: number;
  vocabulary: number;
  positions: number;
  segments: number;
  positionOffset: number;
  paddingId: number;
  outputs: number;
  norm: NameOf<'norm'>;
  normEpsilon: number;
  normFirst: boolean;
  parallel: boolean;
  causal: boolean;
  window: number;
  rotaryFrequencies: Float32Array;
  rotaryScale: number;
  /** Scale of LoRA's product: alpha / rank. */
  adapterScale: number;
  activation: NameOf<'activation'>;
  headActivation: NameOf<'activation'>;
  parameters: NativeParameter[];
  wordEmbeddings: number;
  positionEmbeddings: number;
  segmentEmbeddings: number;
  embeddingNorm: NativeNorm;
  embeddingProjection: NativeLinear;
  layers: NativeLayer[];
  finalNorm: NativeNorm;
  outputProjection: NativeLinear;
  headDense: NativeLinear;
  headNorm: NativeNorm;
  headOutput: NativeLinear;
}

/**
 * Shortcuts of the forward evaluation, as in core/transformer/spec.h: all true by default, and the bits do not depend
 * on them.
 */
export interface Shortcuts {
  /** Whether sequences are evaluated together; off: one at a time. */
  packSequences: boolean;
  /** Whether the head is computed at scored positions alone; off: at every position. */
  labelledPositionsOnly: boolean;
  /** Whether the head's outputs of scored words alone are computed; off: every output. */
  scoredWordsOnly: boolean;
  /** Whether the last layer's queries and MLP are computed at scored positions alone; off: at every position. */
  lastLayerAtLabels: boolean;
  /** Whether the embeddings that occur alone are perturbed; off: the whole table. */
  gatherEmbeddings: boolean;
  /** Whether + and − of a direction share their noise; off: each generates it. */
  shareNoise: boolean;
  /** Whether matrices are perturbed while they are multiplied; off: in scratch before. */
  fusePerturbation: boolean;
  /** Whether the options of a question share their prompt; off: it is computed for each. */
  sharePrompts: boolean;
}

/** Handed to asynchronous calls that something may stop; `abort()` sets a flag that the engine polls. */
export interface NativeAbort {
  abort(): void;
}

export interface NativeEngine {
  load(onProgress: ((done: number, total: number) => void) | undefined, abort: NativeAbort | undefined): Promise<void>;
  /**
   * losses[p · examples + e]; `microBatch` examples are evaluated at a time, 0: all, and the bits do not depend on it.
   * `atVersion` < 0n: any.
   */
  sequenceLosses(
    directions: NativeDirections,
    batch: NativeBatch,
    points: NativePoints,
    microBatch: number,
    atVersion: bigint,
    abort: NativeAbort | undefined,
  ): Promise<Float64Array>;
  /** One loss a point; `microBatch` and `atVersion` as above. */
  evaluate(
    directions: NativeDirections,
    batch: NativeBatch,
    points: NativePoints,
    microBatch: number,
    atVersion: bigint,
    abort: NativeAbort | undefined,
  ): Promise<Float64Array>;
  logits(
    directions: NativeDirections,
    batch: NativeBatch,
    point: NativePoints,
    abort: NativeAbort | undefined,
  ): Promise<Float32Array[]>;
  /** The mean of what the head would read, over the scored positions of each sequence; their candidates are not read. */
  embeddings(
    directions: NativeDirections,
    batch: NativeBatch,
    point: NativePoints,
    abort: NativeAbort | undefined,
  ): Promise<Float32Array[]>;
  /** Begins empty sequences of up to `capacities` tokens at a point; returns the number of the session. */
  openSession(
    directions: NativeDirections,
    point: NativePoints,
    capacities: Int32Array,
    sampling: NativeSampling,
    abort: NativeAbort | undefined,
  ): Promise<number>;
  /**
   * Appends ids[starts[s] … starts[s + 1]) to sequence s, and draws the next token of each that grew, in order. Rejects
   * with ERR_ZEST_VERSION if the weights have moved since the session was opened.
   */
  extendSession(
    session: number,
    ids: Int32Array,
    starts: Int32Array,
    abort: NativeAbort | undefined,
  ): Promise<Int32Array>;
  closeSession(session: number): Promise<void>;
  apply(directions: NativeDirections, update: NativeUpdate, abort: NativeAbort | undefined): Promise<void>;
  /** Updates one after another, in one pass over memory for several, with the bits of as many calls of `apply`. */
  applyAll(
    directions: NativeDirections,
    updates: readonly NativeUpdate[],
    abort: NativeAbort | undefined,
  ): Promise<void>;
  /** The first trainable parameter with a value that is NaN or infinite; −1: none. */
  notFinite(): Promise<number>;
  parameter(index: number): Promise<Float32Array>;
  direction(directions: NativeDirections, stream: bigint, index: number): Promise<Float32Array>;
  /** The state of that name of a trainable parameter. */
  state(name: NameOf<'state'>, index: number): Promise<Float32Array>;
  restoreState(name: NameOf<'state'>, index: number, values: Float32Array): Promise<void>;
  /** Names of the state that there is. */
  states(): NameOf<'state'>[];
  /** 'sha256:…' over the parameters that are trained, or over the others, as docs/trajectory.md says. */
  digest(frozen?: boolean): Promise<string>;
  /**
   * Writes `header`, then the stored bytes of the parameters in the order of `indexes`, flushed to disk. The weight of a
   * layer with LoRA is written as W + adapterScale·B·A, computed in float32 and rounded to nearest, unless A is written
   * beside it.
   */
  writeFile(path: string, header: Uint8Array, indexes: Int32Array): Promise<void>;
  /** Updates applied so far. */
  version(): bigint;
  /** Sequences evaluated so far, over all points: the engine's own count of forwards is this ÷ batch size. */
  forwards(): bigint;
  /** Frees the weights; calls after it throw ERR_ZEST_DISPOSED, calls under way are aborted. */
  dispose(): void;
  /**
   * As dispose, and returns once the thread has ended; promises that are pending never settle. For the end of the
   * process.
   */
  stop(): void;
}

/** What the CUDA backend of a binary finds on this machine. */
export interface NativeCuda {
  /** The CUDA version that the driver supports, 13000 for 13.0; 0: no driver. */
  driver: number;
  runtime: number;
  /** Name, compute capability and memory of each device, by index. */
  devices: string[];
  /** Why there is none, or empty. */
  failure: string;
  /** Where there are devices: why cuBLASLt, which models multiply with, cannot be opened, or empty. */
  missingCublaslt: string;
}

export interface NativeBinding {
  /** The version of node-zest that it was built for. */
  version: string;
  /** Names of each enum, in its order. */
  names: { [Enum in keyof typeof NAMES]: string[] };
  /** Most columns of the factors of `lowRank`, and most tokens that the CPU packs at once. */
  limits: { rank: number; packedTokens: number };
  /** null where the binary has no CUDA backend. */
  cuda(): NativeCuda | null;
  /** Instruction sets this binary has and this processor can run, best first, and the one in use. */
  isa(): { used: string; available: string[] };
  /** Fills an array, a new one if a length is given, and returns it. */
  noise(seed: bigint, stream: bigint, offset: bigint, values: Float32Array | number, law: NameOf<'law'>): Float32Array;
  /** v(stream) of a lone vector parameter of `length` elements, under a law. */
  vectorDirection(directions: NativeDirections, stream: bigint, length: number): Float32Array;
  coefficients(losses: Float64Array, options: NativeEstimatorOptions): NativeCoefficients;
  /** Cores the process may use. */
  cores(): number;
  /**
   * Whether this process now has the exclusive lock of an open file or folder: until the descriptor is closed, or the
   * process ends in any way. True also where the file system has no locks.
   */
  lockFile(descriptor: number): boolean;
  createAbort(): NativeAbort;
  createEngine(options: {
    spec: NativeModelSpec;
    storage: NameOf<'storage'>;
    threads: number;
    shortcuts: Shortcuts;
    /** Index of a CUDA device; left out: the CPU. */
    cudaDevice?: number;
  }): NativeEngine;
}
