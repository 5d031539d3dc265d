// What must not go wrong with conditions: owners, depths, dead owners, stolen and lost notifications.
#include "condition.h"

// ---- Owners and counts ----

static int32_t never_called(void *arg) {
  harness_fail(__FILE__, __LINE__, "the predicate was asked%s", arg ? "" : ".");
}

TEST_EACH(fault_B12_wait_without_the_lock) {
  const fixture f = make(kind);
  IS(threading_condition_wait(f.condition, 0), THREADING_E_NOT_OWNER);
  IS(threading_condition_wait(f.condition, THREADING_FOREVER), THREADING_E_NOT_OWNER);
  IS(threading_condition_wait_for(f.condition, never_called, NULL, THREADING_FOREVER), THREADING_E_NOT_OWNER);
  OK(threading_condition_acquire(f.condition, 0));
  OK(threading_condition_release(f.condition));
  unmake(f);
}

TEST_EACH(fault_B13_notify_without_the_lock) {
  const fixture f = make(kind);
  waiter w = { 0 };
  begin_wait(&w, f.condition, THREADING_FOREVER);
  IS(threading_condition_notify(f.condition, 1), THREADING_E_NOT_OWNER);
  IS(threading_condition_notify(f.condition, 0), THREADING_E_NOT_OWNER);
  IS(threading_condition_notify_all(f.condition), THREADING_E_NOT_OWNER);
  wait_blocked(w.thread);
  EQ(atomic_load(&w.back), false);
  notify(f.condition, 1);
  ends_with(&w, THREADING_OK);
  unmake(f);
}

TEST_EACH(fault_B14_another_lock_does_not_do) {
  const fixture f = make(kind), other = make(kind);
  OK(threading_condition_acquire(other.condition, 0));
  IS(threading_condition_wait(f.condition, 0), THREADING_E_NOT_OWNER);
  IS(threading_condition_notify(f.condition, 1), THREADING_E_NOT_OWNER);
  CHECK(holds(other.condition));
  OK(threading_condition_release(other.condition));
  unmake(f);
  unmake(other);
}

static void depth_survives(lock_kind kind, int64_t timeout_ns, threading_status ends) {
  const fixture f = make(kind);
  waiter w = { .depth = 3 };
  begin_wait(&w, f.condition, timeout_ns);
  // The waiter gave all three up, or this could not be had.
  OK(threading_condition_acquire(f.condition, scaled(THREADING_SECONDS(5))));
  if (kind == OVER_RLOCK) EQ(threading_rlock_recursion_count(f.rlock), 1);
  if (ends == THREADING_OK) OK(threading_condition_notify(f.condition, 1));
  OK(threading_condition_release(f.condition));
  ends_with(&w, ends);  // it released three times and then held nothing
  unmake(f);
}

TEST(fault_B15_a_wait_gives_up_and_takes_back_all_levels) {
  depth_survives(OWN_RLOCK, THREADING_FOREVER, THREADING_OK);
  depth_survives(OVER_RLOCK, THREADING_FOREVER, THREADING_OK);
  depth_survives(OWN_RLOCK, scaled(THREADING_MILLISECONDS(100)), THREADING_TIMEOUT);
  depth_survives(OVER_RLOCK, scaled(THREADING_MILLISECONDS(100)), THREADING_TIMEOUT);
}

TEST(fault_B15_recursion_count_is_the_same_after_a_wait) {
  const fixture f = make(OVER_RLOCK);
  for (int i = 0; i < 3; i++) OK(threading_rlock_acquire(f.rlock, 0));
  IS(threading_condition_wait(f.condition, 0), THREADING_TIMEOUT);
  EQ(threading_rlock_recursion_count(f.rlock), 3);
  for (int i = 0; i < 3; i++) OK(threading_rlock_release(f.rlock));
  EQ(threading_rlock_locked(f.rlock), 0);
  unmake(f);
}

