/* A semaphore of 3 lets five threads through to a resource, at most three of them at a time. */
#include <stdio.h>
#include <stdlib.h>
#include <threading.h>

enum { THREADS = 5, LIMIT = 3 };

static threading_semaphore semaphore;
static threading_event crowded; /* set when LIMIT threads are inside: they wait for each other */
static threading_lock lock;
static int inside, peak; /* guarded by `lock` */

static void check(threading_status status) {
  if (status == THREADING_OK) return;
  fprintf(stderr, "%s: %s\n", threading_status_name(status), threading_last_error());
  exit(EXIT_FAILURE);
}

static void *access_resource(void *arg) {
  (void)arg;
  check(threading_semaphore_acquire(semaphore, THREADING_FOREVER));
  printf("Accessing the shared resource...\n");
  THREADING_WITH(lock) {
    if (++inside > peak) peak = inside;
    if (inside == LIMIT) check(threading_event_set(crowded));
  }
  check(threading_event_wait(crowded, THREADING_FOREVER));
  THREADING_WITH(lock) { inside--; }
  check(threading_semaphore_release(semaphore, 1));
  printf("Released semaphore\n");
  return NULL;
}

int main(void) {
  check(threading_semaphore_create(LIMIT, &semaphore));
  check(threading_event_create(&crowded));
  check(threading_lock_create(&lock));

  threading_thread threads[THREADS];
  for (int i = 0; i < THREADS; i++) check(threading_thread_spawn(access_resource, NULL, NULL, &threads[i]));
  for (int i = 0; i < THREADS; i++) {
    check(threading_thread_join(threads[i], THREADING_FOREVER));
    check(threading_thread_destroy(threads[i]));
  }

  printf("At most %d threads at a time\n", peak);
  check(threading_lock_destroy(lock));
  check(threading_event_destroy(crowded));
  check(threading_semaphore_destroy(semaphore));
  return peak == LIMIT ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Expected output, in any order:
Accessing the shared resource...
Accessing the shared resource...
Accessing the shared resource...
Accessing the shared resource...
Accessing the shared resource...
Released semaphore
Released semaphore
Released semaphore
Released semaphore
Released semaphore
At most 3 threads at a time
*/
