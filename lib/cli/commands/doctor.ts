import { cpus } from 'node:os';
import { Option } from 'commander';
import { version } from '../../version.ts';
import type { CommandDefinition } from '../command.ts';
import { EXIT_FAILED } from '../terminal/failure.ts';
import { printJson, printOut } from '../terminal/output.ts';

interface BackendReport {
  name: 'cpu' | 'cuda';
  built: boolean;
  usable: boolean;
  /** Why it is not usable. */
  reason?: string;
  /** Devices of the CUDA backend, by index. */
  devices?: string[];
  /** Held against known results on hardware of its kind. */
  verified: boolean;
  /** The card on which it was held to the last check, and what of it (docs/cuda.md). */
  verifiedOn?: string;
}

/** What `zest doctor --json` prints. */
export interface DoctorReport {
  version: string;
  node: string;
  platform: string;
  processor: string;
  /** The .node file in use; null if none could be loaded. */
  binary: string | null;
  /** The package that it is from; null if it was built here, or ZEST_NATIVE names it. */
  package: string | null;
  /** Whether that package was run by its makers on a machine of this kind; null without a package. */
  packageRan: boolean | null;
  isa: { used: string; available: string[] } | null;
  /** Threads that a model uses by default. */
  threads: number | null;
  /** Variables that change what runs. */
  environment: Record<string, string>;
  backends: BackendReport[];
  /** What `auto` takes, and why. */
  auto: { device: string; reason?: string } | null;
}

const VARIABLES = ['ZEST_ISA', 'ZEST_THREADS', 'ZEST_NATIVE', 'ZEST_CUBLASLT'];

const VERIFIED_ON = 'an NVIDIA H200';

const examineCuda = ({ findAddon, nativeCuda }: typeof import('../../native/load.ts')): BackendReport => {
  const addon = findAddon('zest_cuda');
  const report: BackendReport = {
    name: 'cuda',
    built: addon !== undefined,
    usable: false,
    verified: true,
    verifiedOn: VERIFIED_ON,
  };
  try {
    const { devices, missingCublaslt } = nativeCuda().cuda;
    Object.assign(report, { devices, usable: !missingCublaslt, reason: missingCublaslt || undefined });
  } catch (error) {
    report.reason = (error as Error).message;
  }
  return report;
};

const examine = async (): Promise<DoctorReport> => {
  const native = await import('../../native/load.ts');
  const { SCOPE } = await import('../../native/platforms.ts');
  const { automaticDevice, chooseThreads } = await import('../../model/load-options.ts');
  const report: DoctorReport = {
    version,
    node: process.version,
    platform: native.machine(),
    processor: cpus()[0]?.model ?? 'unknown',
    binary: null,
    package: null,
    packageRan: null,
    isa: null,
    threads: null,
    environment: Object.fromEntries(
      VARIABLES.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])),
    ),
    backends: [],
    auto: null,
  };
  const cpu: BackendReport = { name: 'cpu', built: false, usable: false, verified: true };
  try {
    const { binding, file, platform } = native.loadNative();
    report.binary = file;
    report.package = platform ? `${SCOPE}/${platform.name}` : null;
    report.packageRan = platform?.ran ?? null;
    cpu.built = true;
    report.isa = binding.isa();
    report.threads = chooseThreads(undefined);
    cpu.usable = true;
    const { name, reason } = automaticDevice();
    report.auto = { device: name, reason };
  } catch (error) {
    cpu.reason = (error as Error).message;
  }
  report.backends.push(cpu, examineCuda(native));
  return report;
};

const addonLine = ({ binary, package: name, packageRan }: DoctorReport): string => {
  if (!binary) return 'none';
  if (!name) return binary;
  return `${binary} (${name}${packageRan ? '' : ', built, not yet run by us'})`;
};

const backendLine = ({ name, built, usable, reason, verifiedOn }: BackendReport): string =>
  [
    `${name.padEnd(12)}${built ? 'built' : 'not built'}`,
    ...(verifiedOn ? [`verified on ${verifiedOn}`] : []),
    usable ? 'usable' : `not usable: ${reason}`,
  ].join(', ');

export const command: CommandDefinition = {
  options: [new Option('--json', 'print one JSON object on stdout')],
  async action(options: { json?: boolean }) {
    const report = await examine();
    if (options.json) printJson(report);
    else {
      const lines = [
        ['node-zest', report.version],
        ['Node', `${report.node}, ${report.platform}`],
        ['processor', report.processor],
        ['addon', addonLine(report)],
        [
          'instructions',
          report.isa ? `${report.isa.used} in use, ${report.isa.available.join(', ')} available` : 'unknown',
        ],
        ['threads', `${report.threads ?? 'unknown'}`],
        ...Object.entries(report.environment),
      ];
      for (const [name, value] of lines) printOut(`${name?.padEnd(13)}${value}`);
      for (const backend of report.backends) printOut(backendLine(backend));
      if (report.auto) printOut(`${'auto'.padEnd(13)}${report.auto.device}: ${report.auto.reason?.split('\n')[0]}`);
    }
    if (!report.backends.some(({ usable }) => usable)) process.exitCode = EXIT_FAILED;
  },
};
