// Random programs of concurrent calls on two models, each against the same calls one after another. Prints JSON: how many
// calls there were, how they ended, and the programs whose values differ. The main thread and its workers run a share each.
import { randomInt } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { Model } from '../../dist/index.js';

const WORKERS = 2;
const MODELS = 2;

/** mulberry32 */
const numbers = (seed) => () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
};

const programOf = (seed) => {
  const random = numbers(seed);
  const below = (n) => Math.floor(random() * n);
  const kinds = ['evaluate', 'evaluate', 'step', 'step', 'apply', 'generate', 'logits', 'digest', 'parameter', 'save'];
  const calls = Array.from({ length: 4 + below(12) }, (_, i) => ({
    kind: random() < 0.04 ? 'dispose' : kinds[below(kinds.length)],
    model: below(MODELS),
    stream: BigInt(below(5)),
    ids: Array.from({ length: 2 + below(6) }, () => 3 + below(90)),
    abortAfter: random() < 0.2 ? below(4) : undefined, // ms; 0: at once
    name: `save-${i}`,
  }));
  return { seed, calls };
};

const ratio = { rho: 1e-3, tilt: { tau: 1 }, estimator: 'naive', sides: 'two', learningRate: 1e-2 };

const start = (models, folder, { kind, model, stream, ids, name }, signal) => {
  const of = models[model];
  const batch = { sequences: [ids], targets: [{ kind: 'tokens', from: 1, to: ids.length }] };
  const point = { stream, scale: 0.1 };
  switch (kind) {
    case 'evaluate':
      return of.evaluate(batch, [[], point], { signal });
    case 'step':
      return of.step(batch, { ...ratio, directions: 2, firstStream: stream, signal });
    case 'apply':
      return of.apply({ decay: 0.01, terms: [{ stream, coefficient: 0.1 }] }, { signal });
    case 'generate':
      return of.generate([ids], { maxTokens: 4, temperature: 1, seed: Number(stream), at: point, signal });
    case 'logits':
      return of.logits(batch, { at: point, signal });
    case 'digest':
      return of.digest();
    case 'parameter':
      return of.parameter(of.parameterNames[0]);
    case 'save':
      return of.save(join(folder, name)).then(async () => {
        const saved = await Model.load(join(folder, name), { device: 'cpu', threads: 1 });
        const digest = await saved.digest();
        saved.dispose();
        return digest;
      });
    case 'dispose':
      return Promise.resolve(of.dispose());
  }
};

const ABORTED = new Error('aborted on purpose');
const ended = (call) =>
  call.then(
    (value) => ({ value }),
    (error) => ({ error: error === ABORTED ? 'aborted' : (error.code ?? String(error)) }),
  );

const load = (folder) =>
  Promise.all(Array.from({ length: MODELS }, (_, i) => Model.load(folder, { device: 'cpu', threads: 1 + i })));

/** What differs between a program at once and one call after another, without the calls that were stopped. */
const check = async ({ seed, calls }, base, folder, counts) => {
  const models = await load(base);
  const together = await Promise.all(
    calls.map((call) => {
      const stop = new AbortController();
      if (call.abortAfter === 0) stop.abort(ABORTED);
      else if (call.abortAfter !== undefined) setTimeout(() => stop.abort(ABORTED), call.abortAfter);
      return ended(new Promise((resolve) => resolve(start(models, folder, call, stop.signal))));
    }),
  );
  for (const model of models) model.dispose();
  const reference = await load(base);
  const faults = [];
  const gone = new Set();
  for (const [i, call] of calls.entries()) {
    const found = together[i];
    const end = found.error ?? 'done';
    counts[end] = (counts[end] ?? 0) + 1;
    const isLater = gone.has(call.model);
    if (call.kind === 'dispose') gone.add(call.model);
    else if (isLater) {
      if (!['ERR_ZEST_DISPOSED', 'aborted'].includes(end)) faults.push({ seed, i, kind: call.kind, end });
    } else if (end === 'done') {
      const alone = await ended(start(reference, folder, call));
      if (!isDeepStrictEqual(alone, found)) faults.push({ seed, i, kind: call.kind, alone: alone.error ?? 'a value' });
    } else {
      const disposedLater = calls.slice(i).some(({ kind, model }) => kind === 'dispose' && model === call.model);
      const isStopped = end === 'aborted' && call.abortAfter !== undefined;
      if (!isStopped && !(end === 'ERR_ZEST_DISPOSED' && disposedLater)) faults.push({ seed, i, kind: call.kind, end });
    }
  }
  for (const model of reference) model.dispose();
  return faults;
};

const runAll = async ({ first, count, base, folder }) => {
  const counts = {};
  const faults = [];
  for (let seed = first; seed < first + count; seed++)
    faults.push(...(await check(programOf(seed), base, folder, counts)));
  return { counts, faults };
};

if (isMainThread) {
  const [base, folder, programs, from] = process.argv.slice(2);
  const first = from === undefined ? randomInt(2 ** 31) : Number(from);
  const share = Math.ceil(Number(programs) / (WORKERS + 1));
  const part = (i) => ({ first: first + i * share, count: share, base, folder: join(folder, `${i}`) });
  const workers = Array.from({ length: WORKERS }, (_, i) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: part(i + 1) });
    return new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  });
  const all = await Promise.all([runAll(part(0)), ...workers]);
  const counts = {};
  for (const each of all) for (const [end, n] of Object.entries(each.counts)) counts[end] = (counts[end] ?? 0) + n;
  rmSync(folder, { recursive: true, force: true });
  console.log(
    JSON.stringify({ first, programs: share * (WORKERS + 1), counts, faults: all.flatMap(({ faults }) => faults) }),
  );
} else {
  parentPort.postMessage(await runAll(workerData));
}
