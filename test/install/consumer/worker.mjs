import { parentPort } from 'node:worker_threads';
import * as zest from 'node-zest';
import work from './work.cjs';

parentPort.postMessage(await work(zest));
