#include "module.h"
#include "float_mode.h"

#include <string.h>
#include <time.h>

static void destroy(cellc_module_t *module) {
  cellc_runtime_t *runtime = module->runtime;
  const cellc_driver_t *driver = runtime->driver;
  pthread_mutex_lock(&runtime->lock);
  for (uint32_t i = 0; i < module->loaded && driver->unload; i++)
    driver->unload(runtime->device, module->kernels[i]);
  if (module->arena)
    driver->release(runtime->device, module->arena);
  if (module->constants)
    driver->release(runtime->device, module->constants);
  pthread_mutex_unlock(&runtime->lock);
  cellci_release(module->slots);
  cellci_release(module->bindings);
  cellci_release(module->launches);
  cellci_release(module->arguments);
  cellci_release(module->buffers);
  cellci_release(module->kernels);
  cellci_program_clear(&module->program);
  cellci_release(module);
  cellc_runtime_release(runtime);
}

static cellc_status_t check_table(const cellc_kernel_table_t *table) {
  if (table->abi_version != CELLC_MODULE_ABI_VERSION)
    return cellci_fail(CELLC_UNSUPPORTED, "module ABI version %u, this runtime has %u",
                       (unsigned)table->abi_version, CELLC_MODULE_ABI_VERSION);
  if (table->entry_count && !table->entries)
    return cellci_fail(CELLC_INVALID_ARGUMENT, "the kernel table has no entries but a count");
  return CELLC_OK;
}

cellc_status_t cellc_module_create(cellc_runtime_t *runtime, const void *program, size_t size,
                                   const cellc_kernel_table_t *kernels, cellc_module_t **out_module) {
  if (!out_module)
    return cellci_fail(CELLC_INVALID_ARGUMENT, "out_module is NULL");
  *out_module = NULL;
  if (!runtime || !program || !kernels)
    return cellci_fail(CELLC_INVALID_ARGUMENT, "runtime, program or kernels is NULL");
  cellc_status_t status = check_table(kernels);
  if (status != CELLC_OK)
    return status;
  cellc_module_t *module = cellci_allocate(1, sizeof *module, _Alignof(cellc_module_t));
  if (!module)
    return CELLC_OUT_OF_MEMORY;
  atomic_init(&module->references, 1);
  cellc_runtime_retain(runtime);
  module->runtime = runtime;
  status = cellci_program_decode(program, size, &module->program);
  if (status == CELLC_OK) {
    pthread_mutex_lock(&runtime->lock);
    status = cellci_module_build(module, kernels);
    pthread_mutex_unlock(&runtime->lock);
  }
  if (status == CELLC_OK)
    *out_module = module;
  else
    destroy(module);
  return status;
}

void cellc_module_retain(cellc_module_t *module) {
  if (module)
    atomic_fetch_add(&module->references, 1);
}

void cellc_module_release(cellc_module_t *module) {
  if (module && atomic_fetch_sub(&module->references, 1) == 1)
    destroy(module);
}

size_t cellc_module_binding_count(const cellc_module_t *module) { return module->binding_count; }

cellc_status_t cellc_module_binding_info(const cellc_module_t *module, size_t index,
                                         cellc_binding_info_t *out_info) {
  if (!out_info)
    return cellci_fail(CELLC_INVALID_ARGUMENT, "out_info is NULL");
  *out_info = (cellc_binding_info_t){0};
  if (index >= module->binding_count)
    return cellci_fail(CELLC_INVALID_ARGUMENT, "binding %zu of %u", index, (unsigned)module->binding_count);
  const cellci_buffer_t *buffer = &module->program.buffers[module->bindings[index].buffer];
  *out_info = (cellc_binding_info_t){
      .name = buffer->name,
      .kind = (cellc_binding_kind_t)buffer->kind, // the first three kinds are the bindings'
      .dtype = buffer->dtype,
      .rank = buffer->rank,
      .shape = buffer->shape,
      .size = buffer->size,
      .weight = module->bindings[index].weight,
  };
  return CELLC_OK;
}

static cellc_status_t check_bindings(const cellc_module_t *module, void *const *bindings, size_t count) {
  if (count != module->binding_count || (count && !bindings))
    return cellci_fail(CELLC_INVALID_ARGUMENT, "%zu bindings given, the program has %u", count,
                       (unsigned)module->binding_count);
  for (size_t i = 0; i < count; i++) {
    const cellci_buffer_t *buffer = &module->program.buffers[module->bindings[i].buffer];
    if (!bindings[i] && !module->bindings[i].weight && buffer->size)
      return cellci_fail(CELLC_INVALID_ARGUMENT, "binding %zu (%s) is NULL", i, buffer->name);
  }
  return CELLC_OK;
}

