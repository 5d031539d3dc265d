/* Every wait takes a timeout, and one deadline can bound several of them: threading_until() gives what
   is left of it. A wait that ran out changed nothing and says THREADING_TIMEOUT. */
#include <stdio.h>
#include <stdlib.h>
#include <threading.h>

static threading_lock paper, printer;
static threading_event printing, may_finish;

static void check(threading_status status) {
  if (status == THREADING_OK) return;
  fprintf(stderr, "%s: %s\n", threading_status_name(status), threading_last_error());
  exit(EXIT_FAILURE);
}

static void *long_print(void *arg) {
  (void)arg;
  THREADING_WITH(printer) {
    check(threading_event_set(printing));
    check(threading_event_wait(may_finish, THREADING_FOREVER));
  }
  return NULL;
}

/* Both locks or none, and an answer in `patience_ns` at the latest. */
static threading_status print_page(int64_t patience_ns) {
  int64_t deadline = threading_now() + patience_ns;
  threading_status status;
  THREADING_WITH_STATUS(paper, threading_until(deadline), &status) {
    THREADING_WITH_STATUS(printer, threading_until(deadline), &status) { printf("one page printed\n"); }
  }
  return status;
}

int main(void) {
  check(threading_lock_create(&paper));
  check(threading_lock_create(&printer));
  check(threading_event_create(&printing));
  check(threading_event_create(&may_finish));

  threading_thread thread;
  check(threading_thread_spawn(long_print, NULL, NULL, &thread));
  check(threading_event_wait(printing, THREADING_FOREVER));

  printf("while it prints: %s\n", threading_status_name(print_page(THREADING_MILLISECONDS(30))));
  printf("the paper is locked: %d\n", threading_lock_locked(paper));

  check(threading_event_set(may_finish));
  printf("after that: %s\n", threading_status_name(print_page(THREADING_SECONDS(10))));

  check(threading_thread_join(thread, THREADING_FOREVER));
  check(threading_thread_destroy(thread));
  check(threading_event_destroy(may_finish));
  check(threading_event_destroy(printing));
  check(threading_lock_destroy(printer));
  check(threading_lock_destroy(paper));
  return EXIT_SUCCESS;
}

/* Expected output:
while it prints: THREADING_TIMEOUT
the paper is locked: 0
one page printed
after that: THREADING_OK
*/
