import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config } from '../../lib/training/schema.ts';
import { train } from '../../lib/training/train.ts';
import { writeFolder } from '../fixtures/safetensors.ts';
import { tinyConfig, tinyTensors } from '../fixtures/tiny-bert.ts';
import { TINY_WORDS, writeTinyTokenizer } from '../fixtures/tiny-tokenizer.ts';
import { assertReadable, timeless } from './kills.ts';
import { readMetrics, readSummary } from './runs.ts';

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

/** A call by which a run changes its folder: 'fsync', and the path in the folder. */
export interface Call {
  number: number;
  name: string;
  path: string;
}

/** How a process of a run ended. */
export interface Ended {
  status: number | null;
  /** Codes of the warnings, and of the error. */
  codes: string[];
  /** The error's message. */
  message: string;
}

/** What became of a run that had a fault. */
export interface Survived {
  /** The fault and the call. */
  where: string;
  /** How the process ended. */
  end: string;
  /** What the run came to, or why it came to nothing. */
  outcome?: unknown;
  failure?: string;
}

/** A run of a few hundred parameters, each call of which can be counted, or have a fault. */
export class FaultyRun {
  readonly folder = mkdtempSync(join(tmpdir(), 'zest-faults-'));
  readonly #library = join(this.folder, 'calls.so');
  readonly #config: Config;

  constructor() {
    execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', this.#library, join(fixtures, 'calls.c'), '-ldl']);
    const model = writeTinyTokenizer(writeFolder(join(this.folder, 'model'), tinyConfig, tinyTensors()));
    const rows = TINY_WORDS.map((text, i) => `${JSON.stringify({ text, label: i % 2 })}\n`).join('');
    for (const name of ['train', 'validation']) writeFileSync(join(this.folder, `${name}.jsonl`), rows);
    this.#config = {
      model,
      device: 'cpu',
      task: { template: '{text} {mask}', labelWords: ['no', 'yes'] },
      data: { train: join(this.folder, 'train.jsonl'), validation: join(this.folder, 'validation.jsonl') },
      optimizer: { method: 'zest', directions: 2, learningRate: 1e-2, weightDecay: 0.1 },
      training: { steps: 4, batchSize: 4, evaluateEvery: 4, checkpointEvery: 2, keepCheckpoints: 1, sync: 'step' },
      output: '',
    };
  }

  #of(output: string): Config {
    return { ...this.#config, output: join(this.folder, output) };
  }

  /** Runs a process to its end, or to a call at which it has a fault. */
  async start(output: string, fault?: Fault, at = 0): Promise<Ended> {
    const [ended] = await this.#runs([{ output, at }], fault && { ZEST_FAULT_DO: FAULTS[fault] });
    return ended ?? { status: null, codes: [], message: 'no word' };
  }

  /** Runs of one process, each with a fault at a call, from which the process goes on. */
  async #runs(runs: { output: string; at: number }[], env: Record<string, string> = {}): Promise<Ended[]> {
    const output = runs[0]?.output;
    const file = join(this.folder, `${output}.json`);
    writeFileSync(file, JSON.stringify(runs.map(({ output, at }) => ({ config: this.#of(output), at }))));
    const child = spawn(process.execPath, [join(fixtures, 'train.mjs'), file], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        ...process.env,
        LD_PRELOAD: this.#library,
        ZEST_THREADS: '1',
        NODE_COMPILE_CACHE: join(this.folder, 'compiled'),
        ZEST_FAULT_LOG: join(this.folder, `calls-of-${output}`),
        ...env,
      },
    });
    let lines = '';
    child.stdout.on('data', (piece) => (lines += piece));
    await once(child, 'close');
    return lines
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  }

  /** Runs with copies of the folder as it is before and after each call; gives the folder of the copies. */
  async copied(): Promise<string> {
    const copies = join(this.folder, 'copies');
    mkdirSync(copies);
    await this.#runs([{ output: 'copied', at: 0 }], { ZEST_FAULT_COPIES: copies });
    return copies;
  }

  /** The calls of the processes of a run. */
  async calls(output: string): Promise<Call[]> {
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

  /** Goes on with a run in this process. */
  async resume(output: string): Promise<void> {
    for await (const _ of train(this.#of(output), { resume: true }));
  }

  /** What a run came to: but for the times, and for what was told of faults. */
  async outcome(output: string): Promise<unknown> {
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
   * Has a fault at calls of a run, one run for each, goes on with what is left, and gives what that came to. What is there
   * in between can be read, and a process that was not killed says what failed, or goes on.
   */
  async survive(fault: Fault, calls: readonly Call[]): Promise<Survived[]> {
    const runs = calls.map(({ number }) => ({ output: `run-${number}-${fault.replaceAll(/\W/g, '-')}`, at: number }));
    const ends = await this.#runs(runs, { ZEST_FAULT_DO: FAULTS[fault] });
    const survived: Survived[] = [];
    for (const [i, { output }] of runs.entries()) {
      const { number, name, path } = calls[i] as Call;
      const where = `${fault}, call ${number}: ${name} ${path}`;
      survived.push({ where, ...(await this.#goOn(output, fault, ends[i])) });
    }
    return survived;
  }

  async #goOn(output: string, fault: Fault, ended: Ended | undefined): Promise<Omit<Survived, 'where'>> {
    const [error] = ended?.codes.filter((code) => code.startsWith('ERR_')) ?? [];
    const isKilled = fault.startsWith('killed');
    const end = ended === undefined ? 'killed' : `ended with ${ended.status}`;
    if (isKilled !== (ended === undefined)) return { end, failure: `${end}: ${ended?.message}` };
    if (ended?.status === 1 && (error !== 'ERR_ZEST_FILE' || !ended.message.includes(join(this.folder, output)))) {
      return { end, failure: `failed with ${error}: ${ended.message}` };
    }
    return { end, ...(await this.outcomeOf(output)) };
  }

  /** What a run that was left comes to, once it has gone on; it is removed then. */
  async outcomeOf(output: string): Promise<{ outcome?: unknown; failure?: string }> {
    try {
      await assertReadable(join(this.folder, output));
      await this.resume(output);
      const outcome = await this.outcome(output);
      await this.remove(output);
      return { outcome };
    } catch (error) {
      return { failure: (error as Error).message };
    }
  }

  /** Removes a run. */
  async remove(output: string): Promise<void> {
    for (const name of [output, `${output}.json`, `calls-of-${output}`]) {
      await rm(join(this.folder, name), { recursive: true, force: true });
    }
  }

  dispose(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }
}
