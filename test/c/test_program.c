// Every rule of the program format: break one field of a good program, expect its name in the message.
#include "check.h"
#include "sample.h"

#define RECORD(list, index, at) (section_at(&blob, list) + 24 * (index) + (at))
#define WORD(index) (section_at(&blob, COMMANDS) + 4 * (index))

static blob_t blob;

static void expect(cellc_status_t status, const char *text) {
  seal(blob.data, blob.size);
  CHECK_FAILS(sample_load(blob.data, blob.size), status, text);
  sample_blob(&blob);
}

static void expect_bad(const char *text) { expect(CELLC_INVALID_PROGRAM, text); }

static void set32(size_t at, uint32_t value, const char *text) {
  put32(blob.data + at, value);
  expect_bad(text);
}

static void set64(size_t at, uint64_t value, const char *text) {
  put64(blob.data + at, value);
  expect_bad(text);
}

static void set8(size_t at, uint8_t value, const char *text) {
  blob.data[at] = value;
  expect_bad(text);
}

static void good_program_loads(void) {
  CHECK_OK(sample_load(blob.data, blob.size));
  uint8_t shifted[sizeof blob.data + 1]; // at an odd address
  memcpy(shifted + 1, blob.data, blob.size);
  CHECK_OK(sample_load(shifted + 1, blob.size));
}

static void every_truncation_is_refused(void) {
  for (size_t size = 0; size < blob.size; size++)
    CHECK(sample_load(blob.data, size) == CELLC_INVALID_PROGRAM);
}

static void every_damaged_byte_is_noticed(void) {
  for (size_t at = 0; at < blob.size; at++) {
    blob.data[at] ^= 0x10;
    cellc_status_t status = sample_load(blob.data, blob.size);
    blob.data[at] ^= 0x10;
    CHECK(status == CELLC_INVALID_PROGRAM ||
          (status == CELLC_UNSUPPORTED && at >= 8 && at < 12)); // the version
  }
}

static void header(void) {
  set8(0, 'X', "magic");
  put32(blob.data + 8, 2);
  expect(CELLC_UNSUPPORTED, "version 2 is not supported");
  set32(12, 6, "section_count");
  set64(16, blob.size + 1, "total_size");
  set64(24, ((uint64_t)1 << 47) + 1, "arena_bytes");
  set32(36, 1, "header_reserved");
  blob.data[32] ^= 1;
  CHECK_FAILS(sample_load(blob.data, blob.size), CELLC_INVALID_PROGRAM, "header_checksum");
  sample_blob(&blob);
  put64(blob.data + 16, 100); // a header alone, of the size it says
  CHECK_FAILS(sample_load(blob.data, 100), CELLC_INVALID_PROGRAM, "section_table");
  sample_blob(&blob);
}

static void section_table(void) {
  size_t entry = HEADER_BYTES + ENTRY_BYTES * KERNELS;
  set32(entry, 3, "kernels.id");
  set64(entry + 8, section_at(&blob, KERNELS) + 64, "kernels.offset");
  set64(entry + 8, UINT64_MAX, "kernels.offset");
  set64(entry + 16, UINT64_MAX, "kernels.size");
  size_t debug = HEADER_BYTES + ENTRY_BYTES * DEBUG;
  set64(debug + 16, get64(blob.data + debug + 16) - 4, "total_size");
  blob.data[section_at(&blob, DIMS)] ^= 1;
  CHECK_FAILS(sample_load(blob.data, blob.size), CELLC_INVALID_PROGRAM, "dims.checksum");
  sample_blob(&blob);
}

static void buffers(void) {
  set8(RECORD(BUFFERS, 3, 0), 5, "buffers[3].kind");
  set8(RECORD(BUFFERS, 0, 1), 10, "buffers[0].dtype");
  set8(RECORD(BUFFERS, 0, 2), 17, "buffers[0].rank");
  set32(RECORD(BUFFERS, 1, 4), 0xFFFFFFFF, "buffers[1].name");
  set32(RECORD(BUFFERS, 1, 8), 8, "buffers[1].shape");
  set32(RECORD(BUFFERS, 1, 8), 0xFFFFFFFF, "buffers[1].shape");
  set32(RECORD(BUFFERS, 1, 12), 1, "buffers[1].reserved");
  set64(RECORD(BUFFERS, 0, 16), 64, "buffers[0].offset");
  set64(RECORD(BUFFERS, 3, 16), 4, "buffers[3].offset");
  set64(RECORD(BUFFERS, 3, 16), 128, "buffers[3].offset");
  set64(RECORD(BUFFERS, 3, 16), (uint64_t)0 - 64, "buffers[3].offset");
  set64(RECORD(BUFFERS, 2, 16), 128, "buffers[2].offset");
  set64(section_at(&blob, DIMS), (uint64_t)-1, "buffers[0].shape");
  set64(section_at(&blob, DIMS), (uint64_t)1 << 46, "buffers[0].shape");
  set64(section_at(&blob, DIMS), (uint64_t)1 << 63, "buffers[0].shape");
}

