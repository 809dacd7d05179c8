import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { compileKernel } from './compile-wasm.ts';

it.each([
  [false, 'kernel.wasm'],
  [true, 'kernel.relaxed.wasm'],
])('the committed module is what its source compiles to (relaxed: %s)', async (relaxed, name) => {
  const folder = mkdtempSync(join(tmpdir(), 'kernel-'));
  try {
    await compileKernel(relaxed, join(folder, name));
    const committed = readFileSync(new URL(`../assembly/${name}`, import.meta.url));
    expect(readFileSync(join(folder, name)).equals(committed), 'run `npm run build:wasm` and commit the result').toBe(
      true,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});
