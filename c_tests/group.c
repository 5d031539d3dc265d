// threading_group: tasks that are waited for together, and of which the first failure ends the rest.
#include "child.h"
#include "pool.h"

static threading_group make_group(threading_pool pool) {
  threading_group group;
  OK(threading_group_create(pool, &group));
  return group;
}

static void add(threading_group group, threading_target target, void *arg) {
  OK(threading_group_submit(group, target, arg));
}

// ---- All goes well ----

TEST(of_no_tasks) {
  const threading_pool pool = make_pool(1);
  const threading_group group = make_group(pool);
  OK(threading_group_wait(group, 0));
  OK(threading_group_wait(group, THREADING_FOREVER));
  OK(threading_group_destroy(group));
  IS(threading_group_destroy(group), THREADING_E_HANDLE);
  IS(threading_group_wait(group, 0), THREADING_E_HANDLE);
  finish_pool(pool);
}

TEST(wait_collects_all) {
  for (uint32_t workers = 1; workers <= 4; workers++) {
    const threading_pool pool = make_pool(workers);
    const threading_group group = make_group(pool);
    _Atomic int64_t count = 0;
    for (int round = 1; round <= 10; round++) {
      for (int i = 0; i < 100; i++) add(group, count_target, (void *)&count);
      OK(threading_group_wait(group, THREADING_FOREVER));
      EQ(atomic_load(&count), round * 100);
    }
    OK(threading_group_destroy(group));
    finish_pool(pool);
  }
}

TEST(groups_of_one_pool_are_separate) {
  const threading_pool pool = make_pool(2);
  const threading_group one = make_group(pool), other = make_group(pool);
  gate gate;
  make_gate(&gate);
  _Atomic int64_t count = 0;
  add(one, stand_in_gate, &gate);
  WAIT_UNTIL(atomic_load(&gate.inside) == 1);
  for (int i = 0; i < 100; i++) add(other, count_target, (void *)&count);
  OK(threading_group_wait(other, THREADING_FOREVER));
  EQ(atomic_load(&count), 100);
  IS(threading_group_wait(one, 0), THREADING_TIMEOUT);
  open_gate(&gate);
  OK(threading_group_wait(one, THREADING_FOREVER));
  OK(threading_group_destroy(one));
  OK(threading_group_destroy(other));
  finish_pool(pool);
}

TEST(wait_times_out) {
  const threading_pool pool = make_pool(1);
  const threading_group group = make_group(pool);
  gate gate;
  make_gate(&gate);
  add(group, stand_in_gate, &gate);
  IS(threading_group_wait(group, 0), THREADING_TIMEOUT);
  const int64_t before = NOW_NS();
  IS(threading_group_wait(group, THREADING_MILLISECONDS(5)), THREADING_TIMEOUT);
  CHECK(NOW_NS() - before >= THREADING_MILLISECONDS(5));
  IS(threading_group_wait(group, -2), THREADING_E_INVALID);
  open_gate(&gate);
  OK(threading_group_wait(group, INT64_MAX));
  OK(threading_group_destroy(group));
  finish_pool(pool);
}

static void *wait_for_group(void *arg) {
  OK(threading_group_wait(*(threading_group *)arg, THREADING_FOREVER));
  return arg;
}

TEST(many_wait_for_one_group) {
  const threading_pool pool = make_pool(2);
  threading_group group = make_group(pool);
  gate gate;
  make_gate(&gate);
  for (int i = 0; i < 10; i++) add(group, stand_in_gate, &gate);
  threading_thread threads[16];
  for (int i = 0; i < 16; i++) threads[i] = spawn_thread(wait_for_group, &group);
  for (int i = 0; i < 16; i++) wait_blocked(threads[i]);
  open_gate(&gate);
  for (int i = 0; i < 16; i++) finish_thread(threads[i]);
  OK(threading_group_destroy(group));
  finish_pool(pool);
}

static threading_group shared;

static void *submit_and_wait(void *arg) {
  for (int i = 0; i < 200; i++) {
    OK(threading_group_submit(shared, count_target, arg));
    if (i % 10 == 0) OK(threading_group_wait(shared, THREADING_FOREVER));
  }
  return arg;
}

TEST(many_submit_and_wait) {
  const threading_pool pool = make_pool(2);
  shared = make_group(pool);
  _Atomic int64_t count = 0;
  threading_thread threads[8];
  for (int i = 0; i < 8; i++) threads[i] = spawn_thread(submit_and_wait, (void *)&count);
  for (int i = 0; i < 8; i++) finish_thread(threads[i]);
  OK(threading_group_wait(shared, THREADING_FOREVER));
  EQ(atomic_load(&count), 1600);
  OK(threading_group_destroy(shared));
  finish_pool(pool);
}

