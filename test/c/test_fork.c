// A process that forks has no workers in the child: runs still complete there, and nothing hangs.
#include "check.h"
#include "sample.h"

#include <sys/wait.h>
#include <unistd.h>

static blob_t blob;

static void the_child_runs_alone(void) {
  const cellc_runtime_options_t options = {NULL, 0, 4};
  cellc_runtime_t *runtime;
  cellc_module_t *module;
  float x[8] = {0}, w[8] = {1, 1, 1, 1, 1, 1, 1, 1}, y[8], z[8];
  sample_blob(&blob);
  CHECK_OK(cellc_runtime_create(&options, &runtime));
  CHECK_OK(cellc_module_create(runtime, blob.data, blob.size, &sample_kernels, &module));
  CHECK_OK(cellc_module_run(module, (void *[]){x, w, y, z}, 4));
  pid_t child = fork();
  CHECK(child >= 0);
  CHECK_OK(cellc_module_run(module, (void *[]){x, w, y, z}, 4));
  CHECK(y[7] == 8);
  cellc_module_release(module);
  cellc_runtime_release(runtime);
  if (child == 0)
    _exit(0);
  int status;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void) {
  alarm(60); // a hang is a failure
  for (int i = 0; i < 5; i++)
    RUN(the_child_runs_alone);
  return 0;
}
