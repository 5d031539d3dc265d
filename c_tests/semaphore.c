// threading_semaphore, plain and bounded: permits, limits, waiters, timeouts, release from a signal handler.
#include "harness.h"

#include <signal.h>

static threading_semaphore create(int64_t value) {
  threading_semaphore s;
  OK(threading_semaphore_create(value, &s));
  EQ(threading_semaphore_value(s), value);
  return s;
}

static threading_semaphore create_bounded(int64_t value) {
  threading_semaphore s;
  OK(threading_semaphore_create_bounded(value, &s));
  EQ(threading_semaphore_value(s), value);
  return s;
}

// ---- One thread ----

TEST(permits_are_counted) {
  const threading_semaphore s = create(3);
  const int64_t timeouts[] = { 0, THREADING_FOREVER, INT64_MAX };
  for (int i = 0; i < 3; i++) {
    OK(threading_semaphore_acquire(s, timeouts[i]));
    EQ(threading_semaphore_value(s), 2 - i);
  }
  IS(threading_semaphore_acquire(s, 0), THREADING_TIMEOUT);
  EQ(threading_semaphore_value(s), 0);
  OK(threading_semaphore_release(s, 1));
  OK(threading_semaphore_release(s, 10));
  EQ(threading_semaphore_value(s), 11);  // not bounded: more than it began with
  OK(threading_semaphore_destroy(s));
}

TEST(a_timeout_is_waited_out_and_takes_nothing) {
  const threading_semaphore s = create(0);
  const int64_t timeouts[] = { 1, 1000, 100000, THREADING_MILLISECONDS(5), THREADING_MILLISECONDS(30) };
  for (size_t i = 0; i < sizeof timeouts / sizeof timeouts[0]; i++) {
    const int64_t began = NOW_NS();
    IS(threading_semaphore_acquire(s, timeouts[i]), THREADING_TIMEOUT);
    CHECK(NOW_NS() - began >= timeouts[i]);
  }
  EQ(threading_semaphore_value(s), 0);
  OK(threading_semaphore_release(s, 1));
  OK(threading_semaphore_acquire(s, 0));
  OK(threading_semaphore_destroy(s));
}

TEST(a_timeout_below_forever_is_invalid_with_and_without_permits) {
  const threading_semaphore s = create(1);
  for (int i = 0; i < 2; i++) {
    IS(threading_semaphore_acquire(s, -2), THREADING_E_INVALID);
    IS(threading_semaphore_acquire(s, INT64_MIN), THREADING_E_INVALID);
    EQ(threading_semaphore_value(s), 1 - i);
    if (i == 0) OK(threading_semaphore_acquire(s, 0));
  }
  OK(threading_semaphore_destroy(s));
}

TEST(fault_B20_initial_values) {
  threading_semaphore s = { 77 };
  const int64_t invalid[] = { -1, INT64_MIN, THREADING_COUNT_MAX + 1, INT64_C(1) << 32, INT64_MAX };
  for (size_t i = 0; i < sizeof invalid / sizeof invalid[0]; i++) {
    IS(threading_semaphore_create(invalid[i], &s), THREADING_E_INVALID);
    IS(threading_semaphore_create_bounded(invalid[i], &s), THREADING_E_INVALID);
  }
  EQ(s.id, 77);
  IS(threading_semaphore_create(1, NULL), THREADING_E_INVALID);
  IS(threading_semaphore_create_bounded(1, NULL), THREADING_E_INVALID);
  OK(threading_semaphore_destroy(create(0)));
  OK(threading_semaphore_destroy(create(THREADING_COUNT_MAX)));
  OK(threading_semaphore_destroy(create_bounded(0)));
  OK(threading_semaphore_destroy(create_bounded(THREADING_COUNT_MAX)));
}

TEST(fault_B21_release_past_the_limit_is_all_or_nothing) {
  const threading_semaphore s = create(THREADING_COUNT_MAX - 1);
  const int64_t too_many[] = { 2, 3, THREADING_COUNT_MAX, INT64_C(1) << 32, INT64_MAX };
  for (size_t i = 0; i < sizeof too_many / sizeof too_many[0]; i++) {
    IS(threading_semaphore_release(s, too_many[i]), THREADING_E_OVERFLOW);
    EQ(threading_semaphore_value(s), THREADING_COUNT_MAX - 1);
  }
  OK(threading_semaphore_release(s, 1));
  EQ(threading_semaphore_value(s), THREADING_COUNT_MAX);
  IS(threading_semaphore_release(s, 1), THREADING_E_OVERFLOW);
  OK(threading_semaphore_acquire(s, 0));
  EQ(threading_semaphore_value(s), THREADING_COUNT_MAX - 1);
  OK(threading_semaphore_destroy(s));
}

