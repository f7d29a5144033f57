// NumPy's .npy files, versions 1.0 and 2.0, for the dtypes of the runtime. Strict: what is not
// exactly understood is refused with a message.
#ifndef CELLC_NPY_H
#define CELLC_NPY_H

#include <stdbool.h>
#include <stdio.h>

#include "cellc/array.h"

typedef struct {
  cellc_dtype_t dtype;
  size_t rank;
  int64_t shape[CELLC_MAX_RANK];
} npy_type_t;

typedef struct {
  char text[512];
} npy_error_t;

// Reads a file of exactly `type`, `size` bytes, into `data`. On failure says why, file name first.
bool npy_read(const char *path, const char *name, const npy_type_t *type, void *data, uint64_t size,
              npy_error_t *error);
// The same from a stream, without the file name in the message.
bool npy_read_stream(FILE *file, const char *name, const npy_type_t *type, void *data, uint64_t size,
                     npy_error_t *error);

// Writes a version 1.0 file. On failure a regular file is removed.
bool npy_write(const char *path, const npy_type_t *type, const void *data, uint64_t size, npy_error_t *error);

// "f32[2,3]" into `text`; the returned pointer is `text`.
const char *npy_type_text(const npy_type_t *type, char *text, size_t room);

const char *npy_dtype_name(cellc_dtype_t dtype);
const char *npy_descr(cellc_dtype_t dtype);

// Parses the dictionary of a header. `header` ends with a zero byte.
bool npy_parse_header(const char *header, npy_type_t *out_type, npy_error_t *error);

#endif // CELLC_NPY_H
