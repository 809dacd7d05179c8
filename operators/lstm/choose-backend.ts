/** Which backend trains: the fastest that this machine has, or the one asked for. */
import { availableParallelism } from 'node:os';
import type { ModelSpec } from '../../src/plan/training.ts';
import type { SequenceData, TrainingBackend } from './backend.ts';
import { flopsPerWindow } from './model.ts';
import { PackedBackend } from './packed/packed-backend.ts';
import { compileWasm } from './packed/wasm-kernels.ts';
import { ReferenceBackend } from './reference-backend.ts';

/** `auto` takes the first of native, wasm that works here. */
export const BACKENDS = ['auto', 'wasm', 'reference'] as const;

export type BackendChoice = (typeof BACKENDS)[number];

export interface BackendOptions {
  readonly choice: BackendChoice;
  /** Largest number of windows per call. */
  readonly batch: number;
  /** Absent: two for models that are large enough, on machines that have them. */
  readonly threads?: number;
}

/** Below this many floating-point operations per step, waking a helper costs more than it saves. */
const WORTH_TWO_THREADS = 1e8;

export function createBackend(spec: ModelSpec, data: SequenceData, options: BackendOptions): TrainingBackend {
  if (options.choice === 'reference') return new ReferenceBackend(spec, data);
  const { batch } = options;
  const flops = flopsPerWindow(spec, data) * batch;
  const threads = options.threads ?? (flops >= WORTH_TWO_THREADS ? Math.min(2, availableParallelism()) : 1);
  return new PackedBackend(spec, data, { batch, threads, code: { kind: 'wasm', wasm: compileWasm() } });
}
