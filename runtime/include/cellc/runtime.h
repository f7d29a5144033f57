// A runtime: an opened device (for the CPU, a thread pool) on which modules are loaded.
#ifndef CELLC_RUNTIME_H
#define CELLC_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#include "cellc/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cellc_runtime cellc_runtime_t;

typedef struct cellc_runtime_options {
  const char *driver; // NULL for "cpu"
  uint32_t device;    // which device of the driver
  uint32_t threads;   // CPU: the pool's size with the caller; 0 for CELLC_NUM_THREADS, else the
                      // processors this process may run on
} cellc_runtime_options_t;

// Opens a device. `options` may be NULL. The caller owns the result and releases it.
// Fails with NOT_FOUND (no such driver), OUT_OF_MEMORY, DEVICE_FAILURE, INVALID_ARGUMENT (a
// CELLC_NUM_THREADS that is not a number from 1 to 1024).
CELLC_API cellc_status_t cellc_runtime_create(const cellc_runtime_options_t *options,
                                              cellc_runtime_t **out_runtime);

// Share or give up ownership; any thread. The last release closes the device. NULL is ignored.
CELLC_API void cellc_runtime_retain(cellc_runtime_t *runtime);
CELLC_API void cellc_runtime_release(cellc_runtime_t *runtime);

// How many threads run blocks, the caller's included.
CELLC_API uint32_t cellc_runtime_thread_count(const cellc_runtime_t *runtime);

// How often the library has allocated memory in this process, over all runtimes; any thread. It does
// not change while modules run.
CELLC_API uint64_t cellc_allocation_count(void);

// Where the library takes its memory from. `allocate` returns memory of the alignment (a power of
// two) or NULL. Both functions may be called from any thread.
typedef struct cellc_allocator {
  void *(*allocate)(void *state, size_t size, size_t alignment);
  void (*release)(void *state, void *memory);
  void *state;
} cellc_allocator_t;

// Replaces the allocator, NULL for the C library's. Call it while no object of the library exists.
CELLC_API void cellc_set_allocator(const cellc_allocator_t *allocator);

#ifdef __cplusplus
}
#endif
#endif // CELLC_RUNTIME_H
