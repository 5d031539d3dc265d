// The declarations of version 0.1.0 as the first programs were compiled against them: a header without its comments
// and without THREADING_WITH. It never changes; what was added later is not in here.
#ifndef THREADING_H
#define THREADING_H
#define THREADING_H_OF_0_1

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define THREADING_VERSION_MAJOR 0
#define THREADING_VERSION_MINOR 1
#define THREADING_VERSION_PATCH 0
#define THREADING_VERSION 1000
typedef int32_t threading_status;

#define THREADING_OK 0
#define THREADING_TIMEOUT 1
#define THREADING_INTERRUPTED 2
#define THREADING_CANCELLED 3
#define THREADING_CLOSED 4
#define THREADING_BROKEN 5
#define THREADING_FAILED 6
#define THREADING_OWNER_DEAD 7
#define THREADING_E_HANDLE (-1)
#define THREADING_E_INVALID (-2)
#define THREADING_E_STATE (-3)
#define THREADING_E_NOT_OWNER (-4)
#define THREADING_E_DEADLOCK (-5)
#define THREADING_E_BUSY (-6)
#define THREADING_E_OVERFLOW (-7)
#define THREADING_E_NO_MEMORY (-8)
#define THREADING_E_NO_THREAD (-9)
#define THREADING_E_PERMISSION (-10)
#define THREADING_E_UNSUPPORTED (-11)
#define THREADING_E_FORKED (-12)
#define THREADING_E_SYSTEM (-13)
#define THREADING_E_INTERNAL (-14)

#define THREADING_ACQUIRED(status) ((status) == THREADING_OK || (status) == THREADING_OWNER_DEAD)
#define THREADING_FOREVER ((int64_t)-1)
#define THREADING_SECONDS(x) ((int64_t)((x) * 1000000000LL))
#define THREADING_MILLISECONDS(x) ((int64_t)((x) * 1000000LL))
#define THREADING_COUNT_MAX INT64_C(0x3fffffff)

typedef struct threading_thread { uint64_t id; } threading_thread;
typedef struct threading_lock { uint64_t id; } threading_lock;
typedef struct threading_rlock { uint64_t id; } threading_rlock;
typedef struct threading_condition { uint64_t id; } threading_condition;
typedef struct threading_semaphore { uint64_t id; } threading_semaphore;
typedef struct threading_event { uint64_t id; } threading_event;
typedef struct threading_barrier { uint64_t id; } threading_barrier;
typedef struct threading_local { uint64_t id; } threading_local;
typedef struct threading_timer { uint64_t id; } threading_timer;
typedef struct threading_queue { uint64_t id; } threading_queue;

typedef void *(*threading_target)(void *arg);
typedef void (*threading_callback)(void *arg);
typedef void (*threading_destructor)(void *arg);
typedef int32_t (*threading_predicate)(void *arg);
typedef threading_status (*threading_action)(void *arg);
typedef void (*threading_failure_hook)(threading_thread thread, int32_t code, const char *message,
    void *user);
typedef void (*threading_event_hook)(int32_t event, threading_thread thread, uint64_t object, void *user);

uint32_t threading_version(void);
const char *threading_status_name(threading_status status);
const char *threading_status_message(threading_status status);
const char *threading_last_error(void);
threading_status threading_last_failure(int32_t *code, char *buffer, size_t size, size_t *needed);
int64_t threading_seconds(double seconds);
int64_t threading_now(void);
int64_t threading_until(int64_t deadline_ns);

#define THREADING_DAEMON_INHERIT 0
#define THREADING_DAEMON 1
#define THREADING_NON_DAEMON 2
#define THREADING_SCHED_OTHER 0
#define THREADING_SCHED_BATCH 1
#define THREADING_SCHED_IDLE 2
#define THREADING_SCHED_FIFO 3
#define THREADING_SCHED_RR 4
#define THREADING_HOOK_THREAD_START 1
#define THREADING_HOOK_THREAD_EXIT 2
#define THREADING_HOOK_WAIT_BEGIN 3
#define THREADING_HOOK_WAIT_END 4
#define THREADING_HOOK_TASK_BEGIN 5
#define THREADING_HOOK_TASK_END 6

