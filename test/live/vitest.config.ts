/** Suites against services that bill: each runs only with credentials in the environment, and says what it needs otherwise. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: { include: ['test/live/**/*.test.ts'], pool: 'forks', testTimeout: 300_000, hookTimeout: 300_000 },
});
