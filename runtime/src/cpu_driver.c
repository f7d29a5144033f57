// The CPU as a device: memory is the host's, kernels are functions of this process, and every call
// is done when it returns.
#if defined(__linux__)
#define _GNU_SOURCE // sched_getaffinity
#include <sched.h>
#endif

#include "internal.h"
#include "thread_pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint32_t available_processors(void) {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0)
    return (uint32_t)CPU_COUNT(&set);
#endif
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? (uint32_t)online : 1;
}

static cellc_status_t parse_thread_count(const char *text, uint32_t *out_threads) {
  char *end;
  errno = 0;
  long value = strtol(text, &end, 10);
  if (errno || end == text || *end || value < 1 || value > (long)CELLCI_MAX_THREADS)
    return cellci_fail(CELLC_INVALID_ARGUMENT, "CELLC_NUM_THREADS is \"%s\", not a number from 1 to %u", text,
                       CELLCI_MAX_THREADS);
  *out_threads = (uint32_t)value;
  return CELLC_OK;
}

static cellc_status_t choose_thread_count(uint32_t asked, uint32_t *out_threads) {
  const char *text = getenv("CELLC_NUM_THREADS");
  if (asked > CELLCI_MAX_THREADS)
    return cellci_fail(CELLC_INVALID_ARGUMENT, "%u threads asked for, at most %u", (unsigned)asked,
                       CELLCI_MAX_THREADS);
  if (!asked && text && *text)
    return parse_thread_count(text, out_threads);
  uint32_t threads = asked ? asked : available_processors();
  *out_threads = threads > CELLCI_MAX_THREADS ? CELLCI_MAX_THREADS : threads;
  return CELLC_OK;
}

static cellc_status_t cpu_open(const cellc_runtime_options_t *options, void **out_device) {
  uint32_t threads = 1;
  if (options->device)
    return cellci_fail(CELLC_INVALID_ARGUMENT, "the CPU is device 0, not %u", (unsigned)options->device);
  cellc_status_t status = choose_thread_count(options->threads, &threads);
  if (status != CELLC_OK)
    return status;
  cellci_pool_t *pool = NULL;
  status = cellci_pool_create(threads, &pool);
  *out_device = pool;
  return status;
}

static void cpu_close(void *device) { cellci_pool_destroy(device); }

static cellc_status_t cpu_allocate(void *device, uint64_t size, void **out_memory) {
  (void)device;
  *out_memory = cellci_allocate_raw(size, CELLCI_ALIGNMENT);
  return *out_memory ? CELLC_OK : CELLC_OUT_OF_MEMORY;
}

static void cpu_release(void *device, void *memory) {
  (void)device;
  cellci_release(memory);
}

static cellc_status_t cpu_copy(void *device, void *target, const void *source, uint64_t size,
                               cellc_copy_kind_t kind) {
  (void)device;
  (void)kind;
  memmove(target, source, size); // views of one arena may overlap
  return CELLC_OK;
}

static cellc_status_t cpu_fill(void *device, void *target, const void *pattern, uint32_t pattern_size,
                               uint64_t size) {
  (void)device;
  if (pattern_size == 1) {
    memset(target, *(const uint8_t *)pattern, size);
    return CELLC_OK;
  }
  for (uint64_t at = 0; at < size; at += pattern_size)
    memcpy((uint8_t *)target + at, pattern, pattern_size);
  return CELLC_OK;
}

// A kernel's handle is its table's function; POSIX lets it pass through a void pointer.
static cellc_status_t cpu_load(void *device, const cellc_kernel_table_t *table, uint32_t entry,
                               uint64_t scratch_bytes, void **out_kernel) {
  cellc_kernel_fn function = table->entries[entry].function;
  if (!function)
    return cellci_fail(CELLC_NOT_FOUND, "kernel %s has no function for the CPU", table->entries[entry].name);
  memcpy(out_kernel, &function, sizeof function);
  return cellci_pool_reserve_scratch(device, scratch_bytes);
}

static cellc_status_t cpu_launch(void *device, const cellc_launch_t *launch) {
  cellc_kernel_fn function;
  memcpy(&function, &launch->kernel, sizeof function);
  cellci_pool_run(device, function, launch->buffers, launch->dims, launch->blocks);
  return CELLC_OK;
}

static uint32_t cpu_thread_count(void *device) { return cellci_pool_thread_count(device); }

const cellc_driver_t *cellci_cpu_driver(void) {
  static const cellc_driver_t driver = {
      .abi_version = CELLC_DRIVER_ABI_VERSION,
      .struct_size = sizeof(cellc_driver_t),
      .name = "cpu",
      .open = cpu_open,
      .close = cpu_close,
      .allocate = cpu_allocate,
      .release = cpu_release,
      .copy = cpu_copy,
      .fill = cpu_fill,
      .load = cpu_load,
      .launch = cpu_launch,
      .thread_count = cpu_thread_count,
  };
  return &driver;
}
