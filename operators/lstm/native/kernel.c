/*
 * The packed kernels in C with vector extensions. Compiled with -DLANES=16, 8 or 4 and -DKERNELS=<name of the table>.
 * Layouts: ../packed/layout.ts; descriptor words: ../packed/descriptor.ts. Tiles keep their sums in registers from the first column
 * to the last, and the gates are applied to the sums before anything is stored. One file on purpose: a tile is only as fast as the
 * loop it is inlined into, and both are compiled once per instruction set.
 */
#include "kernels.h"

#include <math.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#else
#include <arm_neon.h>
#endif

#if LANES == 8
/* 16 registers: 3 x 4 sums, weights read by the multiply-adds from memory. */
#define FORWARD_ROWS 3
#define BACKWARD_ROWS 6
#else
/* 32 registers: 6 x 4 or 12 x 2 sums, the rest for operands. */
#define FORWARD_ROWS 6
#define BACKWARD_ROWS 12
#endif

/* A panel's row: four gates of LANES units. */
#define PANEL (4 * LANES)
/* Columns of one backward tile. */
#define PAIR (2 * LANES)
/* Rows whose weight gradient is summed while their activations are in the cache, and per block of the sum. */
#define HOT_ROWS 256
#define BLOCK_ROWS 128

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

typedef float vec __attribute__((vector_size(LANES * 4)));
/* The same in memory, where rows need not be aligned. */
typedef float loose_vec __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

enum {
  ROWS, STEPS, INPUTS, COLUMNS, HIDDEN, STRIDE, Z, G, G_STRIDE, C, CARRY, DH, DH_EVERY, WEIGHTS, TRANSPOSED, GRADIENT,
  CELL, BELOW, BELOW_STRIDE, SEED, THRESHOLD, KEEP, EXAMPLE, EXAMPLE_STRIDE, LOGICAL_HIDDEN, DX, STATE_FROM, SCRATCH,
};

#define GRU 1

INLINE vec load(const float *p) { return *(const loose_vec *)p; }
INLINE void store(float *p, vec v) { *(loose_vec *)p = v; }
INLINE vec splat(float x) { return x - (vec){0}; }

/* NaN in the second operand passes through both. */
#if LANES == 16
INLINE vec smaller(vec a, vec b) { return (vec)_mm512_min_ps((__m512)a, (__m512)b); }
INLINE vec larger(vec a, vec b) { return (vec)_mm512_max_ps((__m512)a, (__m512)b); }
#elif LANES == 8
INLINE vec smaller(vec a, vec b) { return (vec)_mm256_min_ps((__m256)a, (__m256)b); }
INLINE vec larger(vec a, vec b) { return (vec)_mm256_max_ps((__m256)a, (__m256)b); }
#else
INLINE vec smaller(vec a, vec b) { return (vec)vminq_f32((float32x4_t)a, (float32x4_t)b); }
INLINE vec larger(vec a, vec b) { return (vec)vmaxq_f32((float32x4_t)a, (float32x4_t)b); }
#endif

/* Rational minimax approximation of degree 13/6 on +-7.9 (the coefficients are those of Eigen's `ptanh_float`). */
INLINE vec vtanh(vec value) {
  const vec limit = splat(7.90531110763549805f);
  const vec x = larger(-limit, smaller(limit, value));
  const vec s = x * x;
  vec p = s * -2.76076847742355e-16f + 2.00018790482477e-13f;
  p = p * s + -8.60467152213735e-11f;
  p = p * s + 5.12229709037114e-8f;
  p = p * s + 1.48572235717979e-5f;
  p = p * s + 6.37261928875436e-4f;
  p = p * s + 4.89352455891786e-3f;
  vec q = s * 1.19825839466702e-6f + 1.18534705686654e-4f;
  q = q * s + 2.268434632439e-3f;
  q = q * s + 4.89352518554385e-3f;
  return p * x / q;
}

INLINE vec vsigmoid(vec x) { return vtanh(x * 0.5f) * 0.5f + 0.5f; }

