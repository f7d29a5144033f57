// A program with every kind of buffer and command, and its kernels.
//   t = x + w (kernel add, 8 blocks); u = copy of t; y = u * c (kernel mul); w = copy of t; z = fill 0.5
#ifndef CELLC_TEST_SAMPLE_H
#define CELLC_TEST_SAMPLE_H

#include "builder.h"
#include "cellc/module.h"

#define SAMPLE_EXTENT 8

void sample_blob(blob_t *blob);
extern const cellc_kernel_table_t sample_kernels;

// Loads `blob` and frees it again, returning the status of the load.
cellc_status_t sample_load(const void *data, size_t size);

#endif // CELLC_TEST_SAMPLE_H
