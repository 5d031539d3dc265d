// Faults that the system brings, by the numbers of docs/faults.md: refused starts, stacks, signals, users.
#include "child.h"

#include <sys/time.h>

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

static void *return_arg(void *arg) { return arg; }

// ---- Starts that the system refuses ----

static void limit(int resource, rlim_t soft) {
  struct rlimit value;
  CHECK(getrlimit((__rlimit_resource_t)resource, &value) == 0);
  value.rlim_cur = soft < value.rlim_max ? soft : value.rlim_max;
  CHECK(setrlimit((__rlimit_resource_t)resource, &value) == 0);
}

// With the limit in force nothing starts and nothing is left behind; without it the same thread starts.
static void check_refused_starts(int resource, rlim_t soft) {
  struct rlimit before;
  stage at = { true, 0 };
  const threading_thread_options big = { .size = sizeof big, .stack_size = (size_t)256 << 20 };
  threading_thread thread, spawned = { 7 };
  CHECK(getrlimit((__rlimit_resource_t)resource, &before) == 0);
  OK(threading_thread_create(hold, &at, &big, &thread));
  limit(resource, soft);
  for (int i = 0; i < 20; i++) {
    IS(threading_thread_start(thread), THREADING_E_NO_THREAD);
    EQ(threading_thread_is_alive(thread), 0);
    IS(threading_thread_join(thread, 0), THREADING_E_STATE);
    IS(threading_thread_spawn(hold, &at, &big, &spawned), THREADING_E_NO_THREAD);
    EQ(spawned.id, 7);
    EQ(threading_active_count(), 1);
  }
  limit(resource, before.rlim_cur);
  OK(threading_thread_start(thread));
  finish_thread(thread);
  EQ(atomic_load(&at.running), 1);
}

SCENARIO(no_more_processes) {
  child_drop_privileges();
  check_refused_starts(RLIMIT_NPROC, 1);
}

TEST(fault_D1_the_system_starts_no_more_threads) { EQ(child_exec("no_more_processes", NULL, 0), 0); }

TEST(fault_D2_no_memory_for_a_stack) {
  unsigned long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  CHECK(file != NULL && fscanf(file, "%lu", &pages) == 1);
  fclose(file);
  check_refused_starts(RLIMIT_AS, pages * (rlim_t)sysconf(_SC_PAGESIZE) + (64 << 20));
}

SCENARIO(up_to_the_limit) {
  child_drop_privileges();
  limit(RLIMIT_NPROC, 20);
  for (int round = 0; round < 3; round++) {
    threading_thread threads[32];
    stage at = { false, 0 };
    int started = 0;
    while (threading_thread_spawn(hold, &at, NULL, &threads[started]) == THREADING_OK) {
      started++;
      CHECK(started < 32);
    }
    CHECK(started > 0);
    EQ(threading_active_count(), 1 + started);
    atomic_store(&at.open, true);
    for (int i = 0; i < started; i++) finish_thread(threads[i]);
  }
}

TEST(fault_D3_threads_up_to_the_limit_and_again) { EQ(child_exec("up_to_the_limit", NULL, 0), 0); }

TEST(fault_D4_stack_sizes) {
  const size_t good[] = { 0, 32 * 1024, 32 * 1024 + 1, 65537, (size_t)1 << 20 };
  const size_t bad[] = { 1, 1000, 16384, 32 * 1024 - 1 };
  const size_t absurd[] = { (size_t)64 << 40, SIZE_MAX / 2, SIZE_MAX };
  threading_thread_options options = { .size = sizeof options };
  threading_thread thread;
  for (int i = 0; i < 5; i++) {
    options.stack_size = good[i];
    OK(threading_thread_spawn(return_arg, NULL, &options, &thread));
    finish_thread(thread);
  }
  for (int i = 0; i < 4; i++) {
    options.stack_size = bad[i];
    IS(threading_thread_spawn(return_arg, NULL, &options, &thread), THREADING_E_INVALID);
  }
  for (int i = 0; i < 3; i++) {
    options.stack_size = absurd[i];
    const threading_status status = threading_thread_spawn(return_arg, NULL, &options, &thread);
    if (status != THREADING_E_INVALID && status != THREADING_E_NO_MEMORY) EQ(status, THREADING_E_NO_THREAD);
    EQ(threading_active_count(), 1);
  }
}

static int recurse(int depth) {
  volatile char frame[1024];
  frame[0] = (char)depth;
  return depth == -1 ? 0 : recurse(depth + 1) + frame[0];
}

static void *overflow(void *arg) {
  return recurse(0) == 0 ? NULL : arg;
}

SCENARIO(stack_overflow) {
  threading_thread_join(spawn_thread(overflow, NULL), THREADING_FOREVER);
  say("survived");
}

TEST(fault_D5_a_stack_overflow_hits_the_guard_page) {
  char output[256];
  EQ(child_exec("stack_overflow", output, sizeof output), KILLED_BY(SIGSEGV));
  CHECK(strstr(output, "survived") == NULL);
}

static threading_lock lock;
static threading_semaphore semaphore;
static threading_event event;

// ---- A compare-exchange that fails for no reason ----

TEST(fault_B37_a_try_of_what_is_free_never_fails) {
  threading_rlock rlock;
  OK(threading_lock_create(&lock));
  OK(threading_rlock_create(&rlock));
  OK(threading_semaphore_create(1, &semaphore));
  for (int i = 0; i < 1000000; i++) {
    OK(threading_lock_acquire(lock, 0));
    OK(threading_lock_release(lock));
    OK(threading_rlock_acquire(rlock, 0));
    OK(threading_rlock_release(rlock));
    OK(threading_semaphore_acquire(semaphore, 0));
    OK(threading_semaphore_release(semaphore, 1));
  }
}