/* ../random.ts `dropped`: 0, or `keep` for the activation with this index. */
INLINE float mask(uint32_t seed, uint32_t index, uint32_t threshold, float keep) {
  uint32_t h = seed ^ (index * 0x9e3779b1u);
  h = (h ^ (h >> 16)) * 0x85ebca6bu;
  h = (h ^ (h >> 13)) * 0xc2b2ae35u;
  return (h ^ (h >> 16)) < threshold ? 0.0f : keep;
}

static __attribute__((noinline)) void activate_gru(vec p0, vec p1, vec p2, vec p3, float *g, const float *before,
                                                   float *after, float *h) {
  const vec r = vsigmoid(p0), z = vsigmoid(p1), n = vtanh(p2 + r * p3);
  const vec next = n + z * (load(before) - n);
  store(after, next);
  store(h, next);
  store(g, r);
  store(g + LANES, z);
  store(g + 2 * LANES, n);
  store(g + 3 * LANES, p3);
}

INLINE void activate_lstm(vec p0, vec p1, vec p2, vec p3, float *g, const float *before, float *after, float *h) {
  const vec i = vsigmoid(p0), f = vsigmoid(p1), n = vtanh(p2), o = vsigmoid(p3);
  const vec c = f * load(before) + i * n;
  store(after, c);
  store(h, o * vtanh(c));
  store(g, i);
  store(g + LANES, f);
  store(g + 2 * LANES, n);
  store(g + 3 * LANES, o);
}

INLINE void forward_tile(const int rows, int cell, const float *restrict z, int64_t stride, const float *restrict w,
                         int columns, float *restrict g, const float *before, float *after, int hidden, float *h) {
  vec sums[FORWARD_ROWS][4];
  UNROLL for (int r = 0; r < rows; r++) UNROLL for (int j = 0; j < 4; j++) sums[r][j] = (vec){0};
  for (int k = 0; k < columns; k++, w += PANEL) {
    vec weights[4];
    UNROLL for (int j = 0; j < 4; j++) weights[j] = load(w + j * LANES);
    UNROLL for (int r = 0; r < rows; r++) {
      const vec x = splat(z[r * stride + k]);
      UNROLL for (int j = 0; j < 4; j++) sums[r][j] += x * weights[j];
    }
  }
  UNROLL for (int r = 0; r < rows; r++) {
    const int64_t s = (int64_t)r * hidden;
    if (cell == GRU) {
      activate_gru(sums[r][0], sums[r][1], sums[r][2], sums[r][3], g + r * PANEL, before + s, after + s, h + r * stride);
    } else {
      activate_lstm(sums[r][0], sums[r][1], sums[r][2], sums[r][3], g + r * PANEL, before + s, after + s, h + r * stride);
    }
  }
}

/* Calls F with a constant number of rows, so that its sums become registers. */
#define ROWS_3(F, n, ...) \
  case 1: F(1, __VA_ARGS__); break; \
  case 2: F(2, __VA_ARGS__); break; \
  case 3: F(3, __VA_ARGS__); break;
#define ROWS_6(F, n, ...) \
  ROWS_3(F, n, __VA_ARGS__) \
  case 4: F(4, __VA_ARGS__); break; \
  case 5: F(5, __VA_ARGS__); break; \
  case 6: F(6, __VA_ARGS__); break;
#define ROWS_12(F, n, ...) \
  ROWS_6(F, n, __VA_ARGS__) \
  case 7: F(7, __VA_ARGS__); break; \
  case 8: F(8, __VA_ARGS__); break; \
  case 9: F(9, __VA_ARGS__); break; \
  case 10: F(10, __VA_ARGS__); break; \
  case 11: F(11, __VA_ARGS__); break; \
  case 12: F(12, __VA_ARGS__); break;
#if LANES == 8
#define WITH_FORWARD_ROWS(F, n, ...) switch (n) { ROWS_3(F, n, __VA_ARGS__) }
#define WITH_BACKWARD_ROWS(F, n, ...) switch (n) { ROWS_6(F, n, __VA_ARGS__) }
#else
#define WITH_FORWARD_ROWS(F, n, ...) switch (n) { ROWS_6(F, n, __VA_ARGS__) }
#define WITH_BACKWARD_ROWS(F, n, ...) switch (n) { ROWS_12(F, n, __VA_ARGS__) }
#endif

