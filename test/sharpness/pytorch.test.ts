import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Model } from '../../lib/model/model.ts';
import { hessianTrace, quadraticForm } from '../../lib/sharpness/curvature.ts';
import { topEigenvalues } from '../../lib/sharpness/eigenvalues.ts';

// Exact Hessians of small random models: test/fixtures/sharpness/make.py.

interface Case {
  folder: string;
  include: string[];
  loss: number;
  trace: number;
  frobenius: number;
  seed: number;
  stream: string;
  quadraticForm: number;
  /** The five largest. */
  eigenvalues: number[];
  smallest: number;
}

const FIXTURES = fileURLToPath(new URL('../fixtures/', import.meta.url));
const read = (path: string) => JSON.parse(readFileSync(FIXTURES + path, 'utf8'));
const CASES: Case[] = read('sharpness/expected.json');

/** Of an eigenvalue, in shares of the largest in size: ε = 0.1 is off by 0.3 % at most, of the four cases. */
const EIGENVALUE_TOLERANCE = 0.005;
/** Of vᵀHv, in shares of ‖H‖_F‖v‖²/√d, the size that it typically has; the four are within 0.3 %. */
const FORM_TOLERANCE = 0.01;

describe.each(CASES.map((one) => [`${one.folder}, ${one.include.join(' and ')}`, one] as const))('%s', (_, one) => {
  const load = async () => {
    const { sequences, segments, targets } = read(`parity/${one.folder}/expected.json`);
    const model = await Model.load(`${FIXTURES}parity/${one.folder}`, {
      trainable: { include: one.include },
      directions: { seed: one.seed },
    });
    return { model, batch: { sequences, segments, targets } };
  };

  it('has the trace within its interval, and vᵀHv', async () => {
    const { model, batch } = await load();
    using _ = model;
    expect((await model.evaluate(batch, [[]]))[0]).toBeCloseTo(one.loss, 5);
    const trace = await hessianTrace(model, batch, { samples: 200 });
    expect(Math.abs(trace.value - one.trace)).toBeLessThan(3 * trace.standardError);
    const expectedError = one.frobenius * Math.sqrt(2 / 200);
    expect(trace.standardError / expectedError).toBeGreaterThan(0.7);
    expect(trace.standardError / expectedError).toBeLessThan(1.3);
    const direction = { stream: BigInt(one.stream), scale: 1 };
    const form = await quadraticForm(model, batch, direction, { epsilon: 0.3 / Math.sqrt(model.dimension) });
    const typical = one.frobenius * Math.sqrt(model.dimension);
    expect(Math.abs(form - one.quadraticForm) / typical).toBeLessThan(FORM_TOLERANCE);
  });

  it('has the three largest eigenvalues', async () => {
    const { model, batch } = await load();
    using _ = model;
    const { eigenvalues, converged } = await topEigenvalues(model, batch, { count: 3 });
    expect(converged).toBe(true);
    const largest = Math.max(one.eigenvalues[0]!, -one.smallest);
    for (const [i, { value, residual }] of eigenvalues.entries()) {
      expect(Math.abs(value - one.eigenvalues[i]!) / largest).toBeLessThan(EIGENVALUE_TOLERANCE);
      expect(residual / largest).toBeLessThan(0.01);
    }
  });
});
