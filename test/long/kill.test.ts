import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { scratchFolder } from '../fixtures/scratch.ts';
import { outcome, trainKilled, trainWhole } from '../training/kills.ts';
import { writeTinyRun } from '../training/tiny-run.ts';

/** Kills in all, and of one run. */
const KILLS = Number(process.env.ZEST_KILLS ?? 1000);
const KILLS_OF_A_RUN = 20;
/** Seed of the first run's instants, to go on with a test that was left. */
const SEED = Number(process.env.ZEST_KILLS_SEED ?? 1);

const folder = scratchFolder();

it(`${KILLS} kills at random instants lose nothing`, async () => {
  const training = { steps: 300, batchSize: 4, evaluateEvery: 7, checkpointEvery: 5, keepCheckpoints: 1 };
  const file = join(folder, 'killed.json');
  await writeFile(file, JSON.stringify({ ...writeTinyRun(folder, training), output: '' }));
  const [whole, killed] = [join(folder, 'whole'), join(folder, 'killed')];
  const instants = await trainWhole(file, whole);
  const expected = await outcome(whole);
  for (let [kills, seed] = [0, SEED]; kills < KILLS; seed++) {
    kills += await trainKilled(file, killed, { kills: Math.min(KILLS_OF_A_RUN, KILLS - kills), instants, seed });
    expect(await outcome(killed), `seed ${seed}`).toEqual(expected);
    await rm(killed, { recursive: true });
    process.stderr.write(`${kills} of ${KILLS} kills, nothing lost (seed ${seed})\n`);
  }
});
