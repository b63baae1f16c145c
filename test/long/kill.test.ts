import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { cp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { splitMix64 } from '../../lib/data/sampling.ts';
import { scratchFolder } from '../fixtures/scratch.ts';
import { assertReadable, outcome, printedLines, trains, trainWhole } from '../training/kills.ts';
import { run } from '../training/runs.ts';
import { writeTinyRun } from '../training/tiny-run.ts';

/** Instants in all, and of one process, which is killed at the last of them. */
const INSTANTS = Number(process.env.ZEST_INSTANTS ?? 1000);
const INSTANTS_OF_A_PROCESS = 10;
/** Lines of output between two instants, at most. */
const LINES = 16;
/** To go on with a test that was left. */
const SEED = Number(process.env.ZEST_INSTANTS_SEED ?? 1);

const folder = scratchFolder();

/** Stops every thread of a process; false where it has ended. */
const stop = async (child: ChildProcess): Promise<boolean> => {
  const tasks = `/proc/${child.pid}/task`;
  const isStopped = (task: string) =>
    readFileSync(join(tasks, task, 'stat'), 'utf8')
      .split(') ')
      .at(-1)?.[0] === 'T';
  if (!child.kill('SIGSTOP')) return false;
  try {
    while (!readdirSync(tasks).every(isStopped)) await delay(1);
    return true;
  } catch {
    return false;
  }
};

// What a kill leaves is the folder at that instant: that of a stopped process is copied, and the copy goes on. The process
// goes on too, until it is killed in truth; another goes on from what that leaves.
it.skipIf(process.platform !== 'linux')(`${INSTANTS} random instants of a kill lose nothing`, async () => {
  const training = { steps: 120, batchSize: 4, evaluateEvery: 7, checkpointEvery: 5, keepCheckpoints: 1 };
  const config = { ...writeTinyRun(folder, training), output: join(folder, 'killed') };
  const file = join(folder, 'killed.json');
  await writeFile(file, JSON.stringify(config));
  await trainWhole(file, join(folder, 'whole'));
  const whole = await outcome(join(folder, 'whole'));
  const bits = splitMix64(BigInt(SEED));
  const below = (n: number) => Number(bits() % BigInt(n));
  const goOn = async (output: string) => {
    await assertReadable(output);
    await run({ ...config, output }, { resume: true });
    expect(await outcome(output)).toEqual(whole);
    await rm(output, { recursive: true });
  };
  let [instants, killed, ended] = [0, 0, 0];
  while (instants < INSTANTS) {
    const { child, finished } = trains(file, config.output);
    const isOver = finished.then(() => true);
    const copies: string[] = [];
    for (let i = 0; i < INSTANTS_OF_A_PROCESS; i++) {
      const instant = printedLines(child, 1 + below(LINES)).then(() => delay(below(10)));
      if ((await Promise.race([instant, isOver])) === true || !(await stop(child))) break;
      const copy = join(folder, `copy-${i}`);
      await cp(config.output, copy, { recursive: true });
      copies.push(copy);
      child.kill(i === INSTANTS_OF_A_PROCESS - 1 ? 'SIGKILL' : 'SIGCONT');
    }
    const { status, stderr } = await finished;
    expect({ status: status ?? 0, stderr: status ? stderr : '' }).toEqual({ status: 0, stderr: '' });
    for (const copy of copies) await goOn(copy);
    instants += copies.length;
    if (status === null) killed++;
    else {
      ended++;
      await goOn(config.output);
    }
    process.stderr.write(`${instants} instants, ${killed} kills, ${ended} runs to the end; nothing lost\n`);
  }
});
