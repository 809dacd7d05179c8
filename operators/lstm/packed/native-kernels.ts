/** The kernels as a native addon, where one has been built (`npm run build:native`) or installed for this platform. */
import { createRequire } from 'node:module';
import type { AdamStep, Kernels } from './kernels.ts';

/** An instruction set this machine runs, and where its code is. */
export interface NativeCode {
  readonly path: string;
  /** Number among the addon's variants. */
  readonly variant: number;
  readonly name: string;
  readonly lanes: number;
}

interface Addon {
  /** Best first. */
  variants(): readonly { readonly name: string; readonly lanes: number }[];
  create(variant: number, memory: Uint8Array): Bound;
}

type Bound = Omit<Kernels, 'name' | 'adam'> & {
  adam(...values: number[]): void;
  peak(rounds: number): number;
};

const require = createRequire(import.meta.url);

/** Compiled beside its source (which lies above `dist` when the compiled package runs in a checkout), or as a package of its own. */
const PLACES = [
  '../native/build/lstm.node',
  '../../../../operators/lstm/native/build/lstm.node',
  nativePackage(process.platform, process.arch),
];

/** The optional package that holds the addon for a platform. */
export function nativePackage(platform: string, arch: string): string {
  return `@causeway/lstm-${platform}-${arch}`;
}

function load(path: string): Addon | undefined {
  try {
    return require(path);
  } catch {
    // Not there, or made for another C library: the next place, or WebAssembly.
    return undefined;
  }
}

/** All instruction sets that work here, best first; none without an addon. */
export function nativeCodes(places: readonly string[] = PLACES): readonly NativeCode[] {
  for (const path of places) {
    const found = load(path)?.variants();
    if (found) return found.map(({ lanes, name }, variant) => ({ path, variant, name: `native (${name})`, lanes }));
  }
  return [];
}

function bind({ path, variant }: NativeCode, memory: ArrayBufferLike): Bound {
  const addon: Addon = require(path);
  return addon.create(variant, new Uint8Array(memory));
}

/** Kernels on `memory`, which must outlive them. */
export function nativeKernels(code: NativeCode, memory: ArrayBufferLike): Kernels {
  const bound = bind(code, memory);
  return {
    name: code.name,
    forward: (descriptor) => bound.forward(descriptor),
    backward: (descriptor) => bound.backward(descriptor),
    transpose: (descriptor) => bound.transpose(descriptor),
    headForward: (...offsets) => bound.headForward(...offsets),
    headBackward: (...offsets) => bound.headBackward(...offsets),
    add: (a, b, length) => bound.add(a, b, length),
    squaredNorm: (a, length) => bound.squaredNorm(a, length),
    adam: (weights, first, second, gradient, length, step: AdamStep) =>
      bound.adam(
        weights,
        first,
        second,
        gradient,
        length,
        step.factor,
        step.rate,
        step.beta1,
        step.beta2,
        step.rootFactor,
        step.epsilon,
        step.decay,
        step.shrink,
      ),
  };
}

/** The machine's rate of fused multiply-adds on one thread, in operations per second: what kernels are measured against. */
export function peakFlops(code: NativeCode): number {
  const bound = bind(code, new ArrayBuffer(0));
  let best = 0;
  for (let run = 0; run < 10; run++) {
    const began = performance.now();
    const operations = bound.peak(2_000_000);
    best = Math.max(best, (operations / (performance.now() - began)) * 1000);
  }
  return best;
}
