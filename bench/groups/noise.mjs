import { noise as sample } from '../../dist/index.js';
import { interleave, ratio, time } from '../measure.mjs';
import { BASE } from './workloads.mjs';

const WHOLE = 2 ** 24; // samples
const BLOCK = 2 ** 15; // samples: 128 KiB stays in a core's cache, so that the generator is measured and not memory
const WORD_EMBEDDINGS = 'roberta.embeddings.word_embeddings.weight'; // the largest tensor that MeZO draws at once
const SEED = 1;

/** `calls` times `length` samples into the same memory. */
const intoMemory = async (workloads, { title, length, calls, law, least }, { repeats, onRun }) => {
  const into = new Float32Array(length);
  let stream = 0n;
  const ours = () =>
    time(async () => {
      for (let call = 0; call < calls; call++, stream++) sample({ seed: SEED, stream, offset: 0, law, into });
    });
  const theirs = async () => (await workloads.peer.request('noise', { length, calls, law, seed: SEED })).ms;
  const name = law === 'gaussian' ? 'PyTorch, normal_()' : 'PyTorch, bernoulli_().mul_(2).sub_(1)';
  const rows = await interleave(
    [
      { name: 'node-zest, noise()', work: title, side: 'ours', run: ours },
      { name, work: title, side: 'PyTorch', run: theirs },
    ],
    repeats,
    onRun,
  );
  return {
    title: `noise, ${law}, ${title}`,
    rows: rows.map((row) => ({ ...row, rates: { 'Gsamples/s': (calls * length) / row.ms.median / 1e6 } })),
    floors: [{ name: `samples a second over those of ${name}`, value: ratio(rows, name, 'node-zest, noise()'), least }],
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
      { name: 'node-zest, direction(), Gaussian', work: 'a new array', side: 'ours', run: ours('gaussian') },
      { name: 'node-zest, direction(), Rademacher', work: 'a new array', side: 'ours', run: ours('rademacher') },
      { name: 'PyTorch, torch.normal()', work: 'a new tensor, as MeZO', side: 'PyTorch', run: theirs },
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
export const noise = async (workloads, options) => {
  const whole = { title: 'into 64 MiB, threads of both', length: WHOLE, calls: 1 };
  const blocks = { title: 'into 128 KiB again and again, one thread', length: BLOCK, calls: WHOLE / BLOCK };
  return [
    await intoMemory(workloads, { ...whole, law: 'gaussian', least: 5 }, options),
    await intoMemory(workloads, { ...blocks, law: 'gaussian' }, options),
    await intoMemory(workloads, { ...blocks, law: 'rademacher' }, options),
    await wholeTensor(workloads, options),
  ];
};
