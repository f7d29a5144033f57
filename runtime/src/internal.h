// What the runtime's files share; none of it is visible outside the library.
#ifndef CELLC_INTERNAL_H
#define CELLC_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cellc/array.h"
#include "cellc/driver.h"
#include "cellc/module.h"
#include "cellc/runtime.h"

#define CELLCI_ALIGNMENT 64u
#define CELLCI_MAX_BYTES ((uint64_t)1 << 47)
#define CELLCI_MAX_THREADS 1024u

// Sets the thread's message and returns `status`.
cellc_status_t cellci_fail(cellc_status_t status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Memory from the allocator, NULL with the message set if there is none; counted. A size of zero
// gives memory as well.
void *cellci_allocate_raw(size_t size, size_t alignment);
// The same, zero-filled: for the runtime's own records. `count * size` may not overflow.
void *cellci_allocate(size_t count, size_t size, size_t alignment);
void cellci_release(void *memory);

uint32_t cellci_crc32(uint32_t crc, const uint8_t *data, size_t size);

// 0 for a code that is none.
uint32_t cellci_item_size(uint32_t dtype);

// The bytes of an array, or false if an extent is negative or the size is above CELLCI_MAX_BYTES.
bool cellci_array_bytes(uint32_t dtype, size_t rank, const int64_t *shape, uint64_t *out_size);

const cellc_driver_t *cellci_cpu_driver(void);

struct cellc_runtime {
  atomic_uint references;
  const cellc_driver_t *driver;
  void *device;
  pthread_mutex_t lock; // held for every call on the device
};

#endif // CELLC_INTERNAL_H
