// The binary interface, fixed: sizes, offsets, values and signatures that programs were compiled against.
// Nearly all of it is decided at compile time; what stands here is never edited, only added to.
#include "harness.h"

#include <stddef.h>

// ---- Constants ----

#define VALUE(constant, number) _Static_assert((constant) == (number), #constant)

VALUE(THREADING_VERSION,
      THREADING_VERSION_MAJOR * 1000000 + THREADING_VERSION_MINOR * 1000 + THREADING_VERSION_PATCH);

VALUE(THREADING_OK, 0);
VALUE(THREADING_TIMEOUT, 1);
VALUE(THREADING_INTERRUPTED, 2);
VALUE(THREADING_CANCELLED, 3);
VALUE(THREADING_CLOSED, 4);
VALUE(THREADING_BROKEN, 5);
VALUE(THREADING_FAILED, 6);
VALUE(THREADING_OWNER_DEAD, 7);
VALUE(THREADING_E_HANDLE, -1);
VALUE(THREADING_E_INVALID, -2);
VALUE(THREADING_E_STATE, -3);
VALUE(THREADING_E_NOT_OWNER, -4);
VALUE(THREADING_E_DEADLOCK, -5);
VALUE(THREADING_E_BUSY, -6);
VALUE(THREADING_E_OVERFLOW, -7);
VALUE(THREADING_E_NO_MEMORY, -8);
VALUE(THREADING_E_NO_THREAD, -9);
VALUE(THREADING_E_PERMISSION, -10);
VALUE(THREADING_E_UNSUPPORTED, -11);
VALUE(THREADING_E_FORKED, -12);
VALUE(THREADING_E_SYSTEM, -13);
VALUE(THREADING_E_INTERNAL, -14);

_Static_assert(THREADING_ACQUIRED(THREADING_OK), "acquired");
_Static_assert(THREADING_ACQUIRED(THREADING_OWNER_DEAD), "acquired from a dead owner");
_Static_assert(!THREADING_ACQUIRED(THREADING_TIMEOUT), "not acquired");
_Static_assert(!THREADING_ACQUIRED(THREADING_E_STATE), "not acquired");

VALUE(THREADING_FOREVER, -1);
VALUE(THREADING_COUNT_MAX, 0x3fffffff);
VALUE(THREADING_SECONDS(3), INT64_C(3000000000));
VALUE(THREADING_SECONDS(9223372036), INT64_C(9223372036000000000));
VALUE(THREADING_MILLISECONDS(3), INT64_C(3000000));
_Static_assert(sizeof THREADING_FOREVER == 8 && sizeof THREADING_SECONDS(1) == 8, "timeouts have 64 bits");
_Static_assert(sizeof THREADING_MILLISECONDS(1) == 8, "timeouts have 64 bits");
_Static_assert(sizeof THREADING_COUNT_MAX == 8, "counts have 64 bits");

VALUE(THREADING_DAEMON_INHERIT, 0);
VALUE(THREADING_DAEMON, 1);
VALUE(THREADING_NON_DAEMON, 2);
VALUE(THREADING_SCHED_OTHER, 0);
VALUE(THREADING_SCHED_BATCH, 1);
VALUE(THREADING_SCHED_IDLE, 2);
VALUE(THREADING_SCHED_FIFO, 3);
VALUE(THREADING_SCHED_RR, 4);
VALUE(THREADING_FIFO, 0);
VALUE(THREADING_LIFO, 1);
VALUE(THREADING_PRIORITY, 2);
VALUE(THREADING_HOOK_THREAD_START, 1);
VALUE(THREADING_HOOK_THREAD_EXIT, 2);
VALUE(THREADING_HOOK_WAIT_BEGIN, 3);
VALUE(THREADING_HOOK_WAIT_END, 4);
VALUE(THREADING_HOOK_TASK_BEGIN, 5);
VALUE(THREADING_HOOK_TASK_END, 6);

