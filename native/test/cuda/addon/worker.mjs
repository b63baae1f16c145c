// A worker thread that tells its digest after a step on the device, and begins a long one.
import { parentPort, workerData } from 'node:worker_threads';
import { Model } from '../../../../dist/index.js';
import { longStep, shortStep } from './tiny.mjs';

const model = await Model.load(workerData.folder, { device: workerData.device });
await shortStep(model);
parentPort.postMessage(await model.digest());
await longStep(model);
