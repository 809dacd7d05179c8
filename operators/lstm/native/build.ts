/**
 * Builds the native kernels where a C compiler is: `npm run build:native`. Never fails: without a compiler, on an
 * unknown processor or on any error it says so in one line, and training runs on WebAssembly.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../../../src/plan/errors.ts';

interface Variant {
  readonly name: string;
  readonly lanes: number;
  readonly flags: readonly string[];
}

/** Instruction sets per processor family. The addon chooses among them when it is loaded. */
const VARIANTS: Readonly<Record<string, readonly Variant[]>> = {
  x64: [
    { name: 'avx512', lanes: 16, flags: ['-march=x86-64-v4', '-mprefer-vector-width=512'] },
    { name: 'avx2', lanes: 8, flags: ['-march=x86-64-v3'] },
  ],
  arm64: [{ name: 'neon', lanes: 4, flags: [] }],
};

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const COMMON = [
  '-O3',
  '-std=gnu11',
  '-fPIC',
  '-fno-math-errno',
  '-ffp-contract=fast',
  '-Wall',
  '-Wextra',
  '-Wno-psabi',
];

/** What is compiled for, and by which compiler; by default this machine and `CC`. */
export interface NativeTarget {
  readonly platform: string;
  readonly arch: string;
  readonly compiler: string;
}

const here = (): NativeTarget => ({
  platform: process.platform,
  arch: process.arch,
  compiler: process.env.CC ?? 'cc',
});

/** Compiles the addon to the file `target`. Throws when that is not possible here. */
export function buildNative(target: string, { arch, compiler, platform } = here()): void {
  const variants = VARIANTS[arch];
  if (variants === undefined || platform === 'win32') {
    throw new Error(`there are no native kernels for ${platform} on ${arch}`);
  }
  const headers: { include_dir: string } = createRequire(import.meta.url)('node-api-headers');
  const objects = mkdtempSync(join(tmpdir(), 'causeway-native-'));
  const compile = (...args: string[]) => execFileSync(compiler, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  try {
    const object = (name: string) => join(objects, `${name}.o`);
    for (const { flags, lanes, name } of variants) {
      const defines = [`-DLANES=${lanes}`, `-DKERNELS=${name}_kernels`, `-DNAME=${name}`];
      compile(...COMMON, ...flags, ...defines, '-c', join(FOLDER, 'kernel.c'), '-o', object(name));
    }
    compile(...COMMON, `-I${headers.include_dir}`, '-c', join(FOLDER, 'addon.c'), '-o', object('addon'));
    const undefinedSymbols = platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : [];
    const built = join(objects, 'lstm.node');
    const parts = [...variants.map(({ name }) => object(name)), object('addon')];
    compile('-shared', ...undefinedSymbols, ...parts, '-o', built, '-lm');
    execFileSync('cp', [built, `${target}.new`]);
    // Replaced in one step: a running process keeps the file it has.
    renameSync(`${target}.new`, target);
  } finally {
    rmSync(objects, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  try {
    mkdirSync(join(FOLDER, 'build'), { recursive: true });
    buildNative(join(FOLDER, 'build', 'lstm.node'));
    console.log('native training kernels built');
  } catch (thrown) {
    console.log(`no native training kernels, WebAssembly will train: ${messageOf(thrown).split('\n')[0]}`);
  }
}
