// Arrays: typed memory of a runtime's device.
#ifndef CELLC_ARRAY_H
#define CELLC_ARRAY_H

#include "cellc/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

// Element types, with the codes that programs use.
typedef enum cellc_dtype {
  CELLC_F16 = 0,
  CELLC_BF16 = 1,
  CELLC_F32 = 2,
  CELLC_F64 = 3,
  CELLC_I8 = 4,
  CELLC_I16 = 5,
  CELLC_I32 = 6,
  CELLC_I64 = 7,
  CELLC_U8 = 8,
  CELLC_BOOL = 9, // one byte, 0 or 1
} cellc_dtype_t;

#define CELLC_MAX_RANK 16

typedef struct cellc_array cellc_array_t;

// A zero-filled row-major array of `rank` extents. The caller owns it; it keeps the runtime alive.
// Fails with INVALID_ARGUMENT (dtype, rank, a negative extent, a size above 2^47), OUT_OF_MEMORY.
CELLC_API cellc_status_t cellc_array_create(cellc_runtime_t *runtime, cellc_dtype_t dtype, size_t rank,
                                            const int64_t *shape, cellc_array_t **out_array);

// Share or give up ownership; any thread. NULL is ignored.
CELLC_API void cellc_array_retain(cellc_array_t *array);
CELLC_API void cellc_array_release(cellc_array_t *array);

// Its elements: 64-byte aligned host memory on the CPU, a device address on other drivers.
CELLC_API void *cellc_array_data(const cellc_array_t *array);

// Its size in bytes.
CELLC_API uint64_t cellc_array_size(const cellc_array_t *array);

#ifdef __cplusplus
}
#endif
#endif // CELLC_ARRAY_H