typedef struct threading_thread_options {
  size_t size;
  const char *name;
  int32_t daemon;
  int32_t priority;
  size_t stack_size;
  const uint32_t *cpus;
  size_t cpu_count;
  size_t arg_size;
  threading_destructor arg_destructor;
} threading_thread_options;

threading_status threading_thread_create(threading_target target, void *arg,
    const threading_thread_options *options, threading_thread *out);
threading_status threading_thread_start(threading_thread thread);
threading_status threading_thread_spawn(threading_target target, void *arg,
    const threading_thread_options *options, threading_thread *out);
threading_status threading_thread_run(threading_thread thread);
threading_status threading_thread_join(threading_thread thread, int64_t timeout_ns);
threading_status threading_thread_result(threading_thread thread, void **out);
threading_status threading_thread_failure(threading_thread thread, int32_t *code, char *buffer, size_t size,
    size_t *needed);
int32_t threading_thread_is_alive(threading_thread thread);
threading_status threading_thread_destroy(threading_thread thread);
threading_status threading_thread_name(threading_thread thread, char *buffer, size_t size, size_t *needed);
threading_status threading_thread_set_name(threading_thread thread, const char *name);
threading_status threading_thread_ident(threading_thread thread, uint64_t *out);
threading_status threading_thread_native_id(threading_thread thread, uint64_t *out);
int32_t threading_thread_is_daemon(threading_thread thread);
threading_status threading_thread_set_daemon(threading_thread thread, int32_t daemon);
threading_status threading_thread_priority(threading_thread thread, int32_t *nice);
threading_status threading_thread_set_priority(threading_thread thread, int32_t nice);
threading_status threading_thread_scheduler(threading_thread thread, int32_t *policy, int32_t *priority);
threading_status threading_thread_set_scheduler(threading_thread thread, int32_t policy, int32_t priority);
threading_status threading_thread_affinity(threading_thread thread, uint32_t *cpus, size_t capacity,
    size_t *count);
threading_status threading_thread_set_affinity(threading_thread thread, const uint32_t *cpus, size_t count);

threading_thread threading_current_thread(void);
threading_thread threading_main_thread(void);
int64_t threading_active_count(void);
threading_status threading_enumerate(threading_thread *threads, size_t capacity, size_t *count);
uint64_t threading_get_ident(void);
uint64_t threading_get_native_id(void);
threading_status threading_setpriority(uint64_t ident, int32_t nice);
threading_status threading_stack_size(size_t bytes, size_t *previous);
int64_t threading_timeout_max(void);
threading_status threading_fail(int32_t code, const char *message);
threading_status threading_set_excepthook(threading_failure_hook hook, void *user);

threading_status threading_set_profile(threading_event_hook hook, void *user);
threading_status threading_sleep(int64_t timeout_ns);
void threading_yield(void);
uint32_t threading_cpu_count(void);
threading_status threading_shutdown(int64_t timeout_ns);
threading_status threading_at_exit(threading_callback callback, void *arg, threading_destructor destructor);

threading_status threading_lock_create(threading_lock *out);
threading_status threading_lock_destroy(threading_lock lock);
threading_status threading_lock_acquire(threading_lock lock, int64_t timeout_ns);
threading_status threading_lock_release(threading_lock lock);
int32_t threading_lock_locked(threading_lock lock);

threading_status threading_rlock_create(threading_rlock *out);
threading_status threading_rlock_destroy(threading_rlock rlock);
threading_status threading_rlock_acquire(threading_rlock rlock, int64_t timeout_ns);
threading_status threading_rlock_release(threading_rlock rlock);
int32_t threading_rlock_locked(threading_rlock rlock);
int32_t threading_rlock_is_owned(threading_rlock rlock);
int64_t threading_rlock_recursion_count(threading_rlock rlock);

threading_status threading_condition_create(threading_condition *out);
threading_status threading_condition_create_with_lock(threading_lock lock, threading_condition *out);
threading_status threading_condition_create_with_rlock(threading_rlock rlock, threading_condition *out);
threading_status threading_condition_destroy(threading_condition condition);
threading_status threading_condition_acquire(threading_condition condition, int64_t timeout_ns);
threading_status threading_condition_release(threading_condition condition);
threading_status threading_condition_wait(threading_condition condition, int64_t timeout_ns);
threading_status threading_condition_wait_for(threading_condition condition, threading_predicate predicate,
    void *arg, int64_t timeout_ns);
