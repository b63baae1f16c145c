import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { cp, readFile, rm } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import type { StepEvent } from '../../lib/runs/events.ts';
import type { Config } from '../../lib/training/schema.ts';
import { train } from '../../lib/training/train.ts';
import { eventFiles, readRecords, recordOf } from '../runs/event-files.ts';
import { assertReadable, timeless } from './kills.ts';
import { readMetrics, readSummary } from './runs.ts';
import { writeTinyRun } from './tiny-run.ts';

const fixtures = fileURLToPath(new URL('../fixtures/faults/', import.meta.url));
const { EIO, ENOSPC } = constants.errno;

/** What happens at a call: the process is killed, or the call writes half, or fails once, or from then on. */
export const FAULTS = {
  'killed before': 'before',
  'killed after': 'after',
  'a short write': 'short',
  'no space': `${ENOSPC}`,
  'no space any more': `${ENOSPC}+`,
  'an I/O error': `${EIO}`,
} as const;
export type Fault = keyof typeof FAULTS;

/** Calls that have faults: those by which a run changes its folder, or those by which it looks at it. */
export type Calls = 'changes' | 'reads';

/** A call by which a run changes its folder, or looks at it: 'fsync', and the path in the folder. */
export interface Call {
  number: number;
  name: string;
  path: string;
}

/**
 * What a run begins with: an empty place; what a process left that was killed after three of its four steps; another run,
 * whose place it takes.
 */
export const BEGINNINGS = ['anew', 'going on', 'overwriting'] as const;
export type Beginning = (typeof BEGINNINGS)[number];

/** How a process of a run ended. */
export interface Ended {
  status: number | null;
  /** Codes of the warnings, and of the error. */
  codes: string[];
  /** The error's message. */
  message: string;
  /** The step that it went on from; absent where it took none. */
  from?: number;
  /** Number of steps that it took. */
  steps: number;
}

/** Steps of the run that is gone on with. */
const LEFT_AFTER = 3;

/** What is wrong with where a run went on, if it did. */
const misbegun = (from: number | undefined): string | undefined =>
  from === undefined || from >= LEFT_AFTER ? undefined : `went on from step ${from}`;

/** What became of a run that had a fault. */
export interface Survived {
  /** The fault and the call. */
  where: string;
  /** How the process ended. */
  end: string;
  /** What is wrong with what it came to. */
  failure?: string;
}

/** A run of a few hundred parameters, each call of which can be counted, or have a fault. */
export class FaultyRun {
  readonly folder = mkdtempSync(join(tmpdir(), 'zest-faults-'));
  readonly #library = join(this.folder, 'calls.so');
  readonly #config: Config;
  readonly #beginning: Beginning;
  readonly #calls: Calls;
  /** The calls of a run without a fault. */
  calls: Call[] = [];
  /** What it came to; of one that takes another's place, also what that had come to. */
  #outcomes: unknown[] = [];

  private constructor(beginning: Beginning, calls: Calls) {
    this.#beginning = beginning;
    this.#calls = calls;
    execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', this.#library, join(fixtures, 'calls.c'), '-ldl']);
    const run = writeTinyRun(this.folder, {
      ...{ steps: 4, batchSize: 4, evaluateEvery: 4, checkpointEvery: 2, keepCheckpoints: 1 },
      ...{ sync: 'step', tensorboard: true },
    });
    this.#config = { ...run, output: '' };
  }

