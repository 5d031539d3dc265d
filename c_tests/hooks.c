// What concerns all threads: excepthook, profile hook, fail, shutdown, sleep, yield, cpu_count.
#include "child.h"

#include <sched.h>
#include <sys/time.h>

static void *return_arg(void *arg) { return arg; }

static void *fail_with(void *arg) {
  OK(threading_fail(*(int32_t *)arg, "it went wrong"));
  return NULL;
}

static void join_and_destroy(threading_thread thread) {
  OK(threading_thread_join(thread, THREADING_FOREVER));
  OK(threading_thread_destroy(thread));
}

// ---- excepthook ----

typedef struct report {
  atomic_int calls;
  uint64_t thread, caller;
  int32_t code;
  char message[64];
  char name[64];
} report;

static void note_failure(threading_thread thread, int32_t code, const char *message, void *user) {
  report *own = user;
  own->thread = thread.id;
  own->caller = threading_get_ident();
  own->code = code;
  snprintf(own->message, sizeof own->message, "%s", message);
  OK(threading_thread_name(thread, own->name, sizeof own->name, NULL));
  EQ(threading_thread_is_alive(thread), 1);
  atomic_fetch_add(&own->calls, 1);
}

TEST(excepthook_gets_thread_code_message_and_user) {
  report own = { .calls = 0 };
  int32_t code = 42;
  OK(threading_set_excepthook(note_failure, &own));
  threading_thread thread = spawn_thread(fail_with, &code);
  OK(threading_thread_join(thread, THREADING_FOREVER));
  EQ(atomic_load(&own.calls), 1);
  EQ(own.thread, thread.id);
  EQ(own.caller, thread.id);
  EQ(own.code, 42);
  STR_EQ(own.message, "it went wrong");
  STR_EQ(own.name, "Thread-1");
  OK(threading_thread_destroy(thread));
}

static void *fail_silently(void *arg) {
  OK(threading_fail(1, NULL));
  return arg;
}

static void *exit_by_force(void *arg) { pthread_exit(arg); }

TEST(excepthook_is_for_failures_alone) {
  report own = { .calls = 0 };
  OK(threading_set_excepthook(note_failure, &own));
  finish_thread(spawn_thread(return_arg, NULL));
  join_and_destroy(spawn_thread(exit_by_force, NULL));
  EQ(atomic_load(&own.calls), 0);
  join_and_destroy(spawn_thread(fail_silently, NULL));
  EQ(atomic_load(&own.calls), 1);
  STR_EQ(own.message, "");
}

static void fail_again(threading_thread thread, int32_t code, const char *message, void *user) {
  (void)thread;
  (void)message;
  EQ(code, 42);
  atomic_fetch_add((atomic_int *)user, 1);
  // The target has ended, so nothing is left that could fail, and the hook is not called for itself.
  IS(threading_fail(code + 1, "in the hook"), THREADING_E_STATE);
}

TEST(fault_D35_excepthook_that_fails_is_called_once) {
  atomic_int calls = 0;
  int32_t code = 42;
  OK(threading_set_excepthook(fail_again, &calls));
  threading_thread thread = spawn_thread(fail_with, &code);
  OK(threading_thread_join(thread, THREADING_FOREVER));
  EQ(atomic_load(&calls), 1);
  OK(threading_thread_failure(thread, &code, NULL, 0, NULL));
  EQ(code, 42);
  OK(threading_thread_destroy(thread));
}

static void use_library(threading_thread thread, int32_t code, const char *message, void *user) {
  threading_lock lock;
  (void)code;
  (void)message;
  OK(threading_lock_create(&lock));
  OK(threading_lock_acquire(lock, THREADING_FOREVER));
  OK(threading_lock_release(lock));
  OK(threading_lock_destroy(lock));
  IS(threading_thread_join(thread, THREADING_FOREVER), THREADING_E_DEADLOCK);
  finish_thread(spawn_thread(return_arg, NULL));
  OK(threading_set_excepthook(NULL, NULL));
  atomic_fetch_add((atomic_int *)user, 1);
}

TEST(excepthook_may_use_the_library) {
  atomic_int calls = 0;
  int32_t code = 1;
  OK(threading_set_excepthook(use_library, &calls));
  join_and_destroy(spawn_thread(fail_with, &code));
  EQ(atomic_load(&calls), 1);
}

static void exit_in_hook(threading_thread thread, int32_t code, const char *message, void *user) {
  (void)thread;
  (void)code;
  (void)message;
  atomic_fetch_add((atomic_int *)user, 1);
  pthread_exit(NULL);
}

TEST(excepthook_may_end_the_thread) {
  atomic_int calls = 0;
  int32_t code = 5;
  OK(threading_set_excepthook(exit_in_hook, &calls));
  threading_thread thread = spawn_thread(fail_with, &code);
  OK(threading_thread_join(thread, THREADING_FOREVER));
  EQ(atomic_load(&calls), 1);
  EQ(threading_active_count(), 1);
  OK(threading_thread_destroy(thread));
}

