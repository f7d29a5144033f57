// The main program of a standalone binary: inputs from .npy files, one run, outputs to .npy files.
// The compiled model is linked in as `cellc_model`.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cellc/module.h"
#include "npy.h"
#include "options.h"
#include "profile.h"

extern const cellc_embedded_module_t cellc_model;

typedef struct {
  const char *command;
  cellc_runtime_t *runtime;
  cellc_module_t *module;
  size_t count; // bindings
  size_t input_count, output_count;
  cellc_binding_info_t *infos;
  cellc_array_t **arrays; // of inputs and outputs
  void **pointers;
  bool misused; // the command line is wrong
} session_t;

enum { STATUS_MISUSED = 2 };

static bool report(const session_t *session, const char *problem) {
  fprintf(stderr, "%s: error: %s\n", session->command, problem);
  return false;
}

static bool report_misuse(session_t *session, const char *problem) {
  session->misused = true;
  return report(session, problem);
}

static bool check(const session_t *session, cellc_status_t status) {
  return status == CELLC_OK || report(session, cellc_status_message());
}

static npy_type_t type_of(const cellc_binding_info_t *info) {
  npy_type_t type = {.dtype = info->dtype, .rank = info->rank};
  memcpy(type.shape, info->shape, info->rank * sizeof type.shape[0]);
  return type;
}

static bool describe_bindings(session_t *session) {
  session->count = cellc_module_binding_count(session->module);
  session->infos = calloc(session->count + 1, sizeof *session->infos);
  session->arrays = calloc(session->count + 1, sizeof(cellc_array_t *));
  session->pointers = calloc(session->count + 1, sizeof(void *));
  if (!session->infos || !session->arrays || !session->pointers)
    return report(session, "out of memory");
  for (size_t i = 0; i < session->count; i++) {
    cellc_binding_info_t *info = &session->infos[i];
    if (!check(session, cellc_module_binding_info(session->module, i, info)))
      return false;
    session->input_count += info->kind == CELLC_BINDING_INPUT;
    session->output_count += info->kind == CELLC_BINDING_OUTPUT;
  }
  return true;
}

static bool open_session(session_t *session, uint32_t threads) {
  cellc_runtime_options_t options = {.threads = threads};
  return check(session, cellc_runtime_create(&options, &session->runtime)) &&
         check(session, cellc_module_create_embedded(session->runtime, &cellc_model, &session->module)) &&
         describe_bindings(session);
}

static void close_session(session_t *session) {
  for (size_t i = 0; session->arrays && i < session->count; i++)
    cellc_array_release(session->arrays[i]);
  free(session->pointers);
  free(session->arrays);
  free(session->infos);
  cellc_module_release(session->module);
  cellc_runtime_release(session->runtime);
}

static void print_bindings(const session_t *session, const char *title, cellc_binding_kind_t kind) {
  size_t number = 0;
  printf("\n%s:\n", title);
  for (size_t i = 0; i < session->count; i++) {
    const cellc_binding_info_t *info = &session->infos[i];
    if (info->kind != kind)
      continue;
    npy_type_t type = type_of(info);
    char text[256];
    printf("  %zu  %-16s %s\n", number++, *info->name ? info->name : "-",
           npy_type_text(&type, text, sizeof text));
  }
}

static void print_help(const session_t *session) {
  printf("usage: %s input.npy ... -o output.npy [--time [N]] [--profile [N]] [--threads N]\n\n",
         session->command);
  printf("Runs %s, compiled by cellc.\n\n", cellc_model.name);
  printf(
      "  -o, --output FILE  where to write; with several outputs, out.npy becomes out.0.npy, out.1.npy ...,\n"
      "                     or give one -o for each\n"
      "  --time [N]         run N times more (100) and print the shortest, median and mean time\n"
      "  --profile [N]      run N times more (100) and print the median time of each kernel\n"
      "  --threads N        how many threads; default: CELLC_NUM_THREADS, else all processors\n"
      "  -h, --help         this text\n");
  print_bindings(session, "inputs", CELLC_BINDING_INPUT);
  print_bindings(session, "outputs", CELLC_BINDING_OUTPUT);
}

static bool check_usage(session_t *session, const options_t *options) {
  char text[128];
  if (options->input_count != session->input_count) {
    snprintf(text, sizeof text, "%zu input files given, %zu are needed (see --help)", options->input_count,
             session->input_count);
    return report_misuse(session, text);
  }
  if (!options->output_count && !options->runs && !options->profile)
    return report_misuse(session, "no output file given: use -o out.npy (see --help)");
  if (options->output_count > 1 && options->output_count != session->output_count) {
    snprintf(text, sizeof text, "%zu output files given, there are %zu outputs (see --help)",
             options->output_count, session->output_count);
    return report_misuse(session, text);
  }
  return true;
}

