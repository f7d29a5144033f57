#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_RUNS 100u // of --time and --profile

static bool parse_number(const char *text, uint32_t limit, uint32_t *out_number) {
  char *end;
  errno = 0;
  unsigned long value = strtoul(text, &end, 10);
  if (*text < '0' || *text > '9' || *end || errno || value < 1 || value > limit)
    return false;
  *out_number = (uint32_t)value;
  return true;
}

static bool fail(options_t *options, const char *problem, const char *what) {
  snprintf(options->error, sizeof options->error, "%s%.100s", problem, what);
  return false;
}

// Parses the option at argv[*at], moving past its value.
static bool parse_option(int argc, char **argv, int *at, options_t *options) {
  const char *option = argv[*at];
  char *value = *at + 1 < argc ? argv[*at + 1] : NULL;
  if (strcmp(option, "-h") == 0 || strcmp(option, "--help") == 0) {
    options->help = true;
  } else if (strcmp(option, "-o") == 0 || strcmp(option, "--output") == 0) {
    if (!value)
      return fail(options, "a file name must follow ", option);
    options->outputs[options->output_count++] = value;
    ++*at;
  } else if (strcmp(option, "--threads") == 0) {
    if (!value || !parse_number(value, 1024, &options->threads))
      return fail(options, "a number from 1 to 1024 must follow ", option);
    ++*at;
  } else if (strcmp(option, "--time") == 0 || strcmp(option, "--profile") == 0) {
    uint32_t *runs = strcmp(option, "--time") == 0 ? &options->runs : &options->profile;
    *runs = DEFAULT_RUNS;
    if (value && parse_number(value, 1000000, runs))
      ++*at; // the number is optional
  } else {
    return fail(options, "unknown option ", option);
  }
  return true;
}

bool options_parse(int argc, char **argv, options_t *options) {
  *options = (options_t){0};
  options->inputs = calloc((size_t)argc + 1, sizeof(char *));
  options->outputs = calloc((size_t)argc + 1, sizeof(char *));
  if (!options->inputs || !options->outputs)
    return fail(options, "no memory for the command line", "");
  bool only_paths = false;
  for (int at = 1; at < argc; at++) {
    if (!only_paths && strcmp(argv[at], "--") == 0)
      only_paths = true;
    else if (only_paths || argv[at][0] != '-')
      options->inputs[options->input_count++] = argv[at];
    else if (!parse_option(argc, argv, &at, options))
      return false;
  }
  return true;
}

void options_clear(options_t *options) {
  free(options->inputs);
  free(options->outputs);
}
