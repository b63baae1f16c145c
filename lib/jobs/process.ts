import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { writeAtomic, writing } from '../files.ts';
import { parseJson } from '../json.ts';
import type { TrainEvent } from '../runs/events.ts';
import { runFolder } from '../runs/folder.ts';
import { folderUnlocked } from '../runs/lock.ts';
import type { ResolvedConfig } from '../training/schema.ts';

/** The built command line, from lib/ as from dist/. */
const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** Characters of a run's output for people that are kept, for the error at its end. */
const TAIL = 8192;

export interface JobOptions {
  threads: number;
  /** Ends the run after the step under way. */
  signal: AbortSignal;
  onEvent: (event: TrainEvent) => void;
}

const errorOf = (stderr: string, status: number | null, killedBy: NodeJS.Signals | null): string | undefined => {
  if (status === 0) return undefined;
  const [, message] = /^error: ([\s\S]*)$/m.exec(stderr) ?? [];
  return message?.trim() ?? (killedBy ? `the run was killed by ${killedBy}` : `the run ended with status ${status}`);
};

const collected = (child: ChildProcess): (() => string) => {
  let tail = '';
  child.stderr?.setEncoding('utf8').on('data', (piece: string) => {
    tail = (tail + piece).slice(-TAIL);
  });
  return () => tail;
};

/** Trains in a process of its own, in the folder that the configuration names; resolves to what went wrong, if something did. */
export const runJob = async (config: ResolvedConfig, options: JobOptions): Promise<string | undefined> => {
  const { threads, signal, onEvent } = options;
  const run = runFolder(config.output);
  await writing(run.path, mkdir(run.path, { recursive: true }));
  await folderUnlocked(run.path, signal);
  if (signal.aborted) return undefined;
  await writeAtomic(run.config, stringify(config));
  const child = fork(MAIN, ['train', run.config, '--overwrite', '--json'], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    execArgv: [],
    // Without ZEST_DEBUG, so that a failure is told in the form that `errorOf` reads.
    env: { ...process.env, ZEST_THREADS: String(threads), ZEST_DEBUG: undefined },
    // A group of its own: Ctrl-C reaches the sweep alone, which tells the runs. They end with it in any case.
    detached: true,
  });
  const stop = () => child.kill('SIGINT');
  signal.addEventListener('abort', stop, { once: true });
  // It may have come while the configuration was written.
  if (signal.aborted) stop();
  const stderr = collected(child);
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
    const event = parseJson(line);
    // A process that is killed leaves half a line.
    if (event) onEvent(event as TrainEvent);
  });
  try {
    const [status, killedBy] = await once(child, 'close');
    return errorOf(stderr(), status, killedBy);
  } finally {
    signal.removeEventListener('abort', stop);
  }
};
