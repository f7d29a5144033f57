// A plain test runner: a failed check prints where and ends the process with status 1.
#ifndef CELLC_TEST_CHECK_H
#define CELLC_TEST_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cellc/runtime.h"

#define CHECK(condition)                                                                                     \
  do {                                                                                                       \
    if (!(condition)) {                                                                                      \
      fprintf(stderr, "%s:%d: failed: %s (last message: %s)\n", __FILE__, __LINE__, #condition,              \
              cellc_status_message());                                                                       \
      exit(1);                                                                                               \
    }                                                                                                        \
  } while (0)

#define CHECK_OK(call) CHECK((call) == CELLC_OK)

// The call fails with this code and its message contains this text.
#define CHECK_FAILS(call, code, text)                                                                        \
  do {                                                                                                       \
    CHECK((call) == (code));                                                                                 \
    CHECK(strstr(cellc_status_message(), text));                                                             \
  } while (0)

#define RUN(test)                                                                                            \
  do {                                                                                                       \
    printf("%s\n", #test);                                                                                   \
    fflush(stdout);                                                                                          \
    test();                                                                                                  \
  } while (0)

#endif // CELLC_TEST_CHECK_H
