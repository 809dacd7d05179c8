import { defineConfig } from 'vitest/config';

/** Run by `npm run test:clients`, after install.sh. */
export default defineConfig({
  test: {
    include: ['test/clients/*.test.ts'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
