/* A local has one value per thread. Its destructor runs at the end of each thread that set one, before
   a join of that thread returns. */
#include <stdio.h>
#include <stdlib.h>
#include <threading.h>

static threading_local request; /* the number of the request that the calling thread serves */

static void check(threading_status status) {
  if (status == THREADING_OK) return;
  fprintf(stderr, "%s: %s\n", threading_status_name(status), threading_last_error());
  exit(EXIT_FAILURE);
}

/* Deep in the program: no argument had to be passed down to here. */
static void log_line(const char *text) {
  void *number;
  check(threading_local_get(request, &number));
  if (number == NULL) printf("no request: %s\n", text);
  else printf("request %d: %s\n", *(int *)number, text);
}

static void end_request(void *number) {
  printf("request %d: freed\n", *(int *)number);
  free(number);
}

static void *serve(void *arg) {
  int *number = malloc(sizeof *number);
  if (number == NULL) abort();
  *number = *(const int *)arg;
  check(threading_local_set(request, number));
  log_line("served");
  return NULL;
}

int main(void) {
  check(threading_local_create(end_request, &request));

  threading_thread threads[3];
  threading_thread_options options = { .size = sizeof options, .arg_size = sizeof(int) };
  for (int i = 0; i < 3; i++) check(threading_thread_spawn(serve, &i, &options, &threads[i]));
  for (int i = 0; i < 3; i++) {
    check(threading_thread_join(threads[i], THREADING_FOREVER));
    check(threading_thread_destroy(threads[i]));
  }
  log_line("main has no value");
  check(threading_local_destroy(request));
  return EXIT_SUCCESS;
}

/* Expected output, in any order:
request 0: served
request 0: freed
request 1: served
request 1: freed
request 2: served
request 2: freed
no request: main has no value
*/
