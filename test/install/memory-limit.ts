import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from './programs.ts';

/** A control group that holds processes to an amount of memory. */
export interface MemoryLimit {
  /** A command to put before another one, which makes that run in the group and on one CPU. */
  through: readonly string[];
  /** The most that the group ever held, caches of files included, which count but give way. */
  mostBytes: () => number;
  remove: () => void;
}

/** The files of a version of cgroups: where groups are made, and a group's limit and its peak. */
const VERSIONS = [
  { at: '/sys/fs/cgroup/memory', limit: 'memory.limit_in_bytes', peak: 'memory.max_usage_in_bytes' },
  { at: '/sys/fs/cgroup', limit: 'memory.max', peak: 'memory.peak' },
];

let groups = 0;

/** Makes such a group; undefined, where this process may not. */
export const limitMemory = (bytes: number): MemoryLimit | undefined => {
  for (const { at, limit, peak } of VERSIONS) {
    const group = join(at, `zest-install-${process.pid}-${++groups}`);
    try {
      mkdirSync(group);
    } catch {
      continue;
    }
    if (existsSync(join(group, limit))) {
      writeFileSync(join(group, limit), String(bytes));
      return {
        through: [
          '/bin/sh',
          '-c',
          `echo $$ > ${join(group, 'cgroup.procs')} && exec ${findProgram('taskset')} -c 0 "$@"`,
          'sh',
        ],
        mostBytes: () => Number(readFileSync(join(group, peak), 'utf8')),
        remove: () => rmdirSync(group),
      };
    }
    rmdirSync(group);
  }
  return undefined;
};