threading_status threading_condition_notify(threading_condition condition, int64_t n);
threading_status threading_condition_notify_all(threading_condition condition);

threading_status threading_semaphore_create(int64_t value, threading_semaphore *out);
threading_status threading_semaphore_create_bounded(int64_t value, threading_semaphore *out);
threading_status threading_semaphore_destroy(threading_semaphore semaphore);
threading_status threading_semaphore_acquire(threading_semaphore semaphore, int64_t timeout_ns);
threading_status threading_semaphore_release(threading_semaphore semaphore, int64_t n);
int64_t threading_semaphore_value(threading_semaphore semaphore);

threading_status threading_event_create(threading_event *out);
threading_status threading_event_destroy(threading_event event);
int32_t threading_event_is_set(threading_event event);
threading_status threading_event_set(threading_event event);
threading_status threading_event_clear(threading_event event);
threading_status threading_event_wait(threading_event event, int64_t timeout_ns);

threading_status threading_barrier_create(int64_t parties, threading_action action, void *arg,
    int64_t timeout_ns, threading_barrier *out);
threading_status threading_barrier_destroy(threading_barrier barrier);
threading_status threading_barrier_wait(threading_barrier barrier, int64_t timeout_ns, int64_t *index);
threading_status threading_barrier_reset(threading_barrier barrier);
threading_status threading_barrier_abort(threading_barrier barrier);
int64_t threading_barrier_parties(threading_barrier barrier);
int64_t threading_barrier_n_waiting(threading_barrier barrier);
int32_t threading_barrier_broken(threading_barrier barrier);

threading_status threading_local_create(threading_destructor destructor, threading_local *out);
threading_status threading_local_destroy(threading_local local);
threading_status threading_local_get(threading_local local, void **out);
threading_status threading_local_set(threading_local local, void *value);

typedef struct threading_timer_options {
  size_t size;
  int64_t period_ns;
  threading_destructor arg_destructor;
} threading_timer_options;
threading_status threading_timer_create(int64_t interval_ns, threading_callback callback, void *arg,
    const threading_timer_options *options, threading_timer *out);
threading_status threading_timer_start(threading_timer timer);
threading_status threading_timer_cancel(threading_timer timer);
threading_status threading_timer_join(threading_timer timer, int64_t timeout_ns);
threading_status threading_timer_destroy(threading_timer timer);

#define THREADING_FIFO 0
#define THREADING_LIFO 1
#define THREADING_PRIORITY 2
threading_status threading_queue_create(int32_t order, int64_t maxsize,
    threading_destructor item_destructor, threading_queue *out);
threading_status threading_queue_destroy(threading_queue queue);
threading_status threading_queue_put(threading_queue queue, void *item, int64_t timeout_ns);
threading_status threading_queue_put_priority(threading_queue queue, void *item, int64_t priority,
    int64_t timeout_ns);
threading_status threading_queue_get(threading_queue queue, void **item, int64_t timeout_ns);
threading_status threading_queue_task_done(threading_queue queue);
threading_status threading_queue_join(threading_queue queue, int64_t timeout_ns);
threading_status threading_queue_shutdown(threading_queue queue, int32_t immediate);
int64_t threading_queue_qsize(threading_queue queue);
int64_t threading_queue_unfinished_tasks(threading_queue queue);
int32_t threading_queue_empty(threading_queue queue);
int32_t threading_queue_full(threading_queue queue);
int32_t threading_queue_is_shutdown(threading_queue queue);

typedef struct threading_pool { uint64_t id; } threading_pool;
typedef struct threading_future { uint64_t id; } threading_future;
typedef struct threading_group { uint64_t id; } threading_group;
typedef void (*threading_future_callback)(threading_future future, void *arg);
typedef void (*threading_range_body)(int64_t begin, int64_t end, void *arg);
typedef void (*threading_range_fold)(int64_t begin, int64_t end, void *accumulator, void *arg);
typedef void (*threading_combine)(void *into, const void *from, void *arg);
#define THREADING_FULL_BLOCK 0
#define THREADING_FULL_REJECT 1
#define THREADING_FULL_CALLER_RUNS 2
#define THREADING_FIRST_COMPLETED 0
#define THREADING_FIRST_FAILED 1
#define THREADING_ALL_COMPLETED 2