// ---- Types ----

// A handle is a struct of its own with one number, passed as that number.
#define HANDLE(type)                                                                                      \
  _Static_assert(sizeof(type) == 8 && _Alignof(type) == _Alignof(uint64_t), #type);                       \
  _Static_assert(offsetof(type, id) == 0 && _Generic(((type *)0)->id, uint64_t: 1, default: 0), #type)

HANDLE(threading_thread);
HANDLE(threading_lock);
HANDLE(threading_rlock);
HANDLE(threading_condition);
HANDLE(threading_semaphore);
HANDLE(threading_event);
HANDLE(threading_barrier);
HANDLE(threading_local);
HANDLE(threading_timer);
HANDLE(threading_queue);

#define ALIAS(type, of) _Static_assert(_Generic((type)0, of: 1, default: 0), #type)

ALIAS(threading_status, int32_t);
ALIAS(threading_target, void *(*)(void *));
ALIAS(threading_callback, void (*)(void *));
ALIAS(threading_destructor, void (*)(void *));
ALIAS(threading_predicate, int32_t (*)(void *));
ALIAS(threading_action, int32_t (*)(void *));
ALIAS(threading_failure_hook, void (*)(threading_thread, int32_t, const char *, void *));
ALIAS(threading_event_hook, void (*)(int32_t, threading_thread, uint64_t, void *));

#define FIELD(type, field, of, offset)                                                                    \
  _Static_assert(_Generic(((type *)0)->field, of: 1, default: 0), #type "." #field);                      \
  _Static_assert(sizeof(void *) != 8 || offsetof(type, field) == (offset), #type "." #field)

FIELD(threading_thread_options, size, size_t, 0);
FIELD(threading_thread_options, name, const char *, 8);
FIELD(threading_thread_options, daemon, int32_t, 16);
FIELD(threading_thread_options, priority, int32_t, 20);
FIELD(threading_thread_options, stack_size, size_t, 24);
FIELD(threading_thread_options, cpus, const uint32_t *, 32);
FIELD(threading_thread_options, cpu_count, size_t, 40);
FIELD(threading_thread_options, arg_size, size_t, 48);
FIELD(threading_thread_options, arg_destructor, threading_destructor, 56);
_Static_assert(sizeof(void *) != 8 || sizeof(threading_thread_options) == 64, "threading_thread_options");

FIELD(threading_timer_options, size, size_t, 0);
FIELD(threading_timer_options, period_ns, int64_t, 8);
FIELD(threading_timer_options, arg_destructor, threading_destructor, 16);
_Static_assert(sizeof(void *) != 8 || sizeof(threading_timer_options) == 24, "threading_timer_options");

// ---- Functions ----

#define SAME(result, function, ...)                                                                       \
  _Static_assert(_Generic(&(function), result (*)(__VA_ARGS__): 1, default: 0), #function)

// Conventions
SAME(uint32_t, threading_version, void);
SAME(const char *, threading_status_name, threading_status);
SAME(const char *, threading_status_message, threading_status);
SAME(const char *, threading_last_error, void);
SAME(threading_status, threading_last_failure, int32_t *, char *, size_t, size_t *);
SAME(int64_t, threading_seconds, double);
SAME(int64_t, threading_now, void);
SAME(int64_t, threading_until, int64_t);

// Threads
SAME(threading_status, threading_thread_create, threading_target, void *,
     const threading_thread_options *, threading_thread *);
SAME(threading_status, threading_thread_start, threading_thread);
SAME(threading_status, threading_thread_spawn, threading_target, void *,
     const threading_thread_options *, threading_thread *);
SAME(threading_status, threading_thread_run, threading_thread);
SAME(threading_status, threading_thread_join, threading_thread, int64_t);
SAME(threading_status, threading_thread_result, threading_thread, void **);
SAME(threading_status, threading_thread_failure, threading_thread, int32_t *, char *, size_t, size_t *);
SAME(int32_t, threading_thread_is_alive, threading_thread);
SAME(threading_status, threading_thread_destroy, threading_thread);
SAME(threading_status, threading_thread_name, threading_thread, char *, size_t, size_t *);
SAME(threading_status, threading_thread_set_name, threading_thread, const char *);
SAME(threading_status, threading_thread_ident, threading_thread, uint64_t *);
SAME(threading_status, threading_thread_native_id, threading_thread, uint64_t *);
SAME(int32_t, threading_thread_is_daemon, threading_thread);
SAME(threading_status, threading_thread_set_daemon, threading_thread, int32_t);
SAME(threading_status, threading_thread_priority, threading_thread, int32_t *);
SAME(threading_status, threading_thread_set_priority, threading_thread, int32_t);
SAME(threading_status, threading_thread_scheduler, threading_thread, int32_t *, int32_t *);
SAME(threading_status, threading_thread_set_scheduler, threading_thread, int32_t, int32_t);
SAME(threading_status, threading_thread_affinity, threading_thread, uint32_t *, size_t, size_t *);
SAME(threading_status, threading_thread_set_affinity, threading_thread, const uint32_t *, size_t);

// All threads
SAME(threading_thread, threading_current_thread, void);
SAME(threading_thread, threading_main_thread, void);
SAME(int64_t, threading_active_count, void);
SAME(threading_status, threading_enumerate, threading_thread *, size_t, size_t *);
SAME(uint64_t, threading_get_ident, void);
SAME(uint64_t, threading_get_native_id, void);
SAME(threading_status, threading_setpriority, uint64_t, int32_t);
SAME(threading_status, threading_stack_size, size_t, size_t *);
SAME(int64_t, threading_timeout_max, void);
SAME(threading_status, threading_fail, int32_t, const char *);
SAME(threading_status, threading_set_excepthook, threading_failure_hook, void *);
SAME(threading_status, threading_set_profile, threading_event_hook, void *);
SAME(threading_status, threading_sleep, int64_t);
SAME(void, threading_yield, void);
SAME(uint32_t, threading_cpu_count, void);
SAME(threading_status, threading_shutdown, int64_t);
SAME(threading_status, threading_at_exit, threading_callback, void *, threading_destructor);

// Lock
SAME(threading_status, threading_lock_create, threading_lock *);
SAME(threading_status, threading_lock_destroy, threading_lock);
SAME(threading_status, threading_lock_acquire, threading_lock, int64_t);
SAME(threading_status, threading_lock_release, threading_lock);
SAME(int32_t, threading_lock_locked, threading_lock);

// RLock
SAME(threading_status, threading_rlock_create, threading_rlock *);
SAME(threading_status, threading_rlock_destroy, threading_rlock);
SAME(threading_status, threading_rlock_acquire, threading_rlock, int64_t);
SAME(threading_status, threading_rlock_release, threading_rlock);
SAME(int32_t, threading_rlock_locked, threading_rlock);
SAME(int32_t, threading_rlock_is_owned, threading_rlock);
SAME(int64_t, threading_rlock_recursion_count, threading_rlock);

// Condition
SAME(threading_status, threading_condition_create, threading_condition *);
SAME(threading_status, threading_condition_create_with_lock, threading_lock, threading_condition *);
SAME(threading_status, threading_condition_create_with_rlock, threading_rlock, threading_condition *);
SAME(threading_status, threading_condition_destroy, threading_condition);
SAME(threading_status, threading_condition_acquire, threading_condition, int64_t);
SAME(threading_status, threading_condition_release, threading_condition);
SAME(threading_status, threading_condition_wait, threading_condition, int64_t);
SAME(threading_status, threading_condition_wait_for, threading_condition, threading_predicate,
     void *, int64_t);
SAME(threading_status, threading_condition_notify, threading_condition, int64_t);
SAME(threading_status, threading_condition_notify_all, threading_condition);

// Semaphore
SAME(threading_status, threading_semaphore_create, int64_t, threading_semaphore *);
SAME(threading_status, threading_semaphore_create_bounded, int64_t, threading_semaphore *);
SAME(threading_status, threading_semaphore_destroy, threading_semaphore);
SAME(threading_status, threading_semaphore_acquire, threading_semaphore, int64_t);
SAME(threading_status, threading_semaphore_release, threading_semaphore, int64_t);
SAME(int64_t, threading_semaphore_value, threading_semaphore);

// Event
SAME(threading_status, threading_event_create, threading_event *);
SAME(threading_status, threading_event_destroy, threading_event);
SAME(int32_t, threading_event_is_set, threading_event);
SAME(threading_status, threading_event_set, threading_event);
SAME(threading_status, threading_event_clear, threading_event);
SAME(threading_status, threading_event_wait, threading_event, int64_t);

// Barrier
SAME(threading_status, threading_barrier_create, int64_t, threading_action, void *, int64_t,
     threading_barrier *);
SAME(threading_status, threading_barrier_destroy, threading_barrier);
SAME(threading_status, threading_barrier_wait, threading_barrier, int64_t, int64_t *);
SAME(threading_status, threading_barrier_reset, threading_barrier);
SAME(threading_status, threading_barrier_abort, threading_barrier);
SAME(int64_t, threading_barrier_parties, threading_barrier);
SAME(int64_t, threading_barrier_n_waiting, threading_barrier);
SAME(int32_t, threading_barrier_broken, threading_barrier);

// Local
SAME(threading_status, threading_local_create, threading_destructor, threading_local *);
SAME(threading_status, threading_local_destroy, threading_local);
SAME(threading_status, threading_local_get, threading_local, void **);
SAME(threading_status, threading_local_set, threading_local, void *);

// Timer
SAME(threading_status, threading_timer_create, int64_t, threading_callback, void *,
     const threading_timer_options *, threading_timer *);
SAME(threading_status, threading_timer_start, threading_timer);
SAME(threading_status, threading_timer_cancel, threading_timer);
SAME(threading_status, threading_timer_join, threading_timer, int64_t);
SAME(threading_status, threading_timer_destroy, threading_timer);
SAME(threading_status, threading_queue_create, int32_t, int64_t, threading_destructor, threading_queue *);
SAME(threading_status, threading_queue_destroy, threading_queue);
SAME(threading_status, threading_queue_put, threading_queue, void *, int64_t);
SAME(threading_status, threading_queue_put_priority, threading_queue, void *, int64_t, int64_t);
SAME(threading_status, threading_queue_get, threading_queue, void **, int64_t);
SAME(threading_status, threading_queue_task_done, threading_queue);
SAME(threading_status, threading_queue_join, threading_queue, int64_t);
SAME(threading_status, threading_queue_shutdown, threading_queue, int32_t);
SAME(int64_t, threading_queue_qsize, threading_queue);
SAME(int64_t, threading_queue_unfinished_tasks, threading_queue);
SAME(int32_t, threading_queue_empty, threading_queue);
SAME(int32_t, threading_queue_full, threading_queue);
SAME(int32_t, threading_queue_is_shutdown, threading_queue);

// ---- What only the library can tell ----

TEST(library_and_header_have_one_version) {
  EQ(threading_version(), THREADING_VERSION);
}

// A handle crosses every boundary as a number: a thing made through one copy is the thing itself.
TEST(handles_are_plain_numbers) {
  threading_lock lock;
  OK(threading_lock_create(&lock));
  const uint64_t number = lock.id;
  OK(threading_lock_acquire((threading_lock){ number }, 0));
  EQ(threading_lock_locked(lock), 1);
  OK(threading_lock_release(lock));
  OK(threading_lock_destroy((threading_lock){ number }));
  IS(threading_lock_acquire(lock, 0), THREADING_E_HANDLE);
}
