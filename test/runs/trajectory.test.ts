import { appendFile, mkdtemp, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Update } from '../../lib/objective.ts';
import { crc32c } from '../../lib/runs/crc32c.ts';
import type { LoggedUpdate, TrajectoryHeader } from '../../lib/runs/logged.ts';
import { isTrajectory, openTrajectory, readTrajectory, TrajectoryWriter } from '../../lib/runs/trajectory.ts';
import { encodeHeader, encodeRecord } from '../../lib/runs/trajectory-format.ts';

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
  frozen: 'sha256:22',
  dimension: 3,
  dtype: 'float32',
  tensors: [{ name: 'w', shape: [3], trainable: true, decays: false }],
  directions: { seed: '7', law: { lowRank: 2 } },
  method: 'mezo',
  rule: 'plain',
  config: { model: 'modèle' },
  inputs: {},
  device: 'cpu',
  version: '0.1.0',
};

const write = async (updates: readonly LoggedUpdate[]): Promise<void> => {
  const log = await TrajectoryWriter.create(file, header);
  for (const update of updates) await log.append(update);
  await log.flush();
  await log.close();
};

const terms = (...pairs: [bigint, number][]): Update['terms'] =>
  pairs.map(([stream, coefficient]) => ({ stream, coefficient }));

const UPDATES: LoggedUpdate[] = [
  { decay: 0, terms: terms([0n, 0.5]) },
  { decay: Math.fround(1e-7), terms: terms([1n, -0.25], [2n, Math.fround(1e-30)], [3n, 0]) },
  { decay: 0, terms: terms([9n, 1], [7n, 2], [2n ** 63n - 1n, -3]) },
  { decay: 0.5, terms: [], losses: [Number.POSITIVE_INFINITY] },
  { decay: 0, terms: [] },
  { decay: 0, terms: terms([10n, 1], [11n, 2]), radii: [0.5, 2] },
];

