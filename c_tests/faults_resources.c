// What is used of the system by very many objects and threads, by the numbers of docs/faults.md.
#include "resources.h"

#include <malloc.h>

// ---- H1: a million of each kind, one after another ----

// What a second million needs may be a little more than the first did, whatever the kind.
#define SLACK MEBIBYTE

static void check_flat(void (*make_and_end)(void), int count) {
#ifdef M_ARENA_MAX
  // A thread's first request may come at any time: it must not reserve an arena of its own, many times the slack.
  mallopt(M_ARENA_MAX, 1);
#endif
  for (int i = 0; i < count / 20; i++) make_and_end();
  const memory before = memory_now();
  const int open_before = descriptors();
  for (int i = 0; i < count; i++) make_and_end();
  const memory after = memory_now();
  EQ(descriptors(), open_before);
  if (is_instrumented()) return;
  CHECK(after.resident - before.resident <= SLACK);
  CHECK(after.mapped - before.mapped <= SLACK);
}

static void lock_once(void) {
  threading_lock lock;
  OK(threading_lock_create(&lock));
  OK(threading_lock_acquire(lock, 0));
  OK(threading_lock_release(lock));
  OK(threading_lock_destroy(lock));
}

static void rlock_once(void) {
  threading_rlock rlock;
  OK(threading_rlock_create(&rlock));
  OK(threading_rlock_acquire(rlock, 0));
  OK(threading_rlock_release(rlock));
  OK(threading_rlock_destroy(rlock));
}

static void condition_once(void) {
  threading_condition condition;
  OK(threading_condition_create(&condition));
  OK(threading_condition_acquire(condition, 0));
  OK(threading_condition_notify_all(condition));
  OK(threading_condition_release(condition));
  OK(threading_condition_destroy(condition));
}

static void semaphore_once(void) {
  threading_semaphore semaphore;
  OK(threading_semaphore_create(0, &semaphore));
  OK(threading_semaphore_release(semaphore, 1));
  OK(threading_semaphore_acquire(semaphore, 0));
  OK(threading_semaphore_destroy(semaphore));
}

static void event_once(void) {
  threading_event event;
  OK(threading_event_create(&event));
  OK(threading_event_set(event));
  OK(threading_event_wait(event, 0));
  OK(threading_event_destroy(event));
}

static void barrier_once(void) {
  threading_barrier barrier;
  OK(threading_barrier_create(1, NULL, NULL, THREADING_FOREVER, &barrier));
  OK(threading_barrier_wait(barrier, 0, NULL));
  OK(threading_barrier_destroy(barrier));
}

static void do_nothing(void *arg) { (void)arg; }

static void local_once(void) {
  threading_local local;
  OK(threading_local_create(do_nothing, &local));
  OK(threading_local_set(local, &local));
  OK(threading_local_destroy(local));
}

// In the heap, and taken out again.
static void timer_once(void) {
  threading_timer timer;
  OK(threading_timer_create(THREADING_SECONDS(3600), do_nothing, NULL, NULL, &timer));
  OK(threading_timer_start(timer));
  OK(threading_timer_cancel(timer));
  OK(threading_timer_destroy(timer));
}

static void queue_once(void) {
  threading_queue queue;
  void *item = NULL;
  OK(threading_queue_create(THREADING_FIFO, 0, NULL, &queue));
  OK(threading_queue_put(queue, &queue, 0));
  OK(threading_queue_get(queue, &item, 0));
  OK(threading_queue_destroy(queue));
}

static void promise_once(void) {
  threading_future future;
  OK(threading_future_create(&future));
  OK(threading_future_set_result(future, NULL));
  OK(threading_future_destroy(future));
}

static void *return_arg(void *arg) { return arg; }

static void unstarted_thread_once(void) {
  threading_thread thread;
  OK(threading_thread_create(return_arg, NULL, NULL, &thread));
  OK(threading_thread_destroy(thread));
}

static void idle_pool_once(void) {
  threading_pool pool;
  OK(threading_pool_create(2, NULL, &pool));
  OK(threading_pool_destroy(pool));
}

static threading_pool pool;

static void task_once(void) {
  threading_future future;
  OK(threading_pool_submit(pool, return_arg, NULL, &future));
  OK(threading_futures_wait(&future, 1, THREADING_ALL_COMPLETED, THREADING_FOREVER, NULL));
  OK(threading_future_destroy(future));
}

static void group_once(void) {
  threading_group group;
  OK(threading_group_create(pool, &group));
  OK(threading_group_destroy(group));
}

#define MILLION many(1000000, 4000000)

TEST(fault_H1_a_million_locks_one_after_another) { check_flat(lock_once, MILLION); }
TEST(fault_H1_a_million_rlocks) { check_flat(rlock_once, MILLION); }
TEST(fault_H1_a_million_conditions) { check_flat(condition_once, MILLION); }
TEST(fault_H1_a_million_semaphores) { check_flat(semaphore_once, MILLION); }
TEST(fault_H1_a_million_events) { check_flat(event_once, MILLION); }
TEST(fault_H1_a_million_barriers) { check_flat(barrier_once, MILLION); }
TEST(fault_H1_a_million_locals) { check_flat(local_once, MILLION); }
TEST(fault_H1_many_timers) { check_flat(timer_once, many(200000, 1000000)); }
TEST(fault_H1_many_queues) { check_flat(queue_once, many(200000, 1000000)); }
TEST(fault_H1_a_million_promises) { check_flat(promise_once, MILLION); }
TEST(fault_H1_a_million_unstarted_threads) { check_flat(unstarted_thread_once, MILLION); }
TEST(fault_H1_many_pools) { check_flat(idle_pool_once, many(20000, 1000000)); }

