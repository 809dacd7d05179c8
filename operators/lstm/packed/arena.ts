/** Where everything stands in the memory that the threads of one model share. A pure function, so that all threads agree. */
import type { ModelSpec } from '../../../src/plan/training.ts';
import { DESCRIPTOR_BYTES } from './descriptor.ts';
import { type PackedLayout, packedLayout } from './layout.ts';

/** Words of the control block that threads wait on and read. */
export const CONTROL = Object.freeze({
  /** Counts the launches; helpers wait for it to change. */
  generation: 0,
  /** Helpers that are done with this launch. */
  done: 1,
  /** See `OPERATION`. */
  operation: 2,
  /** Windows in this launch. */
  batch: 3,
  /** 1: `dropoutSeed` is in force. */
  dropout: 4,
  dropoutSeed: 5,
  /** Helpers that failed. */
  failed: 6,
});

export const OPERATION = Object.freeze({ predict: 0, gradient: 1 });

/** Byte offsets of what one thread needs for its slice of a batch. */
export interface SliceOffsets {
  /** Per layer. */
  readonly descriptors: readonly number[];
  readonly z: readonly number[];
  readonly g: readonly number[];
  readonly gStride: readonly number[];
  readonly c: readonly number[];
  /** Slopes of the layer's hidden values. */
  readonly dh: readonly number[];
  /** Slopes of the network's inputs, for embeddings; 0 without any. */
  readonly dx: number;
  readonly carry: number;
  readonly gradient: number;
  /** Output rows × outputs; slopes likewise; targets. */
  readonly outputs: number;
  readonly slopes: number;
  readonly targets: number;
  /** One float64: Σ of the loss. */
  readonly loss: number;
  readonly scratch: number;
}

export interface Arena {
  readonly layout: PackedLayout;
  /** Largest batch, and windows per slice at most. */
  readonly batch: number;
  readonly rows: number;
  readonly control: number;
  /** One float64: what slopes are multiplied with. */
  readonly scale: number;
  readonly starts: number;
  readonly weights: number;
  readonly first: number;
  readonly second: number;
  /** Per layer. */
  readonly transposed: readonly number[];
  readonly slices: readonly SliceOffsets[];
  readonly bytes: number;
}

/** Allocations begin on their own cache lines, so that threads never write to the same one. */
const ALIGNMENT = 128;

/**
 * Room left between allocations. Their sizes are often multiples of 4 KiB, and without it rows that are read and written together
 * would agree in their lowest 12 address bits, which stalls loads behind stores (a fifth of the time at 128 units).
 */
const STAGGER = 5 * ALIGNMENT;

export interface ArenaShape {
  readonly spec: ModelSpec;
  readonly window: number;
  readonly batch: number;
  readonly threads: number;
  readonly lanes: number;
  /** Target values per output row. */
  readonly targets: number;
}

export function planArena({ spec, window, batch, threads, lanes, targets }: ArenaShape): Arena {
  // Offset 0 means "none" to the kernels.
  let bytes = ALIGNMENT;
  const allocate = (size: number) => {
    const at = bytes;
    bytes = Math.ceil((bytes + size) / ALIGNMENT) * ALIGNMENT + STAGGER;
    return at;
  };
  const floats = (count: number) => allocate(count * 4);
  const layout = packedLayout(spec, lanes);
  const { hidden } = layout.layers[0]!;
  const rows = Math.ceil(batch / threads);
  const outputRows = rows * (spec.readout === 'every' ? window : 1);
  const slice = (): SliceOffsets => {
    // A little more than needed between groups, or all groups would fall into one cache set.
    const gStride = (window * rows * 4 * lanes + 80) * 4;
    const perLayer = <T>(of: (layer: (typeof layout.layers)[number], l: number) => T) => layout.layers.map(of);
    return {
      descriptors: perLayer(() => allocate(DESCRIPTOR_BYTES)),
      z: perLayer((layer) => floats((window + 1) * rows * layer.stride)),
      g: perLayer(() => allocate((hidden / lanes) * gStride)),
      gStride: perLayer(() => gStride),
      c: perLayer(() => floats((window + 1) * rows * hidden)),
      dh: perLayer((_, l) => floats((l === spec.layers - 1 && spec.readout === 'last' ? 1 : window) * rows * hidden)),
      dx: layout.embeddings.length === 0 ? 0 : floats(window * rows * layout.layers[0]!.inputs),
      carry: floats(rows * hidden),
      gradient: floats(layout.length),
      outputs: floats(outputRows * spec.outputs),
      slopes: floats(outputRows * spec.outputs),
      targets: floats(outputRows * targets),
      loss: allocate(8),
      scratch: allocate(8192),
    };
  };
  const planned = {
    layout,
    batch,
    rows,
    control: allocate(64),
    scale: allocate(8),
    starts: allocate(batch * 4),
    weights: floats(layout.length),
    first: floats(layout.length),
    second: floats(layout.length),
    transposed: layout.layers.map((layer, l) =>
      floats(4 * hidden * (hidden + (l === 0 && layout.embeddings.length === 0 ? 0 : layer.inputs))),
    ),
    slices: Array.from({ length: threads }, slice),
  };
  return { ...planned, bytes };
}
