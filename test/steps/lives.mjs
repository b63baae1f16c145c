// Loads a model, takes a step and disposes of it, again and again. Prints what the process held meanwhile, as JSON.
import { readdirSync } from 'node:fs';
import { load, shortStep } from '../exit/long-call.mjs';

const lives = Number(process.argv[2]);
const samples = [];
const digests = new Set();
for (let life = 0; life < lives; life++) {
  const model = await load();
  await shortStep(model);
  if (life % Math.ceil(lives / 20) === 0) {
    digests.add(await model.digest());
    global.gc();
    const [files, threads] = ['fd', 'task'].map((each) => readdirSync(`/proc/self/${each}`).length);
    samples.push({ bytes: process.memoryUsage().rss, files, threads });
  }
  model.dispose();
}
console.log(JSON.stringify({ samples, digests: digests.size }));
