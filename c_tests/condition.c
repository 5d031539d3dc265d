// threading_condition over its own RLock, over a Lock and over an RLock: the lock, notify, wait, errors.
#include "condition.h"

// ---- The lock ----

TEST_EACH(acquire_and_release_are_the_locks) {
  const fixture f = make(kind);
  OK(threading_condition_acquire(f.condition, 0));
  CHECK(holds(f.condition));
  if (kind == OVER_LOCK) EQ(threading_lock_locked(f.lock), 1);
  if (kind == OVER_LOCK) IS(threading_condition_acquire(f.condition, 1000000), THREADING_TIMEOUT);
  if (kind == OVER_RLOCK) EQ(threading_rlock_is_owned(f.rlock), 1);
  if (kind != OVER_LOCK) {
    OK(threading_condition_acquire(f.condition, THREADING_FOREVER));
    OK(threading_condition_release(f.condition));
  }
  CHECK(holds(f.condition));
  OK(threading_condition_release(f.condition));
  CHECK(!holds(f.condition));
  IS(threading_condition_release(f.condition), kind == OVER_LOCK ? THREADING_E_STATE : THREADING_E_NOT_OWNER);
  IS(threading_condition_acquire(f.condition, -2), THREADING_E_INVALID);
  IS(threading_condition_acquire(f.condition, INT64_MIN), THREADING_E_INVALID);
  unmake(f);
}

TEST(the_lock_may_be_taken_directly) {
  const fixture over_lock = make(OVER_LOCK), over_rlock = make(OVER_RLOCK);
  OK(threading_lock_acquire(over_lock.lock, 0));
  CHECK(holds(over_lock.condition));
  IS(threading_condition_wait(over_lock.condition, 0), THREADING_TIMEOUT);
  OK(threading_condition_release(over_lock.condition));
  EQ(threading_lock_locked(over_lock.lock), 0);
  OK(threading_rlock_acquire(over_rlock.rlock, 0));
  CHECK(holds(over_rlock.condition));
  IS(threading_condition_wait(over_rlock.condition, 0), THREADING_TIMEOUT);
  OK(threading_condition_release(over_rlock.condition));
  EQ(threading_rlock_locked(over_rlock.rlock), 0);
  unmake(over_lock);
  unmake(over_rlock);
}

static void *try_to_use(void *arg) {
  const fixture *f = arg;
  IS(threading_condition_acquire(f->condition, 0), THREADING_TIMEOUT);
  CHECK(!holds(f->condition));
  IS(threading_condition_wait(f->condition, 0), THREADING_E_NOT_OWNER);
  IS(threading_condition_notify(f->condition, 1), THREADING_E_NOT_OWNER);
  IS(threading_condition_notify_all(f->condition), THREADING_E_NOT_OWNER);
  return NULL;
}

TEST_EACH(another_holder_does_not_entitle) {
  fixture f = make(kind);
  OK(threading_condition_acquire(f.condition, 0));
  finish_thread(spawn_thread(try_to_use, &f));
  OK(threading_condition_release(f.condition));
  unmake(f);
}

static void *take_over(void *arg) {
  const fixture *f = arg;
  OK(threading_lock_release(f->lock));
  OK(threading_lock_acquire(f->lock, 0));
  CHECK(holds(f->condition));
  return NULL;
}

TEST(the_holder_of_a_lock_is_its_last_acquirer) {
  fixture f = make(OVER_LOCK);
  OK(threading_lock_acquire(f.lock, 0));
  CHECK(holds(f.condition));
  finish_thread(spawn_thread(take_over, &f));
  IS(threading_condition_wait(f.condition, 0), THREADING_E_NOT_OWNER);
  EQ(threading_lock_locked(f.lock), 1);
  OK(threading_lock_release(f.lock));
  IS(threading_condition_notify(f.condition, 1), THREADING_E_NOT_OWNER);
  unmake(f);
}

// ---- Notify ----

static int count_back(const waiter *waiters, int count) {
  int back = 0;
  for (int i = 0; i < count; i++) back += atomic_load(&waiters[i].back);
  return back;
}

TEST_EACH(notify_wakes_exactly_n_in_the_order_of_arrival) {
  enum { COUNT = 7 };
  const fixture f = make(kind);
  static waiter w[COUNT];
  for (int i = 0; i < COUNT; i++) begin_wait(&w[i], f.condition, i % 2 ? INT64_MAX : THREADING_FOREVER);
  const struct { int64_t n; int woken; } steps[] = { { 0, 0 }, { 1, 1 }, { 2, 3 }, { 3, 6 }, { 1000, 7 } };
  for (size_t step = 0; step < sizeof steps / sizeof steps[0]; step++) {
    OK(threading_condition_acquire(f.condition, THREADING_FOREVER));
    const int before = count_back(w, COUNT);
    OK(threading_condition_notify(f.condition, steps[step].n));
    EQ(count_back(w, COUNT), before);  // none returns while the notifier holds the lock
    OK(threading_condition_release(f.condition));
    WAIT_UNTIL(count_back(w, COUNT) >= steps[step].woken);
    for (int i = steps[step].woken; i < COUNT; i++) wait_blocked(w[i].thread);
    for (int i = 0; i < COUNT; i++) EQ(atomic_load(&w[i].back), i < steps[step].woken);
  }
  for (int i = 0; i < COUNT; i++) ends_with(&w[i], THREADING_OK);
  unmake(f);
}

