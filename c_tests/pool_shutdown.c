// How pools end: shutdown, destroy, waiting for them, and what becomes of their tasks and arguments.
#include "pool.h"

static gate held_gate;

static void *stand_in_held_gate(void *arg) {
  stand_in_gate(&held_gate);
  return arg;
}

// A pool of one worker, who stands in held_gate with owned(0).
static threading_pool make_held_pool(threading_future *held) {
  const threading_pool pool = make_pool_with_destructor(1, destroy_owned);
  make_gate(&held_gate);
  *held = submit(pool, stand_in_held_gate, owned(0));
  WAIT_UNTIL(atomic_load(&held_gate.inside) == 1);
  return pool;
}

static void is_closed(threading_pool pool) {
  threading_future future = { 77 };
  void *args[1] = { NULL };
  IS(threading_pool_submit(pool, give_back, NULL, &future), THREADING_CLOSED);
  IS(threading_pool_submit_priority(pool, give_back, NULL, -1, &future), THREADING_CLOSED);
  IS(threading_pool_execute(pool, nothing, NULL), THREADING_CLOSED);
  IS(threading_pool_map(pool, give_back, args, 1, NULL, THREADING_FOREVER), THREADING_CLOSED);
  EQ(future.id, 77);
}

// ---- Shutdown ----

TEST(shutdown_runs_what_is_queued) {
  threading_future held;
  const threading_pool pool = make_held_pool(&held);
  threading_future futures[100];
  for (int i = 0; i < 100; i++) futures[i] = submit(pool, give_back, owned(i + 1));
  OK(threading_pool_shutdown(pool, 0, 0));
  is_closed(pool);
  const threading_task task = { nothing, NULL };
  IS(threading_parallel_invoke(pool, &task, 1), THREADING_CLOSED);
  EQ(threading_future_done(futures[0]), 0);
  open_gate(&held_gate);
  OK(threading_pool_shutdown(pool, 1, 0));
  for (int i = 0; i < 100; i++) {
    EQ(threading_future_done(futures[i]), 1);
    CHECK(result_of(futures[i]) == owned(i + 1));
  }
  result_of(held);
  EQ(count_destroyed(), 101);
  EQ(stats_of(pool).workers, 0);
  OK(threading_pool_destroy(pool));
}

static void count_callback(threading_future future, void *arg) {
  EQ(threading_future_cancelled(future), 1);
  atomic_fetch_add((_Atomic int64_t *)arg, 1);
}

TEST(shutdown_cancels_what_is_queued) {
  threading_future held, futures[100];
  const threading_pool pool = make_held_pool(&held);
  _Atomic int64_t called = 0;
  for (int i = 0; i < 100; i++) {
    futures[i] = submit(pool, give_back, owned(i + 1));
    OK(threading_future_add_done_callback(futures[i], count_callback, (void *)&called, NULL));
  }
  for (int i = 100; i < 200; i++) OK(threading_pool_execute(pool, nothing, owned(i + 1)));
  OK(threading_pool_shutdown(pool, 0, 1));
  EQ(atomic_load(&called), 100);
  EQ(count_destroyed(), 200);
  EQ(threading_future_running(held), 1);
  for (int i = 0; i < 100; i++) {
    void *result = &result;
    EQ(threading_future_cancelled(futures[i]), 1);
    IS(threading_future_result(futures[i], 0, &result), THREADING_CANCELLED);
    CHECK(result == &result);
    OK(threading_future_destroy(futures[i]));
  }
  OK(threading_futures_wait(&held, 0, THREADING_ALL_COMPLETED, THREADING_FOREVER, NULL));
  is_closed(pool);
  open_gate(&held_gate);
  CHECK(result_of(held) == owned(0));
  OK(threading_pool_shutdown(pool, 1, 1));
  EQ(count_destroyed(), 201);
  OK(threading_pool_destroy(pool));
}

TEST(cancelling_may_follow_a_shutdown_that_did_not) {
  threading_future held;
  const threading_pool pool = make_held_pool(&held);
  const threading_future queued = submit(pool, give_back, owned(1));
  OK(threading_pool_shutdown(pool, 0, 0));
  EQ(threading_future_done(queued), 0);
  OK(threading_pool_shutdown(pool, 0, 1));
  EQ(threading_future_cancelled(queued), 1);
  open_gate(&held_gate);
  result_of(held);
  OK(threading_future_destroy(queued));
  finish_pool(pool);
  EQ(count_destroyed(), 2);
}

TEST(shutdown_twice_and_without_any_task) {
  const threading_pool pool = make_pool(4);
  OK(threading_pool_shutdown(pool, 1, 0));
  OK(threading_pool_shutdown(pool, 1, 0));
  OK(threading_pool_shutdown(pool, 0, 1));
  is_closed(pool);
  OK(threading_pool_wait(pool, 0));
  OK(threading_pool_destroy(pool));
}

