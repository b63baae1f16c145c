import { execFile } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { film } from './fixtures/film.ts';
import { scratchFolder } from './fixtures/scratch.ts';

const PROGRAM = fileURLToPath(new URL('realm/program.mjs', import.meta.url));
const ENTRY = new URL('../dist/index.js', import.meta.url).href;
const scratch = scratchFolder();

it('gives and takes errors across realms, as under Jest', async () => {
  const broken = join(scratch, 'broken');
  cpSync(film, broken, { recursive: true });
  const file = join(broken, 'model.safetensors');
  const bytes = readFileSync(file);
  // The last value of the last tensor, bfloat16 or float32, becomes NaN: all its bits are 1.
  writeFileSync(file, bytes.fill(0xff, bytes.length - 4));
  // A port that fetch asks nothing at.
  const env = { ...process.env, HF_ENDPOINT: 'http://127.0.0.1:1', HF_HOME: join(scratch, 'hub'), HF_HUB_OFFLINE: '' };
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--experimental-vm-modules', '--no-warnings', PROGRAM, ENTRY, film, broken],
    { env },
  );
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines).toEqual([
    { name: 'addon', code: 'ERR_ZEST_TENSOR_VALUE', message: expect.any(String), ours: true },
    {
      name: 'argument',
      code: 'ERR_ZEST_OPTION',
      message: expect.stringContaining('did you mean dtype?'),
      ours: true,
    },
    { name: 'abort', code: null, message: 'mine', ours: false },
    { name: 'own', code: null, message: 'own', ours: false },
    {
      name: 'view',
      code: 'ERR_ZEST_ARGUMENT',
      message: expect.stringMatching(/^evaluate gave DataView.*at the parameters themselves; expected a number/s),
      ours: true,
    },
    { name: 'hub', code: 'ERR_ZEST_DOWNLOAD', message: expect.stringContaining('bad port'), ours: true },
    { name: 'array', length: 3 },
  ]);
});
