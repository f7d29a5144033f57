// The command line of a standalone binary.
#ifndef CELLC_OPTIONS_H
#define CELLC_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  bool help;
  uint32_t threads; // 0: the default
  uint32_t runs;    // of --time; 0: do not time
  uint32_t profile; // runs of --profile; 0: do not profile
  size_t input_count, output_count;
  char **inputs; // paths, in the order of the command line
  char **outputs;
  char error[256];
} options_t;

// False with `error` set if the command line is wrong. The paths point into `argv`.
bool options_parse(int argc, char **argv, options_t *options);
void options_clear(options_t *options);

#endif // CELLC_OPTIONS_H
