// Drivers: what the runtime needs of a device. A driver is a table of functions that registers
// itself by one call; the runtime knows no target. The CPU driver is always registered.
#ifndef CELLC_DRIVER_H
#define CELLC_DRIVER_H

#include "cellc/module_abi.h"
#include "cellc/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CELLC_DRIVER_ABI_VERSION 1u

typedef enum cellc_copy_kind {
  CELLC_COPY_HOST_TO_DEVICE = 0,
  CELLC_COPY_DEVICE_TO_HOST = 1,
  CELLC_COPY_DEVICE_TO_DEVICE = 2,
} cellc_copy_kind_t;

// One launch: `kernel` is what `load` gave. `buffers` and `dims` stay in place, with equal `dims`,
// for the life of the module, so a driver may keep a prepared launch for them.
typedef struct cellc_launch {
  void *kernel;
  void *const *buffers;
  const int64_t *dims; // NULL if dim_count is 0
  uint32_t buffer_count;
  uint32_t dim_count;
  int64_t blocks; // above 0
} cellc_launch_t;

// Devices work through one queue, in order: `copy`, `fill` and `launch` may return before they are
// done, `synchronize` waits. On failure a slot calls cellc_driver_fail with its message and returns
// the code. The runtime makes all calls on one device one at a time.
typedef struct cellc_driver {
  uint32_t abi_version; // CELLC_DRIVER_ABI_VERSION
  uint32_t struct_size; // sizeof(cellc_driver_t): slots past it count as NULL
  const char *name;     // static

  // Required. open: `device` is NULL-initialised; a missing library is NOT_FOUND with advice.
  cellc_status_t (*open)(const cellc_runtime_options_t *options, void **out_device);
  void (*close)(void *device);
  // Memory that kernels can address, 64-byte aligned; size above 0.
  cellc_status_t (*allocate)(void *device, uint64_t size, void **out_memory);
  void (*release)(void *device, void *memory);
  cellc_status_t (*copy)(void *device, void *target, const void *source, uint64_t size,
                         cellc_copy_kind_t kind);
  // Repeats the `pattern_size` (1, 2, 4 or 8) bytes over `size` bytes, a multiple of it.
  cellc_status_t (*fill)(void *device, void *target, const void *pattern, uint32_t pattern_size,
                         uint64_t size);
  // Prepares one kernel of the table; `scratch_bytes` is what each worker needs for it.
  cellc_status_t (*load)(void *device, const cellc_kernel_table_t *table, uint32_t entry,
                         uint64_t scratch_bytes, void **out_kernel);
  cellc_status_t (*launch)(void *device, const cellc_launch_t *launch);

  // Optional. synchronize: NULL if every call is done when it returns.
  cellc_status_t (*synchronize)(void *device);
  void (*unload)(void *device, void *kernel);
  uint32_t (*thread_count)(void *device); // NULL: 1
} cellc_driver_t;

// Makes a driver known under its name. The table must outlive the process's use of the library.
// Fails with UNSUPPORTED (version), INVALID_ARGUMENT (a required slot is NULL, the name is taken).
CELLC_API cellc_status_t cellc_driver_register(const cellc_driver_t *driver);

// For drivers: sets this thread's message and returns `status`.
CELLC_API cellc_status_t cellc_driver_fail(cellc_status_t status, const char *message);

#ifdef __cplusplus
}
#endif
#endif // CELLC_DRIVER_H
