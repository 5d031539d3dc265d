// threading_rlock: Python's RLock, owned by a thread, taken again by it, and told of when its owner dies.
#define NOUN rlock
#include "contract/lock_contract.h"

// ---- Recursion and ownership ----

TEST(recursion_is_counted) {
  const threading_rlock rlock = create();
  EQ(threading_rlock_recursion_count(rlock), 0);
  EQ(threading_rlock_is_owned(rlock), 0);
  for (int depth = 1; depth <= 1000; depth++) {
    OK(threading_rlock_acquire(rlock, depth % 2 ? THREADING_FOREVER : 0));
    EQ(threading_rlock_recursion_count(rlock), depth);
    EQ(threading_rlock_is_owned(rlock), 1);
    EQ(threading_rlock_locked(rlock), 1);
  }
  for (int depth = 999; depth >= 0; depth--) {
    OK(threading_rlock_release(rlock));
    EQ(threading_rlock_recursion_count(rlock), depth);
    EQ(threading_rlock_is_owned(rlock), depth > 0);
    EQ(threading_rlock_locked(rlock), depth > 0);
  }
  OK(threading_rlock_destroy(rlock));
}

TEST(questions_know_their_handles) {
  const threading_rlock rlock = create();
  OK(threading_rlock_destroy(rlock));
  const uint64_t ids[] = { 0, rlock.id, UINT64_MAX };
  for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
    EQ(threading_rlock_is_owned((threading_rlock){ ids[i] }), THREADING_E_HANDLE);
    EQ(threading_rlock_recursion_count((threading_rlock){ ids[i] }), THREADING_E_HANDLE);
  }
}

TEST(a_recursive_holder_keeps_others_out_until_the_last_release) {
  const threading_rlock rlock = create();
  for (int i = 0; i < 3; i++) OK(threading_rlock_acquire(rlock, THREADING_FOREVER));
  for (int i = 0; i < 3; i++) {
    EQ(elsewhere(rlock, 0).status, THREADING_TIMEOUT);
    OK(threading_rlock_release(rlock));
  }
  EQ(elsewhere(rlock, 0).status, THREADING_OK);
  OK(threading_rlock_destroy(rlock));
}

TEST(a_recursive_holder_with_a_waiter_behind_it) {
  const threading_rlock rlock = create();
  attempt waiting = { rlock, THREADING_FOREVER, -1, 0, NULL };
  OK(threading_rlock_acquire(rlock, 0));
  const threading_thread waiter = spawn_thread(try_it, &waiting);
  wait_blocked(waiter);
  for (int i = 0; i < 10; i++) OK(threading_rlock_acquire(rlock, THREADING_FOREVER));
  EQ(threading_rlock_recursion_count(rlock), 11);
  for (int i = 0; i < 10; i++) OK(threading_rlock_release(rlock));
  wait_blocked(waiter);
  EQ(threading_rlock_is_owned(rlock), 1);
  OK(threading_rlock_release(rlock));
  finish_thread(waiter);
  EQ(waiting.status, THREADING_OK);
  OK(threading_rlock_destroy(rlock));
}

static void *is_a_stranger(void *arg) {
  const threading_rlock *rlock = arg;
  EQ(threading_rlock_is_owned(*rlock), 0);
  EQ(threading_rlock_recursion_count(*rlock), 0);
  EQ(threading_rlock_locked(*rlock), 1);
  IS(threading_rlock_release(*rlock), THREADING_E_NOT_OWNER);
  return NULL;
}

TEST(fault_B3_release_by_one_who_does_not_hold_it) {
  threading_rlock rlock = create();
  IS(threading_rlock_release(rlock), THREADING_E_NOT_OWNER);
  OK(threading_rlock_acquire(rlock, 0));
  OK(threading_rlock_acquire(rlock, 0));
  finish_thread(spawn_thread(is_a_stranger, &rlock));
  EQ(threading_rlock_recursion_count(rlock), 2);
  OK(threading_rlock_release(rlock));
  OK(threading_rlock_release(rlock));
  IS(threading_rlock_release(rlock), THREADING_E_NOT_OWNER);
  OK(threading_rlock_destroy(rlock));
}