describe('a trajectory', () => {
  it('has the bytes of the specification', async () => {
    await write([
      { decay: 0.5, terms: terms([0n, 1]) },
      { decay: 0, terms: terms([1n, 0.5], [2n, -1]) },
      { decay: 0, terms: terms([5n, -2], [4n, 0.25]), losses: [0.5, 0.75] },
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
    const parts = { decay: float, terms: fc.oneof(consecutive, listed), losses: fc.array(fc.double()) };
    const update = fc.record(parts, { requiredKeys: ['decay', 'terms'] }).chain((plain) =>
      fc.oneof(
        fc.constant(plain),
        fc
          .array(float, { minLength: plain.terms.length, maxLength: plain.terms.length })
          .map((radii) => ({ ...plain, radii })),
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(update, { maxLength: 10 }), async (updates) => {
        await write(updates);
        const read = await readTrajectory(file);
        expect(read).toEqual({ header, updates, validBytes: (await readFile(file)).length, tornBytes: 0 });
      }),
      { numRuns: 100 },
    );
  });

  it('takes 12 bytes for a MeZO step and 28 for five directions', async () => {
    const sizes: number[] = [];
    for (const k of [0, 1, 5]) {
      await write(
        k ? [{ decay: 0, terms: terms(...Array.from({ length: k }, (_, i): [bigint, number] => [BigInt(i), 1])) }] : [],
      );
      sizes.push((await readFile(file)).length);
    }
    expect(sizes.map((size) => size - sizes[0]!)).toEqual([0, 12, 28]);
  });

  it('takes 0.7 MB for 20,000 steps of five directions with decay', async () => {
    const updates = Array.from({ length: 20_000 }, (_, step) => ({
      decay: Math.fround(1e-6),
      terms: Array.from({ length: 5 }, (_, i) => ({ stream: BigInt(5 * step + i), coefficient: 1 })),
    }));
    let { bytes, place } = encodeHeader(header);
    const records = updates.map((update) => {
      const record = encodeRecord(update, place);
      place = record.next;
      return record.bytes;
    });
    bytes = Buffer.concat([bytes, ...records]);
    await writeFile(file, bytes);
    expect(bytes.length).toBeLessThan(0.7e6);
    expect((await readTrajectory(file)).updates).toHaveLength(20_000);
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

  it('that needs more than a reader knows is refused by it', async () => {
    for (const [rule, bits] of [
      ['plain', 0],
      ['momentum', 1],
      ['plain anchored', 1],
    ] as const) {
      await (await TrajectoryWriter.create(file, { ...header, rule })).close();
      const bytes = await readFile(file);
      expect(bytes.readUInt32LE(8)).toBe(bits);
      for (const [bit, name] of [
        [2, 'gradient'],
        [64, 'bit 6'],
        [2 ** 31, 'bit 31'],
      ] as const) {
        bytes.writeUInt32LE((bits | bit) >>> 0, 8);
        bytes.writeUInt32LE(crc32c(bytes.subarray(0, -4)), bytes.length - 4);
        await writeFile(file, bytes);
        await expect(readTrajectory(file)).rejects.toMatchObject({
          code: 'ERR_ZEST_TRAJECTORY',
          message: expect.stringContaining(`asks for ${name}, which this node-zest does not replay`),
        });
      }
    }
  });

  it('with a rule in a record that the header says nothing of, or one that is no JSON, is refused', async () => {
    const update: LoggedUpdate = { decay: 0, terms: terms([0n, 1]), rule: { name: 'sign', rate: 0.5 } };
    for (const [rule, broken, message] of [
      ['plain', false, 'record 1 has a rule, which the header does not ask a reader for'],
      ['sign', true, `record 1 says ' "rule":`],
    ] as const) {
      const { bytes, place } = encodeHeader({ ...header, rule });
      const record = encodeRecord(update, place).bytes;
      if (broken) {
        record.write(' ', record.indexOf('{'));
        record.writeUInt32LE(crc32c(record.subarray(0, -4), place.checksum), record.length - 4);
      }
      await writeFile(file, Buffer.concat([bytes, record]));
      await expect(readTrajectory(file)).rejects.toMatchObject({
        code: 'ERR_ZEST_TRAJECTORY',
        message: expect.stringContaining(message),
      });
    }
  });

  it('is the same whether it was written at once or gone on with from any record', async () => {
    await write(UPDATES);
    const whole = await readFile(file);
    const { places } = await openTrajectory(file);
    for (const [i, place] of places.entries()) {
      const log = await TrajectoryWriter.open(file, place);
      for (const update of UPDATES.slice(i, i + 2)) await log.append(update);
      await log.close();
      expect(await readFile(file)).toEqual(whole);
    }
    // By another way: what is left behind does not check.
    const log = await TrajectoryWriter.open(file, places[1]!);
    await log.append({ decay: 0.25, terms: [] });
    expect((await readTrajectory(file)).updates).toEqual([UPDATES[0], { decay: 0.25, terms: [] }]);
    await log.cut();
    expect((await readTrajectory(file)).tornBytes).toBe(0);
    await log.close();
  });

  it('is cut behind its last record, or behind those that lead on from it', async () => {
    for (const [cut, kept] of [
      ['cutTorn', UPDATES],
      ['cut', UPDATES.slice(0, 1)],
    ] as const) {
      await write(UPDATES);
      await appendFile(file, 'torn');
      const log = await TrajectoryWriter.open(file, (await openTrajectory(file)).places[1]!);
      await log[cut]();
      await log.close();
      expect(await readTrajectory(file)).toMatchObject({ updates: kept, tornBytes: 0 });
    }
  });

  it('is told from what is none, and from what cannot be read', async () => {
    await write([]);
    expect(await isTrajectory(file)).toBe(true);
    for (const other of [join(file, '..'), join(file, 'below'), `${file}-not-there`])
      expect(await isTrajectory(other)).toBe(false);
    const circle = `${file}-circle`;
    await symlink(circle, circle);
    await expect(isTrajectory(circle)).rejects.toMatchObject({
      code: 'ERR_ZEST_FILE',
      message: expect.stringMatching(/^cannot read .*-circle: ELOOP/),
    });
  });

  it('that is removed or replaced while it is written is told of', async () => {
    const log = await TrajectoryWriter.create(file, header);
    await log.append(UPDATES[0]!);
    await log.flush();
    await rm(file);
    await expect(log.flush()).rejects.toMatchObject({
      code: 'ERR_ZEST_FILE',
      message: expect.stringMatching(/removed/),
    });
    await write([]);
    await expect(log.flush()).rejects.toMatchObject({
      code: 'ERR_ZEST_FILE',
      message: expect.stringMatching(/replaced/),
    });
    await log.close();
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
    bytes[4] = 1;
    await writeFile(file, bytes);
    await refused(/has format 1, this node-zest reads format 2/);
    await rm(file);
    await refused(/cannot read the trajectory/, 'ERR_ZEST_FILE');
  });
});
