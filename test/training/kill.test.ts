import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { outcome, trainKilled, trainWhole } from './kills.ts';
import { reviewConfig, reviewFolder } from './runs.ts';

let folder: string;
beforeAll(async () => {
  folder = await reviewFolder();
});
afterAll(() => rm(folder, { recursive: true }));

// test/long/kill.test.ts does it a thousand times.
it('a run that is killed at random instants comes to what it would have come to', async () => {
  const config = reviewConfig(folder, 'whole');
  const steps = { ...config, training: { ...config.training, steps: 24, evaluateEvery: 5, checkpointEvery: 4 } };
  const file = join(folder, 'killed.json');
  await writeFile(file, JSON.stringify(steps));
  await trainWhole(file, steps.output);
  const output = join(folder, 'killed');
  const killed = await trainKilled(file, output, { kills: 6, lines: 8, seed: 1 });
  expect(killed).toBeGreaterThan(0);
  expect(await outcome(output)).toEqual(await outcome(steps.output));
});
