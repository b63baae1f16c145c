import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseLines, zest } from '../cli/zest.ts';
import { scratchFolder } from '../fixtures/scratch.ts';

describe('zest study', () => {
  const folder = scratchFolder();

  it('lists its studies', async () => {
    const { status, stdout } = await zest(['study']);
    expect({ status, names: stdout.trim().split('\n') }).toEqual({
      status: 0,
      names: [
        'variance',
        'estimators',
        'estimators-model',
        'toy-2d',
        'synthetic',
        'adaptive-tilt',
        'ablation',
        'flatness',
      ],
    });
  });

  it('writes what it finds as JSON and as a page', async () => {
    const output = join(folder, 'variance');
    const { status, stdout, stderr } = await zest(['study', 'variance', '--quick', '--json', '--output', output]);
    expect(status).toBe(0);
    const [result] = parseLines(stdout);
    expect(result).toMatchObject({ kind: 'study', name: 'variance', seed: 0, quick: true });
    expect(JSON.parse(await readFile(join(output, 'study.json'), 'utf8'))).toEqual(result);
    expect(await readFile(join(output, 'study.html'), 'utf8')).toContain('Variance of a tilted estimate');
    expect(stderr).toContain(`written to ${output}: study.json and study.html`);
  });
});
