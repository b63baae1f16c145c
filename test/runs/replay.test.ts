import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Model } from '../../lib/model/model.ts';
import { replayTrajectory } from '../../lib/runs/replay.ts';
import { readTrajectory, TrajectoryWriter } from '../../lib/runs/trajectory.ts';
import { film } from '../fixtures/film.ts';
import { rejects } from '../fixtures/rejects.ts';
import { readSummary, reviewConfig, reviewFolder, run } from '../training/runs.ts';

let folder: string;
let log: string;
beforeAll(async () => {
  folder = await reviewFolder();
  const config = reviewConfig(folder, 'run');
  await run(config);
  log = join(config.output, 'trajectory.zest');
});
afterAll(() => rm(folder, { recursive: true }));

const loadFilm = () => Model.load(film, { device: 'cpu' });

describe('a log', () => {
  it('replayed gives the weights of its run, or of a step on the way', async () => {
    using whole = await loadFilm();
    using halfway = await loadFilm();
    expect((await replayTrajectory(whole, log)).updates).toHaveLength(6);
    const { digest } = await readSummary(join(folder, 'run'));
    expect(await whole.digest()).toBe(digest);
    const { header, updates } = await replayTrajectory(halfway, log, { toStep: 2 });
    expect(halfway.version).toBe(2n);
    expect(await halfway.digest()).not.toBe(header.trainable);
    const { seed, law } = header.directions;
    const directions = { seed: BigInt(seed), law };
    for (const update of updates.slice(2)) await halfway.apply(update, { directions });
    expect(await halfway.digest()).toBe(digest);
  });

  it('is refused where its updates would lead elsewhere, and the weights stay', async () => {
    using model = await loadFilm();
    const { header } = await readTrajectory(log);
    for (const toStep of [-1, 0.5, 7]) {
      await rejects(() => replayTrajectory(model, log, { toStep }), 'ERR_ZEST_OPTION', /toStep is .* from 0 to 6$/);
    }
    const other = join(folder, 'other.zest');
    await (await TrajectoryWriter.create(other, { ...header, noiseVersion: 2 })).close();
    await rejects(() => replayTrajectory(model, other), 'ERR_ZEST_TRAJECTORY', /noise version 2, .* has version 1$/);
    await writeFile(other, await readFile(log));
    await replayTrajectory(model, other, { toStep: 0 });
    expect(await model.digest()).toBe(header.trainable);
    await replayTrajectory(model, other, { toStep: 1 });
    await rejects(() => replayTrajectory(model, other), 'ERR_ZEST_TRAJECTORY', /begins with other weights/);
    expect(model.version).toBe(1n);
  });
});
