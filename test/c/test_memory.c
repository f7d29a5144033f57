// An allocation or the start of a thread fails, at every place in turn: a status, nothing lost,
// nothing freed twice. Linked with --wrap=pthread_create.
#include "check.h"
#include "sample.h"

#include <errno.h>
#include <pthread.h>

static int fail_at, calls, alive;

static void *counted_allocate(void *state, size_t size, size_t alignment) {
  CHECK(state == &alive);
  if (calls++ == fail_at)
    return NULL;
  alive++;
  void *memory = aligned_alloc(alignment < 16 ? 16 : alignment, (size + 63) / 64 * 64);
  memset(memory, 0xA5, size); // nobody may count on zeros
  return memory;
}

static void counted_release(void *state, void *memory) {
  CHECK(state == &alive && memory);
  alive--;
  free(memory);
}

// The sanitizer would end the process instead of returning NULL.
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "allocator_may_return_null=1"; }

static blob_t blob;

static cellc_status_t use_everything(void) {
  const cellc_runtime_options_t options = {NULL, 0, 3};
  cellc_runtime_t *runtime = NULL;
  cellc_module_t *module = NULL;
  cellc_array_t *array = NULL;
  cellc_status_t status = cellc_runtime_create(&options, &runtime);
  CHECK(status == CELLC_OK || !runtime);
  if (status == CELLC_OK)
    status = cellc_module_create(runtime, blob.data, blob.size, &sample_kernels, &module);
  CHECK(status == CELLC_OK || !module);
  if (status == CELLC_OK)
    status = cellc_array_create(runtime, CELLC_F32, 1, (int64_t[]){8}, &array);
  CHECK(status == CELLC_OK || !array);
  if (status == CELLC_OK) {
    void *values = cellc_array_data(array);
    CHECK_OK(cellc_module_run(module, (void *[]){values, values, values, values}, 4));
  }
  cellc_array_release(array);
  cellc_module_release(module);
  cellc_runtime_release(runtime);
  return status;
}

static void every_failed_allocation_is_a_status(void) {
  const cellc_allocator_t allocator = {counted_allocate, counted_release, &alive};
  sample_blob(&blob);
  cellc_set_allocator(&allocator);
  cellc_status_t status = CELLC_OUT_OF_MEMORY;
  for (fail_at = 0; status != CELLC_OK; fail_at++) {
    calls = 0;
    status = use_everything();
    CHECK(status == CELLC_OK || status == CELLC_OUT_OF_MEMORY);
    CHECK(alive == 0);
  }
  CHECK(fail_at > 15); // the loop did fail at many places
  cellc_set_allocator(NULL);
  CHECK_OK(use_everything());
}

static int threads_left = -1;

int __real_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
int __wrap_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                          void *argument) {
  if (threads_left == 0)
    return EAGAIN;
  threads_left--;
  return __real_pthread_create(thread, attributes, start, argument);
}

static void every_failed_thread_is_a_status(void) {
  const cellc_runtime_options_t options = {NULL, 0, 4};
  cellc_runtime_t *runtime;
  for (int started = 0; started < 3; started++) {
    threads_left = started;
    CHECK_FAILS(cellc_runtime_create(&options, &runtime), CELLC_DEVICE_FAILURE, "cannot start thread");
    CHECK(!runtime);
  }
  threads_left = 3;
  CHECK_OK(cellc_runtime_create(&options, &runtime));
  cellc_runtime_release(runtime);
  threads_left = -1;
}

static void unlimited_wishes_are_refused(void) {
  static builder_t builder;
  builder_start(&builder);
  builder.arena_bytes = (uint64_t)1 << 47; // more than an address space holds
  builder_finish(&builder, &blob);
  CHECK_FAILS(sample_load(blob.data, blob.size), CELLC_OUT_OF_MEMORY, "cannot allocate");
  builder.arena_bytes = 0;
  builder_kernel(&builder, "add", 1, (uint64_t)1 << 47);
  builder_finish(&builder, &blob);
  CHECK_FAILS(sample_load(blob.data, blob.size), CELLC_OUT_OF_MEMORY, "cannot allocate");
}

int main(void) {
  RUN(every_failed_allocation_is_a_status);
  RUN(every_failed_thread_is_a_status);
  RUN(unlimited_wishes_are_refused);
  return 0;
}