static _Atomic int64_t accepted;

static void *submit_in_haste(void *arg) {
  for (int64_t i = 0; i < share(2000); i++) {
    const threading_status status = threading_group_submit(shared, count_target, arg);
    CHECK(status == THREADING_OK || status == THREADING_TIMEOUT);
    if (status == THREADING_OK) atomic_fetch_add(&accepted, 1);
  }
  return arg;
}

TEST(none_is_forgotten_where_others_are_rejected) {
  const threading_pool_options options = {
    .size = sizeof options, .max_queued = 1, .when_full = THREADING_FULL_REJECT
  };
  threading_pool pool;
  OK(threading_pool_create(1, &options, &pool));
  for (int round = 0; round < 20; round++) {
    shared = make_group(pool);
    atomic_store(&accepted, 0);
    _Atomic int64_t count = 0;
    threading_thread threads[4];
    for (int i = 0; i < 4; i++) threads[i] = spawn_thread(submit_in_haste, (void *)&count);
    for (int i = 0; i < 4; i++) finish_thread(threads[i]);
    OK(threading_group_wait(shared, scaled(THREADING_SECONDS(5))));
    EQ(atomic_load(&count), atomic_load(&accepted));
    OK(threading_group_destroy(shared));
  }
  finish_pool(pool);
}

// ---- Failing and cancelling ----

TEST(the_first_failure_cancels_the_rest) {
  const threading_pool pool = make_pool_with_destructor(1, NULL);
  const threading_group group = make_group(pool);
  gate gate;
  make_gate(&gate);
  _Atomic int64_t count = 0;
  add(group, stand_in_gate, &gate);
  add(group, count_target, (void *)&count);
  add(group, fail_with_7, NULL);
  for (int i = 0; i < 50; i++) add(group, count_target, (void *)&count);
  open_gate(&gate);
  IS(threading_group_wait(group, THREADING_FOREVER), THREADING_FAILED);
  LAST_FAILURE_IS(7, "seven");
  EQ(atomic_load(&count), 1);
  IS(threading_group_submit(group, count_target, (void *)&count), THREADING_CANCELLED);
  IS(threading_group_wait(group, THREADING_FOREVER), THREADING_FAILED);
  LAST_FAILURE_IS(7, "seven");
  EQ(atomic_load(&count), 1);
  OK(threading_group_destroy(group));
  finish_pool(pool);
}

static void *fail_owned(void *arg) {
  OK(threading_fail(8, "eight"));
  return arg;
}

TEST(skipped_arguments_are_destroyed) {
  const threading_pool pool = make_pool_with_destructor(2, destroy_owned);
  const threading_group group = make_group(pool);
  int64_t taken = 0;
  for (; taken < 100; taken++) {
    const threading_status status =
      threading_group_submit(group, taken == 50 ? fail_owned : give_back, owned(taken));
    if (status == THREADING_CANCELLED) break;
    OK(status);
  }
  IS(threading_group_wait(group, THREADING_FOREVER), THREADING_FAILED);
  LAST_FAILURE_IS(8, "eight");
  EQ(count_destroyed(), taken);
  OK(threading_group_destroy(group));
  finish_pool(pool);
  EQ(count_destroyed(), taken);
}

TEST(one_that_is_left_by_force_has_failed) {
  for (uint32_t workers = 1; workers <= 3; workers++) {
    const threading_pool pool = make_pool(workers);
    const threading_group group = make_group(pool);
    add(group, leave_by_force, NULL);
    IS(threading_group_wait(group, THREADING_FOREVER), THREADING_FAILED);
    LAST_FAILURE_IS(THREADING_CANCELLED, "");
    OK(threading_group_destroy(group));
    result_of(submit(pool, give_back, NULL));
    finish_pool(pool);
  }
}

static gate held_gate;

static void *stand_owned(void *arg) {
  stand_in_gate(&held_gate);
  return arg;
}

