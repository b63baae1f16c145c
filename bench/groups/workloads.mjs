import { Model } from '../../dist/index.js';

/** Both sides compute the same losses, or the bench fails. */
const LOSS_TOLERANCE = 1e-4;
const SEED = 20260101;
const PADDING = 1; // id, RoBERTa's

/**
 * Tokens of 64 sentences of SST-2's training part, every 1052nd, as "{sentence} It was <mask> ." under RoBERTa's
 * tokenizer: 17.2 on average and 45 at most, where all 67 349 have 17.4, and 64 at random 48 at most.
 */
const SST2_LENGTHS = [
  14, 10, 36, 15, 16, 14, 9, 11, 32, 27, 11, 9, 11, 13, 16, 14, 33, 45, 9, 9, 33, 9, 12, 13, 13, 9, 14, 13, 7, 12, 13,
  25, 14, 14, 9, 13, 10, 35, 14, 16, 20, 17, 19, 9, 27, 10, 18, 19, 36, 30, 9, 39, 24, 15, 14, 19, 9, 23, 17, 12, 8, 15,
  29, 10,
];

/** The first `count` lengths of SST-2's, evenly over the list. */
export const sst2Lengths = (count) => SST2_LENGTHS.filter((_, i) => i % (SST2_LENGTHS.length / count) === 0);

/** `count` sequences of `length` tokens. */
export const equalLengths = (count, length) => new Array(count).fill(length);

export const tokensOf = (lengths) => lengths.reduce((sum, length) => sum + length, 0);

/** Numerical Recipes' linear congruential generator: the same token ids in every run. */
const tokenIds = (lengths, first, vocabulary) => {
  let state = SEED;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return first + (state % (vocabulary - first));
  };
  return lengths.map((length) => Array.from({ length }, next));
};

/** Random token ids above the special ones, and one label-word position a sequence: before a full stop and the end. */
export const makeBatch = ({ vocabulary }, lengths) => {
  const sequences = tokenIds(lengths, 5, vocabulary);
  const positions = lengths.map((length) => Math.max(0, length - 3));
  const words = [100, 200];
  const labels = sequences.map((_, i) => i % 2);
  return {
    ours: {
      sequences,
      targets: labels.map((label, i) => ({ kind: 'labelWords', position: positions[i], words, label })),
    },
    theirs: { sequences, positions, words, labels, padding: PADDING },
  };
};

/** Throws if two lists of losses of the same sequences differ by more than 1e-4 anywhere; returns the largest difference. */
const sameLosses = (label, ours, theirs) => {
  if (ours.length !== theirs.length) throw new Error(`${label}: ${ours.length} losses here, ${theirs.length} there`);
  const difference = Math.max(...theirs.map((loss, i) => Math.abs(ours[i] - loss)));
  if (difference <= LOSS_TOLERANCE) return difference;
  throw new Error(`${label}: losses differ by ${difference}, more than ${LOSS_TOLERANCE}`);
};

/**
 * Models and batches of all sides, loaded once. `folders` maps a model's name to its folder, `openOnnx(name)` opens it
 * in onnxruntime, `plainOnnx(name)` gives its ONNX file as it was exported, with onnxruntime and options of a session, and
 * `causalOnnx(name)` that of a causal model with its loss.
 */
export const createWorkloads = ({ peer, folders, openOnnx, plainOnnx, causalOnnx, threads }) => {
  const models = new Map();
  const sessions = new Map();
  const loadedByPeer = new Set();
  let batches = 0;

  const load = async (name, shortcuts = {}, dtype = 'float32') => {
    const key = JSON.stringify([name, shortcuts, dtype]);
    if (!models.has(key))
      models.set(key, await Model.load(folders[name], { device: 'cpu', dtype, threads, shortcuts }));
    return models.get(key);
  };

  const onnx = async (name) => {
    if (!sessions.has(name)) sessions.set(name, await openOnnx(name));
    return sessions.get(name);
  };

  /** The model is in PyTorch too. */
  const loadPeer = async (name) => {
    if (loadedByPeer.has(name)) return;
    await peer.request('load', { model: name, folder: folders[name] });
    loadedByPeer.add(name);
  };

  /** A batch as onnxruntime takes it. */
  const rawBatch = (shape, lengths) => makeBatch(shape, lengths).theirs;

  /** A batch of ours. */
  const batch = (shape, lengths) => makeBatch(shape, lengths).ours;

  /**
   * A batch in all forms: `ours`, `theirs` for onnxruntime, `name` for requests to PyTorch; and the largest difference of
   * the losses that `of` and PyTorch compute of it at θ, which must be small.
   */
  const sharedBatch = async (shape, lengths, of) => {
    await loadPeer(shape.model);
    const made = makeBatch(shape, lengths);
    const name = String(batches++);
    await peer.request('batch', { batch: name, ...made.theirs });
    const reference = await peer.request('forward', { model: shape.model, batch: name });
    const check = (label, losses) => sameLosses(`${label}, ${shape.model}`, losses, reference.losses);
    const [losses] = await of.sequenceLosses(made.ours, [[]]);
    return { ...made, name, check, lossDifference: check('node-zest', losses) };
  };

  const dispose = () => {
    for (const model of models.values()) model.dispose();
  };

  return { peer, threads, folders, load, onnx, plainOnnx, causalOnnx, loadPeer, batch, rawBatch, sharedBatch, dispose };
};

export const BASE = { model: 'roberta-base', vocabulary: 50265, hidden: 768, intermediate: 3072 };
export const FILM = { model: 'film-roberta-mini', vocabulary: 8192, hidden: 192, intermediate: 768 };

/** A step of five directions; the weights stay near where all sides agree. */
export const STEP = { directions: 5, rho: 1e-3, tilt: 0, estimator: 'naive', sides: 'two', learningRate: 1e-9 };
