import { appendFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Update } from '../../lib/objective.ts';
import { readTrajectory, type TrajectoryHeader, TrajectoryWriter } from '../../lib/runs/trajectory.ts';

let folder: string;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zest-trajectory-'));
  file = join(folder, 'trajectory.zest');
});
afterAll(() => rm(folder, { recursive: true }));

const header: TrajectoryHeader = {
  noiseVersion: 1,
  base: 'sha256:00',
  trainable: 'sha256:11',
  dimension: 3,
  directions: { seed: '7', law: { lowRank: 2 } },
  config: { model: 'modèle' },
  version: '0.1.0',
};

const write = async (updates: readonly Update[]): Promise<void> => {
  const log = await TrajectoryWriter.create(file, header);
  for (const update of updates) await log.append(update);
  await log.flush();
  await log.close();
};

const terms = (...pairs: [bigint, number][]): Update['terms'] =>
  pairs.map(([stream, coefficient]) => ({ stream, coefficient }));

const UPDATES: Update[] = [
  { decay: 0, terms: terms([0n, 0.5]) },
  { decay: Math.fround(1e-7), terms: terms([1n, -0.25], [2n, Math.fround(1e-30)], [3n, 0]) },
  { decay: 0, terms: terms([9n, 1], [7n, 2], [2n ** 63n - 1n, -3]) },
  { decay: 0.5, terms: [] },
];

describe('a trajectory', () => {
  it('has the bytes of the specification', async () => {
    await write([
      { decay: 0.5, terms: terms([3n, 1]) },
      { decay: 0, terms: terms([5n, -2], [4n, 0.25]) },
    ]);
    const specification = await readFile(new URL('../../docs/trajectory.md', import.meta.url), 'utf8');
    const hex = /```\n(5a45[^`]*)```/.exec(specification)?.[1]?.replaceAll(/#.*|\s/g, '');
    expect((await readFile(file)).toString('hex')).toBe(hex);
  });

  it('gives back what was written, float32 bits and all', async () => {
    const float = fc.float({ noNaN: true, noDefaultInfinity: true });
    const stream = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n });
    const consecutive = fc
      .tuple(fc.bigInt({ min: 0n, max: 2n ** 62n }), fc.array(float, { maxLength: 20 }))
      .map(([first, values]) => values.map((coefficient, i) => ({ stream: first + BigInt(i), coefficient })));
    const listed = fc.array(fc.record({ stream, coefficient: float }), { maxLength: 20 });
    const update = fc.record({ decay: float, terms: fc.oneof(consecutive, listed) });
    await fc.assert(
      fc.asyncProperty(fc.array(update, { maxLength: 10 }), async (updates) => {
        await write(updates);
        const read = await readTrajectory(file);
        expect(read).toEqual({ header, updates, validBytes: (await readFile(file)).length, tornBytes: 0 });
      }),
      { numRuns: 100 },
    );
  });

  it('takes 24 bytes for a MeZO step and 40 for five directions', async () => {
    const sizes: number[] = [];
    for (const k of [0, 1, 5]) {
      await write(
        k ? [{ decay: 0, terms: terms(...Array.from({ length: k }, (_, i): [bigint, number] => [BigInt(i), 1])) }] : [],
      );
      sizes.push((await readFile(file)).length);
    }
    expect(sizes.map((size) => size - sizes[0]!)).toEqual([0, 24, 40]);
  });

  it('torn at any byte gives the records before', async () => {
    await write(UPDATES);
    const whole = await readFile(file);
    const ends: number[] = [];
    for (const kept of UPDATES.keys()) {
      await write(UPDATES.slice(0, kept));
      ends.push((await readFile(file)).length);
    }
    ends.push(whole.length);
    for (let length = ends[0]!; length <= whole.length; length++) {
      await writeFile(file, whole);
      await truncate(file, length);
      const kept = ends.findLastIndex((end) => end <= length);
      expect(await readTrajectory(file)).toEqual({
        header,
        updates: UPDATES.slice(0, kept),
        validBytes: ends[kept],
        tornBytes: length - ends[kept]!,
      });
    }
    for (let length = 0; length < ends[0]!; length++) {
      await writeFile(file, whole.subarray(0, length));
      await expect(readTrajectory(file)).rejects.toMatchObject({ code: 'ERR_ZEST_TRAJECTORY' });
    }
  });

  it('with any bit flipped gives the records before the damage', async () => {
    await write(UPDATES.slice(0, 0));
    const start = (await readFile(file)).length;
    await write(UPDATES);
    const whole = await readFile(file);
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const damaged = Buffer.from(whole);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      await writeFile(file, damaged);
      if (bit < start * 8) {
        await expect(readTrajectory(file)).rejects.toMatchObject({ code: 'ERR_ZEST_TRAJECTORY' });
      } else {
        const { updates, validBytes } = await readTrajectory(file);
        expect(validBytes).toBeLessThanOrEqual(bit >> 3);
        expect(updates).toEqual(UPDATES.slice(0, updates.length));
      }
    }
  });

  it('with a record lost, repeated or of zeros stops there', async () => {
    await write(UPDATES.slice(0, 1));
    const one = await readFile(file);
    await write(UPDATES.slice(0, 2));
    const two = await readFile(file);
    await write([]);
    const none = await readFile(file);
    for (const [bytes, updates] of [
      [Buffer.concat([none, two.subarray(one.length)]), 0],
      [Buffer.concat([one, one.subarray(none.length)]), 1],
      [Buffer.concat([one, Buffer.alloc(4096)]), 1],
    ] as const) {
      await writeFile(file, bytes);
      expect((await readTrajectory(file)).updates).toEqual(UPDATES.slice(0, updates));
    }
  });

  it('can be continued where it was cut', async () => {
    await write(UPDATES);
    await appendFile(file, 'torn');
    const { validBytes } = await readTrajectory(file);
    await truncate(file, validBytes);
    expect(await readTrajectory(file)).toMatchObject({ updates: UPDATES, tornBytes: 0 });
  });

  it('of another kind, format or place is refused', async () => {
    const refused = (message: RegExp, code = 'ERR_ZEST_TRAJECTORY') =>
      expect(readTrajectory(file)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    await writeFile(file, 'GGUF and more bytes');
    await refused(/trajectory\.zest: is not a trajectory of node-zest/);
    await write([]);
    const bytes = await readFile(file);
    bytes[4] = 2;
    await writeFile(file, bytes);
    await refused(/has format 2, this node-zest reads format 1/);
    await rm(file);
    await refused(/cannot read the trajectory/, 'ERR_ZEST_FILE');
  });
});
