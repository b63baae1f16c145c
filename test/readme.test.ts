import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

describe('README', () => {
  it('has a library example that runs: losses fall, a text is classified, a model is saved', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'zest-readme-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const [, example] = (await readFile(join(root, 'README.md'), 'utf8')).match(/```js\n(.*?)```/s) ?? [];
    const code = example!.replace("'tuned'", JSON.stringify(folder));
    expect(code).toContain(folder);

    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', code], {
      cwd: root,
    });
    const losses = stdout.split('\n').slice(0, 20).map(Number);
    expect(losses[19]).toBeLessThan(losses[0]!);
    expect(stdout).toMatch(/word: '(terrible|great)'/);
    expect(await readdir(folder)).toEqual(
      expect.arrayContaining(['config.json', 'model.safetensors', 'tokenizer.json']),
    );
  });
});
