/** Builds the addon and compares every instruction set of this machine with PyTorch and with the reference. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { messageOf } from '../../../src/plan/errors.ts';
import { dataOf, expectPyTorch, fixture } from '../fixtures/pytorch.ts';
import { expectReference, UNUSUAL } from '../fixtures/unusual.ts';
import { initialWeights } from '../model.ts';
import { type NativeCode, nativeCodes } from '../packed/native-kernels.ts';
import { PackedBackend } from '../packed/packed-backend.ts';
import { ReferenceBackend } from '../reference-backend.ts';
import { buildNative } from './build.ts';

const folder = mkdtempSync(join(tmpdir(), 'native-'));
afterAll(() => rmSync(folder, { recursive: true }));

function build(): readonly NativeCode[] {
  try {
    const addon = join(folder, 'lstm.node');
    buildNative(addon);
    return nativeCodes([addon]);
  } catch (thrown) {
    console.log(`skipped, native kernels cannot be built here: ${messageOf(thrown).split('\n')[0]}`);
    return [];
  }
}

const codes = build();
const backendOf = (
  native: NativeCode,
  threads: number,
  ...[spec, data]: ConstructorParameters<typeof ReferenceBackend>
) => new PackedBackend(spec, data, { batch: 20, threads, code: { kind: 'native', native } });

describe.each(codes)('$name', (native) => {
  it.each(fixture.cases)('does what PyTorch does: $name', (one) => {
    using backend = backendOf(native, 1, one.spec, dataOf(one));
    expectPyTorch(one, backend);
  });

  it.each(UNUSUAL)('does what the reference does: $name', (one) => {
    using backend = backendOf(native, 2, one.spec, one.data);
    expectReference(one, backend);
  });

  it.each([1, 2])('agrees with the reference for batches of any size, %i threads', (threads) => {
    const one = fixture.cases.find(({ name }) => name === 'four layers, every step')!;
    const spec = { ...one.spec, hidden: 37, dropout: 0.25 };
    const values = Float32Array.from({ length: 60 * spec.inputs }, (_, i) => Math.sin(i * i));
    const data = { ...dataOf(one), values };
    using backend = backendOf(native, threads, spec, data);
    using reference = new ReferenceBackend(spec, data);
    for (const each of [backend, reference]) each.setWeights(initialWeights(spec, 5));
    for (const size of [20, 3, 1, 13, 20]) {
      const starts = Uint32Array.from({ length: size }, (_, k) => (k * 7) % 40);
      const found = backend.gradients(starts, size);
      const expected = reference.gradients(starts, size);
      const largest = expected.gradient.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const worst = found.gradient.reduce(
        (most, value, i) => Math.max(most, Math.abs(value - expected.gradient[i]!)),
        0,
      );
      expect(found.loss).toBeCloseTo(expected.loss, 5);
      expect(worst / largest).toBeLessThan(1e-5);
    }
  });
});

it('says in one line that there is no compiler, and the install goes on', () => {
  const script = fileURLToPath(new URL('./build.ts', import.meta.url));
  const env = { ...process.env, CC: join(folder, 'no-compiler') };
  const output = execFileSync(process.execPath, [script], { env, encoding: 'utf8' });
  expect(output).toMatch(/^no native training kernels, WebAssembly will train: .*no-compiler.*\n$/);
});

it.runIf(codes.length === 0)('trains without native kernels', () => {
  expect(nativeCodes([join(folder, 'absent.node')])).toEqual([]);
});
