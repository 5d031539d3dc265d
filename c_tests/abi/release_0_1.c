// A program of version 0.1.0: compiled against its declarations, run with the library as it is now.
// It sees no other header, so whatever it finds missing or changed is a break of the interface.
#include "harness.h"

#ifndef THREADING_H_OF_0_1
#error "this is not the header of 0.1.0"
#endif

typedef void (*any_function)(void);
#define F(name) (any_function)threading_##name,
static const any_function functions[] = {
  F(version) F(status_name) F(status_message) F(last_error) F(last_failure) F(seconds) F(now) F(until)
  F(thread_create) F(thread_start) F(thread_spawn) F(thread_run) F(thread_join) F(thread_result)
  F(thread_failure) F(thread_is_alive) F(thread_destroy) F(thread_name) F(thread_set_name) F(thread_ident)
  F(thread_native_id) F(thread_is_daemon) F(thread_set_daemon) F(thread_priority) F(thread_set_priority)
  F(thread_scheduler) F(thread_set_scheduler) F(thread_affinity) F(thread_set_affinity) F(current_thread)
  F(main_thread) F(active_count) F(enumerate) F(get_ident) F(get_native_id) F(setpriority) F(stack_size)
  F(timeout_max) F(fail) F(set_excepthook) F(set_profile) F(sleep) F(yield) F(cpu_count) F(shutdown)
  F(at_exit) F(lock_create) F(lock_destroy) F(lock_acquire) F(lock_release) F(lock_locked) F(rlock_create)
  F(rlock_destroy) F(rlock_acquire) F(rlock_release) F(rlock_locked) F(rlock_is_owned)
  F(rlock_recursion_count) F(condition_create) F(condition_create_with_lock) F(condition_create_with_rlock)
  F(condition_destroy) F(condition_acquire) F(condition_release) F(condition_wait) F(condition_wait_for)
  F(condition_notify) F(condition_notify_all) F(semaphore_create) F(semaphore_create_bounded)
  F(semaphore_destroy) F(semaphore_acquire) F(semaphore_release) F(semaphore_value) F(event_create)
  F(event_destroy) F(event_is_set) F(event_set) F(event_clear) F(event_wait) F(barrier_create)
  F(barrier_destroy) F(barrier_wait) F(barrier_reset) F(barrier_abort) F(barrier_parties)
  F(barrier_n_waiting) F(barrier_broken) F(local_create) F(local_destroy) F(local_get) F(local_set)
  F(timer_create) F(timer_start) F(timer_cancel) F(timer_join) F(timer_destroy) F(queue_create)
  F(queue_destroy) F(queue_put) F(queue_put_priority) F(queue_get) F(queue_task_done) F(queue_join)
  F(queue_shutdown) F(queue_qsize) F(queue_unfinished_tasks) F(queue_empty) F(queue_full)
  F(queue_is_shutdown) F(pool_create) F(default_pool) F(pool_submit) F(pool_submit_priority) F(pool_execute)
  F(pool_map) F(parallel_for) F(parallel_reduce) F(parallel_invoke) F(worker_index) F(pool_wait)
  F(pool_shutdown) F(pool_resize) F(pool_destroy) F(pool_stats) F(blocking_begin) F(blocking_end)
  F(future_create) F(future_set_running_or_notify_cancel) F(future_set_result) F(future_set_failure)
  F(future_result) F(future_failure) F(future_cancel) F(future_cancelled) F(future_running) F(future_done)
  F(future_add_done_callback) F(future_destroy) F(futures_wait) F(group_create) F(group_submit)
  F(group_wait) F(group_cancel) F(group_destroy) F(set_parallelism)
};

// That this program was linked says that all are there.
TEST(fault_J1_every_function_of_0_1_is_there) {
  for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) CHECK(functions[i] != NULL);
  CHECK(threading_version() >= THREADING_VERSION);
}

static int32_t is_true(void *arg) { return arg != NULL; }

