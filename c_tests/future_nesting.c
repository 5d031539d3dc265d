// Waiting inside of workers: a pool of any size finishes what its own tasks wait for, or says that
// nothing ever will.
#include "pool.h"

#include <sched.h>

static threading_pool pool;

// ---- Tasks that wait for tasks ----

static void *nest(void *arg) {
  const intptr_t depth = (intptr_t)arg;
  if (depth == 0) return (void *)1;
  return (void *)((intptr_t)result_of(submit(pool, nest, (void *)(depth - 1))) + 1);
}

TEST(one_worker_nests_a_thousand_deep) {
  pool = make_pool(1);
  EQ((intptr_t)result_of(submit(pool, nest, (void *)1000)), 1001);
  finish_pool(pool);
}

TEST(several_nests_at_once) {
  for (uint32_t workers = 1; workers <= 4; workers++) {
    pool = make_pool(workers);
    threading_future futures[8];
    for (int i = 0; i < 8; i++) futures[i] = submit(pool, nest, (void *)100);
    for (int i = 0; i < 8; i++) EQ((intptr_t)result_of(futures[i]), 101);
    finish_pool(pool);
  }
}

// On small stacks tasks cannot be run inside of each other for ever: other threads help, up to their bound.
static void *nest_while_it_goes(void *arg) {
  const intptr_t depth = (intptr_t)arg;
  if (depth == 0) return (void *)1;
  void *inner = NULL;
  const threading_future future = submit(pool, nest_while_it_goes, (void *)(depth - 1));
  const threading_status status = threading_future_result(future, THREADING_FOREVER, &inner);
  OK(threading_future_destroy(future));
  if (status == THREADING_E_DEADLOCK) return NULL;
  OK(status);
  return inner;
}

TEST(deep_nests_on_small_stacks_end) {
  const threading_pool_options options = { .size = sizeof options, .stack_size = 64 << 10 };
  OK(threading_pool_create(1, &options, &pool));
  CHECK(result_of(submit(pool, nest_while_it_goes, (void *)30)) == (void *)1);
  result_of(submit(pool, nest_while_it_goes, (void *)5000));
  // Where a wait was refused, what it would have waited for goes on by itself.
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  CHECK(result_of(submit(pool, nest_while_it_goes, (void *)30)) == (void *)1);
  finish_pool(pool);
}

static void *fibonacci(void *arg) {
  const intptr_t n = (intptr_t)arg;
  if (n < 2) return arg;
  const threading_future one = submit(pool, fibonacci, (void *)(n - 1));
  const threading_future other = submit(pool, fibonacci, (void *)(n - 2));
  const intptr_t sum = (intptr_t)result_of(one);
  return (void *)(sum + (intptr_t)result_of(other));
}

TEST(fibonacci_by_futures) {
  for (uint32_t workers = 1; workers <= 4; workers++) {
    pool = make_pool(workers);
    EQ((intptr_t)result_of(submit(pool, fibonacci, (void *)18)), 2584);
    finish_pool(pool);
  }
}

static void *wait_in_order(void *arg) {
  threading_future futures[3];
  for (intptr_t i = 0; i < 3; i++) futures[i] = submit(pool, nest, NULL);
  EQ(stats_of(pool).queued, 3);
  for (int i = 0; i < 3; i++) {
    CHECK(result_of(futures[i]) == (void *)1);
    EQ(stats_of(pool).queued, 2 - i);
  }
  return arg;
}

TEST(what_was_done_in_waiting_is_not_queued_any_more) {
  pool = make_pool(1);
  result_of(submit(pool, wait_in_order, NULL));
  EQ(stats_of(pool).queued, 0);
  finish_pool(pool);
}

// ---- Code of the user's that is no task, and waits for one: somebody else is called for what is queued meanwhile ----

static threading_event waited, ran;

static void say_ran(void *arg) {
  (void)arg;
  OK(threading_event_set(ran));
}

static void wait_for_own_and_others(void *arg) {
  (void)arg;
  result_of(submit(pool, give_back, NULL));
  OK(threading_event_set(waited));
  OK(threading_event_wait(ran, THREADING_FOREVER));
}

static void call_back(threading_future future, void *arg) {
  (void)future;
  wait_for_own_and_others(arg);
}

