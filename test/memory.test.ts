import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { fileOf } from './fixtures/safetensors.ts';
import { scratchFolder } from './fixtures/scratch.ts';
import { tinyConfig, tinyTensors } from './fixtures/tiny-bert.ts';

const MIB = 2 ** 20;
const ALLOWANCE = 64; // MiB
const HIDDEN = 512;
const INTERMEDIATE = 2048;
const SEQUENCES = 16;
const LENGTH = 64; // tokens

const config = {
  ...tinyConfig,
  vocab_size: 98_304,
  hidden_size: HIDDEN,
  num_attention_heads: 8,
  intermediate_size: INTERMEDIATE,
  max_position_embeddings: LENGTH,
};
/** The sizes of the tiny BERT, and what they are here. */
const SIZES = new Map([
  [tinyConfig.vocab_size, config.vocab_size],
  [tinyConfig.hidden_size, HIDDEN],
  [tinyConfig.intermediate_size, INTERMEDIATE],
  [tinyConfig.max_position_embeddings, LENGTH],
]);

const scratch = scratchFolder();
let weights = 0; // MiB

/** The tiny BERT, large: a file of zeros that takes no room on the disk. */
const writeLarge = (folder: string): void => {
  let end = 0;
  const header = Object.fromEntries(
    Object.entries(tinyTensors()).map(([name, { shape: small }]) => {
      const shape = small.map((size) => SIZES.get(size) ?? size);
      const begin = end;
      end += 4 * shape.reduce((a, b) => a * b);
      return [name, { dtype: 'F32', shape, data_offsets: [begin, end] }];
    }),
  );
  const start = fileOf(header);
  const file = join(folder, 'model.safetensors');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  writeFileSync(file, start);
  truncateSync(file, start.length + end);
  weights = end / MIB;
};

beforeAll(() => {
  expect(existsSync(new URL('../dist/index.js', import.meta.url)), 'dist is missing: npm run build').toBe(true);
  writeLarge(scratch);
});

describe.runIf(existsSync('/proc/self/status'))('a process with a model', () => {
  it('holds the weights once, and the activations of one group', () => {
    const script = fileURLToPath(new URL('memory/growth.mjs', import.meta.url));
    const output = execFileSync(process.execPath, ['--expose-gc', script, scratch, String(SEQUENCES), String(LENGTH)]);
    const { idle, loaded, first, later } = JSON.parse(output.toString());
    // bench/README.md: the two sides of a direction, eight vectors of `hidden` a token and the inner layer.
    const activations = (2 * SEQUENCES * LENGTH * (8 * HIDDEN + INTERMEDIATE) * 4) / MIB;
    expect(weights).toBeGreaterThan(3 * ALLOWANCE); // a second copy could not hide
    expect(loaded.now - idle.now).toBeGreaterThan(0.9 * weights);
    expect(loaded.peak - idle.now).toBeLessThan(weights + ALLOWANCE);
    expect(first.peak - idle.now).toBeLessThan(weights + ALLOWANCE + activations);
    expect(later.peak - first.peak).toBeLessThan(16); // nothing is allocated after the first step
  });
});
