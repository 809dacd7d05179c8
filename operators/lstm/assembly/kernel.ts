/**
 * The packed kernels in AssemblyScript with 128-bit SIMD. Layouts: ../packed/layout.ts; field numbers: ../packed/descriptor.ts.
 * One file on purpose: an AssemblyScript module is compiled whole, and tiles belong beside their loops.
 * Accumulators are single variables and loops are not unrolled, because V8 keeps no more than 15 vectors in registers: tiles are 2 × 4
 * or 4 × 2 sums, and 6 × 2 where multiply and add are one instruction, which needs no register for the product.
 */

/** Vectors of a panel row: four gates of four units. */
const PANEL: usize = 64;
/** Bytes of the units one backward tile covers: two vectors. */
const PAIR: usize = 32;
/** Rows whose weight gradient is summed while their activations are in the cache. */
const HOT_ROWS: i32 = 256;

/** Whether tiles of twelve sums fit: they hide more of the multiply-adds' latency. */
const TALL: bool = ASC_FEATURE_RELAXED_SIMD;

const GRU: i32 = 1;

@inline function field(q: usize, index: usize): usize {
  return <usize>load<u32>(q + index * 4);
}

@inline function count(q: usize, index: usize): i32 {
  return load<i32>(q + index * 4);
}

@inline function splat(x: f32): v128 {
  return f32x4.splat(x);
}