static void queue_one(void *arg) {
  (void)arg;
  OK(threading_event_wait(waited, THREADING_FOREVER));
  // By then nobody looks for work any more.
  const int64_t since = NOW_NS();
  WAIT_UNTIL(NOW_NS() > since + THREADING_MILLISECONDS(2));
  OK(threading_pool_execute(pool, say_ran, NULL));
  OK(threading_event_wait(ran, scaled(THREADING_SECONDS(8))));
}

// All threads of the pool are there, so that none is started for what comes.
static void make_three(void) {
  pool = make_pool(3);
  gate gate;
  make_gate(&gate);
  threading_future held[3];
  hold_workers(pool, &gate, 3, held);
  release_workers(&gate, 3, held);
  waited = make_event();
  ran = make_event();
}

TEST(others_are_called_while_a_callback_waits) {
  make_three();
  gate gate;
  make_gate(&gate);
  threading_future held;
  hold_workers(pool, &gate, 1, &held);
  OK(threading_future_add_done_callback(held, call_back, NULL, NULL));
  open_gate(&gate);
  queue_one(NULL);
  result_of(held);
  finish_pool(pool);
}

// In a task, which has a place among those who work for certain.
static void *queue_one_beside(void *arg) {
  const threading_task tasks[] = { { queue_one, NULL }, { wait_for_own_and_others, NULL } };
  OK(threading_parallel_invoke(pool, tasks, 2));
  return arg;
}

TEST(others_are_called_while_a_stolen_part_waits) {
  OK(threading_set_parallelism(4, NULL));
  make_three();
  result_of(submit(pool, queue_one_beside, NULL));
  finish_pool(pool);
}

// ---- The two programs that CPython's page on concurrent.futures says to deadlock ----

static threading_future a, b;
static threading_event both_known;
static _Atomic int64_t deadlocks, fine;

static void *wait_for_the_other(void *arg) {
  OK(threading_event_wait(both_known, THREADING_FOREVER));
  void *result;
  const threading_future other = *(threading_future *)arg;
  const threading_status status = threading_future_result(other, THREADING_FOREVER, &result);
  if (status == THREADING_E_DEADLOCK) {
    atomic_fetch_add(&deadlocks, 1);
  } else {
    OK(status);
    atomic_fetch_add(&fine, 1);
  }
  return arg;
}

TEST(two_futures_that_wait_for_each_other) {
  for (uint32_t workers = 1; workers <= 3; workers++) {
    for (int round = 0; round < 50; round++) {
      pool = make_pool(workers);
      both_known = make_event();
      atomic_store(&deadlocks, 0);
      atomic_store(&fine, 0);
      a = submit(pool, wait_for_the_other, &b);
      b = submit(pool, wait_for_the_other, &a);
      OK(threading_event_set(both_known));
      const threading_future both[] = { a, b };
      OK(threading_futures_wait(both, 2, THREADING_ALL_COMPLETED, THREADING_FOREVER, NULL));
      EQ(atomic_load(&deadlocks), 1);
      EQ(atomic_load(&deadlocks) + atomic_load(&fine), 2);
      OK(threading_future_destroy(a));
      OK(threading_future_destroy(b));
      OK(threading_event_destroy(both_known));
      finish_pool(pool);
    }
  }
}

static void *wait_on_future(void *arg) {
  const threading_future future = submit(pool, give_back, arg);
  return result_of(future);
}

TEST(a_pool_of_one_whose_task_waits_for_its_own_submit) {
  pool = make_pool(1);
  CHECK(result_of(submit(pool, wait_on_future, &pool)) == &pool);
  finish_pool(pool);
}

static void *wait_for_own(void *arg) {
  OK(threading_event_wait(both_known, THREADING_FOREVER));
  void *result;
  IS(threading_future_result(a, THREADING_FOREVER, &result), THREADING_E_DEADLOCK);
  IS(threading_future_result(a, 0, &result), THREADING_TIMEOUT);
  EQ(threading_future_running(a), 1);
  return arg;
}

TEST(a_task_that_waits_for_itself) {
  pool = make_pool(2);
  both_known = make_event();
  a = submit(pool, wait_for_own, &pool);
  OK(threading_event_set(both_known));
  CHECK(result_of(a) == &pool);
  finish_pool(pool);
}

static threading_future ring[5];

static void *wait_for_the_next(void *arg) {
  OK(threading_event_wait(both_known, THREADING_FOREVER));
  void *result;
  const threading_status status =
    threading_future_result(ring[((intptr_t)arg + 1) % 5], THREADING_FOREVER, &result);
  if (status == THREADING_E_DEADLOCK) atomic_fetch_add(&deadlocks, 1);
  else OK(status);
  return arg;
}

