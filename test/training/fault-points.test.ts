import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Call, FAULTS, type Fault, FaultyRun } from './fault-points.ts';

// test/long/faults.test.ts does each of these at every call.

/** What a run, or one that is replaced, is known by. */
const KNOWN_BY = ['', '.replaced', 'trajectory.zest', 'metrics.jsonl', 'state.json', 'summary.json'];

/** The first call of each kind for each of some files. */
const firstOfEach = (calls: readonly Call[], files: readonly string[]): Call[] => {
  const those = calls.filter(({ path }) => files.includes(path));
  return [...new Map(those.toReversed().map((call) => [`${call.name} ${call.path}`, call])).values()];
};

describe.skipIf(process.platform !== 'linux')('a run that cannot read once what its folder is known by', () => {
  it.each(['going on', 'overwriting'] as const)('says so, and loses nothing: %s', async (beginning) => {
    const run = await FaultyRun.create(beginning, 'reads');
    const calls = firstOfEach(run.calls, KNOWN_BY);
    expect(new Set(calls.map(({ name }) => name))).toEqual(
      new Set(['access', 'open', 'read', 'readlink', 'scandir', 'stat']),
    );
    const survived = await run.survive('an I/O error', calls);
    expect(survived.filter(({ failure }) => failure)).toEqual([]);
    expect(survived.filter(({ end }) => end === 'ended with 1').length).toBeGreaterThan(calls.length / 2);
    await run.dispose();
  });
});

describe.skipIf(process.platform !== 'linux')('a run whose calls have faults', () => {
  let run: FaultyRun;
  beforeAll(async () => {
    run = await FaultyRun.create('anew');
  });
  afterAll(() => run.dispose());

  it('comes to the same, wherever it is: at a call of each kind', async () => {
    const { calls } = run;
    const faults = Object.keys(FAULTS) as Fault[];
    const kinds = [...new Set(calls.map(({ name }) => name))];
    expect(kinds).toEqual(
      expect.arrayContaining(['mkdir', 'open', 'write', 'fsync', 'rename', 'ftruncate', 'fdatasync', 'link', 'unlink']),
    );
    const points = kinds.map((kind, i) => {
      const those = calls.filter(({ name }) => name === kind);
      return [faults[i % faults.length]!, those[Math.floor((those.length * 2) / 3)]!] as const;
    });
    const worker = async () => {
      for (let point = points.shift(); point; point = points.shift()) {
        const [fault, call] = point;
        const [survived] = await run.survive(fault, [call]);
        expect(survived?.failure, survived?.where).toBeUndefined();
      }
    };
    await Promise.all([worker(), worker()]);
  });
});