TEST(fault_B22_release_of_less_than_one) {
  const threading_semaphore s = create(1), bounded = create_bounded(1);
  const int64_t invalid[] = { 0, -1, INT64_MIN };
  for (size_t i = 0; i < sizeof invalid / sizeof invalid[0]; i++) {
    IS(threading_semaphore_release(s, invalid[i]), THREADING_E_INVALID);
    IS(threading_semaphore_release(bounded, invalid[i]), THREADING_E_INVALID);
  }
  EQ(threading_semaphore_value(s), 1);
  EQ(threading_semaphore_value(bounded), 1);
  OK(threading_semaphore_destroy(s));
  OK(threading_semaphore_destroy(bounded));
}

TEST(fault_B23_bounded_over_release_changes_nothing) {
  const threading_semaphore s = create_bounded(3);
  IS(threading_semaphore_release(s, 1), THREADING_E_OVERFLOW);
  EQ(threading_semaphore_value(s), 3);
  OK(threading_semaphore_acquire(s, 0));
  IS(threading_semaphore_release(s, 2), THREADING_E_OVERFLOW);
  IS(threading_semaphore_release(s, INT64_MAX), THREADING_E_OVERFLOW);
  EQ(threading_semaphore_value(s), 2);
  OK(threading_semaphore_release(s, 1));
  IS(threading_semaphore_release(s, 1), THREADING_E_OVERFLOW);
  for (int i = 0; i < 3; i++) OK(threading_semaphore_acquire(s, 0));
  OK(threading_semaphore_release(s, 3));
  EQ(threading_semaphore_value(s), 3);
  OK(threading_semaphore_destroy(s));
}

TEST(a_bound_of_zero_allows_no_release) {
  const threading_semaphore s = create_bounded(0);
  IS(threading_semaphore_release(s, 1), THREADING_E_OVERFLOW);
  IS(threading_semaphore_acquire(s, 0), THREADING_TIMEOUT);
  OK(threading_semaphore_destroy(s));
}

TEST(permits_that_are_out_do_not_keep_it_from_ending) {
  const threading_semaphore s = create_bounded(2);
  OK(threading_semaphore_acquire(s, 0));
  OK(threading_semaphore_destroy(s));
  OK(threading_semaphore_destroy(create(0)));
}

TEST(zero_stale_and_another_kind_are_no_handles) {
  const threading_semaphore stale = create(5);
  OK(threading_semaphore_destroy(stale));
  threading_lock lock;
  OK(threading_lock_create(&lock));
  const threading_semaphore fresh = create(5);
  const uint64_t ids[] = { 0, stale.id, lock.id, UINT64_MAX, UINT64_C(0xa5a5a5a5a5a5a5a5) };
  for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
    const threading_semaphore s = { ids[i] };
    IS(threading_semaphore_acquire(s, 0), THREADING_E_HANDLE);
    IS(threading_semaphore_acquire(s, THREADING_FOREVER), THREADING_E_HANDLE);
    IS(threading_semaphore_release(s, 1), THREADING_E_HANDLE);
    EQ(threading_semaphore_value(s), THREADING_E_HANDLE);
    IS(threading_semaphore_destroy(s), THREADING_E_HANDLE);
  }
  EQ(threading_semaphore_value(fresh), 5);
  OK(threading_semaphore_destroy(fresh));
  OK(threading_lock_destroy(lock));
}

// ---- Waiters ----

typedef struct taker {
  threading_semaphore semaphore;
  int64_t timeout_ns;
  threading_thread thread;
  threading_status status;
  _Atomic int *served;
} taker;

static void *take(void *arg) {
  taker *t = arg;
  t->status = threading_semaphore_acquire(t->semaphore, t->timeout_ns);
  if (t->status == THREADING_OK) atomic_fetch_add(t->served, 1);
  return NULL;
}

