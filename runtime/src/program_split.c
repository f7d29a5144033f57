// The envelope of a program: header, section table, checksums.
#include "program.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define HEADER_SIZE 40u
#define ENTRY_SIZE 24u
#define TABLE_END (HEADER_SIZE + ENTRY_SIZE * SECTION_COUNT)
#define CRC_OFFSET 32u
#define VERSION 1u

static const char *const section_names[SECTION_COUNT] = {
    "buffers", "kernels", "commands", "dims", "strings", "constants", "debug",
};

cellc_status_t cellci_bad_field(const char *field, const char *format, ...) {
  char problem[256];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(problem, sizeof problem, format, arguments);
  va_end(arguments);
  return cellci_fail(CELLC_INVALID_PROGRAM, "program: %s: %s", field, problem);
}

cellc_status_t cellci_bad_item(const char *list, uint32_t index, const char *field, const char *format, ...) {
  char problem[256];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(problem, sizeof problem, format, arguments);
  va_end(arguments);
  return cellci_fail(CELLC_INVALID_PROGRAM, "program: %s[%u].%s: %s", list, (unsigned)index, field, problem);
}

static uint32_t header_crc(const uint8_t *data) {
  static const uint8_t zero[4];
  uint32_t crc = cellci_crc32(0, data, CRC_OFFSET);
  crc = cellci_crc32(crc, zero, sizeof zero);
  return cellci_crc32(crc, data + CRC_OFFSET + 4, TABLE_END - CRC_OFFSET - 4);
}

static cellc_status_t check_header(const uint8_t *data, size_t size) {
  if (size < HEADER_SIZE)
    return cellci_bad_field("header", "only %zu bytes, %u are needed", size, HEADER_SIZE);
  if (memcmp(data, "CELLCPRG", 8) != 0)
    return cellci_bad_field("magic", "not a cellc program");
  uint32_t version = cellci_u32(data + 8), count = cellci_u32(data + 12);
  if (version != VERSION)
    return cellci_fail(CELLC_UNSUPPORTED,
                       "program: version: version %u is not supported, this runtime reads %u",
                       (unsigned)version, VERSION);
  if (count != SECTION_COUNT)
    return cellci_bad_field("section_count", "%u sections instead of %d", (unsigned)count, SECTION_COUNT);
  uint64_t total = cellci_u64(data + 16);
  if (total != size)
    return cellci_bad_field("total_size", "says %llu bytes, there are %zu", (unsigned long long)total, size);
  if (size < TABLE_END)
    return cellci_bad_field("section_table", "needs %u bytes of %zu", TABLE_END, size);
  if (header_crc(data) != cellci_u32(data + CRC_OFFSET))
    return cellci_bad_field("header_checksum", "does not match: damaged");
  if (cellci_u32(data + 36))
    return cellci_bad_field("header_reserved", "is not zero");
  return CELLC_OK;
}

static cellc_status_t bad_section(const char *section, const char *field, const char *problem) {
  return cellci_fail(CELLC_INVALID_PROGRAM, "program: %s.%s: %s", section, field, problem);
}

// Sections follow each other without a gap beyond the alignment, so none overlaps another.
static cellc_status_t split_one(const uint8_t *data, size_t total, uint32_t index, uint64_t *end,
                                cellci_section_t *section) {
  const uint8_t *entry = data + HEADER_SIZE + ENTRY_SIZE * index;
  const char *name = section_names[index];
  uint64_t offset = cellci_u64(entry + 8), size = cellci_u64(entry + 16);
  uint64_t expected = (*end + CELLCI_ALIGNMENT - 1) / CELLCI_ALIGNMENT * CELLCI_ALIGNMENT;
  if (cellci_u32(entry) != index + 1)
    return bad_section(name, "id", "is not the section's number");
  if (offset != expected)
    return bad_section(name, "offset", "does not follow the section before");
  if (offset > total || size > total - offset)
    return bad_section(name, "size", "ends after the file");
  while (*end < offset)
    if (data[(*end)++])
      return bad_section(name, "offset", "the bytes before the section are not zero");
  if (cellci_crc32(0, data + offset, size) != cellci_u32(entry + 4))
    return bad_section(name, "checksum", "does not match: damaged");
  section->data = data + offset;
  section->size = size;
  *end = offset + size;
  return CELLC_OK;
}

cellc_status_t cellci_program_split(const uint8_t *data, size_t size, uint64_t *out_arena_bytes,
                                    cellci_section_t sections[SECTION_COUNT]) {
  cellc_status_t status = check_header(data, size);
  if (status != CELLC_OK)
    return status;
  uint64_t end = TABLE_END;
  for (uint32_t i = 0; i < SECTION_COUNT; i++) {
    status = split_one(data, size, i, &end, &sections[i]);
    if (status != CELLC_OK)
      return status;
  }
  if (end != size)
    return cellci_bad_field("total_size", "bytes follow the last section");
  *out_arena_bytes = cellci_u64(data + 24);
  if (*out_arena_bytes > CELLCI_MAX_BYTES)
    return cellci_bad_field("arena_bytes", "is above 2^47");
  return CELLC_OK;
}