// ---- Signals ----

static atomic_bool stop;
static atomic_int released;

static void release_in_handler(int signal) {
  (void)signal;
  const int before = errno;
  if (threading_semaphore_release(semaphore, 1) == THREADING_OK) atomic_fetch_add(&released, 1);
  if (threading_event_set(event) != THREADING_OK) _exit(9);
  if (errno != before) _exit(8);
}

static void *acquire_all(void *arg) {
  int acquired = 0;
  while (!atomic_load(&stop)) {
    const threading_status status = threading_semaphore_acquire(semaphore, THREADING_MILLISECONDS(2));
    CHECK(status == THREADING_OK || status == THREADING_TIMEOUT);
    if (status == THREADING_OK) acquired++;
    if (threading_event_wait(event, 0) == THREADING_OK) OK(threading_event_clear(event));
    OK(threading_lock_acquire(lock, THREADING_FOREVER));
    OK(threading_lock_release(lock));
  }
  *(int *)arg = acquired;
  return NULL;
}

TEST(fault_D29_signal_handlers_release_and_set) {
  skip_on_the_portable_backend();
  int acquired[3] = { 0, 0, 0 };
  threading_thread threads[3];
  const struct sigaction action = { .sa_handler = release_in_handler };
  const struct itimerval storm = { { 0, 100 }, { 0, 100 } }, calm = { { 0, 0 }, { 0, 0 } };
  OK(threading_lock_create(&lock));
  OK(threading_semaphore_create(0, &semaphore));
  OK(threading_event_create(&event));
  CHECK(sigaction(SIGALRM, &action, NULL) == 0);
  for (int i = 0; i < 3; i++) threads[i] = spawn_thread(acquire_all, &acquired[i]);
  CHECK(setitimer(ITIMER_REAL, &storm, NULL) == 0);
  const int64_t end = NOW_NS() + THREADING_SECONDS(2);
  while (NOW_NS() < end) {
    OK(threading_lock_acquire(lock, THREADING_FOREVER));
    OK(threading_lock_release(lock));
  }
  CHECK(setitimer(ITIMER_REAL, &calm, NULL) == 0);
  atomic_store(&stop, true);
  for (int i = 0; i < 3; i++) finish_thread(threads[i]);
  CHECK(atomic_load(&released) > 0);
  EQ(acquired[0] + acquired[1] + acquired[2] + threading_semaphore_value(semaphore), atomic_load(&released));
}

static void *check_mask(void *arg) {
  sigset_t mask;
  EQ(pthread_sigmask(SIG_BLOCK, NULL, &mask), 0);
  EQ(sigismember(&mask, SIGUSR1), 1);
  EQ(sigismember(&mask, SIGUSR2), 0);
  EQ(sigismember(&mask, SIGTERM), 0);
  return arg;
}

static atomic_int handled;

static void note_signal(int signal) {
  (void)signal;
  atomic_fetch_add(&handled, 1);
}

static void do_nothing(void *arg) { (void)arg; }

TEST(fault_D30_signals_reach_no_thread_of_the_library) {
  const struct sigaction action = { .sa_handler = note_signal };
  sigset_t mask, pending;
  threading_timer once, later;
  // Both timers are started before the signal is blocked here, so nobody inherits a mask from this thread.
  OK(threading_timer_create(0, do_nothing, NULL, NULL, &once));
  OK(threading_timer_create(THREADING_SECONDS(3600), do_nothing, NULL, NULL, &later));
  OK(threading_timer_start(later));
  OK(threading_timer_start(once));
  OK(threading_timer_join(once, THREADING_FOREVER));
  CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  EQ(pthread_sigmask(SIG_BLOCK, &mask, NULL), 0);
  finish_thread(spawn_thread(check_mask, NULL));  // threads start with their creator's mask
  CHECK(kill(getpid(), SIGUSR1) == 0);
  CHECK(sigpending(&pending) == 0);
  EQ(sigismember(&pending, SIGUSR1), 1);
  EQ(atomic_load(&handled), 0);
  EQ(pthread_sigmask(SIG_UNBLOCK, &mask, NULL), 0);
  EQ(atomic_load(&handled), 1);
}

// ---- Users ----

static void *park(void *arg) {
  OK(threading_event_wait(event, THREADING_FOREVER));
  return arg;
}

static bool every_thread_has_uid(unsigned wanted) {
  threading_thread all[16];
  size_t count = 0;
  OK(threading_enumerate(all, 16, &count));
  CHECK(count <= 16);
  for (size_t i = 0; i < count; i++) {
    char path[64], line[256];
    unsigned uid = 0;
    uint64_t id;
    OK(threading_thread_native_id(all[i], &id));
    snprintf(path, sizeof path, "/proc/self/task/%" PRIu64 "/status", id);
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    while (fgets(line, sizeof line, file) != NULL && sscanf(line, "Uid: %u", &uid) != 1) continue;
    fclose(file);
    if (uid != wanted) return false;
  }
  return count > 8;
}

SCENARIO(setuid_with_threads) {
  threading_thread threads[8];
  OK(threading_event_create(&event));
  for (int i = 0; i < 8; i++) threads[i] = spawn_thread(park, NULL);
  for (int i = 0; i < 8; i++) wait_blocked(threads[i]);
  child_drop_privileges();
  CHECK(every_thread_has_uid(65534));
  OK(threading_event_set(event));
  for (int i = 0; i < 8; i++) finish_thread(threads[i]);
}

TEST(fault_D31_setuid_reaches_every_thread) {
  if (getuid() != 0) SKIP("only root may change its user");
  EQ(child_exec("setuid_with_threads", NULL, 0), 0);
}
