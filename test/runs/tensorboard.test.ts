import { readFile, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { crc32c } from '../../lib/runs/crc32c.ts';
import { encodeFileVersion, encodeScalars } from '../../lib/runs/tensorboard.ts';
import { ofKind, reviewConfig, reviewFolder, run } from '../training/runs.ts';
import { eventFiles, readRecords, recordOf } from './event-files.ts';

const FIXTURE = fileURLToPath(new URL('../fixtures/tensorboard/scalars.tfevents', import.meta.url));

describe('crc32c', () => {
  // RFC 3720, B.4, where the checksums stand as the bytes that are sent, least significant first; the last is the
  // check value of the CRC catalogues.
  it.each([
    ['32 zeros', new Uint8Array(32), 0x8a9136aa],
    ['32 ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['ascending', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ['descending', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
    ['123456789', Buffer.from('123456789'), 0xe3069283],
    ['nothing', new Uint8Array(0), 0],
  ])('of %s', (_, bytes, checksum) => {
    expect(crc32c(bytes)).toBe(checksum);
  });
});

it("writes, byte for byte, what TensorBoard's own writer writes", async () => {
  const written = Buffer.concat([
    encodeFileVersion(1_700_000_000.25),
    encodeScalars(1_700_000_001.5, 0, { 'validation/accuracy': 0.8125, 'validation/loss': 0 }),
    encodeScalars(1_700_000_002.75, 1, {
      'training/meanLoss': 0.43210987654321,
      'training/gradientNorm': 123456.789,
    }),
    encodeScalars(1_700_000_003, 300, { ['τ'.repeat(70)]: -1e-30 }),
    encodeScalars(1_700_000_004, 2 ** 33 + 5, { 'training/tilt': Number.POSITIVE_INFINITY }),
  ]);
  expect(written.toString('hex')).toBe((await readFile(FIXTURE)).toString('hex'));
});

describe('a run with training.tensorboard', () => {
  it('leaves one event file, with every scalar of its steps and evaluations; one that replaces it leaves its own', async () => {
    const folder = await reviewFolder();
    onTestFinished(() => rm(folder, { recursive: true }));
    const config = reviewConfig(folder, 'run');
    const training = { ...config.training, steps: 2, tensorboard: true };
    const events = await run({ ...config, training });
    const [file, ...others] = await eventFiles(config.output);
    expect(others).toEqual([]);

    const [first, ...records] = await readRecords(file!);
    // The wall times are the run's own.
    for (const { wallTime } of records) expect(Math.abs(Date.now() / 1000 - wallTime)).toBeLessThan(600);
    expect(first!.record).toEqual(encodeFileVersion(first!.wallTime));
    const written = events.filter((event) => event.kind === 'step' || event.kind === 'evaluation');
    expect(records).toHaveLength(written.length);
    for (const [i, event] of written.entries()) {
      expect(records[i]!.record).toEqual(recordOf(event, records[i]!.wallTime));
    }
    expect(ofKind(events, 'step')).toHaveLength(2);

    await run({ ...config, training: { ...training, tensorboard: false } }, { overwrite: true });
    expect(await eventFiles(config.output)).toEqual([]);
  });
});