INLINE int least(int a, int b) { return a < b ? a : b; }

/* The layer below's hidden values become this layer's inputs, under dropout. */
static void read_below(char *base, const uint32_t *q) {
  const int rows = q[ROWS], steps = q[STEPS], inputs = q[INPUTS];
  const float *from = (const float *)(base + q[BELOW]);
  float *to = (float *)(base + q[Z]), keep;
  memcpy(&keep, &q[KEEP], 4);
  for (int t = 0; t < steps; t++) {
    for (int b = 0; b < rows; b++, from += q[BELOW_STRIDE], to += q[STRIDE]) {
      if (q[THRESHOLD] == 0) {
        memcpy(to, from, (size_t)inputs * 4);
        continue;
      }
      const uint32_t index = q[EXAMPLE] + b * q[EXAMPLE_STRIDE] + t * q[LOGICAL_HIDDEN];
      for (int i = 0; i < inputs; i++) to[i] = from[i] * mask(q[SEED], index + i, q[THRESHOLD], keep);
    }
  }
}

static void forward(char *base, uint32_t descriptor) {
  const uint32_t *q = (const uint32_t *)(base + descriptor);
  const int rows = q[ROWS], steps = q[STEPS], columns = q[COLUMNS], hidden = q[HIDDEN], cell = q[CELL];
  const int64_t stride = q[STRIDE], state = (int64_t)rows * hidden, group = q[G_STRIDE] / 4;
  float *z = (float *)(base + q[Z]), *g = (float *)(base + q[G]), *c = (float *)(base + q[C]);
  const float *w = (const float *)(base + q[WEIGHTS]);
  const int to_hidden = columns - hidden;
  if (q[BELOW]) read_below(base, q);
  memset(c, 0, state * 4);
  for (int b = 0; b < rows; b++) memset(z + b * stride + to_hidden, 0, (size_t)hidden * 4);
  for (int t = 0; t < steps; t++) {
    const float *zt = z + (int64_t)t * rows * stride;
    float *next = z + (int64_t)(t + 1) * rows * stride + to_hidden;
    /* The state before the first step is zero. */
    const int width = t == 0 ? to_hidden : columns;
    for (int u = 0; u < hidden / LANES; u++) {
      const float *wu = w + (int64_t)u * columns * PANEL;
      float *gu = g + u * group + (int64_t)t * rows * PANEL;
      const float *before = c + t * state + u * LANES;
      float *after = c + (t + 1) * state + u * LANES;
      for (int b = 0; b < rows; b += FORWARD_ROWS) {
        const int tile = least(rows - b, FORWARD_ROWS);
        const int64_t row = b * stride, s = (int64_t)b * hidden;
        WITH_FORWARD_ROWS(forward_tile, tile, cell, zt + row, stride, wu, width, gu + b * PANEL, before + s, after + s,
                          hidden, next + row + u * LANES)
      }
    }
  }
}

/* Gate slopes (rows of panels, one group after the other) times transposed weights, for two vectors of columns. */
INLINE void product(const int rows, vec sums[][2], const float *restrict g, int64_t group, int units,
                    const float *restrict wt) {
  UNROLL for (int r = 0; r < rows; r++) sums[r][0] = sums[r][1] = (vec){0};
  for (int u = 0; u < units; u++) {
    const float *a = g + u * group;
    for (int k = 0; k < PANEL; k++, wt += PAIR) {
      const vec w0 = load(wt), w1 = load(wt + LANES);
      UNROLL for (int r = 0; r < rows; r++) {
        const vec x = splat(a[r * PANEL + k]);
        sums[r][0] += x * w0;
        sums[r][1] += x * w1;
      }
    }
  }
}

static __attribute__((noinline)) void slopes_gru(vec dh, float *g, const float *before, float *carry) {
  const vec r = load(g), z = load(g + LANES), n = load(g + 2 * LANES), s = load(g + 3 * LANES);
  const vec d = dh + load(carry);
  const vec dn = d * (1.0f - z) * (1.0f - n * n);
  store(carry, d * z);
  store(g, dn * s * r * (1.0f - r));
  store(g + LANES, d * (load(before) - n) * z * (1.0f - z));
  store(g + 2 * LANES, dn);
  store(g + 3 * LANES, dn * r);
}

