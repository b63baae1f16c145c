// The main thread exits while workers are in the middle of a step.
import { Worker } from 'node:worker_threads';

const script = new URL('./step.mjs', import.meta.url);
const workers = [0, 1].map(() => new Worker(script));
await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))));
setTimeout(() => process.exit(7), 50);
