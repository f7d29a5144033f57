#include "profile.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
  cellc_command_info_t info;
  uint64_t nanoseconds; // median
} row_t;

static int compare_times(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

static int compare_rows(const void *a, const void *b) {
  uint64_t x = ((const row_t *)a)->nanoseconds, y = ((const row_t *)b)->nanoseconds;
  return (x < y) - (x > y);
}

// One line of `commands` times per run.
static cellc_status_t sample(cellc_module_t *module, void *const *bindings, size_t count, uint32_t runs,
                             size_t commands, uint64_t *out_times) {
  cellc_status_t status = CELLC_OK;
  for (uint32_t run = 0; run < runs && status == CELLC_OK; run++)
    status = cellc_module_profile(module, bindings, count, out_times + run * commands, commands);
  return status;
}

static cellc_status_t fill_rows(const cellc_module_t *module, const uint64_t *times, uint64_t *column,
                                uint32_t runs, size_t commands, row_t *out_rows) {
  for (size_t i = 0; i < commands; i++) {
    cellc_status_t status = cellc_module_command_info(module, i, &out_rows[i].info);
    if (status != CELLC_OK)
      return status;
    for (uint32_t run = 0; run < runs; run++)
      column[run] = times[run * commands + i];
    qsort(column, runs, sizeof *column, compare_times);
    out_rows[i].nanoseconds = column[runs / 2];
  }
  return CELLC_OK;
}

static void print_rows(row_t *rows, size_t commands, uint32_t runs) {
  uint64_t total = 0;
  for (size_t i = 0; i < commands; i++)
    total += rows[i].nanoseconds;
  qsort(rows, commands, sizeof *rows, compare_rows);
  printf("%10s %6s  %-32s %s\n", "us", "share", "kernel", "line");
  for (size_t i = 0; i < commands; i++)
    printf("%10.1f %5.1f%%  %-32s %s\n", (double)rows[i].nanoseconds * 1e-3,
           total ? 100.0 * (double)rows[i].nanoseconds / (double)total : 0.0, rows[i].info.name,
           rows[i].info.label);
  printf("%10.1f us in %zu commands (medians of %" PRIu32 " runs)\n", (double)total * 1e-3, commands, runs);
}

cellc_status_t profile_print(cellc_module_t *module, void *const *bindings, size_t count, uint32_t runs) {
  size_t commands = cellc_module_command_count(module);
  uint64_t *times = calloc((size_t)runs * (commands + 1), sizeof *times);
  uint64_t *column = calloc(runs, sizeof *column);
  row_t *rows = calloc(commands + 1, sizeof *rows);
  cellc_status_t status = CELLC_OUT_OF_MEMORY;
  if (times && column && rows)
    status = sample(module, bindings, count, runs, commands, times);
  if (status == CELLC_OK)
    status = fill_rows(module, times, column, runs, commands, rows);
  if (status == CELLC_OK)
    print_rows(rows, commands, runs);
  free(rows);
  free(column);
  free(times);
  return status;
}
