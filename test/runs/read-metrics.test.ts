import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readMetrics } from '../../lib/runs/read-metrics.ts';

interface Line {
  kind: 'step' | 'evaluation';
  step: number;
  split?: string;
  meanLoss?: number;
  loss?: number;
}

const read = (lines: readonly object[], notes: string[] = []) =>
  readMetrics(lines.map((line) => `${JSON.stringify(line)}\n`).join(''), 2, notes);

const stepLine = (step: number): Line => ({ kind: 'step', step, meanLoss: step });
const evaluationLine = (step: number, split = 'validation'): Line => ({ kind: 'evaluation', step, split, loss: step });

describe('metrics.jsonl', () => {
  it('has what was taken again once, as it was taken last', () => {
    const line = fc.oneof(
      fc.record({ kind: fc.constant('step' as const), step: fc.nat(8), meanLoss: fc.nat() }),
      fc.record({
        kind: fc.constant('evaluation' as const),
        step: fc.nat(8),
        split: fc.constantFrom('validation', 'test'),
        loss: fc.nat(),
      }),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 30 }), (lines: Line[]) => {
        // As they come: a step drops what is there of it and of later ones, an evaluation the same one before it.
        let left: Line[] = [];
        for (const line of lines) {
          left =
            line.kind === 'step'
              ? left.filter(({ step }) => step < line.step)
              : left.filter(({ kind, step, split }) => kind === 'step' || step !== line.step || split !== line.split);
          left.push(line);
        }
        const { step, values, evaluations } = read(lines);
        const steps = left.filter(({ kind }) => kind === 'step');
        expect(step).toEqual(steps.map((line) => line.step));
        expect(values.get('meanLoss') ?? []).toEqual(steps.map(({ meanLoss }) => meanLoss));
        expect(evaluations.map(({ step, split, values }) => ({ kind: 'evaluation', step, split, ...values }))).toEqual(
          left.filter(({ kind }) => kind === 'evaluation'),
        );
      }),
    );
  });

  it('is read in a time that grows with its length: evaluations after each step, and steps taken again and again', () => {
    // 35 s and more where each looked through all before it.
    const began = performance.now();
    const lines = Array.from({ length: 50_000 }, (_, i) => [stepLine(i + 1), evaluationLine(i + 1)]).flat();
    const again = Array.from({ length: 10_000 }, () => [stepLine(50_000), evaluationLine(50_000)]).flat();
    const { step, evaluations } = read([...lines, ...again]);
    expect([step.length, evaluations.length]).toEqual([50_000, 50_000]);
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  it('with a new name in each line takes no more room than with some', () => {
    const notes: string[] = [];
    const { values } = read(
      Array.from({ length: 20_000 }, (_, i) => ({ ...stepLine(i + 1), [`scalar${i}`]: i })),
      notes,
    );
    expect(values.size).toBe(200);
    expect(notes).toEqual(['Its steps have more than 200 scalars; the first ones are shown.']);
  });
});
