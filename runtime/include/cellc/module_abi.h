// The contract between the compiler and the runtime: what compiled code looks like from C.
// Standalone: it includes nothing else of cellc. Structures only ever grow at their end, together
// with CELLC_MODULE_ABI_VERSION.
#ifndef CELLC_MODULE_ABI_H
#define CELLC_MODULE_ABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CELLC_MODULE_ABI_VERSION 2u

// One block of a kernel. Blocks are independent and run in any order on any thread.
//   buffers: the launch's pointers, inputs then outputs; an output may be the same memory as an input.
//            Arena and constant pointers are 64-byte aligned, bound ones as the caller passed them.
//   dims:    the launch's integers, NULL when it has none.
//   block:   which block, from 0.
//   scratch: the calling thread's own memory of the size the program asked for, 64-byte aligned,
//            undefined on entry.
// Floats are rounded to nearest, and denormal ones count as zero, whatever mode the program's caller has.
typedef void (*cellc_kernel_fn)(void *const *buffers, const int64_t *dims, int64_t block, void *scratch);

typedef struct cellc_kernel_entry {
  const char *name;
  cellc_kernel_fn function; // NULL where the code is in the table's image
} cellc_kernel_entry_t;

// The kernels of a module, found by name.
typedef struct cellc_kernel_table {
  uint32_t abi_version; // CELLC_MODULE_ABI_VERSION
  uint32_t entry_count;
  const cellc_kernel_entry_t *entries;
  const void *image; // device code (PTX, cubin, Ascend object); NULL for code of this process
  uint64_t image_size;
} cellc_kernel_table_t;

// The data of one parameter, 64-byte aligned and writable: programs may update it in place.
typedef struct cellc_weight {
  const char *name;
  void *data;
  uint64_t size;
} cellc_weight_t;

// The code of a model for one kind of machine.
typedef struct cellc_variant {
  const char *level; // the CPU level it needs: "v2", "v3", "v4" or "neon"; NULL if any machine runs it
  const uint8_t *program;
  uint64_t program_size;
  const cellc_kernel_table_t *kernels;
} cellc_variant_t;

// Everything of a compiled model, as the standalone linker puts it into a binary or an archive.
typedef struct cellc_embedded_module {
  uint32_t abi_version; // CELLC_MODULE_ABI_VERSION
  uint32_t weight_count;
  uint32_t variant_count;
  const char *name;
  const cellc_variant_t *variants; // the widest first: the first that the machine runs is taken
  const cellc_weight_t *weights;
} cellc_embedded_module_t;

#ifdef __cplusplus
}
#endif
#endif // CELLC_MODULE_ABI_H
