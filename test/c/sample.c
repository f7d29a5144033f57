#include "sample.h"

#include <string.h>

static void add(void *const *buffers, const int64_t *dims, int64_t block, void *scratch) {
  const float *x = buffers[0], *w = buffers[1];
  float *panel = scratch, *t = buffers[2];
  (void)dims;
  panel[block] = x[block];
  t[block] = panel[block] + w[block];
}

static void mul(void *const *buffers, const int64_t *dims, int64_t block, void *scratch) {
  const float *u = buffers[0], *c = buffers[1];
  float *y = buffers[2];
  (void)block;
  (void)scratch;
  for (int64_t i = 0; i < dims[0]; i++)
    y[i] = u[i] * c[i];
}

static const cellc_kernel_entry_t entries[] = {{NULL, NULL}, {"mul", mul}, {"add", add}, {"absent", NULL}};
const cellc_kernel_table_t sample_kernels = {CELLC_MODULE_ABI_VERSION, 4, entries, NULL, 0};

void sample_blob(blob_t *blob) {
  static const float constant[SAMPLE_EXTENT] = {1, 2, 3, 4, 5, 6, 7, 8};
  static const int64_t extent = SAMPLE_EXTENT;
  static builder_t builder;
  builder_start(&builder);
  builder.arena_bytes = 128;
  builder_vector(&builder, INPUT, "x", extent, 0);     // 0
  builder_vector(&builder, PARAMETER, "w", extent, 0); // 1
  builder_vector(&builder, CONSTANT, "c", extent, 64); // 2
  builder_vector(&builder, ARENA, "t", extent, 0);     // 3
  builder_vector(&builder, ARENA, "u", extent, 64);    // 4
  builder_vector(&builder, OUTPUT, "y", extent, 0);    // 5
  builder_vector(&builder, OUTPUT, "", extent, 0);     // 6
  builder.sizes[CONSTANTS] = 64 + sizeof constant;
  memcpy(builder.sections[CONSTANTS] + 64, constant, sizeof constant);
  builder_kernel(&builder, "add", SAMPLE_EXTENT, SAMPLE_EXTENT * sizeof(float));
  builder_kernel(&builder, "mul", 1, 0);
  builder_launch(&builder, 0, 3, (const uint32_t[]){0, 1, 3});
  builder_words(&builder, COMMANDS, 4, (const uint32_t[]){COPY, 4, 3, 4});
  uint32_t dims = builder_dims(&builder, 1, &extent);
  builder_words(&builder, COMMANDS, 8, (const uint32_t[]){LAUNCH, 8, 1, dims, 1, 4, 2, 5});
  builder_words(&builder, COMMANDS, 4, (const uint32_t[]){COPY, 4, 3, 1});
  builder_words(&builder, COMMANDS, 6, (const uint32_t[]){FILL, 6, 6, 4, 0x3F000000, 0});
  uint32_t label = builder_string(&builder, "net.py:7");
  builder_words(&builder, DEBUG, 5, (const uint32_t[]){label, 0, 0, 0, 0});
  builder_finish(&builder, blob);
}

cellc_status_t sample_load(const void *data, size_t size) {
  static cellc_runtime_t *runtime; // one for the process: loading is what is tested
  const cellc_runtime_options_t options = {NULL, 0, 1};
  if (!runtime && cellc_runtime_create(&options, &runtime) != CELLC_OK)
    return CELLC_DEVICE_FAILURE;
  cellc_module_t *module;
  cellc_status_t status = cellc_module_create(runtime, data, size, &sample_kernels, &module);
  cellc_module_release(module);
  return status;
}