TEST(fault_B8_depth_ends_at_count_max) {
  const threading_rlock rlock = create();
  const int64_t give_up = NOW_NS() + scaled(THREADING_SECONDS(7));
  for (int64_t i = 0; i < THREADING_COUNT_MAX; i++) {
    if (threading_rlock_acquire(rlock, 0) != THREADING_OK) harness_fail(__FILE__, __LINE__, "at %" PRId64, i);
    if (i % (1 << 20) == 0 && NOW_NS() > give_up) SKIP("too slow here to count to THREADING_COUNT_MAX");
  }
  EQ(threading_rlock_recursion_count(rlock), THREADING_COUNT_MAX);
  IS(threading_rlock_acquire(rlock, 0), THREADING_E_OVERFLOW);
  IS(threading_rlock_acquire(rlock, THREADING_FOREVER), THREADING_E_OVERFLOW);
  EQ(threading_rlock_recursion_count(rlock), THREADING_COUNT_MAX);
  OK(threading_rlock_release(rlock));
  OK(threading_rlock_acquire(rlock, 0));
  EQ(threading_rlock_recursion_count(rlock), THREADING_COUNT_MAX);
}

// ---- An owner that ends while it holds ----

typedef struct owner {
  threading_rlock rlock;
  int depth;
  enum { RETURNS, EXITS, IS_CANCELLED } ending;
  _Atomic bool may_end;
  pthread_t thread;
  _Atomic bool holds;
} owner;

static void *acquire_and_die(void *arg) {
  owner *o = arg;
  for (int i = 0; i < o->depth; i++) OK(threading_rlock_acquire(o->rlock, THREADING_FOREVER));
  o->thread = pthread_self();
  atomic_store(&o->holds, true);
  WAIT_UNTIL(atomic_load(&o->may_end));
  if (o->ending == EXITS) pthread_exit(NULL);
  while (o->ending == IS_CANCELLED) pause();
  return NULL;
}

static void let_die(owner *o) {
  atomic_store(&o->may_end, true);
  if (o->ending == IS_CANCELLED) EQ(pthread_cancel(o->thread), 0);
}

// The first acquirer after the death is told, at depth 1; all later ones find a lock like any other.
static void found_dead(int depth, int ending) {
  owner o = { .rlock = create(), .depth = depth, .ending = ending };
  threading_thread thread = spawn_thread(acquire_and_die, &o);
  WAIT_UNTIL(atomic_load(&o.holds));
  IS(threading_rlock_acquire(o.rlock, 0), THREADING_TIMEOUT);
  let_die(&o);
  OK(threading_thread_join(thread, THREADING_FOREVER));
  OK(threading_thread_destroy(thread));
  EQ(threading_rlock_is_owned(o.rlock), 0);
  IS(threading_rlock_release(o.rlock), THREADING_E_NOT_OWNER);
  IS(threading_rlock_acquire(o.rlock, 0), THREADING_OWNER_DEAD);
  EQ(threading_rlock_recursion_count(o.rlock), 1);
  OK(threading_rlock_acquire(o.rlock, 0));
  OK(threading_rlock_release(o.rlock));
  OK(threading_rlock_release(o.rlock));
  OK(threading_rlock_acquire(o.rlock, 0));
  OK(threading_rlock_release(o.rlock));
  EQ(elsewhere(o.rlock, 0).status, THREADING_OK);
  OK(threading_rlock_destroy(o.rlock));
}

TEST(fault_B9_owner_returned_while_holding) {
  found_dead(1, RETURNS);
  found_dead(5, RETURNS);
}

TEST(fault_B9_owner_left_by_pthread_exit_while_holding) {
  found_dead(1, EXITS);
  found_dead(5, EXITS);
}

TEST(fault_B9_owner_was_cancelled_while_holding) {
  found_dead(1, IS_CANCELLED);
  found_dead(5, IS_CANCELLED);
}

