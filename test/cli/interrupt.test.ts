import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';

const INTERRUPT = new URL('../../dist/cli/terminal/interrupt.js', import.meta.url);

/** A command that goes on after it is told to stop. */
const STUBBORN = `
  import { stopSignal } from ${JSON.stringify(INTERRUPT.href)};
  stopSignal().addEventListener('abort', () => console.log('stopping'));
  setInterval(() => {}, 1000);
  console.log('ready');
`;

describe.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)('%s', (signal, status) => {
  it('asks the command to stop, and ends it the second time', async () => {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', STUBBORN]);
    const line = async () => String((await once(child.stdout, 'data'))[0]);
    expect(await line()).toBe('ready\n');
    child.kill(signal);
    expect(await line()).toBe('stopping\n');
    expect(child.exitCode).toBeNull();
    child.kill(signal);
    expect(await once(child, 'close')).toEqual([status, null]);
  });
});