  /** Runs once without a fault. */
  static async create(beginning: Beginning, calls: Calls = 'changes'): Promise<FaultyRun> {
    const run = new FaultyRun(beginning, calls);
    await run.#prepare();
    const [ended] = (await run.#runs([{ output: 'whole', at: 0 }])).ends;
    if (ended?.status !== 0) throw new Error(ended?.message);
    run.calls = await run.#counted('whole');
    run.#outcomes.push(await run.#outcome('whole'));
    return run;
  }

  #of(output: string): Config {
    return { ...this.#config, output: join(this.folder, output) };
  }

  /** Makes what a run begins with. */
  async #prepare(): Promise<void> {
    if (this.#beginning === 'anew') return;
    const config = this.#of('before');
    const isLeft = this.#beginning === 'going on';
    const optimizer = { ...config.optimizer, ...(!isLeft && { learningRate: 1e-3 }) } as Config['optimizer'];
    for await (const event of train({ ...config, optimizer })) {
      if (isLeft && event.kind === 'step' && event.step === LEFT_AFTER) break;
    }
    if (!isLeft) this.#outcomes.push(await this.#outcome('before'));
  }

  /** Runs of one process, each with a fault at a call, from which the process goes on. */
  async #runs(
    runs: { output: string; at: number }[],
    env: Record<string, string> = {},
  ): Promise<{ ends: Ended[]; stderr: string }> {
    const output = runs[0]?.output;
    const options = this.#beginning === 'overwriting' ? { overwrite: true } : { resume: true };
    const file = join(this.folder, `${output}.json`);
    writeFileSync(file, JSON.stringify(runs.map(({ output, at }) => ({ config: this.#of(output), at, options }))));
    for (const { output } of this.#beginning === 'anew' ? [] : runs) {
      await cp(join(this.folder, 'before'), join(this.folder, output), { recursive: true });
    }
    const child = spawn(process.execPath, ['--expose-gc', join(fixtures, 'train.mjs'), file], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        LD_PRELOAD: this.#library,
        ZEST_THREADS: '1',
        NODE_COMPILE_CACHE: join(this.folder, 'compiled'),
        ZEST_FAULT_CALLS: this.#calls,
        ZEST_FAULT_LOG: join(this.folder, `calls-of-${output}`),
        ...env,
      },
    });
    let [lines, stderr] = ['', ''];
    child.stdout.on('data', (piece) => (lines += piece));
    child.stderr.on('data', (piece) => (stderr += piece));
    await once(child, 'close');
    const ends = lines.split('\n').filter(Boolean);
    return { ends: ends.map((line) => JSON.parse(line)), stderr };
  }

  /** The calls of the processes of a run. */
  async #counted(output: string): Promise<Call[]> {
    const text = await readFile(join(this.folder, `calls-of-${output}`), 'utf8');
    return text
      .trimEnd()
      .split('\n')
      .map((line) => {
        const [number, name, ...path] = line.split(' ');
        return {
          number: Number(number),
          name: name!,
          path: path.join(' ').slice(join(this.folder, output).length + 1),
        };
      });
  }

  /** What a run came to: but for the times, and for what was told of faults. */
  async #outcome(output: string): Promise<unknown> {
    const path = join(this.folder, output);
    const metrics = (await readMetrics(path)).filter(({ kind }) => kind !== 'failure' && kind !== 'warning');
    const checkpoints: Record<string, string> = {};
    for (const name of ['best', 'last', 'step-4']) {
      const weights = await readFile(join(path, 'checkpoints', name, 'model.safetensors'));
      checkpoints[name] = weights.toString('base64');
    }
    return { metrics: timeless(metrics), summary: timeless(await readSummary(path)), checkpoints };
  }

  /**
   * Has a fault at calls of a run, one run for each, goes on with what is left, and gives what came of it. What is there in
   * between can be read, and a process that was not killed says what failed, or goes on.
   */
  async survive(fault: Fault, calls: readonly Call[]): Promise<Survived[]> {
    const runs = calls.map(({ number }) => ({ output: `run-${number}-${fault.replaceAll(/\W/g, '-')}`, at: number }));
    const { ends, stderr } = await this.#runs(runs, { ZEST_FAULT_DO: FAULTS[fault] });
    const survived: Survived[] = [];
    for (const [i, { output }] of runs.entries()) {
      const { number, name, path } = calls[i] as Call;
      const ended = ends[i];
      const end = ended === undefined ? 'killed' : `ended with ${ended.status}`;
      const failure =
        this.#misfit(output, fault, ended) ??
        (await this.#goOn(output, ended).catch((error: Error) => error.message)) ??
        (stderr || undefined);
      survived.push({ where: `${fault}, call ${number}: ${name} ${path}`, end, ...(failure && { failure }) });
      if (failure === undefined) await this.#remove(output);
    }
    return survived;
  }

  /** What is wrong with how a process ended. */
  #misfit(output: string, fault: Fault, ended: Ended | undefined): string | undefined {
    const [error] = ended?.codes.filter((code) => code?.startsWith('ERR_') ?? true) ?? [];
    if (fault.startsWith('killed') !== (ended === undefined)) return `ended with ${ended?.status}: ${ended?.message}`;
    const begun = this.#beginning === 'going on' ? misbegun(ended?.from) : undefined;
    if (begun) return begun;
    const isNamed = error === 'ERR_ZEST_FILE' && ended?.message.includes(join(this.folder, output));
    return ended?.status === 1 && !isNamed ? `failed with ${error}: ${ended.message}` : undefined;
  }

  /** Goes on with a run that was left, and gives what is wrong with what it comes to. */
  async #goOn(output: string, ended: Ended | undefined): Promise<string | undefined> {
    const isWhole = ended?.status === 0;
    const folder = join(this.folder, output);
    await assertReadable(folder);
    if (isWhole) await this.#assertEvents(folder);
    // What it was is in the folder, unless that was still empty.
    const source = this.#beginning === 'anew' ? this.#of(output) : folder;
    let from: number | undefined;
    for await (const event of isWhole ? [] : train(source, { resume: true })) {
      if (event.kind === 'resume') from = event.step;
      if (event.kind === 'step') from ??= event.step - 1;
    }
    const begun = this.#beginning === 'going on' ? misbegun(from) : undefined;
    if (begun) return `${begun} at last`;
    const outcome = await this.#outcome(output);
    // Once it has taken a step there is something to lose of it.
    const expected = isWhole || ended?.steps ? this.#outcomes.slice(-1) : this.#outcomes;
    return expected.some((each) => isDeepStrictEqual(outcome, each)) ? undefined : 'came to something else';
  }

  /** Checks that the newest event file has the metrics of its process, whole. */
  async #assertEvents(folder: string): Promise<void> {
    const file = (await eventFiles(folder)).at(-1) as string;
    const records = (await readRecords(file)).slice(1);
    const scored = (await readMetrics(folder)).filter(({ kind }) => kind === 'step' || kind === 'evaluation');
    const those = this.#beginning === 'going on' ? scored.slice(-records.length) : scored;
    const expected = those.map((event, i) => recordOf(event as StepEvent, records[i]?.wallTime ?? 0));
    if (
      records.length > 0 &&
      isDeepStrictEqual(
        records.map(({ record }) => record),
        expected,
      )
    )
      return;
    throw new Error(`${file} has not what metrics.jsonl has`);
  }

  /** Removes a run. */
  async #remove(output: string): Promise<void> {
    for (const name of [output, `${output}.json`, `calls-of-${output}`]) {
      await rm(join(this.folder, name), { recursive: true, force: true });
    }
  }

  dispose(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }
}
