import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { blackBox, createOptimizer, defineMethod, vectorObjective, z } from '../../lib/index.ts';
import type { AnyMethod, StepContext } from '../../lib/methods/method.ts';
import { zest } from '../cli/zest.ts';
import { rejects } from '../fixtures/rejects.ts';
import { reviewConfig, reviewFolder } from '../training/runs.ts';

// A method of a caller's own that asks or gives something else than what a method does.

const methodOf = (parts: object): AnyMethod =>
  defineMethod({
    name: 'odd',
    title: 'Odd',
    options: {},
    streams: () => 1,
    forwards: () => 1,
    diagnostics: { height: { title: 'Height', words: 'Of the loss.' } },
    ...parts,
  } as unknown as AnyMethod);

/** Expects that a step fails, and that nothing is moved. */
const refused = async (estimate: unknown, text: RegExp, code = 'ERR_ZEST_OPTION', parts = {}) => {
  const objective = vectorObjective(([x = 0]) => x * x, [1]);
  const optimizer = createOptimizer(methodOf({ estimate, ...parts }), { learningRate: 0.1 });
  await rejects(() => optimizer.step(objective), code, text);
  expect([objective.x[0], optimizer.state().step]).toEqual([1, 0]);
};

/** A method that returns an estimate but for some parts of it. */
const returning = (parts: object) =>
  function* (_: unknown, { streams: [stream] }: StepContext) {
    const [loss]: Float64Array = yield [[]];
    return { terms: [{ stream, coefficient: 1 }], meanLoss: loss, diagnostics: {}, ...parts };
  };

