import { execFile } from 'node:child_process';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readConfig } from '../../lib/training/config.ts';
import { film } from '../fixtures/film.ts';
import { scratchFolder } from '../fixtures/scratch.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = scratchFolder();
const guide = (name: string): Promise<string> => readFile(join(root, 'docs', name), 'utf8');

/** The code blocks of a language, in order. */
const blocks = (text: string, language: string): string[] =>
  [...text.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 'gs'))].map(([, code]) => code!);

/** What a snippet prints, run in a project that has node-zest. */
const printed = async (code: string): Promise<string> => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', code], {
    cwd: folder,
  });
  return stdout;
};

beforeAll(async () => {
  await mkdir(join(folder, 'node_modules'));
  await symlink(root, join(folder, 'node_modules/node-zest'), 'junction');
});

describe.each([
  [
    'objectives.md',
    [
      /^Float32Array\(1\) \[ (2\.0|1\.9)\d* \] Float32Array\(1\) \[ (1\.0|0\.9)\d* \]\n$/,
      /^true\n$/,
      /^(Float64Array\(1\) \[ -?[\d.]+ \]\n){3}$/,
      /^0 -\d\.\d\n-1 1\.0\nFloat64Array\(1\) \[ [\d.]+ \]\n$/,
    ],
  ],
  ['rewards.md', [undefined, /^(-\d+\.\d+\n){5}$/, undefined]],
] as const)('docs/%s', (name, outputs) => {
  it('has snippets that run', async () => {
    const codes = blocks(await guide(name), 'js');
    expect(codes).toHaveLength(outputs.length);
    for (const [i, output] of outputs.entries()) if (output) expect(await printed(codes[i]!)).toMatch(output);
  });

  it('has configurations that are valid', async () => {
    for (const text of blocks(await guide(name), 'yaml')) {
      const base = {
        model: film,
        task: 'sst2',
        data: { train: 'a.jsonl' },
        optimizer: { method: 'mezo', learningRate: 1 },
        output: 'x',
      };
      const file = join(folder, 'guide.json');
      await writeFile(file, JSON.stringify({ ...base, ...parse(text) }));
      await expect(readConfig(file)).resolves.toBeDefined();
    }
  });
});

describe('examples/json-reply.yaml', () => {
  it('is a configuration with a reward of facts as JSON, less for what follows', async () => {
    const { objective, data } = await readConfig(join(root, 'examples/json-reply.yaml'));
    const { default: reward } = await import(join(root, objective!.reward!));
    const rewarded = (answer: string) => reward({ answer }, { fields: { text: 'Meet Alice from Bristol, aged 30.' } });
    expect(rewarded('{\n  "name": "Alice", "age": 30, "city": "Bristol"\n}')).toBe(1);
    expect(rewarded('{"name": "Alice", "age": 30, "city": "Paris"}')).toBeCloseTo(2 / 3, 12);
    expect(rewarded('{"name": "Alice", "age": 30, "city": "Bristol"} This is a JSON text.')).toBeCloseTo(20 / 41, 12);
    for (const answer of ['', '{}', 'Alice', '{"name": "Alice"', '{"name": Alice}']) expect(rewarded(answer)).toBe(0);
    for (const file of [data.train, data.validation]) await readFile(join(root, String(file)));
  });
});

describe('examples/no-e.yaml', () => {
  it('is a configuration with a reward that counts each word without an e once', async () => {
    const { objective, data } = await readConfig(join(root, 'examples/no-e.yaml'));
    const { default: reward } = await import(join(root, objective!.reward!));
    expect(reward({ answer: 'a dog ran to the big park. it was a happy dog' })).toBeCloseTo(9 / 12, 12);
    expect(reward({ answer: 'too short' })).toBe(0);
    for (const file of [data.train, data.validation]) await readFile(join(root, String(file)));
  });
});