INLINE void slopes_lstm(vec dh, float *g, const float *before, const float *after, float *carry) {
  const vec i = load(g), f = load(g + LANES), n = load(g + 2 * LANES), o = load(g + 3 * LANES);
  const vec squashed = vtanh(load(after));
  const vec d = dh * o * (1.0f - squashed * squashed) + load(carry);
  store(carry, d * f);
  store(g, d * n * i * (1.0f - i));
  store(g + LANES, d * load(before) * f * (1.0f - f));
  store(g + 2 * LANES, d * i * (1.0f - n * n));
  store(g + 3 * LANES, dh * squashed * o * (1.0f - o));
}

INLINE void backward_tile(const int rows, int cell, const float *next, int64_t group, int units, const float *wt,
                          const float *slope, float *gates, const float *before, const float *after, float *carry,
                          int hidden) {
  vec sums[BACKWARD_ROWS][2];
  product(rows, sums, next, group, units, wt);
  UNROLL for (int r = 0; r < rows; r++) UNROLL for (int j = 0; j < 2; j++) {
    const int64_t at = (int64_t)r * hidden + j * LANES;
    const vec dh = slope ? sums[r][j] + load(slope + at) : sums[r][j];
    float *g = gates + j * group + r * PANEL;
    if (cell == GRU) slopes_gru(dh, g, before + at, carry + at);
    else slopes_lstm(dh, g, before + at, after + at, carry + at);
  }
}

INLINE void input_tile(const int rows, const float *g, int64_t group, int units, const float *wt, float *out,
                       int inputs) {
  vec sums[BACKWARD_ROWS][2];
  product(rows, sums, g, group, units, wt);
  UNROLL for (int r = 0; r < rows; r++) UNROLL for (int j = 0; j < 2; j++) store(out + (int64_t)r * inputs + j * LANES, sums[r][j]);
}

/* Adds transposed z times g over `count` rows to some rows of a panel of the weight gradient. */
INLINE void gradient_tile(const int rows, const float *restrict z, int64_t stride, const float *restrict g, int count,
                          float *restrict w) {
  vec sums[FORWARD_ROWS][4];
  UNROLL for (int r = 0; r < rows; r++) UNROLL for (int j = 0; j < 4; j++) sums[r][j] = load(w + r * PANEL + j * LANES);
  for (int k = 0; k < count; k++, g += PANEL, z += stride) {
    vec slopes[4];
    UNROLL for (int j = 0; j < 4; j++) slopes[j] = load(g + j * LANES);
    UNROLL for (int r = 0; r < rows; r++) {
      const vec x = splat(z[r]);
      UNROLL for (int j = 0; j < 4; j++) sums[r][j] += x * slopes[j];
    }
  }
  UNROLL for (int r = 0; r < rows; r++) UNROLL for (int j = 0; j < 4; j++) store(w + r * PANEL + j * LANES, sums[r][j]);
}

/* Weight gradient of steps [from, to). */
static void gradient_of_steps(char *base, const uint32_t *q, int from, int to) {
  const int rows = q[ROWS], columns = q[COLUMNS];
  const int64_t stride = q[STRIDE];
  const float *z = (const float *)(base + q[Z]), *g = (const float *)(base + q[G]);
  float *gw = (float *)(base + q[GRADIENT]);
  const int end = to * rows;
  for (int u = 0; u < (int)q[HIDDEN] / LANES; u++) {
    const float *gu = g + (int64_t)u * (q[G_STRIDE] / 4);
    float *wu = gw + (int64_t)u * columns * PANEL;
    for (int row = from * rows; row < end; row += BLOCK_ROWS) {
      const int count = least(end - row, BLOCK_ROWS);
      for (int k = 0; k < columns; k += FORWARD_ROWS) {
        const int tile = least(columns - k, FORWARD_ROWS);
        WITH_FORWARD_ROWS(gradient_tile, tile, z + row * stride + k, stride, gu + (int64_t)row * PANEL, count, wu + k * PANEL)
      }
    }
  }
}

