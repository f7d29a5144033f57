#include "npy.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#define PREFIX_SIZE 10u // magic, version, header size

// The header as NumPy writes it: padded with spaces so that the data starts at a multiple of 64.
static size_t make_header(const npy_type_t *type, char *text, size_t room) {
  size_t used = (size_t)snprintf(text, room, "{'descr': '%s', 'fortran_order': False, 'shape': (",
                                 npy_descr(type->dtype));
  for (size_t axis = 0; axis < type->rank; axis++)
    used += (size_t)snprintf(text + used, room - used, "%s%" PRId64, axis ? ", " : "", type->shape[axis]);
  used += (size_t)snprintf(text + used, room - used, type->rank == 1 ? ",), }" : "), }");
  while ((PREFIX_SIZE + used + 1) % 64)
    text[used++] = ' ';
  text[used++] = '\n';
  return used;
}

static bool write_stream(FILE *file, const npy_type_t *type, const void *data, uint64_t size) {
  char header[1024]; // 16 extents of at most 21 characters and the rest fit
  size_t length = make_header(type, header, sizeof header);
  const uint8_t prefix[PREFIX_SIZE] = {
      0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (uint8_t)length, (uint8_t)(length >> 8)};
  return fwrite(prefix, 1, sizeof prefix, file) == sizeof prefix &&
         fwrite(header, 1, length, file) == length && fwrite(data, 1, size, file) == size;
}

bool npy_write(const char *path, const npy_type_t *type, const void *data, uint64_t size,
               npy_error_t *error) {
  FILE *file = fopen(path, "wb");
  if (!file) {
    snprintf(error->text, sizeof error->text, "%.200s: cannot be written: %s", path, strerror(errno));
    return false;
  }
  struct stat status; // a device such as /dev/full is not ours to remove
  bool is_file = fstat(fileno(file), &status) == 0 && S_ISREG(status.st_mode);
  bool written = write_stream(file, type, data, size);
  int reason = errno;
  bool closed = fclose(file) == 0; // the last bytes go out here
  if (written && closed)
    return true;
  if (written)
    reason = errno;
  snprintf(error->text, sizeof error->text, "%.200s: cannot be written: %s", path, strerror(reason));
  if (is_file)
    remove(path);
  return false;
}
