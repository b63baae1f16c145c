import type { CallOptions } from '../objective.ts';

// What a study finds is data: a page is made of it without knowing which study it was.

/** A line of a chart, one list of values for each axis; NaN is a gap. */
export interface StudyLine {
  name: string;
  x: readonly number[];
  y: readonly number[];
  /** Ends of the 95 % intervals. */
  low?: readonly number[];
  high?: readonly number[];
}

/** Lines over an axis. */
export interface StudyChart {
  id: string;
  title: string;
  words: string;
  x: { label: string; log?: boolean };
  y: { label: string; log?: boolean };
  lines: readonly StudyLine[];
}

/** A function of two numbers by colour, with paths over it. */
export interface StudySurface {
  id: string;
  title: string;
  words: string;
  x: { label: string; values: readonly number[] };
  y: { label: string; values: readonly number[] };
  z: { label: string; values: readonly (readonly number[])[] };
  paths: readonly { name: string; x: readonly number[]; y: readonly number[] }[];
}

/** Rows of numbers, each headed by words. */
export interface StudyTable {
  caption: string;
  columns: readonly string[];
  rows: readonly (readonly (string | number)[])[];
}

/** What came out: every number that the page shows. */
export interface StudyFindings {
  /** What was studied, with every number that it depends on. */
  settings: Readonly<Record<string, unknown>>;
  /** What came out, in sentences made of the numbers below. */
  findings: readonly string[];
  tables: readonly StudyTable[];
  charts: readonly StudyChart[];
  surfaces?: readonly StudySurface[];
}

/** The content of study.json. */
export interface StudyResult extends StudyFindings {
  kind: 'study';
  name: string;
  title: string;
  question: string;
  seed: number;
  quick: boolean;
  /** How many, of a study that has a size. */
  size?: number;
  version: string;
}

export interface StudyContext {
  /** Seed of all that is drawn. */
  seed: number;
  /** Whether fewer repeats are to do: seconds, for a test. */
  quick: boolean;
  /** How many, of what the study says; 0 of one that has no size. */
  size: number;
  /**
   * Says how far the study has come, and lets the process do something else.
   *
   * @throws the signal's reason where the study was stopped
   */
  turn(done: number, total: number): Promise<void>;
}

/** A study: a pure function of its context. */
export interface Study {
  title: string;
  /** What it asks. */
  question: string;
  /** What there may be more or fewer of, where its time is mostly that: so many usually, so many when it is quick. */
  size?: { of: string; usual: number; quick: number; least: number; most: number };
  run(context: StudyContext): Promise<StudyFindings>;
}

/** Options of a study. */
export interface StudyOptions extends CallOptions {
  /** Seed of all that is drawn. Default 0. */
  seed?: number;
  /** Fewer repeats: seconds. Default false. */
  quick?: boolean;
  /** How many, of what the study says; of one that has a size. Default: as many as the study says. */
  size?: number;
  onProgress?: (done: number, total: number) => void;
}
