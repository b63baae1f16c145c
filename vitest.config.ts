import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/install/**', 'test/long/**'], // npm run test:install, npm run test:long
    globalSetup: 'test/temporary-folder.ts',
    pool: 'forks',
    // No test asks the network; those of the hub have a server of their own.
    env: { HF_HUB_OFFLINE: '1', HF_HOME: '/nonexistent' },
    // The engines under test bring threads of their own.
    maxWorkers: Math.max(2, Math.floor(availableParallelism() / 2)),
    testTimeout: 120_000, // ms
    hookTimeout: 120_000, // ms
  },
});
