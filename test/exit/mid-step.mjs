// Ends in the middle of a step, in the way that its argument says.
import { load, longStep } from './long-call.mjs';

const models = await Promise.all([load(), load(), load()]);
for (const model of models) longStep(model).catch(() => {});
const ends = {
  exit: () => process.exit(7),
  throw: () => {
    throw new Error('on purpose');
  },
  interrupt: () => process.kill(process.pid, 'SIGINT'),
  load: () => {
    load();
    process.exit(7);
  },
  dispose: () => {
    for (const model of models) model.dispose();
  },
};
setTimeout(() => {
  console.log('ending');
  ends[process.argv[2]]();
}, 200);
