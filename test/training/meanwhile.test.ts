import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TrainOptions } from '../../lib/runs/events.ts';
import { readSummary, reviewConfig, reviewFolder, run } from './runs.ts';

let folder: string;
beforeAll(async () => {
  folder = await reviewFolder();
});
afterAll(() => rm(folder, { recursive: true }));

/** Does something once while a run loads its model: after it has looked at its folder, and before it makes it. */
const onceLoading = (act: () => void): TrainOptions => {
  let isDone = false;
  return {
    resume: true,
    onProgress: () => {
      if (!isDone) act();
      isDone = true;
    },
  };
};

describe('a run with resume in whose folder another ends while it loads', () => {
  it.each([
    ['is refused where that has another configuration, and leaves it as it is', 3e-5],
    ['shows its result where it is the same', 2e-5],
  ])('%s', async (_, learningRate) => {
    const name = `of-${learningRate}`;
    const config = reviewConfig(folder, `taken-${name}`);
    const other = { ...config, output: join(folder, name), optimizer: { ...config.optimizer, learningRate } };
    await run(other);
    const summary = await readSummary(other.output);
    for (const isThere of [false, true]) {
      await rm(config.output, { recursive: true, force: true });
      // As a process leaves it that was killed before it had its log.
      if (isThere) mkdirSync(config.output);
      if (isThere) cpSync(join(other.output, 'config.yaml'), join(config.output, 'config.yaml'));
      const ended = run(
        config,
        onceLoading(() => cpSync(other.output, config.output, { recursive: true })),
      );
      if (learningRate === config.optimizer.learningRate) {
        expect(await ended).toEqual([{ kind: 'done', output: config.output, summary }]);
      } else {
        await expect(ended).rejects.toMatchObject({
          code: 'ERR_ZEST_RUN',
          message: expect.stringMatching(
            /taken-.* cannot go on as it began: optimizer\.learningRate is 0\.00002; expected/,
          ),
        });
      }
      expect(await readSummary(config.output)).toEqual(summary);
      const log = 'trajectory.zest';
      expect(await readFile(join(config.output, log))).toEqual(await readFile(join(other.output, log)));
      expect(existsSync(join(config.output, '.replaced'))).toBe(false);
    }
  });

  it('begins where what is there by then has no log', async () => {
    const config = reviewConfig(folder, 'left');
    const text = 'model: x\ndata: {}\noptimizer: {}\noutput: x\n';
    const events = await run(
      config,
      onceLoading(() => {
        mkdirSync(config.output);
        writeFileSync(join(config.output, 'config.yaml'), text);
      }),
    );
    expect(events.map(({ kind }) => kind)).toContain('estimate');
    expect((await readSummary(config.output)).steps).toBe(config.training.steps);
  });
});
