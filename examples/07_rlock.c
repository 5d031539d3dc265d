/* A thread may acquire an rlock again while it holds it, so that a function that locks can call
   another one that locks; a plain lock would wait for itself. */
#include <stdio.h>
#include <stdlib.h>
#include <threading.h>

static threading_rlock rlock;
static long counter; /* guarded by `rlock` */

static void check(threading_status status) {
  if (status == THREADING_OK) return;
  fprintf(stderr, "%s: %s\n", threading_status_name(status), threading_last_error());
  exit(EXIT_FAILURE);
}

static void add(long n) {
  THREADING_WITH(rlock) { counter += n; }
}

static void *increment_counter(void *arg) {
  (void)arg;
  for (int i = 0; i < 1000000; i++) {
    THREADING_WITH(rlock) { add(1); }
  }
  return NULL;
}

int main(void) {
  check(threading_rlock_create(&rlock));

  threading_thread threads[2];
  for (int i = 0; i < 2; i++) check(threading_thread_spawn(increment_counter, NULL, NULL, &threads[i]));
  for (int i = 0; i < 2; i++) {
    check(threading_thread_join(threads[i], THREADING_FOREVER));
    check(threading_thread_destroy(threads[i]));
  }
  printf("Final counter: %ld\n", counter);

  THREADING_WITH(rlock) {
    THREADING_WITH(rlock) { printf("Held %d times\n", (int)threading_rlock_recursion_count(rlock)); }
    printf("Held %d time\n", (int)threading_rlock_recursion_count(rlock));
  }
  printf("Released: %s\n", threading_status_name(threading_rlock_release(rlock)));

  check(threading_rlock_destroy(rlock));
  return EXIT_SUCCESS;
}

/* Expected output:
Final counter: 2000000
Held 2 times
Held 1 time
Released: THREADING_E_NOT_OWNER
*/