TEST(cancel_ends_what_has_not_begun) {
  const threading_pool pool = make_pool_with_destructor(1, destroy_owned);
  const threading_group group = make_group(pool);
  make_gate(&held_gate);
  add(group, stand_owned, owned(0));
  for (int64_t i = 1; i < 100; i++) add(group, give_back, owned(i));
  WAIT_UNTIL(atomic_load(&held_gate.inside) == 1);
  OK(threading_group_cancel(group));
  IS(threading_group_submit(group, give_back, owned(100)), THREADING_CANCELLED);
  IS(threading_group_wait(group, 0), THREADING_TIMEOUT);
  OK(threading_group_cancel(group));
  open_gate(&held_gate);
  IS(threading_group_wait(group, THREADING_FOREVER), THREADING_CANCELLED);
  EQ(count_destroyed(), 100);
  OK(threading_group_destroy(group));
  finish_pool(pool);
  EQ(count_destroyed(), 100);
}

// Joins a thread that was left by force, which has no result.
static void finish_left_thread(threading_thread thread) {
  OK(threading_thread_join(thread, THREADING_FOREVER));
  OK(threading_thread_destroy(thread));
}

static void leave_at_1(void *arg) {
  destroy_owned(arg);
  if (arg == owned(1)) pthread_exit(NULL);
}

static void *cancel_group(void *arg) {
  OK(threading_group_cancel(*(threading_group *)arg));
  return arg;
}

TEST(a_destructor_that_leaves_by_force_ends_its_task) {
  const threading_pool pool = make_pool_with_destructor(1, leave_at_1);
  threading_group group = make_group(pool);
  make_gate(&held_gate);
  add(group, stand_owned, owned(0));
  WAIT_UNTIL(atomic_load(&held_gate.inside) == 1);
  for (int64_t i = 1; i < 10; i++) add(group, give_back, owned(i));
  finish_left_thread(spawn_thread(cancel_group, &group));
  EQ(atomic_load(&destroyed[1]), 1);
  open_gate(&held_gate);
  IS(threading_group_wait(group, scaled(THREADING_SECONDS(5))), THREADING_CANCELLED);
  EQ(count_destroyed(), 10);
  OK(threading_group_destroy(group));
  finish_pool(pool);
}

TEST(what_is_refused) {
  const threading_pool pool = make_pool(1);
  const threading_group group = make_group(pool);
  threading_group other = { 77 };
  IS(threading_group_create(pool, NULL), THREADING_E_INVALID);
  IS(threading_group_create((threading_pool){ 0 }, &other), THREADING_E_HANDLE);
  IS(threading_group_submit(group, NULL, NULL), THREADING_E_INVALID);
  EQ(other.id, 77);
  OK(threading_group_wait(group, 0));
  OK(threading_group_destroy(group));
  finish_pool(pool);
}

TEST(destroy_of_a_busy_group) {
  const threading_pool pool = make_pool(1);
  threading_group group = make_group(pool);
  gate gate;
  make_gate(&gate);
  add(group, stand_in_gate, &gate);
  WAIT_UNTIL(atomic_load(&gate.inside) == 1);
  IS(threading_group_destroy(group), THREADING_E_BUSY);
  const threading_thread waits = spawn_thread(wait_for_group, &group);
  wait_blocked(waits);
  IS(threading_group_destroy(group), THREADING_E_BUSY);
  open_gate(&gate);
  finish_thread(waits);
  OK(threading_group_destroy(group));
  finish_pool(pool);
}

// ---- Pools that end ----

TEST(shutdown_cancels_a_group) {
  const threading_pool pool = make_pool(1);
  const threading_group group = make_group(pool);
  gate gate;
  make_gate(&gate);
  add(group, stand_in_gate, &gate);
  WAIT_UNTIL(atomic_load(&gate.inside) == 1);
  _Atomic int64_t count = 0;
  for (int i = 0; i < 20; i++) add(group, count_target, (void *)&count);
  OK(threading_pool_shutdown(pool, 0, 1));
  open_gate(&gate);
  IS(threading_group_wait(group, THREADING_FOREVER), THREADING_CANCELLED);
  EQ(atomic_load(&count), 0);
  OK(threading_group_destroy(group));
  finish_pool(pool);
}

static gate late_gate;

static void *leave_ticket_behind(void *arg) {
  _Atomic int64_t count = 0;
  add(shared, count_target, (void *)&count);
  OK(threading_group_wait(shared, THREADING_FOREVER));
  EQ(atomic_load(&count), 1);
  return stand_in_gate(arg);
}

TEST(shutdown_does_not_cancel_a_group_that_is_done) {
  const threading_pool pool = make_pool(1);
  shared = make_group(pool);
  make_gate(&late_gate);
  const threading_future task = submit(pool, leave_ticket_behind, &late_gate);
  WAIT_UNTIL(atomic_load(&late_gate.inside) == 1);
  OK(threading_pool_shutdown(pool, 0, 1));
  OK(threading_group_wait(shared, 0));
  open_gate(&late_gate);
  result_of(task);
  OK(threading_group_wait(shared, THREADING_FOREVER));
  OK(threading_group_destroy(shared));
  finish_pool(pool);
}

