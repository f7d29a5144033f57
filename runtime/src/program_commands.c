// The commands of a program.
#include "program.h"

#include <string.h>

#define MIN_WORDS 4u // of the shortest command, a copy

static cellc_status_t bad_command(uint32_t index, const char *field, const char *problem) {
  return cellci_bad_item("commands", index, field, "%s", problem);
}

static cellc_status_t decode_launch(cellci_program_t *program, uint32_t index, const uint32_t *words,
                                    uint32_t count) {
  cellci_command_t *command = &program->commands[index];
  if (count < 5)
    return bad_command(index, "words", "a launch has at least 5");
  uint32_t kernel = words[2], first_dim = words[3], dim_count = words[4];
  if (kernel >= program->kernel_count)
    return bad_command(index, "kernel", "no such kernel");
  if (first_dim > program->dim_count || dim_count > program->dim_count - first_dim)
    return bad_command(index, "dims", "are outside the dims section");
  for (uint32_t i = 5; i < count; i++)
    if (words[i] >= program->buffer_count)
      return bad_command(index, "buffers", "no such buffer");
  command->kernel = kernel;
  command->args = words + 5;
  command->arg_count = count - 5;
  command->dims = dim_count ? program->dims + first_dim : NULL;
  command->dim_count = dim_count;
  program->arg_count += command->arg_count;
  return CELLC_OK;
}

static cellc_status_t check_target(const cellci_program_t *program, uint32_t index, uint32_t target) {
  if (target >= program->buffer_count)
    return bad_command(index, "target", "no such buffer");
  cellci_kind_t kind = program->buffers[target].kind;
  if (kind == KIND_INPUT || kind == KIND_CONSTANT)
    return bad_command(index, "target", "is an input or a constant");
  return CELLC_OK;
}

static cellc_status_t decode_copy(cellci_program_t *program, uint32_t index, const uint32_t *words,
                                  uint32_t count) {
  cellci_command_t *command = &program->commands[index];
  if (count != 4)
    return bad_command(index, "words", "a copy has 4");
  command->source = words[2];
  command->target = words[3];
  cellc_status_t status = check_target(program, index, command->target);
  if (status != CELLC_OK)
    return status;
  if (command->source >= program->buffer_count)
    return bad_command(index, "source", "no such buffer");
  if (program->buffers[command->source].size != program->buffers[command->target].size)
    return bad_command(index, "source", "is not of the target's size");
  return CELLC_OK;
}

static cellc_status_t decode_fill(cellci_program_t *program, uint32_t index, const uint32_t *words,
                                  uint32_t count) {
  cellci_command_t *command = &program->commands[index];
  if (count != 6)
    return bad_command(index, "words", "a fill has 6");
  uint32_t size = words[3];
  command->target = words[2];
  command->pattern_size = size;
  for (int i = 0; i < 8; i++)
    command->pattern[i] = (uint8_t)(words[4 + i / 4] >> (8 * (i % 4)));
  cellc_status_t status = check_target(program, index, command->target);
  if (status != CELLC_OK)
    return status;
  if (size != 1 && size != 2 && size != 4 && size != 8)
    return bad_command(index, "pattern", "is not 1, 2, 4 or 8 bytes");
  if (program->buffers[command->target].size % size)
    return bad_command(index, "pattern", "does not divide the target");
  return CELLC_OK;
}

static cellc_status_t decode_command(cellci_program_t *program, uint32_t at, uint32_t *out_count) {
  uint32_t index = program->command_count, left = program->word_count - at;
  const uint32_t *words = program->words + at;
  if (left < 2 || words[1] < 2 || words[1] > left)
    return bad_command(index, "words", "the command is cut off");
  uint32_t opcode = words[0], count = words[1];
  *out_count = count;
  // Checked before the command is written: no command is shorter than MIN_WORDS, so all of them fit.
  if (opcode < OP_LAUNCH || opcode > OP_FILL)
    return cellci_bad_item("commands", index, "opcode", "unknown opcode %u", opcode);
  if (count < MIN_WORDS)
    return bad_command(index, "words", "the command is too short");
  program->commands[index].opcode = (cellci_opcode_t)opcode;
  if (opcode == OP_LAUNCH)
    return decode_launch(program, index, words, count);
  if (opcode == OP_COPY)
    return decode_copy(program, index, words, count);
  return decode_fill(program, index, words, count);
}

// Labels serve profiles only.
static cellc_status_t decode_labels(cellci_program_t *program, cellci_section_t debug) {
  if (debug.size && debug.size != (uint64_t)program->command_count * 4)
    return cellci_bad_field("debug", "does not have one label for each command");
  for (uint32_t i = 0; i < program->command_count; i++) {
    program->commands[i].label = "";
    if (!debug.size)
      continue;
    uint32_t offset = cellci_u32(debug.data + (size_t)4 * i);
    if (offset >= program->string_size)
      return cellci_bad_item("debug", i, "label", "is outside the strings section");
    program->commands[i].label = program->strings + offset;
  }
  return CELLC_OK;
}

cellc_status_t cellci_program_decode_commands(cellci_program_t *program, cellci_section_t debug) {
  uint32_t room = program->word_count / MIN_WORDS + 1;
  program->commands = cellci_allocate(room, sizeof *program->commands, _Alignof(cellci_command_t));
  if (!program->commands)
    return CELLC_OUT_OF_MEMORY;
  for (uint32_t at = 0, count = 0; at < program->word_count; at += count) {
    cellc_status_t status = decode_command(program, at, &count);
    if (status != CELLC_OK)
      return status;
    program->command_count++;
  }
  return decode_labels(program, debug);
}
