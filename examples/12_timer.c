/* Timers call a function later: once, again and again, or not at all when cancelled in time. */
#include <stdio.h>
#include <stdlib.h>
#include <threading.h>

static threading_semaphore ticks;

static void check(threading_status status) {
  if (status == THREADING_OK) return;
  fprintf(stderr, "%s: %s\n", threading_status_name(status), threading_last_error());
  exit(EXIT_FAILURE);
}

static void greet(void *name) {
  printf("Hello, %s\n", (const char *)name);
}

static void tick(void *arg) {
  (void)arg;
  check(threading_semaphore_release(ticks, 1));
}

int main(void) {
  threading_timer once, never, ticker;
  threading_timer_options options = { .size = sizeof options, .period_ns = THREADING_MILLISECONDS(5) };
  check(threading_semaphore_create(0, &ticks));
  check(threading_timer_create(THREADING_MILLISECONDS(20), greet, "world", NULL, &once));
  check(threading_timer_create(THREADING_SECONDS(3600), greet, "nobody", NULL, &never));
  check(threading_timer_create(options.period_ns, tick, NULL, &options, &ticker));

  check(threading_timer_start(once));
  check(threading_timer_start(never));
  check(threading_timer_join(once, THREADING_FOREVER)); /* it has fired and its callback has returned */

  check(threading_timer_cancel(never));
  printf("cancelled: %s\n", threading_status_name(threading_timer_join(never, THREADING_FOREVER)));

  check(threading_timer_start(ticker));
  for (int i = 1; i <= 3; i++) {
    check(threading_semaphore_acquire(ticks, THREADING_FOREVER));
    printf("tick %d\n", i);
  }
  check(threading_timer_cancel(ticker));
  /* A callback that was running at the cancel has returned after the join: `ticks` can go. */
  printf("stopped: %s\n", threading_status_name(threading_timer_join(ticker, THREADING_FOREVER)));

  check(threading_timer_destroy(once));
  check(threading_timer_destroy(never));
  check(threading_timer_destroy(ticker));
  check(threading_semaphore_destroy(ticks));
  return EXIT_SUCCESS;
}

/* Expected output:
Hello, world
cancelled: THREADING_CANCELLED
tick 1
tick 2
tick 3
stopped: THREADING_CANCELLED
*/
