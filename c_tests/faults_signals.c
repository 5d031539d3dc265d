// Signals and cancellation that meet calls at any moment: C9, D17, D29 and D30 of docs/faults.md, at scale.
#include "child.h"
#include "everything.h"
#include "rounds.h"

#include <sys/syscall.h>
#include <sys/time.h>

// ---- Cancellation ----

static threading_lock lock;
static threading_rlock rlock;
static threading_condition condition;
static threading_semaphore semaphore;
static threading_event event;
static threading_queue queue;
static threading_pool pool;

static void *return_arg(void *arg) { return arg; }

static void *fail_quietly(void *arg) {
  OK(threading_fail(1, ""));
  return arg;
}

static void end_a_failing_thread(void) {
  threading_thread thread;
  OK(threading_thread_spawn(fail_quietly, NULL, NULL, &thread));
  OK(threading_thread_join(thread, THREADING_FOREVER));
  OK(threading_thread_destroy(thread));
}

static void ask_the_system(void) {
  const threading_thread own = threading_current_thread();
  uint32_t cpus[1024];
  size_t count = 0;
  int32_t nice, policy, priority;
  CHECK(threading_cpu_count() >= 1);
  OK(threading_thread_affinity(own, cpus, 1024, &count));
  OK(threading_thread_set_affinity(own, cpus, count < 1024 ? count : 1024));
  OK(threading_thread_priority(own, &nice));
  OK(threading_thread_scheduler(own, &policy, &priority));
  OK(threading_thread_set_name(own, "a new name"));
}

static void misuse(void) {
  IS(threading_lock_release((threading_lock){ 5 }), THREADING_E_HANDLE);
  CHECK(threading_last_error()[0] != '\0');
}

static void sleep_and_yield(void) {
  OK(threading_sleep(200000));
  threading_yield();
}

static void (*const steps[])(void) = {
  use_lock,   use_rlock,   use_condition,        use_semaphore, use_event,      use_barrier,
  use_local,  use_queues,  use_thread_and_timer, use_promise,   use_pool,       end_a_failing_thread,
  misuse,     ask_the_system, sleep_and_yield,
};
enum { STEPS = sizeof steps / sizeof steps[0] };

typedef struct pending {
  int step;
  atomic_bool passed;
} pending;

static void *run_with_cancellation_pending(void *arg) {
  pending *own = arg;
  EQ(pthread_cancel(pthread_self()), 0);
  steps[own->step]();
  atomic_store(&own->passed, true);
  for (;;) pthread_testcancel();
  return NULL;
}

static void expect_cancelled(threading_thread thread) {
  int32_t code = 0;
  OK(threading_thread_join(thread, THREADING_FOREVER));
  OK(threading_thread_failure(thread, &code, NULL, 0, NULL));
  EQ(code, THREADING_CANCELLED);
  OK(threading_thread_destroy(thread));
}

TEST(fault_D17_no_call_is_a_cancellation_point) {
  for (int round = 0; round < 2; round++) {  // the first time, calls also set up what they need
    for (int step = 0; step < STEPS; step++) {
      pending one = { .step = step };
      const threading_thread thread = spawn_thread(run_with_cancellation_pending, &one);
      expect_cancelled(thread);
      if (!atomic_load(&one.passed)) harness_fail(__FILE__, __LINE__, "step %d was left in a call", step);
    }
  }
}

// Goes through twenty places where it can be cancelled, and holds nothing in any of them.
static void *work_until_cancelled(void *arg) {
  atomic_uintptr_t *self = arg;
  void *item;
  atomic_store(self, (uintptr_t)pthread_self());
  for (;;) {
    for (int i = 0; i < 4; i++) {
      OK(threading_lock_acquire(lock, THREADING_FOREVER));
      OK(threading_lock_release(lock));
      pthread_testcancel();
      OK(threading_rlock_acquire(rlock, THREADING_FOREVER));
      OK(threading_rlock_acquire(rlock, THREADING_FOREVER));
      OK(threading_rlock_release(rlock));
      OK(threading_rlock_release(rlock));
      pthread_testcancel();
      OK(threading_condition_acquire(condition, THREADING_FOREVER));
      OK(threading_condition_notify(condition, 1));
      const threading_status status = threading_condition_wait(condition, 20000);
      CHECK(status == THREADING_OK || status == THREADING_TIMEOUT);
      OK(threading_condition_release(condition));
      pthread_testcancel();
      OK(threading_semaphore_acquire(semaphore, THREADING_FOREVER));
      OK(threading_semaphore_release(semaphore, 1));
      pthread_testcancel();
      OK(threading_queue_put(queue, NULL, THREADING_FOREVER));
      OK(threading_queue_get(queue, &item, THREADING_FOREVER));
      pthread_testcancel();
    }
  }
  return NULL;
}

