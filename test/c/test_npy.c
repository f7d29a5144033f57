// The .npy reader and writer of standalone binaries.
#define _GNU_SOURCE // fopencookie
#include "check.h"
#include "npy.h"

#include <unistd.h>

static npy_type_t type = {CELLC_F32, 2, {2, 3}};
static npy_error_t error;

static void headers(void) {
  static const struct {
    const char *text, *problem; // NULL: good
  } cases[] = {
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   \n", NULL},
      {"{'shape':(2,3),'fortran_order':False,'descr':'<f4'}\n", NULL},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3,), }\n", NULL},
      {"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }\n", "Fortran order"},
      {"{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2, 3), }\n", "neither True nor False"},
      {"{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3), }\n", "big-endian"},
      {"{'descr': '<c8', 'fortran_order': False, 'shape': (2, 3), }\n", "unsupported dtype <c8"},
      {"{'descr': '|O', 'fortran_order': False, 'shape': (2, 3), }\n", "unsupported dtype |O"},
      {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }\n", "not a plain one"},
      {"{'descr': '<f4aaaaaaaaaaaaaaa', 'fortran_order': False, 'shape': (2,), }\n", "unknown dtype"},
      {"{'descr': '<f4", "unknown dtype"},
      {"{'descr': '<f4', 'fortran_order': False}\n", "lacks"},
      {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': ()}\n", "repeats 'descr'"},
      {"{'descr' '<f4', 'fortran_order': False, 'shape': ()}\n", "no colon"},
      {"{'descr': '<f4', 'order': False, 'shape': ()}\n", "unknown key"},
      {"{'descr': '<f4' 'fortran_order': False, 'shape': ()}\n", "not a dictionary"},
      {"['descr']\n", "not a dictionary"},
      {"", "not a dictionary"},
      {"{", "unknown key"},
      {"{'shape': 3", "not a tuple"},
      {"{'shape': (3)", "not a tuple"},
      {"{'shape': (3 4)", "not a tuple"},
      {"{'shape': (-3,)", "bad extent"},
      {"{'shape': (,)", "bad extent"},
      {"{'shape': (99999999999999999999,)", "bad extent"},
      {"{'shape': (1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)", "rank is above 16"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } x\n", "text after"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", "text after"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    npy_type_t found;
    bool ok = npy_parse_header(cases[i].text, &found, &error);
    if (ok != !cases[i].problem || (!ok && !strstr(error.text, cases[i].problem)))
      fprintf(stderr, "%s -> %s\n", cases[i].text, ok ? "accepted" : error.text);
    CHECK(ok == !cases[i].problem);
    CHECK(ok ? found.dtype == CELLC_F32 && found.rank == 2 && found.shape[1] == 3
             : strstr(error.text, cases[i].problem) != NULL);
  }
}

static void round_trips(void) {
  static const int64_t extents[] = {2, 3, 1};
  for (int dtype = CELLC_F16; dtype <= CELLC_BOOL; dtype++)
    for (size_t rank = 0; rank <= 3; rank++) {
      npy_type_t written = {(cellc_dtype_t)dtype, rank, {0}};
      memcpy(written.shape, extents, rank * sizeof *extents);
      uint64_t size = (uint64_t)(npy_descr(written.dtype)[2] - '0');
      for (size_t axis = 0; axis < rank; axis++)
        size *= (uint64_t)extents[axis];
      uint8_t data[64], back[64] = {0};
      for (size_t i = 0; i < sizeof data; i++)
        data[i] = i % 2;
      CHECK(npy_write("round.npy", &written, data, size, &error));
      CHECK(npy_read("round.npy", "x", &written, back, size, &error));
      CHECK(memcmp(data, back, size) == 0);
    }
  remove("round.npy");
}

static size_t save(uint8_t *file, size_t room) {
  const float data[6] = {1, 2, 3, 4, 5, 6};
  CHECK(npy_write("saved.npy", &type, data, sizeof data, &error));
  FILE *stream = fopen("saved.npy", "rb");
  size_t size = fread(file, 1, room, stream);
  fclose(stream);
  remove("saved.npy");
  CHECK(size == 128 + sizeof data);
  return size;
}

static bool read_bytes(uint8_t *file, size_t size, const npy_type_t *wanted) {
  float data[6];
  FILE *stream = fmemopen(file, size, "rb");
  bool ok = npy_read_stream(stream, "x", wanted, data, sizeof data, &error);
  fclose(stream);
  return ok;
}

