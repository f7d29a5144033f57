// A module: a program made ready to run. All pointers a launch needs are laid out once; a run writes
// only those of bindings that moved since the run before.
#ifndef CELLC_MODULE_INTERNAL_H
#define CELLC_MODULE_INTERNAL_H

#include "program.h"

typedef struct {
  uint32_t buffer;
  void *weight;    // used where the caller gives NULL
  uint32_t *slots; // positions in `arguments` that hold this binding
  uint32_t slot_count;
} cellci_binding_t;

struct cellc_module {
  atomic_uint references;
  cellc_runtime_t *runtime;
  cellci_program_t program;
  void *arena;
  void *constants;
  void **kernels;           // per kernel, as the driver gave it
  uint32_t loaded;          // how many of them
  void **buffers;           // per buffer, where it is now
  void **arguments;         // of all launches, one after another
  cellc_launch_t *launches; // per command, unused for copies and fills
  cellci_binding_t *bindings;
  uint32_t binding_count;
  uint32_t *slots; // the bindings' slots, one binding after another
};

// Builds everything but the program, which is decoded. The runtime's lock is held.
cellc_status_t cellci_module_build(cellc_module_t *module, const cellc_kernel_table_t *table);

#endif // CELLC_MODULE_INTERNAL_H
