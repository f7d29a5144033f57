// Loading and running modules, ownership, arrays, drivers.
#include "check.h"
#include "sample.h"

#include <fenv.h>
#include <stdbool.h>

#include "cellc/driver.h"

static blob_t blob;
static cellc_runtime_t *runtime;
static cellc_module_t *module;

static void open_sample(uint32_t threads) {
  const cellc_runtime_options_t options = {NULL, 0, threads};
  CHECK_OK(cellc_runtime_create(&options, &runtime));
  CHECK_OK(cellc_module_create(runtime, blob.data, blob.size, &sample_kernels, &module));
}

static void close_sample(void) {
  cellc_module_release(module);
  cellc_runtime_release(runtime);
}

static void a_run_computes(void) {
  open_sample(2);
  float x[8], w[8], y[8], z[8];
  for (int i = 0; i < 8; i++) {
    x[i] = (float)i;
    w[i] = 10;
  }
  CHECK_OK(cellc_module_run(module, (void *[]){x, w, y, z}, 4));
  for (int i = 0; i < 8; i++) {
    CHECK(w[i] == (float)i + 10); // updated in place
    CHECK(y[i] == w[i] * (float)(i + 1));
    CHECK(z[i] == 0.5f);
  }
  float other[8] = {0};
  CHECK_OK(cellc_module_run(module, (void *[]){x, w, other, z}, 4)); // a binding moved
  CHECK(other[7] == (7 + 17) * 8.0f && y[7] == 17 * 8.0f);
  close_sample();
}

static void running_allocates_nothing(void) {
  open_sample(4);
  float values[4][8] = {{0}};
  uint64_t before = cellc_allocation_count();
  CHECK(before > 0);
  for (int i = 0; i < 100; i++)
    CHECK_OK(cellc_module_run(module, (void *[]){values[0], values[1], values[2], values[3]}, 4));
  CHECK(cellc_allocation_count() == before);
  close_sample();
}

static void a_profile_is_a_run_with_times(void) {
  open_sample(2);
  float x[8] = {1}, w[8] = {1}, y[8] = {0}, z[8];
  void *bindings[] = {x, w, y, z};
  size_t count = cellc_module_command_count(module);
  uint64_t times[8];
  CHECK(count == 5);
  memset(times, 0xff, sizeof times);
  uint64_t before = cellc_allocation_count();
  CHECK_OK(cellc_module_profile(module, bindings, 4, times, count));
  CHECK(cellc_allocation_count() == before);
  CHECK(w[0] == 2 && y[0] == 2 && z[0] == 0.5f);
  for (size_t i = 0; i < count; i++)
    CHECK(times[i] < 1000000000u);
  CHECK(times[count] == UINT64_MAX); // nothing is written past the end
  cellc_command_info_t info;
  CHECK_OK(cellc_module_command_info(module, 0, &info));
  CHECK(strcmp(info.name, "add") == 0 && strcmp(info.label, "net.py:7") == 0);
  CHECK_OK(cellc_module_command_info(module, 4, &info));
  CHECK(strcmp(info.name, "fill") == 0 && strcmp(info.label, "") == 0);
  CHECK_FAILS(cellc_module_command_info(module, 5, &info), CELLC_INVALID_ARGUMENT, "command 5 of 5");
  CHECK_FAILS(cellc_module_command_info(module, 0, NULL), CELLC_INVALID_ARGUMENT, "out_info");
  CHECK_FAILS(cellc_module_profile(module, bindings, 4, times, 4), CELLC_INVALID_ARGUMENT, "5 commands");
  CHECK_FAILS(cellc_module_profile(module, bindings, 4, NULL, count), CELLC_INVALID_ARGUMENT, "NULL");
  CHECK_FAILS(cellc_module_profile(module, NULL, 0, times, count), CELLC_INVALID_ARGUMENT, "bindings");
  close_sample();
}

// Whether the processor's float mode has a bit for it, that this library sets.
#if defined(__SSE__) || defined(__aarch64__)
static const float flushed = 0;
#else
static const float flushed = 0x1p-128f;
#endif

static void denormal_numbers_are_zero(void) {
  for (uint32_t threads = 1; threads <= 3; threads++) {
    open_sample(threads);
    float x[8], w[8], y[8], z[8];
    for (int i = 0; i < 8; i++) {
      x[i] = i % 2 ? 0x1p-128f : 0x1.8p-126f; // a denormal operand, a denormal result
      w[i] = i % 2 ? 0 : -0x1.4p-126f;
    }
    CHECK_OK(cellc_module_run(module, (void *[]){x, w, y, z}, 4));
    for (int i = 0; i < 8; i++)
      CHECK(w[i] == flushed && y[i] == flushed * (float)(i + 1));
    CHECK(x[1] == 0x1p-128f); // only read
    close_sample();
  }
}

