/**
 * Bundles the trainer into one text of JavaScript that needs nothing but the language and WebAssembly, and makes the kernel one for
 * a single thread: `npm run build:udf` writes both to connectors/bigquery/training, where they are committed.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

const FOLDER = here('../../../connectors/bigquery/training/');

/** Node's modules, and ours that code inside an engine has no use for. */
const STAND_INS: readonly (readonly [RegExp, string])[] = [
  [/^node:crypto$/, here('sandbox/crypto.ts')],
  [/^node:(worker_threads|fs)$/, here('sandbox/absent.ts')],
  [/\/(native-kernels|classification|change-share)\.ts$/, here('sandbox/absent.ts')],
];

/** The text of a script that defines `causeway.step` (entry.ts). */
export async function bundle(): Promise<string> {
  const build = await rolldown({
    input: here('entry.ts'),
    plugins: [
      {
        name: 'stand-ins',
        resolveId: (id) => STAND_INS.find(([pattern]) => pattern.test(id))?.[1],
      },
    ],
    transform: {
      target: 'es2022',
      define: {
        // Engines have no clock but the calendar, and one thread.
        'performance.now': 'Date.now',
        SharedArrayBuffer: 'ArrayBuffer',
        'import.meta.url': '""',
      },
    },
    treeshake: { moduleSideEffects: false },
    onLog: (level, log) => {
      if (level === 'warn' && log.code !== 'IMPORT_IS_UNDEFINED') throw new Error(log.message);
    },
  });
  const { output } = await build.generate({ format: 'iife', name: 'causeway', minify: true });
  await build.close();
  return output[0].code;
}

const IMPORTS = 2;
const MEMORY = 2;
const SHARED = 2;

/**
 * The kernel's module with a memory of its own thread alone: one bit in the limits of the memory that it imports (WebAssembly core
 * specification, binary format, import section; threads proposal, shared limits). Its code is the same.
 */
export function kernel(): Buffer {
  const copy = readFileSync(here('../assembly/kernel.wasm'));
  let at = 8;
  const number = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = copy[at++]!;
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < copy.length) {
    const section = copy[at++];
    const end = number() + at;
    if (section === IMPORTS && number() === 1) {
      // Two names, then what is imported.
      for (let name = 0; name < 2; name++) {
        const length = number();
        at += length;
      }
      if (copy[at++] === MEMORY) {
        copy[at]! &= ~SHARED;
        return copy;
      }
    }
    at = end;
  }
  throw new Error('the kernel does not import its memory alone');
}

if (import.meta.main) {
  writeFileSync(`${FOLDER}lstm-step.js`, await bundle());
  writeFileSync(`${FOLDER}lstm-kernel.wasm`, kernel());
}
