/** A platform's package: what npm reads of it, and that the addon in it loads. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { messageOf } from '../../../src/plan/errors.ts';
import { nativeCodes } from '../packed/native-kernels.ts';
import { buildPackage, linked } from './release.ts';

const folder = mkdtempSync(join(tmpdir(), 'package-'));
afterAll(() => rmSync(folder, { recursive: true }));

function built(): boolean {
  try {
    buildPackage(folder, { platform: process.platform, arch: process.arch, compiler: process.env.CC ?? 'cc' });
    return true;
  } catch (thrown) {
    console.log(`skipped, native kernels cannot be built here: ${messageOf(thrown).split('\n')[0]}`);
    return false;
  }
}

it.runIf(built())('is for one platform only, and loads as a package does', () => {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  expect(manifest).toMatchObject({
    name: `@causeway/lstm-${process.platform}-${process.arch}`,
    os: [process.platform],
    cpu: [process.arch],
  });
  expect(nativeCodes([folder]).length).toBeGreaterThan(0);
});

it('names every platform as an optional dependency of the same version', () => {
  const { optionalDependencies } = linked({ version: '1.2.3', license: 'x', optionalDependencies: { other: '1' } });
  expect(optionalDependencies).toEqual({
    other: '1',
    '@causeway/lstm-linux-x64': '1.2.3',
    '@causeway/lstm-linux-arm64': '1.2.3',
    '@causeway/lstm-darwin-x64': '1.2.3',
    '@causeway/lstm-darwin-arm64': '1.2.3',
  });
});

it('refuses a processor that there are no kernels for', () => {
  expect(() => buildPackage(folder, { platform: 'linux', arch: 'riscv64', compiler: 'cc' })).toThrow('riscv64');
});