// Gives every input and output memory and fills the inputs; parameters are the binary's own.
static bool prepare(session_t *session, const options_t *options) {
  size_t input = 0;
  for (size_t i = 0; i < session->count; i++) {
    const cellc_binding_info_t *info = &session->infos[i];
    if (info->kind == CELLC_BINDING_PARAMETER)
      continue;
    npy_type_t type = type_of(info);
    npy_error_t error;
    if (!check(session, cellc_array_create(session->runtime, info->dtype, info->rank, info->shape,
                                           &session->arrays[i])))
      return false;
    session->pointers[i] = cellc_array_data(session->arrays[i]);
    if (info->kind == CELLC_BINDING_INPUT &&
        !npy_read(options->inputs[input++], info->name, &type, session->pointers[i], info->size, &error))
      return report(session, error.text);
  }
  return true;
}

// Where output `number` goes: its own -o, the only -o, or the only -o with the number before ".npy".
static char *output_path(const session_t *session, const options_t *options, size_t number) {
  const char *path = options->output_count > 1 ? options->outputs[number] : options->outputs[0];
  size_t length = strlen(path), room = length + 32;
  char *result = malloc(room);
  if (!result)
    return NULL;
  if (options->output_count > 1 || session->output_count == 1) {
    memcpy(result, path, length + 1);
    return result;
  }
  bool has_suffix = length > 4 && strcmp(path + length - 4, ".npy") == 0;
  snprintf(result, room, "%.*s.%zu.npy", (int)(has_suffix ? length - 4 : length), path, number);
  return result;
}

static bool write_outputs(const session_t *session, const options_t *options) {
  size_t number = 0;
  for (size_t i = 0; i < session->count; i++) {
    const cellc_binding_info_t *info = &session->infos[i];
    if (info->kind != CELLC_BINDING_OUTPUT)
      continue;
    char *path = output_path(session, options, number++);
    if (!path)
      return report(session, "out of memory");
    npy_type_t type = type_of(info);
    npy_error_t error;
    bool ok = npy_write(path, &type, session->pointers[i], info->size, &error);
    free(path);
    if (!ok)
      return report(session, error.text);
  }
  return true;
}

static bool run(session_t *session) {
  return check(session, cellc_module_run(session->module, session->pointers, session->count));
}

static double milliseconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e3 + (double)time.tv_nsec * 1e-6;
}

static int compare_doubles(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static bool time_runs(session_t *session, uint32_t runs) {
  double *times = calloc(runs, sizeof *times), sum = 0;
  if (!times)
    return report(session, "out of memory");
  bool ok = true;
  for (uint32_t i = 0; i < runs && ok; i++) {
    double start = milliseconds();
    ok = run(session);
    times[i] = milliseconds() - start;
    sum += times[i];
  }
  qsort(times, runs, sizeof *times, compare_doubles);
  double median = (times[(runs - 1) / 2] + times[runs / 2]) / 2;
  if (ok)
    printf("min %.4f ms, median %.4f ms, mean %.4f ms (%u runs, %u threads)\n", times[0], median, sum / runs,
           (unsigned)runs, (unsigned)cellc_runtime_thread_count(session->runtime));
  free(times);
  return ok;
}

static bool profile(const session_t *session, uint32_t runs) {
  return check(session, profile_print(session->module, session->pointers, session->count, runs));
}

static bool execute(session_t *session, const options_t *options) {
  if (*options->error)
    return report_misuse(session, options->error);
  if (!open_session(session, options->threads))
    return false;
  if (options->help) {
    print_help(session);
    return true;
  }
  return check_usage(session, options) && prepare(session, options) && run(session) &&
         // Outputs are written before timing: more runs may update parameters in place.
         (!options->output_count || write_outputs(session, options)) &&
         (!options->runs || time_runs(session, options->runs)) &&
         (!options->profile || profile(session, options->profile));
}

int main(int argc, char **argv) {
  session_t session = {0};
  options_t options;
  const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
  session.command = slash ? slash + 1 : argc > 0 ? argv[0] : cellc_model.name;
  options_parse(argc, argv, &options);
  bool ok = execute(&session, &options);
  close_session(&session);
  options_clear(&options);
  if (fflush(stdout) != 0)
    ok = false;
  return ok ? EXIT_SUCCESS : session.misused ? STATUS_MISUSED : EXIT_FAILURE;
}
