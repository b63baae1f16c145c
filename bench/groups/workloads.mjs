import { Model } from '../../dist/index.js';

/** Both sides compute the same losses, or the bench fails. */
const LOSS_TOLERANCE = 1e-4;
const SEED = 20260101;

/** Numerical Recipes' linear congruential generator: the same token ids in every run. */
const tokenIds = (count, length, first, vocabulary) => {
  let state = SEED;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return first + (state % (vocabulary - first));
  };
  return Array.from({ length: count }, () => Array.from({ length }, next));
};

/** Random token ids above the special ones, full length, and one label-word position a sequence, the last. */
const makeBatch = ({ sequences: count, length, vocabulary }) => {
  const sequences = tokenIds(count, length, 5, vocabulary);
  const position = length - 1;
  const words = [100, 200];
  const labels = sequences.map((_, i) => i % 2);
  return {
    ours: { sequences, targets: labels.map((label) => ({ kind: 'labelWords', position, words, label })) },
    theirs: { sequences, position, words, labels },
  };
};

/**
 * Models and batches of both sides by name, loaded once. `folders` maps a model's name to its folder; `load` and `batch`
 * are what the groups use.
 */
export const createWorkloads = (peer, folders, threads) => {
  const models = new Map();
  const loadedByPeer = new Set();
  let batches = 0;

  const load = async (name, shortcuts = {}) => {
    const key = JSON.stringify([name, shortcuts]);
    if (!loadedByPeer.has(name)) {
      await peer.request('load', { model: name, folder: folders[name] });
      loadedByPeer.add(name);
    }
    if (!models.has(key)) models.set(key, await Model.load(folders[name], { device: 'cpu', threads, shortcuts }));
    return models.get(key);
  };

  /** A batch in both forms. `theirs` names it in requests. */
  const batch = async (shape) => {
    const made = makeBatch(shape);
    const theirs = String(batches++);
    await peer.request('batch', { batch: theirs, ...made.theirs });
    return { ours: made.ours, theirs };
  };

  const dispose = () => {
    for (const model of models.values()) model.dispose();
  };

  return { peer, load, batch, dispose };
};

/** Throws if two lists of losses of the same sequences differ by more than 1e-4 anywhere; returns the largest difference. */
export const sameLosses = (label, ours, theirs) => {
  if (ours.length !== theirs.length)
    throw new Error(`${label}: ${ours.length} losses here, ${theirs.length} in PyTorch`);
  const difference = Math.max(...theirs.map((loss, i) => Math.abs(ours[i] - loss)));
  if (difference <= LOSS_TOLERANCE) return difference;
  throw new Error(`${label}: losses differ by ${difference} from PyTorch's, more than ${LOSS_TOLERANCE}`);
};

export const BASE = { model: 'roberta-base', vocabulary: 50265 };
export const FILM = { model: 'film-roberta-mini', vocabulary: 8192 };
