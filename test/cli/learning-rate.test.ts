import { expect, it } from 'vitest';
import { foundText } from '../../lib/cli/terminal/learning-rate.ts';

/** What a finder gave; every number is made up. */
const found = {
  learningRate: 3e-4,
  loss: 0.7,
  stepRate: 1e-3,
  stepShare: 0.05,
  runShare: 0.1,
  scheduledSteps: 100,
  measuredSteps: 16,
  measured: [
    { learningRate: 5e-4, gain: 1e-3, cost: 9e-3, costError: 1e-4 },
    { learningRate: 2e-3, gain: 1e-3, cost: 0.14, costError: 1e-3 },
  ],
  isQuadratic: true,
  followed: [{ learningRate: 3e-4, steps: 50, change: -0.1, changeError: 0.01, allowed: 0.05 }],
  forwards: 500,
};
const rose = { learningRate: 9e-4, steps: 50, change: 30, changeError: 5, allowed: 0.05 };
const square = 'go with its square, as far as their noise';

it('says of the costs, of the run’s own steps and of noise what is so', () => {
  const plain = foundText(found);
  expect(plain).toContain(`The two costs around that rate ${square}`);
  expect(plain).not.toMatch(/own steps do not|within twice its noise/);
  expect(plain).toMatch(/\nlearningRate: 3.0e-4$/);
  // A new head: single steps look harmless, and the run's are not.
  const head = foundText({ ...found, followed: [rose, ...found.followed] });
  expect(head).toContain("The run's own steps do not: at larger rates the loss rose by more than they may cost.");
  const other = foundText({ ...found, isQuadratic: false, followed: [rose, ...found.followed] });
  expect(other).toContain('do not go with its square: a rate has to show that the loss falls.');
  expect(other).not.toContain(square);
});

it.each([
  [-0.019, true],
  [0.019, true],
  [0, true],
  [-0.021, false],
])('says of a change of %d with a noise of 0.01 whether it may be none', (change, isNoise) => {
  const text = foundText({ ...found, followed: [{ ...found.followed[0]!, change }] });
  expect(text.includes('is within twice its noise: that it does no harm was seen, and not that the loss falls')).toBe(
    isNoise,
  );
});
