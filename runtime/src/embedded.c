// Models that are linked into the binary: which of their variants runs here, and their weights.
#include "cpu_level.h"
#include "module.h"

#include <stdlib.h>
#include <string.h>

static bool is_wanted(const cellc_variant_t *variant, const char *wanted) {
  return !wanted || !variant->level || strcmp(variant->level, wanted) == 0;
}

// The level that the environment asks for, NULL if it leaves the choice to us.
static const char *wanted_level(void) {
  const char *text = getenv("CELLC_CPU_LEVEL");
  return text && *text && strcmp(text, "native") != 0 ? text : NULL;
}

static void list_levels(const cellc_embedded_module_t *embedded, char *out_text, size_t room) {
  size_t length = 0;
  *out_text = 0;
  for (uint32_t i = 0; i < embedded->variant_count; i++) {
    const char *level = embedded->variants[i].level, *comma = length ? ", " : "";
    if (!level || length + strlen(level) + 3 > room)
      continue;
    strcpy(out_text + length, comma);
    strcat(out_text + length, level);
    length += strlen(out_text + length);
  }
}

static cellc_status_t choose_variant(const cellc_embedded_module_t *embedded,
                                     const cellc_variant_t **out_variant) {
  const char *wanted = wanted_level();
  const cellc_variant_t *least = NULL; // the last that would do on another machine
  for (uint32_t i = 0; i < embedded->variant_count; i++) {
    const cellc_variant_t *variant = &embedded->variants[i];
    if (!is_wanted(variant, wanted))
      continue;
    least = *out_variant = variant;
    if (!variant->level || cellci_cpu_runs(variant->level))
      return CELLC_OK;
  }
  char levels[64];
  list_levels(embedded, levels, sizeof levels);
  if (!embedded->variant_count)
    return cellci_fail(CELLC_INVALID_ARGUMENT, "%s has no variant", embedded->name);
  if (!least)
    return cellci_fail(CELLC_NOT_FOUND, "CELLC_CPU_LEVEL is %s, %s has kernels for %s", wanted,
                       embedded->name, levels);
  const char *meaning = cellci_cpu_level_meaning(least->level);
  return cellci_fail(CELLC_UNSUPPORTED, "%s needs a processor of level %s%s%s%s, this one has %s",
                     embedded->name, least->level, *meaning ? " (" : "", meaning, *meaning ? ")" : "",
                     cellci_cpu_level());
}

static cellc_status_t attach_weight(cellc_module_t *module, const cellc_weight_t *weight) {
  for (uint32_t i = 0; i < module->binding_count; i++) {
    const cellci_buffer_t *buffer = &module->program.buffers[module->bindings[i].buffer];
    if (buffer->kind != KIND_PARAMETER || strcmp(buffer->name, weight->name) != 0)
      continue;
    if (buffer->size != weight->size)
      return cellci_fail(CELLC_INVALID_ARGUMENT, "weight %s has %llu bytes, the parameter %llu", weight->name,
                         (unsigned long long)weight->size, (unsigned long long)buffer->size);
    module->bindings[i].weight = weight->data;
    return CELLC_OK;
  }
  return cellci_fail(CELLC_NOT_FOUND, "the program has no parameter %s", weight->name);
}

static cellc_status_t check_embedded(const cellc_embedded_module_t *embedded) {
  if (!embedded)
    return cellci_fail(CELLC_INVALID_ARGUMENT, "embedded is NULL");
  if (embedded->abi_version != CELLC_MODULE_ABI_VERSION)
    return cellci_fail(CELLC_UNSUPPORTED, "module ABI version %u, this runtime has %u",
                       (unsigned)embedded->abi_version, CELLC_MODULE_ABI_VERSION);
  return CELLC_OK;
}

cellc_status_t cellc_module_create_embedded(cellc_runtime_t *runtime, const cellc_embedded_module_t *embedded,
                                            cellc_module_t **out_module) {
  if (!out_module)
    return cellci_fail(CELLC_INVALID_ARGUMENT, "out_module is NULL");
  *out_module = NULL;
  const cellc_variant_t *variant = NULL;
  cellc_module_t *module = NULL;
  cellc_status_t status = check_embedded(embedded);
  if (status == CELLC_OK)
    status = choose_variant(embedded, &variant);
  if (status != CELLC_OK)
    return status;
  status = cellc_module_create(runtime, variant->program, variant->program_size, variant->kernels, &module);
  for (uint32_t i = 0; status == CELLC_OK && i < embedded->weight_count; i++)
    status = attach_weight(module, &embedded->weights[i]);
  if (status == CELLC_OK)
    *out_module = module;
  else
    cellc_module_release(module);
  return status;
}