static void *shut_down(void *arg) {
  OK(threading_pool_shutdown(*(threading_pool *)arg, 1, 0));
  return arg;
}

TEST(many_wait_for_the_same_shutdown) {
  threading_future held;
  threading_pool pool = make_held_pool(&held);
  threading_thread threads[8];
  for (int i = 0; i < 8; i++) threads[i] = spawn_thread(shut_down, &pool);
  for (int i = 0; i < 8; i++) wait_blocked(threads[i]);
  open_gate(&held_gate);
  for (int i = 0; i < 8; i++) finish_thread(threads[i]);
  EQ(stats_of(pool).workers, 0);
  result_of(held);
  OK(threading_pool_destroy(pool));
}

static void *shut_down_own(void *arg) {
  const threading_pool pool = *(threading_pool *)arg;
  IS(threading_pool_shutdown(pool, 1, 0), THREADING_E_DEADLOCK);
  IS(threading_pool_shutdown(pool, 1, 1), THREADING_E_DEADLOCK);
  IS(threading_pool_wait(pool, THREADING_FOREVER), THREADING_E_DEADLOCK);
  IS(threading_pool_wait(pool, 0), THREADING_E_DEADLOCK);
  // An error has changed nothing.
  OK(threading_future_destroy(submit(pool, give_back, NULL)));
  OK(threading_pool_shutdown(pool, 0, 0));
  is_closed(pool);
  // A task that had been accepted may still split its work.
  const threading_task tasks[] = { { nothing, NULL }, { nothing, NULL } };
  OK(threading_parallel_invoke(pool, tasks, 2));
  return arg;
}

TEST(a_worker_cannot_wait_for_the_end_of_its_own_pool) {
  threading_pool pool = make_pool(2);
  result_of(submit(pool, shut_down_own, &pool));
  finish_pool(pool);
}

static void own_in_a_loop(int64_t begin, int64_t end, void *arg) {
  const threading_pool pool = *(threading_pool *)arg;
  for (; begin < end; begin++) {
    IS(threading_pool_shutdown(pool, 1, 0), THREADING_E_DEADLOCK);
    IS(threading_pool_wait(pool, THREADING_FOREVER), THREADING_E_DEADLOCK);
  }
}

TEST(who_works_in_a_loop_of_the_pool_cannot_wait_for_its_end) {
  threading_pool pool = make_pool(2);
  OK(threading_parallel_for(pool, 0, 10, 1, own_in_a_loop, &pool));
  finish_pool(pool);
}

static void *wait_for_other(void *arg) {
  OK(threading_pool_wait(*(threading_pool *)arg, THREADING_FOREVER));
  OK(threading_pool_shutdown(*(threading_pool *)arg, 1, 0));
  return arg;
}

TEST(a_worker_may_wait_for_another_pool) {
  const threading_pool pool = make_pool(1);
  threading_pool other = make_pool(1);
  _Atomic int64_t count = 0;
  for (int i = 0; i < 100; i++) OK(threading_pool_execute(other, count_up, (void *)&count));
  result_of(submit(pool, wait_for_other, &other));
  EQ(atomic_load(&count), 100);
  finish_pool(pool);
  OK(threading_pool_destroy(other));
}

// ---- Destroy ----

TEST(destroy_gives_up_the_handle_and_what_is_queued_runs) {
  threading_future held, futures[50];
  const threading_pool pool = make_held_pool(&held);
  for (int i = 0; i < 50; i++) futures[i] = submit(pool, give_back, owned(i + 1));
  OK(threading_pool_destroy(pool));
  IS(threading_pool_execute(pool, nothing, NULL), THREADING_E_HANDLE);
  IS(threading_pool_wait(pool, 0), THREADING_E_HANDLE);
  IS(threading_pool_shutdown(pool, 1, 0), THREADING_E_HANDLE);
  EQ(threading_future_running(held), 1);
  open_gate(&held_gate);
  for (int i = 0; i < 50; i++) CHECK(result_of(futures[i]) == owned(i + 1));
  result_of(held);
  EQ(count_destroyed(), 51);
}

static void *destroy_own(void *arg) {
  OK(threading_pool_destroy(*(threading_pool *)arg));
  IS(threading_pool_destroy(*(threading_pool *)arg), THREADING_E_HANDLE);
  return arg;
}

TEST(a_worker_destroys_its_own_pool) {
  const int64_t before = threading_active_count();
  threading_pool pool = make_pool(3);
  result_of(submit(pool, destroy_own, &pool));
  WAIT_UNTIL(threading_active_count() == before);
}

static void *wait_until_quiet(void *arg) {
  OK(threading_pool_wait(*(threading_pool *)arg, THREADING_FOREVER));
  return arg;
}

