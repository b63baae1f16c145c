import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Optimizer } from '../../lib/methods/optimizer.ts';
import { mezo, zest } from '../../lib/methods/registry.ts';
import { Model } from '../../lib/model/model.ts';
import type { Update } from '../../lib/objective.ts';
import { blackBox } from '../../lib/objectives/black-box.ts';
import { type RecordOptions, recordTrajectory } from '../../lib/runs/record.ts';
import { replayTrajectory } from '../../lib/runs/replay.ts';
import { readTrajectory, TrajectoryWriter } from '../../lib/runs/trajectory.ts';
import { applyLog } from '../../lib/training/replay-run.ts';
import { film, filmBatch } from '../fixtures/film.ts';
import { rejects } from '../fixtures/rejects.ts';
import { scratchFolder } from '../fixtures/scratch.ts';

const file = join(scratchFolder(), 'log.zest');

const bowl = () =>
  blackBox({ parameters: { x: [3, 2], at: { shape: [2, 3, 4], frozen: true } }, evaluate: ({ x }) => x[0]! ** 2 });

const directions = { seed: 1, law: 'gaussian' } as const;
const plain = (stream: number): Update => ({ decay: 0, terms: [{ stream: BigInt(stream), coefficient: 1 }] });
const momentum: Update = { ...plain(0), rule: { name: 'momentum', rate: 1, beta: 0.5 } };

const RULED: [string, () => Optimizer][] = [
  ['sign', () => zest({ learningRate: 1e-4, seed: 5, rule: 'sign', law: 'rademacher' })],
  ['momentum', () => mezo({ learningRate: 1e-4, seed: 5, rule: { momentum: 0.5 } })],
  ['adam anchored', () => mezo({ learningRate: 1e-4, rule: 'adam', weightDecay: 0.1, decayTowards: 'start' })],
  ['plain anchored', () => mezo({ learningRate: 1e-4, weightDecay: 0.1, decayTowards: 'start' })],
  ['plain', () => mezo({ learningRate: 1e-4, decayTowards: 'start', law: 'sphere' })],
];

describe('the log of a run of one’s own', () => {
  it.each(RULED)('has the rule %s of its optimizer, and gives the weights again', async (rule, make) => {
    const load = () => Model.load(film, { device: 'cpu', dtype: 'bfloat16', trainable: 'bias' });
    using model = await load();
    using again = await load();
    const optimizer = make();
    const batch = filmBatch([6, 9]);
    const log = await recordTrajectory(model, file, { optimizer });
    for (let step = 0; step < 3; step++) await log.append((await optimizer.step(model, batch)).update);
    await log.close();
    const { header } = await replayTrajectory(again, file);
    expect(await again.digest()).toBe(await model.digest());
    const { seed, law } = optimizer.directions;
    expect(header).toMatchObject({ rule, method: optimizer.method, directions: { seed: String(seed), law } });
    expect(header).toMatchObject({ dtype: 'bfloat16', device: 'cpu', tensors: model.parameters });
  });

  it('names the tensors of a black box as the noise has them', async () => {
    await (await recordTrajectory(bowl(), file, { directions })).close();
    expect((await readTrajectory(file)).header.tensors).toEqual([
      { name: 'at', shape: [2, 12], trainable: false, decays: true },
      { name: 'x', shape: [3, 2], trainable: true, decays: true },
    ]);
  });

  it('is of no run that could be made from a base', async () => {
    await (await recordTrajectory(bowl(), file, { directions })).close();
    await rejects(() => applyLog(film, file), 'ERR_ZEST_TRAJECTORY', /is of no run: .*; replayTrajectory applies it/);
  });

  it('refuses what its header does not say, and goes on', async () => {
    const log = await recordTrajectory(bowl(), file, { directions });
    await rejects(() => log.append(momentum), 'ERR_ZEST_UPDATE', /rule 'momentum', and the log is of 'plain'/);
    await rejects(() => log.append({ ...plain(0), anchored: true }), 'ERR_ZEST_UPDATE', /'plain anchored'/);
    for (const more of [{ curvature: { keep: 1, weights: [1] } }, { vector: new Float64Array(6) }])
      await rejects(() => log.append({ ...plain(0), ...more }), 'ERR_ZEST_UPDATE', /a log does not hold it$/);
    await log.append(plain(0));
    await log.close();
    expect((await readTrajectory(file)).updates).toEqual([plain(0)]);
  });

  it('takes a rule without an optimizer', async () => {
    const log = await recordTrajectory(bowl(), file, { directions, rule: 'momentum' });
    await log.append(momentum);
    await log.append(plain(1));
    await log.close();
    expect((await readTrajectory(file)).updates).toEqual([momentum, plain(1)]);
  });

  it.each([
    [{}, /optimizer is missing/],
    [{ directions, rule: 'fast' }, /rule is 'fast'; expected one of plain/],
    [{ optimizer: mezo({ learningRate: 1 }), directions }, /directions is .*expected none beside an optimizer/],
    [{ optimizer: mezo({ learningRate: 1 }), rule: 'sign' }, /rule is 'sign'; expected none beside an optimizer/],
  ])('refuses options %#', async (options, message) => {
    await rejects(() => recordTrajectory(bowl(), file, options as RecordOptions), 'ERR_ZEST_OPTION', message);
  });
});

describe('records that are not waited for', () => {
  it('are all written, in order', async () => {
    const log = await recordTrajectory(bowl(), file, { directions });
    const updates = Array.from({ length: 20 }, (_, i) => plain((7 * i) % 20));
    const written = updates.map((update) => log.append(update));
    await log.close();
    await Promise.all(written);
    expect(await readTrajectory(file)).toMatchObject({ updates, tornBytes: 0 });
  });

  it('are what they were when they were given', async () => {
    const log = await recordTrajectory(bowl(), file, { directions });
    const update = plain(3);
    const written = log.append(update);
    Object.assign(update.terms[0]!, { coefficient: 99 });
    await written;
    await log.close();
    expect((await readTrajectory(file)).updates).toEqual([plain(3)]);
  });

  it('fail with the one before them that does, and can be written again', async () => {
    await (await recordTrajectory(bowl(), file, { directions })).close();
    const { validBytes: at } = await readTrajectory(file);
    const log = await TrajectoryWriter.open(file, { at, checksum: 0, stream: 0n });
    const broken = {
      get decay(): number {
        throw new Error('a full disk');
      },
      terms: [],
    };
    const [first, second, third] = await Promise.allSettled(
      [plain(0), broken, plain(1)].map((update) => log.append(update)),
    );
    expect([first!.status, second!.status, third!.status]).toEqual(['fulfilled', 'rejected', 'rejected']);
    expect((third as PromiseRejectedResult).reason.message).toMatch(/a record before this one was not written/);
    await log.append(plain(1));
    await log.close();
  });
});
