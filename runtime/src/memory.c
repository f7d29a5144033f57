#include "internal.h"

#include <stdlib.h>
#include <string.h>

static void *libc_allocate(void *state, size_t size, size_t alignment) {
  (void)state;
  if (alignment <= _Alignof(max_align_t))
    return malloc(size);
  size_t rounded = (size + alignment - 1) / alignment * alignment;
  return rounded < size ? NULL : aligned_alloc(alignment, rounded);
}

static void libc_release(void *state, void *memory) {
  (void)state;
  free(memory);
}

static const cellc_allocator_t libc_allocator = {libc_allocate, libc_release, NULL};
static cellc_allocator_t current = {libc_allocate, libc_release, NULL};
static atomic_uint_fast64_t allocations;

void cellc_set_allocator(const cellc_allocator_t *allocator) {
  current = allocator ? *allocator : libc_allocator;
}

uint64_t cellc_allocation_count(void) { return atomic_load_explicit(&allocations, memory_order_relaxed); }

void *cellci_allocate_raw(size_t size, size_t alignment) {
  size_t bytes = size ? size : 1;
  atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
  void *memory = current.allocate(current.state, bytes, alignment);
  if (!memory)
    cellci_fail(CELLC_OUT_OF_MEMORY, "cannot allocate %zu bytes", bytes);
  return memory;
}

void *cellci_allocate(size_t count, size_t size, size_t alignment) {
  void *memory = cellci_allocate_raw(count * size, alignment);
  if (memory)
    memset(memory, 0, count * size);
  return memory;
}

void cellci_release(void *memory) {
  if (memory)
    current.release(current.state, memory);
}