TEST_EACH(fault_B16_counts_of_notify) {
  const fixture f = make(kind);
  OK(threading_condition_acquire(f.condition, 0));
  IS(threading_condition_notify(f.condition, -1), THREADING_E_INVALID);
  IS(threading_condition_notify(f.condition, INT64_MIN), THREADING_E_INVALID);
  OK(threading_condition_notify(f.condition, 0));
  OK(threading_condition_notify(f.condition, INT64_MAX));
  OK(threading_condition_release(f.condition));
  waiter w = { 0 };
  begin_wait(&w, f.condition, THREADING_FOREVER);
  OK(threading_condition_acquire(f.condition, 0));
  IS(threading_condition_notify(f.condition, -1), THREADING_E_INVALID);
  OK(threading_condition_notify(f.condition, 0));
  OK(threading_condition_release(f.condition));
  wait_blocked(w.thread);
  EQ(atomic_load(&w.back), false);
  notify(f.condition, INT64_MAX);
  ends_with(&w, THREADING_OK);
  unmake(f);
}

// ---- Stolen, swallowed and lost notifications ----

// The notifier waits itself afterwards: what it sent belongs to the one who waited before.
TEST_EACH(fault_B17_a_late_waiter_does_not_steal_an_older_notification) {
  const fixture f = make(kind);
  const int64_t give_up = NOW_NS() + THREADING_SECONDS(2);
  for (int round = 0; round < 300 && NOW_NS() < give_up; round++) {
    waiter w = { 0 };
    begin_wait(&w, f.condition, THREADING_FOREVER);
    OK(threading_condition_acquire(f.condition, THREADING_FOREVER));
    OK(threading_condition_notify(f.condition, 1));
    IS(threading_condition_wait(f.condition, round % 2 ? 0 : 100000), THREADING_TIMEOUT);
    OK(threading_condition_release(f.condition));
    ends_with(&w, THREADING_OK);
  }
  unmake(f);
}

// One notification, sent while the first waiter's time runs out: exactly one of the two gets it.
TEST_EACH(a_timed_out_waiter_does_not_swallow_a_notification) {
  const fixture f = make(kind);
  const int64_t give_up = NOW_NS() + THREADING_SECONDS(3);
  for (int round = 0; round < 150 && NOW_NS() < give_up; round++) {
    waiter hasty = { .condition = f.condition, .timeout_ns = THREADING_MILLISECONDS(3) };
    waiter patient = { .condition = f.condition, .timeout_ns = THREADING_FOREVER };
    hasty.thread = spawn_thread(wait_once, &hasty);
    WAIT_UNTIL(atomic_load(&hasty.deadline_ns) != 0);
    patient.thread = spawn_thread(wait_once, &patient);
    WAIT_UNTIL(atomic_load(&patient.deadline_ns) != 0);
    OK(threading_condition_acquire(f.condition, THREADING_FOREVER));
    const int64_t around = atomic_load(&hasty.deadline_ns) + (round % 30 - 10) * 10000;
    while (NOW_NS() < around) continue;
    OK(threading_condition_notify(f.condition, 1));
    OK(threading_condition_release(f.condition));
    finish_thread(hasty.thread);
    if (hasty.status == THREADING_OK) {
      wait_blocked(patient.thread);
      EQ(atomic_load(&patient.back), false);
      notify(f.condition, 1);
    } else {
      EQ(hasty.status, THREADING_TIMEOUT);
    }
    ends_with(&patient, THREADING_OK);
  }
  unmake(f);
}

typedef struct market {
  threading_condition condition;
  int64_t stock, taken;
  bool closed;
} market;

enum { PRODUCERS = 3, CONSUMERS = 4, GOODS = 8000 };

static void *produce(void *arg) {
  market *m = arg;
  for (int i = 0; i < GOODS; i++) {
    OK(threading_condition_acquire(m->condition, THREADING_FOREVER));
    m->stock += 1;
    OK(threading_condition_notify(m->condition, 1));
    OK(threading_condition_release(m->condition));
  }
  return NULL;
}

static void *consume(void *arg) {
  market *m = arg;
  OK(threading_condition_acquire(m->condition, THREADING_FOREVER));
  for (;;) {
    while (m->stock == 0 && !m->closed) OK(threading_condition_wait(m->condition, THREADING_FOREVER));
    if (m->stock == 0) break;
    m->stock -= 1;
    m->taken += 1;
    OK(threading_condition_notify(m->condition, 0));
    OK(threading_condition_release(m->condition));
    OK(threading_condition_acquire(m->condition, THREADING_FOREVER));
  }
  OK(threading_condition_release(m->condition));
  return NULL;
}

