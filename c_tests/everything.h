// A tour through every kind of object, for the places where a library is rarely used: before main, in exit
// handlers, in key destructors, in forked children.
#ifndef EVERYTHING_H
#define EVERYTHING_H
#include "harness.h"

static inline void use_lock(void) {
  threading_lock lock;
  OK(threading_lock_create(&lock));
  OK(threading_lock_acquire(lock, THREADING_FOREVER));
  IS(threading_lock_acquire(lock, 1000), THREADING_TIMEOUT);
  EQ(threading_lock_locked(lock), 1);
  OK(threading_lock_release(lock));
  OK(threading_lock_destroy(lock));
}

static inline void use_rlock(void) {
  threading_rlock rlock;
  OK(threading_rlock_create(&rlock));
  OK(threading_rlock_acquire(rlock, THREADING_FOREVER));
  OK(threading_rlock_acquire(rlock, THREADING_FOREVER));
  EQ(threading_rlock_is_owned(rlock), 1);
  EQ(threading_rlock_recursion_count(rlock), 2);
  OK(threading_rlock_release(rlock));
  OK(threading_rlock_release(rlock));
  OK(threading_rlock_destroy(rlock));
}

static inline void use_condition(void) {
  threading_condition condition;
  OK(threading_condition_create(&condition));
  OK(threading_condition_acquire(condition, THREADING_FOREVER));
  IS(threading_condition_wait(condition, 1000), THREADING_TIMEOUT);
  OK(threading_condition_notify_all(condition));
  OK(threading_condition_release(condition));
  OK(threading_condition_destroy(condition));
}

static inline void use_semaphore(void) {
  threading_semaphore semaphore;
  OK(threading_semaphore_create_bounded(1, &semaphore));
  OK(threading_semaphore_acquire(semaphore, THREADING_FOREVER));
  IS(threading_semaphore_acquire(semaphore, 1000), THREADING_TIMEOUT);
  OK(threading_semaphore_release(semaphore, 1));
  IS(threading_semaphore_release(semaphore, 1), THREADING_E_OVERFLOW);
  OK(threading_semaphore_destroy(semaphore));
}

static inline void use_event(void) {
  threading_event event;
  OK(threading_event_create(&event));
  IS(threading_event_wait(event, 1000), THREADING_TIMEOUT);
  OK(threading_event_set(event));
  OK(threading_event_wait(event, THREADING_FOREVER));
  OK(threading_event_destroy(event));
}

static inline void use_barrier(void) {
  threading_barrier barrier;
  int64_t index = -1;
  OK(threading_barrier_create(1, NULL, NULL, THREADING_FOREVER, &barrier));
  OK(threading_barrier_wait(barrier, THREADING_FOREVER, &index));
  EQ(index, 0);
  OK(threading_barrier_destroy(barrier));
}

static inline void use_local(void) {
  threading_local local;
  int value;
  void *got = NULL;
  OK(threading_local_create(NULL, &local));
  OK(threading_local_set(local, &value));
  OK(threading_local_get(local, &got));
  CHECK(got == &value);
  OK(threading_local_destroy(local));
}

static inline void use_queues(void) {
  for (int32_t order = THREADING_FIFO; order <= THREADING_PRIORITY; order++) {
    threading_queue queue;
    void *got = NULL;
    OK(threading_queue_create(order, 1, NULL, &queue));
    OK(threading_queue_put(queue, &queue, 0));
    IS(threading_queue_put(queue, &queue, 0), THREADING_TIMEOUT);
    OK(threading_queue_get(queue, &got, 0));
    CHECK(got == &queue);
    IS(threading_queue_get(queue, &got, 0), THREADING_TIMEOUT);
    OK(threading_queue_destroy(queue));
  }
}

static inline void *set_flag(void *arg) {
  atomic_store((atomic_bool *)arg, true);
  return arg;
}

static inline void fire(void *arg) { set_flag(arg); }

static inline void use_thread_and_timer(void) {
  atomic_bool ran = false, fired = false;
  threading_timer timer;
  finish_thread(spawn_thread(set_flag, &ran));
  CHECK(atomic_load(&ran));
  OK(threading_timer_create(0, fire, &fired, NULL, &timer));
  OK(threading_timer_start(timer));
  OK(threading_timer_join(timer, THREADING_FOREVER));
  CHECK(atomic_load(&fired));
  OK(threading_timer_destroy(timer));
}

static inline void use_promise(void) {
  threading_future promise;
  void *got = NULL;
  OK(threading_future_create(&promise));
  IS(threading_future_result(promise, 1000, &got), THREADING_TIMEOUT);
  OK(threading_future_set_running_or_notify_cancel(promise));
  OK(threading_future_set_result(promise, &promise));
  OK(threading_futures_wait(&promise, 1, THREADING_ALL_COMPLETED, THREADING_FOREVER, NULL));
  OK(threading_future_result(promise, THREADING_FOREVER, &got));
  CHECK(got == &promise);
  OK(threading_future_destroy(promise));
}

static inline void count_range(int64_t begin, int64_t end, void *arg) {
  atomic_fetch_add((atomic_llong *)arg, end - begin);
}

static inline void use_pool(void) {
  threading_pool pool;
  threading_future future;
  threading_group group;
  atomic_bool submitted = false, grouped = false;
  atomic_llong count = 0;
  void *got = NULL;
  OK(threading_pool_create(2, NULL, &pool));
  OK(threading_pool_submit(pool, set_flag, &submitted, &future));
  OK(threading_future_result(future, THREADING_FOREVER, &got));
  CHECK(got == &submitted && atomic_load(&submitted));
  OK(threading_future_destroy(future));
  OK(threading_group_create(pool, &group));
  OK(threading_group_submit(group, set_flag, &grouped));
  OK(threading_group_wait(group, THREADING_FOREVER));
  CHECK(atomic_load(&grouped));
  OK(threading_group_destroy(group));
  OK(threading_parallel_for(pool, 0, 100, 10, count_range, &count));
  EQ(atomic_load(&count), 100);
  OK(threading_pool_shutdown(pool, 1, 0));
  OK(threading_pool_destroy(pool));
}

// What starts no thread.
static inline void use_objects(void) {
  use_lock();
  use_rlock();
  use_condition();
  use_semaphore();
  use_event();
  use_barrier();
  use_local();
  use_queues();
  use_promise();
}

static inline void use_everything(void) {
  CHECK(threading_current_thread().id != 0);
  use_objects();
  use_thread_and_timer();
  use_pool();
  CHECK(threading_active_count() >= 1);
}

#endif
