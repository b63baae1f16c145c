// Compilers and C libraries for every platform package, on one machine: Zig carries them. Only whoever makes the packages
// needs it; Python's package ziglang is Zig itself.
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ZIGLANG = 'ziglang==0.17.0';
const environment = fileURLToPath(new URL('../build/zig', import.meta.url));

/** Runs Zig, which is installed into build/zig at first; returns the command and its first arguments. */
export const zig = () => {
  const python = join(environment, 'bin/python');
  const command = [python, '-m', 'ziglang'];
  if (spawnSync(python, ['-m', 'ziglang', 'version'], { stdio: 'ignore' }).status !== 0) {
    execFileSync('python3', ['-m', 'venv', environment], { stdio: 'inherit' });
    execFileSync(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ZIGLANG], {
      stdio: 'inherit',
    });
  }
  return command;
};

/** Zig's name for a platform of lib/native/platforms.ts. */
const TARGETS = {
  'linux-x64': 'x86_64-linux-gnu.2.28',
  'linux-x64-musl': 'x86_64-linux-musl',
  'linux-arm64': 'aarch64-linux-gnu.2.28',
  'darwin-arm64': 'aarch64-macos.13.3',
  'darwin-x64': 'x86_64-macos.13.3',
  'win32-x64': 'x86_64-windows-gnu',
  'linux-x64-cuda': 'x86_64-linux-gnu.2.28',
};

/**
 * How compileAddon makes a platform's addon. CUDA's headers refuse Zig's C++ library on x86-64: that addon is compiled
 * with g++, whose library goes into it, and only linked by Zig, against the older C library.
 */
export const targetOptions = ({ name, addon }) => {
  const at = ['-target', TARGETS[name]];
  if (addon === 'zest_cuda') {
    const library = execFileSync('g++', ['-print-file-name=libstdc++.a'], { encoding: 'utf8' }).trim();
    return {
      compiler: ['g++'],
      linker: [...zig(), 'cc', ...at],
      link: [fileURLToPath(new URL('single_threaded.c', import.meta.url)), library, '-lpthread', '-lm'],
    };
  }
  // Zig would add checks of undefined behaviour by itself.
  return { compiler: [...zig(), 'c++', ...at], flags: ['-fno-sanitize=undefined'] };
};
