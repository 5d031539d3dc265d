// A tour through all of the library in which every call may be refused for want of memory or threads, and
// what was refused has changed nothing. With `oom_strict` set nothing may be refused.
#ifndef OOM_SCENARIO_H
#define OOM_SCENARIO_H
#include "allocator.h"

static bool oom_strict;

// Whether a call was done. It may have been refused instead, after a request for memory was.
static bool oom_done(int line, const char *call, threading_status status) {
  const int errno_after = errno;
  if (errno_after != HARNESS_ERRNO) {
    harness_fail(__FILE__, line, "%s changed errno to %d", call, errno_after);
  }
  if (status == THREADING_OK) return true;
  const bool refused = status == THREADING_E_NO_MEMORY || status == THREADING_E_NO_THREAD;
  if (oom_strict || !refused || atomic_load(&oom_refused) == 0) {
    harness_fail(__FILE__, line, "%s is %s (%s)", call, threading_status_name(status),
                 threading_last_error());
  }
  const char *story = threading_last_error();
  if (story == NULL || *story == '\0') harness_fail(__FILE__, line, "%s leaves no story", call);
  return false;
}
#define DONE(call) (errno = HARNESS_ERRNO, oom_done(__LINE__, #call, (call)))

// The same for what writes a handle when it is done, and only then.
#define MADE(call, handle) ((handle).id = 7, DONE(call) || oom_untouched(__LINE__, #call, (handle).id))

static bool oom_untouched(int line, const char *call, uint64_t id) {
  if (id != 7) harness_fail(__FILE__, line, "%s was refused and has written a handle", call);
  return false;
}

// Whether the library knows this thread, which it does from the first call on that found memory for it.
static bool oom_is_known(void) {
  const bool known = threading_current_thread().id != 0;
  CHECK(known || (!oom_strict && atomic_load(&oom_refused) > 0));
  return known;
}

#define LONG_NAME "a name that is too long for the system's sixteen bytes"
#define OOM_SOON THREADING_SECONDS(5)

// ---- Threads ----

static _Atomic int oom_ran, oom_destroyed, oom_hooked;

static void *oom_count(void *arg) {
  atomic_fetch_add(&oom_ran, 1);
  return arg;
}

static void oom_count_end(void *arg) {
  (void)arg;
  atomic_fetch_add(&oom_destroyed, 1);
}

static void *oom_fails(void *arg) {
  return threading_fail(7, "a message of some length, to be copied") == THREADING_OK ? NULL : arg;
}

static void oom_note_failure(threading_thread thread, int32_t code, const char *message, void *user) {
  (void)thread;
  (void)user;
  if (code != 7 || message == NULL) _exit(3);
  atomic_fetch_add(&oom_hooked, 1);
}

// What is refused at create or start is as before; the argument is ended once, and never by a spawn that
// failed.
static void oom_threads(void) {
  char argument[200] = { 1 };
  const threading_thread_options options = {
    .size = sizeof options, .name = LONG_NAME, .arg_size = sizeof argument, .arg_destructor = oom_count_end,
  };
  threading_thread thread;
  atomic_store(&oom_destroyed, 0);
  atomic_store(&oom_ran, 0);
  int expected = 0, started = 0;
  if (MADE(threading_thread_create(oom_count, argument, &options, &thread), thread)) {
    (void)DONE(threading_thread_set_name(thread, LONG_NAME " that is longer still"));
    if (DONE(threading_thread_start(thread))) {
      started++;
      OK(threading_thread_join(thread, OOM_SOON));
    } else {
      EQ(threading_thread_is_alive(thread), 0);
      IS(threading_thread_join(thread, 0), THREADING_E_STATE);
    }
    OK(threading_thread_destroy(thread));
    expected++;
  }
  if (MADE(threading_thread_spawn(oom_count, argument, &options, &thread), thread)) {
    finish_thread(thread);
    expected++;
    started++;
  }
  EQ(atomic_load(&oom_ran), started);
  EQ(atomic_load(&oom_destroyed), expected);
}

static void oom_failing_thread(void) {
  threading_thread thread;
  int32_t code = 0;
  char text[64];
  int argument;
  void *result = NULL;
  OK(threading_set_excepthook(oom_note_failure, NULL));
  if (MADE(threading_thread_spawn(oom_fails, &argument, NULL, &thread), thread)) {
    OK(threading_thread_join(thread, OOM_SOON));
    const threading_status status = threading_thread_result(thread, &result);
    if (status == THREADING_OK) {
      // threading_fail() was refused: the thread has not failed.
      CHECK(result == &argument && !oom_strict);
    } else {
      EQ(status, THREADING_FAILED);
      OK(threading_thread_failure(thread, &code, text, sizeof text, NULL));
      EQ(code, 7);
    }
    OK(threading_thread_destroy(thread));
  }
  OK(threading_set_excepthook(NULL, NULL));
}

static void *oom_is_foreign(void *arg) {
  CHECK(threading_current_thread().id != 0 || (!oom_strict && atomic_load(&oom_refused) > 0));
  return arg;
}

