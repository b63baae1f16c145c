// node bench/tilt.mjs: what a tilt does to one estimate of the gradient, where everything is known. docs/tilt.md
//
// f(x) = g·x + xᵀΛx/2 in 30 dimensions, ‖g‖ = 1, Λ from 0.1 to 10, ρ = 0.05, Gaussian directions, ten forwards an
// estimate, 4,000 estimates each. The gradient of the tilted loss is gᵢ/(1 − tρ²λᵢ) (docs/tilt.md).
import { coefficients, noise } from '../dist/index.js';

const DIMENSION = 30;
const RHO = 0.05;
const FORWARDS = 10;
const REPEATS = 4000;
const TAUS = [0.01, 0.3, 1, 2];
const ESTIMATORS = [
  ['naive', { estimator: 'naive', sides: 'two' }],
  ['bias-corrected', { estimator: 'biasCorrected', sides: 'two' }],
  ['jackknife', { estimator: 'jackknife', sides: 'two' }],
  ['one-sided', { estimator: 'naive', sides: 'one' }],
];

const range = (n, f) => Array.from({ length: n }, (_, i) => f(i));
const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const curvature = range(DIMENSION, (i) => 0.1 * 100 ** (i / (DIMENSION - 1)));
const raw = Array.from(noise({ seed: 1, stream: 0n, offset: 0, length: DIMENSION }));
const gradient = raw.map((value) => value / Math.sqrt(dot(raw, raw)));
const loss = (x) =>
  dot(gradient, x) +
  0.5 *
    dot(
      curvature.map((value, i) => value * x[i]),
      x,
    );

const direction = (stream) => noise({ seed: 2, stream: BigInt(stream), offset: 0, length: DIMENSION });
const at = (v, scale) => loss(Array.from(v, (value) => scale * value));
// The spread of f(ρv), for the tilt that gives tau.
const sigma = Math.sqrt(RHO ** 2 + 0.5 * RHO ** 4 * dot(curvature, curvature));

console.log('| tau | estimator | effective sample size | cosine with the gradient of the tilted loss | length |');
console.log('| --- | --- | --- | --- | --- |');
for (const tau of TAUS) {
  const tilt = tau / sigma;
  const target = gradient.map((value, i) => value / (1 - tilt * RHO ** 2 * curvature[i]));
  for (const [name, options] of ESTIMATORS) {
    const two = options.sides === 'two';
    const count = two ? FORWARDS / 2 : FORWARDS;
    const mean = new Array(DIMENSION).fill(0);
    let cosine = 0;
    let size = 0;
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      const directions = range(count, (i) => direction(repeat * count + i));
      const losses = directions.flatMap((v) => (two ? [at(v, RHO), at(v, -RHO)] : [at(v, RHO)]));
      const { coefficients: c, effectiveSampleSize } = coefficients(losses, { rho: RHO, tilt, ...options });
      const estimate = range(DIMENSION, (j) => c.reduce((sum, factor, i) => sum + factor * directions[i][j], 0));
      cosine += dot(estimate, target) / Math.sqrt(dot(estimate, estimate) * dot(target, target));
      size += effectiveSampleSize;
      for (const [j, value] of estimate.entries()) mean[j] += value / REPEATS;
    }
    const cells = [tau, name, `${(size / REPEATS).toFixed(1)} of ${FORWARDS}`, (cosine / REPEATS).toFixed(3)];
    console.log(`| ${[...cells, (dot(mean, target) / dot(target, target)).toFixed(2)].join(' | ')} |`);
  }
}
