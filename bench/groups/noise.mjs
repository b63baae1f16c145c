import { noise as sample } from '../../dist/index.js';
import { interleave, ratio, time } from '../measure.mjs';
import { BASE } from './workloads.mjs';

const LENGTH = 50265 * 768; // the word embeddings, the largest tensor that MeZO draws at once
const NOISE = 'node-zest, noise()';
const DIRECTION = 'node-zest, Model.direction()';
const NORMAL = 'PyTorch, normal_()';
const WORD_EMBEDDINGS = 'roberta.embeddings.word_embeddings.weight';

/** Samples drawn into memory. `normal_` fills a tensor it is given; the calls here also allocate. */
export const noise = async (workloads, { repeats, onRun }) => {
  const model = await workloads.load(BASE.model);
  const results = [];
  let stream = 0n;
  for (const law of ['gaussian', 'rademacher']) {
    const rows = await interleave(
      [
        {
          name: NOISE,
          work: 'one thread',
          side: 'ours',
          run: () => time(async () => sample({ seed: 1, stream: stream++, offset: 0, length: LENGTH, law })),
        },
        {
          name: DIRECTION,
          work: "the engine's threads",
          side: 'ours',
          run: () => {
            model.directions = { seed: 1, law };
            return time(() => model.direction(stream++, WORD_EMBEDDINGS));
          },
        },
        {
          name: law === 'gaussian' ? NORMAL : 'PyTorch, bernoulli_().mul_(2).sub_(1)',
          work: 'into a tensor that is there',
          side: 'PyTorch',
          run: async () => (await workloads.peer.request('noise', { length: LENGTH, law, seed: 1 })).ms,
        },
      ],
      repeats,
      onRun,
    );
    results.push({
      title: `noise, ${law}, ${LENGTH} samples`,
      rows: rows.map((row) => ({ ...row, rates: { 'Gsamples/s': LENGTH / row.ms.median / 1e6 } })),
      floors:
        law === 'gaussian'
          ? [NOISE, DIRECTION].map((name) => ({
              name: `normal_() over ${name}`,
              value: ratio(rows, NORMAL, name),
              least: 5,
            }))
          : [],
    });
  }
  return results;
};
