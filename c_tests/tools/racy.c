// Plain data that is guarded by nothing, or by the wrong thing: race detectors have to report each function
// `race_*`. So what the library tells of is no more than what it does.
#include "tool.h"

#define RACE(name)                                                                                        \
  static int data_##name;                                                                                 \
  __attribute__((noinline)) static void race_##name(void) { data_##name++; }

// Lets two threads go on together without ordering them; valgrind's tools report this, too.
static int arrived;

static void meet(int others) {
  __atomic_fetch_add(&arrived, 1, __ATOMIC_RELAXED);
  while (__atomic_load_n(&arrived, __ATOMIC_RELAXED) < others) threading_yield();
}

// Runs `target` with NULL and with something else, in two threads.
static void in_two_threads(threading_target target) {
  static int something;
  const threading_thread first = start(target, NULL), second = start(target, &something);
  finish(first);
  finish(second);
}

// ---- No lock, another lock, another lock of the same kind, no lock any more ----

RACE(unguarded)

static void *unguarded(void *arg) {
  race_unguarded();
  return arg;
}

RACE(other_lock)
static threading_lock locks[2];

static void *other_lock(void *arg) {
  const threading_lock lock = locks[arg != NULL];
  OK(threading_lock_acquire(lock, THREADING_FOREVER));
  race_other_lock();
  OK(threading_lock_release(lock));
  return arg;
}

RACE(other_rlock)
static threading_rlock rlocks[2];

static void *other_rlock(void *arg) {
  const threading_rlock rlock = rlocks[arg != NULL];
  OK(threading_rlock_acquire(rlock, THREADING_FOREVER));
  race_other_rlock();
  OK(threading_rlock_release(rlock));
  return arg;
}

RACE(after_release)

static void *after_release(void *arg) {
  OK(threading_lock_acquire(locks[0], THREADING_FOREVER));
  OK(threading_lock_release(locks[0]));
  race_after_release();
  return arg;
}

RACE(not_acquired)

static void *not_acquired(void *arg) {
  OK(threading_lock_acquire(locks[0], THREADING_FOREVER));
  race_not_acquired();
  meet(2);
  OK(threading_event_wait(*(threading_event *)arg, THREADING_FOREVER));
  OK(threading_lock_release(locks[0]));
  return NULL;
}

static void try_in_vain(void) {
  threading_event may_release;
  OK(threading_event_create(&may_release));
  arrived = 0;
  const threading_thread holder = start(not_acquired, &may_release);
  meet(2);
  CHECK(threading_lock_acquire(locks[0], 0) == THREADING_TIMEOUT);
  race_not_acquired();
  OK(threading_event_set(may_release));
  finish(holder);
  OK(threading_event_destroy(may_release));
}

static void with_locks(void) {
  for (int i = 0; i < 2; i++) {
    OK(threading_lock_create(&locks[i]));
    OK(threading_rlock_create(&rlocks[i]));
  }
  in_two_threads(unguarded);
  in_two_threads(other_lock);
  in_two_threads(other_rlock);
  in_two_threads(after_release);
  try_in_vain();
}

// ---- Semaphores, events, conditions, barriers: too late, or another one ----

RACE(other_semaphore)
static threading_semaphore semaphores[2];

static void *other_semaphore(void *arg) {
  const threading_semaphore semaphore = semaphores[arg != NULL];
  OK(threading_semaphore_acquire(semaphore, THREADING_FOREVER));
  race_other_semaphore();
  OK(threading_semaphore_release(semaphore, 1));
  return arg;
}

RACE(after_set)
static threading_event event;

static void *after_set(void *sets) {
  OK(sets ? threading_event_set(event) : threading_event_wait(event, THREADING_FOREVER));
  race_after_set();
  return NULL;
}

RACE(after_notify)
static threading_condition condition;
static int notified;

