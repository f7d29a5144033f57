// The --profile table of a standalone binary.
#ifndef CELLC_MAIN_PROFILE_H
#define CELLC_MAIN_PROFILE_H

#include <stdbool.h>

#include "cellc/module.h"

// Runs the module `runs` times and prints the median time of each kernel, copy and fill, the slowest
// first. Fails with the statuses of cellc_module_profile, and OUT_OF_MEMORY.
cellc_status_t profile_print(cellc_module_t *module, void *const *bindings, size_t count, uint32_t runs);

#endif // CELLC_MAIN_PROFILE_H
