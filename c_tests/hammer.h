// Threads that hammer the library with calls of every kind, on objects that they share and on their own,
// while something else happens to the process: forks, or its end.
#ifndef HAMMER_H
#define HAMMER_H
#include "everything.h"

enum { HAMMERS = 8, HAMMERED_ORDERS = 3 };

// What all threads share.
typedef struct world {
  threading_lock lock;
  threading_rlock rlock;
  threading_condition condition;
  threading_semaphore semaphore;
  threading_event event;
  threading_barrier barrier;
  threading_local local;
  threading_queue queues[HAMMERED_ORDERS];
  threading_pool pool;
  threading_future kept;  // a promise that is kept before anything begins
  atomic_bool stop;
} world;

static world all;

static inline void make_world(int32_t daemon) {
  const threading_pool_options options = { .size = sizeof options, .daemon = daemon };
  OK(threading_lock_create(&all.lock));
  OK(threading_rlock_create(&all.rlock));
  OK(threading_condition_create(&all.condition));
  OK(threading_semaphore_create(2, &all.semaphore));
  OK(threading_event_create(&all.event));
  OK(threading_barrier_create(2, NULL, NULL, 20000, &all.barrier));
  OK(threading_local_create(NULL, &all.local));
  for (int32_t order = 0; order < HAMMERED_ORDERS; order++) {
    OK(threading_queue_create(order, 8, NULL, &all.queues[order]));
  }
  OK(threading_pool_create(2, &options, &all.pool));
  OK(threading_future_create(&all.kept));
  OK(threading_future_set_result(all.kept, &all));
}

static inline bool acquired(threading_status status) { return THREADING_ACQUIRED(status); }

static inline bool came_or_timed_out(threading_status status) {
  return status == THREADING_OK || status == THREADING_TIMEOUT;
}

static inline void hammer_locks(void) {
  OK(threading_lock_acquire(all.lock, THREADING_FOREVER));
  OK(threading_lock_release(all.lock));
  OK(threading_rlock_acquire(all.rlock, THREADING_FOREVER));
  OK(threading_rlock_acquire(all.rlock, 0));
  OK(threading_rlock_release(all.rlock));
  OK(threading_rlock_release(all.rlock));
}

static inline void hammer_waits(void) {
  void *value = &all;
  OK(threading_condition_acquire(all.condition, THREADING_FOREVER));
  CHECK(came_or_timed_out(threading_condition_wait(all.condition, 20000)));
  OK(threading_condition_notify(all.condition, 2));
  OK(threading_condition_release(all.condition));
  OK(threading_semaphore_acquire(all.semaphore, THREADING_FOREVER));
  OK(threading_semaphore_release(all.semaphore, 1));
  CHECK(came_or_timed_out(threading_event_wait(all.event, 20000)));
  OK(threading_event_set(all.event));
  OK(threading_event_clear(all.event));
  const threading_status met = threading_barrier_wait(all.barrier, THREADING_FOREVER, NULL);
  CHECK(came_or_timed_out(met) || met == THREADING_BROKEN);
  if (met != THREADING_OK) OK(threading_barrier_reset(all.barrier));
  OK(threading_local_set(all.local, value));
  OK(threading_local_get(all.local, &value));
}

static inline void hammer_queues(void) {
  void *item;
  for (int i = 0; i < HAMMERED_ORDERS; i++) {
    CHECK(came_or_timed_out(threading_queue_put(all.queues[i], &all, 20000)));
    CHECK(came_or_timed_out(threading_queue_get(all.queues[i], &item, 20000)));
  }
}

static inline void *hand_back(void *arg) { return arg; }
static inline void do_nothing(void *arg) { (void)arg; }

static inline void note_done(threading_future future, void *arg) {
  CHECK(future.id != 0);
  atomic_store((atomic_bool *)arg, true);
}

static inline void hammer_pool(void) {
  threading_future future;
  threading_group group;
  void *result = NULL, *args[4] = { NULL };
  static atomic_bool noted;
  atomic_llong count = 0;
  OK(threading_pool_submit(all.pool, hand_back, &result, &future));
  OK(threading_future_add_done_callback(future, note_done, &noted, NULL));
  OK(threading_future_result(future, THREADING_FOREVER, &result));
  CHECK(result == &result);
  OK(threading_future_destroy(future));
  OK(threading_pool_execute(all.pool, do_nothing, NULL));
  OK(threading_pool_map(all.pool, hand_back, args, 4, NULL, THREADING_FOREVER));
  OK(threading_group_create(all.pool, &group));
  OK(threading_group_submit(group, hand_back, NULL));
  OK(threading_group_wait(group, THREADING_FOREVER));
  OK(threading_group_destroy(group));
  OK(threading_parallel_for(all.pool, 0, 64, 4, count_range, &count));
  EQ(atomic_load(&count), 64);
  OK(threading_future_result(all.kept, 0, &result));
}

// What a thread does in turn, until it is told to stop; the list ends with NULL.
typedef void (*hammer_step)(void);

static inline void *hammer(void *steps) {
  while (!atomic_load(&all.stop)) {
    for (const hammer_step *step = steps; *step != NULL && !atomic_load(&all.stop); step++) (*step)();
  }
  return NULL;
}

static const hammer_step locks_and_waits[] = { hammer_locks, hammer_waits, hammer_queues, NULL };
static const hammer_step makers[] = { use_objects, NULL };
static const hammer_step threads_and_timers[] = { use_thread_and_timer, NULL };
static const hammer_step pools[] = { hammer_pool, NULL };
static const hammer_step everything[] = { hammer_locks,         hammer_waits, hammer_queues, use_objects,
                                          use_thread_and_timer, hammer_pool,  NULL };

// Starts all that hammer.
static inline void start_hammers(const hammer_step *steps, int32_t daemon, threading_thread *threads) {
  const threading_thread_options options = { .size = sizeof options, .daemon = daemon };
  for (int i = 0; i < HAMMERS; i++) {
    OK(threading_thread_spawn(hammer, (void *)steps, &options, &threads[i]));
  }
}

static inline void stop_hammers(threading_thread *threads) {
  atomic_store(&all.stop, true);
  for (int i = 0; i < HAMMERS; i++) finish_thread(threads[i]);
}

#endif
