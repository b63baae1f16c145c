import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { processorQuota } from '../../lib/model/processor-quota.ts';
import { scratchFolder } from '../fixtures/scratch.ts';

const scratch = scratchFolder();

/** The quota where /proc and /sys have these files. */
const quota = (files: Record<string, string>): number => {
  const root = mkdtempSync(join(scratch, 'root-'));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), `${content}\n`);
  }
  return processorQuota(root);
};

describe('processorQuota', () => {
  it('reads the limit of version 2, of the group or of one around it', () => {
    const container = { 'proc/self/cgroup': '0::/' };
    expect(quota({ ...container, 'sys/fs/cgroup/cpu.max': '200000 100000' })).toBe(2);
    expect(quota({ ...container, 'sys/fs/cgroup/cpu.max': 'max 100000' })).toBe(Number.POSITIVE_INFINITY);
    const nested = { 'proc/self/cgroup': '0::/a/b', 'sys/fs/cgroup/a/b/cpu.max': '800000 100000' };
    expect(quota(nested)).toBe(8);
    expect(quota({ ...nested, 'sys/fs/cgroup/a/cpu.max': '350000 100000' })).toBe(3);
  });

  it('reads the limit of version 1, also where the container does not see its own path', () => {
    const files = {
      'sys/fs/cgroup/cpu/cpu.cfs_quota_us': '100000',
      'sys/fs/cgroup/cpu/cpu.cfs_period_us': '50000',
    };
    const groups = '5:memory:/docker/7f\n4:cpuacct,cpu:/docker/7f\n0::/docker/7f';
    expect(quota({ 'proc/self/cgroup': groups, ...files })).toBe(2);
    expect(quota({ 'proc/self/cgroup': '5:memory:/', ...files })).toBe(Number.POSITIVE_INFINITY);
    expect(quota({ 'proc/self/cgroup': '4:cpu:/', ...files, 'sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1' })).toBe(
      Number.POSITIVE_INFINITY,
    );
  });

  it('is one processor for a part of one, and no limit where there are no control groups', () => {
    expect(quota({ 'proc/self/cgroup': '0::/', 'sys/fs/cgroup/cpu.max': '50000 100000' })).toBe(1);
    expect(quota({})).toBe(Number.POSITIVE_INFINITY);
  });
});