TEST(release_serves_exactly_as_many_as_it_adds) {
  enum { COUNT = 9 };
  const threading_semaphore s = create(0);
  _Atomic int served = 0;
  taker takers[COUNT];
  for (int i = 0; i < COUNT; i++) {
    const int64_t timeout_ns = i % 2 ? INT64_MAX : THREADING_FOREVER;
    takers[i] = (taker){ .semaphore = s, .timeout_ns = timeout_ns, .served = &served };
    takers[i].thread = spawn_thread(take, &takers[i]);
  }
  for (int i = 0; i < COUNT; i++) wait_blocked(takers[i].thread);
  IS(threading_semaphore_destroy(s), THREADING_E_BUSY);
  int released = 0;
  for (int n = 1; n <= 3; n++) {
    OK(threading_semaphore_release(s, n));
    released += n;
    WAIT_UNTIL(atomic_load(&served) == released);
    EQ(threading_semaphore_value(s), 0);
  }
  // Three more permits than takers are left: they stay in the semaphore.
  OK(threading_semaphore_release(s, COUNT - released + 3));
  for (int i = 0; i < COUNT; i++) {
    finish_thread(takers[i].thread);
    EQ(takers[i].status, THREADING_OK);
  }
  EQ(threading_semaphore_value(s), 3);
  OK(threading_semaphore_destroy(s));
}

TEST(destroy_under_a_waiter_is_busy_and_exact) {
  const threading_semaphore s = create(0);
  _Atomic int served = 0;
  taker patient = { .semaphore = s, .timeout_ns = THREADING_FOREVER, .served = &served };
  taker hasty = { .semaphore = s, .timeout_ns = THREADING_MILLISECONDS(2), .served = &served };
  patient.thread = spawn_thread(take, &patient);
  wait_blocked(patient.thread);
  hasty.thread = spawn_thread(take, &hasty);
  finish_thread(hasty.thread);
  EQ(hasty.status, THREADING_TIMEOUT);
  IS(threading_semaphore_destroy(s), THREADING_E_BUSY);
  OK(threading_semaphore_release(s, 1));
  finish_thread(patient.thread);
  EQ(patient.status, THREADING_OK);
  IS(threading_semaphore_acquire(s, THREADING_MILLISECONDS(1)), THREADING_TIMEOUT);
  OK(threading_semaphore_destroy(s));
}

static void *release_one(void *arg) {
  const threading_semaphore *s = arg;
  OK(threading_semaphore_release(*s, 1));
  return NULL;
}

TEST(the_one_served_may_destroy_while_the_releaser_is_on_its_way_out) {
  const int64_t give_up = NOW_NS() + THREADING_SECONDS(2);
  for (int round = 0; round < 2000 && NOW_NS() < give_up; round++) {
    threading_semaphore s = create(0);
    const threading_thread releaser = spawn_thread(release_one, &s);
    OK(threading_semaphore_acquire(s, THREADING_FOREVER));
    OK(threading_semaphore_destroy(s));
    finish_thread(releaser);
  }
}

// ---- Many at once ----

enum { THREADS = 8, ROUNDS = 3000 };

typedef struct crowd {
  threading_semaphore semaphore;
  _Atomic int inside, peak;
  _Atomic int64_t acquired, released, over;
} crowd;

static void *enter_and_leave(void *arg) {
  crowd *c = arg;
  for (int i = 0; i < ROUNDS; i++) {
    OK(threading_semaphore_acquire(c->semaphore, THREADING_FOREVER));
    const int inside = atomic_fetch_add(&c->inside, 1) + 1;
    for (int peak = atomic_load(&c->peak); inside > peak;) {
      if (atomic_compare_exchange_weak(&c->peak, &peak, inside)) break;
    }
    atomic_fetch_sub(&c->inside, 1);
    OK(threading_semaphore_release(c->semaphore, 1));
  }
  return NULL;
}

static void run_crowd(threading_target target, crowd *c) {
  threading_thread threads[THREADS];
  for (int i = 0; i < THREADS; i++) threads[i] = spawn_thread(target, c);
  for (int i = 0; i < THREADS; i++) finish_thread(threads[i]);
}

TEST(never_more_inside_than_permits) {
  crowd c = { .semaphore = create_bounded(3) };
  run_crowd(enter_and_leave, &c);
  CHECK(atomic_load(&c.peak) <= 3);
  EQ(threading_semaphore_value(c.semaphore), 3);
  OK(threading_semaphore_destroy(c.semaphore));
}