static void *after_notify(void *notifies) {
  OK(threading_condition_acquire(condition, THREADING_FOREVER));
  if (notifies) {
    notified = 1;
    OK(threading_condition_notify_all(condition));
  } else {
    while (notified == 0) OK(threading_condition_wait(condition, THREADING_FOREVER));
  }
  OK(threading_condition_release(condition));
  race_after_notify();
  return NULL;
}

RACE(after_barrier)
static threading_barrier barrier;

static void *after_barrier(void *arg) {
  OK(threading_barrier_wait(barrier, THREADING_FOREVER, NULL));
  race_after_barrier();
  OK(threading_barrier_wait(barrier, THREADING_FOREVER, NULL));
  return arg;
}

static void with_others(void) {
  for (int i = 0; i < 2; i++) OK(threading_semaphore_create(1, &semaphores[i]));
  OK(threading_event_create(&event));
  OK(threading_condition_create(&condition));
  OK(threading_barrier_create(2, NULL, NULL, THREADING_FOREVER, &barrier));
  in_two_threads(other_semaphore);
  in_two_threads(after_set);
  in_two_threads(after_notify);
  in_two_threads(after_barrier);
}

// ---- Threads, timers, queues ----

RACE(before_join)

static void *before_join(void *arg) {
  race_before_join();
  return arg;
}

RACE(timer)

static void timer_runs(void *arg) {
  race_timer();
  OK(threading_event_set(*(threading_event *)arg));
}

static void with_timer(void) {
  threading_event ran;
  threading_timer timer;
  OK(threading_event_create(&ran));
  OK(threading_timer_create(0, timer_runs, &ran, NULL, &timer));
  OK(threading_timer_start(timer));
  race_timer();
  OK(threading_event_wait(ran, THREADING_FOREVER));
  OK(threading_timer_join(timer, THREADING_FOREVER));
}

RACE(after_put)
static threading_queue queue;

static void *after_put(void *puts) {
  void *item;
  OK(puts ? threading_queue_put(queue, puts, THREADING_FOREVER)
          : threading_queue_get(queue, &item, THREADING_FOREVER));
  race_after_put();
  return NULL;
}

static void with_threads(void) {
  const threading_thread thread = start(before_join, NULL);
  race_before_join();
  finish(thread);
  with_timer();
  OK(threading_queue_create(THREADING_FIFO, 0, NULL, &queue));
  in_two_threads(after_put);
}

// ---- Pools: what was submitted is ordered before and after its submitter only ----

RACE(two_tasks)
static threading_pool pool;

static void *two_tasks(void *arg) {
  meet(2);
  race_two_tasks();
  return arg;
}

RACE(before_result)

static void *before_result(void *arg) {
  race_before_result();
  return arg;
}

RACE(two_parts)

static void two_parts(void *arg) {
  (void)arg;
  meet(2);
  race_two_parts();
}

static void two_iterations(int64_t begin, int64_t end, void *arg) {
  for (; begin < end; begin++) two_parts(arg);
}

RACE(after_promise)
static threading_future promise;

static void *after_promise(void *keeps) {
  void *result;
  OK(keeps ? threading_future_set_result(promise, NULL)
           : threading_future_result(promise, THREADING_FOREVER, &result));
  race_after_promise();
  return NULL;
}

static void with_pool(void) {
  void *result;
  threading_future futures[2];
  OK(threading_pool_create(2, NULL, &pool));
  arrived = 0;
  for (int i = 0; i < 2; i++) OK(threading_pool_submit(pool, two_tasks, NULL, &futures[i]));
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  OK(threading_pool_submit(pool, before_result, NULL, &futures[0]));
  race_before_result();
  OK(threading_future_result(futures[0], THREADING_FOREVER, &result));
  OK(threading_set_parallelism(2, NULL));
  arrived = 0;
  OK(threading_parallel_for(pool, 0, 2, 1, two_iterations, NULL));
  OK(threading_future_create(&promise));
  in_two_threads(after_promise);
  OK(threading_pool_shutdown(pool, 1, 0));
}

int main(void) {
  with_locks();
  with_others();
  with_threads();
  with_pool();
  puts("all done");
  return 0;
}
