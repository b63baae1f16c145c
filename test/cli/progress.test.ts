import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { progressLine } from '../../lib/cli/terminal/progress.ts';

const update = { label: 'training', done: 30, total: 120 };
const status = '0.500 steps/s, loss 0.1234, 3 min 0 s left';

describe('the line of progress', () => {
  it.each([
    [120, `training [=====---------------] 30/120 ${status}`],
    [80, `training [===-------] 30/120 ${status}`],
    [74, `30/120 ${status}`],
    [40, '30/120 0.500 steps/s, loss 0.1234, 3 mi'],
  ])('in %i columns', (columns, line) => expect(progressLine(update, status, columns)).toBe(line));

  it('never reaches the last column, where terminals go to the next line', () => {
    const options = [fc.nat(1000), fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 300 })] as const;
    fc.assert(
      fc.property(...options, (done, total, columns) => {
        expect(progressLine({ ...update, done, total }, status, columns).length).toBeLessThan(columns);
      }),
    );
  });
});

// `script` is where the tests of CI run, and gives a program a terminal.
const hasTerminal = process.platform === 'linux' && spawnSync('script', ['--version']).status === 0;
if (!hasTerminal) console.warn('NOT TESTED: progress in a terminal, for there is no program script');

describe.skipIf(!hasTerminal)('progress in a terminal', () => {
  it('takes away what a narrower terminal makes of its line, and gives way to lines that are printed', () => {
    const program = fileURLToPath(new URL('progress.mjs', import.meta.url));
    const command = `stty cols 100; '${process.execPath}' '${program}'`;
    const { stdout } = spawnSync('script', ['-qec', command, '/dev/null'], { encoding: 'utf8', timeout: 20_000 });
    // The cursor waits at the beginning of the line, of which all is behind it when it is taken away.
    const clear = '\r\x1b[J';
    const frames = stdout.split(clear).flatMap((part) => /^([^\r\n]+)\r$/.exec(part)?.[1] ?? []);
    expect(frames[0]).toBe('training [==------------------] 1/10 0.500 steps/s, loss 1, 18 s left');
    expect(frames.filter((line) => line.length < 30).length).toBeGreaterThan(4);
    // The picture of the third step is drawn anew as soon as the terminal is narrower.
    expect(frames).toContain('3/10 0.500 steps/s, loss 3, 1');
    const rest = frames.reduce((left, line) => left.replace(`${clear}${line}\r`, ''), stdout);
    expect(rest.replaceAll(clear, '').split('\r\n')).toEqual(['step 6', 'the end', '']);
  });
});
