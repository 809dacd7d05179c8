/** Which backend trains: the fastest that this machine has, or the one asked for. */
import { availableParallelism } from 'node:os';
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import type { ModelSpec } from '../../src/plan/training.ts';
import type { SequenceData, TrainingBackend } from './backend.ts';
import { DifferencedBackend } from './differences.ts';
import { flopsPerWindow } from './model.ts';
import type { KernelCode } from './packed/create-kernels.ts';
import { nativeCodes } from './packed/native-kernels.ts';
import { PackedBackend } from './packed/packed-backend.ts';
import { compileWasm } from './packed/wasm-kernels.ts';
import { ReferenceBackend } from './reference-backend.ts';
import { type Library, TfjsBackend } from './tfjs-backend.ts';

/** Values of `causeway.training_backend`. `auto` takes native kernels where they were built, else WebAssembly. */
export const BACKENDS = ['auto', 'native', 'wasm', 'tfjs', 'reference'] as const;

export type BackendChoice = (typeof BACKENDS)[number];

export interface BackendOptions {
  readonly choice: BackendChoice;
  /** Largest number of windows per call. */
  readonly batch: number;
  /** Absent: two for models that are large enough, on machines that have them. */
  readonly threads?: number;
  /** For `tfjs`: what `loadTfjs` found. */
  readonly tfjs?: Library;
}

/** Below this many floating-point operations per step, waking a helper costs more than it saves. */
const WORTH_TWO_THREADS = 1e8;

/** A backend on this thread. Throws when the one asked for is not there. */
export function createBackend(spec: ModelSpec, data: SequenceData, options: BackendOptions): TrainingBackend {
  const backend = networkBackend(spec, data, options);
  return data.difference === undefined ? backend : new DifferencedBackend(backend, spec, data, data.difference);
}

function networkBackend(spec: ModelSpec, data: SequenceData, options: BackendOptions): TrainingBackend {
  if (options.choice === 'reference') return new ReferenceBackend(spec, data);
  if (options.choice === 'tfjs') {
    if (options.tfjs) return new TfjsBackend(options.tfjs, spec, data);
    throw new CausewayError(SQLSTATE.internalError, 'TensorFlow.js was not loaded before the backend was made');
  }
  const { batch } = options;
  const flops = flopsPerWindow(spec, data) * batch;
  const threads = options.threads ?? (flops >= WORTH_TWO_THREADS ? Math.min(2, availableParallelism()) : 1);
  return new PackedBackend(spec, data, { batch, threads, code: kernelCode(options.choice) });
}

function kernelCode(choice: 'auto' | 'native' | 'wasm'): KernelCode {
  const native = choice === 'wasm' ? undefined : nativeCodes()[0];
  if (native) return { kind: 'native', native };
  if (choice === 'native') {
    throw new CausewayError(SQLSTATE.featureNotSupported, 'there are no native training kernels on this machine', {
      hint: "Build them with `npm run build:native` (it needs a C compiler), or SET causeway.training_backend = 'auto'.",
    });
  }
  return { kind: 'wasm', wasm: compileWasm() };
}
