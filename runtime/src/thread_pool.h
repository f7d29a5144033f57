// A fixed set of threads that run the blocks of one grid at a time.
#ifndef CELLC_THREAD_POOL_H
#define CELLC_THREAD_POOL_H

#include "internal.h"

typedef struct cellci_pool cellci_pool_t;

// `threads` counts the caller, from 1.
cellc_status_t cellci_pool_create(uint32_t threads, cellci_pool_t **out_pool);
void cellci_pool_destroy(cellci_pool_t *pool);

uint32_t cellci_pool_thread_count(const cellci_pool_t *pool);

// Gives every thread at least this much scratch. Not while a grid runs.
cellc_status_t cellci_pool_reserve_scratch(cellci_pool_t *pool, uint64_t bytes);

// Runs blocks 0..blocks-1 and returns when all are done. One caller at a time. Allocates nothing.
void cellci_pool_run(cellci_pool_t *pool, cellc_kernel_fn kernel, void *const *buffers, const int64_t *dims,
                     int64_t blocks);

#endif // CELLC_THREAD_POOL_H
