/** Gradients and training steps against PyTorch. */
import { describe, it } from 'vitest';
import { createBackend } from './choose-backend.ts';
import { dataOf, expectPyTorch, fixture } from './fixtures/pytorch.ts';

const BACKENDS = [
  ['reference', { choice: 'reference' }],
  ['wasm, one thread', { choice: 'wasm', threads: 1 }],
  ['wasm, two threads', { choice: 'wasm', threads: 2 }],
] as const;

describe.each(BACKENDS)('%s', (_, options) => {
  it.each(fixture.cases)('does what PyTorch does: $name', (one) => {
    using backend = createBackend(one.spec, dataOf(one), { ...options, batch: fixture.windows });
    expectPyTorch(one, backend);
  });
});