TEST_EACH(notify_all_wakes_all) {
  enum { COUNT = 6 };
  const fixture f = make(kind);
  static waiter w[COUNT];
  for (int i = 0; i < COUNT; i++) begin_wait(&w[i], f.condition, i % 2 ? INT64_MAX : THREADING_FOREVER);
  OK(threading_condition_acquire(f.condition, THREADING_FOREVER));
  OK(threading_condition_notify_all(f.condition));
  OK(threading_condition_release(f.condition));
  for (int i = 0; i < COUNT; i++) ends_with(&w[i], THREADING_OK);
  unmake(f);
}

TEST_EACH(notifications_add_up_while_the_lock_is_held) {
  enum { COUNT = 5 };
  const fixture f = make(kind);
  static waiter w[COUNT];
  for (int i = 0; i < COUNT; i++) begin_wait(&w[i], f.condition, THREADING_FOREVER);
  OK(threading_condition_acquire(f.condition, THREADING_FOREVER));
  for (int i = 0; i < 3; i++) OK(threading_condition_notify(f.condition, 1));
  OK(threading_condition_release(f.condition));
  for (int i = 0; i < 3; i++) ends_with(&w[i], THREADING_OK);
  for (int i = 3; i < COUNT; i++) {
    wait_blocked(w[i].thread);
    EQ(atomic_load(&w[i].back), false);
  }
  notify(f.condition, 2);
  for (int i = 3; i < COUNT; i++) ends_with(&w[i], THREADING_OK);
  unmake(f);
}

TEST_EACH(a_notification_without_a_waiter_is_not_kept) {
  const fixture f = make(kind);
  OK(threading_condition_acquire(f.condition, 0));
  OK(threading_condition_notify(f.condition, 5));
  OK(threading_condition_notify_all(f.condition));
  IS(threading_condition_wait(f.condition, 0), THREADING_TIMEOUT);
  IS(threading_condition_wait(f.condition, THREADING_MILLISECONDS(2)), THREADING_TIMEOUT);
  OK(threading_condition_release(f.condition));
  unmake(f);
}

static void *release_the_lock(void *arg) {
  const fixture *f = arg;
  OK(threading_lock_release(f->lock));
  return NULL;
}

TEST(a_notified_waiter_gets_a_lock_that_another_thread_releases) {
  fixture f = make(OVER_LOCK);
  waiter w = { 0 };
  begin_wait(&w, f.condition, THREADING_FOREVER);
  OK(threading_condition_acquire(f.condition, THREADING_FOREVER));
  OK(threading_condition_notify(f.condition, 1));
  finish_thread(spawn_thread(release_the_lock, &f));
  ends_with(&w, THREADING_OK);
  unmake(f);
}

TEST(conditions_over_one_lock_are_notified_apart) {
  const fixture f = make(OVER_LOCK);
  threading_condition second;
  OK(threading_condition_create_with_lock(f.lock, &second));
  waiter a = { 0 }, b = { 0 };
  begin_wait(&a, f.condition, THREADING_FOREVER);
  begin_wait(&b, second, THREADING_FOREVER);
  OK(threading_condition_acquire(f.condition, THREADING_FOREVER));
  OK(threading_condition_notify_all(second));
  OK(threading_condition_release(f.condition));
  ends_with(&b, THREADING_OK);
  wait_blocked(a.thread);
  EQ(atomic_load(&a.back), false);
  notify(f.condition, 1);
  ends_with(&a, THREADING_OK);
  OK(threading_condition_destroy(second));
  unmake(f);
}

// ---- Timeouts ----

TEST_EACH(a_wait_without_a_notification_times_out_and_holds_the_lock_again) {
  const fixture f = make(kind);
  OK(threading_condition_acquire(f.condition, 0));
  const int64_t timeouts[] = { 0, 1, 1000, THREADING_MILLISECONDS(1), THREADING_MILLISECONDS(30) };
  for (size_t i = 0; i < sizeof timeouts / sizeof timeouts[0]; i++) {
    const int64_t began = NOW_NS();
    IS(threading_condition_wait(f.condition, timeouts[i]), THREADING_TIMEOUT);
    CHECK(NOW_NS() - began >= timeouts[i]);
    CHECK(holds(f.condition));
  }
  OK(threading_condition_release(f.condition));
  unmake(f);
}

TEST_EACH(a_timeout_below_forever_is_invalid) {
  const fixture f = make(kind);
  OK(threading_condition_acquire(f.condition, 0));
  IS(threading_condition_wait(f.condition, -2), THREADING_E_INVALID);
  IS(threading_condition_wait(f.condition, INT64_MIN), THREADING_E_INVALID);
  CHECK(holds(f.condition));
  OK(threading_condition_release(f.condition));
  unmake(f);
}

