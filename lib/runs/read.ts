import { readFile, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { ZestError } from '../errors.ts';
import { ifThere, isThere } from '../files/files.ts';
import { notThere } from '../files/not-there.ts';
import { type AnyMethod, configurationSchema } from '../methods/method.ts';
import { findMethod } from '../methods/registry.ts';
import { zestMethod } from '../methods/zest.ts';
import { isObject, parseJson } from '../text/json.ts';
import { somethingElse } from '../text/what-is.ts';
import type { Environment, Summary } from './events.ts';
import { isLocked } from './lock.ts';
import { type RunMetrics, readMetrics } from './read-metrics.ts';
import { heldRun } from './replacement.ts';
import { type RunReports, runReports } from './reports.ts';
import { type RunStatus, statusOf } from './status.ts';

/** A run's folder as read, by whatever version of node-zest it was written. */
export interface RunRecord extends RunMetrics {
  /** Path as it was given. */
  path: string;
  /** Short, and distinct among the runs read together. */
  name: string;
  status: RunStatus;
  /** What the status does not say: why it failed, how old its last line is. */
  detail: string;
  /** config.yaml: its leaves by dotted key. */
  config: Map<string, string>;
  summary?: Partial<Summary>;
  /** What the scores of the weights kept are made of. */
  reports: RunReports;
  /** What could not be read, in sentences. */
  notes: string[];
}

/** The text of a file; undefined if there is none. */
const readIfThere = (file: string): Promise<string | undefined> => ifThere(file, readFile(file, 'utf8'));

/** Whether what an object holds has dotted keys: it has some, and none that has a dot of its own. */
const hasParts = (value: object): boolean => {
  const keys = Object.keys(value);
  return keys.length > 0 && !keys.some((key) => key.includes('.'));
};

const flattened = (value: unknown, prefix = ''): [string, string][] =>
  isObject(value) && (prefix === '' || hasParts(value))
    ? Object.entries(value).flatMap(([key, inner]) => flattened(inner, prefix ? `${prefix}.${key}` : key))
    : [[prefix, typeof value === 'string' ? value : (JSON.stringify(value) ?? '')]];

const readConfig = async (text: string | undefined, notes: string[]): Promise<Record<string, unknown>> => {
  if (text === undefined) {
    notes.push('It has no config.yaml.');
    return {};
  }
  const { parse } = await import('yaml');
  try {
    const value = parse(text, { logLevel: 'error' });
    if (isObject(value)) return value;
  } catch {}
  notes.push('Its config.yaml is not readable.');
  return {};
};

const readSummary = (text: string | undefined, notes: string[]): Partial<Summary> | undefined => {
  if (text === undefined) return undefined;
  const value = parseJson(text);
  if (isObject(value)) return value;
  notes.push('Its summary.json is not readable.');
  return undefined;
};

const readReports = (text: string | undefined, notes: string[]): RunReports => {
  if (text === undefined) return {};
  const result = runReports.safeParse(parseJson(text));
  if (result.success) return result.data;
  notes.push('Its classification.json is not readable.');
  return {};
};

/** Forwards of a step where the steps do not say: from the summary, else from the method and its settings. */
const forwardsOfStep = (summary: Partial<Summary> | undefined, optimizer: unknown): number => {
  const counted = Number(summary?.forwards) / Number(summary?.steps);
  if (counted > 0 && Number.isFinite(counted)) return counted;
  const settings = isObject(optimizer) ? optimizer : {};
  const method: AnyMethod = findMethod(settings.method) ?? zestMethod;
  const schema = configurationSchema(method);
  const usual = { method: method.name, learningRate: 1 };
  return method.forwards(schema.safeParse({ ...settings, ...usual }).data ?? schema.parse(usual));
};

/**
 * Reads the folder of a run.
 *
 * @throws ERR_ZEST_RUN if it is none: it has neither metrics.jsonl nor config.yaml nor summary.json; ERR_ZEST_FILE if
 * one of them cannot be read
 */
export const readRun = async (path: string, name: string): Promise<RunRecord> => {
  const files = await heldRun(path);
  const configText = await readIfThere(files.config);
  const metricsText = await readIfThere(files.metrics);
  const summaryText = await readIfThere(files.summary);
  if (configText === undefined && metricsText === undefined && summaryText === undefined) {
    if (!(await isThere(path))) throw new ZestError('ERR_ZEST_RUN', notThere(path));
    const fault = 'is not the folder of a run: it has no metrics.jsonl, config.yaml or summary.json';
    throw new ZestError('ERR_ZEST_RUN', `${path} ${somethingElse(path, 'run') ?? fault}`);
  }
  const notes = files.isReplaced ? ['Another run was begun in its place, and has no step yet.'] : [];
  const written = await readConfig(configText, notes);
  const config = new Map(flattened(written));
  const summary = readSummary(summaryText, notes);
  const reports = readReports(await readIfThere(files.reports), notes);
  const metrics = readMetrics(metricsText ?? '', forwardsOfStep(summary, written.optimizer), notes);
  const file = metricsText === undefined ? files.path : files.metrics;
  const silence = (Date.now() - (await stat(file)).mtimeMs) / 1000;
  const hasEnd = summary !== undefined || metrics.failure !== undefined;
  const locked = !hasEnd && !files.isReplaced && (await isLocked(path).catch(() => false));
  const environment = metrics.start?.environment;
  const isHere = isObject(environment) && environment.host === hostname();
  const { status, detail } = statusOf(metrics, summary, { silence, locked, isHere });
  return { path, name, status, detail, config, summary, reports, notes, ...metrics };
};

/** What the run was computed with, as far as it is known. */
export const environmentOf = ({
  start,
  summary,
}: RunRecord): Partial<Omit<Environment, 'host'>> & { device?: string } => {
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  const environment = isObject(start?.environment) ? start.environment : {};
  return {
    version: text(environment.version) ?? text(summary?.version),
    node: text(environment.node),
    platform: text(environment.platform),
    processor: text(environment.processor),
    device: text(start?.device) ?? text(summary?.device),
  };
};