static void *release_too_often(void *arg) {
  crowd *c = arg;
  for (int i = 0; i < ROUNDS; i++) {
    if (threading_semaphore_acquire(c->semaphore, 0) == THREADING_OK) atomic_fetch_add(&c->acquired, 1);
    const int n = 1 + i % 3;
    const threading_status status = threading_semaphore_release(c->semaphore, n);
    if (status == THREADING_OK) atomic_fetch_add(&c->released, n);
    else EQ(status, THREADING_E_OVERFLOW);
    const int64_t value = threading_semaphore_value(c->semaphore);
    CHECK(0 <= value && value <= 5);
  }
  return NULL;
}

TEST(fault_B23_racing_over_releases_never_pass_the_bound) {
  crowd c = { .semaphore = create_bounded(5) };
  run_crowd(release_too_often, &c);
  EQ(threading_semaphore_value(c.semaphore), 5 - c.acquired + c.released);
  OK(threading_semaphore_destroy(c.semaphore));
}

static void *acquire_with_tiny_timeouts(void *arg) {
  crowd *c = arg;
  for (int i = 0; i < ROUNDS; i++) {
    const threading_status status = threading_semaphore_acquire(c->semaphore, i * 37 % 30000);
    if (status == THREADING_OK) {
      atomic_fetch_add(&c->acquired, 1);
      for (const int64_t until = NOW_NS() + i % 5000; NOW_NS() < until;) continue;
      OK(threading_semaphore_release(c->semaphore, 1));
    } else {
      EQ(status, THREADING_TIMEOUT);
      atomic_fetch_add(&c->over, 1);
    }
  }
  return NULL;
}

TEST(fault_C12_a_permit_is_never_lost_to_a_timeout) {
  crowd c = { .semaphore = create_bounded(1) };
  run_crowd(acquire_with_tiny_timeouts, &c);
  EQ(c.acquired + c.over, THREADS * ROUNDS);
  EQ(threading_semaphore_value(c.semaphore), 1);
  OK(threading_semaphore_destroy(c.semaphore));
}

// ---- From a signal handler ----

static threading_semaphore signalled;
static _Atomic int64_t handled;

static void release_from_a_handler(int signal) {
  (void)signal;
  OK(threading_semaphore_release(signalled, 1));
  atomic_fetch_add(&handled, 1);
}

typedef struct storm {
  pthread_t target;
  _Atomic bool stop;
} storm;

static void *send_signals(void *arg) {
  storm *s = arg;
  while (!atomic_load(&s->stop)) pthread_kill(s->target, SIGUSR1);
  return NULL;
}

// The handler interrupts the very calls that use the same semaphore; not one count may be lost.
TEST(release_from_a_signal_handler_is_exact) {
#ifdef THREADING_PORTABLE_PARK
  SKIP("the portable backend promises nothing to signal handlers");
#endif
  signalled = create(0);
  struct sigaction action = { .sa_handler = release_from_a_handler };
  EQ(sigaction(SIGUSR1, &action, NULL), 0);
  storm s = { .target = pthread_self() };
  pthread_t sender;
  EQ(pthread_create(&sender, NULL, send_signals, &s), 0);
  int64_t acquired = 0, released = 0;
  const int64_t give_up = NOW_NS() + THREADING_SECONDS(2);
  for (int i = 0; (i < 300000 || atomic_load(&handled) < 1000) && NOW_NS() < give_up; i++) {
    OK(threading_semaphore_release(signalled, 1));
    released += 1;
    if (threading_semaphore_acquire(signalled, 0) == THREADING_OK) acquired += 1;
    if (i % 8 == 0) {
      // When it is empty, only the handler can serve this.
      OK(threading_semaphore_acquire(signalled, THREADING_FOREVER));
      acquired += 1;
    }
  }
  atomic_store(&s.stop, true);
  EQ(pthread_join(sender, NULL), 0);
  action.sa_handler = SIG_IGN;
  EQ(sigaction(SIGUSR1, &action, NULL), 0);
  CHECK(atomic_load(&handled) > 0);
  EQ(threading_semaphore_value(signalled), atomic_load(&handled) + released - acquired);
  OK(threading_semaphore_destroy(signalled));
}
