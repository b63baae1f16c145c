import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { makeFolder, writing } from '../files/files.ts';
import type { TrainEvent } from '../runs/events.ts';
import { runFolder, writeConfig } from '../runs/folder.ts';
import { folderUnlocked } from '../runs/lock.ts';
import { parseJson } from '../text/json.ts';
import type { ResolvedConfig } from '../training/schema.ts';

/** The built command line, from lib/ as from dist/. */
const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export interface JobOptions {
  threads: number;
  /** Ends the run after the step under way. */
  signal: AbortSignal;
  onEvent: (event: TrainEvent) => void;
}

/** What a run's process prints as it fails. */
interface ErrorLine {
  kind: 'error';
  code: string | null;
  message: string;
}

const errorOf = (failure: ErrorLine | undefined, status: number | null, killedBy: NodeJS.Signals | null) => {
  if (status === 0) return undefined;
  if (failure) return failure.message + (failure.code === null ? '' : ` (${failure.code})`);
  return killedBy ? `the run was killed by ${killedBy}` : `the run ended with status ${status}`;
};

/**
 * Trains in a process of its own, in the folder that the configuration names, going on with a run that is there; resolves
 * to what went wrong, if something did.
 */
export const runJob = async (config: ResolvedConfig, options: JobOptions): Promise<string | undefined> => {
  const { threads, signal, onEvent } = options;
  const run = runFolder(config.output);
  await writing(run.path, makeFolder(run.path));
  await folderUnlocked(run.path, signal);
  if (signal.aborted) return undefined;
  await writeConfig(run, config);
  const child = fork(MAIN, ['train', run.config, '--resume', '--json'], {
    stdio: ['ignore', 'pipe', 'ignore', 'ipc'],
    execArgv: [],
    env: { ...process.env, ZEST_THREADS: String(threads) },
    // A group of its own: Ctrl-C reaches the sweep alone, which tells the runs. They end with it in any case.
    detached: true,
  });
  const stop = () => child.kill('SIGINT');
  signal.addEventListener('abort', stop, { once: true });
  // It may have come while the configuration was written.
  if (signal.aborted) stop();
  let failure: ErrorLine | undefined;
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
    // A process that is killed leaves half a line.
    const event = parseJson(line) as TrainEvent | ErrorLine | undefined;
    if (event?.kind === 'error') failure = event;
    else if (event) onEvent(event);
  });
  try {
    const [status, killedBy] = await once(child, 'close');
    return errorOf(failure, status, killedBy);
  } finally {
    signal.removeEventListener('abort', stop);
  }
};