/* GRU: the new gate's input part has no weights from the state, nor its state part from the inputs. */
static void clear_unused(char *base, const uint32_t *q) {
  float *gw = (float *)(base + q[GRADIENT]);
  for (uint32_t u = 0; u < q[HIDDEN] / LANES; u++) {
    for (uint32_t k = 0; k < q[COLUMNS]; k++, gw += PANEL) memset(gw + (k < q[STATE_FROM] ? 3 : 2) * LANES, 0, LANES * 4);
  }
}

/* Slopes of this layer's inputs, under the dropout they had: the `dh` of the layer below. */
static void slopes_of_inputs(char *base, const uint32_t *q) {
  const int rows = q[ROWS], inputs = q[INPUTS], hidden = q[HIDDEN], all = q[STEPS] * rows;
  const int64_t group = q[G_STRIDE] / 4;
  const float *g = (const float *)(base + q[G]);
  const float *wt = (const float *)(base + q[TRANSPOSED]) + (int64_t)4 * hidden * hidden;
  float *dx = (float *)(base + q[DX]), keep;
  memcpy(&keep, &q[KEEP], 4);
  for (int i = 0; i < inputs; i += PAIR) {
    for (int row = 0; row < all; row += BACKWARD_ROWS) {
      const int tile = least(all - row, BACKWARD_ROWS);
      WITH_BACKWARD_ROWS(input_tile, tile, g + (int64_t)row * PANEL, group, hidden / LANES, wt + (int64_t)i * 4 * hidden,
                         dx + (int64_t)row * inputs + i, inputs)
    }
  }
  if (q[THRESHOLD] == 0) return;
  for (int row = 0; row < all; row++, dx += inputs) {
    const uint32_t index = q[EXAMPLE] + row % rows * q[EXAMPLE_STRIDE] + row / rows * q[LOGICAL_HIDDEN];
    for (int i = 0; i < inputs; i++) dx[i] *= mask(q[SEED], index + i, q[THRESHOLD], keep);
  }
}

/* Backward through time: gate slopes in place of the gates, weight gradient, slopes of the layer below. */
static void backward(char *base, uint32_t descriptor) {
  const uint32_t *q = (const uint32_t *)(base + descriptor);
  const int rows = q[ROWS], steps = q[STEPS], hidden = q[HIDDEN], cell = q[CELL];
  const int64_t state = (int64_t)rows * hidden, group = q[G_STRIDE] / 4;
  float *g = (float *)(base + q[G]), *carry = (float *)(base + q[CARRY]);
  const float *c = (const float *)(base + q[C]), *dh = (const float *)(base + q[DH]);
  const float *wt = (const float *)(base + q[TRANSPOSED]);
  const int hot = HOT_ROWS / rows > 1 ? HOT_ROWS / rows : 1;
  memset(carry, 0, state * 4);
  memset(base + q[GRADIENT], 0, (size_t)q[COLUMNS] * 4 * hidden * 4);
  int done = steps;
  for (int t = steps - 1; t >= 0; t--) {
    /* Nothing comes back from beyond the last step. */
    const int units = t == steps - 1 ? 0 : hidden / LANES;
    const float *slope = q[DH_EVERY] ? dh + t * state : t == steps - 1 ? dh : 0;
    for (int u = 0; u < hidden; u += PAIR) {
      for (int b = 0; b < rows; b += BACKWARD_ROWS) {
        const int tile = least(rows - b, BACKWARD_ROWS);
        const int64_t at = (int64_t)b * hidden + u;
        WITH_BACKWARD_ROWS(backward_tile, tile, cell, g + ((int64_t)(t + 1) * rows + b) * PANEL, group, units,
                           wt + (int64_t)u * 4 * hidden, slope ? slope + at : 0,
                           g + u / LANES * group + ((int64_t)t * rows + b) * PANEL, c + t * state + at,
                           c + (t + 1) * state + at, carry + at, hidden)
      }
    }
    if (done - t == hot || t == 0) {
      gradient_of_steps(base, q, t, done);
      done = t;
    }
  }
  if (cell == GRU) clear_unused(base, q);
  if (q[DX]) slopes_of_inputs(base, q);
}

