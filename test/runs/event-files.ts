import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EvaluationEvent, StepEvent } from '../../lib/runs/events.ts';
import { EVENT_FILE_PREFIX, encodeScalars } from '../../lib/runs/tensorboard.ts';

/** Paths of the event files of a folder, in the order in which TensorBoard reads them. */
export const eventFiles = async (folder: string): Promise<string[]> =>
  (await readdir(folder))
    .filter((name) => name.startsWith(EVENT_FILE_PREFIX))
    .sort()
    .map((name) => join(folder, name));

/** The records of an event file, with the wall times that they begin with; one that is torn is there as far as it goes. */
export const readRecords = async (file: string): Promise<{ wallTime: number; record: Buffer }[]> => {
  const bytes = await readFile(file);
  const records: { wallTime: number; record: Buffer }[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    records.push({ wallTime: bytes.readDoubleLE(at + 13), record: bytes.subarray(at, at + 16 + length) });
    at += 16 + length;
  }
  return records;
};

/** The record of a step or an evaluation. */
export const recordOf = (event: StepEvent | EvaluationEvent, wallTime: number): Buffer => {
  const group = event.kind === 'step' ? 'training' : event.split;
  const named = Object.entries(event).filter(([key]) => !['kind', 'split', 'step'].includes(key));
  const scalars = Object.fromEntries(named.map(([key, value]) => [`${group}/${key}`, value as number]));
  return encodeScalars(wallTime, event.step, scalars);
};
