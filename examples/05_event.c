/* An event signals the end of a task to whoever waits for it. */
#include <stdio.h>
#include <stdlib.h>
#include <threading.h>

static threading_event finished;

static void check(threading_status status) {
  if (status == THREADING_OK) return;
  fprintf(stderr, "%s: %s\n", threading_status_name(status), threading_last_error());
  exit(EXIT_FAILURE);
}

static void *run_task(void *arg) {
  (void)arg;
  printf("Task started\n");
  check(threading_sleep(THREADING_MILLISECONDS(50))); /* the work */
  printf("Task finished\n");
  check(threading_event_set(finished));
  return NULL;
}

int main(void) {
  check(threading_event_create(&finished));

  threading_thread thread;
  check(threading_thread_spawn(run_task, NULL, NULL, &thread));

  /* The event says that the task is done; the thread itself may still have something to do. */
  check(threading_event_wait(finished, THREADING_FOREVER));
  printf("Main program continues running\n");

  check(threading_thread_join(thread, THREADING_FOREVER));
  check(threading_thread_destroy(thread));
  check(threading_event_destroy(finished));
  return EXIT_SUCCESS;
}

/* Expected output:
Task started
Task finished
Main program continues running
*/