describe('a method of one’s own', () => {
  it('is a generator', async () => {
    await refused(
      () => ({ terms: [] }),
      /^method odd: estimate gave \{ terms: \[] }; expected a generator, \*estimate/,
    );
    await refused(async () => 5, /^method odd: estimate gave Promise \{ 5 }; expected a generator/);
    await refused(async function* () {}, /^method odd: estimate gave Object \[AsyncGenerator] \{}; expected a gen/);
  });

  it('asks for rounds', async () => {
    for (const round of [
      5,
      undefined,
      'abc',
      {},
      { points: [[]], of: 'some' },
      { points: 5, of: 'all' },
      { gradient: 5 },
    ])
      await refused(function* () {
        yield round;
      }, /^method odd: estimate yielded .*; expected a list of points, \{ points, of: 'all' or 'halves' } or \{ grad/);
  });

  it('returns an estimate', async () => {
    await refused(function* () {
      yield [[]];
    }, /^method odd: estimate returned undefined; expected \{ terms, meanLoss, diagnostics }$/);
    const of = (parts: object, text: RegExp, code?: string) => refused(returning(parts), text, code);
    await of(
      { terms: undefined },
      /^method odd: terms of its estimate is undefined; expected a list of \{ stream, coeff/,
    );
    await of(
      { terms: [5] },
      /^method odd: terms\[0] of its estimate is 5; expected \{ stream, coefficient }, a bigint and/,
    );
    await of({ terms: [{ stream: 1, coefficient: 1 }] }, /terms\[0] of its estimate is \{ stream: 1, coefficient: 1 }/);
    await of({ terms: [{ stream: 1n, coefficient: '1' }] }, /terms\[0] of its estimate is \{ stream: 1n, coeffi/);
    await of(
      { terms: [{ stream: 0n, coefficient: Number.NaN }] },
      /^method odd: terms\[0].coefficient of its estimate is NaN; expected a finite number$/,
      'ERR_ZEST_UPDATE',
    );
    await of({ meanLoss: '1' }, /^method odd: meanLoss of its estimate is '1'; expected a number$/);
    await of({ rate: Number.NaN }, /^method odd: rate of its estimate is NaN; expected a finite number$/);
    await of({ vector: [1] }, /^method odd: vector of its estimate is \[ 1 ]; expected a Float64Array of 1 numbers$/);
    await of({ diagnostics: undefined }, /^method odd: diagnostics of its estimate is undefined; expected an object/);
    await of(
      { diagnostics: { height: 5n } },
      /^method odd: diagnostics.height of its estimate is 5n; expected a number$/,
    );
    await of({ diagnostics: { depth: 5 } }, /^method odd: its estimate has a diagnostic depth; expected those that/);
  });

  it('keeps a state of JSON', async () => {
    const of = (state: unknown, text: RegExp) => refused(returning({ state }), text);
    await of(5, /^method odd: state is 5; expected an object of JSON$/);
    await of({ a: [1, { b: new Map() }] }, /^method odd: state.a\[1].b is Map\(0\) \{}; expected what JSON can hold$/);
    await of({ a: Number.NaN }, /^method odd: state.a is NaN; expected what JSON can hold$/);
    await of({ a: 5n }, /^method odd: state.a is 5n; expected what JSON can hold$/);
    const own: Record<string, unknown> = {};
    own.own = own;
    await of(own, /^method odd: state(.own)+ is .*; expected what JSON can hold$/);
    const first = methodOf({ estimate: returning({}), initialState: () => ({ a: new Set() }) });
    await rejects(() => createOptimizer(first, { learningRate: 1 }), 'ERR_ZEST_OPTION', /^method odd: state.a is Set/);
    const taken = createOptimizer(methodOf({ estimate: returning({ state: { a: null, b: [true, '', { c: -1 }] } }) }), {
      learningRate: 0.1,
    });
    await taken.step(vectorObjective(([x = 0]) => x, [1]));
    expect(taken.state()).toMatchObject({ step: 1, a: null, b: [true, '', { c: -1 }] });
  });

  it('counts its directions', async () => {
    const method = methodOf({ estimate: returning({}), streams: () => Number.NaN });
    const text = /^method odd: streams gave NaN; expected a whole number ≥ 0$/;
    await rejects(() => createOptimizer(method, { learningRate: 1 }), 'ERR_ZEST_OPTION', text);
  });

  it('passes on what it throws', async () => {
    const mine = new Error('mine');
    const method = methodOf({
      *estimate() {
        yield [[]];
        throw mine;
      },
    });
    const step = createOptimizer(method, { learningRate: 1 }).step(vectorObjective(([x = 0]) => x, [1]));
    await expect(step).rejects.toBe(mine);
  });
});

describe('a step of several rounds', () => {
  it.each([undefined, 'halves'] as const)(
    'is refused where somebody else moves the weights between them: of %s',
    async (of) => {
      const method = defineMethod({
        name: 'two-rounds',
        title: 'Two rounds',
        options: { rho: z.number().positive().default(1e-2).describe('scale') },
        streams: () => 1,
        forwards: () => 2,
        diagnostics: {},
        *estimate({ rho }, { streams: [stream] }) {
          const round = (scale: number) => {
            const points = [{ stream: stream!, scale }];
            return of ? { points, of } : points;
          };
          const ahead = yield round(rho);
          const behind = yield round(-rho);
          const coefficient = (ahead[0]! - behind[0]!) / (2 * rho);
          return { terms: [{ stream: stream!, coefficient }], meanLoss: ahead[0]!, diagnostics: {} };
        },
      });
      const moves: Promise<void>[] = [];
      const box = blackBox({
        parameters: { w: [4] },
        evaluate: async ({ w }) => {
          if (moves.length === 0) moves.push(box.apply({ decay: 0.9, terms: [] }));
          return Array.from(w, (value, i) => (value - i) ** 2);
        },
      });
      const optimizer = createOptimizer(method, { learningRate: 1e-3 });
      await rejects(() => optimizer.step(box), 'ERR_ZEST_VERSION', /version 0.*version 1/);
      await Promise.all(moves);
      expect(box.version).toBe(1n);
    },
  );
});

describe('a method in a file of its own', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await reviewFolder();
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('that misbehaves is named by the command line', async () => {
    const method = join(folder, 'odd.mjs');
    const source = `export default { name: 'odd', title: 'Odd', options: {}, streams: () => 1, forwards: () => 1, diagnostics: {}, *estimate() { yield [[]]; } };`;
    await writeFile(method, source);
    const file = join(folder, 'odd.yaml');
    const optimizer = { method, learningRate: 0.1 };
    await writeFile(file, stringify({ ...reviewConfig(folder, 'odd'), optimizer }));
    const { status, stderr } = await zest(['train', file]);
    expect(stderr).toContain('method odd: estimate returned undefined; expected { terms, meanLoss, diagnostics }');
    expect([status, /\bat \w+/.test(stderr)]).toEqual([2, false]);
  });
});
