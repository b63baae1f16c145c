// Loads the model of a folder and makes steps: what the process holds, and held at most, in MiB. Prints JSON.
import { readFileSync } from 'node:fs';
import { Model, noise } from '../../dist/index.js';

const [folder, sequences, length] = process.argv.slice(2);
const batch = {
  sequences: Array.from({ length: Number(sequences) }, (_, s) =>
    Array.from({ length: Number(length) }, (_, i) => 3 + s * Number(length) + i),
  ),
  targets: Array.from({ length: Number(sequences) }, () => ({
    kind: 'labelWords',
    position: 1,
    words: [5, 9],
    label: 0,
  })),
};
const resident = () => {
  global.gc();
  const status = readFileSync('/proc/self/status', 'utf8');
  const mib = (key) => Number(new RegExp(`^${key}:\\s*(\\d+) kB`, 'm').exec(status)[1]) / 1024;
  return { now: mib('VmRSS'), peak: mib('VmHWM') };
};

noise({ seed: 1, stream: 0n, offset: 0, length: 1 }); // loads the addon
const idle = resident();
const model = await Model.load(folder, { device: 'cpu', threads: 2 });
const loaded = resident();
let firstStream = 0n;
const step = async () => {
  await model.step(batch, {
    directions: 1,
    firstStream: firstStream++,
    rho: 1e-3,
    tilt: 0,
    estimator: 'naive',
    sides: 'two',
    learningRate: 1e-6,
  });
};
await step();
const first = resident();
for (let i = 0; i < 10; i++) await step();
console.log(JSON.stringify({ idle, loaded, first, later: resident() }));
