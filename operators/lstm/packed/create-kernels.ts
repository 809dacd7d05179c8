/** From code that can be sent between threads to kernels on a memory. */
import type { Kernels } from './kernels.ts';
import { WASM_LANES, type WasmCode, wasmKernels } from './wasm-kernels.ts';

/** What a helper thread needs to make the same kernels. */
export type KernelCode = { readonly kind: 'wasm'; readonly wasm: WasmCode };

export const createKernels = (code: KernelCode, memory: WebAssembly.Memory): Kernels => wasmKernels(code.wasm, memory);

/** Floats per vector: decides the layout before there is a memory. */
export const lanesOf = (_: KernelCode): number => WASM_LANES;
