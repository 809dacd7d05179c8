/** Compiles ../assembly/kernel.ts (AssemblyScript) to kernel.wasm and its relaxed-SIMD twin: `npm run build:wasm`. */
import { fileURLToPath } from 'node:url';
import { main } from 'assemblyscript/asc';

const FOLDER = fileURLToPath(new URL('../assembly/', import.meta.url));

/** Writes the module to `outFile`. `relaxed` fuses multiply and add where the engine allows it. */
export async function compileKernel(relaxed: boolean, outFile: string): Promise<void> {
  const { error, stderr } = await main([
    `${FOLDER}kernel.ts`,
    '--outFile',
    outFile,
    ...['-O3', '--converge', '--noAssert', '--runtime', 'stub'],
    ...['--enable', 'simd', '--enable', 'threads', ...(relaxed ? ['--enable', 'relaxed-simd'] : [])],
    // The arena is one shared memory; the module says how large it may get at most (4 GiB).
    ...['--importMemory', '--sharedMemory', '--initialMemory', '1', '--maximumMemory', '65536'],
  ]);
  if (error) throw new Error(`${error.message}\n${stderr}`);
}

if (import.meta.main) {
  await compileKernel(false, `${FOLDER}kernel.wasm`);
  await compileKernel(true, `${FOLDER}kernel.relaxed.wasm`);
}
