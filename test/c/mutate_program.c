// Hostile programs. Alone it is a deterministic mutation driver: `mutate_program [runs [seed]]`; with
// -DCELLC_LIBFUZZER and -fsanitize=fuzzer it is a libFuzzer target.
// A driver of its own gives exact memory, so that the address sanitizer sees a copy or a fill that
// leaves its buffer, and only looks at launches: the ABI trusts kernels with their buffers.
#include "check.h"
#include "sample.h"

#include "cellc/driver.h"

#define MEMORY_LIMIT (1 << 20)

static cellc_status_t guard_open(const cellc_runtime_options_t *options, void **out_device) {
  (void)options;
  *out_device = NULL;
  return CELLC_OK;
}

static void guard_close(void *device) { (void)device; }

static cellc_status_t guard_allocate(void *device, uint64_t size, void **out_memory) {
  (void)device;
  *out_memory = size <= MEMORY_LIMIT ? calloc(1, size) : NULL;
  return *out_memory ? CELLC_OK : cellc_driver_fail(CELLC_OUT_OF_MEMORY, "too large for a test");
}

static void guard_release(void *device, void *memory) {
  (void)device;
  free(memory);
}

static cellc_status_t guard_copy(void *device, void *target, const void *source, uint64_t size,
                                 cellc_copy_kind_t kind) {
  (void)device;
  (void)kind;
  memmove(target, source, size);
  return CELLC_OK;
}

static cellc_status_t guard_fill(void *device, void *target, const void *pattern, uint32_t pattern_size,
                                 uint64_t size) {
  (void)device;
  for (uint64_t at = 0; at < size; at += pattern_size)
    memcpy((char *)target + at, pattern, pattern_size);
  return CELLC_OK;
}

static cellc_status_t guard_load(void *device, const cellc_kernel_table_t *table, uint32_t entry,
                                 uint64_t scratch_bytes, void **out_kernel) {
  (void)device;
  (void)table;
  (void)scratch_bytes;
  *out_kernel = (void *)(uintptr_t)(entry + 1);
  return CELLC_OK;
}

static volatile uint64_t seen;

static cellc_status_t guard_launch(void *device, const cellc_launch_t *launch) {
  (void)device;
  CHECK(launch->kernel && launch->blocks > 0);
  for (uint32_t i = 0; i < launch->buffer_count; i++)
    seen += (uintptr_t)launch->buffers[i];
  for (uint32_t i = 0; i < launch->dim_count; i++)
    seen += (uint64_t)launch->dims[i];
  return CELLC_OK;
}

static const cellc_driver_t guard = {
    .abi_version = CELLC_DRIVER_ABI_VERSION,
    .struct_size = sizeof(cellc_driver_t),
    .name = "guard",
    .open = guard_open,
    .close = guard_close,
    .allocate = guard_allocate,
    .release = guard_release,
    .copy = guard_copy,
    .fill = guard_fill,
    .load = guard_load,
    .launch = guard_launch,
};

static cellc_runtime_t *runtime;

static void run_module(cellc_module_t *module) {
  size_t count = cellc_module_binding_count(module);
  void **bindings = calloc(count + 1, sizeof *bindings);
  uint64_t total = 0;
  for (size_t i = 0; i < count; i++) {
    cellc_binding_info_t info;
    CHECK_OK(cellc_module_binding_info(module, i, &info));
    CHECK(info.kind <= CELLC_BINDING_PARAMETER && info.rank <= CELLC_MAX_RANK && strlen(info.name) < 1 << 20);
    total += info.size;
    bindings[i] = total <= MEMORY_LIMIT ? calloc(1, info.size + !info.size) : NULL;
  }
  cellc_status_t status = cellc_module_run(module, bindings, count);
  CHECK(status == CELLC_OK || total > MEMORY_LIMIT);
  for (size_t i = 0; i < count; i++)
    free(bindings[i]);
  free(bindings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const cellc_runtime_options_t options = {"guard", 0, 0};
  if (!runtime) {
    CHECK_OK(cellc_driver_register(&guard));
    CHECK_OK(cellc_runtime_create(&options, &runtime));
  }
  uint8_t *exact = malloc(size + !size); // so that reading past the end is seen
  memcpy(exact, data, size);
  if (size)
    seal(exact, size);
  cellc_module_t *module;
  if (cellc_module_create(runtime, exact, size, &sample_kernels, &module) == CELLC_OK) {
    free(exact);
    run_module(module);
  } else {
    CHECK(!module && *cellc_status_message());
    free(exact);
  }
  cellc_module_release(module);
  return 0;
}

#ifndef CELLC_LIBFUZZER
static uint64_t state;

static uint32_t random_below(uint32_t limit) { // xorshift64*
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return (uint32_t)((state * 0x2545F4914F6CDD1Du) >> 32) % limit;
}

static void mutate(uint8_t *data, size_t *size) {
  static const uint32_t interesting[] = {0,  1,  2,   3,   4,     5,          8,          16,
                                         63, 64, 128, 255, 65535, 0x7FFFFFFF, 0x80000000, ~0u};
  size_t at = random_below((uint32_t)*size);
  switch (random_below(6)) {
  case 0:
    data[at] ^= (uint8_t)(1u << random_below(8));
    break;
  case 1:
    data[at] = (uint8_t)random_below(256);
    break;
  case 2:
  case 3:
    if (at / 4 * 4 + 4 <= *size)
      put32(data + at / 4 * 4, interesting[random_below(16)]);
    break;
  case 4:
    if (at / 4 * 4 + 4 <= *size)
      put32(data + at / 4 * 4, random_below(10));
    break;
  default:
    if (random_below(20) == 0) {
      *size = at + 1;
      if (*size >= HEADER_BYTES)
        put64(data + 16, *size);
    }
  }
}

int main(int argc, char **argv) {
  int runs = argc > 1 ? atoi(argv[1]) : 100000;
  state = argc > 2 ? strtoull(argv[2], NULL, 0) : 0x9E3779B97F4A7C15u;
  static blob_t blob, work;
  sample_blob(&blob);
  for (int run = 0; run < runs; run++) {
    work = blob;
    for (uint32_t count = 1 + random_below(4); count; count--)
      mutate(work.data, &work.size);
    LLVMFuzzerTestOneInput(work.data, work.size);
  }
  cellc_runtime_release(runtime);
  printf("%d mutations\n", runs);
  return 0;
}
#endif
