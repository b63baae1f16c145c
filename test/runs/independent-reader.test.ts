import { execFile, execFileSync } from 'node:child_process';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { Model } from '../../lib/model/model.ts';
import type { Law } from '../../lib/objective.ts';
import type { LoggedUpdate, TrajectoryHeader } from '../../lib/runs/logged.ts';
import { TrajectoryWriter } from '../../lib/runs/trajectory.ts';
import { LAWS, nameOf } from '../fixtures/film.ts';
import { tinyTensors } from '../fixtures/tiny-bert.ts';
import { modelTests } from '../fixtures/tiny-models.ts';

/** Written from docs/trajectory.md and docs/noise.md alone. */
const REPLAY = fileURLToPath(new URL('../fixtures/trajectory/replay.py', import.meta.url));

const hasPython = (): boolean => {
  try {
    execFileSync('python3', ['--version']);
    return true;
  } catch {
    return false;
  }
};

const { folderOf, load, scratch } = modelTests();

const SEED = 8589934603n;

const headerOf = async (model: Model, law: Law): Promise<TrajectoryHeader> => ({
  noiseVersion: 1,
  base: 'sha256:',
  trainable: await model.digest(),
  frozen: await model.digest('frozen'),
  dimension: model.dimension,
  dtype: model.dtype,
  tensors: model.parameters,
  directions: { seed: String(SEED), law },
  method: 'zest',
  rule: 'plain',
  config: {},
  inputs: {},
  device: 'cpu',
  version: '',
});

const UPDATES: LoggedUpdate[] = [
  { decay: 0, terms: [{ stream: 0n, coefficient: Math.fround(1e-2) }] },
  {
    decay: Math.fround(1e-3),
    terms: [
      { stream: 1n, coefficient: Math.fround(-3e-2) },
      { stream: 2n, coefficient: 0.5 },
    ],
    losses: [0.25, Number.POSITIVE_INFINITY],
  },
  { decay: 0, terms: [] },
  { decay: 0, terms: [{ stream: 2n ** 62n + 1n, coefficient: 0.125 }] },
];

describe.skipIf(!hasPython())('a reader in another language, written from the specification', () => {
  it.each(
    LAWS.flatMap((law) => (['float32', 'bfloat16'] as const).map((dtype) => ({ name: nameOf(law), law, dtype }))),
  )('rebuilds the weights under $name in $dtype', async ({ name, law, dtype }) => {
    const tensors = Object.fromEntries(
      Object.entries(tinyTensors()).map(([key, { bytes, ...rest }]) => {
        // Values that bfloat16 holds, too.
        const whole = Buffer.from(bytes);
        for (let i = 0; i < whole.length; i += 4) whole.writeUInt16LE(0, i);
        return [key, { ...rest, bytes: whole }];
      }),
    );
    const folder = folderOf(tensors);
    const trainable = { include: ['*.layer.0.output.*', '*word_embeddings*', 'cls.*'] };
    const model = await load(folder, { device: 'cpu', dtype, trainable, directions: { seed: SEED, law } });
    const file = join(scratch, `${name}-${dtype}.zest`);
    const log = await TrajectoryWriter.create(file, await headerOf(model, law));
    for (const { losses, ...update } of UPDATES) {
      await log.append({ ...update, ...(losses && { losses }) });
      await model.apply(update);
    }
    await log.close();
    await appendFile(file, 'torn');
    const { stdout } = await promisify(execFile)('python3', [REPLAY, file, join(folder, 'model.safetensors')]);
    expect(JSON.parse(stdout)).toMatchObject({ steps: UPDATES.length, torn: 4, after: await model.digest() });
  });
});
