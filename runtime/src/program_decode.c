// The records of a program: pools, buffers, kernels. Every index and size is checked here, so the
// code that runs a program checks nothing.
#include "program.h"

#include <string.h>

#define BUFFER_SIZE 24u
#define KERNEL_SIZE 24u

static cellc_status_t count_records(cellci_section_t section, const char *name, uint32_t size,
                                    uint32_t *out_count) {
  if (section.size % size || section.size / size > UINT32_MAX)
    return cellci_bad_field(name, "%llu bytes, records have %u", (unsigned long long)section.size, size);
  *out_count = (uint32_t)(section.size / size);
  return CELLC_OK;
}

static cellc_status_t decode_dims(cellci_program_t *program, cellci_section_t section) {
  cellc_status_t status = count_records(section, "dims.size", 8, &program->dim_count);
  if (status != CELLC_OK)
    return status;
  program->dims = cellci_allocate(program->dim_count, sizeof(int64_t), _Alignof(int64_t));
  if (!program->dims)
    return CELLC_OUT_OF_MEMORY;
  for (uint32_t i = 0; i < program->dim_count; i++)
    program->dims[i] = (int64_t)cellci_u64(section.data + 8u * i);
  return CELLC_OK;
}

static cellc_status_t decode_words(cellci_program_t *program, cellci_section_t section) {
  cellc_status_t status = count_records(section, "commands.size", 4, &program->word_count);
  if (status != CELLC_OK)
    return status;
  program->words = cellci_allocate(program->word_count, sizeof(uint32_t), _Alignof(uint32_t));
  if (!program->words)
    return CELLC_OUT_OF_MEMORY;
  for (uint32_t i = 0; i < program->word_count; i++)
    program->words[i] = cellci_u32(section.data + 4u * i);
  return CELLC_OK;
}

static cellc_status_t decode_strings(cellci_program_t *program, cellci_section_t section) {
  if (!section.size || section.size > UINT32_MAX || section.data[0])
    return cellci_bad_field("strings", "does not start with the empty string");
  if (section.data[section.size - 1])
    return cellci_bad_field("strings", "does not end with a zero byte");
  program->strings = cellci_allocate(section.size, 1, 1);
  if (!program->strings)
    return CELLC_OUT_OF_MEMORY;
  memcpy(program->strings, section.data, section.size);
  program->string_size = (uint32_t)section.size;
  return CELLC_OK;
}

static cellc_status_t check_offset(const cellci_program_t *program, uint32_t index,
                                   const cellci_buffer_t *buffer) {
  if (buffer->kind != KIND_ARENA && buffer->kind != KIND_CONSTANT)
    return buffer->offset ? cellci_bad_item("buffers", index, "offset", "is not zero") : CELLC_OK;
  uint64_t limit = buffer->kind == KIND_ARENA ? program->arena_bytes : program->constant_size;
  if (buffer->offset % CELLCI_ALIGNMENT)
    return cellci_bad_item("buffers", index, "offset", "is not a multiple of 64");
  if (buffer->offset > limit || buffer->size > limit - buffer->offset)
    return cellci_bad_item("buffers", index, "offset", "ends after byte %llu", (unsigned long long)limit);
  return CELLC_OK;
}

static cellc_status_t decode_buffer(cellci_program_t *program, const uint8_t *record, uint32_t index) {
  cellci_buffer_t *buffer = &program->buffers[index];
  uint32_t name = cellci_u32(record + 4), first_dim = cellci_u32(record + 8);
  uint8_t kind = record[0], dtype = record[1];
  buffer->rank = cellci_u16(record + 2);
  buffer->offset = cellci_u64(record + 16);
  if (kind >= KIND_COUNT)
    return cellci_bad_item("buffers", index, "kind", "unknown code %u", kind);
  if (!cellci_item_size(dtype))
    return cellci_bad_item("buffers", index, "dtype", "unknown code %u", dtype);
  if (buffer->rank > CELLC_MAX_RANK)
    return cellci_bad_item("buffers", index, "rank", "%u is above 16", buffer->rank);
  if (cellci_u32(record + 12))
    return cellci_bad_item("buffers", index, "reserved", "is not zero");
  if (name >= program->string_size)
    return cellci_bad_item("buffers", index, "name", "string at %u", name);
  if (first_dim > program->dim_count || buffer->rank > program->dim_count - first_dim)
    return cellci_bad_item("buffers", index, "shape", "dims at %u of %u", first_dim, program->dim_count);
  buffer->kind = (cellci_kind_t)kind;
  buffer->dtype = (cellc_dtype_t)dtype;
  buffer->name = program->strings + name;
  buffer->shape = program->dims + first_dim;
  if (!cellci_array_bytes(dtype, buffer->rank, buffer->shape, &buffer->size))
    return cellci_bad_item("buffers", index, "shape", "an extent or the size is not between 0 and 2^47");
  return check_offset(program, index, buffer);
}

