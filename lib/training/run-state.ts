import type { Optimizer, OptimizerState } from '../methods/optimizer.ts';
import { crc32c } from '../runs/crc32c.ts';
import type { StepEvent } from '../runs/events.ts';
import type { Example } from '../tasks/task.ts';
import { isObject } from '../text/json.ts';
import { configuredOptimizer, needsNoRate } from './configured-optimizer.ts';
import type { Course } from './outcome.ts';
import type { PreparedRun } from './prepare-run.ts';

/** How far a run has come; the loop keeps it up to date. */
export interface RunState extends Course {
  optimizer: Optimizer;
  /** Mean loss of each step taken. */
  losses: number[];
  level: number;
  /** Forward passes of a batch, as the engine counted them. */
  forwards: number;
  /** Time of the steps, in s. */
  seconds: number;
  /** Evaluations since the best. */
  sinceBest: number;
  stoppedEarly: boolean;
  /** Whether a divergence was told while the run went on. */
  told: boolean;
  /** Whether it was told that rewards failed and their examples were left out. */
  toldOfSkipped: boolean;
  /** Codes of the warnings so far. */
  warned: string[];
  /** First steps, by which the settings are judged. */
  watched: StepEvent[];
  /** Number of latest steps in a row that were skipped. */
  skipped: number;
  /** Number of steps that were skipped. */
  skips: number;
  /** Whether it was told that the metrics cannot be written. */
  unwritten: boolean;
  /** Batch of the next step, made while the one before it was computed. */
  next?: Example[];
  /** What the run can go on from: how it stood right after its latest step, before that was evaluated. */
  resumable?: Resumable;
}

/** What the state of a run is beside its log, its metrics and its weights. */
type Saved = Omit<RunState, 'optimizer' | 'losses' | 'answers' | 'needsNoRate' | 'next' | 'resumable'>;

/** A point that a run can go on from. */
export interface Resumable extends Saved {
  /** Number of steps taken. */
  step: number;
  optimizer: OptimizerState;
}

/** The state of a run before its first step. */
export const freshState = ({
  config,
  inputs,
  warnings,
}: Pick<PreparedRun, 'config' | 'inputs' | 'warnings'>): RunState => ({
  optimizer: configuredOptimizer(config),
  losses: [],
  level: 0,
  forwards: 0,
  seconds: 0,
  sinceBest: 0,
  stoppedEarly: false,
  told: false,
  toldOfSkipped: false,
  warned: warnings.map(({ code }) => code),
  watched: [],
  skipped: 0,
  skips: 0,
  unwritten: false,
  answers: inputs.task.names.length > 0 ? inputs.task.names : undefined,
  needsNoRate: needsNoRate(config),
});

/** Keeps how a run stands as what it can go on from. */
export const mark = (state: RunState): void => {
  const { optimizer, losses, answers: _, needsNoRate: _o, next: _n, resumable: _r, ...rest } = state;
  state.resumable = {
    ...rest,
    warned: [...rest.warned],
    watched: [...rest.watched],
    step: losses.length,
    optimizer: optimizer.state(),
  };
};

/** The state of a run at a point that it goes on from, with the losses of its steps so far. */
export const resumedState = (fresh: RunState, resumable: Resumable, losses: number[]): RunState => {
  const { step: _, optimizer, ...rest } = resumable;
  fresh.optimizer.restore(optimizer);
  return { ...fresh, ...rest, losses, resumable };
};

// JSON has no NaN and no infinities, which losses of a run that diverged are.
const NUMBER = '#number';
const encode = (_: string, value: unknown): unknown =>
  typeof value === 'number' && !Number.isFinite(value) ? { [NUMBER]: String(value) } : value;
const NUMBERS: readonly unknown[] = ['NaN', 'Infinity', '-Infinity'];
/** A label may have that name, too: it has a number beside it, not such a text. */
const decode = (_: string, value: unknown): unknown =>
  isObject(value) && Object.keys(value).join() === NUMBER && NUMBERS.includes(value[NUMBER])
    ? Number(value[NUMBER])
    : value;

const checksumOf = (text: string): string => crc32c(Buffer.from(text)).toString(16).padStart(8, '0');

/** A point to go on from as a file holds it, with the digest of the weights there, and a checksum at its end. */
export const encodeResumable = (resumable: Resumable, digest: string): string => {
  const body = JSON.stringify({ ...resumable, digest }, encode).slice(0, -1);
  return `${body},"crc32c":"${checksumOf(body)}"}\n`;
};

/** Reads what {@link encodeResumable} wrote; undefined for anything else: the log makes it again. */
export const decodeResumable = (text: string): { resumable: Resumable; digest: string } | undefined => {
  const [, body, checksum] = /^(.*),"crc32c":"([0-9a-f]{8})"\}\n$/s.exec(text) ?? [];
  if (body === undefined || checksumOf(body) !== checksum) return undefined;
  const { digest, ...resumable } = JSON.parse(`${body}}`, decode);
  return { resumable, digest };
};
