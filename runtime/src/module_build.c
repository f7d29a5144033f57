// From a decoded program to a module that is ready to run.
#include "module.h"

#include <string.h>

static cellc_status_t load_kernel(cellc_module_t *module, const cellc_kernel_table_t *table, uint32_t index) {
  const cellci_kernel_t *kernel = &module->program.kernels[index];
  const cellc_driver_t *driver = module->runtime->driver;
  for (uint32_t i = 0; i < table->entry_count; i++) {
    const char *name = table->entries[i].name;
    if (!name || strcmp(name, kernel->name) != 0)
      continue;
    return driver->load(module->runtime->device, table, i, kernel->scratch_bytes, &module->kernels[index]);
  }
  return cellci_fail(CELLC_NOT_FOUND, "the kernel table has no kernel %s", kernel->name);
}

static cellc_status_t load_kernels(cellc_module_t *module, const cellc_kernel_table_t *table) {
  for (; module->loaded < module->program.kernel_count; module->loaded++) {
    cellc_status_t status = load_kernel(module, table, module->loaded);
    if (status != CELLC_OK)
      return status;
  }
  return CELLC_OK;
}

static cellc_status_t allocate_memory(cellc_module_t *module) {
  const cellc_driver_t *driver = module->runtime->driver;
  const cellci_program_t *program = &module->program;
  void *device = module->runtime->device;
  cellc_status_t status = CELLC_OK;
  if (program->arena_bytes)
    status = driver->allocate(device, program->arena_bytes, &module->arena);
  if (status != CELLC_OK || !program->constant_size)
    return status;
  status = driver->allocate(device, program->constant_size, &module->constants);
  if (status != CELLC_OK)
    return status;
  return driver->copy(device, module->constants, program->constants, program->constant_size,
                      CELLC_COPY_HOST_TO_DEVICE);
}

// One table of all arguments, and the launches that point into it.
static cellc_status_t lay_out_launches(cellc_module_t *module) {
  const cellci_program_t *program = &module->program;
  module->arguments = cellci_allocate(program->arg_count, sizeof(void *), _Alignof(void *));
  module->launches =
      cellci_allocate(program->command_count, sizeof(cellc_launch_t), _Alignof(cellc_launch_t));
  if (!module->arguments || !module->launches)
    return CELLC_OUT_OF_MEMORY;
  void **arguments = module->arguments;
  for (uint32_t i = 0; i < program->command_count; i++) {
    const cellci_command_t *command = &program->commands[i];
    if (command->opcode != OP_LAUNCH)
      continue;
    module->launches[i] = (cellc_launch_t){
        .kernel = module->kernels[command->kernel],
        .buffers = arguments,
        .dims = command->dims,
        .buffer_count = command->arg_count,
        .dim_count = command->dim_count,
        .blocks = program->kernels[command->kernel].blocks,
    };
    for (uint32_t arg = 0; arg < command->arg_count; arg++)
      *arguments++ = module->buffers[command->args[arg]];
  }
  return CELLC_OK;
}

// Places what has a fixed place; gives the bindings their numbers, per buffer in `out_numbers`.
static void place_buffers(cellc_module_t *module, uint32_t *out_numbers) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < module->program.buffer_count; i++) {
    const cellci_buffer_t *buffer = &module->program.buffers[i];
    void *base = buffer->kind == KIND_ARENA ? module->arena : module->constants;
    bool is_binding = buffer->kind != KIND_ARENA && buffer->kind != KIND_CONSTANT;
    out_numbers[i] = is_binding ? count : UINT32_MAX;
    if (is_binding)
      module->bindings[count++].buffer = i;
    else if (base)
      module->buffers[i] = (uint8_t *)base + buffer->offset;
  }
  module->binding_count = count;
}

// Every launch argument that is a binding goes into its binding's list: count, cut, write.
static void collect_slots(cellc_module_t *module, const uint32_t *numbers) {
  const cellci_program_t *program = &module->program;
  for (int writing = 0; writing < 2; writing++) {
    uint32_t position = 0;
    for (uint32_t i = 0; i < program->command_count; i++) {
      const cellci_command_t *command = &program->commands[i];
      for (uint32_t arg = 0; arg < command->arg_count; arg++, position++) {
        uint32_t number = numbers[command->args[arg]];
        if (number == UINT32_MAX)
          continue;
        cellci_binding_t *binding = &module->bindings[number];
        if (writing)
          binding->slots[binding->slot_count] = position;
        binding->slot_count++;
      }
    }
    uint32_t *next = module->slots;
    for (uint32_t i = 0; i < module->binding_count && !writing; i++) {
      module->bindings[i].slots = next;
      next += module->bindings[i].slot_count;
      module->bindings[i].slot_count = 0;
    }
  }
}

static cellc_status_t lay_out(cellc_module_t *module) {
  const cellci_program_t *program = &module->program;
  uint32_t *numbers = cellci_allocate(program->buffer_count, sizeof *numbers, _Alignof(uint32_t));
  module->buffers = cellci_allocate(program->buffer_count, sizeof(void *), _Alignof(void *));
  module->bindings =
      cellci_allocate(program->buffer_count, sizeof *module->bindings, _Alignof(cellci_binding_t));
  module->slots = cellci_allocate(program->arg_count, sizeof *module->slots, _Alignof(uint32_t));
  cellc_status_t status = CELLC_OUT_OF_MEMORY;
  if (numbers && module->buffers && module->bindings && module->slots) {
    place_buffers(module, numbers);
    status = lay_out_launches(module);
    if (status == CELLC_OK)
      collect_slots(module, numbers);
  }
  cellci_release(numbers);
  return status;
}

cellc_status_t cellci_module_build(cellc_module_t *module, const cellc_kernel_table_t *table) {
  uint32_t count = module->program.kernel_count;
  module->kernels = cellci_allocate(count, sizeof(void *), _Alignof(void *));
  if (!module->kernels)
    return CELLC_OUT_OF_MEMORY;
  cellc_status_t status = load_kernels(module, table);
  if (status == CELLC_OK)
    status = allocate_memory(module);
  if (status == CELLC_OK)
    status = lay_out(module);
  // The file's bytes may go away now; the constants are on the device.
  module->program.constants = NULL;
  return status;
}
