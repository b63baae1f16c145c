import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FAULTS, type Fault, FaultyRun } from './fault-points.ts';

// test/long/faults.test.ts does each of these at every call.
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
