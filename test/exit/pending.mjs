// Ends once its call is done: work that is pending keeps the process alive, with no timer and nothing else.
import { load, shortStep } from './long-call.mjs';

const model = await load();
shortStep(model).then(() => console.log('done'));