// One worker: on a busy machine a second one, with its stack, could come at any time.
TEST(fault_H1_many_groups_and_tasks) {
  OK(threading_pool_create(1, NULL, &pool));
  check_flat(group_once, many(200000, 1000000));
  check_flat(task_once, many(40000, 1000000));
  OK(threading_pool_shutdown(pool, 1, 0));
  OK(threading_pool_destroy(pool));
}

// ---- H2: a million at once ----

#define LIVE 1000000

// Resident bytes of each of a million objects, in a process of its own.
#define CHECK_SIZE(kind, create, at_most)                                                                 \
  do {                                                                                                    \
    threading_##kind *all = calloc(LIVE, sizeof *all);                                                    \
    CHECK(all != NULL);                                                                                   \
    memset(all, 1, LIVE * sizeof *all);                                                                   \
    const memory before = memory_now();                                                                   \
    for (int i = 0; i < LIVE; i++) OK(create);                                                            \
    const memory full = memory_now();                                                                     \
    CHECK(full.resident - before.resident <= (at_most) * (long)LIVE + SLACK);                             \
    for (int i = 0; i < LIVE; i++) OK(threading_##kind##_destroy(all[i]));                                \
    for (int i = 0; i < LIVE; i++) OK(create);                                                            \
    CHECK(memory_now().resident - full.resident <= SLACK);                                                \
    for (int i = 0; i < LIVE; i++) OK(threading_##kind##_destroy(all[i]));                                \
    free(all);                                                                                            \
  } while (0)

static void skip_if_instrumented(void) {
  if (is_instrumented()) SKIP("the memory of a checker is not the program's own");
}

TEST(fault_H2_a_million_live_locks) {
  skip_if_instrumented();
  CHECK_SIZE(lock, threading_lock_create(&all[i]), 64);
}

TEST(fault_H2_a_million_live_semaphores) {
  skip_if_instrumented();
  CHECK_SIZE(semaphore, threading_semaphore_create(1, &all[i]), 64);
}

TEST(fault_H2_a_million_live_events) {
  skip_if_instrumented();
  CHECK_SIZE(event, threading_event_create(&all[i]), 64);
}

// ---- H3, H6, D32: threads ----

TEST(fault_H3_thread_after_thread) {
  const int count = many(20000, 100000);
  for (int i = 0; i < 200; i++) finish_thread(spawn_thread(return_arg, NULL));
  const memory before = memory_now();
  const int open_before = descriptors();
  for (int i = 0; i < count; i++) finish_thread(spawn_thread(return_arg, NULL));
  EQ(threading_active_count(), 1);
  EQ(descriptors(), open_before);
  if (!is_instrumented()) CHECK(memory_now().resident - before.resident <= SLACK);
}

static threading_event open_gate;
static threading_semaphore arrived;

static void *stand(void *arg) {
  char stack[4096];
  memset(stack, *(char *)arg, sizeof stack);
  OK(threading_semaphore_release(arrived, 1));
  OK(threading_event_wait(open_gate, THREADING_FOREVER));
  return stack[17] == *(char *)arg ? arg : NULL;
}

static void make_gate(void) {
  OK(threading_event_create(&open_gate));
  OK(threading_semaphore_create(0, &arrived));
}

// That many threads at once; fewer where the system starts no more, and says so.
static int stand_together(int count) {
  static char mark = 'x';
  threading_thread *all = calloc((size_t)count, sizeof *all);
  int started = 0;
  CHECK(all != NULL);
  OK(threading_event_clear(open_gate));
  threading_status status = THREADING_OK;
  while (started < count && status == THREADING_OK) {
    status = threading_thread_spawn(stand, &mark, NULL, &all[started]);
    started += status == THREADING_OK;
  }
  if (status != THREADING_OK) EQ(status, THREADING_E_NO_THREAD);
  for (int i = 0; i < started; i++) OK(threading_semaphore_acquire(arrived, THREADING_SECONDS(20)));
  EQ(threading_active_count(), 1 + started);
  OK(threading_event_set(open_gate));
  for (int i = 0; i < started; i++) CHECK(finish_thread(all[i]) == &mark);
  EQ(threading_active_count(), 1);
  free(all);
  return started;
}

// The C library keeps at most 40 MiB of stacks, with what was touched of them.
TEST(fault_H6_bursts_of_threads) {
  make_gate();
  // A checker may start a thread of its own with the first one.
  const int count = many(400, 1000), at_rest = threads_now() + is_instrumented();
  CHECK(stand_together(count) == count);
  WAIT_UNTIL(threads_now() <= at_rest);
  const memory first = memory_now();
  for (int i = 0; i < 4; i++) EQ(stand_together(count), count);
  WAIT_UNTIL(threads_now() <= at_rest);
  const memory last = memory_now();
  if (is_instrumented()) return;
  CHECK(last.resident - first.resident <= 4 * MEBIBYTE);
  CHECK(last.mapped - first.mapped <= 48 * MEBIBYTE);
}

TEST(fault_D32_ten_thousand_threads_at_once) {
  skip_if_instrumented();
  make_gate();
  const int64_t began = NOW_NS();
  const int started = stand_together(10000);
  printf("%d threads in %.2f s\n", started, (double)(NOW_NS() - began) / 1e9);
  if (started < 10000) SKIP("the system starts no more threads; those that it did have ended well");
}
