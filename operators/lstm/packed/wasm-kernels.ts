/** The kernels as WebAssembly SIMD; the relaxed twin, which fuses multiply and add, where the engine knows it. */
import { readFileSync } from 'node:fs';
import type { AdamStep, Kernels } from './kernels.ts';

const PLAIN = '../assembly/kernel.wasm';
const RELAXED = '../assembly/kernel.relaxed.wasm';

const read = (path: string) => readFileSync(new URL(path, import.meta.url));

/** 128-bit vectors. */
export const WASM_LANES = 4;

type Exports = Omit<Kernels, 'name' | 'adam'> & { adam(...values: number[]): void };

/** Compiled code, to be sent to helper threads. */
export interface WasmCode {
  readonly name: string;
  readonly module: WebAssembly.Module;
}

/** The best code this engine runs. */
export function compileWasm(): WasmCode {
  const relaxed = read(RELAXED);
  if (WebAssembly.validate(relaxed)) return { name: 'wasm (relaxed SIMD)', module: new WebAssembly.Module(relaxed) };
  return { name: 'wasm', module: new WebAssembly.Module(read(PLAIN)) };
}

/** Kernels on `memory`. */
export function wasmKernels({ module, name }: WasmCode, memory: WebAssembly.Memory): Kernels {
  const { adam, ...exports } = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Exports;
  return {
    ...exports,
    name,
    adam: (weights, first, second, gradient, length, step: AdamStep) =>
      adam(
        weights,
        first,
        second,
        gradient,
        length,
        step.factor,
        step.rate,
        step.beta1,
        1 - step.beta1,
        step.beta2,
        1 - step.beta2,
        step.rootFactor,
        step.epsilon,
        step.decay,
        step.shrink,
      ),
  };
}
