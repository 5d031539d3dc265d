/* A lock keeps a shared counter right; THREADING_WITH is Python's `with lock:`.

   Two threads count to 1,000,000 each, so the sum is 2,000,000. (The guide that this example follows
   says 20,000,000, which is wrong.) */
#include <stdio.h>
#include <stdlib.h>
#include <threading.h>

static threading_lock lock;
static long counter; /* guarded by `lock` */

static void check(threading_status status) {
  if (status == THREADING_OK) return;
  fprintf(stderr, "%s: %s\n", threading_status_name(status), threading_last_error());
  exit(EXIT_FAILURE);
}

static void *increment_counter(void *arg) {
  (void)arg;
  for (int i = 0; i < 1000000; i++) {
    THREADING_WITH(lock) { counter++; } /* released however the block is left */
  }
  return NULL;
}

int main(void) {
  check(threading_lock_create(&lock));

  threading_thread threads[2];
  for (int i = 0; i < 2; i++) check(threading_thread_spawn(increment_counter, NULL, NULL, &threads[i]));
  for (int i = 0; i < 2; i++) {
    check(threading_thread_join(threads[i], THREADING_FOREVER));
    check(threading_thread_destroy(threads[i]));
  }

  printf("Final counter: %ld\n", counter);
  check(threading_lock_destroy(lock));
  return EXIT_SUCCESS;
}

/* Expected output:
Final counter: 2000000
*/
