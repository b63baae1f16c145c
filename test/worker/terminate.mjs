// Ends workers in the middle of a step, three at a time, while the main thread goes on with a model of its own: as many
// rounds as it is told, or three. Prints what the process held meanwhile, as JSON.
import { Worker } from 'node:worker_threads';
import { load, shortStep } from '../exit/long-call.mjs';
import { held } from '../steps/held.mjs';

const script = new URL('./step.mjs', import.meta.url);
const model = await load();
await shortStep(model);
const digests = new Set([await model.digest()]);
const rounds = Number(process.argv[2] ?? 3);
const samples = [];
let slowest = 0;
for (let round = 0; round < rounds; round++) {
  const workers = Array.from({ length: 3 }, () => new Worker(script));
  const messages = workers.map(
    (worker) => new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject)),
  );
  for (const digest of await Promise.all(messages)) digests.add(digest);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const started = performance.now();
  await Promise.all(workers.map((worker) => worker.terminate()));
  slowest = Math.max(slowest, performance.now() - started);
  if (round % Math.ceil(rounds / 20) === 0) samples.push(held());
}
const again = await load();
await shortStep(again);
digests.add(await again.digest());
console.log(JSON.stringify({ digests: digests.size, slowest, samples }));
