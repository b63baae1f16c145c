// node bench/javascript.mjs [--device cuda] [--dtype bfloat16] [--repeats 1000] [--output FILE]
//
// What a small model's step takes from JavaScript, and its parts as calls of their own: film-roberta-mini, 16 × 32 tokens,
// five directions, two-sided. What the step takes beyond its two calls is the method's own work; beyond what the core takes
// (zest_gpu_check times it), packing, queueing and waking. Medians, in turn.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { Model, zest } from '../dist/index.js';
import { equalLengths, FILM, makeBatch } from './groups/workloads.mjs';
import { interleave, time } from './measure.mjs';
import { describeMachine } from './report.mjs';

const DIRECTIONS = 5;
const RHO = 1e-3;
const LEARNING_RATE = 1e-9; // weights stay where they are, so that every step is the same work

const { values } = parseArgs({
  options: {
    device: { type: 'string', default: 'auto' },
    dtype: { type: 'string', default: 'float32' },
    repeats: { type: 'string', default: '1000' },
    output: { type: 'string' },
  },
});
const { device, dtype } = values;
const model = await Model.load('film-roberta-mini', { device, dtype });
const batch = makeBatch(FILM, equalLengths(16, 32)).ours;
const optimizer = zest({ directions: DIRECTIONS, rho: RHO, learningRate: LEARNING_RATE });
const streams = Array.from({ length: DIRECTIONS }, (_, i) => BigInt(i));
const points = streams.flatMap((stream) => [RHO, -RHO].map((scale) => ({ stream, scale })));
const terms = streams.map((stream) => ({ stream, coefficient: LEARNING_RATE }));

const contestants = [
  { name: 'step', run: () => time(() => optimizer.step(model, batch)) },
  { name: 'evaluate, ten points', run: () => time(() => model.evaluate(batch, points)) },
  { name: 'apply, five terms', run: () => time(() => model.apply({ decay: 0, terms })) },
  { name: 'apply, no term', run: () => time(() => model.apply({ decay: 0, terms: [] })) },
];
const rows = await interleave(contestants, Number(values.repeats));
model.dispose();

const brief = rows.map(({ name, ms: { min, q1, median, q3 } }) => ({ name, ms: { min, q1, median, q3 } }));
for (const { name, ms } of brief) {
  const spread = `${ms.q1.toFixed(3)} to ${ms.q3.toFixed(3)}, least ${ms.min.toFixed(3)}`;
  console.log(`${name}: ${ms.median.toFixed(3)} ms (${spread}), ${Math.round(1000 / ms.median)} a second`);
}
if (values.output) {
  mkdirSync(dirname(values.output), { recursive: true });
  const result = {
    machine: describeMachine(),
    device: model.device,
    dtype,
    repeats: Number(values.repeats),
    rows: brief,
  };
  writeFileSync(values.output, `${JSON.stringify(result, null, 1)}\n`);
}
