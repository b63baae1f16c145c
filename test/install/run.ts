import { spawn } from 'node:child_process';

const LONGEST_MS = 15 * 60_000; // compiling twice the engine, on a machine that has other work

/** How a process ended, and what it printed. */
export interface Ended {
  status: number | string;
  output: string;
  errors: string;
}

export interface RunOptions {
  cwd: string;
  env: Record<string, string>;
  /** Whether it must exit with status 0; default true. */
  succeeds?: boolean;
}

/** Runs a program to its end. Throws with all that it printed where it fails and should not, or the other way round. */
export const run = (program: string, args: readonly string[], { cwd, env, succeeds = true }: RunOptions) =>
  new Promise<Ended>((resolve, reject) => {
    const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: LONGEST_MS });
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      errors += text;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const status = code ?? signal ?? 'unknown';
      if ((status === 0) === succeeds) resolve({ status, output, errors });
      else reject(new Error(`${program} ${args.join(' ')}: status ${status}\n${output}${errors}`));
    });
  });