static void the_callers_float_mode_is_kept(void) {
  volatile float small = 0x1p-126f, third;
  float x[8], w[8], y[8], z[8], *values[] = {x, w, y, z};
  open_sample(3);
  for (int i = 0; i < 8; i++)
    x[i] = 1, w[i] = 0x1p-30f; // their sum is rounded
  fesetround(FE_UPWARD);
  feclearexcept(FE_ALL_EXCEPT);
  CHECK_OK(cellc_module_run(module, (void **)values, 4));
  CHECK(fetestexcept(FE_ALL_EXCEPT) == 0 && fegetround() == FE_UPWARD);
  fesetround(FE_TONEAREST);
  for (int i = 0; i < 8; i++)
    CHECK(w[i] == 1); // to the nearest, whatever the caller's mode
  third = small / 3;
  CHECK(third != 0);
  uint64_t times[5];
  CHECK_OK(cellc_module_profile(module, (void **)values, 4, times, 5));
  third = small / 3;
  CHECK(third != 0);
  close_sample();
}

static void bindings_are_described(void) {
  open_sample(1);
  CHECK(cellc_module_binding_count(module) == 4);
  static const struct {
    const char *name;
    cellc_binding_kind_t kind;
  } expected[] = {{"x", CELLC_BINDING_INPUT},
                  {"w", CELLC_BINDING_PARAMETER},
                  {"y", CELLC_BINDING_OUTPUT},
                  {"", CELLC_BINDING_OUTPUT}};
  for (size_t i = 0; i < 4; i++) {
    cellc_binding_info_t info;
    CHECK_OK(cellc_module_binding_info(module, i, &info));
    CHECK(strcmp(info.name, expected[i].name) == 0 && info.kind == expected[i].kind);
    CHECK(info.dtype == CELLC_F32 && info.rank == 1 && info.shape[0] == 8 && info.size == 32 && !info.weight);
  }
  cellc_binding_info_t info;
  CHECK_FAILS(cellc_module_binding_info(module, 4, &info), CELLC_INVALID_ARGUMENT, "binding 4 of 4");
  CHECK_FAILS(cellc_module_binding_info(module, 0, NULL), CELLC_INVALID_ARGUMENT, "out_info");
  close_sample();
}

static void wrong_bindings_are_refused(void) {
  open_sample(1);
  float x[8] = {0};
  CHECK_FAILS(cellc_module_run(module, (void *[]){x, x, x}, 3), CELLC_INVALID_ARGUMENT, "3 bindings given");
  CHECK_FAILS(cellc_module_run(module, NULL, 4), CELLC_INVALID_ARGUMENT, "bindings");
  CHECK_FAILS(cellc_module_run(module, (void *[]){x, NULL, x, x}, 4), CELLC_INVALID_ARGUMENT, "(w) is NULL");
  CHECK_FAILS(cellc_module_run(NULL, NULL, 0), CELLC_INVALID_ARGUMENT, "module is NULL");
  close_sample();
}

static void embedded_weights_stand_in(void) {
  float w[8] = {1, 1, 1, 1, 1, 1, 1, 1}, x[8] = {0}, y[8], z[8];
  cellc_weight_t weights[] = {{"w", w, sizeof w}};
  cellc_variant_t variants[] = {{NULL, blob.data, blob.size, &sample_kernels}};
  cellc_embedded_module_t embedded = {CELLC_MODULE_ABI_VERSION, 1, 1, "net", variants, weights};
  CHECK_OK(cellc_runtime_create(NULL, &runtime));
  CHECK_OK(cellc_module_create_embedded(runtime, &embedded, &module));
  CHECK_OK(cellc_module_run(module, (void *[]){x, NULL, y, z}, 4));
  CHECK(y[7] == 8);
  cellc_binding_info_t info;
  CHECK_OK(cellc_module_binding_info(module, 1, &info));
  CHECK(info.weight == w);
  cellc_module_release(module);
  weights[0].size = 4;
  CHECK_FAILS(cellc_module_create_embedded(runtime, &embedded, &module), CELLC_INVALID_ARGUMENT,
              "has 4 bytes");
  CHECK(!module);
  weights[0].name = "x"; // an input, no parameter
  CHECK_FAILS(cellc_module_create_embedded(runtime, &embedded, &module), CELLC_NOT_FOUND, "no parameter x");
  embedded.abi_version = 9;
  CHECK_FAILS(cellc_module_create_embedded(runtime, &embedded, &module), CELLC_UNSUPPORTED, "version 9");
  CHECK_FAILS(cellc_module_create_embedded(runtime, NULL, &module), CELLC_INVALID_ARGUMENT, "embedded");
  CHECK_FAILS(cellc_module_create_embedded(runtime, &embedded, NULL), CELLC_INVALID_ARGUMENT, "out_module");
  cellc_runtime_release(runtime);
}

