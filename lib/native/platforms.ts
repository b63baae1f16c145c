/** The addon for the CPU alone, or the one that has the CUDA backend as well. */
export type Addon = 'zest' | 'zest_cuda';

/** A package that holds a compiled addon: `@node-zest/NAME`, an optional dependency of node-zest. */
export interface Platform {
  name: string;
  addon: Addon;
  /** Operating system, as `process.platform` names it. */
  os: string;
  /** Architecture, as `process.arch` names it. */
  cpu: string;
  /** On Linux: the C library that it is linked with. */
  libc?: 'glibc' | 'musl';
  /** What it asks of the machine beyond that. */
  needs?: string;
  /** Whether this build's results were held against the others' on a machine, or an emulator, of its kind. */
  ran: boolean;
}

/** Every package that `npm run packages` makes. */
export const PLATFORMS: readonly Platform[] = [
  { name: 'linux-x64', addon: 'zest', os: 'linux', cpu: 'x64', libc: 'glibc', needs: 'glibc 2.28', ran: true },
  { name: 'linux-x64-musl', addon: 'zest', os: 'linux', cpu: 'x64', libc: 'musl', ran: true },
  { name: 'linux-arm64', addon: 'zest', os: 'linux', cpu: 'arm64', libc: 'glibc', needs: 'glibc 2.28', ran: true },
  { name: 'darwin-arm64', addon: 'zest', os: 'darwin', cpu: 'arm64', needs: 'macOS 13.3', ran: false },
  { name: 'darwin-x64', addon: 'zest', os: 'darwin', cpu: 'x64', needs: 'macOS 13.3', ran: false },
  { name: 'win32-x64', addon: 'zest', os: 'win32', cpu: 'x64', ran: true },
  {
    name: 'linux-x64-cuda',
    addon: 'zest_cuda',
    os: 'linux',
    cpu: 'x64',
    libc: 'glibc',
    needs: 'glibc 2.28 and a driver for CUDA 13',
    ran: false,
  },
];

export const SCOPE = '@node-zest';