TEST(fault_J1_primitives_of_0_1) {
  threading_lock lock;
  threading_rlock rlock;
  threading_condition condition;
  threading_semaphore semaphore;
  threading_event event;
  threading_barrier barrier;
  threading_local local;
  void *value = NULL;
  OK(threading_lock_create(&lock));
  OK(threading_lock_acquire(lock, THREADING_FOREVER));
  IS(threading_lock_acquire(lock, 1), THREADING_TIMEOUT);
  OK(threading_lock_release(lock));
  OK(threading_lock_destroy(lock));
  IS(threading_lock_release(lock), THREADING_E_HANDLE);
  OK(threading_rlock_create(&rlock));
  OK(threading_condition_create_with_rlock(rlock, &condition));
  OK(threading_condition_acquire(condition, THREADING_FOREVER));
  EQ(threading_rlock_recursion_count(rlock), 1);
  IS(threading_condition_wait(condition, 1), THREADING_TIMEOUT);
  OK(threading_condition_wait_for(condition, is_true, &value, 0));
  OK(threading_condition_notify(condition, 1));
  OK(threading_condition_release(condition));
  OK(threading_condition_destroy(condition));
  OK(threading_rlock_destroy(rlock));
  OK(threading_semaphore_create_bounded(1, &semaphore));
  OK(threading_semaphore_acquire(semaphore, 0));
  OK(threading_semaphore_release(semaphore, 1));
  IS(threading_semaphore_release(semaphore, 1), THREADING_E_OVERFLOW);
  OK(threading_semaphore_destroy(semaphore));
  OK(threading_event_create(&event));
  OK(threading_event_set(event));
  OK(threading_event_wait(event, THREADING_FOREVER));
  OK(threading_event_destroy(event));
  OK(threading_barrier_create(1, NULL, NULL, THREADING_FOREVER, &barrier));
  OK(threading_barrier_wait(barrier, 0, NULL));
  OK(threading_barrier_destroy(barrier));
  OK(threading_local_create(NULL, &local));
  OK(threading_local_set(local, &value));
  OK(threading_local_get(local, &value));
  CHECK(value == &value);
  OK(threading_local_destroy(local));
}

static void *give_back(void *arg) { return arg; }
static void add_up(int64_t begin, int64_t end, void *accumulator, void *arg) {
  (void)arg;
  for (; begin < end; begin++) *(int64_t *)accumulator += begin;
}
static void add(void *into, const void *from, void *arg) {
  (void)arg;
  *(int64_t *)into += *(const int64_t *)from;
}

TEST(fault_J1_queues_and_pools_of_0_1) {
  threading_queue queue;
  threading_pool pool;
  threading_group group;
  void *item = NULL, *args[3] = { &queue, &pool, &group }, *results[3];
  const int64_t zero = 0;
  int64_t sum = 0;
  OK(threading_queue_create(THREADING_PRIORITY, 0, NULL, &queue));
  OK(threading_queue_put_priority(queue, &pool, 2, 0));
  OK(threading_queue_put_priority(queue, &queue, 1, 0));
  OK(threading_queue_get(queue, &item, 0));
  CHECK(item == &queue);
  OK(threading_queue_shutdown(queue, 1));
  IS(threading_queue_get(queue, &item, 0), THREADING_CLOSED);
  OK(threading_queue_destroy(queue));
  OK(threading_pool_create(2, NULL, &pool));
  OK(threading_pool_map(pool, give_back, args, 3, results, THREADING_FOREVER));
  CHECK(results[0] == args[0] && results[2] == args[2]);
  OK(threading_parallel_reduce(pool, 0, 100, 10, &zero, sizeof zero, add_up, add, NULL, &sum));
  EQ(sum, 4950);
  OK(threading_group_create(pool, &group));
  OK(threading_group_submit(group, give_back, NULL));
  OK(threading_group_wait(group, THREADING_FOREVER));
  OK(threading_group_destroy(group));
  OK(threading_pool_destroy(pool));
}

// What each field of an options struct asked for, it still asks for.
static atomic_int destroyed;
static void count_destroyed(void *arg) { atomic_fetch_add(&destroyed, *(int *)arg); }

static void *look_at_oneself(void *arg) {
  char name[32];
  int32_t nice = 0;
  uint32_t cpus[64];
  size_t count = 0;
  pthread_attr_t attributes;
  size_t stack = 0;
  const threading_thread own = threading_current_thread();
  OK(threading_thread_name(own, name, sizeof name, NULL));
  STR_EQ(name, "of 0.1");
  EQ(threading_thread_is_daemon(own), 1);
  OK(threading_thread_priority(own, &nice));
  EQ(nice, 5);
  OK(threading_thread_affinity(own, cpus, 64, &count));
  EQ(count, 1);
  EQ(pthread_getattr_np(pthread_self(), &attributes), 0);
  EQ(pthread_attr_getstacksize(&attributes, &stack), 0);
  pthread_attr_destroy(&attributes);
  CHECK(stack >= 320 * 1024 && stack < 1024 * 1024);
  EQ(*(int *)arg, 3);
  return NULL;
}

