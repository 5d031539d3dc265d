/* A condition lets a thread wait until what the others change has the value it wants.

   The test and the change are made under the same lock and the test is >=, not ==: a loop that looks
   for exactly 10 without holding the lock can miss it and run for ever. */
#include <stdio.h>
#include <stdlib.h>
#include <threading.h>

enum { GOAL = 10 };

static threading_condition changed; /* with a lock of its own */
static int value;                   /* guarded by that lock */

static void check(threading_status status) {
  if (status == THREADING_OK) return;
  fprintf(stderr, "%s: %s\n", threading_status_name(status), threading_last_error());
  exit(EXIT_FAILURE);
}

static void *worker(void *arg) {
  (void)arg;
  for (;;) {
    THREADING_WITH(changed) {
      if (value >= GOAL) return NULL; /* leaves the block too: the lock is released */
      printf("Worker: %d\n", ++value);
      check(threading_condition_notify_all(changed));
    }
  }
}

static int32_t goal_reached(void *arg) {
  (void)arg;
  return value >= GOAL;
}

int main(void) {
  check(threading_condition_create(&changed));

  threading_thread workers[2];
  for (int i = 0; i < 2; i++) check(threading_thread_spawn(worker, NULL, NULL, &workers[i]));

  THREADING_WITH(changed) {
    check(threading_condition_wait_for(changed, goal_reached, NULL, THREADING_FOREVER));
    printf("Main: the value is %d\n", value);
  }

  for (int i = 0; i < 2; i++) {
    check(threading_thread_join(workers[i], THREADING_FOREVER));
    check(threading_thread_destroy(workers[i]));
  }
  check(threading_condition_destroy(changed));
  return EXIT_SUCCESS;
}

/* Expected output:
Worker: 1
Worker: 2
Worker: 3
Worker: 4
Worker: 5
Worker: 6
Worker: 7
Worker: 8
Worker: 9
Worker: 10
Main: the value is 10
*/
