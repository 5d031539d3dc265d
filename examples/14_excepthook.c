/* A thread that fails reports it with threading_fail(), Python's `raise`. The hook hears of it at once,
   and whoever joins the thread can ask for the code and the message later.

   Without a hook the library writes the failure to stderr: it is never lost in silence. */
#include <stdio.h>
#include <stdlib.h>
#include <threading.h>

enum { ERROR_NO_FILE = 42 };

static void check(threading_status status) {
  if (status == THREADING_OK) return;
  fprintf(stderr, "%s: %s\n", threading_status_name(status), threading_last_error());
  exit(EXIT_FAILURE);
}

static void *load(void *path) {
  FILE *file = fopen(path, "r");
  if (file == NULL) {
    check(threading_fail(ERROR_NO_FILE, "the file cannot be opened"));
    return NULL; /* threading_fail() marks, the function returns as usual */
  }
  (void)fclose(file);
  return path;
}

static void report(threading_thread thread, int32_t code, const char *message, void *user) {
  char name[32];
  check(threading_thread_name(thread, name, sizeof name, NULL));
  printf("%s in %s: %s (%d)\n", (const char *)user, name, message, (int)code);
}

int main(void) {
  check(threading_set_excepthook(report, "failure"));

  threading_thread_options options = { .size = sizeof options, .name = "loader" };
  threading_thread thread;
  check(threading_thread_spawn(load, "/nowhere/to/be/found", &options, &thread));
  check(threading_thread_join(thread, THREADING_FOREVER)); /* OK: the join itself succeeded */

  void *result;
  int32_t code;
  char message[64];
  printf("result: %s\n", threading_status_name(threading_thread_result(thread, &result)));
  check(threading_thread_failure(thread, &code, message, sizeof message, NULL));
  printf("reason: %s (%d)\n", message, (int)code);

  check(threading_thread_destroy(thread));
  return EXIT_SUCCESS;
}

/* Expected output:
failure in loader: the file cannot be opened (42)
result: THREADING_FAILED
reason: the file cannot be opened (42)
*/