TEST(a_closed_pool_takes_no_more_of_a_group) {
  const threading_pool pool = make_pool(1);
  const threading_group group = make_group(pool);
  _Atomic int64_t count = 0;
  add(group, count_target, (void *)&count);
  OK(threading_pool_shutdown(pool, 1, 0));
  IS(threading_group_submit(group, count_target, (void *)&count), THREADING_CLOSED);
  OK(threading_group_wait(group, THREADING_FOREVER));
  EQ(atomic_load(&count), 1);
  OK(threading_pool_destroy(pool));
  IS(threading_group_submit(group, count_target, (void *)&count), THREADING_CLOSED);
  OK(threading_group_destroy(group));
}

// ---- In workers ----

static threading_pool nested;

static void *count_leaves(void *arg) {
  const intptr_t depth = (intptr_t)arg;
  static _Atomic int64_t leaves;
  if (depth < 0) return (void *)(intptr_t)atomic_exchange(&leaves, 0);
  if (depth == 0) {
    atomic_fetch_add(&leaves, 1);
    return NULL;
  }
  const threading_group group = make_group(nested);
  for (int i = 0; i < 3; i++) add(group, count_leaves, (void *)(depth - 1));
  OK(threading_group_wait(group, THREADING_FOREVER));
  OK(threading_group_destroy(group));
  return NULL;
}

TEST(groups_nest_in_workers) {
  for (uint32_t workers = 1; workers <= 4; workers++) {
    nested = make_pool(workers);
    count_leaves((void *)6);
    EQ((intptr_t)count_leaves((void *)-1), 729);
    result_of(submit(nested, count_leaves, (void *)6));
    EQ((intptr_t)count_leaves((void *)-1), 729);
    finish_pool(nested);
  }
}

static void *wait_for_own_group(void *arg) {
  const threading_group group = *(threading_group *)arg;
  IS(threading_group_wait(group, THREADING_FOREVER), THREADING_E_DEADLOCK);
  IS(threading_group_wait(group, THREADING_MILLISECONDS(1)), THREADING_E_DEADLOCK);
  IS(threading_group_destroy(group), THREADING_E_BUSY);
  return arg;
}

TEST(a_task_cannot_wait_for_its_own_group) {
  const threading_pool pool = make_pool(2);
  threading_group group = make_group(pool);
  for (int i = 0; i < 5; i++) add(group, wait_for_own_group, &group);
  OK(threading_group_wait(group, THREADING_FOREVER));
  OK(threading_group_destroy(group));
  finish_pool(pool);
}

static void *add_to_own_group(void *arg) {
  const intptr_t left = (intptr_t)arg;
  if (left > 0) {
    add(shared, add_to_own_group, (void *)(left - 1));
    add(shared, add_to_own_group, (void *)(left - 1));
  } else {
    atomic_fetch_add(&held_gate.inside, 1);
  }
  return NULL;
}

TEST(a_task_adds_to_its_own_group) {
  const threading_pool pool = make_pool(2);
  shared = make_group(pool);
  add(shared, add_to_own_group, (void *)10);
  OK(threading_group_wait(shared, THREADING_FOREVER));
  EQ(atomic_load(&held_gate.inside), 1024);
  OK(threading_group_destroy(shared));
  finish_pool(pool);
}

static threading_lock guard;

static void *group_under_lock(void *arg) {
  OK(threading_lock_acquire(guard, THREADING_FOREVER));
  const threading_group group = make_group(nested);
  for (int i = 0; i < 5; i++) add(group, give_back, arg);
  OK(threading_group_wait(group, THREADING_FOREVER));
  OK(threading_group_destroy(group));
  OK(threading_lock_release(guard));
  return arg;
}

TEST(who_waits_for_a_group_under_a_lock_runs_nothing_that_wants_the_lock) {
  OK(threading_lock_create(&guard));
  for (uint32_t workers = 1; workers <= 4; workers++) {
    nested = make_pool(workers);
    const threading_group group = make_group(nested);
    for (int i = 0; i < 100; i++) add(group, group_under_lock, NULL);
    OK(threading_group_wait(group, THREADING_FOREVER));
    OK(threading_group_destroy(group));
    finish_pool(nested);
  }
  OK(threading_lock_destroy(guard));
}

static const int64_t limit = THREADING_MILLISECONDS(5);

