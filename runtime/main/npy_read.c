#include "npy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_HEADER 65536u // NumPy's own are below 1 KiB

static bool fail(npy_error_t *error, const char *problem) {
  snprintf(error->text, sizeof error->text, "%s", problem);
  return false;
}

static bool read_exactly(FILE *file, void *data, size_t size, npy_error_t *error) {
  if (fread(data, 1, size, file) == size)
    return true;
  return fail(error, ferror(file) ? "cannot be read" : "is cut off");
}

static bool read_header_size(FILE *file, uint32_t *out_size, npy_error_t *error) {
  uint8_t prefix[8], size[4] = {0};
  if (!read_exactly(file, prefix, sizeof prefix, error))
    return false;
  if (memcmp(prefix, "\x93NUMPY", 6) != 0)
    return fail(error, "is not a .npy file");
  if ((prefix[6] != 1 && prefix[6] != 2) || prefix[7] != 0)
    return fail(error, "is a .npy file of a version other than 1.0 and 2.0");
  if (!read_exactly(file, size, prefix[6] == 1 ? 2 : 4, error))
    return false;
  *out_size = size[0] | (uint32_t)size[1] << 8 | (uint32_t)size[2] << 16 | (uint32_t)size[3] << 24;
  return *out_size <= MAX_HEADER || fail(error, "has a header of more than 64 KiB");
}

static bool read_header(FILE *file, npy_type_t *out_type, npy_error_t *error) {
  uint32_t size;
  if (!read_header_size(file, &size, error))
    return false;
  char *header = malloc((size_t)size + 1);
  if (!header)
    return fail(error, "no memory for its header");
  header[size] = 0;
  npy_error_t problem;
  bool ok = read_exactly(file, header, size, error);
  if (ok && !npy_parse_header(header, out_type, &problem)) {
    snprintf(error->text, sizeof error->text, "bad .npy header: %.400s", problem.text);
    ok = false;
  }
  free(header);
  return ok;
}

static bool same_type(const npy_type_t *a, const npy_type_t *b) {
  return a->dtype == b->dtype && a->rank == b->rank &&
         memcmp(a->shape, b->shape, a->rank * sizeof a->shape[0]) == 0;
}

static bool check_booleans(const uint8_t *data, uint64_t size, npy_error_t *error) {
  for (uint64_t i = 0; i < size; i++)
    if (data[i] > 1)
      return fail(error, "has a bool that is neither 0 nor 1");
  return true;
}

bool npy_read_stream(FILE *file, const char *name, const npy_type_t *type, void *data, uint64_t size,
                     npy_error_t *error) {
  npy_type_t found;
  if (!read_header(file, &found, error))
    return false;
  if (!same_type(&found, type)) {
    char wanted_text[128], found_text[128];
    snprintf(error->text, sizeof error->text, "has %s, input %.64s needs %s",
             npy_type_text(&found, found_text, sizeof found_text), name,
             npy_type_text(type, wanted_text, sizeof wanted_text));
    return false;
  }
  if (!read_exactly(file, data, size, error))
    return false;
  if (fgetc(file) != EOF)
    return fail(error, "has bytes after its array");
  return type->dtype != CELLC_BOOL || check_booleans(data, size, error);
}

bool npy_read(const char *path, const char *name, const npy_type_t *type, void *data, uint64_t size,
              npy_error_t *error) {
  npy_error_t problem;
  FILE *file = fopen(path, "rb");
  if (!file) {
    snprintf(error->text, sizeof error->text, "%.200s: cannot be opened: %s", path, strerror(errno));
    return false;
  }
  bool ok = npy_read_stream(file, name, type, data, size, &problem);
  fclose(file);
  if (!ok)
    snprintf(error->text, sizeof error->text, "%.150s: %.350s", path, problem.text);
  return ok;
}
