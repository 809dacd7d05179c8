/** Suites that need more than Node and npm: each says what, and skips with a reason where it is absent. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: { include: ['test/engines/**/*.test.ts'], pool: 'forks', testTimeout: 120_000, hookTimeout: 120_000 },
});
