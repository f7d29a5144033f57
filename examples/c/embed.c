// A C program with a compiled network inside: see README.md in this folder.
#include <stdio.h>

#include "lenet.h"

static int fail(void) {
  fprintf(stderr, "%s\n", cellc_status_message());
  return 1;
}

int main(void) {
  static float image[1 * 28 * 28], scores[10];
  cellc_runtime_t *runtime = NULL;
  cellc_module_t *lenet = NULL;
  if (cellc_runtime_create(NULL, &runtime) != CELLC_OK ||
      cellc_module_create_embedded(runtime, &lenet_module, &lenet) != CELLC_OK)
    return fail();

  for (int row = 4; row < 24; row++) // a vertical stroke
    image[row * 28 + 14] = 1.0f;
  if (lenet_run(lenet, image, scores) != CELLC_OK)
    return fail();

  int best = 0;
  for (int digit = 1; digit < 10; digit++)
    if (scores[digit] > scores[best])
      best = digit;
  printf("this looks like a %d\n", best);

  cellc_module_release(lenet);
  cellc_runtime_release(runtime);
  return 0;
}