/** a · b + c. */
@inline function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** Rational minimax approximation of degree 13/6 on ±7.9 (the coefficients are those of Eigen's `ptanh_float`). */
@inline function tanh(value: v128): v128 {
  // pmin and pmax are one instruction each; min and max take seven for their NaN rules. NaN passes through as their first operand.
  const x = f32x4.pmax(f32x4.pmin(value, splat(7.90531110763549805)), splat(-7.90531110763549805));
  const s = f32x4.mul(x, x);
  let p = madd(s, splat(-2.76076847742355e-16), splat(2.00018790482477e-13));
  p = madd(p, s, splat(-8.60467152213735e-11));
  p = madd(p, s, splat(5.12229709037114e-8));
  p = madd(p, s, splat(1.48572235717979e-5));
  p = madd(p, s, splat(6.37261928875436e-4));
  p = madd(p, s, splat(4.89352455891786e-3));
  let q = madd(s, splat(1.19825839466702e-6), splat(1.18534705686654e-4));
  q = madd(q, s, splat(2.268434632439e-3));
  q = madd(q, s, splat(4.89352518554385e-3));
  return f32x4.div(f32x4.mul(p, x), q);
}

@inline function sigmoid(x: v128): v128 {
  return madd(tanh(f32x4.mul(x, splat(0.5))), splat(0.5), splat(0.5));
}

/** ../random.ts `dropped`: 0 or `keep` for the activation with this index. */
@inline function mask(seed: u32, index: u32, threshold: u32, keep: f32): f32 {
  let h = seed ^ (index * 0x9e3779b1);
  h = (h ^ (h >> 16)) * 0x85ebca6b;
  h = (h ^ (h >> 13)) * 0xc2b2ae35;
  return (h ^ (h >> 16)) < threshold ? 0 : keep;
}

/** Activates four units' gates, and puts out their state (cell, or hidden for GRU) and hidden value. */
function activate(cell: i32, p0: v128, p1: v128, p2: v128, p3: v128, g: usize, before: usize, after: usize, h: usize): void {
  if (cell == GRU) {
    const r = sigmoid(p0);
    const z = sigmoid(p1);
    const n = tanh(madd(r, p3, p2));
    const next = madd(z, f32x4.sub(v128.load(before), n), n);
    v128.store(after, next);
    v128.store(h, next);
    v128.store(g, r);
    v128.store(g, z, 16);
    v128.store(g, n, 32);
    v128.store(g, p3, 48);
    return;
  }
  const i = sigmoid(p0);
  const f = sigmoid(p1);
  const n = tanh(p2);
  const o = sigmoid(p3);
  const c = madd(f, v128.load(before), f32x4.mul(i, n));
  v128.store(after, c);
  v128.store(h, f32x4.mul(o, tanh(c)));
  v128.store(g, i);
  v128.store(g, f, 16);
  v128.store(g, n, 32);
  v128.store(g, o, 48);
}

function forward2(
  cell: i32, z: usize, stride: usize, w: usize, columns: i32,
  g: usize, before: usize, after: usize, state: usize, h: usize,
): void {
  let z0 = z;
  let z1 = z + stride;
  let a0 = splat(0), a1 = splat(0), a2 = splat(0), a3 = splat(0);
  let b0 = splat(0), b1 = splat(0), b2 = splat(0), b3 = splat(0);
  for (let k = columns; k > 0; k--) {
    const x0 = v128.load32_splat(z0);
    const x1 = v128.load32_splat(z1);
    let v = v128.load(w);
    a0 = madd(x0, v, a0);
    b0 = madd(x1, v, b0);
    v = v128.load(w, 16);
    a1 = madd(x0, v, a1);
    b1 = madd(x1, v, b1);
    v = v128.load(w, 32);
    a2 = madd(x0, v, a2);
    b2 = madd(x1, v, b2);
    v = v128.load(w, 48);
    a3 = madd(x0, v, a3);
    b3 = madd(x1, v, b3);
    z0 += 4;
    z1 += 4;
    w += PANEL;
  }
  activate(cell, a0, a1, a2, a3, g, before, after, h);
  activate(cell, b0, b1, b2, b3, g + PANEL, before + state, after + state, h + stride);
}

/** Two of the four gates' sums for six rows: twelve sums, as in {@link product6}. `out` receives rows of four vectors. */
function forwardSums6(z: usize, stride: usize, w: usize, columns: i32, out: usize): void {
  let z0 = z, z1 = z + stride, z2 = z1 + stride, z3 = z2 + stride, z4 = z3 + stride, z5 = z4 + stride;
  let a0 = splat(0), a1 = splat(0), b0 = splat(0), b1 = splat(0), c0 = splat(0), c1 = splat(0);
  let d0 = splat(0), d1 = splat(0), e0 = splat(0), e1 = splat(0), f0 = splat(0), f1 = splat(0);
  for (let k = columns; k > 0; k--) {
    const w0 = v128.load(w);
    const w1 = v128.load(w, 16);
    let x = v128.load32_splat(z0);
    a0 = madd(x, w0, a0);
    a1 = madd(x, w1, a1);
    x = v128.load32_splat(z1);
    b0 = madd(x, w0, b0);
    b1 = madd(x, w1, b1);
    x = v128.load32_splat(z2);
    c0 = madd(x, w0, c0);
    c1 = madd(x, w1, c1);
    x = v128.load32_splat(z3);
    d0 = madd(x, w0, d0);
    d1 = madd(x, w1, d1);
    x = v128.load32_splat(z4);
    e0 = madd(x, w0, e0);
    e1 = madd(x, w1, e1);
    x = v128.load32_splat(z5);
    f0 = madd(x, w0, f0);
    f1 = madd(x, w1, f1);
    z0 += 4;
    z1 += 4;
    z2 += 4;
    z3 += 4;
    z4 += 4;
    z5 += 4;
    w += PANEL;
  }
  v128.store(out, a0);
  v128.store(out, a1, 16);
  v128.store(out, b0, 64);
  v128.store(out, b1, 80);
  v128.store(out, c0, 128);
  v128.store(out, c1, 144);
  v128.store(out, d0, 192);
  v128.store(out, d1, 208);
  v128.store(out, e0, 256);
  v128.store(out, e1, 272);
  v128.store(out, f0, 320);
  v128.store(out, f1, 336);
}

function forward1(cell: i32, z: usize, w: usize, columns: i32, g: usize, before: usize, after: usize, h: usize): void {
  let a0 = splat(0), a1 = splat(0), a2 = splat(0), a3 = splat(0);
  for (let k = columns; k > 0; k--) {
    const x = v128.load32_splat(z);
    a0 = madd(x, v128.load(w), a0);
    a1 = madd(x, v128.load(w, 16), a1);
    a2 = madd(x, v128.load(w, 32), a2);
    a3 = madd(x, v128.load(w, 48), a3);
    z += 4;
    w += PANEL;
  }
  activate(cell, a0, a1, a2, a3, g, before, after, h);
}

/** The layer below's hidden values become this layer's inputs, under dropout. */
function readBelow(q: usize): void {
  const rows = count(q, 0), steps = count(q, 1), inputs = count(q, 2), stride = field(q, 5) * 4, z = field(q, 6);
  const below = field(q, 17), belowStride = field(q, 18) * 4;
  const seed = <u32>field(q, 19), threshold = <u32>field(q, 20), keep = load<f32>(q + 84);
  const example = <u32>field(q, 22), exampleStride = <u32>field(q, 23), hidden = <u32>field(q, 24);
  for (let t = 0; t < steps; t++) {
    for (let b = 0; b < rows; b++) {
      const from = below + <usize>(t * rows + b) * belowStride;
      const to = z + <usize>(t * rows + b) * stride;
      if (threshold == 0) {
        memory.copy(to, from, <usize>inputs * 4);
        continue;
      }
      const index = example + <u32>b * exampleStride + <u32>t * hidden;
      for (let i = 0; i < inputs; i++) {
        const at = <usize>i * 4;
        store<f32>(to + at, load<f32>(from + at) * mask(seed, index + <u32>i, threshold, keep));
      }
    }
  }
}

/** One layer over all steps of all rows. */
export function forward(q: usize): void {
  const rows = count(q, 0), steps = count(q, 1), inputs = count(q, 2), columns = count(q, 3), hidden = count(q, 4);
  const stride = field(q, 5) * 4, z = field(q, 6), g = field(q, 7), gStride = field(q, 8), c = field(q, 9);
  const w = field(q, 13), cell = count(q, 16), sums = field(q, 27);
  const units = hidden >> 2;
  const state = <usize>hidden * 4;
  const stepState = <usize>rows * state;
  const toHidden = <usize>(columns - hidden) * 4;
  if (field(q, 17)) readBelow(q);
  memory.fill(c, 0, stepState);
  for (let b = 0; b < rows; b++) memory.fill(z + <usize>b * stride + toHidden, 0, state);
  for (let t = 0; t < steps; t++) {
    const zt = z + <usize>(t * rows) * stride;
    const next = zt + <usize>rows * stride + toHidden;
    // The state before the first step is zero.
    const width = t == 0 ? columns - hidden : columns;
    for (let u = 0; u < units; u++) {
      const wu = w + <usize>(u * columns) * PANEL;
      const gu = g + <usize>u * gStride + <usize>(t * rows) * PANEL;
      const before = c + <usize>t * stepState + <usize>u * 16;
      let b = 0;
      for (; TALL && b + 6 <= rows; b += 6) {
        const row = zt + <usize>b * stride;
        forwardSums6(row, stride, wu, width, sums);
        forwardSums6(row, stride, wu + 32, width, sums + 32);
        for (let r = 0; r < 6; r++) {
          const p = sums + <usize>r * PANEL;
          const s = before + <usize>(b + r) * state;
          const h = next + <usize>(b + r) * stride + <usize>u * 16;
          activate(cell, v128.load(p), v128.load(p, 16), v128.load(p, 32), v128.load(p, 48), gu + <usize>(b + r) * PANEL, s, s + stepState, h);
        }
      }
      for (; b + 2 <= rows; b += 2) {
        const s = before + <usize>b * state;
        const row = <usize>b * stride;
        forward2(cell, zt + row, stride, wu, width, gu + <usize>b * PANEL, s, s + stepState, state, next + row + <usize>u * 16);
      }
      if (b < rows) {
        const s = before + <usize>b * state;
        const row = <usize>b * stride;
        forward1(cell, zt + row, wu, width, gu + <usize>b * PANEL, s, s + stepState, next + row + <usize>u * 16);
      }
    }
  }
}

/**
 * Turns four units' activated gates into gate slopes, in place. `dh` is the whole slope of the hidden value; `carry` is the slope of
 * the cell (LSTM) or the part of the hidden slope that passes by the gates (GRU), read and replaced.
 */
@inline function slopes(cell: i32, dh: v128, g: usize, before: usize, after: usize, carry: usize): void {
  const one = splat(1);
  const g0 = v128.load(g), g1 = v128.load(g, 16), g2 = v128.load(g, 32), g3 = v128.load(g, 48);
  if (cell == GRU) {
    const d = f32x4.add(dh, v128.load(carry));
    const dn = f32x4.mul(f32x4.mul(d, f32x4.sub(one, g1)), f32x4.sub(one, f32x4.mul(g2, g2)));
    v128.store(carry, f32x4.mul(d, g1));
    v128.store(g, f32x4.mul(f32x4.mul(dn, g3), f32x4.mul(g0, f32x4.sub(one, g0))));
    v128.store(g, f32x4.mul(f32x4.mul(d, f32x4.sub(v128.load(before), g2)), f32x4.mul(g1, f32x4.sub(one, g1))), 16);
    v128.store(g, dn, 32);
    v128.store(g, f32x4.mul(dn, g0), 48);
    return;
  }
  const squashed = tanh(v128.load(after));
  const d = madd(f32x4.mul(dh, g3), f32x4.sub(one, f32x4.mul(squashed, squashed)), v128.load(carry));
  v128.store(carry, f32x4.mul(d, g1));
  v128.store(g, f32x4.mul(f32x4.mul(d, g2), f32x4.mul(g0, f32x4.sub(one, g0))));
  v128.store(g, f32x4.mul(f32x4.mul(d, v128.load(before)), f32x4.mul(g1, f32x4.sub(one, g1))), 16);
  v128.store(g, f32x4.mul(f32x4.mul(d, g0), f32x4.sub(one, f32x4.mul(g2, g2))), 32);
  v128.store(g, f32x4.mul(f32x4.mul(dh, squashed), f32x4.mul(g3, f32x4.sub(one, g3))), 48);
}

/** Gate slopes (4 rows) times transposed weights, for eight columns. `out` receives rows of two vectors. */
function product4(g: usize, gStride: usize, units: i32, wt: usize, out: usize): void {
  let a0 = splat(0), a1 = splat(0), b0 = splat(0), b1 = splat(0);
  let c0 = splat(0), c1 = splat(0), d0 = splat(0), d1 = splat(0);
  for (let u = 0; u < units; u++) {
    let p = g + <usize>u * gStride;
    const end = p + PANEL;
    for (; p < end; p += 4) {
      const w0 = v128.load(wt);
      const w1 = v128.load(wt, 16);
      let x = v128.load32_splat(p);
      a0 = madd(x, w0, a0);
      a1 = madd(x, w1, a1);
      x = v128.load32_splat(p, 64);
      b0 = madd(x, w0, b0);
      b1 = madd(x, w1, b1);
      x = v128.load32_splat(p, 128);
      c0 = madd(x, w0, c0);
      c1 = madd(x, w1, c1);
      x = v128.load32_splat(p, 192);
      d0 = madd(x, w0, d0);
      d1 = madd(x, w1, d1);
      wt += PAIR;
    }
  }
  v128.store(out, a0);
  v128.store(out, a1, 16);
  v128.store(out, b0, 32);
  v128.store(out, b1, 48);
  v128.store(out, c0, 64);
  v128.store(out, c1, 80);
  v128.store(out, d0, 96);
  v128.store(out, d1, 112);
}

/** The same for six rows: twelve sums hide the latency of the multiply-adds, and fit V8's registers with one operand at a time. */
function product6(g: usize, gStride: usize, units: i32, wt: usize, out: usize): void {
  let a0 = splat(0), a1 = splat(0), b0 = splat(0), b1 = splat(0), c0 = splat(0), c1 = splat(0);
  let d0 = splat(0), d1 = splat(0), e0 = splat(0), e1 = splat(0), f0 = splat(0), f1 = splat(0);
  for (let u = 0; u < units; u++) {
    let p = g + <usize>u * gStride;
    const end = p + PANEL;
    for (; p < end; p += 4) {
      const w0 = v128.load(wt);
      const w1 = v128.load(wt, 16);
      let x = v128.load32_splat(p);
      a0 = madd(x, w0, a0);
      a1 = madd(x, w1, a1);
      x = v128.load32_splat(p, 64);
      b0 = madd(x, w0, b0);
      b1 = madd(x, w1, b1);
      x = v128.load32_splat(p, 128);
      c0 = madd(x, w0, c0);
      c1 = madd(x, w1, c1);
      x = v128.load32_splat(p, 192);
      d0 = madd(x, w0, d0);
      d1 = madd(x, w1, d1);
      x = v128.load32_splat(p, 256);
      e0 = madd(x, w0, e0);
      e1 = madd(x, w1, e1);
      x = v128.load32_splat(p, 320);
      f0 = madd(x, w0, f0);
      f1 = madd(x, w1, f1);
      wt += PAIR;
    }
  }
  v128.store(out, a0);
  v128.store(out, a1, 16);
  v128.store(out, b0, 32);
  v128.store(out, b1, 48);
  v128.store(out, c0, 64);
  v128.store(out, c1, 80);
  v128.store(out, d0, 96);
  v128.store(out, d1, 112);
  v128.store(out, e0, 128);
  v128.store(out, e1, 144);
  v128.store(out, f0, 160);
  v128.store(out, f1, 176);
}

function product1(g: usize, gStride: usize, units: i32, wt: usize, out: usize): void {
  let a0 = splat(0), a1 = splat(0);
  for (let u = 0; u < units; u++) {
    let p = g + <usize>u * gStride;
    const end = p + PANEL;
    for (; p < end; p += 4) {
      const x = v128.load32_splat(p);
      a0 = madd(x, v128.load(wt), a0);
      a1 = madd(x, v128.load(wt, 16), a1);
      wt += PAIR;
    }
  }
  v128.store(out, a0);
  v128.store(out, a1, 16);
}

/** Adds zᵀ·g over `rows` rows to two rows of a panel of the weight gradient. */
function gradient2(z: usize, stride: usize, g: usize, rows: i32, w: usize): void {
  let a0 = v128.load(w), a1 = v128.load(w, 16), a2 = v128.load(w, 32), a3 = v128.load(w, 48);
  let b0 = v128.load(w, 64), b1 = v128.load(w, 80), b2 = v128.load(w, 96), b3 = v128.load(w, 112);
  for (let k = rows; k > 0; k--) {
    const x0 = v128.load32_splat(z);
    const x1 = v128.load32_splat(z, 4);
    let v = v128.load(g);
    a0 = madd(x0, v, a0);
    b0 = madd(x1, v, b0);
    v = v128.load(g, 16);
    a1 = madd(x0, v, a1);
    b1 = madd(x1, v, b1);
    v = v128.load(g, 32);
    a2 = madd(x0, v, a2);
    b2 = madd(x1, v, b2);
    v = v128.load(g, 48);
    a3 = madd(x0, v, a3);
    b3 = madd(x1, v, b3);
    z += stride;
    g += PANEL;
  }
  v128.store(w, a0);
  v128.store(w, a1, 16);
  v128.store(w, a2, 32);
  v128.store(w, a3, 48);
  v128.store(w, b0, 64);
  v128.store(w, b1, 80);
  v128.store(w, b2, 96);
  v128.store(w, b3, 112);
}

/** Two of the four gates for six rows of a panel: twelve sums, as in {@link product6}. */
function gradient6(z: usize, stride: usize, g: usize, rows: i32, w: usize): void {
  let a0 = v128.load(w), a1 = v128.load(w, 16);
  let b0 = v128.load(w, 64), b1 = v128.load(w, 80);
  let c0 = v128.load(w, 128), c1 = v128.load(w, 144);
  let d0 = v128.load(w, 192), d1 = v128.load(w, 208);
  let e0 = v128.load(w, 256), e1 = v128.load(w, 272);
  let f0 = v128.load(w, 320), f1 = v128.load(w, 336);
  for (let k = rows; k > 0; k--) {
    const g0 = v128.load(g);
    const g1 = v128.load(g, 16);
    let x = v128.load32_splat(z);
    a0 = madd(x, g0, a0);
    a1 = madd(x, g1, a1);
    x = v128.load32_splat(z, 4);
    b0 = madd(x, g0, b0);
    b1 = madd(x, g1, b1);
    x = v128.load32_splat(z, 8);
    c0 = madd(x, g0, c0);
    c1 = madd(x, g1, c1);
    x = v128.load32_splat(z, 12);
    d0 = madd(x, g0, d0);
    d1 = madd(x, g1, d1);
    x = v128.load32_splat(z, 16);
    e0 = madd(x, g0, e0);
    e1 = madd(x, g1, e1);
    x = v128.load32_splat(z, 20);
    f0 = madd(x, g0, f0);
    f1 = madd(x, g1, f1);
    z += stride;
    g += PANEL;
  }
  v128.store(w, a0);
  v128.store(w, a1, 16);
  v128.store(w, b0, 64);
  v128.store(w, b1, 80);
  v128.store(w, c0, 128);
  v128.store(w, c1, 144);
  v128.store(w, d0, 192);
  v128.store(w, d1, 208);
  v128.store(w, e0, 256);
  v128.store(w, e1, 272);
  v128.store(w, f0, 320);
  v128.store(w, f1, 336);
}

function gradient1(z: usize, stride: usize, g: usize, rows: i32, w: usize): void {
  let a0 = v128.load(w), a1 = v128.load(w, 16), a2 = v128.load(w, 32), a3 = v128.load(w, 48);
  for (let k = rows; k > 0; k--) {
    const x = v128.load32_splat(z);
    a0 = madd(x, v128.load(g), a0);
    a1 = madd(x, v128.load(g, 16), a1);
    a2 = madd(x, v128.load(g, 32), a2);
    a3 = madd(x, v128.load(g, 48), a3);
    z += stride;
    g += PANEL;
  }
  v128.store(w, a0);
  v128.store(w, a1, 16);
  v128.store(w, a2, 32);
  v128.store(w, a3, 48);
}

/** Weight gradient of steps [from, to). */
function gradientOfSteps(q: usize, from: i32, to: i32): void {
  const rows = count(q, 0), columns = count(q, 3), units = count(q, 4) >> 2;
  const stride = field(q, 5) * 4, z = field(q, 6), g = field(q, 7), gStride = field(q, 8), gw = field(q, 15);
  const end = to * rows;
  for (let u = 0; u < units; u++) {
    const gu = g + <usize>u * gStride;
    const wu = gw + <usize>(u * columns) * PANEL;
    for (let row = from * rows; row < end; row += HOT_ROWS) {
      const block = min(end - row, HOT_ROWS);
      const zb = z + <usize>row * stride;
      const gb = gu + <usize>row * PANEL;
      let k = 0;
      for (; TALL && k + 6 <= columns; k += 6) {
        gradient6(zb + <usize>k * 4, stride, gb, block, wu + <usize>k * PANEL);
        gradient6(zb + <usize>k * 4, stride, gb + 32, block, wu + <usize>k * PANEL + 32);
      }
      for (; k + 2 <= columns; k += 2) gradient2(zb + <usize>k * 4, stride, gb, block, wu + <usize>k * PANEL);
      if (k < columns) gradient1(zb + <usize>k * 4, stride, gb, block, wu + <usize>k * PANEL);
    }
  }
}

/** Backward through time of one layer: gate slopes in place of the gates, weight gradient, slopes of the layer below. */
export function backward(q: usize): void {
  const rows = count(q, 0), steps = count(q, 1), columns = count(q, 3), hidden = count(q, 4);
  const g = field(q, 7), gStride = field(q, 8), c = field(q, 9), carry = field(q, 10);
  const dh = field(q, 11), dhEvery = count(q, 12), wt = field(q, 14), cell = count(q, 16), dx = field(q, 25);
  const sums = field(q, 27);
  const units = hidden >> 2;
  const state = <usize>hidden * 4;
  const stepState = <usize>rows * state;
  const hot = max(1, HOT_ROWS / rows);
  memory.fill(carry, 0, stepState);
  memory.fill(field(q, 15), 0, <usize>(units * columns) * PANEL);
  let done = steps;
  for (let t = steps - 1; t >= 0; t--) {
    // Nothing comes back from beyond the last step.
    const later = t == steps - 1 ? 0 : units;
    const slope = dhEvery ? dh + <usize>t * stepState : t == steps - 1 ? dh : 0;
    for (let u = 0; u < hidden; u += 8) {
      const w = wt + <usize>u * state * 4;
      for (let b = 0; b < rows; ) {
        const next = g + <usize>((t + 1) * rows + b) * PANEL;
        let tile = 6;
        if (TALL && b + 6 <= rows) product6(next, gStride, later, w, sums);
        else if (b + 4 <= rows) {
          product4(next, gStride, later, w, sums);
          tile = 4;
        } else {
          product1(next, gStride, later, w, sums);
          tile = 1;
        }
        for (let r = 0; r < tile; r++) {
          const at = <usize>(b + r) * state + <usize>u * 4;
          const after = c + <usize>(t + 1) * stepState + at;
          const gates = g + <usize>(u >> 2) * gStride + <usize>(t * rows + b + r) * PANEL;
          let d0 = v128.load(sums + <usize>r * PAIR);
          let d1 = v128.load(sums + <usize>r * PAIR, 16);
          if (slope) {
            d0 = f32x4.add(d0, v128.load(slope + at));
            d1 = f32x4.add(d1, v128.load(slope + at, 16));
          }
          slopes(cell, d0, gates, after - stepState, after, carry + at);
          slopes(cell, d1, gates + gStride, after - stepState + 16, after + 16, carry + at + 16);
        }
        b += tile;
      }
    }
    if (done - t == hot || t == 0) {
      gradientOfSteps(q, t, done);
      done = t;
    }
  }
  if (cell == GRU) clearUnused(q);
  if (dx) slopesOfInputs(q);
}

/** GRU: the new gate's input part has no weights from the state, nor its state part from the inputs. */
function clearUnused(q: usize): void {
  const columns = count(q, 3), hidden = count(q, 4), gw = field(q, 15), stateFrom = count(q, 26);
  for (let u = 0; u < hidden >> 2; u++) {
    for (let k = 0; k < columns; k++) {
      v128.store(gw + <usize>(u * columns + k) * PANEL + (k < stateFrom ? 48 : 32), splat(0));
    }
  }
}

/** Slopes of this layer's inputs, under the dropout they had: the `dh` of the layer below. */
function slopesOfInputs(q: usize): void {
  const rows = count(q, 0), steps = count(q, 1), inputs = count(q, 2), hidden = count(q, 4);
  const g = field(q, 7), gStride = field(q, 8), dx = field(q, 25), sums = field(q, 27);
  const seed = <u32>field(q, 19), threshold = <u32>field(q, 20), keep = load<f32>(q + 84);
  const example = <u32>field(q, 22), exampleStride = <u32>field(q, 23), logical = <u32>field(q, 24);
  const units = hidden >> 2;
  const all = steps * rows;
  const wt = field(q, 14) + <usize>(hidden * hidden) * 16;
  for (let i = 0; i < inputs; i += 8) {
    const w = wt + <usize>(i * hidden) * 16;
    for (let row = 0; row < all; ) {
      let tile = 6;
      if (TALL && row + 6 <= all) product6(g + <usize>row * PANEL, gStride, units, w, sums);
      else if (row + 4 <= all) {
        product4(g + <usize>row * PANEL, gStride, units, w, sums);
        tile = 4;
      } else {
        product1(g + <usize>row * PANEL, gStride, units, w, sums);
        tile = 1;
      }
      for (let r = 0; r < tile; r++) {
        const to = dx + <usize>((row + r) * inputs + i) * 4;
        const from = sums + <usize>r * PAIR;
        if (threshold == 0) {
          v128.store(to, v128.load(from));
          v128.store(to, v128.load(from, 16), 16);
          continue;
        }
        const b = <u32>((row + r) % rows), t = <u32>((row + r) / rows);
        const index = example + b * exampleStride + t * logical + <u32>i;
        for (let k = 0; k < 8; k++) {
          const at = <usize>k * 4;
          store<f32>(to + at, load<f32>(from + at) * mask(seed, index + <u32>k, threshold, keep));
        }
      }
      row += tile;
    }
  }
}

/** Transposes the weights for {@link backward}: state columns first, then (upper layers) input columns, eight at a time. */
export function transpose(q: usize): void {
  const inputs = count(q, 2), columns = count(q, 3), hidden = count(q, 4), w = field(q, 13);
  const units = hidden >> 2;
  let to = field(q, 14);
  const wide = field(q, 25) ? hidden + inputs : hidden;
  for (let j = 0; j < wide; j += 8) {
    const first = j < hidden ? columns - hidden + j : j - hidden;
    for (let u = 0; u < units; u++) {
      for (let k: usize = 0; k < PANEL; k += 4) {
        let from = w + <usize>(u * columns + first) * PANEL + k;
        for (let i: usize = 0; i < PAIR; i += 4) {
          store<f32>(to + i, load<f32>(from));
          from += PANEL;
        }
        to += PAIR;
      }
    }
  }
}

/** Dense head: rows of hidden values to outputs. */
export function headForward(h: usize, stride: usize, rows: i32, hidden: i32, w: usize, bias: usize, outputs: i32, out: usize): void {
  const bytes = <usize>hidden * 4;
  for (let row = 0; row < rows; row++) {
    for (let o = 0; o < outputs; o++) {
      const wo = w + <usize>o * bytes;
      let sum = splat(0);
      for (let k: usize = 0; k < bytes; k += 16) sum = madd(v128.load(h + k), v128.load(wo + k), sum);
      store<f32>(out, total(sum) + load<f32>(bias + <usize>o * 4));
      out += 4;
    }
    h += stride;
  }
}

/** Slopes of outputs to slopes of hidden values (`dh`) and of the head's weights, which are replaced. */
export function headBackward(
  h: usize, stride: usize, rows: i32, hidden: i32, w: usize, outputs: i32, slope: usize, dh: usize, gw: usize, gBias: usize,
): void {
  const bytes = <usize>hidden * 4;
  memory.fill(gw, 0, <usize>outputs * bytes);
  memory.fill(gBias, 0, <usize>outputs * 4);
  for (let row = 0; row < rows; row++) {
    for (let o = 0; o < outputs; o++) {
      const d = load<f32>(slope);
      const v = splat(d);
      const wo = w + <usize>o * bytes;
      const go = gw + <usize>o * bytes;
      for (let k: usize = 0; k < bytes; k += 16) {
        v128.store(go + k, madd(v, v128.load(h + k), v128.load(go + k)));
        const before = o == 0 ? splat(0) : v128.load(dh + k);
        v128.store(dh + k, madd(v, v128.load(wo + k), before));
      }
      const at = gBias + <usize>o * 4;
      store<f32>(at, load<f32>(at) + d);
      slope += 4;
    }
    h += stride;
    dh += bytes;
  }
}

@inline function total(v: v128): f32 {
  return (
    f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3))
  );
}