TEST(fault_J1_thread_options_of_0_1) {
  uint32_t cpus[1024];
  size_t count = 0;
  const int argument = 3;
  threading_thread thread;
  OK(threading_thread_affinity(threading_current_thread(), cpus, 1024, &count));
  const threading_thread_options options = {
    .size = sizeof options,
    .name = "of 0.1",
    .daemon = THREADING_DAEMON,
    .priority = 5,
    .stack_size = 320 * 1024,
    .cpus = cpus,
    .cpu_count = 1,
    .arg_size = sizeof argument,
    .arg_destructor = count_destroyed,
  };
  OK(threading_thread_spawn(look_at_oneself, (void *)(uintptr_t)&argument, &options, &thread));
  finish_thread(thread);
  EQ(atomic_load(&destroyed), 3);
}

static void count_fired(void *arg) { OK(threading_semaphore_release(*(threading_semaphore *)arg, 1)); }
static void end_semaphore(void *arg) { atomic_fetch_add(&destroyed, ((threading_semaphore *)arg)->id != 0); }

TEST(fault_J1_timer_options_of_0_1) {
  threading_semaphore fired;
  threading_timer timer;
  const threading_timer_options options = {
    .size = sizeof options, .period_ns = 1000, .arg_destructor = end_semaphore
  };
  OK(threading_semaphore_create(0, &fired));
  OK(threading_timer_create(0, count_fired, &fired, &options, &timer));
  OK(threading_timer_start(timer));
  for (int i = 0; i < 3; i++) OK(threading_semaphore_acquire(fired, THREADING_FOREVER));
  OK(threading_timer_cancel(timer));
  IS(threading_timer_join(timer, THREADING_FOREVER), THREADING_CANCELLED);
  OK(threading_timer_destroy(timer));
  EQ(atomic_load(&destroyed), 1);
}

static atomic_int initialized, finalized;
static threading_status initialize(void *arg) {
  atomic_fetch_add(&initialized, *(int *)arg);
  return THREADING_OK;
}
static void finalize(void *arg) { atomic_fetch_add(&finalized, *(int *)arg); }

static void *wait_in_task(void *arg) {
  char name[32];
  OK(threading_thread_name(threading_current_thread(), name, sizeof name, NULL));
  STR_EQ(name, "old_0");
  OK(threading_event_wait(*(threading_event *)arg, THREADING_FOREVER));
  return arg;
}
static void end_event(void *arg) { atomic_fetch_add(&destroyed, ((threading_event *)arg)->id != 0); }

TEST(fault_J1_pool_options_and_statistics_of_0_1) {
  int one = 1;
  const threading_pool_options options = {
    .size = sizeof options,
    .name_prefix = "old",
    .initializer = initialize,
    .initializer_arg = &one,
    .stack_size = 320 * 1024,
    .daemon = THREADING_DAEMON,
    .max_queued = 1,
    .when_full = THREADING_FULL_REJECT,
    .min_workers = 1,
    .idle_timeout_ns = 1000000,
    .arg_destructor = end_event,
    .finalizer = finalize,
  };
  threading_pool_statistics told = { .size = sizeof told };
  threading_event open;
  threading_pool pool;
  threading_future futures[3];
  void *result;
  OK(threading_event_create(&open));
  OK(threading_pool_create(1, &options, &pool));
  OK(threading_pool_submit(pool, wait_in_task, &open, &futures[0]));
  WAIT_UNTIL(threading_future_running(futures[0]) == 1);
  OK(threading_pool_submit(pool, wait_in_task, &open, &futures[1]));
  IS(threading_pool_submit(pool, wait_in_task, &open, &futures[2]), THREADING_TIMEOUT);
  OK(threading_pool_stats(pool, &told));
  EQ(told.workers, 1);
  EQ(told.queued, 1);
  EQ(told.most_queued, 1);
  OK(threading_event_set(open));
  for (int i = 0; i < 2; i++) {
    OK(threading_future_result(futures[i], THREADING_FOREVER, &result));
    CHECK(result == &open);
    OK(threading_future_destroy(futures[i]));
  }
  OK(threading_pool_shutdown(pool, 1, 0));
  OK(threading_pool_stats(pool, &told));
  EQ(told.done, 2);
  CHECK(told.run_ns > 0);
  OK(threading_pool_destroy(pool));
  EQ(atomic_load(&initialized), 1);
  EQ(atomic_load(&finalized), 1);
  EQ(atomic_load(&destroyed), 2);
}
