import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What an example prints, run as its first lines say. */
const printed = async (name: string): Promise<string> => {
  const source = await readFile(`${root}examples/${name}.ts`, 'utf8');
  const [, built] = source.match(/^\/\/ .*npm run build && node (\S+)$/m) ?? [];
  const { stdout } = await promisify(execFile)(process.execPath, [built!], { cwd: root });
  return stdout;
};

describe('examples', () => {
  it('words: writes what its configuration reads, and the configuration where it is not there', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'zest-words-'));
    const write = () => promisify(execFile)(process.execPath, [`${root}examples/words.mjs`], { cwd: folder });
    const config = join(folder, 'examples/words.yaml');
    await write();
    expect(await readFile(config)).toEqual(await readFile(`${root}examples/words.yaml`));
    expect(await readdir(join(folder, 'examples/words'))).toEqual(['test.jsonl', 'train.jsonl', 'validation.jsonl']);
    await writeFile(config, 'my own');
    await write();
    expect(await readFile(config, 'utf8')).toBe('my own');
  });

  it('embed: the loss falls, and two texts that it has not seen are understood', async () => {
    const [loss, ...answers] = (await printed('embed')).trimEnd().split('\n');
    const [before, after] = loss!.match(/\d\.\d{3}/g)!.map(Number);
    expect(after).toBeLessThan(before! / 2);
    expect(answers).toEqual([
      expect.stringMatching(/^it lasts and lasts: positive \(0\.\d\d\)$/),
      expect.stringMatching(/^the zipper broke on the second day: negative \(0\.\d\d\)$/),
    ]);
  });

  it('custom-task: what is not trained on gets better too', async () => {
    const lines = (await printed('custom-task')).trimEnd().split('\n');
    const numbers = lines.map((line) => line.match(/\d\.\d+/g)!.map(Number)) as [number, number, number][];
    expect(lines.map((line) => line.split(':')[0])).toEqual(['before', 'after']);
    const [before, after] = numbers;
    expect(after![0]).toBeGreaterThan(before![0]);
    expect(after![1]).toBeGreaterThan(before![1]);
    expect(after![2]).toBeLessThan(before![2]);
  });

  it('custom-estimator: both estimators learn', async () => {
    const lines = (await printed('custom-estimator')).trimEnd().split('\n');
    expect(lines.map((line) => line.split(':')[0])).toEqual(['naive', 'ranks']);
    for (const line of lines) {
      const [first, last] = line.match(/\d\.\d{3}/g)!.map(Number);
      expect(last).toBeLessThan(first! - 0.05);
    }
  });
});