static cellc_status_t decode_buffers(cellci_program_t *program, cellci_section_t section) {
  cellc_status_t status = count_records(section, "buffers.size", BUFFER_SIZE, &program->buffer_count);
  if (status != CELLC_OK)
    return status;
  program->buffers =
      cellci_allocate(program->buffer_count, sizeof *program->buffers, _Alignof(cellci_buffer_t));
  if (!program->buffers)
    return CELLC_OUT_OF_MEMORY;
  for (uint32_t i = 0; i < program->buffer_count && status == CELLC_OK; i++)
    status = decode_buffer(program, section.data + (size_t)BUFFER_SIZE * i, i);
  return status;
}

static cellc_status_t decode_kernel(cellci_program_t *program, const uint8_t *record, uint32_t index) {
  uint32_t name = cellci_u32(record);
  uint64_t blocks = cellci_u64(record + 8), scratch = cellci_u64(record + 16);
  if (name >= program->string_size)
    return cellci_bad_item("kernels", index, "name", "string at %u", name);
  if (cellci_u32(record + 4))
    return cellci_bad_item("kernels", index, "reserved", "is not zero");
  if (blocks > CELLCI_MAX_BYTES)
    return cellci_bad_item("kernels", index, "blocks", "is above 2^47");
  if (scratch > CELLCI_MAX_BYTES)
    return cellci_bad_item("kernels", index, "scratch_bytes", "is above 2^47");
  program->kernels[index] = (cellci_kernel_t){program->strings + name, (int64_t)blocks, scratch};
  return CELLC_OK;
}

static cellc_status_t decode_kernels(cellci_program_t *program, cellci_section_t section) {
  cellc_status_t status = count_records(section, "kernels.size", KERNEL_SIZE, &program->kernel_count);
  if (status != CELLC_OK)
    return status;
  program->kernels =
      cellci_allocate(program->kernel_count, sizeof *program->kernels, _Alignof(cellci_kernel_t));
  if (!program->kernels)
    return CELLC_OUT_OF_MEMORY;
  for (uint32_t i = 0; i < program->kernel_count && status == CELLC_OK; i++)
    status = decode_kernel(program, section.data + (size_t)KERNEL_SIZE * i, i);
  return status;
}

cellc_status_t cellci_program_decode(const uint8_t *data, size_t size, cellci_program_t *program) {
  cellci_section_t sections[SECTION_COUNT];
  cellc_status_t status = cellci_program_split(data, size, &program->arena_bytes, sections);
  if (status != CELLC_OK)
    return status;
  program->constants = sections[SECTION_CONSTANTS].data;
  program->constant_size = sections[SECTION_CONSTANTS].size;
  status = decode_dims(program, sections[SECTION_DIMS]);
  if (status == CELLC_OK)
    status = decode_words(program, sections[SECTION_COMMANDS]);
  if (status == CELLC_OK)
    status = decode_strings(program, sections[SECTION_STRINGS]);
  if (status == CELLC_OK)
    status = decode_buffers(program, sections[SECTION_BUFFERS]);
  if (status == CELLC_OK)
    status = decode_kernels(program, sections[SECTION_KERNELS]);
  if (status == CELLC_OK)
    status = cellci_program_decode_commands(program, sections[SECTION_DEBUG]);
  return status;
}

void cellci_program_clear(cellci_program_t *program) {
  cellci_release(program->commands);
  cellci_release(program->kernels);
  cellci_release(program->buffers);
  cellci_release(program->strings);
  cellci_release(program->words);
  cellci_release(program->dims);
  *program = (cellci_program_t){0};
}
