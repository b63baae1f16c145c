import { startEngineProcess } from '../child.mjs';
import { BASE, equalLengths, STEP } from './workloads.mjs';

const MIB = 2 ** 20;
const ALLOWANCE = 64; // MiB

/**
 * MiB of activations of one evaluation group, the two sides of a direction: for each token its hidden state, the row of
 * the word embeddings, query, key, value, context, projection and norm, and the inner layer, in float32.
 */
const activations = ({ hidden, intermediate }, tokens) => (2 * tokens * (8 * hidden + intermediate) * 4) / MIB;

/** Resident size of a fresh process over that with the addon and no model. */
export const memory = async ({ folders, threads, batch }) => {
  const engine = startEngineProcess();
  const idle = await engine.request('idle');
  const grown = (bytes) => (bytes - idle.now) / MIB;
  const loaded = await engine.request('load', { folder: folders[BASE.model], threads });
  const weights = (4 * loaded.dimension) / MIB;
  const steps = (count) => engine.request('steps', { batch: batch(BASE, equalLengths(16, 64)), options: STEP, count });
  const first = await steps(1);
  const later = await steps(2);
  const large = await engine.request('pair', { batch: batch(BASE, equalLengths(128, 64)), scale: 1e-3 });
  await engine.stop();

  const most = (tokens) => weights + ALLOWANCE + activations(BASE, tokens);
  const figures = [
    { name: 'idle: Node and the addon', MiB: idle.now / MIB },
    { name: 'weights', MiB: weights },
    { name: 'activations of one group, 1024 tokens', MiB: activations(BASE, 1024) },
    { name: 'activations of one group, 8192 tokens', MiB: activations(BASE, 8192) },
    { name: 'over idle after loading', MiB: grown(loaded.now) },
    { name: 'over idle after a step of 16 × 64 tokens', MiB: grown(first.now) },
    { name: 'over idle after three', MiB: grown(later.now) },
    { name: 'over idle after 128 × 64 tokens', MiB: grown(large.now) },
  ];
  const floors = [
    { name: 'peak over idle while loading, MiB', value: grown(loaded.peak), most: weights + ALLOWANCE },
    { name: 'peak over idle with steps of 16 × 64 tokens, MiB', value: grown(later.peak), most: most(1024) },
    { name: 'peak over idle with 128 × 64 tokens, MiB', value: grown(large.peak), most: most(8192) },
  ];
  return [{ title: 'memory, roberta-base', figures, floors }];
};
