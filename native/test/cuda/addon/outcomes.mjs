// node outcomes.mjs FOLDER DEVICE: what calls on a device come to, as one line of JSON.
import { Model } from '../../../../dist/index.js';
import { batch, shortStep } from './tiny.mjs';

const [, , folder, device] = process.argv;
const outcome = async (call) => {
  try {
    return { value: await call() };
  } catch ({ code, message }) {
    return { code, message };
  }
};
let model;
const outcomes = {
  load: await outcome(async () => {
    model = await Model.load(folder, { device });
    return model.device;
  }),
};
if (model) {
  outcomes.before = await outcome(() => model.digest());
  outcomes.large = await outcome(async () => (await model.evaluate(batch(1000), [[], []])).length);
  outcomes.step = await outcome(async () => (await shortStep(model)).losses.length);
  outcomes.digest = await outcome(() => model.digest());
}
outcomes.cpu = await outcome(async () => (await Model.load(folder, { device: 'cpu' })).device);
console.log(JSON.stringify(outcomes));