static void kernels(void) {
  set32(RECORD(KERNELS, 0, 0), 9999, "kernels[0].name");
  set32(RECORD(KERNELS, 0, 4), 1, "kernels[0].reserved");
  set64(RECORD(KERNELS, 0, 8), UINT64_MAX, "kernels[0].blocks");
  set64(RECORD(KERNELS, 1, 16), UINT64_MAX, "kernels[1].scratch_bytes");
  put32(blob.data + RECORD(KERNELS, 0, 0), 1); // the name of buffer 0
  expect(CELLC_NOT_FOUND, "no kernel x");
}

static void strings(void) {
  set8(section_at(&blob, STRINGS), 'a', "strings");
  set8(section_at(&blob, STRINGS) + blob.data[HEADER_BYTES + ENTRY_BYTES * STRINGS + 16] - 1, 'a', "strings");
}

// Word 0: launch (8 words), 8: copy (4), 12: launch (8), 20: copy (4), 24: fill (6).
static void commands(void) {
  set32(WORD(0), 4, "commands[0].opcode");
  set32(WORD(0), 0, "commands[0].opcode");
  set32(WORD(1), 0, "commands[0].words");
  set32(WORD(1), 3, "commands[0].words");
  set32(WORD(1), 4, "commands[0].words");
  set32(WORD(1), 0xFFFFFFFF, "commands[0].words");
  set32(WORD(1), 29, "commands[0].buffers");
  set32(WORD(1), 31, "commands[0].words");
  set32(WORD(2), 2, "commands[0].kernel");
  set32(WORD(4), 0xFFFFFFFF, "commands[0].dims");
  set32(WORD(3), 0xFFFFFFFF, "commands[0].dims");
  set32(WORD(7), 7, "commands[0].buffers");
  set32(WORD(9), 5, "commands[1].words");
  set32(WORD(10), 7, "commands[1].source");
  set32(WORD(11), 7, "commands[1].target");
  set32(WORD(11), 0, "commands[1].target");
  set32(WORD(11), 2, "commands[1].target");
  set32(WORD(25), 5, "commands[4].words");
  set32(WORD(26), 99, "commands[4].target");
  set32(WORD(27), 3, "commands[4].pattern");
  set32(WORD(27), 0, "commands[4].pattern");
}

static void sizes_must_agree(void) {
  set64(section_at(&blob, DIMS) + 8 * 4, 4, "commands[1].source");
  put64(blob.data + section_at(&blob, DIMS) + 8 * 6, 7);
  put32(blob.data + WORD(27), 8);
  expect_bad("commands[4].pattern");
}

static void labels(void) {
  set32(section_at(&blob, DEBUG) + 4, 99999, "debug[1].label");
  size_t entry = HEADER_BYTES + ENTRY_BYTES * DEBUG + 16;
  put64(blob.data + entry, 16);
  blob.size -= 4;
  put64(blob.data + 16, blob.size);
  expect_bad("debug: does not have one label");
}

static void sizes_of_sections(void) {
  static const char *const expected[] = {"buffers.size", "kernels.size", "commands.size", "dims.size"};
  for (int section = BUFFERS; section <= DIMS; section++) {
    static builder_t builder;
    builder_start(&builder);
    builder.sizes[section] = 3;
    builder_finish(&builder, &blob);
    expect_bad(expected[section]);
  }
}

static void the_empty_program_loads(void) {
  static builder_t builder;
  builder_start(&builder);
  builder_finish(&builder, &blob);
  CHECK_OK(sample_load(blob.data, blob.size));
  builder.sizes[STRINGS] = 0;
  builder_finish(&builder, &blob);
  expect_bad("strings");
}

int main(void) {
  sample_blob(&blob);
  RUN(good_program_loads);
  RUN(every_truncation_is_refused);
  RUN(every_damaged_byte_is_noticed);
  RUN(header);
  RUN(section_table);
  RUN(buffers);
  RUN(kernels);
  RUN(strings);
  RUN(commands);
  RUN(sizes_must_agree);
  RUN(labels);
  RUN(sizes_of_sections);
  RUN(the_empty_program_loads);
  return 0;
}
