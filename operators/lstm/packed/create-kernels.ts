/** From code that can be sent between threads to kernels on a memory. */
import type { Kernels } from './kernels.ts';
import { type NativeCode, nativeKernels } from './native-kernels.ts';
import { WASM_LANES, type WasmCode, wasmKernels } from './wasm-kernels.ts';

/** What a helper thread needs to make the same kernels. */
export type KernelCode =
  | { readonly kind: 'wasm'; readonly wasm: WasmCode }
  | { readonly kind: 'native'; readonly native: NativeCode };

export const createKernels = (code: KernelCode, memory: WebAssembly.Memory): Kernels =>
  code.kind === 'wasm' ? wasmKernels(code.wasm, memory) : nativeKernels(code.native, memory.buffer);

/** Floats per vector: decides the layout before there is a memory. */
export const lanesOf = (code: KernelCode): number => (code.kind === 'wasm' ? WASM_LANES : code.native.lanes);