// Nothing that the ended threads used is held, and nobody is counted as waiting.
static void expect_free_objects(void) {
  EQ(threading_lock_locked(lock), 0);
  EQ(threading_rlock_locked(rlock), 0);
  EQ(threading_semaphore_value(semaphore), 2);
  EQ(threading_queue_qsize(queue), 0);
  OK(threading_condition_acquire(condition, 0));
  OK(threading_condition_release(condition));
}

TEST(fault_D17_cancelled_at_any_moment) {
  const int64_t end = end_of(1500);
  unsigned random = 12345;
  OK(threading_lock_create(&lock));
  OK(threading_rlock_create(&rlock));
  OK(threading_condition_create(&condition));
  OK(threading_semaphore_create_bounded(2, &semaphore));
  OK(threading_queue_create(THREADING_FIFO, 0, NULL, &queue));
  for (int round = 0; again(round, 10, 1000, end); round++) {
    threading_thread threads[3];
    atomic_uintptr_t selves[3] = { 0, 0, 0 };
    for (int i = 0; i < 3; i++) threads[i] = spawn_thread(work_until_cancelled, &selves[i]);
    for (int i = 0; i < 3; i++) {
      WAIT_UNTIL(atomic_load(&selves[i]) != 0);
      random = random * 1103515245 + 12345;
      for (unsigned spin = random >> 16 & 0x3fff; spin > 0; spin--) atomic_load(&selves[i]);
      EQ(pthread_cancel((pthread_t)atomic_load(&selves[i])), 0);
    }
    for (int i = 0; i < 3; i++) expect_cancelled(threads[i]);
    expect_free_objects();
  }
  OK(threading_lock_destroy(lock));
  OK(threading_rlock_destroy(rlock));
  OK(threading_condition_destroy(condition));
  OK(threading_semaphore_destroy(semaphore));
  OK(threading_queue_destroy(queue));
}

// ---- Handlers that call ----

static atomic_long handled;

static void handle(int number, void (*handler)(int)) {
  struct sigaction action = { .sa_handler = handler };
  sigemptyset(&action.sa_mask);
  CHECK(sigaction(number, &action, NULL) == 0);
}

static void release_here(int number) {
  (void)number;
  if (threading_semaphore_release(semaphore, 1) != THREADING_OK) _exit(9);
  atomic_fetch_add(&handled, 1);
}

static void set_here(int number) {
  (void)number;
  if (threading_event_set(event) != THREADING_OK) _exit(9);
}

// The handler runs in the very thread that waits, and ends this wait.
static void *wait_for_own_handler(void *arg) {
  atomic_uintptr_t *self = arg;
  atomic_store(self, (uintptr_t)pthread_self());
  for (int i = 0; i < 500; i++) {
    OK(threading_semaphore_acquire(semaphore, THREADING_FOREVER));
    OK(threading_event_wait(event, THREADING_FOREVER));
    OK(threading_event_clear(event));
    atomic_fetch_add(&handled, 1);
  }
  return NULL;
}

TEST(fault_D29_a_handler_ends_the_wait_that_it_interrupts) {
  skip_on_the_portable_backend();
  atomic_uintptr_t self = 0;
  handle(SIGUSR1, release_here);
  handle(SIGUSR2, set_here);
  OK(threading_semaphore_create(0, &semaphore));
  OK(threading_event_create(&event));
  const threading_thread thread = spawn_thread(wait_for_own_handler, &self);
  WAIT_UNTIL(atomic_load(&self) != 0);
  for (int i = 0; i < 500; i++) {
    const long before = atomic_load(&handled);
    EQ(pthread_kill((pthread_t)atomic_load(&self), i % 2 ? SIGUSR1 : SIGUSR2), 0);
    EQ(pthread_kill((pthread_t)atomic_load(&self), i % 2 ? SIGUSR2 : SIGUSR1), 0);
    WAIT_UNTIL(atomic_load(&handled) >= before + 2);
  }
  finish_thread(thread);
  EQ(threading_semaphore_value(semaphore), 0);
}

