import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { splitMix64 } from '../../lib/data/sampling.ts';
import { isThere } from '../../lib/files.ts';
import { start } from '../cli/zest.ts';
import { digestOf, readMetrics, readSummary } from './runs.ts';

/** Without times and places, in which a run that goes on differs from one that was never stopped. */
export const timeless = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (key, inner) => (['seconds', 'output', 'folder'].includes(key) ? undefined : inner)),
  );

/** What a run came to, without times and places. */
export const outcome = async (output: string) => ({
  metrics: timeless(await readMetrics(output)),
  summary: timeless(await readSummary(output)),
  best: await digestOf(join(output, 'checkpoints', 'best')),
  last: await digestOf(join(output, 'checkpoints', 'last')),
});

/** The checkpoints that a folder has, each of which can be loaded at any moment. */
export const assertReadable = async (output: string): Promise<void> => {
  for (const name of await readdir(join(output, 'checkpoints')).catch(() => [])) {
    if (name.startsWith('.')) continue;
    const weights = join(output, 'checkpoints', name, 'model.safetensors');
    if (!(await isThere(weights))) continue;
    const header = (await readFile(weights)).subarray(8).toString('latin1');
    const digest = await digestOf(join(output, 'checkpoints', name));
    if (!header.includes(digest)) throw new Error(`${name} is not what its header says`);
  }
};

/** When a process has begun to work, and when it has half of it done, in ms. */
export interface Instants {
  from: number;
  to: number;
}

const trainArguments = (file: string, output: string): string[] => [
  ...['train', file, '--resume', '--json', '--set', `output=${output}`],
];

/** Trains with the command line to the end. */
export const trainWhole = async (file: string, output: string): Promise<Instants> => {
  const began = performance.now();
  const { finished, printed } = start(trainArguments(file, output), { ZEST_THREADS: '1' });
  await printed('"start"');
  const from = performance.now() - began;
  const { status, stderr } = await finished;
  if (status !== 0) throw new Error(`zest ended with ${status}: ${stderr}`);
  return { from, to: (from + performance.now() - began) / 2 };
};

/**
 * Trains with the command line, which is killed at random instants again and again, and goes on from what is left; at last
 * it may end. Resolves to how often it was killed.
 */
export const trainKilled = async (
  file: string,
  output: string,
  { kills, instants: { from, to }, seed }: { kills: number; instants: Instants; seed: number },
): Promise<number> => {
  const bits = splitMix64(BigInt(seed));
  let killed = 0;
  for (let i = 0; i < kills; i++) {
    const { child, finished } = start(trainArguments(file, output), { ZEST_THREADS: '1' });
    await Promise.race([delay(from + Number(bits() % BigInt(Math.ceil(to - from)))), finished]);
    child.kill('SIGKILL');
    const { status, stderr } = await finished;
    if (status !== null && status !== 0) throw new Error(`zest ended with ${status}: ${stderr}`);
    if (status === 0) return killed;
    killed++;
    await assertReadable(output);
  }
  await trainWhole(file, output);
  return killed;
};