TEST_EACH(a_waiter_whose_time_ran_out_still_waits_for_the_lock) {
  const fixture f = make(kind);
  waiter w = { 0 };
  begin_wait(&w, f.condition, scaled(THREADING_MILLISECONDS(200)));
  OK(threading_condition_acquire(f.condition, THREADING_FOREVER));
  WAIT_UNTIL(NOW_NS() > atomic_load(&w.deadline_ns) + THREADING_MILLISECONDS(5));
  if (!atomic_load(&w.back)) {
    wait_blocked(w.thread);
    EQ(atomic_load(&w.back), false);
  }
  OK(threading_condition_release(f.condition));
  ends_with(&w, THREADING_TIMEOUT);
  unmake(f);
}

// ---- Life ----

TEST_EACH(destroy_under_waiters_is_busy_and_exact) {
  const fixture f = make(kind);
  waiter patient = { 0 }, hasty = { 0 };
  begin_wait(&patient, f.condition, THREADING_FOREVER);
  IS(threading_condition_destroy(f.condition), THREADING_E_BUSY);
  hasty.condition = f.condition;
  hasty.timeout_ns = THREADING_MILLISECONDS(1);
  hasty.thread = spawn_thread(wait_once, &hasty);
  ends_with(&hasty, THREADING_TIMEOUT);
  IS(threading_condition_destroy(f.condition), THREADING_E_BUSY);
  notify(f.condition, 1);
  ends_with(&patient, THREADING_OK);
  unmake(f);
}

TEST(destroy_of_a_condition_whose_own_lock_is_held_is_busy) {
  const fixture f = make(OWN_RLOCK);
  OK(threading_condition_acquire(f.condition, 0));
  IS(threading_condition_destroy(f.condition), THREADING_E_BUSY);
  CHECK(holds(f.condition));
  OK(threading_condition_release(f.condition));
  unmake(f);
}

TEST(the_lock_under_a_living_condition_is_busy) {
  const fixture f = make(OVER_LOCK), g = make(OVER_RLOCK);
  threading_condition second;
  OK(threading_condition_create_with_lock(f.lock, &second));
  IS(threading_lock_destroy(f.lock), THREADING_E_BUSY);
  IS(threading_rlock_destroy(g.rlock), THREADING_E_BUSY);
  OK(threading_lock_acquire(f.lock, 0));
  OK(threading_lock_release(f.lock));
  OK(threading_condition_destroy(second));
  IS(threading_lock_destroy(f.lock), THREADING_E_BUSY);
  unmake(f);
  unmake(g);
}

TEST(create_refuses_null_and_what_is_no_lock) {
  const fixture f = make(OVER_LOCK), g = make(OVER_RLOCK);
  threading_condition c = { 77 };
  IS(threading_condition_create(NULL), THREADING_E_INVALID);
  IS(threading_condition_create_with_lock(f.lock, NULL), THREADING_E_INVALID);
  IS(threading_condition_create_with_rlock(g.rlock, NULL), THREADING_E_INVALID);
  IS(threading_condition_create_with_lock((threading_lock){ 0 }, &c), THREADING_E_HANDLE);
  IS(threading_condition_create_with_lock((threading_lock){ g.rlock.id }, &c), THREADING_E_HANDLE);
  IS(threading_condition_create_with_rlock((threading_rlock){ 0 }, &c), THREADING_E_HANDLE);
  IS(threading_condition_create_with_rlock((threading_rlock){ f.lock.id }, &c), THREADING_E_HANDLE);
  EQ(c.id, 77);
  unmake(f);  // none of the refused kept the lock in use
  unmake(g);
  IS(threading_condition_create_with_lock(f.lock, &c), THREADING_E_HANDLE);
  IS(threading_condition_create_with_rlock(g.rlock, &c), THREADING_E_HANDLE);
}

static int32_t say_yes(void *arg) {
  *(bool *)arg = true;
  return 1;
}

TEST_EACH(zero_stale_and_another_kind_are_no_handles) {
  const fixture f = make(kind);
  unmake(f);
  const fixture other = make(OVER_LOCK);
  bool asked = false;
  const uint64_t ids[] = { 0, f.condition.id, other.lock.id, UINT64_MAX };
  for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
    const threading_condition c = { ids[i] };
    IS(threading_condition_acquire(c, 0), THREADING_E_HANDLE);
    IS(threading_condition_release(c), THREADING_E_HANDLE);
    IS(threading_condition_wait(c, 0), THREADING_E_HANDLE);
    IS(threading_condition_wait_for(c, say_yes, &asked, 0), THREADING_E_HANDLE);
    IS(threading_condition_notify(c, 1), THREADING_E_HANDLE);
    IS(threading_condition_notify_all(c), THREADING_E_HANDLE);
    IS(threading_condition_destroy(c), THREADING_E_HANDLE);
  }
  EQ(asked, false);
  unmake(other);
}
