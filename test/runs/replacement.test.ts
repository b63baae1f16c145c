import { appendFile, cp, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runFolder } from '../../lib/runs/folder.ts';
import type { TrajectoryHeader } from '../../lib/runs/logged.ts';
import { settleRun } from '../../lib/runs/replacement.ts';
import { TrajectoryWriter } from '../../lib/runs/trajectory.ts';

const digests = { base: 'sha256:00', trainable: 'sha256:11', frozen: 'sha256:22' };
const header: TrajectoryHeader = {
  ...{ noiseVersion: 1, ...digests, dimension: 3, dtype: 'float32', device: 'cpu', version: '0.1.0' },
  tensors: [{ name: 'w', shape: [3], trainable: true, decays: false }],
  directions: { seed: '7', law: 'gaussian' },
  ...{ method: 'mezo', rule: 'plain', config: {}, inputs: {} },
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zest-'));
});
afterAll(() => rm(folder, { recursive: true }));

it('a run whose log cannot be read is not taken for one without a step, which would give its place back', async () => {
  const run = runFolder(join(folder, 'run'));
  const aside = join(run.path, '.replaced');
  await mkdir(aside, { recursive: true });
  const log = await TrajectoryWriter.create(run.trajectory, header);
  await log.append({ decay: 0, terms: [] });
  await log.close();
  await rename(run.trajectory, join(aside, 'trajectory.zest'));
  // The beginning of a log, whose rest a disk does not give.
  await appendFile(run.trajectory, (await readFile(join(aside, 'trajectory.zest'))).subarray(0, 20));
  const before = (await readdir(run.path, { recursive: true })).sort();
  await expect(settleRun(run)).rejects.toMatchObject({
    code: 'ERR_ZEST_TRAJECTORY',
    message: expect.stringContaining(run.trajectory),
  });
  expect((await readdir(run.path, { recursive: true })).sort()).toEqual(before);
  // With a step it is what the folder holds.
  await cp(join(aside, 'trajectory.zest'), run.trajectory);
  await settleRun(run);
  expect(await readdir(run.path)).toEqual(['trajectory.zest']);
});
