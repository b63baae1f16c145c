import Benchmark from 'benchmark';
import { coefficients, noise } from '../../dist/index.js';

const LOSSES = Float64Array.from({ length: 10 }, (_, i) => 0.7 + 0.01 * Math.sin(i));
const OPTIONS = { rho: 1e-3, tilt: { tau: 1 }, estimator: 'jackknife', sides: 'two' };

/** Small calls across the boundary of the addon, where the call itself is the cost. */
export const calls = () => {
  const suite = new Benchmark.Suite()
    .add('noise() of 1 sample', () => noise({ seed: 1, stream: 2n, offset: 0, length: 1 }))
    .add('noise() of 256 samples', () => noise({ seed: 1, stream: 2n, offset: 0, length: 256 }))
    .add('coefficients() of 10 losses, tau, jackknife', () => coefficients(LOSSES, OPTIONS));
  suite.run({ async: false });
  const figures = suite.map(({ name, error, hz, stats }) => {
    if (error) throw error;
    return { name, µs: 1e6 / hz, 'margin, %': stats.rme, samples: stats.sample.length };
  });
  return [{ title: 'calls across the boundary of the addon', figures, floors: [] }];
};