static void bind(cellc_module_t *module, void *const *bindings) {
  for (uint32_t i = 0; i < module->binding_count; i++) {
    const cellci_binding_t *binding = &module->bindings[i];
    void *place = bindings[i] ? bindings[i] : binding->weight;
    if (module->buffers[binding->buffer] == place)
      continue;
    module->buffers[binding->buffer] = place;
    for (uint32_t slot = 0; slot < binding->slot_count; slot++)
      module->arguments[binding->slots[slot]] = place;
  }
}

static cellc_status_t run_command(cellc_module_t *module, uint32_t index) {
  const cellc_driver_t *driver = module->runtime->driver;
  const cellci_command_t *command = &module->program.commands[index];
  void *device = module->runtime->device;
  if (command->opcode == OP_LAUNCH) {
    const cellc_launch_t *launch = &module->launches[index];
    return launch->blocks ? driver->launch(device, launch) : CELLC_OK;
  }
  uint64_t size = module->program.buffers[command->target].size;
  void *target = module->buffers[command->target];
  if (!size)
    return CELLC_OK;
  if (command->opcode == OP_COPY)
    return driver->copy(device, target, module->buffers[command->source], size, CELLC_COPY_DEVICE_TO_DEVICE);
  return driver->fill(device, target, command->pattern, command->pattern_size, size);
}

static cellc_status_t synchronize(cellc_runtime_t *runtime) {
  return runtime->driver->synchronize ? runtime->driver->synchronize(runtime->device) : CELLC_OK;
}

static cellc_status_t run_commands(cellc_module_t *module) {
  cellc_status_t status = CELLC_OK;
  for (uint32_t i = 0; i < module->program.command_count && status == CELLC_OK; i++)
    status = run_command(module, i);
  return status == CELLC_OK ? synchronize(module->runtime) : status;
}

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

// Each command is waited for, so that a device's queue hides nothing.
static cellc_status_t profile_commands(cellc_module_t *module, uint64_t *out_nanoseconds) {
  cellc_status_t status = CELLC_OK;
  for (uint32_t i = 0; i < module->program.command_count && status == CELLC_OK; i++) {
    uint64_t start = now();
    status = run_command(module, i);
    if (status == CELLC_OK)
      status = synchronize(module->runtime);
    out_nanoseconds[i] = now() - start;
  }
  return status;
}

// `out_nanoseconds` is NULL for a run that is not timed.
static cellc_status_t run_checked(cellc_module_t *module, void *const *bindings, size_t count,
                                  uint64_t *out_nanoseconds) {
  cellc_status_t status = check_bindings(module, bindings, count);
  if (status != CELLC_OK)
    return status;
  pthread_mutex_lock(&module->runtime->lock);
  bind(module, bindings);
  uint64_t mode = cellci_float_mode_enter();
  status = out_nanoseconds ? profile_commands(module, out_nanoseconds) : run_commands(module);
  cellci_float_mode_restore(mode);
  pthread_mutex_unlock(&module->runtime->lock);
  return status;
}

cellc_status_t cellc_module_run(cellc_module_t *module, void *const *bindings, size_t count) {
  if (!module)
    return cellci_fail(CELLC_INVALID_ARGUMENT, "module is NULL");
  return run_checked(module, bindings, count, NULL);
}

size_t cellc_module_command_count(const cellc_module_t *module) { return module->program.command_count; }

cellc_status_t cellc_module_command_info(const cellc_module_t *module, size_t index,
                                         cellc_command_info_t *out_info) {
  if (!out_info)
    return cellci_fail(CELLC_INVALID_ARGUMENT, "out_info is NULL");
  *out_info = (cellc_command_info_t){0};
  const cellci_program_t *program = &module->program;
  if (index >= program->command_count)
    return cellci_fail(CELLC_INVALID_ARGUMENT, "command %zu of %u", index, (unsigned)program->command_count);
  const cellci_command_t *command = &program->commands[index];
  bool is_copy = command->opcode == OP_COPY;
  bool is_launch = command->opcode == OP_LAUNCH;
  out_info->name = is_launch ? program->kernels[command->kernel].name : is_copy ? "copy" : "fill";
  out_info->label = command->label;
  return CELLC_OK;
}

cellc_status_t cellc_module_profile(cellc_module_t *module, void *const *bindings, size_t count,
                                    uint64_t *out_nanoseconds, size_t command_count) {
  if (!module || !out_nanoseconds)
    return cellci_fail(CELLC_INVALID_ARGUMENT, "module or out_nanoseconds is NULL");
  if (command_count != module->program.command_count)
    return cellci_fail(CELLC_INVALID_ARGUMENT, "room for %zu times, the program has %u commands",
                       command_count, (unsigned)module->program.command_count);
  return run_checked(module, bindings, count, out_nanoseconds);
}