static void oom_registry(void) {
  threading_thread all[64];
  size_t count = 0;
  pthread_t foreign;
  if (pthread_create(&foreign, NULL, oom_is_foreign, NULL) == 0) pthread_join(foreign, NULL);
  if (DONE(threading_enumerate(all, 64, &count))) CHECK(count >= 1);
}

static void oom_see(int32_t event, threading_thread thread, uint64_t object, void *user) {
  (void)thread;
  (void)object;
  (void)user;
  CHECK(event >= THREADING_HOOK_THREAD_START && event <= THREADING_HOOK_TASK_END);
}

// ---- Locals ----

static void oom_locals(void) {
  threading_local locals[40];
  int values[40], made = 0;
  while (made < 40 && MADE(threading_local_create(oom_count_end, &locals[made]), locals[made])) made++;
  for (int i = 0; i < made; i++) {
    void *got = locals;
    const bool set = DONE(threading_local_set(locals[i], &values[i]));
    if (DONE(threading_local_get(locals[i], &got))) CHECK(got == (set ? &values[i] : NULL));
  }
  for (int i = 0; i < made; i++) OK(threading_local_destroy(locals[i]));
}

// ---- Primitives: to make one may be refused, to use it never ----

static void oom_primitives(void) {
  threading_lock lock;
  threading_rlock rlock;
  threading_condition condition;
  threading_semaphore semaphore;
  threading_event event;
  threading_barrier barrier;
  if (!oom_is_known()) return;
  if (MADE(threading_lock_create(&lock), lock)) {
    OK(threading_lock_acquire(lock, THREADING_FOREVER));
    IS(threading_lock_acquire(lock, 1), THREADING_TIMEOUT);
    if (MADE(threading_condition_create_with_lock(lock, &condition), condition)) {
      IS(threading_condition_wait(condition, 1), THREADING_TIMEOUT);
      OK(threading_condition_destroy(condition));
    }
    OK(threading_lock_release(lock));
    OK(threading_lock_destroy(lock));
  }
  if (MADE(threading_rlock_create(&rlock), rlock)) {
    OK(threading_rlock_acquire(rlock, THREADING_FOREVER));
    OK(threading_rlock_release(rlock));
    OK(threading_rlock_destroy(rlock));
  }
  if (MADE(threading_condition_create(&condition), condition)) {
    OK(threading_condition_acquire(condition, THREADING_FOREVER));
    IS(threading_condition_wait(condition, 1), THREADING_TIMEOUT);
    OK(threading_condition_notify_all(condition));
    OK(threading_condition_release(condition));
    OK(threading_condition_destroy(condition));
  }
  if (MADE(threading_semaphore_create_bounded(1, &semaphore), semaphore)) {
    OK(threading_semaphore_acquire(semaphore, THREADING_FOREVER));
    OK(threading_semaphore_release(semaphore, 1));
    OK(threading_semaphore_destroy(semaphore));
  }
  if (MADE(threading_event_create(&event), event)) {
    IS(threading_event_wait(event, 1), THREADING_TIMEOUT);
    OK(threading_event_set(event));
    OK(threading_event_wait(event, THREADING_FOREVER));
    OK(threading_event_destroy(event));
  }
  if (MADE(threading_barrier_create(1, NULL, NULL, THREADING_FOREVER, &barrier), barrier)) {
    OK(threading_barrier_wait(barrier, THREADING_FOREVER, NULL));
    OK(threading_barrier_destroy(barrier));
  }
}

// ---- Timers ----

#define OOM_TIMERS 40

static void oom_count_fired(void *arg) { atomic_fetch_add((_Atomic int *)arg, 1); }

// Every fourth is for the distant future, to be cancelled.
static threading_status oom_make_timer(int number, _Atomic int *count, threading_timer *timer) {
  const threading_timer_options options = { .size = sizeof options, .arg_destructor = oom_count_fired };
  const int64_t interval = number % 4 == 3 ? THREADING_SECONDS(3600) : number * 1000;
  return threading_timer_create(interval, oom_count_fired, count, &options, timer);
}

static void oom_timers(void) {
  threading_timer timers[OOM_TIMERS];
  // Each timer that exists counts its end, and one that ran counts that as well.
  static _Atomic int counts[OOM_TIMERS];
  int made = 0;
  bool started[OOM_TIMERS];
  for (int i = 0; i < OOM_TIMERS; i++) atomic_store(&counts[i], 0);
  while (made < OOM_TIMERS && MADE(oom_make_timer(made, &counts[made], &timers[made]), timers[made])) made++;
  for (int i = 0; i < made; i++) started[i] = DONE(threading_timer_start(timers[i]));
  for (int i = 0; i < made; i++) {
    if (!started[i]) {
      if (oom_is_known()) IS(threading_timer_join(timers[i], 0), THREADING_E_STATE);
    } else if (i % 4 == 3) {
      OK(threading_timer_cancel(timers[i]));
      IS(threading_timer_join(timers[i], OOM_SOON), THREADING_CANCELLED);
    } else {
      OK(threading_timer_join(timers[i], OOM_SOON));
    }
    OK(threading_timer_destroy(timers[i]));
    EQ(atomic_load(&counts[i]), started[i] && i % 4 != 3 ? 2 : 1);
  }
}

#endif
