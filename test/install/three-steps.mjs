// Three steps of ZEST on the built-in model with the addon that ZEST_NATIVE names; prints what tells one result from another.
import { createRequire } from 'node:module';
import { Model, zest } from '../../dist/index.js';

const model = await Model.load('film-roberta-mini');
const batch = {
  sequences: [5, 17, 30].map((length, s) => Array.from({ length }, (_, i) => 5 + ((i * 977 + s * 131) % 8187))),
  targets: [5, 17, 30].map((length) => ({ kind: 'maskedTokens', positions: [0, length - 1], ids: [9, 700] })),
};
const optimizer = zest({ learningRate: 1e-3, tilt: { tau: 1 }, estimator: 'jackknife', weightDecay: 0.1, seed: 3 });
const losses = [];
for (let step = 0; step < 3; step++) losses.push((await optimizer.step(model, batch)).meanLoss);
const { used } = createRequire(import.meta.url)(process.env.ZEST_NATIVE).isa();
console.log(JSON.stringify({ arch: process.arch, used, losses, digest: await model.digest() }));
