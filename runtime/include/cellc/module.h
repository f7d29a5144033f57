// Modules: a loaded program with its kernels, constants and arena.
#ifndef CELLC_MODULE_H
#define CELLC_MODULE_H

#include "cellc/array.h"
#include "cellc/module_abi.h"
#include "cellc/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cellc_module cellc_module_t;

// Loads a program. All of its bytes are checked first, so hostile bytes give INVALID_PROGRAM and
// nothing else; they and `kernels` are not needed afterwards, the kernels' machine code is.
// The caller owns the result; it keeps the runtime alive.
// Fails with INVALID_PROGRAM, UNSUPPORTED, NOT_FOUND (a kernel is not in the table), OUT_OF_MEMORY.
CELLC_API cellc_status_t cellc_module_create(cellc_runtime_t *runtime, const void *program, size_t size,
                                             const cellc_kernel_table_t *kernels,
                                             cellc_module_t **out_module);

// Loads a module that is linked into this binary: the first variant whose CPU level this machine runs,
// or the one of the level in the variable CELLC_CPU_LEVEL. Its weights stand in for the parameters of
// the same names wherever `run` is given NULL; a weight of a wrong size or unknown name is refused.
// Fails as cellc_module_create; UNSUPPORTED also if the machine runs no variant, NOT_FOUND if there is
// none of the level asked for.
CELLC_API cellc_status_t cellc_module_create_embedded(cellc_runtime_t *runtime,
                                                      const cellc_embedded_module_t *embedded,
                                                      cellc_module_t **out_module);

// Share or give up ownership; any thread. NULL is ignored.
CELLC_API void cellc_module_retain(cellc_module_t *module);
CELLC_API void cellc_module_release(cellc_module_t *module);

// Runs all commands and returns when they are done. `bindings` holds one pointer per binding, in
// order, valid during the call; NULL stands for an embedded weight or a buffer of size 0.
// Nothing is allocated. Any thread; runs of modules that share a runtime wait for each other. The thread's
// float mode is another meanwhile (see cellc_kernel_fn) and its own again afterwards, flags included.
// Fails with INVALID_ARGUMENT, DEVICE_FAILURE.
CELLC_API cellc_status_t cellc_module_run(cellc_module_t *module, void *const *bindings, size_t count);

// How many commands (launches, copies, fills) a run goes through.
CELLC_API size_t cellc_module_command_count(const cellc_module_t *module);

typedef struct cellc_command_info {
  const char *name;  // the launched kernel's, or "copy" or "fill"; owned by the module, as the label
  const char *label; // the user's file:line, or ""
} cellc_command_info_t;

// Fails with INVALID_ARGUMENT if `index` is not below the count.
CELLC_API cellc_status_t cellc_module_command_info(const cellc_module_t *module, size_t index,
                                                   cellc_command_info_t *out_info);

// A run that also writes how long each command took, by the calling thread's clock. `out_nanoseconds`
// has room for `command_count` numbers. Otherwise as cellc_module_run, which measures nothing.
CELLC_API cellc_status_t cellc_module_profile(cellc_module_t *module, void *const *bindings, size_t count,
                                              uint64_t *out_nanoseconds, size_t command_count);

typedef enum cellc_binding_kind {
  CELLC_BINDING_INPUT = 0,
  CELLC_BINDING_OUTPUT = 1,
  CELLC_BINDING_PARAMETER = 2, // read, and updated in place if the program says so
} cellc_binding_kind_t;

typedef struct cellc_binding_info {
  const char *name; // owned by the module; may be "" for an output
  cellc_binding_kind_t kind;
  cellc_dtype_t dtype;
  size_t rank;
  const int64_t *shape; // owned by the module
  uint64_t size;        // in bytes
  const void *weight;   // the embedded weight, or NULL
} cellc_binding_info_t;

// The buffers a caller provides. Fails with INVALID_ARGUMENT if `index` is not below the count.
CELLC_API size_t cellc_module_binding_count(const cellc_module_t *module);
CELLC_API cellc_status_t cellc_module_binding_info(const cellc_module_t *module, size_t index,
                                                   cellc_binding_info_t *out_info);

#ifdef __cplusplus
}
#endif
#endif // CELLC_MODULE_H