typedef struct threading_pool_options {
  size_t size;
  const char *name_prefix;
  threading_action initializer;
  void *initializer_arg;
  size_t stack_size;
  int32_t priority;
  int32_t daemon;
  int64_t max_queued;
  int32_t when_full;
  uint32_t min_workers;
  int64_t idle_timeout_ns;
  threading_destructor arg_destructor;
  threading_callback finalizer;
} threading_pool_options;

typedef struct threading_pool_statistics {
  size_t size;
  uint32_t workers;
  uint32_t busy;
  uint32_t idle;
  uint32_t blocked;
  int64_t queued;
  int64_t done;
  int64_t most_queued;
  int64_t wait_ns;
  int64_t run_ns;
} threading_pool_statistics;

typedef struct threading_task { threading_callback callback; void *arg; } threading_task;

threading_status threading_pool_create(uint32_t max_workers, const threading_pool_options *options,
    threading_pool *out);
threading_pool threading_default_pool(void);
threading_status threading_pool_submit(threading_pool pool, threading_target target, void *arg,
    threading_future *out);
threading_status threading_pool_submit_priority(threading_pool pool, threading_target target, void *arg,
    int64_t priority, threading_future *out);
threading_status threading_pool_execute(threading_pool pool, threading_callback callback, void *arg);
threading_status threading_pool_map(threading_pool pool, threading_target target, void *const *args,
    size_t count, void **results, int64_t timeout_ns);
threading_status threading_parallel_for(threading_pool pool, int64_t begin, int64_t end, int64_t grain,
    threading_range_body body, void *arg);
threading_status threading_parallel_reduce(threading_pool pool, int64_t begin, int64_t end, int64_t grain,
    const void *identity, size_t size,
                                           threading_range_fold fold, threading_combine combine, void *arg,
    void *result);
threading_status threading_parallel_invoke(threading_pool pool, const threading_task *tasks, size_t count);
int32_t threading_worker_index(void);
threading_status threading_pool_wait(threading_pool pool, int64_t timeout_ns);
threading_status threading_pool_shutdown(threading_pool pool, int32_t wait, int32_t cancel_futures);
threading_status threading_pool_resize(threading_pool pool, uint32_t max_workers);
threading_status threading_pool_destroy(threading_pool pool);
threading_status threading_pool_stats(threading_pool pool, threading_pool_statistics *out);
threading_status threading_blocking_begin(void);
threading_status threading_blocking_end(void);

threading_status threading_future_create(threading_future *out);
threading_status threading_future_set_running_or_notify_cancel(threading_future future);
threading_status threading_future_set_result(threading_future future, void *result);
threading_status threading_future_set_failure(threading_future future, int32_t code, const char *message);
threading_status threading_future_result(threading_future future, int64_t timeout_ns, void **out);
threading_status threading_future_failure(threading_future future, int64_t timeout_ns, int32_t *code,
    char *buffer, size_t size, size_t *needed);
threading_status threading_future_cancel(threading_future future);
int32_t threading_future_cancelled(threading_future future);
int32_t threading_future_running(threading_future future);
int32_t threading_future_done(threading_future future);
threading_status threading_future_add_done_callback(threading_future future,
    threading_future_callback callback, void *arg, threading_destructor destructor);
threading_status threading_future_destroy(threading_future future);
threading_status threading_futures_wait(const threading_future *futures, size_t count, int32_t when,
    int64_t timeout_ns, int32_t *done_flags);

threading_status threading_group_create(threading_pool pool, threading_group *out);
threading_status threading_group_submit(threading_group group, threading_target target, void *arg);
threading_status threading_group_wait(threading_group group, int64_t timeout_ns);
threading_status threading_group_cancel(threading_group group);
threading_status threading_group_destroy(threading_group group);
threading_status threading_set_parallelism(uint32_t threads, uint32_t *previous);

#ifdef __cplusplus
}
#endif

#endif
