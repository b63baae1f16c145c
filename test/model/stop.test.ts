import { getEventListeners } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Model } from '../../lib/model/model.ts';
import type { ModelStepOptions } from '../../lib/model/step.ts';
import type { Point } from '../../lib/objective.ts';
import { film, filmBatch } from '../fixtures/film.ts';
import { rejects } from '../fixtures/rejects.ts';
import { modelTests } from '../fixtures/tiny-models.ts';

const { load } = modelTests();

const batch = filmBatch(Array(32).fill(120));
/** Seconds of work. */
const points: Point[] = Array.from({ length: 400 }, (_, i) => ({ stream: BigInt(i), scale: 1e-3 }));
const step: ModelStepOptions = {
  ...{ directions: 200, firstStream: 0n, rho: 1e-3, learningRate: 1e-4, tilt: 1, estimator: 'naive', sides: 'two' },
};

/** Every call that takes a signal, each a matter of seconds but the last two. */
const calls = (model: Model): [string, (signal: AbortSignal) => Promise<unknown>][] => [
  ['evaluate', (signal) => model.evaluate(batch, points, { signal })],
  ['sequenceLosses', (signal) => model.sequenceLosses(batch, points, { signal })],
  ['logits', (signal) => model.logits(batch, { signal })],
  ['step', (signal) => model.step(batch, { ...step, signal })],
  ['step of a function', (signal) => model.step(batch, { ...step, signal, estimator: () => new Float64Array(200) })],
  ['apply', (signal) => model.apply({ decay: 0, terms: [{ stream: 1n, coefficient: 1 }] }, { signal })],
  ['direction', (signal) => model.direction(1n, 'lm_head.bias', { signal })],
];

describe('abort', () => {
  it('before a call rejects with the reason, and nothing is done', async () => {
    const model = await load(film);
    const digest = await model.digest();
    const reason = { my: 'reason' };
    for (const [, call] of calls(model)) await expect(call(AbortSignal.abort(reason))).rejects.toBe(reason);
    await expect(Model.load(film, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect([model.version, model.forwards, await model.digest()]).toEqual([0n, 0n, digest]);
  });

  it('during a call rejects with the reason soon, and the weights are as before', async () => {
    const model = await load(film);
    const digest = await model.digest();
    for (const [name, call] of calls(model)) {
      if (['logits', 'apply', 'direction'].includes(name)) continue; // too short
      const controller = new AbortController();
      const pending = call(controller.signal);
      const stopped = wait(100).then(() => {
        controller.abort(new Error(name));
        return performance.now();
      });
      await expect(pending).rejects.toThrow(name);
      expect(performance.now() - (await stopped)).toBeLessThan(10_000);
      expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    }
    expect([model.version, await model.digest()]).toEqual([0n, digest]);
  });

  it('in the queue rejects with the reason in turn', async () => {
    const model = await load(film);
    const controller = new AbortController();
    const first = model.evaluate(batch, points.slice(0, 4));
    const queued = calls(model).map(([, call]) => call(controller.signal));
    controller.abort('changed my mind');
    for (const pending of queued) await expect(pending).rejects.toBe('changed my mind');
    expect(await first).toHaveLength(4);
    expect(model.version).toBe(0n);
  });

  it('after a call does nothing, and no listener stays', async () => {
    const model = await load(film);
    const controller = new AbortController();
    const { signal } = controller;
    await model.evaluate(filmBatch([3]), [[]], { signal });
    await model.apply({ decay: 0, terms: [] }, { signal });
    await rejects(
      () => model.evaluate(filmBatch([3]), [{ stream: 1n, scale: 3e38 }], { signal }),
      'ERR_ZEST_LOSS_NOT_FINITE',
      /stream 1/,
    );
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    controller.abort();
    expect(await model.evaluate(filmBatch([3]), [[]])).toHaveLength(1);
  });

  it('of one call leaves the others alone', async () => {
    const model = await load(film);
    const controller = new AbortController();
    const stopped = model.evaluate(batch, points, { signal: controller.signal });
    const kept = model.evaluate(filmBatch([3]), [[]], { signal: new AbortController().signal });
    controller.abort();
    await expect(stopped).rejects.toThrow(/aborted/);
    expect(await kept).toHaveLength(1);
  });

  it('of many calls has one listener, and is the reason though the model is disposed then', async () => {
    const model = await load(film);
    const controller = new AbortController();
    const pending = Array.from({ length: 20 }, () => model.evaluate(batch, points, { signal: controller.signal }));
    const settled = Promise.allSettled(pending);
    await wait(20);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
    controller.abort('enough');
    model.dispose();
    for (const result of await settled) expect(result).toEqual({ status: 'rejected', reason: 'enough' });
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  it('by a timeout is a TimeoutError', async () => {
    const model = await load(film);
    await expect(model.evaluate(batch, points, { signal: AbortSignal.timeout(50) })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
  });

  it('may come at any moment of a step: it is then done or not', async () => {
    const short = filmBatch([40, 40, 40, 40]);
    const options = { ...step, directions: 4 };
    const digest = await (await load(film)).digest();
    for (let after = 0; after < 30; after += 2) {
      const model = await load(film);
      const signal = AbortSignal.timeout(after);
      const result = await model.step(short, { ...options, signal }).catch((reason) => reason);
      const done = 'update' in result;
      expect(model.version).toBe(done ? 1n : 0n);
      expect((await model.digest()) === digest).toBe(!done);
      model.dispose();
    }
  });
});

describe('dispose', () => {
  it('may be called twice; then every call rejects', async () => {
    const model = await load(film);
    await model.apply({ decay: 0, terms: [] });
    model.dispose();
    model.dispose();
    const signal = new AbortController().signal;
    for (const [, call] of calls(model)) await rejects(() => call(signal), 'ERR_ZEST_DISPOSED', /disposed/);
    for (const call of [
      () => model.parameter('lm_head.bias'),
      () => model.direction(0n, 'lm_head.bias'),
      () => model.digest(),
      () => model.save('nowhere'),
    ]) {
      await rejects(call, 'ERR_ZEST_DISPOSED', /disposed/);
    }
    expect([model.version, model.forwards]).toEqual([1n, 0n]);
  });

  it('stops what is under way and in the queue', async () => {
    const model = await load(film);
    const pending = calls(model).map(([, call]) => call(new AbortController().signal));
    const settled = Promise.allSettled(pending);
    await wait(50);
    const started = performance.now();
    model.dispose();
    const results = await settled;
    expect(performance.now() - started).toBeLessThan(10_000);
    for (const result of results) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'ERR_ZEST_DISPOSED' } });
    }
  });

  it('comes with the end of a block', async () => {
    let kept: Model;
    {
      using model = await Model.load(film);
      kept = model;
      expect(await kept.evaluate(filmBatch([3]), [[]])).toHaveLength(1);
    }
    await rejects(() => kept.digest(), 'ERR_ZEST_DISPOSED', /disposed/);
  });
});

it('evaluations leave the weights as they are', async () => {
  const model = await load(film);
  const digest = await model.digest();
  for (const law of ['gaussian', 'sphere', 'rademacher', { lowRank: 2 }] as const) {
    const directions = { seed: 3, law };
    await model.evaluate(batch, points.slice(0, 3), { directions });
    await model.logits(filmBatch([5]), { at: points[0], directions });
    expect(await model.digest()).toBe(digest);
  }
});
