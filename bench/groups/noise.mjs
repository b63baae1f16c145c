import { noise as sample } from '../../dist/index.js';
import { interleave, ratio, time } from '../measure.mjs';
import { BASE } from './workloads.mjs';

const BLOCK = 2 ** 15; // samples: 128 KiB stays in the processor's cache, so that the generator is measured and not memory
const BLOCKS = 512;
const WORD_EMBEDDINGS = 'roberta.embeddings.word_embeddings.weight'; // the largest tensor that MeZO draws at once
const SEED = 1;

const generator = async (workloads, law, { repeats, onRun }) => {
  let stream = 0n;
  const ours = () =>
    time(async () => {
      for (let block = 0; block < BLOCKS; block++, stream++) {
        sample({ seed: SEED, stream, offset: 0, length: BLOCK, law });
      }
    });
  const theirs = async () =>
    (await workloads.peer.request('noise', { length: BLOCK, calls: BLOCKS, law, seed: SEED })).ms;
  const name = law === 'gaussian' ? 'PyTorch, normal_()' : 'PyTorch, bernoulli_().mul_(2).sub_(1)';
  const rows = await interleave(
    [
      { name: 'node-zest, noise()', work: 'a new array each call, one thread', side: 'ours', run: ours },
      { name, work: 'into one tensor, again and again', side: 'PyTorch', run: theirs },
    ],
    repeats,
    onRun,
  );
  const value = ratio(rows, name, 'node-zest, noise()');
  return {
    title: `noise, ${law}, ${BLOCKS} blocks of ${BLOCK} samples`,
    rows: rows.map((row) => ({ ...row, rates: { 'Gsamples/s': (BLOCKS * BLOCK) / row.ms.median / 1e6 } })),
    floors: law === 'gaussian' ? [{ name: 'samples a second over those of normal_()', value, least: 5 }] : [],
  };
};

const wholeTensor = async (workloads, { repeats, onRun }) => {
  const model = await workloads.load(BASE.model);
  const { length } = await model.parameter(WORD_EMBEDDINGS);
  let stream = 0n;
  const ours = (law) => () => {
    model.directions = { seed: SEED, law };
    return time(() => model.direction(stream++, WORD_EMBEDDINGS));
  };
  const theirs = async () => (await workloads.peer.request('normal', { length, seed: SEED })).ms;
  const rows = await interleave(
    [
      { name: 'node-zest, direction(), Gaussian', work: "the engine's threads", side: 'ours', run: ours('gaussian') },
      {
        name: 'node-zest, direction(), Rademacher',
        work: "the engine's threads",
        side: 'ours',
        run: ours('rademacher'),
      },
      { name: 'PyTorch, torch.normal()', work: 'as MeZO draws it', side: 'PyTorch', run: theirs },
    ],
    repeats,
    onRun,
  );
  return {
    title: `noise of the word embeddings into new memory, ${length} samples`,
    rows: rows.map((row) => ({ ...row, rates: { 'Gsamples/s': length / row.ms.median / 1e6 } })),
    floors: [],
  };
};

/** Samples drawn into memory. */
export const noise = async (workloads, options) => [
  await generator(workloads, 'gaussian', options),
  await generator(workloads, 'rademacher', options),
  await wholeTensor(workloads, options),
];
