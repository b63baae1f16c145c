// A method of one's own, in a file that configurations name:
//   npx zest train examples/words.yaml --set optimizer='{method: ./examples/rank-method.mjs, learningRate: 1}'
// Only the rank of each loss counts, as in evolution strategies, so that no single bad perturbation decides a step.
import { defineMethod, z } from 'node-zest';

export default defineMethod({
  name: 'ranks',
  title: 'Centred ranks',
  options: {
    directions: z.int().min(1).default(8).describe('directions a step; two forwards each'),
    rho: z.number().positive().default(1e-2).describe('perturbation scale per coordinate'),
  },
  streams: ({ directions }) => directions,
  forwards: ({ directions }) => 2 * directions,
  diagnostics: {
    lossRange: { title: 'Range of losses', words: 'Largest less smallest loss of a step.', brief: 'range' },
  },
  *estimate({ directions, rho }, { streams }) {
    const losses = yield streams.flatMap((stream) => [
      { stream, scale: rho },
      { stream, scale: -rho },
    ]);
    const order = [...losses.keys()].sort((a, b) => losses[a] - losses[b]);
    const rank = new Float64Array(losses.length);
    for (const [place, i] of order.entries()) rank[i] = place / (losses.length - 1) - 0.5;
    return {
      terms: streams.map((stream, i) => ({ stream, coefficient: (rank[2 * i] - rank[2 * i + 1]) / directions })),
      meanLoss: losses.reduce((sum, loss) => sum + loss, 0) / losses.length,
      diagnostics: { lossRange: losses[order.at(-1)] - losses[order[0]] },
    };
  },
});
