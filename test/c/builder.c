#include "builder.h"

#include <string.h>

void put32(uint8_t *at, uint32_t value) {
  for (int i = 0; i < 4; i++)
    at[i] = (uint8_t)(value >> (8 * i));
}

void put64(uint8_t *at, uint64_t value) {
  put32(at, (uint32_t)value);
  put32(at + 4, (uint32_t)(value >> 32));
}

uint64_t get64(const uint8_t *at) {
  uint64_t value = 0;
  for (int i = 7; i >= 0; i--)
    value = value << 8 | at[i];
  return value;
}

// CRC-32 bit by bit: slow and plainly the definition.
static uint32_t crc32(uint32_t crc, const uint8_t *data, size_t size) {
  crc = ~crc;
  for (; size; size--, data++) {
    crc ^= *data;
    for (int bit = 0; bit < 8; bit++)
      crc = (crc >> 1) ^ (crc & 1 ? 0xEDB88320u : 0);
  }
  return ~crc;
}

static uint8_t *grow(builder_t *builder, int section, size_t size) {
  uint8_t *at = builder->sections[section] + builder->sizes[section];
  builder->sizes[section] += size;
  return at;
}

void builder_start(builder_t *builder) {
  memset(builder, 0, sizeof *builder);
  grow(builder, STRINGS, 1);
}

uint32_t builder_string(builder_t *builder, const char *text) {
  uint32_t offset = (uint32_t)builder->sizes[STRINGS];
  memcpy(grow(builder, STRINGS, strlen(text) + 1), text, strlen(text) + 1);
  return offset;
}

uint32_t builder_dims(builder_t *builder, size_t count, const int64_t *dims) {
  uint32_t first = (uint32_t)(builder->sizes[DIMS] / 8);
  for (size_t i = 0; i < count; i++)
    put64(grow(builder, DIMS, 8), (uint64_t)dims[i]);
  return first;
}

void builder_buffer(builder_t *builder, uint8_t kind, uint8_t dtype, const char *name, uint16_t rank,
                    const int64_t *shape, uint64_t offset) {
  uint32_t string = builder_string(builder, name), first = builder_dims(builder, rank, shape);
  uint8_t *record = grow(builder, BUFFERS, 24);
  record[0] = kind;
  record[1] = dtype;
  record[2] = (uint8_t)rank;
  record[3] = (uint8_t)(rank >> 8);
  put32(record + 4, string);
  put32(record + 8, first);
  put64(record + 16, offset);
}

void builder_vector(builder_t *builder, uint8_t kind, const char *name, int64_t extent, uint64_t offset) {
  builder_buffer(builder, kind, 2, name, 1, &extent, offset);
}

void builder_kernel(builder_t *builder, const char *name, uint64_t blocks, uint64_t scratch_bytes) {
  uint32_t string = builder_string(builder, name);
  uint8_t *record = grow(builder, KERNELS, 24);
  put32(record, string);
  put64(record + 8, blocks);
  put64(record + 16, scratch_bytes);
}

void builder_words(builder_t *builder, int section, size_t count, const uint32_t *words) {
  for (size_t i = 0; i < count; i++)
    put32(grow(builder, section, 4), words[i]);
}

void builder_launch(builder_t *builder, uint32_t kernel, size_t count, const uint32_t *buffers) {
  const uint32_t head[] = {LAUNCH, (uint32_t)count + 5, kernel, 0, 0};
  builder_words(builder, COMMANDS, 5, head);
  builder_words(builder, COMMANDS, count, buffers);
}

void builder_finish(const builder_t *builder, blob_t *blob) {
  memset(blob, 0, sizeof *blob);
  size_t end = HEADER_BYTES + ENTRY_BYTES * SECTIONS;
  for (int i = 0; i < SECTIONS; i++) {
    uint8_t *entry = blob->data + HEADER_BYTES + ENTRY_BYTES * i;
    size_t offset = (end + 63) / 64 * 64;
    memcpy(blob->data + offset, builder->sections[i], builder->sizes[i]);
    put32(entry, (uint32_t)i + 1);
    put64(entry + 8, offset);
    put64(entry + 16, builder->sizes[i]);
    end = offset + builder->sizes[i];
  }
  memcpy(blob->data, "CELLCPRG", 8);
  put32(blob->data + 8, 1);
  put32(blob->data + 12, SECTIONS);
  put64(blob->data + 16, end);
  put64(blob->data + 24, builder->arena_bytes);
  blob->size = end;
  seal(blob->data, blob->size);
}

void seal(uint8_t *data, size_t size) {
  size_t table_end = HEADER_BYTES + ENTRY_BYTES * SECTIONS;
  if (size < table_end)
    return;
  for (int i = 0; i < SECTIONS; i++) {
    uint8_t *entry = data + HEADER_BYTES + ENTRY_BYTES * i;
    uint64_t offset = get64(entry + 8), length = get64(entry + 16);
    if (offset <= size && length <= size - offset)
      put32(entry + 4, crc32(0, data + offset, length));
  }
  put32(data + 32, 0);
  put32(data + 32, crc32(0, data, table_end));
}

size_t section_at(const blob_t *blob, int section) {
  return get64(blob->data + HEADER_BYTES + ENTRY_BYTES * section + 8);
}
