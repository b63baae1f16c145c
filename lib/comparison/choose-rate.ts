import { ZestError } from '../errors.ts';
import type { ComparedMethod } from './methods.ts';

export interface ChosenRate {
  learningRate: number;
  /** Validation loss of the choosing seed by learning rate; null where the run failed. */
  tried: Record<string, number | null>;
}

/** 1, 3, 10, 30 …: the step of the ladder that is `steps` above a rate. */
const rung = (rate: number, steps: number): number => {
  const at = Math.round(2 * Math.log10(rate)) + steps;
  return Number(`${at % 2 === 0 ? 1 : 3}e${Math.floor(at / 2)}`);
};

/** How far a search goes from where it begins: one decade. Where not training is best, it would have no end. */
export const RUNGS = 2;

/**
 * Climbs the ladder from where the method begins until both neighbours are worse or `rungs` are done, of two a decade.
 *
 * @throws ERR_ZEST_RUN if all runs fail
 */
export const chooseRate = async (
  { name, learningRate }: Pick<ComparedMethod, 'name' | 'learningRate'>,
  lossAt: (rate: number) => Promise<number>,
  rungs = RUNGS,
): Promise<ChosenRate> => {
  const seen = new Map<number, Promise<number>>();
  const loss = (rate: number): Promise<number> => {
    const known = seen.get(rate) ?? lossAt(rate);
    seen.set(rate, known);
    return known;
  };
  let at = 0;
  for (;;) {
    const steps = [at, at - 1, at + 1].filter((step) => Math.abs(step) <= rungs);
    const around = steps.map((step) => rung(learningRate, step));
    const losses = await Promise.all(around.map(loss));
    if (!losses.some(Number.isFinite)) {
      throw new ZestError('ERR_ZEST_RUN', `no run of ${name} got to its end, at learning rates ${around.join(', ')}`);
    }
    const least = losses.indexOf(Math.min(...losses));
    if (least === 0) break;
    at = steps[least]!;
  }
  const tried: Record<string, number | null> = {};
  for (const [rate, known] of [...seen].sort(([a], [b]) => a - b)) {
    const value = await known;
    tried[rate] = Number.isFinite(value) ? value : null;
  }
  return { learningRate: rung(learningRate, at), tried };
};
