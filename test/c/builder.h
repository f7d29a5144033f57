// Writes programs for tests, independently of runtime/encoding.py.
#ifndef CELLC_TEST_BUILDER_H
#define CELLC_TEST_BUILDER_H

#include <stddef.h>
#include <stdint.h>

enum { INPUT, OUTPUT, PARAMETER, CONSTANT, ARENA };
enum { BUFFERS, KERNELS, COMMANDS, DIMS, STRINGS, CONSTANTS, DEBUG, SECTIONS };
enum { LAUNCH = 1, COPY = 2, FILL = 3 };

#define HEADER_BYTES 40
#define ENTRY_BYTES 24
#define SECTION_ROOM 4096

typedef struct {
  uint64_t arena_bytes;
  size_t sizes[SECTIONS];
  uint8_t sections[SECTIONS][SECTION_ROOM];
} builder_t;

typedef struct {
  size_t size;
  uint8_t data[SECTIONS * (SECTION_ROOM + 64) + 1024];
} blob_t;

void builder_start(builder_t *builder);
uint32_t builder_string(builder_t *builder, const char *text);
uint32_t builder_dims(builder_t *builder, size_t count, const int64_t *dims);
void builder_buffer(builder_t *builder, uint8_t kind, uint8_t dtype, const char *name, uint16_t rank,
                    const int64_t *shape, uint64_t offset);
// A one-dimensional f32 buffer.
void builder_vector(builder_t *builder, uint8_t kind, const char *name, int64_t extent, uint64_t offset);
void builder_kernel(builder_t *builder, const char *name, uint64_t blocks, uint64_t scratch_bytes);
void builder_words(builder_t *builder, int section, size_t count, const uint32_t *words);
void builder_launch(builder_t *builder, uint32_t kernel, size_t count, const uint32_t *buffers);
void builder_finish(const builder_t *builder, blob_t *blob);

// Recomputes the checksums of a damaged blob as far as its section table allows.
void seal(uint8_t *data, size_t size);

void put32(uint8_t *at, uint32_t value);
void put64(uint8_t *at, uint64_t value);
uint64_t get64(const uint8_t *at);

// The offset of a section in a finished blob.
size_t section_at(const blob_t *blob, int section);

#endif // CELLC_TEST_BUILDER_H
