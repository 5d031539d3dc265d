#include <stdio.h>
#include <threading.h>

static void *answer(void *arg) { return arg; }

int main(void) {
  int question = 0;
  void *result = NULL;
  threading_thread thread;
  if (threading_thread_spawn(answer, &question, NULL, &thread) != THREADING_OK) return 1;
  if (threading_thread_join(thread, THREADING_FOREVER) != THREADING_OK) return 2;
  if (threading_thread_result(thread, &result) != THREADING_OK || result != &question) return 3;
  if (threading_version() != THREADING_VERSION) return 4;
  printf("libthreading %d.%d.%d\n", THREADING_VERSION_MAJOR, THREADING_VERSION_MINOR, THREADING_VERSION_PATCH);
  return 0;
}
