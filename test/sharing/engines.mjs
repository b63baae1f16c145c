// Engines at work at once, in this thread and in others. Prints what JSON sharing.test.ts reads.
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { load, longStep, shortStep } from '../exit/long-call.mjs';

const threadCount = () => readdirSync('/proc/self/task').length;
const digestAfterStep = async (model) => {
  await shortStep(model);
  return model.digest();
};

/** The digests of two engines here and four in worker threads after a step each, all at once. */
const together = async () => {
  const workers = Array.from({ length: 4 }, () => new Worker(new URL('../worker/step.mjs', import.meta.url)));
  const messages = workers.map(
    (worker) => new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject)),
  );
  const here = [await load(), await load()].map(digestAfterStep);
  const digests = await Promise.all([...here, ...messages]);
  await Promise.all(workers.map((worker) => worker.terminate()));
  return digests;
};

/** What ends first: a file that is read, or one of more calls than libuv has threads. */
const firstToEnd = async () => {
  const models = await Promise.all(Array.from({ length: 6 }, load));
  const steps = models.map((model) =>
    longStep(model).then(
      () => 'step',
      () => 'step',
    ),
  );
  const first = await Promise.race([readFile(import.meta.filename).then(() => 'file'), ...steps]);
  for (const model of models) model.dispose();
  await Promise.all(steps);
  return first;
};

// Kept until the threads are counted: one that is forgotten gives its own back, whenever that is.
const one = await load();
const alone = await digestAfterStep(one);
const before = threadCount();
const model = await load();
const threads = threadCount() - before;
for (const each of [one, model]) each.dispose();
console.log(JSON.stringify({ alone, together: await together(), threads, first: await firstToEnd() }));