static int64_t taken_of(market *m) {
  OK(threading_condition_acquire(m->condition, THREADING_FOREVER));
  const int64_t taken = m->taken;
  OK(threading_condition_release(m->condition));
  return taken;
}

// One notification for each piece: a single lost one would leave a piece lying with all consumers asleep.
TEST_EACH(fault_B18_no_notification_is_lost) {
  const fixture f = make(kind);
  market m = { .condition = f.condition };
  threading_thread consumers[CONSUMERS], producers[PRODUCERS];
  for (int i = 0; i < CONSUMERS; i++) consumers[i] = spawn_thread(consume, &m);
  for (int i = 0; i < PRODUCERS; i++) producers[i] = spawn_thread(produce, &m);
  for (int i = 0; i < PRODUCERS; i++) finish_thread(producers[i]);
  WAIT_UNTIL(taken_of(&m) == PRODUCERS * GOODS);
  OK(threading_condition_acquire(f.condition, THREADING_FOREVER));
  m.closed = true;
  OK(threading_condition_notify_all(f.condition));
  OK(threading_condition_release(f.condition));
  for (int i = 0; i < CONSUMERS; i++) finish_thread(consumers[i]);
  EQ(m.taken, PRODUCERS * GOODS);
  EQ(m.stock, 0);
  unmake(f);
}

// ---- Owners that died, waiters that are cancelled ----

static void *acquire_and_return(void *arg) {
  const fixture *f = arg;
  OK(threading_condition_acquire(f->condition, THREADING_FOREVER));
  return NULL;
}

static void found_dead(lock_kind kind) {
  fixture f = make(kind);
  finish_thread(spawn_thread(acquire_and_return, &f));
  CHECK(!holds(f.condition));
  IS(threading_condition_acquire(f.condition, THREADING_FOREVER), THREADING_OWNER_DEAD);
  CHECK(holds(f.condition));
  OK(threading_condition_release(f.condition));
  CHECK(!holds(f.condition));
  OK(threading_condition_acquire(f.condition, 0));
  OK(threading_condition_release(f.condition));
  unmake(f);
}

TEST(fault_B9_acquire_of_a_condition_whose_owner_died) {
  found_dead(OWN_RLOCK);
  found_dead(OVER_RLOCK);
}

static void *notify_and_return_as_the_holder(void *arg) {
  const fixture *f = arg;
  OK(threading_condition_acquire(f->condition, THREADING_FOREVER));
  OK(threading_condition_notify(f->condition, 1));
  return NULL;
}

static void notified_by_one_who_died(lock_kind kind) {
  fixture f = make(kind);
  waiter w = { 0 };
  begin_wait(&w, f.condition, THREADING_FOREVER);
  finish_thread(spawn_thread(notify_and_return_as_the_holder, &f));
  ends_with(&w, THREADING_OWNER_DEAD);
  OK(threading_condition_acquire(f.condition, 0));
  OK(threading_condition_release(f.condition));
  unmake(f);
}

TEST(fault_B9_a_wait_notified_by_an_owner_that_died) {
  notified_by_one_who_died(OWN_RLOCK);
  notified_by_one_who_died(OVER_RLOCK);
}

static void *notify_both_and_return_as_the_holder(void *arg) {
  const fixture *two = arg;
  for (int i = 0; i < 2; i++) OK(threading_condition_acquire(two[i].condition, THREADING_FOREVER));
  for (int i = 0; i < 2; i++) OK(threading_condition_notify(two[i].condition, 1));
  return NULL;
}

// It can put off waking one of those whom it notifies; the other sleeps on by the lock.
TEST(fault_B9_two_waits_notified_by_an_owner_of_both_that_died) {
  fixture two[] = { make(OWN_RLOCK), make(OVER_RLOCK) };
  waiter w[2] = { 0 };
  for (int i = 0; i < 2; i++) begin_wait(&w[i], two[i].condition, THREADING_FOREVER);
  finish_thread(spawn_thread(notify_both_and_return_as_the_holder, two));
  for (int i = 0; i < 2; i++) ends_with(&w[i], THREADING_OWNER_DEAD);
  for (int i = 0; i < 2; i++) unmake(two[i]);
}

