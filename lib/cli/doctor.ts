import { existsSync } from 'node:fs';
import { cpus } from 'node:os';
import { chooseThreads } from '../model/load-options.ts';
import { candidates, native } from '../native.ts';
import { version } from '../version.ts';
import { printJson, printLine } from './output.ts';

interface BackendReport {
  name: 'cpu' | 'cuda';
  built: boolean;
  usable: boolean;
  /** Why it is not usable. */
  reason?: string;
  /** Held against known results on hardware of its kind. */
  verified: boolean;
}

/** What `zest doctor --json` prints. */
export interface DoctorReport {
  version: string;
  node: string;
  platform: string;
  processor: string;
  /** The .node file in use; null if none could be loaded. */
  binary: string | null;
  isa: { used: string; available: string[] } | null;
  /** Threads that a model uses by default. */
  threads: number | null;
  /** Variables that change what runs. */
  environment: Record<string, string>;
  backends: BackendReport[];
}

const VARIABLES = ['ZEST_ISA', 'ZEST_THREADS', 'ZEST_NATIVE', 'ZEST_CACHE'];

const examine = (): DoctorReport => {
  const report: DoctorReport = {
    version,
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    processor: cpus()[0]?.model ?? 'unknown',
    binary: null,
    isa: null,
    threads: null,
    environment: Object.fromEntries(
      VARIABLES.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])),
    ),
    backends: [],
  };
  const cpu: BackendReport = { name: 'cpu', built: false, usable: false, verified: true };
  const cuda: BackendReport = { name: 'cuda', built: false, usable: false, verified: false };
  try {
    const binding = native();
    report.binary = candidates().find((path) => existsSync(path)) ?? null;
    cpu.built = true;
    cuda.reason = 'this build has no CUDA backend';
    report.isa = binding.isa();
    report.threads = chooseThreads(undefined);
    cpu.usable = true;
  } catch (error) {
    cpu.reason = (error as Error).message;
    cuda.reason ??= cpu.reason;
  }
  report.backends.push(cpu, cuda);
  return report;
};

const backendLine = ({ name, built, usable, reason, verified }: BackendReport): string =>
  `${name.padEnd(12)}${built ? 'built' : 'not built'}, ${usable ? 'usable' : `not usable: ${reason}`}${verified ? '' : '; not verified on a card'}`;

/** `zest doctor` */
export const doctorCommand = async (options: { json?: boolean }): Promise<void> => {
  const report = examine();
  if (options.json) printJson(report);
  else {
    const lines = [
      ['node-zest', report.version],
      ['Node', `${report.node}, ${report.platform}`],
      ['processor', report.processor],
      ['addon', report.binary ?? 'none'],
      [
        'instructions',
        report.isa ? `${report.isa.used} in use, ${report.isa.available.join(', ')} available` : 'unknown',
      ],
      ['threads', `${report.threads ?? 'unknown'}`],
      ...Object.entries(report.environment),
    ];
    for (const [name, value] of lines) printLine(`${name?.padEnd(13)}${value}`);
    for (const backend of report.backends) printLine(backendLine(backend));
  }
  if (!report.backends.some(({ usable }) => usable)) process.exitCode = 1;
};