/** a += b; `length` is a multiple of four. */
export function add(a: usize, b: usize, length: i32): void {
  const end = a + <usize>length * 4;
  for (; a < end; a += 16, b += 16) v128.store(a, f32x4.add(v128.load(a), v128.load(b)));
}

/** Σ a². */
export function squaredNorm(a: usize, length: i32): f64 {
  let even = f64x2.splat(0);
  let odd = f64x2.splat(0);
  const end = a + <usize>length * 4;
  for (; a < end; a += 16) {
    const v = v128.load(a);
    const low = f64x2.promote_low_f32x4(v);
    const high = f64x2.promote_low_f32x4(v128.shuffle<i64>(v, v, 1, 1));
    even = f64x2.add(even, f64x2.mul(low, low));
    odd = f64x2.add(odd, f64x2.mul(high, high));
  }
  const sum = f64x2.add(even, odd);
  return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
}

/**
 * ../optimizers.ts `adam`: `rate` and `rootFactor` hold the bias corrections, `rest` is 1 − beta, the gradient is taken
 * `factor` times, `decay` is added to it (Adam) and `shrink` multiplies the weights (AdamW).
 */
export function adam(
  w: usize, m: usize, v: usize, g: usize, length: i32,
  factor: f32, rate: f32, beta1: f32, rest1: f32, beta2: f32, rest2: f32,
  rootFactor: f32, epsilon: f32, decay: f32, shrink: f32,
): void {
  const end = <usize>length * 4;
  const f = splat(factor), a = splat(rate), root = splat(rootFactor), eps = splat(epsilon), l2 = splat(decay);
  const b1 = splat(beta1), c1 = splat(rest1), b2 = splat(beta2), c2 = splat(rest2), s = splat(shrink);
  for (let i: usize = 0; i < end; i += 16) {
    const weight = v128.load(w + i);
    const gradient = madd(l2, weight, f32x4.mul(f, v128.load(g + i)));
    const first = madd(b1, v128.load(m + i), f32x4.mul(c1, gradient));
    const second = madd(b2, v128.load(v + i), f32x4.mul(f32x4.mul(c2, gradient), gradient));
    v128.store(m + i, first);
    v128.store(v + i, second);
    const step = f32x4.div(f32x4.mul(a, first), madd(f32x4.sqrt(second), root, eps));
    v128.store(w + i, f32x4.sub(f32x4.mul(weight, s), step));
  }
}
