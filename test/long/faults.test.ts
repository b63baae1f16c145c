import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Call, FAULTS, type Fault, FaultyRun } from '../training/fault-points.ts';

/** Processes at a time. */
const AT_A_TIME = Number(process.env.ZEST_FAULTS_AT_A_TIME ?? 2);

/** The first call that is tried, to go on with a test that was left. */
const FROM = Number(process.env.ZEST_FAULTS_FROM ?? 1);

describe.skipIf(process.platform !== 'linux')('at every call by which a run changes its folder', () => {
  let run: FaultyRun;
  let calls: Call[];
  let whole: unknown;
  beforeAll(async () => {
    run = new FaultyRun();
    await run.start('whole');
    calls = await run.calls('whole');
    whole = await run.outcome('whole');
  });
  afterAll(() => run.dispose());

  it.each(Object.keys(FAULTS) as Fault[])('%s loses nothing', async (fault) => {
    const left = calls.filter(({ number }) => number >= FROM);
    const ends: Record<string, number> = {};
    const failed: string[] = [];
    let tried = 0;
    const worker = async () => {
      for (let call = left.shift(); call; call = left.shift()) {
        try {
          const { ended, outcome } = await run.survive(fault, call);
          if (JSON.stringify(outcome) !== JSON.stringify(whole))
            throw new Error(`call ${call.number}: another outcome`);
          const end = ended.status === null ? 'killed' : `ended with ${ended.status}`;
          ends[end] = (ends[end] ?? 0) + 1;
        } catch (error) {
          failed.push((error as Error).message);
          process.stderr.write(`${failed.at(-1)}\n`);
        }
        if (++tried % 10 === 0)
          process.stderr.write(`${fault}: ${tried} of ${calls.length}, ${JSON.stringify(ends)}\n`);
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, worker));
    process.stderr.write(`${fault}: ${tried} of ${calls.length} calls, ${JSON.stringify(ends)}\n`);
    expect(failed).toEqual([]);
  });
});