// Once it has run, the limit of a wait that had begun before has passed.
static void *outlast_limit(void *arg) {
  const int64_t end = NOW_NS() + limit;
  while (NOW_NS() < end) {}
  return count_target(arg);
}

static void *wait_with_limit(void *arg) {
  const threading_group group = make_group(nested);
  for (int i = 0; i < 100; i++) add(group, outlast_limit, arg);
  IS(threading_group_wait(group, limit), THREADING_TIMEOUT);
  OK(threading_group_cancel(group));
  IS(threading_group_wait(group, THREADING_FOREVER), THREADING_CANCELLED);
  OK(threading_group_destroy(group));
  return arg;
}

TEST(the_time_of_a_worker_runs_out) {
  nested = make_pool(1);
  _Atomic int64_t count = 0;
  result_of(submit(nested, wait_with_limit, (void *)&count));
  CHECK(atomic_load(&count) < 100);
  finish_pool(nested);
}

// ---- Workers and callers that are left by force ----

static void *wait_for_one_that_leaves(void *arg) {
  add(shared, leave_by_force, arg);
  OK(threading_group_wait(shared, THREADING_FOREVER));
  harness_fail(__FILE__, __LINE__, "the wait returned");
}

static void *submit_one_that_leaves(void *arg) {
  OK(threading_group_submit(shared, leave_by_force, arg));
  harness_fail(__FILE__, __LINE__, "the caller did not run it");
}

// Each group that is not given back keeps its pool's memory.
static void check_memory(void (*round)(void)) {
  int64_t before = 0;
  for (int64_t i = 0; i < share(1000); i++) {
    round();
    if (i == 100) before = resident_bytes();
  }
  if (share(1000) == 1000) CHECK(resident_bytes() - before <= 1 << 20);
}

static void leave_a_wait(void) {
  nested = make_pool(1);
  shared = make_group(nested);
  const threading_future task = submit(nested, wait_for_one_that_leaves, NULL);
  void *result;
  IS(threading_future_result(task, THREADING_FOREVER, &result), THREADING_FAILED);
  OK(threading_future_destroy(task));
  IS(threading_group_wait(shared, THREADING_FOREVER), THREADING_FAILED);
  OK(threading_group_destroy(shared));
  finish_pool(nested);
}

TEST(a_wait_that_is_left_by_force_leaves_no_memory_behind) { check_memory(leave_a_wait); }

static void leave_a_submit(void) {
  const threading_pool_options options = {
    .size = sizeof options, .max_queued = 1, .when_full = THREADING_FULL_CALLER_RUNS
  };
  OK(threading_pool_create(1, &options, &nested));
  shared = make_group(nested);
  gate gate;
  make_gate(&gate);
  threading_future held[2];
  hold_workers(nested, &gate, 1, held);
  held[1] = submit(nested, give_back, &gate);
  finish_left_thread(spawn_thread(submit_one_that_leaves, NULL));
  release_workers(&gate, 2, held);
  IS(threading_group_wait(shared, THREADING_FOREVER), THREADING_FAILED);
  OK(threading_group_destroy(shared));
  finish_pool(nested);
}

TEST(a_submit_that_is_left_by_force_leaves_no_memory_behind) { check_memory(leave_a_submit); }

// ---- In forked children ----

static void use_group_of_the_parent(void *arg) {
  IS(threading_group_wait(shared, 0), THREADING_E_FORKED);
  IS(threading_group_wait(shared, THREADING_FOREVER), THREADING_E_FORKED);
  IS(threading_group_submit(shared, count_target, arg), THREADING_E_FORKED);
  IS(threading_group_set_limit(shared, 1), THREADING_E_FORKED);
  IS(threading_group_cancel(shared), THREADING_E_FORKED);
  EQ(atomic_load((_Atomic int64_t *)arg), 0);
  OK(threading_group_destroy(shared));
}

static void *fork_with_group(void *arg) {
  for (int i = 0; i < 3; i++) add(shared, count_target, arg);
  EQ(child_fork(use_group_of_the_parent, arg, NULL, 0), 0);
  return arg;
}

TEST(a_child_runs_nothing_of_the_parent) {
  skip_on_the_portable_backend();
  const threading_pool pool = make_pool(1);
  shared = make_group(pool);
  _Atomic int64_t count = 0;
  result_of(submit(pool, fork_with_group, (void *)&count));
  OK(threading_group_wait(shared, THREADING_FOREVER));
  EQ(atomic_load(&count), 3);
  OK(threading_group_destroy(shared));
  finish_pool(pool);
}
