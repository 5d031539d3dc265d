// Every function that waits, in one table: how to wait for it, how to end one such wait, how to begin anew.
// Main holds the locks and wakes; other threads wait.
#ifndef WAITS_H
#define WAITS_H

#include "harness.h"

static threading_lock lock;
static threading_rlock rlock;
static threading_condition held, condition;  // one whose lock main holds, one to wait on
static threading_semaphore semaphore;
static threading_event event, leave;
static threading_barrier barrier;
static threading_thread thread;
static threading_timer timer;
static threading_queue empty, full, unfinished;
static threading_pool pool;
static threading_future promise;
static threading_group group;
static threading_event end_of_task;
static _Atomic int predicate;

static void *wait_to_leave(void *arg) {
  (void)arg;
  OK(threading_event_wait(leave, THREADING_FOREVER));
  return NULL;
}

static void never(void *arg) {
  harness_fail(__FILE__, __LINE__, "a timer fired%s", arg ? "" : ".");
}

static void begin_thread(void) {
  OK(threading_event_clear(leave));
  thread = spawn_thread(wait_to_leave, NULL);
}

static void begin_timer(void) {
  OK(threading_timer_create(THREADING_SECONDS(3600), never, NULL, NULL, &timer));
  OK(threading_timer_start(timer));
}

// The task that the pool and the group wait for.
static void *stand(void *arg) {
  OK(threading_event_wait(end_of_task, THREADING_FOREVER));
  return arg;
}

static void begin_task(void) {
  OK(threading_event_clear(end_of_task));
  OK(threading_group_submit(group, stand, NULL));
}

static void set_up(void) {
  OK(threading_lock_create(&lock));
  OK(threading_rlock_create(&rlock));
  OK(threading_condition_create(&held));
  OK(threading_condition_create(&condition));
  OK(threading_semaphore_create(0, &semaphore));
  OK(threading_event_create(&event));
  OK(threading_event_create(&leave));
  OK(threading_barrier_create(2, NULL, NULL, THREADING_FOREVER, &barrier));
  OK(threading_queue_create(THREADING_FIFO, 0, NULL, &empty));
  OK(threading_queue_create(THREADING_LIFO, 1, NULL, &full));
  OK(threading_queue_create(THREADING_PRIORITY, 0, NULL, &unfinished));
  OK(threading_queue_put(full, NULL, 0));
  OK(threading_queue_put(unfinished, NULL, 0));
  OK(threading_event_create(&end_of_task));
  OK(threading_pool_create(1, NULL, &pool));
  OK(threading_group_create(pool, &group));
  OK(threading_future_create(&promise));
  begin_task();
  OK(threading_lock_acquire(lock, 0));
  OK(threading_rlock_acquire(rlock, 0));
  OK(threading_condition_acquire(held, 0));
  begin_thread();
  begin_timer();
}

// Nobody waits for anything any more, whatever has happened before: each must be free to end.
static void tear_down(void) {
  OK(threading_lock_release(lock));
  OK(threading_rlock_release(rlock));
  OK(threading_condition_release(held));
  OK(threading_event_set(leave));
  finish_thread(thread);
  OK(threading_timer_destroy(timer));
  OK(threading_lock_destroy(lock));
  OK(threading_rlock_destroy(rlock));
  OK(threading_condition_destroy(held));
  OK(threading_condition_destroy(condition));
  OK(threading_semaphore_destroy(semaphore));
  OK(threading_event_destroy(event));
  OK(threading_event_destroy(leave));
  OK(threading_barrier_destroy(barrier));
  OK(threading_queue_destroy(empty));
  OK(threading_queue_destroy(full));
  OK(threading_queue_destroy(unfinished));
  OK(threading_event_set(end_of_task));
  OK(threading_group_wait(group, THREADING_FOREVER));
  OK(threading_group_destroy(group));
  OK(threading_pool_shutdown(pool, 1, 0));
  OK(threading_pool_destroy(pool));
  OK(threading_future_destroy(promise));
  OK(threading_event_destroy(end_of_task));
}

static threading_status wait_lock(int64_t t) {
  return threading_lock_acquire(lock, t);
}
static void wake_lock(void) {
  OK(threading_lock_release(lock));
}
static void rest_lock(void) {}  // the waiter's hold serves as main's: anybody may release a Lock

static threading_status wait_rlock(int64_t t) {
  const threading_status status = threading_rlock_acquire(rlock, t);
  if (status == THREADING_OK) OK(threading_rlock_release(rlock));
  return status;
}
static void wake_rlock(void) {
  OK(threading_rlock_release(rlock));
}
static void rest_rlock(void) {
  OK(threading_rlock_acquire(rlock, 0));
}

static threading_status wait_held(int64_t t) {
  const threading_status status = threading_condition_acquire(held, t);
  if (status == THREADING_OK) OK(threading_condition_release(held));
  return status;
}
static void wake_held(void) {
  OK(threading_condition_release(held));
}
static void rest_held(void) {
  OK(threading_condition_acquire(held, 0));
}

static threading_status wait_condition(int64_t t) {
  OK(threading_condition_acquire(condition, THREADING_FOREVER));
  const threading_status status = threading_condition_wait(condition, t);
  OK(threading_condition_release(condition));
  return status;
}
static void wake_condition(void) {
  OK(threading_condition_acquire(condition, THREADING_FOREVER));
  OK(threading_condition_notify(condition, 1));
  OK(threading_condition_release(condition));
}
static void rest_condition(void) {
  atomic_store(&predicate, 0);
}

