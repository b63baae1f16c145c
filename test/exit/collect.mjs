// Loads models and forgets them, with and without work in flight: the collector gives back threads and memory.
import { readdirSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { load, shortStep } from './long-call.mjs';

const threads = () => readdirSync('/proc/self/task').length;
const settle = async () => {
  for (let i = 0; i < 5; i++) {
    global.gc();
    await wait(20);
  }
};
const round = async () => {
  const steps = [];
  for (let i = 0; i < 4; i++) steps.push(shortStep(await load()));
  global.gc(); // no model is reachable but through its pending call
  for (const { update } of await Promise.all(steps)) if (update.terms.length !== 1) throw new Error('a step was lost');
  await load();
};
await round();
await settle();
const before = { threads: threads(), bytes: process.memoryUsage().rss };
for (let i = 0; i < 10; i++) {
  await round();
  await settle();
}
console.log(JSON.stringify({ threads: threads() - before.threads, bytes: process.memoryUsage().rss - before.bytes }));
