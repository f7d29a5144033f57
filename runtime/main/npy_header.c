// The header of a .npy file: a Python dictionary with the keys descr, fortran_order and shape.
#include "npy.h"

#include <inttypes.h>
#include <string.h>

static const struct {
  const char *name, *descr;
} dtypes[] = {
    // bf16 has no NumPy code: ml_dtypes writes it as two raw bytes.
    {"f16", "<f2"}, {"bf16", "<V2"}, {"f32", "<f4"}, {"f64", "<f8"}, {"i8", "|i1"},
    {"i16", "<i2"}, {"i32", "<i4"},  {"i64", "<i8"}, {"u8", "|u1"},  {"bool", "|b1"},
};
#define DTYPE_COUNT (sizeof dtypes / sizeof dtypes[0])

const char *npy_dtype_name(cellc_dtype_t dtype) { return dtypes[dtype].name; }
const char *npy_descr(cellc_dtype_t dtype) { return dtypes[dtype].descr; }

const char *npy_type_text(const npy_type_t *type, char *text, size_t room) {
  size_t used = (size_t)snprintf(text, room, "%s[", npy_dtype_name(type->dtype));
  for (size_t axis = 0; axis < type->rank && used < room; axis++)
    used += (size_t)snprintf(text + used, room - used, "%s%" PRId64, axis ? "," : "", type->shape[axis]);
  if (used < room)
    snprintf(text + used, room - used, "]");
  return text;
}

static bool fail(npy_error_t *error, const char *problem, const char *what) {
  snprintf(error->text, sizeof error->text, "%s%.64s", problem, what);
  return false;
}

static void skip_spaces(const char **at) {
  while (**at == ' ')
    ++*at;
}

static bool take(const char **at, const char *token) {
  skip_spaces(at);
  size_t length = strlen(token);
  if (strncmp(*at, token, length) != 0)
    return false;
  *at += length;
  return true;
}

static bool parse_descr(const char **at, npy_type_t *type, npy_error_t *error) {
  char descr[8] = "";
  if (!take(at, "'"))
    return fail(error, "its dtype is not a plain one: ", *at);
  size_t length = strcspn(*at, "'");
  if (length >= sizeof descr || (*at)[length] != '\'')
    return fail(error, "unknown dtype '", *at);
  memcpy(descr, *at, length);
  *at += length + 1;
  for (size_t i = 0; i < DTYPE_COUNT; i++)
    if (strcmp(descr, dtypes[i].descr) == 0) {
      type->dtype = (cellc_dtype_t)i;
      return true;
    }
  if (descr[0] == '>')
    return fail(error, "big-endian data is not supported: dtype ", descr);
  return fail(error, "unsupported dtype ", descr);
}

static bool parse_extent(const char **at, int64_t *out_extent) {
  int64_t value = 0;
  if (**at < '0' || **at > '9')
    return false;
  for (; **at >= '0' && **at <= '9'; ++*at) {
    if (value > INT64_MAX / 10 - 1)
      return false;
    value = value * 10 + (**at - '0');
  }
  *out_extent = value;
  return true;
}

static bool parse_shape(const char **at, npy_type_t *type, npy_error_t *error) {
  type->rank = 0;
  if (!take(at, "("))
    return fail(error, "its shape is not a tuple: ", *at);
  while (!take(at, ")")) {
    if (type->rank == CELLC_MAX_RANK)
      return fail(error, "its rank is above 16", "");
    if (!parse_extent(at, &type->shape[type->rank]))
      return fail(error, "bad extent in its shape: ", *at);
    type->rank++;
    bool comma = take(at, ",");
    skip_spaces(at);
    if (!comma && (**at != ')' || type->rank == 1))
      return fail(error, "its shape is not a tuple: ", *at);
  }
  return true;
}

static bool parse_order(const char **at, npy_error_t *error) {
  if (take(at, "False"))
    return true;
  if (take(at, "True"))
    return fail(error, "the array is in Fortran order; save it with numpy.ascontiguousarray", "");
  return fail(error, "its fortran_order is neither True nor False: ", *at);
}

// One `key: value`; `seen` has a bit for each key.
static bool parse_item(const char **at, npy_type_t *type, unsigned *seen, npy_error_t *error) {
  static const char *const keys[] = {"'descr'", "'fortran_order'", "'shape'"};
  for (unsigned key = 0; key < 3; key++) {
    if (!take(at, keys[key]))
      continue;
    if (*seen & 1u << key)
      return fail(error, "its header repeats ", keys[key]);
    *seen |= 1u << key;
    if (!take(at, ":"))
      return fail(error, "no colon in its header: ", *at);
    skip_spaces(at);
    if (key == 0)
      return parse_descr(at, type, error);
    return key == 1 ? parse_order(at, error) : parse_shape(at, type, error);
  }
  return fail(error, "unknown key in its header: ", *at);
}

bool npy_parse_header(const char *header, npy_type_t *out_type, npy_error_t *error) {
  unsigned seen = 0;
  if (!take(&header, "{"))
    return fail(error, "its header is not a dictionary: ", header);
  while (!take(&header, "}")) {
    if (!parse_item(&header, out_type, &seen, error))
      return false;
    bool comma = take(&header, ",");
    skip_spaces(&header);
    if (!comma && *header != '}')
      return fail(error, "its header is not a dictionary: ", header);
  }
  if (seen != 7)
    return fail(error, "its header lacks descr, fortran_order or shape", "");
  skip_spaces(&header);
  return strcmp(header, "\n") == 0 || fail(error, "its header has text after the dictionary: ", header);
}
