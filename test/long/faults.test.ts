import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BEGINNINGS, type Call, FAULTS, type Fault, FaultyRun, type Survived } from '../training/fault-points.ts';

/** The calls that are tried, to go on with a test that was left. */
const FROM = Number(process.env.ZEST_FAULTS_FROM ?? 1);
const TO = Number(process.env.ZEST_FAULTS_TO ?? Number.POSITIVE_INFINITY);

/** Runs of a process that outlives its faults. */
const AT_ONCE = 20;

describe.skipIf(process.platform !== 'linux').each(BEGINNINGS)('at every call of a run, %s,', (beginning) => {
  let run: FaultyRun;
  let calls: Call[];
  beforeAll(async () => {
    run = await FaultyRun.create(beginning);
    calls = run.calls.filter(({ number }) => number >= FROM && number <= TO);
  });
  afterAll(() => run.dispose());

  it('a read that fails loses nothing', async () => {
    const looking = await FaultyRun.create(beginning, 'reads');
    const survived: Survived[] = [];
    for (let i = 0; i < looking.calls.length; i += AT_ONCE) {
      survived.push(...(await looking.survive('an I/O error', looking.calls.slice(i, i + AT_ONCE))));
    }
    await looking.dispose();
    expect(survived.filter(({ failure }) => failure)).toEqual([]);
  });

  it.each(Object.keys(FAULTS) as Fault[])('%s loses nothing', async (fault) => {
    const survived: Survived[] = [];
    const atOnce = fault.startsWith('killed') ? 1 : AT_ONCE;
    for (let i = 0; i < calls.length; i += atOnce) {
      survived.push(...(await run.survive(fault, calls.slice(i, i + atOnce))));
    }
    const ends: Record<string, number> = {};
    for (const { end } of survived) ends[end] = (ends[end] ?? 0) + 1;
    const failed = survived.flatMap(({ where, failure }) => (failure ? [`${where}: ${failure}`] : []));
    process.stderr.write(`${beginning}, ${fault}: calls ${FROM} to ${calls.at(-1)?.number}, ${JSON.stringify(ends)}\n`);
    expect(failed).toEqual([]);
  });
});
