/* A thread's priority is a nice value, -20 .. 19, and lower runs more. It can be given at creation and
   changed before the start, by handle or by ident; the system may refuse it, and start says so. */
#include <stdio.h>
#include <stdlib.h>
#include <threading.h>

static void check(threading_status status) {
  if (status == THREADING_OK) return;
  fprintf(stderr, "%s: %s\n", threading_status_name(status), threading_last_error());
  exit(EXIT_FAILURE);
}

/* Asks the system, from inside the thread, what took effect. */
static void *read_priority(void *nice) {
  check(threading_thread_priority(threading_current_thread(), nice));
  return NULL;
}

static void start(threading_thread thread, const char *wish) {
  threading_status status = threading_thread_start(thread);
  printf("%s: %s\n", wish, threading_status_name(status));
  if (status == THREADING_E_PERMISSION) {
    /* Less than the others is always allowed, and the thread can still be started. */
    check(threading_thread_set_priority(thread, 19));
    status = threading_thread_start(thread);
  }
  check(status);
}

int main(void) {
  int32_t nice1 = 0, nice2 = 0;
  threading_thread thread1, thread2;
  threading_thread_options options = { .size = sizeof options, .priority = 5 };
  check(threading_thread_create(read_priority, &nice1, NULL, &thread1));
  check(threading_thread_create(read_priority, &nice2, &options, &thread2));

  uint64_t ident; /* known from creation on */
  check(threading_thread_ident(thread2, &ident));
  check(threading_thread_set_priority(thread1, -20));
  check(threading_setpriority(ident, -10));

  start(thread1, "thread 1 at -20");
  start(thread2, "thread 2 at -10");
  check(threading_thread_join(thread1, THREADING_FOREVER));
  check(threading_thread_join(thread2, THREADING_FOREVER));
  printf("thread 1 ran at %d, thread 2 at %d\n", (int)nice1, (int)nice2);

  check(threading_thread_destroy(thread1));
  check(threading_thread_destroy(thread2));
  return EXIT_SUCCESS;
}

/* Expected output, one of:
thread 1 at -20: THREADING_OK
thread 2 at -10: THREADING_OK
thread 1 ran at -20, thread 2 at -10
or:
thread 1 at -20: THREADING_E_PERMISSION
thread 2 at -10: THREADING_E_PERMISSION
thread 1 ran at 19, thread 2 at 19
or:
thread 1 at -20: THREADING_E_PERMISSION
thread 2 at -10: THREADING_OK
thread 1 ran at 19, thread 2 at -10
*/
