import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// `npm run test:long`: what CI has no time for; docs/reliability.md says how often it was run.
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  test: {
    include: ['*.test.ts'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 12 * 3600_000, // ms
    hookTimeout: 3600_000, // ms
  },
});
