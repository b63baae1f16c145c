// A worker thread that loads a model, tells its digest after a step, and begins a long one.
import { parentPort } from 'node:worker_threads';
import { load, longStep, shortStep } from '../exit/long-call.mjs';

const model = await load();
await shortStep(model);
parentPort.postMessage(await model.digest());
await longStep(model);