// The handler interrupts calls on the same semaphore in the same thread, anywhere: each release counts.
TEST(fault_D29_a_handler_releases_what_is_being_used) {
  skip_on_the_portable_backend();
  const struct itimerval storm = { { 0, 100 }, { 0, 100 } }, calm = { { 0, 0 }, { 0, 0 } };
  long acquired = 0, released = 0;
  handle(SIGALRM, release_here);
  OK(threading_semaphore_create(0, &semaphore));
  CHECK(setitimer(ITIMER_REAL, &storm, NULL) == 0);
  const int64_t end = end_of(1000);
  while (NOW_NS() < end || atomic_load(&handled) < 100) {
    for (int i = 0; i < 100; i++) {
      OK(threading_semaphore_release(semaphore, 1));
      released++;
      threading_status status = threading_semaphore_acquire(semaphore, i % 10 == 0 ? 150000 : 0);
      while (status == THREADING_OK) {
        acquired++;
        status = threading_semaphore_acquire(semaphore, 0);
      }
      EQ(status, THREADING_TIMEOUT);
    }
  }
  CHECK(setitimer(ITIMER_REAL, &calm, NULL) == 0);
  EQ(acquired + threading_semaphore_value(semaphore), released + atomic_load(&handled));
}

// ---- Signals for the process ----

static atomic_long in_main, elsewhere;
static pid_t main_thread;

static void note_thread(int number) {
  (void)number;
  atomic_fetch_add(syscall(SYS_gettid) == main_thread ? &in_main : &elsewhere, 1);
}

static void spin_a_little(void *arg) {
  for (int i = 0; i < 1000; i++) atomic_load((atomic_bool *)arg);
}

// Ten thousand signals while threads of a pool and the timers work and sleep: none of them handles one,
// blocked in main or not.
TEST(fault_D30_signals_never_reach_pools_and_timers) {
  const int64_t end = end_of(4000);
  const threading_timer_options often = { .size = sizeof often, .period_ns = 50000 };
  atomic_bool flag = false;
  threading_timer timer;
  sigset_t usr1, set;
  int sent = 0;
  main_thread = (pid_t)syscall(SYS_gettid);
  handle(SIGUSR1, note_thread);
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  OK(threading_pool_create(4, NULL, &pool));
  OK(threading_timer_create(0, spin_a_little, &flag, &often, &timer));
  OK(threading_timer_start(timer));
  for (int i = 0; i < 8; i++) OK(threading_pool_execute(pool, spin_a_little, &flag));
  while (again(sent, 200, 10000, end)) {
    if (sent % 16 == 0) OK(threading_pool_execute(pool, spin_a_little, &flag));
    EQ(pthread_sigmask(SIG_BLOCK, &usr1, NULL), 0);
    CHECK(kill(getpid(), SIGUSR1) == 0);
    CHECK(sigpending(&set) == 0);
    EQ(sigismember(&set, SIGUSR1), 1);  // nobody else has taken it
    EQ(atomic_load(&in_main), sent);
    EQ(pthread_sigmask(SIG_UNBLOCK, &usr1, NULL), 0);
    sent++;
    EQ(atomic_load(&in_main), sent);
  }
  EQ(atomic_load(&elsewhere), 0);
  OK(threading_timer_destroy(timer));
  OK(threading_pool_shutdown(pool, 1, 0));
  OK(threading_pool_destroy(pool));
}

// ---- Signals amid tasks and loops ----

static void count_signal(int number) {
  (void)number;
  atomic_fetch_add(&handled, 1);
}

// What waits inside loops, maps and groups is not disturbed either.
TEST(fault_C9_a_storm_of_signals_amid_loops_and_maps) {
  const struct itimerval storm = { { 0, 100 }, { 0, 100 } }, calm = { { 0, 0 }, { 0, 0 } };
  const int64_t end = end_of(700);
  void *args[32], *results[32];
  for (int i = 0; i < 32; i++) args[i] = &args[i];
  handle(SIGALRM, count_signal);
  OK(threading_pool_create(3, NULL, &pool));
  CHECK(setitimer(ITIMER_REAL, &storm, NULL) == 0);
  while (NOW_NS() < end || atomic_load(&handled) < 100) {
    atomic_llong sum = 0;
    threading_group group;
    OK(threading_parallel_for(pool, 0, 500, 5, count_range, &sum));
    EQ(atomic_load(&sum), 500);
    OK(threading_pool_map(pool, return_arg, args, 32, results, THREADING_FOREVER));
    CHECK(memcmp(args, results, sizeof args) == 0);
    OK(threading_group_create(pool, &group));
    for (int i = 0; i < 8; i++) OK(threading_group_submit(group, return_arg, NULL));
    OK(threading_group_wait(group, THREADING_FOREVER));
    OK(threading_group_destroy(group));
    OK(threading_pool_wait(pool, THREADING_FOREVER));
  }
  CHECK(setitimer(ITIMER_REAL, &calm, NULL) == 0);
  OK(threading_pool_shutdown(pool, 1, 0));
  OK(threading_pool_destroy(pool));
}
