import type { ChildProcess } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { splitMix64 } from '../../lib/data/sampling.ts';
import { isThere } from '../../lib/files/files.ts';
import { type Running, start } from '../cli/zest.ts';
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

/** Starts to train with the command line, or goes on. */
export const trains = (file: string, output: string): Running =>
  start(['train', file, '--resume', '--json', '--set', `output=${output}`], { ZEST_THREADS: '1' });

/** Trains with the command line to the end. */
export const trainWhole = async (file: string, output: string): Promise<void> => {
  const { status, stderr } = await trains(file, output).finished;
  if (status !== 0) throw new Error(`zest ended with ${status}: ${stderr}`);
};

/** Resolves once a process has printed so many lines more. */
export const printedLines = ({ stdout }: ChildProcess, lines: number): Promise<void> =>
  new Promise((resolve) => {
    let left = lines;
    const count = (text: string) => {
      left -= text.split('\n').length - 1;
      if (left > 0) return;
      stdout?.off('data', count);
      resolve();
    };
    stdout?.on('data', count);
  });

/**
 * Trains with the command line, which is killed at random instants again and again, and goes on from what is left; at last
 * it may end. An instant is some ms after one of the next `lines` lines, so that it is one of work, however long a process
 * takes to begin. Resolves to how often it was killed.
 */
export const trainKilled = async (
  file: string,
  output: string,
  { kills, lines, seed }: { kills: number; lines: number; seed: number },
): Promise<number> => {
  const bits = splitMix64(BigInt(seed));
  const below = (n: number) => Number(bits() % BigInt(n));
  let killed = 0;
  for (let i = 0; i < kills; i++) {
    const { child, finished } = trains(file, output);
    const instant = printedLines(child, 1 + below(lines)).then(() => delay(below(10)));
    await Promise.race([instant, finished]);
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
