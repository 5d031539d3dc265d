/* A barrier keeps threads in step: nobody begins the next phase before all have done this one.

   Four threads make running sums, 1 2 3 4 -> 1 3 6 10, in two phases: each adds the value one place
   to the left, then the value two places to the left. The barrier's action runs once per phase, in
   one of the threads, while all the others wait. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threading.h>

enum { THREADS = 4 };

static threading_barrier barrier;
static int values[THREADS] = { 1, 2, 3, 4 }, next[THREADS];
static int distance = 1;

static void check(threading_status status) {
  if (status == THREADING_OK) return;
  fprintf(stderr, "%s: %s\n", threading_status_name(status), threading_last_error());
  exit(EXIT_FAILURE);
}

static threading_status end_phase(void *arg) {
  (void)arg;
  memcpy(values, next, sizeof values);
  printf("distance %d: %d %d %d %d\n", distance, values[0], values[1], values[2], values[3]);
  distance *= 2;
  return THREADING_OK;
}

static void *add_left(void *arg) {
  int i = *(const int *)arg;
  while (distance < THREADS) {
    next[i] = values[i] + (i >= distance ? values[i - distance] : 0);
    check(threading_barrier_wait(barrier, THREADING_FOREVER, NULL));
  }
  return NULL;
}

int main(void) {
  check(threading_barrier_create(THREADS, end_phase, NULL, THREADING_FOREVER, &barrier));

  threading_thread threads[THREADS];
  threading_thread_options options = { .size = sizeof options, .arg_size = sizeof(int) };
  for (int i = 0; i < THREADS; i++) { /* arg_size: each thread gets a copy of `i` of its own */
    check(threading_thread_spawn(add_left, &i, &options, &threads[i]));
  }
  for (int i = 0; i < THREADS; i++) {
    check(threading_thread_join(threads[i], THREADING_FOREVER));
    check(threading_thread_destroy(threads[i]));
  }
  check(threading_barrier_destroy(barrier));
  return EXIT_SUCCESS;
}

/* Expected output:
distance 1: 1 3 5 7
distance 2: 1 3 6 10
*/
