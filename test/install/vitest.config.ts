import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { quick } from './clients.ts';

// `npm run test:install`: node-zest as its users install it. `ZEST_INSTALL_QUICK=1` takes what CI has time for.
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  test: {
    include: quick ? ['clients.test.ts', 'emulated.test.ts', 'errors.test.ts'] : ['*.test.ts'],
    globalSetup: 'setup.ts',
    reporters: ['verbose'], // says at once what has ended: all of it takes long
    pool: 'forks',
    maxWorkers: 2, // compilers and the demo bring threads of their own
    testTimeout: 20 * 60_000, // ms
    hookTimeout: 20 * 60_000, // ms
  },
});
