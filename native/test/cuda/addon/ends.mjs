// node ends.mjs FOLDER terminate|exit: workers in the middle of a step on a device are terminated, while the main thread
// goes on with a model of its own; or the process ends.
import { setTimeout as wait } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { Model } from '../../../../dist/index.js';
import { shortStep } from './tiny.mjs';

const [, , folder, how] = process.argv;
const script = new URL('./worker.mjs', import.meta.url);
const digests = new Set();
const stepped = async () => {
  const model = await Model.load(folder, { device: 'cuda' });
  await shortStep(model);
  digests.add(await model.digest());
};
const workers = ['cuda', 'cuda:1'].map((device) => new Worker(script, { workerData: { folder, device } }));
for (const digest of await Promise.all(
  workers.map((worker) => new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))),
)) {
  digests.add(digest);
}
await wait(100);
if (how === 'exit') process.exit(7);
await stepped();
await Promise.all(workers.map((worker) => worker.terminate()));
await stepped();
console.log(JSON.stringify({ digests: digests.size }));
