// Every function that waits under every kind of timeout: refused, polled, exact, endless, interrupted.
#include "waits.h"

#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>

// One wait on a thread of its own.
typedef struct attempt {
  const timed *timed;
  int64_t timeout_ns;
  threading_status status;
  int64_t elapsed_ns;
  long sleeps;
} attempt;

static void *make_attempt(void *arg) {
  attempt *a = arg;
  const int64_t began = NOW_NS();
  a->status = a->timed->wait(a->timeout_ns);
  a->elapsed_ns = NOW_NS() - began;
  return NULL;
}

// Fails the case with the name of the function under test.
static void expect(const timed *t, int64_t timeout_ns, threading_status got, threading_status wanted) {
  if (got == wanted) return;
  harness_fail(__FILE__, __LINE__, "%s with %" PRId64 " ns gave %s, not %s", t->name, timeout_ns,
               threading_status_name(got), threading_status_name(wanted));
}

static void refused_by_all(int64_t timeout_ns) {
  for (int i = 0; i < WAITS; i++) {
    attempt a = { .timed = &waits[i], .timeout_ns = timeout_ns };
    finish_thread(spawn_thread(make_attempt, &a));
    expect(a.timed, timeout_ns, a.status, THREADING_E_INVALID);
  }
  IS(threading_sleep(timeout_ns), THREADING_E_INVALID);
}

static void endless_for_all(int64_t timeout_ns) {
  for (int i = 0; i < WAITS; i++) {
    attempt a = { .timed = &waits[i], .timeout_ns = timeout_ns };
    const threading_thread waiter = spawn_thread(make_attempt, &a);
    wait_blocked(waiter);
    a.timed->wake();
    finish_thread(waiter);
    expect(a.timed, timeout_ns, a.status, a.timed->woken);
    a.timed->rest();
  }
}

// ---- Cases ----

TEST(fault_C1_not_a_number) {
  set_up();
  refused_by_all(threading_seconds(NAN));
  refused_by_all(threading_seconds(-NAN));
  tear_down();
}

TEST(fault_C2_negative_times_but_for_ever) {
  set_up();
  refused_by_all(-2);
  refused_by_all(INT64_MIN);
  refused_by_all(THREADING_SECONDS(-1));
  refused_by_all(threading_seconds(-0.5));
  refused_by_all(threading_seconds(-1.0));
  refused_by_all(threading_seconds(-INFINITY));
  endless_for_all(THREADING_FOREVER);
  tear_down();
}

static void *return_at_once(void *arg) {
  return arg;
}

TEST(fault_C2_a_negative_time_for_a_thread_that_has_ended) {
  const threading_thread ended = spawn_thread(return_at_once, NULL);
  OK(threading_thread_join(ended, THREADING_FOREVER));
  IS(threading_thread_join(ended, -2), THREADING_E_INVALID);
  OK(threading_thread_destroy(ended));
}

TEST(fault_C3_times_beyond_all_bounds_wait) {
  set_up();
  endless_for_all(INT64_MAX);
  endless_for_all(INT64_MAX - 1);
  endless_for_all(threading_seconds(INFINITY));
  endless_for_all(threading_seconds(1e300));
  endless_for_all(threading_seconds(1e10));
  tear_down();
}

TEST(fault_C11_times_around_the_limits_of_32_bits_wait) {
  set_up();
  endless_for_all(THREADING_SECONDS(INT64_C(1) << 31));
  endless_for_all(THREADING_SECONDS(INT64_C(1) << 32));
  endless_for_all(THREADING_MILLISECONDS(INT64_C(1) << 31));
  endless_for_all(THREADING_MILLISECONDS(INT64_C(1) << 32));
  tear_down();
}

static void *poll_many_times(void *arg) {
  attempt *a = arg;
  struct rusage before, after;
  for (int round = 0; round < 2; round++) {  // the first time is for page faults and the like
    getrusage(RUSAGE_THREAD, &before);
    for (int i = 0; i < 500; i++) expect(a->timed, 0, a->timed->wait(0), THREADING_TIMEOUT);
    getrusage(RUSAGE_THREAD, &after);
  }
  a->sleeps = after.ru_nvcsw - before.ru_nvcsw;
  return NULL;
}

TEST(fault_C4_zero_polls_and_never_sleeps) {
  set_up();
  for (int i = 0; i < WAITS; i++) {
    attempt a = { .timed = &waits[i] };
    finish_thread(spawn_thread(poll_many_times, &a));
    if (a.sleeps != 0) {
      harness_fail(__FILE__, __LINE__, "%s slept %ld times in 500 polls", waits[i].name, a.sleeps);
    }
  }
  EQ(threading_seconds(0.0), 0);
  EQ(threading_seconds(-0.0), 0);
  tear_down();
}

