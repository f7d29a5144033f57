#include "internal.h"

struct cellc_array {
  atomic_uint references;
  cellc_runtime_t *runtime;
  void *data;
  uint64_t size;
};

uint32_t cellci_item_size(uint32_t dtype) {
  static const uint8_t sizes[] = {2, 2, 4, 8, 1, 2, 4, 8, 1, 1};
  return dtype < sizeof sizes ? sizes[dtype] : 0;
}

bool cellci_array_bytes(uint32_t dtype, size_t rank, const int64_t *shape, uint64_t *out_size) {
  uint64_t size = cellci_item_size(dtype);
  for (size_t axis = 0; axis < rank; axis++)
    if (shape[axis] < 0 || (uint64_t)shape[axis] > CELLCI_MAX_BYTES)
      return false;
  for (size_t axis = 0; axis < rank; axis++)
    if (shape[axis] == 0)
      size = 0;
  for (size_t axis = 0; axis < rank; axis++) {
    if (size && (uint64_t)shape[axis] > CELLCI_MAX_BYTES / size)
      return false;
    size *= (uint64_t)shape[axis];
  }
  *out_size = size;
  return true;
}

static cellc_status_t allocate_zeroed(cellc_runtime_t *runtime, uint64_t size, void **out_data) {
  const cellc_driver_t *driver = runtime->driver;
  uint64_t zero = 0;
  pthread_mutex_lock(&runtime->lock);
  cellc_status_t status = driver->allocate(runtime->device, size ? size : 1, out_data);
  if (status == CELLC_OK && size)
    status = driver->fill(runtime->device, *out_data, &zero, 1, size);
  if (status != CELLC_OK && *out_data)
    driver->release(runtime->device, *out_data);
  pthread_mutex_unlock(&runtime->lock);
  return status;
}

cellc_status_t cellc_array_create(cellc_runtime_t *runtime, cellc_dtype_t dtype, size_t rank,
                                  const int64_t *shape, cellc_array_t **out_array) {
  if (!out_array)
    return cellci_fail(CELLC_INVALID_ARGUMENT, "out_array is NULL");
  *out_array = NULL;
  if (!runtime || (rank && !shape))
    return cellci_fail(CELLC_INVALID_ARGUMENT, "runtime or shape is NULL");
  uint64_t size;
  if (!cellci_item_size(dtype))
    return cellci_fail(CELLC_INVALID_ARGUMENT, "dtype %d is none", (int)dtype);
  if (rank > CELLC_MAX_RANK || !cellci_array_bytes(dtype, rank, shape, &size))
    return cellci_fail(CELLC_INVALID_ARGUMENT, "the shape has a bad rank or extent, or is too large");
  cellc_array_t *array = cellci_allocate(1, sizeof *array, _Alignof(cellc_array_t));
  if (!array)
    return CELLC_OUT_OF_MEMORY;
  cellc_status_t status = allocate_zeroed(runtime, size, &array->data);
  if (status != CELLC_OK) {
    cellci_release(array);
    return status;
  }
  atomic_init(&array->references, 1);
  cellc_runtime_retain(runtime);
  array->runtime = runtime;
  array->size = size;
  *out_array = array;
  return CELLC_OK;
}

void cellc_array_retain(cellc_array_t *array) {
  if (array)
    atomic_fetch_add(&array->references, 1);
}

void cellc_array_release(cellc_array_t *array) {
  if (!array || atomic_fetch_sub(&array->references, 1) != 1)
    return;
  cellc_runtime_t *runtime = array->runtime;
  pthread_mutex_lock(&runtime->lock);
  runtime->driver->release(runtime->device, array->data);
  pthread_mutex_unlock(&runtime->lock);
  cellci_release(array);
  cellc_runtime_release(runtime);
}

void *cellc_array_data(const cellc_array_t *array) { return array->data; }

uint64_t cellc_array_size(const cellc_array_t *array) { return array->size; }
