import { defineConfig } from 'vitest/config';

// ctest runs this (../CMakeLists.txt), with the addon on the stand-in of CUDA's run time in ZEST_NATIVE.
export default defineConfig({
  test: {
    include: ['native/test/cuda/addon/*.test.ts'],
    globalSetup: ['native/test/cuda/addon/compile.ts'],
    env: { ZEST_SHIM_DEVICES: '2' },
    pool: 'forks',
    testTimeout: 300_000, // ms; the stand-in is slow
  },
});
