/* What tasks, futures, forks, loops, queues and timers cost. Where a C programmer has nothing ready made, the
   counterpart is what he writes by hand: a ring behind a mutex and two condition variables, and threads that
   take from it. */
#define _GNU_SOURCE
#include "bench.h"

enum { TASKS = 200000, TURNS = 4000, FIB = 24, STEPS = 40000, RING = 1024, ITEMS = 200000, TIMERS = 100000 };

// ---- The counterpart: a bounded ring, and workers that take functions from it ----

typedef struct ring {
  pthread_mutex_t mutex;
  pthread_cond_t filled, emptied;
  void *items[RING];
  size_t head, count;
} ring;

static void ring_put(ring *r, void *item) {
  pthread_mutex_lock(&r->mutex);
  while (r->count == RING) pthread_cond_wait(&r->emptied, &r->mutex);
  r->items[(r->head + r->count++) % RING] = item;
  pthread_mutex_unlock(&r->mutex);
  pthread_cond_signal(&r->filled);
}

static void *ring_get(ring *r) {
  pthread_mutex_lock(&r->mutex);
  while (r->count == 0) pthread_cond_wait(&r->filled, &r->mutex);
  void *item = r->items[r->head];
  r->head = (r->head + 1) % RING;
  r->count--;
  pthread_mutex_unlock(&r->mutex);
  pthread_cond_signal(&r->emptied);
  return item;
}

#define EMPTY_RING { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER, { 0 }, 0, 0 }
static ring work = EMPTY_RING, answers = EMPTY_RING;

static void *work_by_hand(void *arg) {
  for (;;) {
    void *item = ring_get(&work);
    if (item != NULL) ring_put(&answers, item);
  }
  return arg;
}

// ---- Ours ----

static threading_pool pool;
static threading_queue queue;

static void do_nothing(void *arg) {
  (void)arg;
}

static void *give_back(void *arg) {
  return arg;
}

static double execute_all(void) {
  const double start = bench_now();
  for (int i = 0; i < TASKS; i++) bench_ok(threading_pool_execute(pool, do_nothing, NULL));
  bench_ok(threading_pool_wait(pool, THREADING_FOREVER));
  return (bench_now() - start) * 1e9 / TASKS;
}

static double submit_all(void) {
  const double start = bench_now();
  for (int i = 0; i < TASKS; i++) {
    threading_future future;
    bench_ok(threading_pool_submit(pool, give_back, NULL, &future));
    bench_ok(threading_future_destroy(future));
  }
  bench_ok(threading_pool_wait(pool, THREADING_FOREVER));
  return (bench_now() - start) * 1e9 / TASKS;
}

static double put_all_by_hand(void) {
  const double start = bench_now();
  for (int i = 0; i < TASKS; i++) ring_put(&work, i < TASKS - 1 ? NULL : &work);
  ring_get(&answers);
  return (bench_now() - start) * 1e9 / TASKS;
}

static double submit_and_wait(void) {
  const double start = bench_now();
  for (int i = 0; i < TURNS; i++) {
    threading_future future;
    void *result;
    bench_ok(threading_pool_submit(pool, give_back, NULL, &future));
    bench_ok(threading_future_result(future, THREADING_FOREVER, &result));
    bench_ok(threading_future_destroy(future));
  }
  return (bench_now() - start) * 1e9 / TURNS;
}

static double ask_by_hand(void) {
  const double start = bench_now();
  for (int i = 0; i < TURNS; i++) {
    ring_put(&work, &work);
    ring_get(&answers);
  }
  return (bench_now() - start) * 1e9 / TURNS;
}

static void *wait_inside(void *nanoseconds) {
  *(double *)nanoseconds = submit_and_wait();
  return NULL;
}

static double submit_and_wait_inside(void) {
  double nanoseconds;
  threading_future future;
  void *result;
  bench_ok(threading_pool_submit(pool, wait_inside, &nanoseconds, &future));
  bench_ok(threading_future_result(future, THREADING_FOREVER, &result));
  bench_ok(threading_future_destroy(future));
  return nanoseconds;
}

typedef struct number {
  int n;
  long fibonacci;
} number;

static void fork_fibonacci(void *arg) {
  number *at = arg;
  at->fibonacci = at->n;
  if (at->n < 2) return;
  number one = { at->n - 1, 0 }, other = { at->n - 2, 0 };
  const threading_task tasks[] = { { fork_fibonacci, &one }, { fork_fibonacci, &other } };
  bench_ok(threading_parallel_invoke(pool, tasks, 2));
  at->fibonacci = one.fibonacci + other.fibonacci;
}

static double fork_and_join(void) {
  number at = { FIB, 0 };
  const threading_task task = { fork_fibonacci, &at };
  const double start = bench_now();
  bench_ok(threading_parallel_invoke(pool, &task, 1));
  return (bench_now() - start) * 1e9 / (double)(2 * (at.fibonacci + at.fibonacci * 618 / 1000) + 1);
}

static void loop_over_nothing(int64_t begin, int64_t end, void *arg) {
  __asm__ volatile("" ::"r"(begin), "r"(end), "r"(arg));
}

