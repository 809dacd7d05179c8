import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{src,connectors,optimizer,operators,test}/**/*.test.ts'],
    // Suites that need more than Node and npm have their own commands (see package.json).
    exclude: ['test/{clients,engines,live,studio}/**', '**/node_modules/**'],
    globalSetup: ['test/servers/postgres.ts'],
    // Native modules (DuckDB) and worker_threads are used by the product itself: process isolation, two cores.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
