// What callers do for a pool, as guests in loops or because its queue is full, is the pool's work: waits and the end wait for
// it, and it leaves nothing behind, however it ends.
#include "pool.h"

static threading_pool pool;
static gate inside;
static _Atomic int ran;

static void count(void *arg) {
  (void)arg;
  atomic_fetch_add(&ran, 1);
}

static void stand(void *arg) {
  CHECK(stand_in_gate(arg) == arg);
  atomic_fetch_add(&ran, 1);
}

static void *shut_down(void *arg) {
  OK(threading_pool_shutdown(pool, 1, 0));
  return (void *)(intptr_t)(atomic_load(&ran) + (arg != NULL));
}

static void queue_and_stand(int64_t begin, int64_t end, void *arg) {
  EQ(begin + 1, end);
  OK(threading_pool_execute(pool, count, NULL));
  CHECK(stand_in_gate(arg) == arg);
}

static void *visit(void *arg) {
  OK(threading_parallel_for(pool, 0, 1, 1, queue_and_stand, arg));
  return arg;
}

static void *who_runs_it(void *arg) {
  *(uint64_t *)arg = threading_get_ident();
  return arg;
}

// The only thread sleeps, so that the seat is free for a guest, and ends when it has slept for long.
static void make_with_one_that_sleeps(int64_t idle_timeout_ns) {
  pool = make_with(1, OPTIONS(.idle_timeout_ns = idle_timeout_ns));
  uint64_t worker = 0;
  CHECK(result_of(submit(pool, who_runs_it, &worker)) == &worker);
  wait_blocked((threading_thread){ worker });
}

// The guest has the only seat: no thread can begin the task, and the only one there is has nothing to do for long.
TEST(the_end_waits_for_what_a_guest_has_queued) {
  const int64_t long_enough = scaled(THREADING_MILLISECONDS(300));
  make_with_one_that_sleeps(long_enough);
  make_gate(&inside);
  const threading_thread guest = spawn_thread(visit, &inside);
  WAIT_UNTIL(atomic_load(&inside.inside) == 1);
  const int64_t later = NOW_NS() + 2 * long_enough;
  WAIT_UNTIL(NOW_NS() > later);
  const threading_thread ends = spawn_thread(shut_down, NULL);
  wait_blocked(ends);
  open_gate(&inside);
  EQ((intptr_t)finish_thread(ends), 1);
  finish_thread(guest);
  OK(threading_event_destroy(inside.open));
  OK(threading_pool_destroy(pool));
}

static void *execute_one_that_stands(void *arg) {
  OK(threading_pool_execute(pool, stand, arg));
  return arg;
}

// A pool whose only thread is held and whose queue is full; and who stands inside of the task that it runs instead.
static threading_thread begin_caller_run(gate *first, threading_future *held) {
  pool = make_with(1, OPTIONS(.max_queued = 1, .when_full = THREADING_FULL_CALLER_RUNS));
  make_gate(first);
  make_gate(&inside);
  hold_workers(pool, first, 1, held);
  OK(threading_pool_execute(pool, count, NULL));
  const threading_thread caller = spawn_thread(execute_one_that_stands, &inside);
  WAIT_UNTIL(atomic_load(&inside.inside) == 1);
  return caller;
}

TEST(waits_and_the_end_wait_for_what_a_caller_runs) {
  gate first;
  threading_future held;
  const threading_thread caller = begin_caller_run(&first, &held);
  release_workers(&first, 1, &held);
  WAIT_UNTIL(atomic_load(&ran) == 1);
  WAIT_UNTIL(stats_of(pool).busy == 0);
  IS(threading_pool_wait(pool, THREADING_MILLISECONDS(20)), THREADING_TIMEOUT);
  const threading_thread ends = spawn_thread(shut_down, NULL);
  wait_blocked(ends);
  EQ(stats_of(pool).done, 2);
  open_gate(&inside);
  EQ((intptr_t)finish_thread(ends), 2);
  finish_thread(caller);
  EQ(stats_of(pool).done, 3);
  OK(threading_pool_wait(pool, 0));
  OK(threading_event_destroy(inside.open));
  OK(threading_pool_destroy(pool));
}

static void submit_stand_and_wait(int64_t begin, int64_t end, void *arg) {
  EQ(begin + 1, end);
  const threading_future future = submit(pool, give_back, arg);
  CHECK(stand_in_gate(arg) == arg);
  CHECK(result_of(future) == arg);
}

static void *visit_and_wait(void *arg) {
  OK(threading_parallel_for(pool, 0, 1, 1, submit_stand_and_wait, arg));
  return arg;
}

