// Status codes. Every fallible function of the runtime returns one; the text of the last failure of
// the calling thread is kept beside it. Nothing is printed and the process is never ended.
#ifndef CELLC_STATUS_H
#define CELLC_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define CELLC_API __attribute__((visibility("default")))
#else
#define CELLC_API
#endif

typedef enum cellc_status {
  CELLC_OK = 0,
  CELLC_INVALID_ARGUMENT = 1, // the caller broke the contract written at the function
  CELLC_INVALID_PROGRAM = 2,  // the program's bytes are damaged; the message names the field
  CELLC_UNSUPPORTED = 3,      // a version, opcode or driver slot this runtime does not have
  CELLC_NOT_FOUND = 4,        // a kernel, weight or driver of that name is missing
  CELLC_OUT_OF_MEMORY = 5,
  CELLC_DEVICE_FAILURE = 6, // the driver or the operating system refused
} cellc_status_t;

// The name of a code, such as "INVALID_ARGUMENT"; "UNKNOWN" for any other number. Static storage.
CELLC_API const char *cellc_status_name(cellc_status_t status);

// The message of the last call that failed on this thread, valid until the next one; "" if none has.
CELLC_API const char *cellc_status_message(void);

#ifdef __cplusplus
}
#endif
#endif // CELLC_STATUS_H
