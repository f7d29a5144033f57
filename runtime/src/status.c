#include "internal.h"

#include <stdarg.h>
#include <stdio.h>

static _Thread_local char message[512];

const char *cellc_status_name(cellc_status_t status) {
  switch (status) {
  case CELLC_OK:
    return "OK";
  case CELLC_INVALID_ARGUMENT:
    return "INVALID_ARGUMENT";
  case CELLC_INVALID_PROGRAM:
    return "INVALID_PROGRAM";
  case CELLC_UNSUPPORTED:
    return "UNSUPPORTED";
  case CELLC_NOT_FOUND:
    return "NOT_FOUND";
  case CELLC_OUT_OF_MEMORY:
    return "OUT_OF_MEMORY";
  case CELLC_DEVICE_FAILURE:
    return "DEVICE_FAILURE";
  }
  return "UNKNOWN";
}

const char *cellc_status_message(void) { return message; }

cellc_status_t cellci_fail(cellc_status_t status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  return status;
}

cellc_status_t cellc_driver_fail(cellc_status_t status, const char *text) {
  return cellci_fail(status, "%s", text);
}
