#include "internal.h"

#include <string.h>

#define MAX_DRIVERS 16

// Registered tables are copied, so that a shorter one of an older driver reads as NULL past its end.
static cellc_driver_t drivers[MAX_DRIVERS];
static size_t driver_count;
static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t builtin_once = PTHREAD_ONCE_INIT;

static const cellc_driver_t *find_locked(const char *name) {
  for (size_t i = 0; i < driver_count; i++)
    if (strcmp(drivers[i].name, name) == 0)
      return &drivers[i];
  return NULL;
}

static bool has_required_slots(const cellc_driver_t *driver) {
  return driver->name && driver->open && driver->close && driver->allocate && driver->release &&
         driver->copy && driver->fill && driver->load && driver->launch;
}

static cellc_status_t register_locked(const cellc_driver_t *driver) {
  if (find_locked(driver->name))
    return cellci_fail(CELLC_INVALID_ARGUMENT, "a driver named %s is registered", driver->name);
  if (driver_count == MAX_DRIVERS)
    return cellci_fail(CELLC_INVALID_ARGUMENT, "%d drivers are registered, no more fit", MAX_DRIVERS);
  drivers[driver_count++] = *driver;
  return CELLC_OK;
}

static cellc_status_t register_driver(const cellc_driver_t *driver) {
  if (!driver)
    return cellci_fail(CELLC_INVALID_ARGUMENT, "driver is NULL");
  if (driver->abi_version != CELLC_DRIVER_ABI_VERSION)
    return cellci_fail(CELLC_UNSUPPORTED, "driver ABI version %u, this runtime has %u",
                       (unsigned)driver->abi_version, CELLC_DRIVER_ABI_VERSION);
  cellc_driver_t table = {0};
  memcpy(&table, driver, driver->struct_size < sizeof table ? driver->struct_size : sizeof table);
  if (!has_required_slots(&table))
    return cellci_fail(CELLC_INVALID_ARGUMENT, "a required slot of the driver is NULL");
  pthread_mutex_lock(&registry_lock);
  cellc_status_t status = register_locked(&table);
  pthread_mutex_unlock(&registry_lock);
  return status;
}

static void register_builtin(void) { register_driver(cellci_cpu_driver()); }

cellc_status_t cellc_driver_register(const cellc_driver_t *driver) {
  pthread_once(&builtin_once, register_builtin);
  return register_driver(driver);
}

static const cellc_driver_t *find_driver(const char *name) {
  pthread_once(&builtin_once, register_builtin);
  pthread_mutex_lock(&registry_lock);
  const cellc_driver_t *driver = find_locked(name);
  pthread_mutex_unlock(&registry_lock);
  return driver;
}

cellc_status_t cellc_runtime_create(const cellc_runtime_options_t *options, cellc_runtime_t **out_runtime) {
  if (!out_runtime)
    return cellci_fail(CELLC_INVALID_ARGUMENT, "out_runtime is NULL");
  *out_runtime = NULL;
  cellc_runtime_options_t defaults = {0};
  if (!options)
    options = &defaults;
  const char *name = options->driver ? options->driver : "cpu";
  const cellc_driver_t *driver = find_driver(name);
  if (!driver)
    return cellci_fail(CELLC_NOT_FOUND, "no driver is named %s", name);
  cellc_runtime_t *runtime = cellci_allocate(1, sizeof *runtime, _Alignof(cellc_runtime_t));
  if (!runtime)
    return CELLC_OUT_OF_MEMORY;
  cellc_status_t status = driver->open(options, &runtime->device);
  if (status != CELLC_OK) {
    cellci_release(runtime);
    return status;
  }
  atomic_init(&runtime->references, 1);
  runtime->driver = driver;
  pthread_mutex_init(&runtime->lock, NULL);
  *out_runtime = runtime;
  return CELLC_OK;
}

void cellc_runtime_retain(cellc_runtime_t *runtime) {
  if (runtime)
    atomic_fetch_add(&runtime->references, 1);
}

void cellc_runtime_release(cellc_runtime_t *runtime) {
  if (!runtime || atomic_fetch_sub(&runtime->references, 1) != 1)
    return;
  runtime->driver->close(runtime->device);
  pthread_mutex_destroy(&runtime->lock);
  cellci_release(runtime);
}

uint32_t cellc_runtime_thread_count(const cellc_runtime_t *runtime) {
  return runtime->driver->thread_count ? runtime->driver->thread_count(runtime->device) : 1;
}