static void *wait_many_short_times(void *arg) {
  const attempt *a = arg;
  const int64_t timeouts[] = { 1, 2, 999, 1000, 1001, 9999, 50000, 60001, 200000 };
  const int64_t give_up = NOW_NS() + THREADING_MILLISECONDS(600);
  for (int i = 0; i < 1000 && NOW_NS() < give_up; i++) {
    const int64_t timeout_ns = timeouts[i % 9];
    const int64_t began = NOW_NS();
    const threading_status status = a->timed->wait(timeout_ns);
    const int64_t elapsed = NOW_NS() - began;
    expect(a->timed, timeout_ns, status, THREADING_TIMEOUT);
    if (elapsed < timeout_ns) {
      harness_fail(__FILE__, __LINE__, "%s returned after %" PRId64 " of %" PRId64 " ns", a->timed->name,
                   elapsed, timeout_ns);
    }
  }
  return NULL;
}

TEST(fault_C5_no_wait_ends_before_its_time) {
  set_up();
  for (int i = 0; i < WAITS; i++) {
    attempt a = { .timed = &waits[i] };
    finish_thread(spawn_thread(wait_many_short_times, &a));
  }
  tear_down();
}

static _Atomic int64_t handled;

static void count_the_signal(int signal) {
  (void)signal;
  atomic_fetch_add(&handled, 1);
}

static void *attempt_under_signals(void *arg) {
  sigset_t alarm_only;
  sigemptyset(&alarm_only);
  sigaddset(&alarm_only, SIGALRM);
  EQ(pthread_sigmask(SIG_UNBLOCK, &alarm_only, NULL), 0);
  return make_attempt(arg);
}

// A signal every 100 us that restarts no system call: waits neither end by it nor grow longer by it.
TEST(fault_C9_a_storm_of_signals_neither_ends_nor_prolongs_a_wait) {
  sigset_t alarm_only;
  sigemptyset(&alarm_only);
  sigaddset(&alarm_only, SIGALRM);
  EQ(pthread_sigmask(SIG_BLOCK, &alarm_only, NULL), 0);
  set_up();
  const struct sigaction action = { .sa_handler = count_the_signal };
  EQ(sigaction(SIGALRM, &action, NULL), 0);
  const struct itimerval storm = { { 0, 100 }, { 0, 100 } }, silence = { { 0, 0 }, { 0, 0 } };
  EQ(setitimer(ITIMER_REAL, &storm, NULL), 0);
  for (int i = 0; i < WAITS; i++) {
    attempt a = { .timed = &waits[i], .timeout_ns = THREADING_MILLISECONDS(30) };
    const int64_t before = atomic_load(&handled);
    finish_thread(spawn_thread(attempt_under_signals, &a));
    expect(a.timed, a.timeout_ns, a.status, THREADING_TIMEOUT);
    CHECK(a.elapsed_ns >= a.timeout_ns);
    CHECK(a.elapsed_ns < scaled(THREADING_SECONDS(1)));
    CHECK(atomic_load(&handled) > before);
    a.timeout_ns = THREADING_FOREVER;
    const threading_thread waiter = spawn_thread(attempt_under_signals, &a);
    const int64_t enough = atomic_load(&handled) + 50;
    WAIT_UNTIL(atomic_load(&handled) > enough);
    EQ(threading_thread_is_alive(waiter), 1);
    a.timed->wake();
    finish_thread(waiter);
    expect(a.timed, a.timeout_ns, a.status, a.timed->woken);
    a.timed->rest();
  }
  EQ(setitimer(ITIMER_REAL, &silence, NULL), 0);
  tear_down();
}

static threading_event gate;

static void *attempt_behind_the_gate(void *arg) {
  OK(threading_event_wait(gate, THREADING_FOREVER));
  return make_attempt(arg);
}

// Of all threads of this process together, however busy the machine is with others.
static int64_t cpu_time_ns(void) {
  struct timespec used;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

// A thousand waits of a millisecond that run out together cost no more than so many single ones.
static void storm_of_timeouts(const timed *t) {
  enum { COUNT = 1000 };
  static attempt attempts[COUNT];
  static threading_thread threads[COUNT];
  const threading_thread_options small = { .size = sizeof small, .stack_size = 128 * 1024 };
  OK(threading_event_create(&gate));
  for (int i = 0; i < COUNT; i++) {
    attempts[i] = (attempt){ .timed = t, .timeout_ns = THREADING_MILLISECONDS(1) };
    OK(threading_thread_spawn(attempt_behind_the_gate, &attempts[i], &small, &threads[i]));
  }
  for (int i = 0; i < COUNT; i += 100) wait_blocked(threads[i]);
  const int64_t before = cpu_time_ns();
  OK(threading_event_set(gate));
  for (int i = 0; i < COUNT; i++) {
    finish_thread(threads[i]);
    expect(t, attempts[i].timeout_ns, attempts[i].status, THREADING_TIMEOUT);
  }
  CHECK(cpu_time_ns() - before < scaled(THREADING_SECONDS(1)));
  OK(threading_event_destroy(gate));
}

#define STORM(number, noun)                                                                               \
  TEST(fault_C13_a_thousand_timeouts_at_once_of_##noun) {                                                 \
    set_up();                                                                                             \
    STR_EQ(waits[number].name, #noun);                                                                    \
    storm_of_timeouts(&waits[number]);                                                                    \
    tear_down();                                                                                          \
  }
STORM(0, lock_acquire)
STORM(1, rlock_acquire)
STORM(3, condition_wait)
STORM(5, semaphore_acquire)
STORM(6, event_wait)
STORM(8, thread_join)