// The only thread has stayed for what the guest has queued, and has nothing to do when the guest goes.
TEST(the_end_comes_when_a_guest_has_done_itself_what_it_queued) {
  for (int idle = 0; idle < 2; idle++) {
    const int64_t long_enough = scaled(THREADING_MILLISECONDS(300));
    make_with_one_that_sleeps(idle ? long_enough : 0);
    make_gate(&inside);
    const threading_thread guest = spawn_thread(visit_and_wait, &inside);
    WAIT_UNTIL(atomic_load(&inside.inside) == 1);
    const threading_thread ends = spawn_thread(shut_down, NULL);
    wait_blocked(ends);
    const int64_t later = NOW_NS() + 2 * long_enough;
    WAIT_UNTIL(NOW_NS() > later);
    open_gate(&inside);
    finish_thread(guest);
    finish_thread(ends);
    OK(threading_event_destroy(inside.open));
    OK(threading_pool_destroy(pool));
  }
}

TEST(the_process_ends_though_a_pool_was_destroyed_while_a_caller_ran_a_task) {
  gate first;
  threading_future held;
  const threading_thread caller = begin_caller_run(&first, &held);
  OK(threading_pool_destroy(pool));
  release_workers(&first, 1, &held);
  WAIT_UNTIL(threading_active_count() == 2);  // main and the caller
  open_gate(&inside);
  finish_thread(caller);
  OK(threading_shutdown(scaled(THREADING_SECONDS(5))));
  OK(threading_event_destroy(inside.open));
}

// ---- Left by force ----

static threading_event may_begin;
static _Atomic int begun;
static threading_future nested;

static int32_t let_one_begin(void *arg) {
  (void)arg;
  if (atomic_fetch_add(&begun, 1) == 1) OK(threading_event_wait(may_begin, THREADING_FOREVER));
  return 0;
}

static void *leave(void *arg) {
  (void)arg;
  pthread_exit(NULL);
}

static void wait_for_nested(void *arg) {
  void *result;
  threading_future_result(nested, THREADING_FOREVER, &result);
  harness_fail(__FILE__, __LINE__, "came back to %p", arg);
}

static void *run_and_be_left(void *arg) {
  threading_pool_execute(pool, wait_for_nested, arg);
  harness_fail(__FILE__, __LINE__, "came back to %p", arg);
}

// The caller runs a task that waits for another one, and so runs that, too, which ends the thread.
TEST(a_task_inside_of_one_that_a_caller_runs_ends_the_thread) {
  OK(threading_set_excepthook(ignore_failures, NULL));
  may_begin = make_event();
  pool = make_with(2, OPTIONS(.max_queued = 1, .when_full = THREADING_FULL_CALLER_RUNS, .initializer = let_one_begin));
  make_gate(&inside);
  threading_future held;
  hold_workers(pool, &inside, 1, &held);
  nested = submit(pool, leave, NULL);
  WAIT_UNTIL(atomic_load(&begun) == 2);
  const threading_thread caller = spawn_thread(run_and_be_left, NULL);
  OK(threading_thread_join(caller, THREADING_FOREVER));
  OK(threading_thread_destroy(caller));
  FAILURE_IS(nested, THREADING_CANCELLED, "");
  OK(threading_future_destroy(nested));
  OK(threading_event_set(may_begin));
  release_workers(&inside, 1, &held);
  OK(threading_pool_wait(pool, scaled(THREADING_SECONDS(5))));
  WAIT_UNTIL(stats_of(pool).busy == 0);  // a thread may just be looking
  EQ(stats_of(pool).done, 3);
  finish_pool(pool);
  OK(threading_event_destroy(may_begin));
}

static void say_blocked_and_leave(int64_t begin, int64_t end, void *arg) {
  EQ(begin + 1, end);
  CHECK(arg == NULL);
  OK(threading_blocking_begin());
  pthread_exit(NULL);
}

static void *loop_and_be_left(void *arg) {
  threading_parallel_for(pool, 0, 1, 1, say_blocked_and_leave, arg);
  harness_fail(__FILE__, __LINE__, "came back to %p", arg);
}

TEST(a_guest_that_said_it_waits_ends_its_thread) {
  pool = make_pool(2);
  const threading_thread guest = spawn_thread(loop_and_be_left, NULL);
  OK(threading_thread_join(guest, THREADING_FOREVER));
  OK(threading_thread_destroy(guest));
  EQ(stats_of(pool).blocked, 0);
  WAIT_UNTIL(stats_of(pool).busy == 0);  // a thread may just be looking
  finish_pool(pool);
}

// ---- Room ----

static void queue_two(int64_t begin, int64_t end, void *arg) {
  EQ(begin + 1, end);
  for (int i = 0; i < 2; i++) OK(threading_pool_execute(pool, count, arg));
}

static void *loop_in_another_pool(void *arg) {
  OK(threading_parallel_for(*(threading_pool *)arg, 0, 1, 1, queue_two, NULL));
  return arg;
}

TEST(a_worker_that_is_a_guest_elsewhere_never_waits_for_room_in_its_own_pool) {
  threading_pool other = make_pool(1);
  for (int32_t when_full = THREADING_FULL_BLOCK; when_full <= THREADING_FULL_CALLER_RUNS; when_full++) {
    pool = make_with(1, OPTIONS(.max_queued = 1, .when_full = when_full));
    CHECK(result_of(submit(pool, loop_in_another_pool, &other)) == &other);
    finish_pool(pool);
  }
  EQ(atomic_load(&ran), 6);
  finish_pool(other);
}
