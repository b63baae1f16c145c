import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startProgram } from '../child.mjs';
import { interleave, ratio } from '../measure.mjs';

const PROGRAM = fileURLToPath(new URL('../../build/bench/bench/native/product', import.meta.url));
const WORK = 5e10; // floating-point operations a run, at least: a fraction of a second
const WIDTHS = [768, 3072];

/** Y = X·Wᵀ + b, as a forward calls it: weights are packed in every call. */
export const product = async ({ peer, threads }, { repeats, onRun }) => {
  if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is missing: npm run build:bench`);
  const kernel = startProgram('product', PROGRAM, [String(threads)], ({ rows, depth, columns, calls }) =>
    [rows, depth, columns, calls].join(' '),
  );
  const results = [];
  for (const [rows, least] of [
    [1024, 0.95],
    [64, 0.85],
  ]) {
    const timed = [];
    const floors = [];
    for (const depth of WIDTHS) {
      for (const columns of WIDTHS) {
        const operations = 2 * rows * depth * columns;
        const request = { rows, depth, columns, calls: Math.ceil(WORK / operations) };
        const ours = () => kernel.request('product', request);
        const theirs = () => peer.request('product', request);
        const [mine, its] = [(await ours()).checksum, (await theirs()).checksum];
        // Small integers over 8 make every sum exact, so any order gives the same.
        if (mine !== its) throw new Error(`${rows} × ${depth} × ${columns}: checksum ${mine} here, ${its} in PyTorch`);
        const shape = `${rows} × ${depth} × ${columns}`;
        const pair = await interleave(
          [
            { name: 'node-zest', work: shape, side: 'ours', run: async () => (await ours()).ms },
            { name: 'PyTorch, linear()', work: shape, side: 'PyTorch', run: async () => (await theirs()).ms },
          ],
          repeats,
          onRun,
        );
        timed.push(...pair.map((row) => ({ ...row, rates: { 'GFLOP/s': operations / row.ms.median / 1e6 } })));
        floors.push({
          name: `GFLOP/s over linear()'s, ${shape}`,
          value: ratio(pair, 'PyTorch, linear()', 'node-zest'),
          least,
        });
      }
    }
    results.push({ title: `product, ${rows} rows`, rows: timed, floors });
  }
  await kernel.stop();
  return results;
};
