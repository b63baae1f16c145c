import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Call, FAULTS, type Fault, FaultyRun, type Survived } from '../training/fault-points.ts';

/** The calls that are tried, to go on with a test that was left. */
const FROM = Number(process.env.ZEST_FAULTS_FROM ?? 1);
const TO = Number(process.env.ZEST_FAULTS_TO ?? Number.POSITIVE_INFINITY);

/** Runs of a process. */
const AT_ONCE = 20;

/** Those that a process outlives. */
const OUTLIVED = (Object.keys(FAULTS) as Fault[]).filter((fault) => !fault.startsWith('killed'));

describe.skipIf(process.platform !== 'linux')('at every call by which a run changes its folder', () => {
  let run: FaultyRun;
  let calls: Call[];
  let whole: string;
  beforeAll(async () => {
    run = new FaultyRun();
    await run.start('whole');
    calls = (await run.calls('whole')).filter(({ number }) => number >= FROM && number <= TO);
    whole = JSON.stringify(await run.outcome('whole'));
  });
  afterAll(() => run.dispose());

  const judge = (what: string, survived: readonly Survived[]) => {
    const ends: Record<string, number> = {};
    for (const { end } of survived) ends[end] = (ends[end] ?? 0) + 1;
    const failed = survived
      .filter(({ outcome }) => JSON.stringify(outcome) !== whole)
      .map(({ where, failure }) => `${where}: ${failure ?? 'another outcome'}`);
    process.stderr.write(`${what}: calls ${FROM} to ${calls.at(-1)?.number}, ${JSON.stringify(ends)}\n`);
    for (const each of failed) process.stderr.write(`${each}\n`);
    expect(failed).toEqual([]);
  };

  // What a kill leaves is the folder as it is at that moment: fault-points.test.ts kills in truth, at a call of each kind.
  it('a kill before or after it loses nothing', async () => {
    const copies = await run.copied();
    const survived: Survived[] = [];
    for (const { number, name, path } of calls) {
      for (const moment of ['before', 'after']) {
        const [copy, output] = [join(copies, `${number}-${moment}`), `left-${number}-${moment}`];
        if (existsSync(copy)) renameSync(copy, join(run.folder, output));
        const where = `killed ${moment} call ${number}: ${name} ${path}`;
        survived.push({ where, end: 'killed', ...(await run.outcomeOf(output)) });
      }
    }
    judge('killed', survived);
  });

  it.each(OUTLIVED)('%s loses nothing', async (fault) => {
    const survived: Survived[] = [];
    for (let i = 0; i < calls.length; i += AT_ONCE) {
      survived.push(...(await run.survive(fault, calls.slice(i, i + AT_ONCE))));
    }
    judge(fault, survived);
  });
});
