import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** The built command. */
export const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export interface Finished {
  status: number | null;
  stdout: string;
  stderr: string;
}

export interface Running {
  child: ChildProcess;
  finished: Promise<Finished>;
  /** Resolves once stdout holds the text. */
  printed(text: string): Promise<void>;
}

/** Starts the built `zest` as a shell would, with its output in pipes, and its input if that is to be written to. */
export const start = (
  args: readonly string[],
  env: Record<string, string> = {},
  stdin: 'ignore' | 'pipe' = 'ignore',
): Running => {
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: [stdin, 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (piece) => {
      output[name] += piece;
    });
  }
  const finished = once(child, 'close').then(([status]) => ({ status, ...output }));
  const printed = async (text: string): Promise<void> => {
    while (!output.stdout.includes(text)) {
      if (child.exitCode !== null) throw new Error(`zest ended without printing ${text}: ${output.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  return { child, finished, printed };
};

/** Runs the built `zest` to its end. */
export const zest = (args: readonly string[], env: Record<string, string> = {}): Promise<Finished> =>
  start(args, env).finished;

/** The objects that `--json` prints, one a line. */
export const parseLines = (stdout: string): Record<string, unknown>[] => {
  if (!stdout.endsWith('\n')) throw new Error(`the last line is not whole: ${stdout.slice(-100)}`);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
};