SCENARIO(default_excepthook) {
  const threading_thread_options options = { .size = sizeof options, .name = "worker %n%s" };
  int32_t code = -4711;
  report own = { .calls = 0 };
  threading_thread thread;
  OK(threading_set_excepthook(note_failure, &own));
  OK(threading_set_excepthook(NULL, NULL));
  OK(threading_thread_spawn(fail_with, &code, &options, &thread));
  join_and_destroy(thread);
  EQ(atomic_load(&own.calls), 0);
}

TEST(default_excepthook_prints_name_code_and_message) {
  char output[1024];
  EQ(child_exec("default_excepthook", output, sizeof output), 0);
  CHECK(strstr(output, "worker %n%s") != NULL);
  CHECK(strstr(output, "-4711") != NULL);
  CHECK(strstr(output, "it went wrong") != NULL);
}

// ---- fail ----

TEST(fail_outside_a_target_is_refused) {
  IS(threading_fail(1, "nobody asked"), THREADING_E_STATE);
}

static void *fail_inside(void *arg) {
  threading_thread inner;
  int32_t code = 9, got = 0;
  OK(threading_thread_create(fail_with, &code, NULL, &inner));
  IS(threading_thread_run(inner), THREADING_FAILED);
  OK(threading_thread_failure(inner, &got, NULL, 0, NULL));
  EQ(got, 9);
  OK(threading_thread_destroy(inner));
  return arg;
}

TEST(fail_is_for_the_innermost_target) {
  int mark;
  CHECK(finish_thread(spawn_thread(fail_inside, &mark)) == &mark);
}

// ---- Profile hook ----

typedef struct profile {
  _Atomic uint64_t thread;  // the one that is looked at
  _Atomic uint64_t object;
  atomic_int seen[7];
  atomic_int here[7];  // on the thread itself
} profile;

static void count_event(int32_t event, threading_thread thread, uint64_t object, void *user) {
  profile *own = user;
  CHECK(event >= THREADING_HOOK_THREAD_START && event <= THREADING_HOOK_TASK_END);
  if (thread.id != atomic_load(&own->thread)) return;
  if (event == THREADING_HOOK_WAIT_BEGIN || event == THREADING_HOOK_WAIT_END) {
    if (object != atomic_load(&own->object)) return;
  }
  atomic_fetch_add(&own->seen[event], 1);
  if (threading_get_ident() == thread.id) atomic_fetch_add(&own->here[event], 1);
}

static void check_events(profile *own, int starts, int exits, int waits) {
  EQ(atomic_load(&own->seen[THREADING_HOOK_THREAD_START]), starts);
  EQ(atomic_load(&own->seen[THREADING_HOOK_THREAD_EXIT]), exits);
  EQ(atomic_load(&own->seen[THREADING_HOOK_WAIT_BEGIN]), waits);
  EQ(atomic_load(&own->seen[THREADING_HOOK_WAIT_END]), waits);
  for (int i = THREADING_HOOK_THREAD_START; i <= THREADING_HOOK_WAIT_END; i++) {
    EQ(atomic_load(&own->here[i]), atomic_load(&own->seen[i]));
  }
}

static void *acquire_and_release(void *arg) {
  threading_lock lock = *(threading_lock *)arg;
  OK(threading_lock_acquire(lock, THREADING_FOREVER));
  OK(threading_lock_release(lock));
  return NULL;
}

static void profile_one(profile *own, threading_lock lock, bool contended) {
  threading_thread thread;
  if (contended) OK(threading_lock_acquire(lock, 0));
  OK(threading_thread_create(acquire_and_release, &lock, NULL, &thread));
  atomic_store(&own->thread, thread.id);
  OK(threading_thread_start(thread));
  if (contended) {
    wait_blocked(thread);
    OK(threading_lock_release(lock));
  }
  finish_thread(thread);
}

TEST(profile_hook_sees_starts_waits_and_exits) {
  profile own = { .thread = 0 };
  threading_lock lock;
  OK(threading_lock_create(&lock));
  atomic_store(&own.object, lock.id);
  OK(threading_set_profile(count_event, &own));
  profile_one(&own, lock, false);
  check_events(&own, 1, 1, 0);  // a free lock is no wait
  profile_one(&own, lock, true);
  check_events(&own, 2, 2, 1);
  OK(threading_set_profile(NULL, NULL));
  profile_one(&own, lock, true);
  check_events(&own, 2, 2, 1);
  OK(threading_lock_destroy(lock));
}

// ---- shutdown and at_exit ----

typedef struct stage {
  atomic_bool open;
  atomic_int running;
} stage;

static void *hold(void *arg) {
  stage *at = arg;
  atomic_fetch_add(&at->running, 1);
  WAIT_UNTIL(atomic_load(&at->open));
  return NULL;
}

static void *open_gate(void *arg) {
  stage *at = arg;
  WAIT_UNTIL(atomic_load(&at->running) >= 2);
  atomic_store(&at->open, true);
  return NULL;
}

