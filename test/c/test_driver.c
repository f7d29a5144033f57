// A driver that is not the CPU: what the runtime asks of it, in which order, and what its failures do.
#include "check.h"
#include "sample.h"

#include "cellc/driver.h"

static char calls[4096];
static const char *failing = "";
static int opened;

static cellc_status_t log_call(const char *name) {
  strcat(strcat(calls, name), " ");
  if (strcmp(name, failing) == 0)
    return cellc_driver_fail(CELLC_DEVICE_FAILURE, name);
  return CELLC_OK;
}

static cellc_status_t mock_open(const cellc_runtime_options_t *options, void **out_device) {
  CHECK(options->device == 3);
  *out_device = &opened;
  return log_call("open");
}

static void mock_close(void *device) {
  CHECK(device == &opened);
  log_call("close");
}

static cellc_status_t mock_allocate(void *device, uint64_t size, void **out_memory) {
  CHECK(device == &opened && size > 0);
  cellc_status_t status = log_call("allocate");
  *out_memory = status == CELLC_OK ? malloc(size) : NULL;
  return status;
}

static void mock_release(void *device, void *memory) {
  CHECK(device == &opened && memory);
  free(memory);
  log_call("release");
}

static cellc_status_t mock_copy(void *device, void *target, const void *source, uint64_t size,
                                cellc_copy_kind_t kind) {
  CHECK(device == &opened);
  memmove(target, source, size);
  return log_call(kind == CELLC_COPY_HOST_TO_DEVICE ? "upload" : "copy");
}

static cellc_status_t mock_fill(void *device, void *target, const void *pattern, uint32_t pattern_size,
                                uint64_t size) {
  CHECK(device == &opened && size % pattern_size == 0);
  for (uint64_t at = 0; at < size; at += pattern_size)
    memcpy((char *)target + at, pattern, pattern_size);
  return log_call("fill");
}

static cellc_status_t mock_load(void *device, const cellc_kernel_table_t *table, uint32_t entry,
                                uint64_t scratch_bytes, void **out_kernel) {
  CHECK(device == &opened && (scratch_bytes == 0 || scratch_bytes == 32));
  *out_kernel = (void *)(uintptr_t)(entry + 1);
  CHECK(strcmp(table->entries[entry].name, entry == 1 ? "mul" : "add") == 0);
  return log_call("load");
}

static void mock_unload(void *device, void *kernel) {
  CHECK(device == &opened && kernel);
  log_call("unload");
}

static cellc_status_t mock_launch(void *device, const cellc_launch_t *launch) {
  CHECK(device == &opened && launch->buffer_count == 3 && launch->blocks > 0);
  CHECK((launch->dims != NULL) == (launch->dim_count == 1));
  CHECK(!launch->dims || launch->dims[0] == 8);
  return log_call((uintptr_t)launch->kernel == 2 ? "mul" : "add");
}

static cellc_status_t mock_synchronize(void *device) {
  CHECK(device == &opened);
  return log_call("synchronize");
}

static cellc_driver_t mock = {
    .abi_version = CELLC_DRIVER_ABI_VERSION,
    .struct_size = sizeof(cellc_driver_t),
    .name = "mock",
    .open = mock_open,
    .close = mock_close,
    .allocate = mock_allocate,
    .release = mock_release,
    .copy = mock_copy,
    .fill = mock_fill,
    .load = mock_load,
    .launch = mock_launch,
    .synchronize = mock_synchronize,
    .unload = mock_unload,
};

static blob_t blob;

// Everything a program does, until a call fails; the status of that call.
static cellc_status_t use_driver(const char *name) {
  const cellc_runtime_options_t options = {name, 3, 0};
  cellc_runtime_t *runtime;
  cellc_module_t *module = NULL;
  float values[4][8] = {{0}};
  calls[0] = 0;
  cellc_status_t status = cellc_runtime_create(&options, &runtime);
  if (status == CELLC_OK)
    status = cellc_module_create(runtime, blob.data, blob.size, &sample_kernels, &module);
  if (status == CELLC_OK)
    status = cellc_module_run(module, (void *[]){values[0], values[1], values[2], values[3]}, 4);
  cellc_module_release(module);
  cellc_runtime_release(runtime);
  return status;
}

