// A decoded program. runtime/encoding.py describes the bytes.
#ifndef CELLC_PROGRAM_H
#define CELLC_PROGRAM_H

#include "internal.h"

typedef enum { KIND_INPUT, KIND_OUTPUT, KIND_PARAMETER, KIND_CONSTANT, KIND_ARENA, KIND_COUNT } cellci_kind_t;

typedef struct {
  cellci_kind_t kind;
  cellc_dtype_t dtype;
  uint32_t rank;
  const char *name;
  const int64_t *shape;
  uint64_t offset;
  uint64_t size;
} cellci_buffer_t;

typedef struct {
  const char *name;
  int64_t blocks;
  uint64_t scratch_bytes;
} cellci_kernel_t;

typedef enum { OP_LAUNCH = 1, OP_COPY = 2, OP_FILL = 3 } cellci_opcode_t;

typedef struct {
  cellci_opcode_t opcode;
  uint32_t kernel;       // launch
  const uint32_t *args;  // launch: indices of buffers
  uint32_t arg_count;    // launch
  const int64_t *dims;   // launch
  uint32_t dim_count;    // launch
  uint32_t source;       // copy
  uint32_t target;       // copy, fill
  uint32_t pattern_size; // fill
  uint8_t pattern[8];    // fill
  const char *label;     // the user's line, or ""
} cellci_command_t;

typedef struct {
  uint64_t arena_bytes;
  cellci_buffer_t *buffers;
  cellci_kernel_t *kernels;
  cellci_command_t *commands;
  uint32_t buffer_count, kernel_count, command_count;
  uint32_t arg_count; // of all launches
  uint32_t *words;    // the commands section; launches point into it
  int64_t *dims;
  char *strings;
  uint32_t word_count, dim_count, string_size;
  const uint8_t *constants; // points into the bytes that were decoded
  uint64_t constant_size;
} cellci_program_t;

// Checks and decodes. `program` starts zeroed; on failure too it is to be cleared.
cellc_status_t cellci_program_decode(const uint8_t *data, size_t size, cellci_program_t *program);
void cellci_program_clear(cellci_program_t *program);

// Decodes the records of the sections, which have been split and checked against their checksums.
typedef struct {
  const uint8_t *data;
  uint64_t size;
} cellci_section_t;

typedef enum {
  SECTION_BUFFERS,
  SECTION_KERNELS,
  SECTION_COMMANDS,
  SECTION_DIMS,
  SECTION_STRINGS,
  SECTION_CONSTANTS,
  SECTION_DEBUG,
  SECTION_COUNT,
} cellci_section_id_t;

cellc_status_t cellci_program_split(const uint8_t *data, size_t size, uint64_t *out_arena_bytes,
                                    cellci_section_t sections[SECTION_COUNT]);
cellc_status_t cellci_program_decode_commands(cellci_program_t *program, cellci_section_t debug);

static inline uint16_t cellci_u16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static inline uint32_t cellci_u32(const uint8_t *p) {
  return cellci_u16(p) | (uint32_t)cellci_u16(p + 2) << 16;
}
static inline uint64_t cellci_u64(const uint8_t *p) {
  return cellci_u32(p) | (uint64_t)cellci_u32(p + 4) << 32;
}

// "program: <field>: <problem>", as the Python reader says it.
cellc_status_t cellci_bad_field(const char *field, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
cellc_status_t cellci_bad_item(const char *list, uint32_t index, const char *field, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif // CELLC_PROGRAM_H