static void *inherit(void *arg) {
  attempt *a = arg;
  a->status = THE(acquire)(a->lock, a->timeout_ns);
  if (a->status == THREADING_OWNER_DEAD) atomic_fetch_add(a->in_turn, 1);
  if (THREADING_ACQUIRED(a->status)) OK(threading_rlock_release(a->lock));
  return NULL;
}

// Waiters do not hang: exactly one of them is told, the others get an ordinary lock.
static void waiters_inherit(int ending) {
  enum { COUNT = 4 };
  owner o = { .rlock = create(), .depth = 2, .ending = ending };
  const threading_thread thread = spawn_thread(acquire_and_die, &o);
  WAIT_UNTIL(atomic_load(&o.holds));
  _Atomic int told = 0;
  attempt attempts[COUNT];
  threading_thread threads[COUNT];
  for (int i = 0; i < COUNT; i++) {
    const int64_t timeout_ns = i % 2 ? scaled(THREADING_SECONDS(8)) : THREADING_FOREVER;
    attempts[i] = (attempt){ o.rlock, timeout_ns, -1, 0, &told };
    threads[i] = spawn_thread(inherit, &attempts[i]);
  }
  for (int i = 0; i < COUNT; i++) wait_blocked(threads[i]);
  let_die(&o);
  for (int i = 0; i < COUNT; i++) {
    finish_thread(threads[i]);
    CHECK(THREADING_ACQUIRED(attempts[i].status));
  }
  EQ(told, 1);
  OK(threading_thread_join(thread, THREADING_FOREVER));
  OK(threading_thread_destroy(thread));
  OK(threading_rlock_destroy(o.rlock));
}

TEST(fault_B9_waiters_inherit_from_an_owner_that_returned) {
  waiters_inherit(RETURNS);
}

TEST(fault_B9_waiters_inherit_from_an_owner_that_was_cancelled) {
  waiters_inherit(IS_CANCELLED);
}

static void *hold_as_a_foreign_thread(void *arg) {
  const threading_rlock *rlock = arg;
  OK(threading_rlock_acquire(*rlock, THREADING_FOREVER));
  return NULL;
}

TEST(fault_B9_a_foreign_owner_ended_while_holding) {
  threading_rlock rlock = create();
  pthread_t thread;
  EQ(pthread_create(&thread, NULL, hold_as_a_foreign_thread, &rlock), 0);
  EQ(pthread_join(thread, NULL), 0);
  IS(threading_rlock_acquire(rlock, THREADING_FOREVER), THREADING_OWNER_DEAD);
  OK(threading_rlock_release(rlock));
  OK(threading_rlock_destroy(rlock));
}

TEST(an_owner_that_released_in_time_leaves_nothing_behind) {
  threading_rlock rlock = create();
  for (int i = 0; i < 100; i++) EQ(elsewhere(rlock, THREADING_FOREVER).status, THREADING_OK);
  OK(threading_rlock_acquire(rlock, 0));
  OK(threading_rlock_release(rlock));
  OK(threading_rlock_destroy(rlock));
}

static void *is_not_the_owner(void *arg) {
  const threading_rlock *rlock = arg;
  const bool owns = threading_rlock_is_owned(*rlock) != 0 || threading_rlock_recursion_count(*rlock) != 0;
  return owns || threading_rlock_release(*rlock) != THREADING_E_NOT_OWNER ? arg : NULL;
}

// Enough threads to use every address and kernel id again: none is taken for the owner that ended.
TEST(fault_B10_nobody_is_taken_for_a_dead_owner) {
  threading_rlock rlock = create();
  finish_thread(spawn_thread(hold_as_a_foreign_thread, &rlock));
  const int64_t give_up = NOW_NS() + THREADING_SECONDS(6);
  for (int i = 0; i < 70000 && NOW_NS() < give_up; i++) {
    pthread_t thread;
    void *mistaken = NULL;
    EQ(pthread_create(&thread, NULL, is_not_the_owner, &rlock), 0);
    EQ(pthread_join(thread, &mistaken), 0);
    CHECK(mistaken == NULL);
  }
  IS(threading_rlock_acquire(rlock, 0), THREADING_OWNER_DEAD);
  OK(threading_rlock_release(rlock));
  OK(threading_rlock_destroy(rlock));
}
