// threading_event: whoever waited when it was set sees the set, also when it is cleared at once.
#include "harness.h"

#include <signal.h>

static threading_event create(void) {
  threading_event e;
  OK(threading_event_create(&e));
  EQ(threading_event_is_set(e), 0);
  return e;
}

// ---- One thread ----

TEST(set_and_clear) {
  const threading_event e = create();
  for (int round = 0; round < 3; round++) {
    IS(threading_event_wait(e, 0), THREADING_TIMEOUT);
    for (int i = 0; i < 2; i++) {
      OK(threading_event_set(e));
      EQ(threading_event_is_set(e), 1);
      OK(threading_event_wait(e, 0));
      OK(threading_event_wait(e, THREADING_FOREVER));
      OK(threading_event_wait(e, INT64_MAX));
    }
    for (int i = 0; i < 2; i++) {
      OK(threading_event_clear(e));
      EQ(threading_event_is_set(e), 0);
    }
  }
  OK(threading_event_destroy(e));
}

TEST(a_set_event_may_be_destroyed) {
  const threading_event e = create();
  OK(threading_event_set(e));
  OK(threading_event_destroy(e));
}

TEST(create_refuses_null) {
  IS(threading_event_create(NULL), THREADING_E_INVALID);
}

TEST(a_timeout_is_waited_out) {
  const threading_event e = create();
  const int64_t timeouts[] = { 1, 1000, 100000, THREADING_MILLISECONDS(5), THREADING_MILLISECONDS(30) };
  for (size_t i = 0; i < sizeof timeouts / sizeof timeouts[0]; i++) {
    const int64_t began = NOW_NS();
    IS(threading_event_wait(e, timeouts[i]), THREADING_TIMEOUT);
    CHECK(NOW_NS() - began >= timeouts[i]);
  }
  EQ(threading_event_is_set(e), 0);
  OK(threading_event_destroy(e));
}

TEST(a_timeout_below_forever_is_invalid_set_or_not) {
  const threading_event e = create();
  for (int i = 0; i < 2; i++) {
    IS(threading_event_wait(e, -2), THREADING_E_INVALID);
    IS(threading_event_wait(e, INT64_MIN), THREADING_E_INVALID);
    OK(threading_event_set(e));
  }
  OK(threading_event_destroy(e));
}

TEST(zero_stale_and_another_kind_are_no_handles) {
  const threading_event stale = create();
  OK(threading_event_destroy(stale));
  threading_lock lock;
  OK(threading_lock_create(&lock));
  const threading_event fresh = create();
  const uint64_t ids[] = { 0, stale.id, lock.id, UINT64_MAX, UINT64_C(0xa5a5a5a5a5a5a5a5) };
  for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
    const threading_event e = { ids[i] };
    IS(threading_event_set(e), THREADING_E_HANDLE);
    IS(threading_event_clear(e), THREADING_E_HANDLE);
    IS(threading_event_wait(e, 0), THREADING_E_HANDLE);
    IS(threading_event_wait(e, THREADING_FOREVER), THREADING_E_HANDLE);
    EQ(threading_event_is_set(e), THREADING_E_HANDLE);
    IS(threading_event_destroy(e), THREADING_E_HANDLE);
  }
  EQ(threading_event_is_set(fresh), 0);
  OK(threading_event_destroy(fresh));
  OK(threading_lock_destroy(lock));
}

// ---- Waiters ----

typedef struct waiter {
  threading_event event;
  int64_t timeout_ns;
  threading_thread thread;
  threading_status status;
} waiter;

static void *wait_once(void *arg) {
  waiter *w = arg;
  w->status = threading_event_wait(w->event, w->timeout_ns);
  return NULL;
}

static void begin_wait(waiter *w, threading_event e, int64_t timeout_ns) {
  *w = (waiter){ .event = e, .timeout_ns = timeout_ns, .status = -1 };
  w->thread = spawn_thread(wait_once, w);
  wait_blocked(w->thread);
}

enum { COUNT = 8 };

static void all_see_the_set(bool cleared_at_once) {
  const threading_event e = create();
  for (int round = 0; round < 5; round++) {
    waiter w[COUNT];
    for (int i = 0; i < COUNT; i++) begin_wait(&w[i], e, i % 2 ? INT64_MAX : THREADING_FOREVER);
    IS(threading_event_destroy(e), THREADING_E_BUSY);
    OK(threading_event_set(e));
    if (cleared_at_once) OK(threading_event_clear(e));
    for (int i = 0; i < COUNT; i++) {
      finish_thread(w[i].thread);
      EQ(w[i].status, THREADING_OK);
    }
    EQ(threading_event_is_set(e), !cleared_at_once);
    OK(threading_event_clear(e));
  }
  OK(threading_event_destroy(e));
}

TEST(set_wakes_all) {
  all_see_the_set(false);
}

TEST(fault_B30_waiters_see_a_set_that_is_cleared_at_once) {
  all_see_the_set(true);
}

TEST(a_waiter_that_comes_after_the_clear_waits) {
  const threading_event e = create();
  OK(threading_event_set(e));
  OK(threading_event_clear(e));
  waiter w;
  begin_wait(&w, e, THREADING_FOREVER);
  EQ(w.status, -1);
  OK(threading_event_set(e));
  finish_thread(w.thread);
  EQ(w.status, THREADING_OK);
  OK(threading_event_destroy(e));
}

