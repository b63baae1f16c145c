import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import * as zest from 'node-zest';
import work from './work.cjs';

const [inWorker] = await once(new Worker(new URL('worker.mjs', import.meta.url)), 'message');
console.log(JSON.stringify({ imported: await work(zest), inWorker }));
