import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Model } from '../../lib/model/model.ts';
import type { FailureEvent, Summary, TrainEvent, TrainOptions } from '../../lib/runs/events.ts';
import { replayTrajectory } from '../../lib/runs/replay.ts';
import type { Config } from '../../lib/training/schema.ts';
import { train } from '../../lib/training/train.ts';
import { film } from '../fixtures/film.ts';

const GOOD = ['charming', 'funny', 'brilliant', 'moving', 'wonderful', 'clever', 'touching', 'superb'];
const BAD = ['dull', 'awful', 'boring', 'stupid', 'terrible', 'lame', 'tedious', 'horrible'];
const SUBJECTS = ['the story', 'the cast', 'every scene', 'the ending', 'this film', 'the music'];

const reviews = (from: number, count: number): string =>
  Array.from({ length: count }, (_, i) => {
    const label = i % 2;
    const words = label ? GOOD : BAD;
    const sentence = `${SUBJECTS[(from + i) % SUBJECTS.length]} is ${words[(from + 3 * i) % words.length]}`;
    return `${JSON.stringify({ sentence, label })}\n`;
  }).join('');

/** A folder with small train, validation and test files of made-up reviews. */
export const reviewFolder = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'zest-train-'));
  await writeFile(join(folder, 'train.jsonl'), reviews(0, 40));
  await writeFile(join(folder, 'validation.jsonl'), reviews(1, 24));
  await writeFile(join(folder, 'test.jsonl'), reviews(2, 30));
  return folder;
};

/** A run of a few seconds on that folder's files. */
export const reviewConfig = (folder: string, output: string) =>
  ({
    model: film,
    device: 'cpu',
    task: { template: '{sentence} . It was {mask} .', labelWords: ['terrible', 'great'] },
    data: {
      train: join(folder, 'train.jsonl'),
      validation: join(folder, 'validation.jsonl'),
      test: join(folder, 'test.jsonl'),
    },
    optimizer: { method: 'zest', directions: 2, tilt: { tau: 1 }, learningRate: 2e-5, weightDecay: 0.1 },
    training: { steps: 6, batchSize: 8, maxLength: 32, evaluateEvery: 2, checkpointEvery: 4 },
    output: join(folder, output),
  }) satisfies Config;

/** Runs to the end and gives every event. */
export const run = async (config: Config, options?: TrainOptions): Promise<TrainEvent[]> => {
  const events: TrainEvent[] = [];
  for await (const event of train(config, options)) events.push(event);
  return events;
};

export const ofKind = <K extends TrainEvent['kind']>(events: readonly TrainEvent[], kind: K) =>
  events.filter((event): event is Extract<TrainEvent, { kind: K }> => event.kind === kind);

export const readSummary = async (output: string): Promise<Summary> =>
  JSON.parse(await readFile(join(output, 'summary.json'), 'utf8'));

export const readMetrics = async (output: string): Promise<(TrainEvent | FailureEvent)[]> =>
  (await readFile(join(output, 'metrics.jsonl'), 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

/** The digest of the base before and after the log's updates. */
export const replay = async (output: string): Promise<{ before: string; after: string }> => {
  const model = await Model.load(film, { device: 'cpu' });
  const { header } = await replayTrajectory(model, join(output, 'trajectory.zest'));
  const after = await model.digest();
  model.dispose();
  return { before: header.trainable, after };
};

export const digestOf = async (checkpoint: string): Promise<string> => {
  const model = await Model.load(checkpoint, { device: 'cpu' });
  const digest = await model.digest();
  model.dispose();
  return digest;
};
