// Loads a model, takes a step and disposes of it, again and again. Prints what the process held meanwhile, as JSON.
import { load, shortStep } from '../exit/long-call.mjs';
import { held } from './held.mjs';

const lives = Number(process.argv[2]);
const samples = [];
const digests = new Set();
for (let life = 0; life < lives; life++) {
  const model = await load();
  await shortStep(model);
  if (life % Math.ceil(lives / 20) === 0) {
    digests.add(await model.digest());
    samples.push(held());
  }
  model.dispose();
}
console.log(JSON.stringify({ samples, digests: digests.size }));
