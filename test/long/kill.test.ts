import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { outcome, trainKilled } from '../training/kills.ts';
import { reviewConfig, reviewFolder, run } from '../training/runs.ts';

/** Kills in all, and of one run. */
const KILLS = Number(process.env.ZEST_KILLS ?? 1000);
const KILLS_OF_A_RUN = 20;

it(`${KILLS} kills at random instants lose nothing`, async () => {
  const folder = await reviewFolder();
  const config = reviewConfig(folder, 'whole');
  const steps = { ...config, training: { ...config.training, steps: 60, evaluateEvery: 7, checkpointEvery: 5 } };
  const began = performance.now();
  await run(steps);
  const within = (performance.now() - began) / 2;
  const whole = await outcome(steps.output);
  const file = join(folder, 'killed.json');
  await writeFile(file, JSON.stringify(steps));
  let killed = 0;
  for (let seed = 1; killed < KILLS; seed++) {
    const output = join(folder, 'killed');
    const kills = Math.min(KILLS_OF_A_RUN, KILLS - killed);
    killed += await trainKilled(file, output, { kills, within, seed });
    expect(await outcome(output)).toEqual(whole);
    await rm(output, { recursive: true });
    process.stderr.write(`${killed} of ${KILLS} kills, nothing lost\n`);
  }
  await rm(folder, { recursive: true });
});