TEST(shutdown_joins_all_but_daemons) {
  stage at = { false, 0 }, never = { false, 0 };
  const threading_thread_options daemon = { .size = sizeof daemon, .daemon = THREADING_DAEMON };
  threading_thread threads[2], background, opener;
  OK(threading_shutdown(0));
  OK(threading_thread_spawn(hold, &never, &daemon, &background));
  OK(threading_shutdown(0));
  for (int i = 0; i < 2; i++) threads[i] = spawn_thread(hold, &at);
  IS(threading_shutdown(0), THREADING_TIMEOUT);
  IS(threading_shutdown(-2), THREADING_E_INVALID);
  IS(threading_shutdown(INT64_MIN), THREADING_E_INVALID);
  OK(threading_thread_spawn(open_gate, &at, &daemon, &opener));
  OK(threading_shutdown(THREADING_FOREVER));
  for (int i = 0; i < 2; i++) EQ(threading_thread_is_alive(threads[i]), 0);
  EQ(threading_thread_is_alive(background), 1);
  OK(threading_shutdown(THREADING_FOREVER));
  finish_thread(spawn_thread(return_arg, NULL));  // threads may still be started
  atomic_store(&never.open, true);
  finish_thread(background);
  finish_thread(opener);
}

static void *shut_down(void *arg) {
  OK(threading_shutdown(THREADING_FOREVER));
  EQ(atomic_load((atomic_int *)arg), 1);
  return NULL;
}

static void *bump(void *arg) {
  atomic_fetch_add((atomic_int *)arg, 1);
  return NULL;
}

TEST(shutdown_from_a_thread_waits_for_the_others) {
  atomic_int done = 0;
  threading_thread thread;
  OK(threading_thread_create(shut_down, &done, NULL, &thread));
  threading_thread other = spawn_thread(bump, &done);
  OK(threading_thread_start(thread));
  finish_thread(thread);
  finish_thread(other);
}

TEST(at_exit_needs_a_callback) {
  IS(threading_at_exit(NULL, NULL, NULL), THREADING_E_INVALID);
}

// ---- sleep, yield, cpu_count, timeout_max ----

TEST(sleep_takes_at_least_its_time) {
  const int64_t lengths[] = { 0, 1, 1000, THREADING_MILLISECONDS(1), THREADING_MILLISECONDS(30) };
  for (int i = 0; i < 5; i++) {
    const int64_t before = NOW_NS();
    OK(threading_sleep(lengths[i]));
    CHECK(NOW_NS() - before >= lengths[i]);
  }
  IS(threading_sleep(-2), THREADING_E_INVALID);
  IS(threading_sleep(INT64_MIN), THREADING_E_INVALID);
}

static void interrupt(int signal) { (void)signal; }

static void *sleep_a_little(void *arg) {
  const int64_t before = NOW_NS();
  OK(threading_sleep(THREADING_MILLISECONDS(50)));
  CHECK(NOW_NS() - before >= THREADING_MILLISECONDS(50));
  return arg;
}

TEST(sleep_outlasts_signals) {
  struct sigaction action = { .sa_handler = interrupt };
  CHECK(sigaction(SIGALRM, &action, NULL) == 0);
  const struct itimerval storm = { { 0, 500 }, { 0, 500 } }, calm = { { 0, 0 }, { 0, 0 } };
  CHECK(setitimer(ITIMER_REAL, &storm, NULL) == 0);
  sleep_a_little(NULL);
  finish_thread(spawn_thread(sleep_a_little, NULL));
  CHECK(setitimer(ITIMER_REAL, &calm, NULL) == 0);
}

static void *sleep_forever(void *arg) {
  threading_sleep(THREADING_FOREVER);
  return arg;
}

TEST(sleep_forever_lasts) {
  const threading_thread_options daemon = { .size = sizeof daemon, .daemon = THREADING_DAEMON };
  threading_thread thread;
  OK(threading_thread_spawn(sleep_forever, NULL, &daemon, &thread));
  wait_blocked(thread);
  EQ(threading_thread_is_alive(thread), 1);
}

TEST(yield_leaves_errno_alone) {
  errno = HARNESS_ERRNO;
  for (int i = 0; i < 100; i++) threading_yield();
  EQ(errno, HARNESS_ERRNO);
}

SCENARIO(one_cpu) {
  cpu_set_t set, one;
  CHECK(sched_getaffinity(0, sizeof set, &set) == 0);
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; cpu++) {
    if (CPU_ISSET(cpu, &set)) CPU_SET(cpu, &one);
  }
  CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
  EQ(threading_cpu_count(), 1);
}

TEST(cpu_count_respects_affinity) {
  cpu_set_t set;
  CHECK(sched_getaffinity(0, sizeof set, &set) == 0);
  errno = HARNESS_ERRNO;
  const uint32_t count = threading_cpu_count();
  EQ(errno, HARNESS_ERRNO);
  CHECK(count >= 1 && count <= (uint32_t)CPU_COUNT(&set));
  EQ(child_exec("one_cpu", NULL, 0), 0);
}

TEST(timeout_max_is_accepted) {
  threading_event event;
  OK(threading_event_create(&event));
  OK(threading_event_set(event));
  CHECK(threading_timeout_max() >= THREADING_SECONDS(9223372036));  // Python's TIMEOUT_MAX
  OK(threading_event_wait(event, threading_timeout_max()));
  OK(threading_event_destroy(event));
}