static void calls_come_in_order(void) {
  CHECK_OK(use_driver("mock"));
  CHECK(strcmp(calls, "open load load allocate allocate upload add copy mul copy fill synchronize "
                      "unload unload release release close ") == 0);
}

static void failures_are_passed_on(void) {
  static const char *const names[] = {"open", "load", "allocate", "upload",     "add",
                                      "copy", "mul",  "fill",     "synchronize"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    failing = names[i];
    CHECK_FAILS(use_driver("mock"), CELLC_DEVICE_FAILURE, failing);
  }
  failing = "";
}

static void arrays_use_the_driver(void) {
  const cellc_runtime_options_t options = {"mock", 3, 0};
  cellc_runtime_t *runtime;
  cellc_array_t *array;
  CHECK_OK(cellc_runtime_create(&options, &runtime));
  CHECK(cellc_runtime_thread_count(runtime) == 1);
  failing = "fill";
  CHECK_FAILS(cellc_array_create(runtime, CELLC_I8, 0, NULL, &array), CELLC_DEVICE_FAILURE, "fill");
  failing = "allocate";
  CHECK_FAILS(cellc_array_create(runtime, CELLC_I8, 0, NULL, &array), CELLC_DEVICE_FAILURE, "allocate");
  failing = "";
  CHECK_OK(cellc_array_create(runtime, CELLC_I8, 0, NULL, &array));
  cellc_array_release(array);
  cellc_runtime_release(runtime);
}

static void tables_are_checked(void) {
  CHECK_FAILS(cellc_driver_register(NULL), CELLC_INVALID_ARGUMENT, "NULL");
  cellc_driver_t driver = mock;
  driver.abi_version = 2;
  CHECK_FAILS(cellc_driver_register(&driver), CELLC_UNSUPPORTED, "version 2");
  for (size_t slot = offsetof(cellc_driver_t, name); slot < offsetof(cellc_driver_t, synchronize);
       slot += sizeof(void *)) {
    driver = mock;
    memset((char *)&driver + slot, 0, sizeof(void *));
    CHECK_FAILS(cellc_driver_register(&driver), CELLC_INVALID_ARGUMENT, "required");
  }
  CHECK_OK(cellc_driver_register(&mock));
  CHECK_FAILS(cellc_driver_register(&mock), CELLC_INVALID_ARGUMENT, "named mock is registered");
}

// A driver built when the table was shorter: the slots past its end are absent.
static void a_shorter_table_is_complete(void) {
  cellc_driver_t driver = mock;
  driver.name = "older";
  driver.struct_size = (uint32_t)offsetof(cellc_driver_t, synchronize);
  CHECK_OK(cellc_driver_register(&driver));
  CHECK_OK(use_driver("older"));
  CHECK(!strstr(calls, "synchronize") && !strstr(calls, "unload"));
  driver.name = "too short";
  driver.struct_size = (uint32_t)offsetof(cellc_driver_t, launch);
  CHECK_FAILS(cellc_driver_register(&driver), CELLC_INVALID_ARGUMENT, "required");
}

static void the_registry_is_bounded(void) {
  static char names[32][16];
  cellc_driver_t driver = mock;
  cellc_status_t status = CELLC_OK;
  for (int i = 0; i < 32 && status == CELLC_OK; i++) {
    snprintf(names[i], sizeof names[i], "d%d", i);
    driver.name = names[i];
    status = cellc_driver_register(&driver);
  }
  CHECK_FAILS(status, CELLC_INVALID_ARGUMENT, "no more fit");
}

int main(void) {
  sample_blob(&blob);
  RUN(tables_are_checked);
  RUN(calls_come_in_order);
  RUN(failures_are_passed_on);
  RUN(arrays_use_the_driver);
  RUN(a_shorter_table_is_complete);
  RUN(the_registry_is_bounded);
  return 0;
}
