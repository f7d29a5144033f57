// CPU levels: the instruction sets that kernels are compiled for.
#ifndef CELLC_CPU_LEVEL_H
#define CELLC_CPU_LEVEL_H

#include "internal.h"

// The highest level that this machine runs.
const char *cellci_cpu_level(void);

// Whether this machine runs code of a level; false for an unknown one.
bool cellci_cpu_runs(const char *level);

// What a level adds to the one below, for messages; "" for an unknown one.
const char *cellci_cpu_level_meaning(const char *level);

#endif // CELLC_CPU_LEVEL_H