static void *wait_and_return_as_the_holder(void *arg) {
  waiter *w = arg;
  OK(threading_condition_acquire(w->condition, THREADING_FOREVER));
  w->status = threading_condition_wait(w->condition, THREADING_FOREVER);
  return NULL;
}

static void notified_together_they_die_in_turn(lock_kind kind) {
  enum { COUNT = 4 };
  fixture f = make(kind);
  waiter w[COUNT] = { 0 };
  for (int i = 0; i < COUNT; i++) {
    w[i].condition = f.condition;
    w[i].thread = spawn_thread(wait_and_return_as_the_holder, &w[i]);
    wait_blocked(w[i].thread);
  }
  notify(f.condition, COUNT);
  int unharmed = 0;
  for (int i = 0; i < COUNT; i++) {
    finish_thread(w[i].thread);
    CHECK(w[i].status == THREADING_OK || w[i].status == THREADING_OWNER_DEAD);
    unharmed += w[i].status == THREADING_OK;
  }
  EQ(unharmed, 1);
  IS(threading_condition_acquire(f.condition, 0), THREADING_OWNER_DEAD);
  OK(threading_condition_release(f.condition));
  unmake(f);
}

TEST(fault_B9_each_of_many_waits_is_under_one_who_died) {
  notified_together_they_die_in_turn(OWN_RLOCK);
  notified_together_they_die_in_turn(OVER_RLOCK);
}

typedef struct late_death {
  fixture f;
  waiter w;
} late_death;

static void *hold_past_the_deadline_and_return(void *arg) {
  late_death *l = arg;
  OK(threading_condition_acquire(l->f.condition, THREADING_FOREVER));
  WAIT_UNTIL(NOW_NS() > atomic_load(&l->w.deadline_ns) + THREADING_MILLISECONDS(5));
  return NULL;
}

static void timed_out_under_one_who_died(lock_kind kind) {
  late_death l = { .f = make(kind) };
  begin_wait(&l.w, l.f.condition, scaled(THREADING_MILLISECONDS(200)));
  finish_thread(spawn_thread(hold_past_the_deadline_and_return, &l));
  ends_with(&l.w, THREADING_OWNER_DEAD);
  unmake(l.f);
}

TEST(fault_B9_a_timed_out_wait_under_an_owner_that_died) {
  timed_out_under_one_who_died(OWN_RLOCK);
  timed_out_under_one_who_died(OVER_RLOCK);
}

typedef struct cancelled {
  fixture f;
  _Atomic bool waits, came_back;
  pthread_t self;
} cancelled;

static void *wait_then_reach_a_cancellation_point(void *arg) {
  cancelled *c = arg;
  OK(threading_condition_acquire(c->f.condition, THREADING_FOREVER));
  c->self = pthread_self();
  atomic_store(&c->waits, true);
  OK(threading_condition_wait(c->f.condition, THREADING_FOREVER));
  OK(threading_condition_release(c->f.condition));
  atomic_store(&c->came_back, true);
  while (atomic_load(&c->came_back)) pause();
  return NULL;
}

// No wait is a cancellation point: the waiter stays in the line and ends where the program says.
TEST_EACH(pthread_cancel_leaves_a_waiter_in_its_place) {
  cancelled c = { .f = make(kind) };
  const threading_thread thread = spawn_thread(wait_then_reach_a_cancellation_point, &c);
  WAIT_UNTIL(atomic_load(&c.waits));
  wait_blocked(thread);
  EQ(pthread_cancel(c.self), 0);
  wait_blocked(thread);
  EQ(atomic_load(&c.came_back), false);
  notify(c.f.condition, 1);
  OK(threading_thread_join(thread, THREADING_FOREVER));
  EQ(atomic_load(&c.came_back), true);
  OK(threading_thread_destroy(thread));
  unmake(c.f);
}