/* Transposes the weights for `backward`: state columns first, then (upper layers) input columns, two vectors at a time. */
static void transpose(char *base, uint32_t descriptor) {
  const uint32_t *q = (const uint32_t *)(base + descriptor);
  const int columns = q[COLUMNS], hidden = q[HIDDEN], wide = hidden + (q[DX] ? (int)q[INPUTS] : 0);
  const float *w = (const float *)(base + q[WEIGHTS]);
  float *to = (float *)(base + q[TRANSPOSED]);
  for (int j = 0; j < wide; j += PAIR) {
    const int first = j < hidden ? columns - hidden + j : j - hidden;
    for (int u = 0; u < hidden / LANES; u++, to += PANEL * PAIR) {
      const float *from = w + ((int64_t)u * columns + first) * PANEL;
      for (int i = 0; i < PAIR; i++) {
        for (int k = 0; k < PANEL; k++) to[k * PAIR + i] = from[i * PANEL + k];
      }
    }
  }
}

INLINE float total(vec v) {
  float sum = 0;
  for (int i = 0; i < LANES; i++) sum += v[i];
  return sum;
}

static void head_forward(const float *h, int64_t stride, int rows, int hidden, const float *w, const float *bias,
                         int outputs, float *out) {
  for (int row = 0; row < rows; row++, h += stride) {
    for (int o = 0; o < outputs; o++) {
      vec sum = {0};
      for (int k = 0; k < hidden; k += LANES) sum += load(h + k) * load(w + (int64_t)o * hidden + k);
      *out++ = total(sum) + bias[o];
    }
  }
}

static void head_backward(const float *h, int64_t stride, int rows, int hidden, const float *w, int outputs,
                          const float *slopes, float *dh, float *gw, float *gbias) {
  memset(gw, 0, (size_t)outputs * hidden * 4);
  memset(gbias, 0, (size_t)outputs * 4);
  for (int row = 0; row < rows; row++, h += stride, dh += hidden, slopes += outputs) {
    memset(dh, 0, (size_t)hidden * 4);
    for (int o = 0; o < outputs; o++) {
      const vec slope = splat(slopes[o]);
      const float *wo = w + (int64_t)o * hidden;
      float *go = gw + (int64_t)o * hidden;
      for (int k = 0; k < hidden; k += LANES) {
        store(go + k, load(go + k) + slope * load(h + k));
        store(dh + k, load(dh + k) + slope * load(wo + k));
      }
      gbias[o] += slopes[o];
    }
  }
}

static void add(float *restrict a, const float *restrict b, int length) {
  for (int i = 0; i < length; i++) a[i] += b[i];
}

static double squared_norm(const float *a, int length) {
  double sums[8] = {0};
  for (int i = 0; i < length; i += 8) {
    for (int k = 0; k < 8; k++) sums[k] += (double)a[i + k] * a[i + k];
  }
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

static void adam(float *restrict w, float *restrict m, float *restrict v, const float *restrict g, int length,
                 const adam_step *step) {
  const adam_step s = *step;
  for (int i = 0; i < length; i++) {
    const float gradient = s.factor * g[i] + s.decay * w[i];
    m[i] = s.beta1 * m[i] + s.rest1 * gradient;
    v[i] = s.beta2 * v[i] + s.rest2 * gradient * gradient;
    w[i] = w[i] * s.shrink - s.rate * m[i] / (sqrtf(v[i]) * s.root_factor + s.epsilon);
  }
}

static double peak(int rounds) {
  vec sums[12];
  UNROLL for (int i = 0; i < 12; i++) sums[i] = splat(0.1f * i);
  vec factor = splat(0.999f), summand = splat(0.001f);
  for (int k = 0; k < rounds; k++) {
    UNROLL for (int i = 0; i < 12; i++) sums[i] = sums[i] * factor + summand;
    /* Keeps the compiler from summing the rounds up by itself. */
    __asm__ volatile("" ::: "memory");
  }
  vec all = {0};
  UNROLL for (int i = 0; i < 12; i++) all += sums[i];
  volatile float result = total(all);
  (void)result;
  return 2.0 * 12 * LANES * rounds;
}

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

const kernels KERNELS = {
    TEXT(NAME), LANES, forward, backward, transpose, head_forward, head_backward, add, squared_norm, adam, peak,
};