TEST(destroy_under_a_waiter_is_busy_and_exact) {
  const threading_event e = create();
  waiter patient, hasty = { .event = e, .timeout_ns = THREADING_MILLISECONDS(2) };
  begin_wait(&patient, e, THREADING_FOREVER);
  hasty.thread = spawn_thread(wait_once, &hasty);
  finish_thread(hasty.thread);
  EQ(hasty.status, THREADING_TIMEOUT);
  IS(threading_event_destroy(e), THREADING_E_BUSY);
  OK(threading_event_set(e));
  finish_thread(patient.thread);
  EQ(patient.status, THREADING_OK);
  OK(threading_event_clear(e));
  IS(threading_event_wait(e, THREADING_MILLISECONDS(1)), THREADING_TIMEOUT);
  OK(threading_event_destroy(e));
}

static void *set_it(void *arg) {
  const threading_event *e = arg;
  OK(threading_event_set(*e));
  return NULL;
}

TEST(the_one_woken_may_destroy_while_the_setter_is_on_its_way_out) {
  const int64_t give_up = NOW_NS() + THREADING_SECONDS(2);
  for (int round = 0; round < 2000 && NOW_NS() < give_up; round++) {
    threading_event e = create();
    const threading_thread setter = spawn_thread(set_it, &e);
    OK(threading_event_wait(e, THREADING_FOREVER));
    OK(threading_event_destroy(e));
    finish_thread(setter);
  }
}

// ---- Many at once ----

typedef struct pulse {
  threading_event event;
  _Atomic bool stop;
  _Atomic int64_t seen;
  int payload;  // not atomic on purpose: set publishes it
} pulse;

static void *count_pulses(void *arg) {
  pulse *p = arg;
  while (!atomic_load(&p->stop)) {
    const threading_status status = threading_event_wait(p->event, THREADING_FOREVER);
    EQ(status, THREADING_OK);
    CHECK(p->payload == 42);
    atomic_fetch_add(&p->seen, 1);
  }
  return NULL;
}

// A million pairs of set and clear: never a crash, never a waiter left behind by the last set.
TEST(fault_B30_set_and_clear_race_with_waiters) {
  pulse p = { .event = create(), .payload = 42 };
  threading_thread threads[3];
  for (int i = 0; i < 3; i++) threads[i] = spawn_thread(count_pulses, &p);
  const int64_t give_up = NOW_NS() + THREADING_SECONDS(3);
  for (int i = 0; i < 1000000 && (i % 1024 != 0 || NOW_NS() < give_up); i++) {
    OK(threading_event_set(p.event));
    OK(threading_event_clear(p.event));
  }
  atomic_store(&p.stop, true);
  OK(threading_event_set(p.event));
  for (int i = 0; i < 3; i++) finish_thread(threads[i]);
  OK(threading_event_destroy(p.event));
}

// A waiter that is known to wait returns with that very pulse, round for round.
TEST(fault_B30_each_pulse_reaches_the_waiter_that_was_there) {
  pulse p = { .event = create(), .payload = 42 };
  const threading_thread thread = spawn_thread(count_pulses, &p);
  const int64_t give_up = NOW_NS() + THREADING_SECONDS(2);
  for (int round = 0; round < 500 && NOW_NS() < give_up; round++) {
    wait_blocked(thread);
    const int64_t before = atomic_load(&p.seen);
    OK(threading_event_set(p.event));
    OK(threading_event_clear(p.event));
    WAIT_UNTIL(atomic_load(&p.seen) > before);
  }
  wait_blocked(thread);
  atomic_store(&p.stop, true);
  OK(threading_event_set(p.event));
  finish_thread(thread);
  OK(threading_event_destroy(p.event));
}

// ---- From a signal handler ----

static threading_event signalled;
static _Atomic int64_t handled;

static void set_from_a_handler(int signal) {
  (void)signal;
  OK(threading_event_set(signalled));
  atomic_fetch_add(&handled, 1);
}

typedef struct storm {
  pthread_t target;
  _Atomic int64_t waited;
  _Atomic bool stop;
} storm;

// One signal for each wait that the other has ended, and a flood of further ones every few rounds.
static void *send_signals(void *arg) {
  storm *s = arg;
  int64_t sent = 0;
  while (!atomic_load(&s->stop)) {
    if (atomic_load(&s->waited) < sent) continue;
    for (int i = 0; i < (sent % 16 ? 1 : 100); i++) pthread_kill(s->target, SIGUSR1);
    sent += 1;
  }
  return NULL;
}

// Every wait ends by a set in a handler that runs on the waiting thread itself: a lost one would hang.
TEST(set_from_a_signal_handler_wakes_the_thread_it_interrupts) {
#ifdef THREADING_PORTABLE_PARK
  SKIP("the portable backend promises nothing to signal handlers");
#endif
  signalled = create();
  struct sigaction action = { .sa_handler = set_from_a_handler };
  EQ(sigaction(SIGUSR1, &action, NULL), 0);
  storm s = { .target = pthread_self() };
  pthread_t sender;
  EQ(pthread_create(&sender, NULL, send_signals, &s), 0);
  const int64_t give_up = NOW_NS() + THREADING_SECONDS(3);
  int64_t rounds = 0;
  for (; rounds < 20000 && NOW_NS() < give_up; rounds++) {
    OK(threading_event_wait(signalled, THREADING_FOREVER));
    OK(threading_event_clear(signalled));
    atomic_fetch_add(&s.waited, 1);
  }
  atomic_store(&s.stop, true);
  EQ(pthread_join(sender, NULL), 0);
  action.sa_handler = SIG_IGN;
  EQ(sigaction(SIGUSR1, &action, NULL), 0);
  CHECK(atomic_load(&handled) > 0 && rounds > 0);
  OK(threading_event_destroy(signalled));
}