static double empty_loop(void) {
  const double start = bench_now();
  for (int i = 0; i < TURNS; i++) bench_ok(threading_parallel_for(pool, 0, 1000, 0, loop_over_nothing, NULL));
  return (bench_now() - start) * 1e9 / TURNS;
}

// Some tens of microseconds when one thread does it, over and over again. Each step waits for the one before, so that two
// threads gain something even where their processors are halves of one core.
static void hash(int64_t begin, int64_t end, void *arg) {
  uint64_t hash = 0;
  for (int64_t i = begin; i < end; i++) hash = hash * UINT64_C(6364136223846793005) + (uint64_t)i;
  __asm__ volatile("" ::"r"(hash), "r"(arg));
}

static double short_loops(void) {
  const double start = bench_now();
  for (int i = 0; i < TURNS / 10; i++) bench_ok(threading_parallel_for(pool, 0, STEPS, 0, hash, NULL));
  return (bench_now() - start) * 1e9 / (TURNS / 10);
}

static double short_loops_alone(void) {
  const double start = bench_now();
  for (int i = 0; i < TURNS / 10; i++) hash(0, STEPS, NULL);
  return (bench_now() - start) * 1e9 / (TURNS / 10);
}

static void *put_items(void *arg) {
  for (intptr_t i = 0; i < ITEMS; i++) bench_ok(threading_queue_put(queue, (void *)i, THREADING_FOREVER));
  return arg;
}

static void *put_items_by_hand(void *arg) {
  for (intptr_t i = 0; i < ITEMS; i++) ring_put(&answers, (void *)i);
  return arg;
}

static double through_queue(void) {
  pthread_t thread;
  const double start = bench_now();
  if (pthread_create(&thread, NULL, put_items, NULL) != 0) abort();
  void *item;
  for (int i = 0; i < ITEMS; i++) bench_ok(threading_queue_get(queue, &item, THREADING_FOREVER));
  pthread_join(thread, NULL);
  return (bench_now() - start) * 1e9 / ITEMS;
}

static double through_ring(void) {
  pthread_t thread;
  const double start = bench_now();
  if (pthread_create(&thread, NULL, put_items_by_hand, NULL) != 0) abort();
  for (int i = 0; i < ITEMS; i++) ring_get(&answers);
  pthread_join(thread, NULL);
  return (bench_now() - start) * 1e9 / ITEMS;
}

static double schedule_and_cancel(void) {
  static threading_timer timers[TIMERS];
  const double start = bench_now();
  for (int i = 0; i < TIMERS; i++) {
    bench_ok(threading_timer_create(THREADING_SECONDS(60 + i % 60), do_nothing, NULL, NULL, &timers[i]));
    bench_ok(threading_timer_start(timers[i]));
  }
  for (int i = 0; i < TIMERS; i++) {
    bench_ok(threading_timer_cancel(timers[i]));
    bench_ok(threading_timer_destroy(timers[i]));
  }
  return (bench_now() - start) * 1e9 / TIMERS;
}

// ---- Rounds ----

static void measure(const char *what, double (*ours)(void), const char *peer, double (*theirs)(void),
                    bench_goal goal) {
  double our[ROUNDS], their[ROUNDS];
  for (int i = 0; i < ROUNDS; i++) {
    const int first = i % 2;
    if (first) our[i] = ours();
    their[i] = theirs != NULL ? theirs() : 1;
    if (!first) our[i] = ours();
  }
  bench_line(what, peer, bench_summary(our, their, ROUNDS), goal);
}

int main(void) {
  bench_start_idle_thread();
  bench_ok(threading_pool_create(2, NULL, &pool));
  bench_ok(threading_queue_create(THREADING_FIFO, RING, NULL, &queue));
  for (int i = 0; i < 2; i++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, work_by_hand, NULL) != 0) abort();
  }
  const bench_goal none = { NO_GOAL, 0 }, half = { RATIO_AT_MOST, 0.5 }, as_good = { RATIO_AT_MOST, 1 };
  const bench_goal better = { RATIO_AT_MOST, 0.7 }, much_better = { RATIO_AT_MOST, 0.4 };
  bench_heading("Pools, futures, queues and timers", "ns");
  measure("execute, two workers", execute_all, "ring and threads", put_all_by_hand, better);
  measure("submit, two workers", submit_all, "ring and threads", put_all_by_hand, as_good);
  measure("submit and result", submit_and_wait, "two rings", ask_by_hand, half);
  measure("the same inside a task", submit_and_wait_inside, NULL, NULL, (bench_goal){ OURS_AT_MOST, 200 });
  measure("fork and join, a task", fork_and_join, NULL, NULL, none);
  measure("parallel loop, 1000 times nothing", empty_loop, NULL, NULL, (bench_goal){ OURS_AT_MOST, 500 });
  measure("parallel loop of some 50 us", short_loops, "one thread", short_loops_alone, better);
  measure("an item through a bounded queue", through_queue, "ring", through_ring, much_better);
  measure("timer scheduled and cancelled", schedule_and_cancel, NULL, NULL, none);
  return EXIT_SUCCESS;
}