static void refuse(uint8_t *file, size_t size, const char *problem) {
  CHECK(!read_bytes(file, size, &type));
  CHECK(strstr(error.text, problem));
}

static void damaged_files(void) {
  uint8_t file[256];
  size_t size = save(file, sizeof file);
  CHECK(read_bytes(file, size, &type));
  for (size_t cut = 1; cut < size; cut++)
    refuse(file, cut, "is cut off");
  refuse(file, size + 1, "bytes after");
  file[6] = 3;
  refuse(file, size, "version");
  file[6] = 1;
  file[7] = 1;
  refuse(file, size, "version");
  file[7] = 0;
  file[0] = 'x';
  refuse(file, size, "not a .npy file");
}

static void version_two(void) {
  uint8_t file[256];
  size_t size = save(file, sizeof file);
  memmove(file + 12, file + 10, size - 10); // the header's size has two bytes more
  file[6] = 2;
  file[10] = file[11] = 0;
  CHECK(read_bytes(file, size + 2, &type));
  file[10] = 1;
  refuse(file, size + 2, "64 KiB");
}

static void wrong_types_name_both(void) {
  uint8_t file[256];
  size_t size = save(file, sizeof file);
  const npy_type_t others[] = {{CELLC_I32, 2, {2, 3}}, {CELLC_F32, 2, {3, 2}}, {CELLC_F32, 1, {6}}};
  for (int i = 0; i < 3; i++) {
    CHECK(!read_bytes(file, size, &others[i]));
    char text[64];
    CHECK(strstr(error.text, "has f32[2,3], input x needs"));
    CHECK(strstr(error.text, npy_type_text(&others[i], text, sizeof text)));
  }
}

static void booleans_are_checked(void) {
  npy_type_t booleans = {CELLC_BOOL, 1, {3}};
  uint8_t data[3] = {0, 1, 2};
  CHECK(npy_write("bool.npy", &booleans, data, 3, &error));
  CHECK(!npy_read("bool.npy", "x", &booleans, data, 3, &error));
  CHECK(strstr(error.text, "bool.npy: has a bool that is neither"));
  remove("bool.npy");
}

typedef struct {
  const uint8_t *data;
  size_t left, good_reads;
} cookie_t;

static ssize_t failing_read(void *opaque, char *target, size_t size) {
  cookie_t *cookie = opaque;
  if (!cookie->good_reads--)
    return -1;
  size_t part = size < 7 ? size : 7; // short reads, too
  if (part > cookie->left)
    part = cookie->left;
  memcpy(target, cookie->data, part);
  cookie->data += part;
  cookie->left -= part;
  return (ssize_t)part;
}

static void failing_reads(void) {
  uint8_t file[256];
  size_t size = save(file, sizeof file);
  float data[6];
  bool ok = false;
  for (size_t reads = 0; !ok; reads++) {
    cookie_t cookie = {file, size, reads};
    FILE *stream = fopencookie(&cookie, "rb", (cookie_io_functions_t){.read = failing_read});
    setvbuf(stream, NULL, _IONBF, 0);
    ok = npy_read_stream(stream, "x", &type, data, sizeof data, &error);
    CHECK(ok || strstr(error.text, "cannot be read"));
    fclose(stream);
  }
}

static void files_that_are_not_there(void) {
  float data[6] = {0};
  CHECK(!npy_read("absent/x.npy", "x", &type, data, sizeof data, &error));
  CHECK(strstr(error.text, "absent/x.npy: cannot be opened: No such file"));
  CHECK(!npy_write("absent/x.npy", &type, data, sizeof data, &error));
  CHECK(strstr(error.text, "absent/x.npy: cannot be written"));
  CHECK(!npy_write("/dev/full", &type, data, sizeof data, &error));
  CHECK(strstr(error.text, "/dev/full: cannot be written: No space"));
  CHECK(access("/dev/full", F_OK) == 0);
}

int main(void) {
  RUN(headers);
  RUN(round_trips);
  RUN(damaged_files);
  RUN(version_two);
  RUN(wrong_types_name_both);
  RUN(booleans_are_checked);
  RUN(failing_reads);
  RUN(files_that_are_not_there);
  return 0;
}
