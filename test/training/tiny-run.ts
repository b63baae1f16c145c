import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../../lib/training/schema.ts';
import { writeFolder } from '../fixtures/safetensors.ts';
import { tinyConfig, tinyTensors } from '../fixtures/tiny-bert.ts';
import { TINY_WORDS, writeTinyTokenizer } from '../fixtures/tiny-tokenizer.ts';

/** Writes a model of a few hundred parameters and six rows to a folder; gives a run of them, of `training`. */
export const writeTinyRun = (folder: string, training: Config['training']): Omit<Config, 'output'> => {
  const model = writeTinyTokenizer(writeFolder(join(folder, 'model'), tinyConfig, tinyTensors()));
  const rows = join(folder, 'rows.jsonl');
  writeFileSync(rows, TINY_WORDS.map((text, i) => `${JSON.stringify({ text, label: i % 2 })}\n`).join(''));
  return {
    model,
    device: 'cpu',
    task: { template: '{text} {mask}', labelWords: ['no', 'yes'] },
    data: { train: rows, validation: rows },
    optimizer: { method: 'zest', directions: 2, learningRate: 1e-2, weightDecay: 0.1 },
    training,
  };
};
