import { describe, expect, it } from 'vitest';
import { type MethodState, svrg, vectorObjective } from '../../lib/index.ts';
import { svrgMethod } from '../../lib/methods/svrg.ts';
import { rejects } from '../fixtures/rejects.ts';
import { add, combine, drive, type Loss, type Vector } from './drive.ts';
import { PROBLEM } from './references.ts';

const OPTIONS = { rho: 0.05, directions: 2, anchorDirections: 3, interval: 4, learningRate: 0.02 };

/** The loss of a batch: each pulls elsewhere. */
const lossOf =
  (b: number): Loss =>
  (x) =>
    PROBLEM.f(x) + 0.5 * Math.sin(3 * b) * x[0]! + 0.3 * Math.cos(b) * x[1]! ** 2;
const all: Loss = (x) => (lossOf(0)(x) + lossOf(1)(x) + lossOf(2)(x)) / 3;

describe('svrg', () => {
  it('goes along ĝ_B(θ) − ĝ_B(θ̃) + ĝ(θ̃), step by step, with the anchor that it does not copy', () => {
    const { rho, directions, anchorDirections, interval, learningRate } = OPTIONS;
    const streams = Math.max(directions, anchorDirections);
    const mezo = (f: Loss, x: Vector, v: readonly Vector[]) =>
      combine(
        v.map((z) => (f(add(x, rho, z)) - f(add(x, -rho, z))) / (2 * rho * v.length)),
        v,
      );
    let x: number[] = [...PROBLEM.x];
    let anchor = x;
    let full: number[] = [];
    let state: MethodState | undefined;
    for (let step = 0; step < 11; step++) {
      const f = lossOf(step % 3);
      const v = Array.from({ length: streams }, (_, i) => PROBLEM.v(BigInt(step * streams + i)));
      let expected: number[];
      if (step % interval === 0) {
        anchor = x;
        full = mezo(all, x, v.slice(0, anchorDirections));
        expected = full;
      } else {
        const drawn = v.slice(0, directions);
        expected = add(add(mezo(f, x, drawn), -1, mezo(f, anchor, drawn)), 1, full);
      }
      const taken = drive(svrgMethod, OPTIONS, { ...PROBLEM, f, all, x }, { step, state });
      // The anchor is found again through steps that were rounded to float32.
      for (const [j, value] of taken.G.entries()) expect(value).toBeCloseTo(expected[j]!, 6);
      state = JSON.parse(JSON.stringify(taken.state));
      x = add(x, -learningRate, taken.G);
    }
  });

  it('asks for all training data at anchors alone, and goes on from its state with the same bits', async () => {
    const make = () => vectorObjective(([a = 0, b = 0]) => a * a + Math.cosh(b - 1), [2, -1]);
    const optimizer = () => svrg({ learningRate: 0.05, interval: 3, anchorDirections: 2 });
    let asked = 0;
    const everything = {
      all: () => {
        asked++;
      },
    };
    const [whole, parts] = [make(), make()];
    const [every, before, after] = [optimizer(), optimizer(), optimizer()];
    for (let step = 0; step < 7; step++) await every.step(whole, undefined, everything);
    expect(asked).toBe(3);
    for (let step = 0; step < 4; step++) await before.step(parts);
    after.restore(JSON.parse(JSON.stringify(before.state())));
    for (let step = 4; step < 7; step++) await after.step(parts);
    expect([...parts.x]).toEqual([...whole.x]);
  });

  it('refuses what would hide its anchor, and state of another shape', async () => {
    await rejects(
      () => svrg({ learningRate: 1, weightDecay: 0.1 }),
      'ERR_ZEST_OPTION',
      /weightDecay is 0.1; expected 0/,
    );
    await rejects(() => svrg({ learningRate: 1, rule: 'sign' }), 'ERR_ZEST_OPTION', /rule is 'sign'; expected plain/);
    await rejects(() => svrg({ learningRate: 1, interval: 0 }), 'ERR_ZEST_OPTION', /interval is 0/);
    const optimizer = svrg({ learningRate: 1 });
    const state = { ...optimizer.state(), moved: 'far' };
    await rejects(
      () => optimizer.restore(state),
      'ERR_ZEST_OPTION',
      /moved of the state is 'far'; expected .* of kind array/,
    );
    const base = optimizer.state();
    for (const [change, message] of [
      [{ age: -1 }, /state.age is -1; expected/],
      [{ age: 0.5 }, /state.age is 0.5; expected/],
      [{ estimate: [['x', 1]] }, /state.estimate.0.0 is 'x'; expected/],
      [{ moved: [['-4', 1]] }, /state.moved.0.0 is '-4'; expected/],
      [{ moved: [['4', 'far']] }, /state.moved.0.1 is 'far'; expected a number/],
      [{ moved: [[4, 1]] }, /state.moved.0.0 is 4; expected/],
    ] as const)
      await rejects(() => optimizer.restore({ ...base, ...change } as never), 'ERR_ZEST_OPTION', message);
    expect(optimizer.state()).toEqual(base);
  });
});

it('counts its looks at all data by the batches that these are', () => {
  const options = { directions: 1, anchorDirections: 2, interval: 5 } as never;
  expect(svrgMethod.forwards(options)).toBe(4);
  expect(svrgMethod.forwards(options, 1000)).toBe((2 * 2 * 1000 + 4 * 4) / 5 + 0.8);
});