TEST(a_ring_of_five) {
  for (uint32_t workers = 1; workers <= 6; workers++) {
    pool = make_pool(workers);
    both_known = make_event();
    atomic_store(&deadlocks, 0);
    for (intptr_t i = 0; i < 5; i++) ring[i] = submit(pool, wait_for_the_next, (void *)i);
    OK(threading_event_set(both_known));
    // All of them first: until then the others may still ask.
    OK(threading_futures_wait(ring, 5, THREADING_ALL_COMPLETED, THREADING_FOREVER, NULL));
    for (intptr_t i = 0; i < 5; i++) EQ((intptr_t)result_of(ring[i]), i);
    EQ(atomic_load(&deadlocks), 1);
    OK(threading_event_destroy(both_known));
    finish_pool(pool);
  }
}

// ---- Locks ----

static threading_lock guard;
static threading_rlock owned_guard;

static void *child_under_lock(void *arg) {
  OK(threading_lock_acquire(guard, THREADING_FOREVER));
  void *result = result_of(submit(pool, give_back, arg));
  OK(threading_lock_release(guard));
  return result;
}

TEST(who_waits_under_a_lock_runs_nothing_that_wants_the_lock) {
  OK(threading_lock_create(&guard));
  for (uint32_t workers = 1; workers <= 4; workers++) {
    pool = make_pool(workers);
    threading_future futures[200];
    for (intptr_t i = 0; i < 200; i++) futures[i] = submit(pool, child_under_lock, (void *)i);
    for (intptr_t i = 0; i < 200; i++) EQ((intptr_t)result_of(futures[i]), i);
    finish_pool(pool);
  }
  OK(threading_lock_destroy(guard));
}

static _Atomic int64_t summed;

static void add_range(int64_t begin, int64_t end, void *arg) {
  CHECK(arg == &guard);
  atomic_fetch_add(&summed, end - begin);
}

static void *loop_under_lock(void *arg) {
  OK(threading_lock_acquire(guard, THREADING_FOREVER));
  OK(threading_parallel_for(pool, 0, 100, 1, add_range, &guard));
  OK(threading_lock_release(guard));
  return arg;
}

TEST(who_loops_under_a_lock_runs_nothing_that_wants_the_lock) {
  OK(threading_lock_create(&guard));
  for (uint32_t workers = 1; workers <= 4; workers++) {
    pool = make_pool(workers);
    atomic_store(&summed, 0);
    threading_future futures[100];
    for (intptr_t i = 0; i < 100; i++) futures[i] = submit(pool, loop_under_lock, NULL);
    for (intptr_t i = 0; i < 100; i++) result_of(futures[i]);
    EQ(atomic_load(&summed), 10000);
    finish_pool(pool);
  }
  OK(threading_lock_destroy(guard));
}

static _Atomic int stage;

static void *take_guard(void *arg) {
  atomic_store(&stage, 1);
  const threading_status status = threading_rlock_acquire(owned_guard, THREADING_FOREVER);
  if (status == THREADING_E_DEADLOCK) return NULL;
  OK(status);
  OK(threading_rlock_release(owned_guard));
  return arg;
}

TEST(an_owner_waits_for_a_task_that_waits_for_the_owner) {
  OK(threading_rlock_create(&owned_guard));
  pool = make_pool(1);
  for (int round = 0; round < 100; round++) {
    OK(threading_rlock_acquire(owned_guard, THREADING_FOREVER));
    atomic_store(&stage, 0);
    const threading_future future = submit(pool, take_guard, &pool);
    WAIT_UNTIL(atomic_load(&stage) == 1);
    void *result = &result;
    const threading_status status = threading_future_result(future, THREADING_FOREVER, &result);
    OK(threading_rlock_release(owned_guard));
    if (status == THREADING_OK) CHECK(result == NULL);
    else IS(status, THREADING_E_DEADLOCK);
    void *later = result_of(future);
    CHECK(status == THREADING_OK ? later == NULL : later == &pool);
  }
  OK(threading_rlock_destroy(owned_guard));
  finish_pool(pool);
}

// ---- Blocked workers ----

static threading_event set_by_task;

static void *wait_for_event(void *arg) {
  OK(threading_event_wait(set_by_task, THREADING_FOREVER));
  return arg;
}

