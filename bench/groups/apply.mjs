import { interleave, time } from '../measure.mjs';
import { BASE } from './workloads.mjs';

const DIRECTIONS = 5;
const COEFFICIENT = 1e-12; // weights stay where they are

/** θ ← θ − Σ coefficient·v(stream) over five directions and all parameters. */
export const apply = async (workloads, { repeats, onRun }) => {
  const model = await workloads.load(BASE.model);
  let stream = 0n;
  const ours = (law) => () => {
    model.directions = { seed: 1, law };
    const terms = Array.from({ length: DIRECTIONS }, () => ({ stream: stream++, coefficient: COEFFICIENT }));
    return time(() => model.apply({ decay: 0, terms }));
  };
  const theirs = async () =>
    (
      await workloads.peer.request('apply', {
        model: BASE.model,
        directions: DIRECTIONS,
        coefficient: COEFFICIENT,
        seed: 1,
      })
    ).ms;
  const rows = await interleave(
    [
      { name: 'node-zest, Gaussian', work: 'one pass over the weights', side: 'ours', run: ours('gaussian') },
      { name: 'node-zest, Rademacher', work: 'one pass over the weights', side: 'ours', run: ours('rademacher') },
      {
        name: 'PyTorch, Gaussian',
        work: 'normal and add_ for each direction and tensor',
        side: 'PyTorch',
        run: theirs,
      },
    ],
    repeats,
    onRun,
  );
  const d = model.dimension;
  return [
    {
      title: `apply, ${DIRECTIONS} directions, ${d} parameters`,
      // A pass reads and writes 4 bytes a parameter; PyTorch makes one for each direction.
      rows: rows.map((row) => ({
        ...row,
        rates: {
          'Gsamples/s': (DIRECTIONS * d) / row.ms.median / 1e6,
          'GB/s of weights': (8 * d * (row.side === 'ours' ? 1 : DIRECTIONS)) / row.ms.median / 1e6,
        },
      })),
      floors: [],
    },
  ];
};
