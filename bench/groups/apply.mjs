import { native } from '../../dist/native/load.js';
import { startEngineProcess } from '../child.mjs';
import { interleave } from '../measure.mjs';
import { BASE } from './workloads.mjs';

const DIRECTIONS = 5;
const COEFFICIENT = 1e-12; // weights stay where they are
const LEAST = { avx512: 1.3, avx2: 0.7 }; // G normals/s a core

/**
 * θ ← θ − Σ coefficient·v(stream) over five directions and all parameters, on each vector instruction set that the
 * machine has: an addon chooses its own once, so each runs in a process.
 */
export const apply = async (workloads, { repeats, onRun }) => {
  const sets = Object.keys(LEAST).filter((isa) => native().isa().available.includes(isa));
  const engines = await Promise.all(sets.map((isa) => startEngineProcess({ ZEST_ISA: isa })));
  const [{ dimension }] = await Promise.all(
    engines.map((engine) =>
      engine.request('load', { folder: workloads.folders[BASE.model], threads: workloads.threads }),
    ),
  );
  await workloads.loadPeer(BASE.model);
  const request = { directions: DIRECTIONS, coefficient: COEFFICIENT };
  const ours = (law) =>
    sets.map((isa, i) => ({
      name: `node-zest, ${isa}, ${law}`,
      work: 'one pass over the weights',
      side: 'ours',
      run: async () => (await engines[i].request('apply', { ...request, law })).ms,
    }));
  const theirs = async () => (await workloads.peer.request('apply', { model: BASE.model, seed: 1, ...request })).ms;
  const rows = await interleave(
    [
      ...ours('gaussian'),
      ...ours('rademacher'),
      {
        name: 'PyTorch, gaussian',
        work: 'normal and add_ for each direction and tensor',
        side: 'PyTorch',
        run: theirs,
      },
    ],
    repeats,
    onRun,
  );
  await Promise.all(engines.map((engine) => engine.stop()));
  const samples = ({ ms }) => (DIRECTIONS * dimension) / ms.median / 1e6 / workloads.threads;
  return [
    {
      title: `apply, ${DIRECTIONS} directions, ${dimension} parameters`,
      // A pass reads and writes 4 bytes a parameter; PyTorch makes one for each direction.
      rows: rows.map((row) => ({
        ...row,
        rates: {
          'Gsamples/s a core': samples(row),
          'GB/s of weights': (8 * dimension * (row.side === 'ours' ? 1 : DIRECTIONS)) / row.ms.median / 1e6,
        },
      })),
      floors: sets.map((isa) => ({
        name: `G normals/s a core, ${isa}`,
        value: samples(rows.find(({ name }) => name === `node-zest, ${isa}, gaussian`)),
        least: LEAST[isa],
      })),
    },
  ];
};