static int32_t ask_predicate(void *arg) {
  (void)arg;
  return atomic_load(&predicate);
}
static threading_status wait_for_condition(int64_t t) {
  OK(threading_condition_acquire(condition, THREADING_FOREVER));
  const threading_status status = threading_condition_wait_for(condition, ask_predicate, NULL, t);
  OK(threading_condition_release(condition));
  return status;
}
static void wake_wait_for(void) {
  atomic_store(&predicate, 1);
  wake_condition();
}

static threading_status wait_semaphore(int64_t t) {
  return threading_semaphore_acquire(semaphore, t);
}
static void wake_semaphore(void) {
  OK(threading_semaphore_release(semaphore, 1));
}
static void rest_semaphore(void) {
  EQ(threading_semaphore_value(semaphore), 0);
}

static threading_status wait_event(int64_t t) {
  return threading_event_wait(event, t);
}
static void wake_event(void) {
  OK(threading_event_set(event));
}
static void rest_event(void) {
  OK(threading_event_clear(event));
}

static threading_status wait_barrier(int64_t t) {
  const threading_status status = threading_barrier_wait(barrier, t, NULL);
  if (status == THREADING_TIMEOUT) OK(threading_barrier_reset(barrier));
  return status;
}
static void wake_barrier(void) {
  OK(threading_barrier_wait(barrier, THREADING_FOREVER, NULL));
}
static void rest_barrier(void) {
  EQ(threading_barrier_broken(barrier), 0);
}

static threading_status wait_join(int64_t t) {
  return threading_thread_join(thread, t);
}
static void wake_join(void) {
  OK(threading_event_set(leave));
}
static void rest_join(void) {
  finish_thread(thread);
  begin_thread();
}

static threading_status wait_timer(int64_t t) {
  return threading_timer_join(timer, t);
}
static void wake_timer(void) {
  OK(threading_timer_cancel(timer));
}
static void rest_timer(void) {
  OK(threading_timer_destroy(timer));
  begin_timer();
}

static threading_status wait_get(int64_t t) {
  void *item;
  return threading_queue_get(empty, &item, t);
}
static void wake_get(void) {
  OK(threading_queue_put(empty, NULL, 0));
}
static void rest_get(void) {
  EQ(threading_queue_empty(empty), 1);
}

static threading_status wait_put(int64_t t) {
  return threading_queue_put(full, NULL, t);
}
static void wake_put(void) {
  void *item;
  OK(threading_queue_get(full, &item, 0));
}
static void rest_put(void) {
  EQ(threading_queue_full(full), 1);
}

static threading_status wait_queue_join(int64_t t) {
  return threading_queue_join(unfinished, t);
}
static void wake_queue_join(void) {
  OK(threading_queue_task_done(unfinished));
}
static void rest_queue_join(void) {
  OK(threading_queue_put(unfinished, NULL, 0));
}

static threading_status wait_pool(int64_t t) {
  return threading_pool_wait(pool, t);
}
static threading_status wait_group(int64_t t) {
  return threading_group_wait(group, t);
}
static void wake_task(void) {
  OK(threading_event_set(end_of_task));
}
static void rest_task(void) {
  OK(threading_group_wait(group, THREADING_FOREVER));
  begin_task();
}

static threading_status wait_future(int64_t t) {
  void *result;
  return threading_future_result(promise, t, &result);
}
static threading_status wait_futures(int64_t t) {
  return threading_futures_wait(&promise, 1, THREADING_FIRST_COMPLETED, t, NULL);
}
static void wake_future(void) {
  OK(threading_future_set_result(promise, NULL));
}
static void rest_future(void) {
  OK(threading_future_destroy(promise));
  OK(threading_future_create(&promise));
}

typedef struct timed {
  const char *name;
  threading_status (*wait)(int64_t timeout_ns);
  void (*wake)(void);          // ends the wait of one thread
  void (*rest)(void);          // makes the next one wait again
  threading_status woken;
} timed;

static const timed waits[] = {
  { "lock_acquire", wait_lock, wake_lock, rest_lock, THREADING_OK },
  { "rlock_acquire", wait_rlock, wake_rlock, rest_rlock, THREADING_OK },
  { "condition_acquire", wait_held, wake_held, rest_held, THREADING_OK },
  { "condition_wait", wait_condition, wake_condition, rest_condition, THREADING_OK },
  { "condition_wait_for", wait_for_condition, wake_wait_for, rest_condition, THREADING_OK },
  { "semaphore_acquire", wait_semaphore, wake_semaphore, rest_semaphore, THREADING_OK },
  { "event_wait", wait_event, wake_event, rest_event, THREADING_OK },
  { "barrier_wait", wait_barrier, wake_barrier, rest_barrier, THREADING_OK },
  { "thread_join", wait_join, wake_join, rest_join, THREADING_OK },
  { "timer_join", wait_timer, wake_timer, rest_timer, THREADING_CANCELLED },
  { "queue_get", wait_get, wake_get, rest_get, THREADING_OK },
  { "queue_put", wait_put, wake_put, rest_put, THREADING_OK },
  { "queue_join", wait_queue_join, wake_queue_join, rest_queue_join, THREADING_OK },
  { "pool_wait", wait_pool, wake_task, rest_task, THREADING_OK },
  { "group_wait", wait_group, wake_task, rest_task, THREADING_OK },
  { "future_result", wait_future, wake_future, rest_future, THREADING_OK },
  { "futures_wait", wait_futures, wake_future, rest_future, THREADING_OK },
};
enum { WAITS = sizeof waits / sizeof waits[0] };

#endif
