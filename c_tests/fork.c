// The child of fork(): one thread, which is main; free objects work; what vanished threads held is recovered,
// or said to be lost; nothing hangs.
#include "child.h"
#include "everything.h"

#include <poll.h>

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
static void *stay(void *arg) {
  atomic_fetch_add(&all.ready, 1);
  WAIT_UNTIL(atomic_load(&all.leave));
  return arg;
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

// ---- Threads ----

static threading_thread looked_at, expected_main;

static void check_alone(void *arg) {
  (void)arg;
  threading_thread list[4];
  size_t count = 0;
  uint64_t id = 0;
  EQ(threading_active_count(), 1);
  OK(threading_enumerate(list, 4, &count));
  EQ(count, 1);
  EQ(threading_current_thread().id, threading_main_thread().id);
  if (expected_main.id != 0) EQ(threading_main_thread().id, expected_main.id);
  EQ(list[0].id, threading_main_thread().id);
  EQ(threading_thread_is_alive(threading_main_thread()), 1);
  OK(threading_thread_native_id(threading_main_thread(), &id));
  EQ(id, getpid());
  EQ(threading_get_native_id(), getpid());
  EQ(threading_get_ident(), threading_main_thread().id);
}

static void check_vanished(threading_thread thread) {
  const uint32_t cpu = 0;
  int32_t code;
  void *result;
  EQ(threading_thread_is_alive(thread), 0);
  IS(threading_thread_join(thread, 0), THREADING_E_FORKED);
  IS(threading_thread_join(thread, THREADING_FOREVER), THREADING_E_FORKED);
  IS(threading_thread_result(thread, &result), THREADING_E_FORKED);
  IS(threading_thread_set_name(thread, "ghost"), THREADING_E_FORKED);
  IS(threading_thread_set_priority(thread, 19), THREADING_E_FORKED);
  IS(threading_thread_set_scheduler(thread, THREADING_SCHED_OTHER, 0), THREADING_E_FORKED);
  IS(threading_thread_set_affinity(thread, &cpu, 1), THREADING_E_FORKED);
  CHECK(threading_thread_set_daemon(thread, 0) < 0);  // it was started, and it is gone
  CHECK(threading_thread_failure(thread, &code, NULL, 0, NULL) < 0);
  CHECK(threading_thread_start(thread) < 0);
}

static void check_child_of_main(void *arg) {
  check_alone(arg);
  check_vanished(looked_at);
  OK(threading_thread_destroy(looked_at));
  EQ(threading_thread_is_alive(looked_at), THREADING_E_HANDLE);
  use_everything();
}

TEST(fault_E18_the_forking_thread_is_alone) {
  expected_main = threading_main_thread();
  looked_at = start_holder(stay);
  in_child(check_child_of_main);
  EQ(threading_active_count(), 2);
  EQ(threading_thread_is_alive(looked_at), 1);
  finish_holder(looked_at);
}

static void check_child_of_thread(void *arg) {
  char name[32];
  check_alone(arg);
  check_vanished(looked_at);
  OK(threading_thread_name(threading_main_thread(), name, sizeof name, NULL));
  STR_EQ(name, "Thread-1");
  IS(threading_thread_join(threading_main_thread(), THREADING_FOREVER), THREADING_E_DEADLOCK);
  IS(threading_thread_destroy(threading_main_thread()), THREADING_E_STATE);
  use_everything();
}

static void *fork_here(void *arg) {
  expected_main = threading_current_thread();
  in_child(check_child_of_thread);
  return arg;
}

TEST(fault_E7_a_forking_thread_becomes_main) {
  looked_at = threading_main_thread();
  finish_thread(spawn_thread(fork_here, NULL));
}

static void check_child_of_foreign(void *arg) {
  check_alone(arg);
  check_vanished(looked_at);
  use_everything();
}

static void *fork_foreign(void *use_first) {
  if (use_first != NULL) expected_main = threading_current_thread();
  in_child(check_child_of_foreign);
  return NULL;
}

TEST(a_forking_foreign_thread_becomes_main) {
  looked_at = threading_main_thread();
  for (int known = 0; known < 2; known++) {
    pthread_t thread;
    EQ(pthread_create(&thread, NULL, fork_foreign, known ? &thread : NULL), 0);
    EQ(pthread_join(thread, NULL), 0);
  }
}

static pid_t returning_child;
static int returning_output;

static void *fork_and_return(void *arg) {
  returning_child = child_start(&returning_output);
  if (returning_child == 0) use_everything();
  return arg;
}

TEST(a_forking_thread_may_return_in_the_child) {
  skip_on_the_portable_backend();
  finish_thread(spawn_thread(fork_and_return, NULL));
  EQ(child_end(returning_child, returning_output, NULL, 0), 0);
}

static threading_thread ended, unstarted;

static void check_ended_and_unstarted(void *arg) {
  void *result = NULL;
  (void)arg;
  OK(threading_thread_join(ended, THREADING_FOREVER));
  OK(threading_thread_result(ended, &result));
  CHECK(result == &all);
  EQ(threading_thread_is_alive(unstarted), 0);
  IS(threading_thread_join(unstarted, 0), THREADING_E_STATE);
  OK(threading_thread_set_name(unstarted, "of the child"));
  OK(threading_thread_start(unstarted));
  CHECK(finish_thread(unstarted) == &all);
}

TEST(threads_that_had_ended_or_not_begun_are_whole) {
  atomic_store(&all.leave, true);
  OK(threading_thread_create(stay, &all, NULL, &unstarted));
  ended = spawn_thread(stay, &all);
  OK(threading_thread_join(ended, THREADING_FOREVER));
  in_child(check_ended_and_unstarted);
  OK(threading_thread_start(unstarted));
  finish_thread(unstarted);
  finish_thread(ended);
}

static void exit_child(void *arg) {
  (void)arg;
  exit(3);
}

TEST(fault_E15_exit_in_the_child_waits_for_no_vanished_thread) {
  skip_on_the_portable_backend();
  const threading_thread thread = start_holder(stay);
  EQ(child_fork(exit_child, NULL, NULL, 0), 3);
  finish_holder(thread);
}

static void fork_again(void *arg) {
  use_everything();
  expected_main = threading_current_thread();
  looked_at = spawn_thread(stay, NULL);
  EQ(child_fork(check_child_of_main, arg, NULL, 0), 0);
  EQ(threading_thread_is_alive(looked_at), 1);
}

TEST(fault_E16_children_fork_again) { in_child(fork_again); }

// ---- Objects ----

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
  stay(arg);
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
  stay(arg);
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

// ---- Vanished waiters ----

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

TEST(fault_E4_vanished_waiters_of_a_condition_take_no_notify) {
  make_world();
  start_waiters(wait_condition);
  in_child(use_inherited_condition);
  OK(threading_condition_acquire(all.condition, THREADING_FOREVER));
  OK(threading_condition_notify(all.condition, 8));
  OK(threading_condition_release(all.condition));
  finish_waiters();
}

static void *hold_condition(void *arg) {
  OK(threading_condition_acquire(all.condition, THREADING_FOREVER));
  stay(arg);
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

static void *wait_semaphore(void *arg) {
  OK(threading_semaphore_acquire(all.semaphore, THREADING_FOREVER));
  return arg;
}

static void use_inherited_semaphore(void *arg) {
  (void)arg;
  EQ(threading_semaphore_value(all.semaphore), 0);
  IS(threading_semaphore_acquire(all.semaphore, 1000), THREADING_TIMEOUT);
  const threading_thread waiter = spawn_thread(wait_semaphore, NULL);
  wait_blocked(waiter);
  OK(threading_semaphore_release(all.semaphore, 2));
  finish_thread(waiter);
  OK(threading_semaphore_acquire(all.semaphore, THREADING_FOREVER));
  EQ(threading_semaphore_value(all.semaphore), 0);
  OK(threading_semaphore_destroy(all.semaphore));
}

TEST(fault_E4_vanished_waiters_of_a_semaphore_take_no_permit) {
  make_world();
  start_waiters(wait_semaphore);
  in_child(use_inherited_semaphore);
  OK(threading_semaphore_release(all.semaphore, 8));
  finish_waiters();
}

static void *wait_event(void *arg) {
  OK(threading_event_wait(all.event, THREADING_FOREVER));
  return arg;
}

static void use_inherited_event(void *arg) {
  (void)arg;
  EQ(threading_event_is_set(all.event), 0);
  const threading_thread waiter = spawn_thread(wait_event, NULL);
  wait_blocked(waiter);
  OK(threading_event_set(all.event));
  finish_thread(waiter);
  OK(threading_event_clear(all.event));
  IS(threading_event_wait(all.event, 1000), THREADING_TIMEOUT);
  OK(threading_event_destroy(all.event));
}

TEST(fault_E4_vanished_waiters_of_an_event) {
  make_world();
  start_waiters(wait_event);
  in_child(use_inherited_event);
  OK(threading_event_set(all.event));
  finish_waiters();
}

static void *wait_barrier(void *arg) {
  OK(threading_barrier_wait(all.barrier, THREADING_FOREVER, NULL));
  return arg;
}

static void use_inherited_barrier(void *arg) {
  (void)arg;
  EQ(threading_barrier_n_waiting(all.barrier), 0);
  // The ninth party of nine, but eight have vanished: this can only be told, never succeed.
  const threading_status status = threading_barrier_wait(all.barrier, 1000, NULL);
  CHECK(status == THREADING_TIMEOUT || status == THREADING_BROKEN);
  OK(threading_barrier_reset(all.barrier));
  for (int i = 0; i < 8; i++) all.threads[i] = spawn_thread(wait_barrier, NULL);
  OK(threading_barrier_wait(all.barrier, THREADING_FOREVER, NULL));
  finish_waiters();
  OK(threading_barrier_destroy(all.barrier));
}

TEST(fault_E4_vanished_parties_of_a_barrier_do_not_count) {
  make_world();
  start_waiters(wait_barrier);
  in_child(use_inherited_barrier);
  OK(threading_barrier_wait(all.barrier, THREADING_FOREVER, NULL));
  finish_waiters();
}

// ---- Locals and timers ----

static threading_local value_of;
static threading_timer pending, fired;
static atomic_int shots;

static void count_shot(void *arg) {
  (void)arg;
  atomic_fetch_add(&shots, 1);
}

static void check_local(void *arg) {
  void *got = NULL;
  (void)arg;
  OK(threading_local_get(value_of, &got));
  CHECK(got == &value_of);
  OK(threading_local_set(value_of, NULL));
  OK(threading_local_destroy(value_of));
}

TEST(the_forking_threads_local_values_stay) {
  OK(threading_local_create(NULL, &value_of));
  OK(threading_local_set(value_of, &value_of));
  in_child(check_local);
}

static void use_timers(void *arg) {
  (void)arg;
  OK(threading_timer_join(fired, THREADING_FOREVER));
  OK(threading_timer_cancel(pending));
  IS(threading_timer_join(pending, THREADING_FOREVER), THREADING_CANCELLED);
  OK(threading_timer_destroy(pending));
  use_everything();
}

TEST(timers_start_anew_in_the_child) {
  OK(threading_timer_create(0, count_shot, NULL, NULL, &fired));
  OK(threading_timer_create(THREADING_SECONDS(3600), count_shot, NULL, NULL, &pending));
  OK(threading_timer_start(fired));
  OK(threading_timer_start(pending));
  OK(threading_timer_join(fired, THREADING_FOREVER));
  in_child(use_timers);
  EQ(atomic_load(&shots), 1);
  IS(threading_timer_join(pending, 0), THREADING_TIMEOUT);
}
