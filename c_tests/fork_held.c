// What was held when another thread forked: in the child the forking thread's own stays its own, and what
// vanished threads held is recovered, or said to be lost.
#include "child.h"

typedef struct world {
  threading_lock lock;
  threading_rlock rlock;
  threading_condition condition;
  threading_semaphore semaphore;
  threading_event event;
  threading_barrier barrier;
  threading_thread threads[8];
  atomic_int ready;
  atomic_bool leave;
} world;

static world all;

static void make_world(void) {
  OK(threading_lock_create(&all.lock));
  OK(threading_rlock_create(&all.rlock));
  OK(threading_condition_create(&all.condition));
  OK(threading_semaphore_create(0, &all.semaphore));
  OK(threading_event_create(&all.event));
  OK(threading_barrier_create(9, NULL, NULL, THREADING_FOREVER, &all.barrier));
}

static void in_child(void (*body)(void *)) {
  skip_on_the_portable_backend();
  EQ(child_fork(body, NULL, NULL, 0), 0);
}

static void start_waiters(threading_target target) {
  for (int i = 0; i < 8; i++) all.threads[i] = spawn_thread(target, NULL);
  for (int i = 0; i < 8; i++) wait_blocked(all.threads[i]);
}

static void finish_waiters(void) {
  for (int i = 0; i < 8; i++) finish_thread(all.threads[i]);
}

// A thread that has done its part and stays until it is told to leave.
static void stay(void) {
  atomic_fetch_add(&all.ready, 1);
  WAIT_UNTIL(atomic_load(&all.leave));
}

static threading_thread start_holder(threading_target target) {
  const threading_thread holder = spawn_thread(target, NULL);
  WAIT_UNTIL(atomic_load(&all.ready) == 1);
  return holder;
}

static void finish_holder(threading_thread holder) {
  atomic_store(&all.leave, true);
  finish_thread(holder);
}

static void use_inherited_handles(void *arg) {
  (void)arg;
  OK(threading_lock_acquire(all.lock, 0));
  OK(threading_rlock_acquire(all.rlock, 0));
  OK(threading_condition_acquire(all.condition, 0));
  OK(threading_semaphore_release(all.semaphore, 1));
  OK(threading_event_set(all.event));
  OK(threading_barrier_abort(all.barrier));
}

TEST(fault_A10_handles_are_good_in_the_child_and_what_it_does_stays_there) {
  make_world();
  in_child(use_inherited_handles);
  EQ(threading_lock_locked(all.lock), 0);
  EQ(threading_rlock_locked(all.rlock), 0);
  EQ(threading_semaphore_value(all.semaphore), 0);
  EQ(threading_event_is_set(all.event), 0);
  EQ(threading_barrier_broken(all.barrier), 0);
  OK(threading_condition_acquire(all.condition, 0));
  OK(threading_condition_release(all.condition));
}

// ---- Locks ----

static void *hold_lock(void *arg) {
  OK(threading_lock_acquire(all.lock, THREADING_FOREVER));
  stay();
  OK(threading_lock_release(all.lock));
  return arg;
}

static void release_lost_lock(void *arg) {
  (void)arg;
  EQ(threading_lock_locked(all.lock), 1);
  OK(threading_lock_release(all.lock));
  IS(threading_lock_release(all.lock), THREADING_E_STATE);
  OK(threading_lock_acquire(all.lock, THREADING_FOREVER));
  IS(threading_lock_acquire(all.lock, 1000), THREADING_TIMEOUT);
  OK(threading_lock_release(all.lock));
  OK(threading_lock_destroy(all.lock));
}

static void acquire_lost_lock(void *arg) {
  (void)arg;
  EQ(threading_lock_locked(all.lock), 1);
  OK(threading_lock_acquire(all.lock, 0));
  IS(threading_lock_acquire(all.lock, 0), THREADING_TIMEOUT);
  OK(threading_lock_release(all.lock));
  EQ(threading_lock_locked(all.lock), 0);
  OK(threading_lock_destroy(all.lock));
}

TEST(fault_E1_a_lock_that_a_vanished_thread_had_is_released_or_acquired) {
  make_world();
  const threading_thread holder = start_holder(hold_lock);
  in_child(release_lost_lock);
  in_child(acquire_lost_lock);
  EQ(threading_lock_locked(all.lock), 1);
  finish_holder(holder);
  OK(threading_lock_destroy(all.lock));
}

static void *acquire_lock(void *arg) {
  OK(threading_lock_acquire(all.lock, THREADING_FOREVER));
  OK(threading_lock_release(all.lock));
  return arg;
}

