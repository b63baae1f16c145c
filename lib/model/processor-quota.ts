import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const textOf = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
};

/** A control group and those around it: `/a/b`, `/a`, `/`. Inside a container its own may be the root of what is seen. */
const upwards = (path: string): string[] => {
  const parts = path.split('/').filter(Boolean);
  return Array.from({ length: parts.length + 1 }, (_, i) => `/${parts.slice(0, parts.length - i).join('/')}`);
};

const share = (quota: string | undefined, period: string | undefined): number =>
  Number(quota) > 0 && Number(period) > 0 ? Number(quota) / Number(period) : Number.POSITIVE_INFINITY;

/** Processors that one control group may use, by cgroup v2's cpu.max or v1's cpu.cfs_quota_us. */
const quotaOf = (folder: string, version: 1 | 2): number => {
  if (version === 2) {
    const [quota, period] = textOf(join(folder, 'cpu.max'))?.split(' ') ?? [];
    return share(quota, period);
  }
  return share(textOf(join(folder, 'cpu.cfs_quota_us')), textOf(join(folder, 'cpu.cfs_period_us')));
};

/**
 * Number of whole processors, one at least, that Linux's control groups give this process time for, as `docker --cpus`
 * and the limits of Kubernetes set it; Infinity without a limit. `root` is where /proc and /sys are.
 */
export const processorQuota = (root = '/'): number => {
  const lines = textOf(join(root, 'proc/self/cgroup'))?.split('\n') ?? [];
  const quotas = lines.flatMap((line) => {
    // hierarchy:controllers:path, with 0 and no controllers for version 2.
    const [hierarchy, controllers = '', path = ''] = line.split(':');
    const version = hierarchy === '0' ? 2 : 1;
    if (version === 1 && !controllers.split(',').includes('cpu')) return [];
    const mounts = version === 2 ? ['', 'unified'] : ['cpu', controllers];
    return mounts.flatMap((mount) =>
      upwards(path).map((group) => quotaOf(join(root, 'sys/fs/cgroup', mount, group), version)),
    );
  });
  return Math.max(1, Math.floor(Math.min(Number.POSITIVE_INFINITY, ...quotas)));
};