// Variants that differ in their kernels' results only: the widest that this machine runs computes.
static void a_variant_is_chosen_by_level(void) {
  cellc_variant_t variants[] = {
      {"v9", NULL, 0, NULL}, // no machine has it, so nothing of it is touched
      {NULL, blob.data, blob.size, &sample_kernels},
  };
  cellc_embedded_module_t embedded = {CELLC_MODULE_ABI_VERSION, 0, 2, "net", variants, NULL};
  CHECK_OK(cellc_runtime_create(NULL, &runtime));
  unsetenv("CELLC_CPU_LEVEL");
  CHECK_OK(cellc_module_create_embedded(runtime, &embedded, &module));
  cellc_module_release(module);
  embedded.variant_count = 1;
  CHECK_FAILS(cellc_module_create_embedded(runtime, &embedded, &module), CELLC_UNSUPPORTED,
              "net needs a processor of level v9, this one has");
  setenv("CELLC_CPU_LEVEL", "v3", 1);
  CHECK_FAILS(cellc_module_create_embedded(runtime, &embedded, &module), CELLC_NOT_FOUND,
              "CELLC_CPU_LEVEL is v3, net has kernels for v9");
  setenv("CELLC_CPU_LEVEL", "native", 1);
  CHECK_FAILS(cellc_module_create_embedded(runtime, &embedded, &module), CELLC_UNSUPPORTED, "level v9");
  embedded.variant_count = 0;
  CHECK_FAILS(cellc_module_create_embedded(runtime, &embedded, &module), CELLC_INVALID_ARGUMENT,
              "net has no variant");
  unsetenv("CELLC_CPU_LEVEL");
  CHECK(!module);
  cellc_runtime_release(runtime);
}

static void a_missing_function_is_named(void) {
  static builder_t builder;
  static blob_t other;
  builder_start(&builder);
  builder_kernel(&builder, "absent", 1, 0); // in the table, without a function
  builder_finish(&builder, &other);
  CHECK_FAILS(sample_load(other.data, other.size), CELLC_NOT_FOUND, "absent has no function");
}

static void wrong_arguments_are_refused(void) {
  cellc_kernel_table_t table = sample_kernels;
  CHECK_OK(cellc_runtime_create(NULL, &runtime));
  CHECK_FAILS(cellc_module_create(NULL, blob.data, blob.size, &table, &module), CELLC_INVALID_ARGUMENT,
              "NULL");
  CHECK_FAILS(cellc_module_create(runtime, NULL, 0, &table, &module), CELLC_INVALID_ARGUMENT, "NULL");
  CHECK_FAILS(cellc_module_create(runtime, blob.data, 0, NULL, &module), CELLC_INVALID_ARGUMENT, "NULL");
  CHECK_FAILS(cellc_module_create(runtime, blob.data, 0, &table, NULL), CELLC_INVALID_ARGUMENT, "out_module");
  table.entries = NULL;
  CHECK_FAILS(cellc_module_create(runtime, blob.data, blob.size, &table, &module), CELLC_INVALID_ARGUMENT,
              "entries");
  table.abi_version = 9;
  CHECK_FAILS(cellc_module_create(runtime, blob.data, blob.size, &table, &module), CELLC_UNSUPPORTED,
              "version 9");
  cellc_runtime_release(runtime);
  cellc_module_release(NULL);
  cellc_module_retain(NULL);
}

static void ownership_is_counted(void) {
  open_sample(2);
  cellc_runtime_release(runtime); // the module keeps it
  cellc_module_retain(module);
  cellc_module_release(module);
  CHECK(cellc_module_binding_count(module) == 4);
  cellc_module_release(module);
  CHECK_OK(cellc_runtime_create(NULL, &runtime));
  cellc_array_t *array;
  CHECK_OK(cellc_array_create(runtime, CELLC_F64, 2, (int64_t[]){3, 5}, &array));
  cellc_runtime_retain(runtime);
  cellc_runtime_release(runtime);
  cellc_runtime_release(runtime);
  cellc_array_retain(array);
  cellc_array_release(array);
  CHECK(cellc_array_size(array) == 120 && ((double *)cellc_array_data(array))[14] == 0);
  CHECK((uintptr_t)cellc_array_data(array) % 64 == 0);
  cellc_array_release(array);
}

