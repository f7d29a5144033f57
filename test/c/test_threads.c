// The thread pool: every block runs once, on any number of threads, from any number of callers.
// Built with ThreadSanitizer.
#include "check.h"
#include "sample.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#define MAX_BLOCKS 257

// Not atomic: a race here is a fault of the pool, which ThreadSanitizer reports.
static void count_block(void *const *buffers, const int64_t *dims, int64_t block, void *scratch) {
  int32_t *counts = buffers[0];
  (void)dims;
  *(int64_t *)scratch = block;
  counts[block] += 1 + (*(int64_t *)scratch != block);
}

static void slow_block(void *const *buffers, const int64_t *dims, int64_t block, void *scratch) {
  nanosleep(&(struct timespec){0, block == 0 ? 100000 : 3000000}, NULL);
  count_block(buffers, dims, block, scratch);
}

// Block 0 ends when block 1, of the same range, has been run by somebody else, or after ten seconds.
static void waiting_block(void *const *buffers, const int64_t *dims, int64_t block, void *scratch) {
  static atomic_bool done;
  if (block == 1)
    atomic_store(&done, true);
  for (int i = 0; block == 0 && i < 10000 && !atomic_load(&done); i++)
    nanosleep(&(struct timespec){0, 1000000}, NULL);
  ((int32_t *)buffers[0])[block] += block > 0 || atomic_exchange(&done, false);
  (void)dims;
  (void)scratch;
}

// Counts the blocks that see a denormal result; slow, so that each thread gets to run its own.
static void tiny_block(void *const *buffers, const int64_t *dims, int64_t block, void *scratch) {
  volatile float tiny = 0x1p-126f;
  (void)dims;
  (void)scratch;
  nanosleep(&(struct timespec){0, 3000000}, NULL);
  ((int32_t *)buffers[0])[block] += tiny / 3 != 0;
}

static const cellc_kernel_entry_t entries[] = {
    {"count", count_block}, {"slow", slow_block}, {"tiny", tiny_block}, {"waiting", waiting_block}};
static const cellc_kernel_table_t table = {CELLC_MODULE_ABI_VERSION, 4, entries, NULL, 0};

static cellc_module_t *load(cellc_runtime_t *runtime, const char *kernel, int64_t blocks, int launches) {
  builder_t *builder = malloc(sizeof *builder);
  blob_t *blob = malloc(sizeof *blob);
  cellc_module_t *module;
  builder_start(builder);
  builder_buffer(builder, OUTPUT, CELLC_I32, "", 1, &blocks, 0);
  builder_kernel(builder, kernel, (uint64_t)blocks, 64);
  for (int i = 0; i < launches; i++)
    builder_launch(builder, 0, 1, (const uint32_t[]){0});
  builder_finish(builder, blob);
  CHECK_OK(cellc_module_create(runtime, blob->data, blob->size, &table, &module));
  free(builder);
  free(blob);
  return module;
}

static cellc_runtime_t *open_runtime(uint32_t threads) {
  const cellc_runtime_options_t options = {NULL, 0, threads};
  cellc_runtime_t *runtime;
  CHECK_OK(cellc_runtime_create(&options, &runtime));
  return runtime;
}

static void check_counts(cellc_module_t *module, int64_t blocks, int expected) {
  int32_t counts[MAX_BLOCKS] = {0};
  CHECK_OK(cellc_module_run(module, (void *[]){counts}, 1));
  for (int64_t i = 0; i < MAX_BLOCKS; i++)
    CHECK(counts[i] == (i < blocks ? expected : 0));
}

static void every_block_runs_once(void) {
  static const int64_t sizes[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 64, MAX_BLOCKS};
  for (uint32_t threads = 1; threads <= 5; threads++) {
    cellc_runtime_t *runtime = open_runtime(threads);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
      cellc_module_t *module = load(runtime, "count", sizes[i], 20);
      check_counts(module, sizes[i], 20);
      cellc_module_release(module);
    }
    cellc_runtime_release(runtime);
  }
}

// Workers fall asleep between runs, and the caller while it waits for a slow one.
static void sleepers_wake_up(void) {
  for (uint32_t threads = 2; threads <= 64; threads *= 32) { // 64: more than processors, no spinning
    cellc_runtime_t *runtime = open_runtime(threads);
    cellc_module_t *module = load(runtime, "slow", 4, 1);
    for (int i = 0; i < 5; i++) {
      check_counts(module, 4, 1);
      nanosleep(&(struct timespec){0, 2000000}, NULL);
    }
    cellc_module_release(module);
    cellc_runtime_release(runtime);
  }
}

// A thread that is done takes over blocks of one that is not.
static void blocks_change_hands(void) {
  cellc_runtime_t *runtime = open_runtime(2);
  cellc_module_t *module = load(runtime, "waiting", 6, 1);
  for (int i = 0; i < 20; i++)
    check_counts(module, 6, 1);
  cellc_module_release(module);
  cellc_runtime_release(runtime);
}

static void every_thread_takes_denormals_for_zero(void) {
#if defined(__SSE__) || defined(__aarch64__)
  cellc_runtime_t *runtime = open_runtime(4);
  cellc_module_t *module = load(runtime, "tiny", 8, 1);
  check_counts(module, 8, 0);
  cellc_module_release(module);
  cellc_runtime_release(runtime);
#endif
}

typedef struct {
  cellc_runtime_t *runtime;
  int rounds;
} caller_t;

static void *call_often(void *argument) {
  caller_t *caller = argument;
  cellc_module_t *module = load(caller->runtime, "count", 33, 3);
  for (int i = 0; i < caller->rounds; i++)
    check_counts(module, 33, 3);
  cellc_module_release(module);
  return NULL;
}

static void run_callers(cellc_runtime_t *const *runtimes, int count) {
  pthread_t threads[4];
  caller_t callers[4];
  for (int i = 0; i < count; i++) {
    callers[i] = (caller_t){runtimes[i], 50};
    CHECK(pthread_create(&threads[i], NULL, call_often, &callers[i]) == 0);
  }
  for (int i = 0; i < count; i++)
    pthread_join(threads[i], NULL);
}

static void callers_may_share_a_runtime(void) {
  cellc_runtime_t *runtime = open_runtime(3);
  run_callers((cellc_runtime_t *const[]){runtime, runtime, runtime, runtime}, 4);
  cellc_runtime_release(runtime);
}

static void callers_may_have_their_own(void) {
  cellc_runtime_t *runtimes[] = {open_runtime(2), open_runtime(3)};
  run_callers(runtimes, 2);
  cellc_runtime_release(runtimes[0]);
  cellc_runtime_release(runtimes[1]);
}

static void *run_shared(void *module) {
  for (int i = 0; i < 50; i++)
    check_counts(module, 9, 2); // into an array of this thread
  return NULL;
}

static void one_module_may_be_shared(void) {
  cellc_runtime_t *runtime = open_runtime(2);
  cellc_module_t *module = load(runtime, "count", 9, 2);
  pthread_t threads[3];
  for (int i = 0; i < 3; i++)
    CHECK(pthread_create(&threads[i], NULL, run_shared, module) == 0);
  for (int i = 0; i < 3; i++)
    pthread_join(threads[i], NULL);
  cellc_module_release(module);
  cellc_runtime_release(runtime);
}

int main(void) {
  RUN(every_block_runs_once);
  RUN(sleepers_wake_up);
  RUN(blocks_change_hands);
  RUN(every_thread_takes_denormals_for_zero);
  RUN(callers_may_share_a_runtime);
  RUN(callers_may_have_their_own);
  RUN(one_module_may_be_shared);
  return 0;
}
