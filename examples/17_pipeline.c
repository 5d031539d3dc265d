/* A pipeline of two queues: numbers -> three workers -> one collector. It finds the number below LIMIT
   whose Collatz sequence (halve it when even, else triple it and add one) takes longest to reach 1.

   The queues are bounded, so that a fast stage waits for a slow one instead of filling the memory. A
   shutdown is the end of the stream: what is in the queue still comes out, then THREADING_CLOSED. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <threading.h>

enum { LIMIT = 30000, WORKERS = 3, BOUND = 64 };

struct item { long number, steps; }; /* belongs to whoever took it out of a queue */

static threading_queue numbers, results;
static atomic_int working = WORKERS;

static void check(threading_status status) {
  if (status == THREADING_OK) return;
  fprintf(stderr, "%s: %s\n", threading_status_name(status), threading_last_error());
  exit(EXIT_FAILURE);
}

/* The next item, or NULL at the end of the stream. */
static struct item *next(threading_queue queue) {
  void *got;
  threading_status status = threading_queue_get(queue, &got, THREADING_FOREVER);
  if (status == THREADING_CLOSED) return NULL;
  check(status);
  return got;
}

static void *produce(void *arg) {
  for (long number = 1; number < LIMIT; number++) {
    struct item *made = malloc(sizeof *made);
    if (made == NULL) abort();
    *made = (struct item){ .number = number };
    check(threading_queue_put(numbers, made, THREADING_FOREVER));
  }
  check(threading_queue_shutdown(numbers, 0));
  return arg;
}

static void *count_steps(void *arg) {
  for (struct item *item; (item = next(numbers)) != NULL;) {
    for (long n = item->number; n != 1; item->steps++) n = n % 2 == 0 ? n / 2 : 3 * n + 1;
    check(threading_queue_put(results, item, THREADING_FOREVER));
  }
  if (atomic_fetch_sub(&working, 1) == 1) check(threading_queue_shutdown(results, 0)); /* the last one out */
  return arg;
}

int main(void) {
  check(threading_queue_create(THREADING_FIFO, BOUND, free, &numbers));
  check(threading_queue_create(THREADING_FIFO, BOUND, free, &results));
  threading_thread threads[1 + WORKERS];
  for (int i = 0; i < 1 + WORKERS; i++)
    check(threading_thread_spawn(i == 0 ? produce : count_steps, NULL, NULL, &threads[i]));

  struct item longest = { 0, 0 };
  for (struct item *item; (item = next(results)) != NULL; free(item))
    if (item->steps > longest.steps) longest = *item;
  printf("Below %d, %ld takes longest: %ld steps\n", LIMIT, longest.number, longest.steps);

  for (int i = 0; i < 1 + WORKERS; i++) {
    check(threading_thread_join(threads[i], THREADING_FOREVER));
    check(threading_thread_destroy(threads[i]));
  }
  check(threading_queue_destroy(results));
  check(threading_queue_destroy(numbers));
  return EXIT_SUCCESS;
}

/* Expected output:
Below 30000, 26623 takes longest: 307 steps
*/
