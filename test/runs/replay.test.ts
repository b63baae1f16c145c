import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Model } from '../../lib/model/model.ts';
import { replayTrajectory } from '../../lib/runs/replay.ts';
import { readTrajectory, TrajectoryWriter } from '../../lib/runs/trajectory.ts';
import { replayRun } from '../../lib/training/replay-run.ts';
import type { Config } from '../../lib/training/schema.ts';
import { film } from '../fixtures/film.ts';
import { rejects } from '../fixtures/rejects.ts';
import { writeFolder } from '../fixtures/safetensors.ts';
import { tinyConfig, tinyTensors } from '../fixtures/tiny-bert.ts';
import { TINY_WORDS, writeTinyTokenizer } from '../fixtures/tiny-tokenizer.ts';
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

  it('of an adapter is refused on another base, whose frozen part it names', async () => {
    const base = writeTinyTokenizer(writeFolder(join(folder, 'base'), tinyConfig, tinyTensors()));
    const config: Config = {
      ...reviewConfig(folder, 'adapted'),
      model: base,
      task: { template: '{text} {mask}', labelWords: ['no', 'yes'] },
      data: { train: join(folder, 'words.jsonl') },
      trainable: { lora: { rank: 2, alpha: 4 } },
      training: { steps: 2, batchSize: 4 },
    };
    const rows = TINY_WORDS.map((text, i) => `${JSON.stringify({ text, label: i % 2 })}\n`);
    await writeFile(join(folder, 'words.jsonl'), rows.join(''));
    await run(config);
    const file = join(config.output, 'trajectory.zest');
    const load = () => Model.load(base, { device: 'cpu', trainable: { lora: { rank: 2, alpha: 4 } } });
    using model = await load();
    const frozen = await model.digest('frozen');
    await replayTrajectory(model, file);
    expect(await model.digest()).toBe((await readSummary(config.output)).digest);
    expect(await model.digest('frozen')).toBe(frozen);

    const weights = join(base, 'model.safetensors');
    const bytes = await readFile(weights);
    bytes[bytes.length - 1]! ^= 0x80;
    await writeFile(weights, bytes);
    const another =
      /begins with other weights than those of .*, whose frozen part has the digest sha256:.*; expected (.*), those of .*base$/;
    using other = await load();
    await rejects(() => replayTrajectory(other, file), 'ERR_ZEST_TRAJECTORY', another);
    expect(other.version).toBe(0n);
    await rejects(() => replayRun(config.output), 'ERR_ZEST_TRAJECTORY', another);
    expect((await readTrajectory(file)).header.frozen).toBe(frozen);
    expect(await other.digest('frozen')).not.toBe(frozen);
    await rejects(
      () => other.digest('all' as never),
      'ERR_ZEST_OPTION',
      /^part is 'all'; expected 'trainable' or 'frozen'$/,
    );
  });
});