static void release_own_lock(void *arg) {
  (void)arg;
  IS(threading_lock_acquire(all.lock, 0), THREADING_TIMEOUT);
  for (int i = 0; i < 3; i++) {
    OK(threading_lock_release(all.lock));
    OK(threading_lock_acquire(all.lock, THREADING_FOREVER));
  }
  const threading_thread waiter = spawn_thread(acquire_lock, NULL);
  wait_blocked(waiter);
  OK(threading_lock_release(all.lock));
  finish_thread(waiter);
  OK(threading_lock_destroy(all.lock));
}

TEST(fault_E3_a_lock_that_the_forking_thread_has_stays_its_own) {
  make_world();
  OK(threading_lock_acquire(all.lock, 0));
  start_waiters(acquire_lock);
  in_child(release_own_lock);
  OK(threading_lock_release(all.lock));
  finish_waiters();
}

static void *hold_rlock(void *arg) {
  for (int i = 0; i < 3; i++) OK(threading_rlock_acquire(all.rlock, THREADING_FOREVER));
  stay();
  for (int i = 0; i < 3; i++) OK(threading_rlock_release(all.rlock));
  return arg;
}

static void recover_rlock(void *arg) {
  (void)arg;
  EQ(threading_rlock_is_owned(all.rlock), 0);
  IS(threading_rlock_release(all.rlock), THREADING_E_NOT_OWNER);
  IS(threading_rlock_acquire(all.rlock, THREADING_FOREVER), THREADING_OWNER_DEAD);
  EQ(threading_rlock_recursion_count(all.rlock), 1);
  OK(threading_rlock_acquire(all.rlock, 0));
  OK(threading_rlock_release(all.rlock));
  OK(threading_rlock_release(all.rlock));
  OK(threading_rlock_acquire(all.rlock, THREADING_FOREVER));
  OK(threading_rlock_release(all.rlock));
  OK(threading_rlock_destroy(all.rlock));
}

TEST(fault_E1_an_rlock_that_a_vanished_thread_had_is_owner_dead) {
  make_world();
  const threading_thread holder = start_holder(hold_rlock);
  in_child(recover_rlock);
  finish_holder(holder);
  OK(threading_rlock_destroy(all.rlock));
}

static void *acquire_rlock(void *arg) {
  OK(threading_rlock_acquire(all.rlock, THREADING_FOREVER));
  OK(threading_rlock_release(all.rlock));
  return arg;
}

static void release_own_rlock(void *arg) {
  (void)arg;
  EQ(threading_rlock_is_owned(all.rlock), 1);
  EQ(threading_rlock_recursion_count(all.rlock), 2);
  OK(threading_rlock_release(all.rlock));
  OK(threading_rlock_release(all.rlock));
  IS(threading_rlock_release(all.rlock), THREADING_E_NOT_OWNER);
  finish_thread(spawn_thread(acquire_rlock, NULL));
  OK(threading_rlock_destroy(all.rlock));
}

TEST(fault_E2_an_rlock_that_the_forking_thread_has_stays_its_own) {
  make_world();
  for (int i = 0; i < 2; i++) OK(threading_rlock_acquire(all.rlock, 0));
  start_waiters(acquire_rlock);
  in_child(release_own_rlock);
  for (int i = 0; i < 2; i++) OK(threading_rlock_release(all.rlock));
  finish_waiters();
}

// ---- Conditions ----

static void *wait_condition(void *arg) {
  OK(threading_condition_acquire(all.condition, THREADING_FOREVER));
  OK(threading_condition_wait(all.condition, THREADING_FOREVER));
  OK(threading_condition_release(all.condition));
  return arg;
}

static void use_inherited_condition(void *arg) {
  (void)arg;
  const threading_thread waiter = spawn_thread(wait_condition, NULL);
  wait_blocked(waiter);
  OK(threading_condition_acquire(all.condition, THREADING_FOREVER));
  OK(threading_condition_notify(all.condition, 1));  // for the living one, not for a vanished one
  OK(threading_condition_release(all.condition));
  finish_thread(waiter);
  OK(threading_condition_destroy(all.condition));
}

static void *hold_condition(void *arg) {
  OK(threading_condition_acquire(all.condition, THREADING_FOREVER));
  stay();
  OK(threading_condition_release(all.condition));
  return arg;
}

static void recover_condition(void *arg) {
  (void)arg;
  IS(threading_condition_notify(all.condition, 1), THREADING_E_NOT_OWNER);
  IS(threading_condition_acquire(all.condition, THREADING_FOREVER), THREADING_OWNER_DEAD);
  IS(threading_condition_wait(all.condition, 1000), THREADING_TIMEOUT);
  OK(threading_condition_release(all.condition));
  use_inherited_condition(NULL);
}

TEST(fault_E1_a_condition_that_a_vanished_thread_had_is_owner_dead) {
  make_world();
  const threading_thread holder = start_holder(hold_condition);
  in_child(recover_condition);
  finish_holder(holder);
}
