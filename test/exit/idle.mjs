// Ends by itself: an engine that has nothing to do keeps no process alive.
import { load, shortStep } from './long-call.mjs';

const model = await load();
await shortStep(model);
console.log('done');
