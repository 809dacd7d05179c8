/* Node-API: `variants()` names the instruction sets that this machine runs, best first; `create(variant, memory)` binds one to an arena. */
#include <node_api.h>
#include <stdlib.h>

#include "kernels.h"

typedef struct {
  const kernels *kernels;
  char *base;
} binding;

static int supported(const kernels *found[]) {
  int count = 0;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    found[count++] = &avx512_kernels;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2")) {
    found[count++] = &avx2_kernels;
  }
#elif defined(__aarch64__)
  found[count++] = &neon_kernels;
#endif
  return count;
}

#define MOST_ARGUMENTS 16

/* Numbers of a call, and what its function is bound to. */
static binding *arguments(napi_env env, napi_callback_info info, double *values) {
  size_t count = MOST_ARGUMENTS;
  napi_value given[MOST_ARGUMENTS];
  void *data;
  napi_get_cb_info(env, info, &count, given, NULL, &data);
  for (size_t i = 0; i < count; i++) napi_get_value_double(env, given[i], &values[i]);
  return data;
}

static napi_value number(napi_env env, double value) {
  napi_value result;
  napi_create_double(env, value, &result);
  return result;
}

#define AT(i) ((float *)(b->base + (uint32_t)v[i]))
#define INT(i) ((int)v[i])

static napi_value forward(napi_env env, napi_callback_info info) {
  double v[MOST_ARGUMENTS];
  binding *b = arguments(env, info, v);
  b->kernels->forward(b->base, (uint32_t)v[0]);
  return NULL;
}

static napi_value backward(napi_env env, napi_callback_info info) {
  double v[MOST_ARGUMENTS];
  binding *b = arguments(env, info, v);
  b->kernels->backward(b->base, (uint32_t)v[0]);
  return NULL;
}

static napi_value transpose(napi_env env, napi_callback_info info) {
  double v[MOST_ARGUMENTS];
  binding *b = arguments(env, info, v);
  b->kernels->transpose(b->base, (uint32_t)v[0]);
  return NULL;
}

static napi_value head_forward(napi_env env, napi_callback_info info) {
  double v[MOST_ARGUMENTS];
  binding *b = arguments(env, info, v);
  b->kernels->head_forward(AT(0), INT(1) / 4, INT(2), INT(3), AT(4), AT(5), INT(6), AT(7));
  return NULL;
}

static napi_value head_backward(napi_env env, napi_callback_info info) {
  double v[MOST_ARGUMENTS];
  binding *b = arguments(env, info, v);
  b->kernels->head_backward(AT(0), INT(1) / 4, INT(2), INT(3), AT(4), INT(5), AT(6), AT(7), AT(8), AT(9));
  return NULL;
}

static napi_value add(napi_env env, napi_callback_info info) {
  double v[MOST_ARGUMENTS];
  binding *b = arguments(env, info, v);
  b->kernels->add(AT(0), AT(1), INT(2));
  return NULL;
}

static napi_value squared_norm(napi_env env, napi_callback_info info) {
  double v[MOST_ARGUMENTS];
  binding *b = arguments(env, info, v);
  return number(env, b->kernels->squared_norm(AT(0), INT(1)));
}

static napi_value adam(napi_env env, napi_callback_info info) {
  double v[MOST_ARGUMENTS];
  binding *b = arguments(env, info, v);
  const adam_step step = {v[5], v[6], v[7], 1 - v[7], v[8], 1 - v[8], v[9], v[10], v[11], v[12]};
  b->kernels->adam(AT(0), AT(1), AT(2), AT(3), INT(4), &step);
  return NULL;
}

static napi_value peak(napi_env env, napi_callback_info info) {
  double v[MOST_ARGUMENTS];
  binding *b = arguments(env, info, v);
  return number(env, b->kernels->peak(INT(0)));
}

static void release(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  free(data);
}

static napi_value create(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value given[2], result;
  const kernels *found[4];
  void *memory = NULL;
  size_t length = 0;
  napi_get_cb_info(env, info, &count, given, NULL, NULL);
  int variant = -1;
  napi_get_value_int32(env, given[0], &variant);
  if (variant < 0 || variant >= supported(found) ||
      napi_get_typedarray_info(env, given[1], NULL, &length, &memory, NULL, NULL) != napi_ok) {
    napi_throw_type_error(env, NULL, "create(variant, memory) needs the number of a variant and a typed array");
    return NULL;
  }
  binding *b = malloc(sizeof(binding));
  b->kernels = found[variant];
  b->base = memory;
  napi_create_object(env, &result);
  const struct {
    const char *name;
    napi_callback call;
  } functions[] = {
      {"forward", forward},           {"backward", backward}, {"transpose", transpose},
      {"headForward", head_forward},  {"add", add},           {"headBackward", head_backward},
      {"squaredNorm", squared_norm},  {"adam", adam},         {"peak", peak},
  };
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    napi_value function;
    napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].call, b, &function);
    napi_set_named_property(env, result, functions[i].name, function);
  }
  /* The functions outlive neither the object nor, by the caller's word, the memory. */
  napi_add_finalizer(env, result, b, release, NULL, NULL);
  return result;
}

static napi_value variants(napi_env env, napi_callback_info info) {
  (void)info;
  const kernels *found[4];
  const int count = supported(found);
  napi_value list;
  napi_create_array(env, &list);
  for (int i = 0; i < count; i++) {
    napi_value entry, text;
    napi_create_object(env, &entry);
    napi_create_string_utf8(env, found[i]->name, NAPI_AUTO_LENGTH, &text);
    napi_set_named_property(env, entry, "name", text);
    napi_set_named_property(env, entry, "lanes", number(env, found[i]->lanes));
    napi_set_element(env, list, i, entry);
  }
  return list;
}

NAPI_MODULE_INIT() {
  napi_value function;
  napi_create_function(env, "variants", NAPI_AUTO_LENGTH, variants, NULL, &function);
  napi_set_named_property(env, exports, "variants", function);
  napi_create_function(env, "create", NAPI_AUTO_LENGTH, create, NULL, &function);
  napi_set_named_property(env, exports, "create", function);
  return exports;
}
