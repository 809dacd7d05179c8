/* The kernels of ../packed/kernels.ts, compiled once per instruction set. Offsets are bytes from `base`. */
#ifndef CAUSEWAY_LSTM_KERNELS_H
#define CAUSEWAY_LSTM_KERNELS_H

#include <stdint.h>

typedef struct {
  float factor, rate, beta1, rest1, beta2, rest2, root_factor, epsilon, decay, shrink;
} adam_step;

typedef struct {
  const char *name;
  int lanes;
  void (*forward)(char *base, uint32_t descriptor);
  void (*backward)(char *base, uint32_t descriptor);
  void (*transpose)(char *base, uint32_t descriptor);
  void (*head_forward)(const float *h, int64_t stride, int rows, int hidden, const float *w, const float *bias,
                       int outputs, float *out);
  void (*head_backward)(const float *h, int64_t stride, int rows, int hidden, const float *w, int outputs,
                        const float *slopes, float *dh, float *gw, float *gbias);
  void (*add)(float *a, const float *b, int length);
  double (*squared_norm)(const float *a, int length);
  void (*adam)(float *w, float *m, float *v, const float *g, int length, const adam_step *step);
  /* Fused multiply-adds from registers: floating-point operations per call of `rounds` rounds. */
  double (*peak)(int rounds);
} kernels;

#if defined(__x86_64__)
extern const kernels avx512_kernels;
extern const kernels avx2_kernels;
#elif defined(__aarch64__)
extern const kernels neon_kernels;
#endif

#endif