static void set_event(void *arg) {
  (void)arg;
  OK(threading_event_set(set_by_task));
}

static void *wait_for_a(void *arg) {
  void *result;
  atomic_fetch_add(&stage, 1);
  OK(threading_future_result(a, THREADING_FOREVER, &result));
  return arg;
}

TEST(a_spare_worker_sets_what_the_others_wait_for) {
  for (uint32_t workers = 2; workers <= 4; workers++) {
    for (int round = 0; round < 20; round++) {
      pool = make_pool(workers);
      set_by_task = make_event();
      atomic_store(&stage, 0);
      a = submit(pool, wait_for_event, NULL);
      WAIT_UNTIL(threading_future_running(a) == 1);
      threading_future futures[3];
      for (uint32_t i = 1; i < workers; i++) futures[i - 1] = submit(pool, wait_for_a, NULL);
      WAIT_UNTIL(atomic_load(&stage) == (int)workers - 1);
      OK(threading_pool_execute(pool, set_event, NULL));
      for (uint32_t i = 1; i < workers; i++) result_of(futures[i - 1]);
      result_of(a);
      OK(threading_event_destroy(set_by_task));
      finish_pool(pool);
    }
  }
}

TEST(many_more_tasks_wait_for_a_promise_than_there_are_workers) {
  pool = make_pool(1);
  OK(threading_future_create(&a));
  atomic_store(&stage, 0);
  threading_future futures[40];
  for (int i = 0; i < 40; i++) futures[i] = submit(pool, wait_for_a, &a);
  WAIT_UNTIL(atomic_load(&stage) == 40);
  OK(threading_future_set_result(a, NULL));
  for (int i = 0; i < 40; i++) CHECK(result_of(futures[i]) == &a);
  OK(threading_future_destroy(a));
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  EQ(stats_of(pool).blocked, 0);
  CHECK(result_of(submit(pool, give_back, &a)) == &a);
  finish_pool(pool);
}

// No false alarm: whoever waits for a promise may wait however many do.
TEST(more_tasks_wait_for_a_promise_than_any_pool_has_threads) {
  pool = make_pool(2);
  OK(threading_future_create(&a));
  threading_future futures[200];
  atomic_store(&stage, 0);
  for (int i = 0; i < 200; i++) futures[i] = submit(pool, wait_for_a, &a);
  WAIT_UNTIL(atomic_load(&stage) >= 2);
  OK(threading_future_set_result(a, NULL));
  for (int i = 0; i < 200; i++) CHECK(result_of(futures[i]) == &a);
  OK(threading_future_destroy(a));
  finish_pool(pool);
}

// ---- Several pools ----

static threading_pool pools[2];

static void *across(void *arg) {
  const intptr_t depth = (intptr_t)arg;
  if (depth == 0) return (void *)1;
  const threading_future future = submit(pools[depth % 2], across, (void *)(depth - 1));
  return (void *)((intptr_t)result_of(future) + 1);
}

TEST(tasks_wait_to_and_fro_between_pools_of_one) {
  pools[0] = make_pool(1);
  pools[1] = make_pool(1);
  EQ((intptr_t)result_of(submit(pools[0], across, (void *)50)), 51);
  finish_pool(pools[0]);
  finish_pool(pools[1]);
}

// ---- One processor ----

TEST(on_one_processor) {
  cpu_set_t all, one;
  CPU_ZERO(&one);
  CHECK(sched_getaffinity(0, sizeof all, &all) == 0);
  int cpu = 0;
  while (!CPU_ISSET(cpu, &all)) cpu++;
  CPU_SET(cpu, &one);
  CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
  EQ(threading_cpu_count(), 1);
  pool = make_pool(0);
  EQ((intptr_t)result_of(submit(pool, nest, (void *)200)), 201);
  EQ((intptr_t)result_of(submit(pool, fibonacci, (void *)14)), 377);
  threading_group group;
  _Atomic int64_t count = 0;
  OK(threading_group_create(pool, &group));
  for (int i = 0; i < 1000; i++) OK(threading_group_submit(group, count_target, (void *)&count));
  OK(threading_group_wait(group, THREADING_FOREVER));
  EQ(atomic_load(&count), 1000);
  OK(threading_group_destroy(group));
  OK(threading_parallel_for(pool, 0, 1000, 10, add_range, &guard));
  EQ(atomic_load(&summed), 1000);
  finish_pool(pool);
}
