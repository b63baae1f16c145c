// An engine of ours in a process or a worker thread of its own. It answers each message { op, ...arguments } with what
// the op returns, or { error }.
import { readFileSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { Model, noise } from '../dist/index.js';
import { time } from './measure.mjs';

let model;
let stream = 0n;

/** Resident size of this process and its peak so far, in bytes. */
const resident = () => {
  const status = readFileSync('/proc/self/status', 'utf8');
  const bytes = (key) => Number(new RegExp(`^${key}:\\s*(\\d+) kB`, 'm').exec(status)[1]) * 1024;
  return { now: bytes('VmRSS'), peak: bytes('VmHWM') };
};

const ops = {
  /** The addon is loaded, a model is not. */
  idle: () => {
    noise({ seed: 1, stream: 0n, offset: 0, length: 1 });
    return resident();
  },
  load: async ({ folder, threads }) => {
    model = await Model.load(folder, { device: 'cpu', threads });
    return { dimension: model.dimension, ...resident() };
  },
  /** One update of `directions` directions, its wall time in ms. */
  apply: async ({ directions, law, coefficient }) => {
    model.directions = { seed: 1, law };
    const terms = Array.from({ length: directions }, () => ({ stream: stream++, coefficient }));
    return { ms: await time(() => model.apply({ decay: 0, terms })) };
  },
  steps: async ({ batch, options, count }) => {
    for (let i = 0; i < count; i++) {
      await model.step(batch, { ...options, firstStream: stream });
      stream += BigInt(options.directions);
    }
    return resident();
  },
  /** The two sides of one direction: one group of evaluations. */
  pair: async ({ batch, scale }) => {
    await model.evaluate(
      batch,
      [scale, -scale].map((s) => ({ stream, scale: s })),
    );
    return resident();
  },
};

const reply = (message) => (parentPort ? parentPort.postMessage(message) : process.send(message));
(parentPort ?? process).on('message', async ({ op, ...args }) => {
  try {
    reply(await ops[op](args));
  } catch (error) {
    reply({ error: error.message });
  }
});