static void bad_arrays_are_refused(void) {
  cellc_array_t *array;
  int64_t huge[] = {(int64_t)1 << 40, (int64_t)1 << 40}, negative[] = {4, -1},
          zero[] = {(int64_t)1 << 40, 0, 1 << 20};
  CHECK_OK(cellc_runtime_create(NULL, &runtime));
  CHECK_FAILS(cellc_array_create(runtime, CELLC_F32, 2, huge, &array), CELLC_INVALID_ARGUMENT, "shape");
  CHECK_FAILS(cellc_array_create(runtime, CELLC_F32, 2, negative, &array), CELLC_INVALID_ARGUMENT, "shape");
  CHECK_FAILS(cellc_array_create(runtime, CELLC_F32, 17, zero, &array), CELLC_INVALID_ARGUMENT, "rank");
  CHECK_FAILS(cellc_array_create(runtime, (cellc_dtype_t)10, 0, NULL, &array), CELLC_INVALID_ARGUMENT,
              "dtype");
  CHECK_FAILS(cellc_array_create(NULL, CELLC_F32, 0, NULL, &array), CELLC_INVALID_ARGUMENT, "NULL");
  CHECK_FAILS(cellc_array_create(runtime, CELLC_F32, 1, NULL, &array), CELLC_INVALID_ARGUMENT, "NULL");
  CHECK_FAILS(cellc_array_create(runtime, CELLC_F32, 0, NULL, NULL), CELLC_INVALID_ARGUMENT, "out_array");
  CHECK_OK(cellc_array_create(runtime, CELLC_F32, 3, zero, &array));
  CHECK(cellc_array_size(array) == 0);
  cellc_array_release(array);
  cellc_array_release(NULL);
  cellc_array_retain(NULL);
  cellc_runtime_release(runtime);
}

static void statuses_have_names(void) {
  static const char *const names[] = {"OK",        "INVALID_ARGUMENT", "INVALID_PROGRAM", "UNSUPPORTED",
                                      "NOT_FOUND", "OUT_OF_MEMORY",    "DEVICE_FAILURE",  "UNKNOWN"};
  for (int i = 0; i < 8; i++)
    CHECK(strcmp(cellc_status_name((cellc_status_t)i), names[i]) == 0);
}

static void thread_counts_are_checked(void) {
  cellc_runtime_options_t options = {"cpu", 0, 1025};
  CHECK_FAILS(cellc_runtime_create(&options, &runtime), CELLC_INVALID_ARGUMENT, "1025 threads");
  CHECK(!runtime);
  options.device = 1;
  CHECK_FAILS(cellc_runtime_create(&options, &runtime), CELLC_INVALID_ARGUMENT, "device 0");
  options.driver = "quantum";
  CHECK_FAILS(cellc_runtime_create(&options, &runtime), CELLC_NOT_FOUND, "quantum");
  CHECK_FAILS(cellc_runtime_create(&options, NULL), CELLC_INVALID_ARGUMENT, "out_runtime");
  static const char *const bad[] = {"0", "-1", "1025", "many", "2x", "99999999999999999999"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    setenv("CELLC_NUM_THREADS", bad[i], 1);
    CHECK_FAILS(cellc_runtime_create(NULL, &runtime), CELLC_INVALID_ARGUMENT, "CELLC_NUM_THREADS");
  }
  setenv("CELLC_NUM_THREADS", "3", 1);
  CHECK_OK(cellc_runtime_create(NULL, &runtime));
  CHECK(cellc_runtime_thread_count(runtime) == 3);
  cellc_runtime_release(runtime);
  setenv("CELLC_NUM_THREADS", "", 1);
  CHECK_OK(cellc_runtime_create(NULL, &runtime));
  CHECK(cellc_runtime_thread_count(runtime) >= 1);
  cellc_runtime_release(runtime);
  cellc_runtime_release(NULL);
  cellc_runtime_retain(NULL);
}

int main(void) {
  sample_blob(&blob);
  RUN(a_run_computes);
  RUN(running_allocates_nothing);
  RUN(a_profile_is_a_run_with_times);
  RUN(denormal_numbers_are_zero);
  RUN(the_callers_float_mode_is_kept);
  RUN(bindings_are_described);
  RUN(wrong_bindings_are_refused);
  RUN(embedded_weights_stand_in);
  RUN(a_variant_is_chosen_by_level);
  RUN(a_missing_function_is_named);
  RUN(wrong_arguments_are_refused);
  RUN(ownership_is_counted);
  RUN(bad_arrays_are_refused);
  RUN(statuses_have_names);
  RUN(thread_counts_are_checked);
  return 0;
}