TEST(who_waits_is_not_disturbed_by_destroy) {
  threading_future held;
  threading_pool pool = make_held_pool(&held);
  const threading_thread waits = spawn_thread(wait_until_quiet, &pool), ends = spawn_thread(shut_down, &pool);
  wait_blocked(waits);
  wait_blocked(ends);
  OK(threading_pool_destroy(pool));
  open_gate(&held_gate);
  finish_thread(waits);
  finish_thread(ends);
  result_of(held);
}

// ---- Waiting for quiet ----

TEST(wait_returns_when_nothing_is_queued_and_nobody_works) {
  const threading_pool pool = make_pool(2);
  OK(threading_pool_wait(pool, 0));
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  _Atomic int64_t count = 0;
  for (int round = 1; round <= 200; round++) {
    for (int i = 0; i < 10; i++) OK(threading_pool_execute(pool, count_up, (void *)&count));
    OK(threading_pool_wait(pool, THREADING_FOREVER));
    EQ(atomic_load(&count), round * 10);
  }
  finish_pool(pool);
}

TEST(wait_times_out) {
  threading_future held;
  const threading_pool pool = make_held_pool(&held);
  IS(threading_pool_wait(pool, 0), THREADING_TIMEOUT);
  const int64_t before = NOW_NS();
  IS(threading_pool_wait(pool, THREADING_MILLISECONDS(5)), THREADING_TIMEOUT);
  CHECK(NOW_NS() - before >= THREADING_MILLISECONDS(5));
  IS(threading_pool_wait(pool, -2), THREADING_E_INVALID);
  open_gate(&held_gate);
  OK(threading_pool_wait(pool, INT64_MAX));
  IS(threading_pool_wait(pool, -2), THREADING_E_INVALID);
  result_of(held);
  finish_pool(pool);
}

TEST(many_wait_for_quiet) {
  threading_future held;
  threading_pool pool = make_held_pool(&held);
  threading_thread threads[16];
  for (int i = 0; i < 16; i++) threads[i] = spawn_thread(wait_until_quiet, &pool);
  for (int i = 0; i < 16; i++) wait_blocked(threads[i]);
  open_gate(&held_gate);
  for (int i = 0; i < 16; i++) finish_thread(threads[i]);
  result_of(held);
  finish_pool(pool);
}

// ---- Arguments ----

static void *fail_owned(void *arg) {
  OK(threading_fail(1, "on purpose"));
  return arg;
}

static void leave_owned(void *arg) {
  leave_by_force(arg);
}

TEST(each_argument_is_destroyed_once_whatever_becomes_of_its_task) {
  OK(threading_set_excepthook(ignore_failures, NULL));
  const threading_pool pool = make_pool_with_destructor(2, destroy_owned);
  int64_t n = 0;
  threading_future futures[60];
  for (int i = 0; i < 20; i++) futures[n] = submit(pool, give_back, owned(n)), n++;
  for (int i = 0; i < 20; i++) futures[n] = submit(pool, fail_owned, owned(n)), n++;
  for (int i = 0; i < 20; i++) futures[n] = submit(pool, leave_by_force, owned(n)), n++;
  for (int i = 0; i < 20; i++) OK(threading_pool_execute(pool, nothing, owned(n + i)));
  for (int i = 0; i < 20; i++) OK(threading_pool_execute(pool, leave_owned, owned(n + 20 + i)));
  n += 40;
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  EQ(count_destroyed(), n);
  for (int i = 0; i < 60; i++) OK(threading_future_destroy(futures[i]));
  EQ(count_destroyed(), n);
  finish_pool(pool);
  EQ(count_destroyed(), n);
}

TEST(the_argument_is_destroyed_before_the_result_is_there) {
  const threading_pool pool = make_pool_with_destructor(2, destroy_owned);
  for (int64_t n = 0; n < 1000; n++) {
    result_of(submit(pool, give_back, owned(n)));
    EQ(atomic_load(&destroyed[n]), 1);
  }
  finish_pool(pool);
}

TEST(the_argument_of_a_cancelled_task_is_destroyed) {
  threading_future held;
  const threading_pool pool = make_held_pool(&held);
  const threading_future queued = submit(pool, give_back, owned(1));
  OK(threading_future_cancel(queued));
  OK(threading_future_cancel(queued));
  OK(threading_future_destroy(queued));
  open_gate(&held_gate);
  finish_pool(pool);
  result_of(held);
  EQ(count_destroyed(), 2);
}

static void destroy_by_force(void *arg) {
  destroy_owned(arg);
  pthread_exit(NULL);
}

TEST(a_destructor_that_leaves_by_force) {
  OK(threading_set_excepthook(ignore_failures, NULL));
  const threading_pool pool = make_pool_with_destructor(2, destroy_by_force);
  for (int64_t n = 0; n < 50; n++) {
    const threading_future future = submit(pool, give_back, owned(n));
    CHECK(result_of(future) == owned(n));
  }
  finish_pool(pool);
  EQ(count_destroyed(), 50);
}
