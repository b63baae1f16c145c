import { describe, expect, it } from 'vitest';
import { defineMethod, z } from '../../lib/index.ts';
import { perturbationScale } from '../../lib/methods/run-step.ts';

/** Looks at θ first, if it is to, and then on both sides. */
const twoRounds = (looksFirst: boolean) =>
  defineMethod({
    name: `rounds-${looksFirst}`,
    title: 'Rounds',
    options: { rho: z.number().default(1e-3).describe('perturbation scale') },
    streams: () => 1,
    forwards: () => (looksFirst ? 3 : 2),
    diagnostics: {},
    *estimate({ rho }, { streams: [stream] }) {
      if (looksFirst) yield [[]];
      const losses: Float64Array = yield [
        { stream: stream!, scale: rho },
        { stream: stream!, scale: -rho },
      ];
      const [plus, minus] = losses;
      return { terms: [{ stream: stream!, coefficient: plus! - minus! }], meanLoss: plus!, diagnostics: {} };
    },
  });

describe('the scale of a perturbation', () => {
  it.each([false, true])('is that of the first round which has one (after a look at θ: %s)', (looksFirst) => {
    expect(perturbationScale(twoRounds(looksFirst) as never, { rho: 3e-3 })).toBe(3e-3);
  });
});
