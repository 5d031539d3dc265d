/* A pool of five workers runs ten tasks. Submitting a task gives a future, and waiting for the future
   gives what the task returned; Python: pool.submit(work, i).result()

   The guide that this example follows waits for each task before it submits the next one, so the lines
   come in this order. Its workers are daemons: the shutdown is what waits for them. */
#include <stdio.h>
#include <stdlib.h>
#include <threading.h>

static void check(threading_status status) {
  if (status == THREADING_OK) return;
  fprintf(stderr, "%s: %s\n", threading_status_name(status), threading_last_error());
  exit(EXIT_FAILURE);
}

static void *work(void *number) {
  int i = *(const int *)number;
  printf("Worker %d: %d\n", i, i);
  return number;
}

int main(void) {
  threading_pool pool;
  threading_pool_options options = { .size = sizeof options, .daemon = THREADING_DAEMON };
  check(threading_pool_create(5, &options, &pool)); /* a worker starts when there is a task for it */

  int sum = 0;
  for (int i = 0; i < 10; i++) {
    threading_future future;
    void *result; /* `i` outlives the task: its future is waited for before `i` changes */
    printf("%d\n", i);
    check(threading_pool_submit(pool, work, &i, &future));
    check(threading_future_result(future, THREADING_FOREVER, &result));
    check(threading_future_destroy(future));
    sum += *(const int *)result;
  }
  printf("Sum of the results: %d\n", sum);

  check(threading_pool_shutdown(pool, 1, 0)); /* wait for the workers; cancel nothing */
  check(threading_pool_destroy(pool));
  return EXIT_SUCCESS;
}

/* Expected output:
0
Worker 0: 0
1
Worker 1: 1
2
Worker 2: 2
3
Worker 3: 3
4
Worker 4: 4
5
Worker 5: 5
6
Worker 6: 6
7
Worker 7: 7
8
Worker 8: 8
9
Worker 9: 9
Sum of the results: 45
*/
