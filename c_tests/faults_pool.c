// Faults of pools, futures, groups and parallel loops: section G of docs/faults.md.
#include "child.h"
#include "pool.h"

#include <sched.h>

static threading_pool pool;

// ---- Waiting in workers ----

static void *nest(void *arg) {
  const intptr_t depth = (intptr_t)arg;
  if (depth == 0) return (void *)1;
  return (void *)((intptr_t)result_of(submit(pool, nest, (void *)(depth - 1))) + 1);
}

TEST(fault_G1_a_task_waits_for_a_task_of_its_own_pool) {
  pool = make_pool(1);
  EQ((intptr_t)result_of(submit(pool, nest, (void *)100)), 101);
  finish_pool(pool);
}

static threading_lock guard;

static void add_range(int64_t begin, int64_t end, void *arg) {
  atomic_fetch_add((_Atomic int64_t *)arg, end - begin);
}

static void loop_under_lock(int64_t begin, int64_t end, void *arg) {
  for (; begin < end; begin++) {
    OK(threading_lock_acquire(guard, THREADING_FOREVER));
    OK(threading_parallel_for(pool, 0, 10, 1, add_range, arg));
    OK(threading_lock_release(guard));
  }
}

TEST(fault_G2_a_lock_is_held_across_parallel_work) {
  OK(threading_set_parallelism(4, NULL));
  OK(threading_lock_create(&guard));
  pool = make_pool(4);
  _Atomic int64_t count = 0;
  for (int round = 0; round < 100; round++)
    OK(threading_parallel_for(pool, 0, 10, 1, loop_under_lock, (void *)&count));
  EQ(atomic_load(&count), 10000);
  OK(threading_lock_destroy(guard));
  finish_pool(pool);
}

// ---- The end of a pool ----

TEST(fault_G3_submit_after_shutdown) {
  pool = make_pool(1);
  threading_future future = { 77 };
  OK(threading_pool_shutdown(pool, 0, 0));
  IS(threading_pool_submit(pool, give_back, NULL, &future), THREADING_CLOSED);
  IS(threading_pool_execute(pool, nothing, NULL), THREADING_CLOSED);
  EQ(future.id, 77);
  finish_pool(pool);
}

static void *shut_down_own(void *arg) {
  IS(threading_pool_shutdown(pool, 1, 0), THREADING_E_DEADLOCK);
  OK(threading_pool_shutdown(pool, 0, 0));
  return arg;
}

TEST(fault_G4_a_task_waits_for_the_end_of_its_own_pool) {
  pool = make_pool(1);
  result_of(submit(pool, shut_down_own, NULL));
  finish_pool(pool);
}

TEST(fault_G5_a_task_does_not_end) {
  pool = make_pool(1);
  gate gate;
  make_gate(&gate);
  threading_future held;
  hold_workers(pool, &gate, 1, &held);
  OK(threading_pool_shutdown(pool, 0, 0));
  IS(threading_pool_wait(pool, THREADING_MILLISECONDS(1)), THREADING_TIMEOUT);
  EQ(threading_future_running(held), 1);
  IS(threading_shutdown(0), THREADING_TIMEOUT);
  release_workers(&gate, 1, &held);
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  finish_pool(pool);
}

TEST(fault_G8_destroy_with_queued_tasks) {
  pool = make_pool(1);
  gate gate;
  make_gate(&gate);
  threading_future futures[100];
  hold_workers(pool, &gate, 1, futures);
  for (int i = 1; i < 100; i++) futures[i] = submit(pool, stand_in_gate, &gate);
  OK(threading_pool_destroy(pool));
  IS(threading_pool_execute(pool, nothing, NULL), THREADING_E_HANDLE);
  release_workers(&gate, 100, futures);
}

// ---- Cancelling against running ----

enum { CONTESTED = 1000 };
static threading_future contested[CONTESTED];
static atomic_int outcomes[CONTESTED], destroyed_of[CONTESTED], called_of[CONTESTED];
static _Atomic int64_t published;
static int64_t in_all, ran_in_all;

static void *run_contested(void *arg) {
  EQ(atomic_fetch_add(&outcomes[(intptr_t)arg], 1), 0);
  return arg;
}

static void destroy_contested(void *arg) { EQ(atomic_fetch_add(&destroyed_of[(intptr_t)arg], 1), 0); }

static void call_contested(threading_future future, void *arg) {
  CHECK(threading_future_done(future) == 1);
  EQ(atomic_fetch_add(&called_of[(intptr_t)arg], 1), 0);
}

static void *cancel_contested(void *arg) {
  for (int i = 0; i < CONTESTED; i++) {
    while (atomic_load(&published) <= i) sched_yield();
    const threading_status status = threading_future_cancel(contested[i]);
    CHECK(status == THREADING_OK || status == THREADING_E_STATE);
    CHECK(threading_future_cancelled(contested[i]) == (status == THREADING_OK));
  }
  return arg;
}

static void contest(void) {
  memset((void *)outcomes, 0, sizeof outcomes);
  memset((void *)destroyed_of, 0, sizeof destroyed_of);
  memset((void *)called_of, 0, sizeof called_of);
  atomic_store(&published, 0);
  const threading_thread cancellers[] = { spawn_thread(cancel_contested, NULL),
                                          spawn_thread(cancel_contested, NULL) };
  for (intptr_t i = 0; i < CONTESTED; i++) {
    contested[i] = submit(pool, run_contested, (void *)i);
    OK(threading_future_add_done_callback(contested[i], call_contested, (void *)i, NULL));
    atomic_store(&published, i + 1);
  }
  for (int i = 0; i < 2; i++) finish_thread(cancellers[i]);
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  for (int i = 0; i < CONTESTED; i++) {
    const int ran = atomic_load(&outcomes[i]), cancelled = threading_future_cancelled(contested[i]);
    EQ(ran + cancelled, 1);
    EQ(atomic_load(&destroyed_of[i]), 1);
    EQ(atomic_load(&called_of[i]), 1);
    ran_in_all += ran;
    OK(threading_future_destroy(contested[i]));
  }
  in_all += CONTESTED;
}

TEST(fault_G6_cancel_against_begin_and_end) {
  pool = make_pool_with_destructor(2, destroy_contested);
  const int64_t end = NOW_NS() + THREADING_SECONDS(5);
  while (in_all < share(1000000) && NOW_NS() < end) contest();
  CHECK(ran_in_all > 0 && ran_in_all < in_all);
  finish_pool(pool);
}

// ---- Tasks that end by force ----

static void leave(void *arg) { leave_by_force(arg); }

static void fail_with_8(void *arg) {
  (void)arg;
  OK(threading_fail(8, NULL));
}

TEST(fault_G7_tasks_that_end_their_thread) {
  OK(threading_set_excepthook(ignore_failures, NULL));
  pool = make_pool(2);
  threading_future futures[250];
  for (int i = 0; i < 250; i++) {
    futures[i] = submit(pool, leave_by_force, NULL);
    OK(threading_pool_execute(pool, leave, NULL));
    OK(threading_future_destroy(submit(pool, fail_with_7, NULL)));
    OK(threading_pool_execute(pool, fail_with_8, NULL));
  }
  for (int i = 0; i < 250; i++) {
    FAILURE_IS(futures[i], THREADING_CANCELLED, "");
    OK(threading_future_destroy(futures[i]));
  }
  for (int i = 0; i < 1000; i++) CHECK(result_of(submit(pool, give_back, &pool)) == &pool);
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  const threading_pool_statistics stats = stats_of(pool);
  EQ(stats.done, 2000);
  EQ(stats.queued, 0);
  EQ(stats.busy, 0);
  CHECK(stats.workers <= 2);
  finish_pool(pool);
}

// ---- Futures ----

TEST(fault_G9_a_future_is_destroyed_early_asked_twice_set_twice) {
  pool = make_pool(1);
  gate gate;
  make_gate(&gate);
  threading_future held;
  hold_workers(pool, &gate, 1, &held);
  OK(threading_future_destroy(held));
  const threading_future asked = submit(pool, give_back, &gate);
  open_gate(&gate);
  void *result;
  for (int i = 0; i < 2; i++) {
    OK(threading_future_result(asked, THREADING_FOREVER, &result));
    CHECK(result == &gate);
  }
  finish_pool(pool);
  CHECK(result_of(asked) == &gate);
  threading_future promise;
  OK(threading_future_create(&promise));
  OK(threading_future_set_result(promise, &pool));
  IS(threading_future_set_result(promise, &gate), THREADING_E_STATE);
  IS(threading_future_set_failure(promise, 1, NULL), THREADING_E_STATE);
  CHECK(result_of(promise) == &pool);
}

static _Atomic int64_t called;

static void count_call(threading_future future, void *arg) {
  (void)future;
  (void)arg;
  atomic_fetch_add(&called, 1);
}

static void add_and_destroy(threading_future future, void *arg) {
  count_call(future, arg);
  OK(threading_future_add_done_callback(future, count_call, arg, NULL));
  OK(threading_future_destroy(future));
}

static void fail_and_leave(threading_future future, void *arg) {
  count_call(future, arg);
  threading_fail(1, "in a callback");
  pthread_exit(NULL);
}

TEST(fault_G10_callbacks_that_add_fail_leave_and_destroy) {
  OK(threading_set_excepthook(ignore_failures, NULL));
  pool = make_pool(1);
  gate gate;
  make_gate(&gate);
  threading_future held;
  hold_workers(pool, &gate, 1, &held);
  const threading_future future = submit(pool, give_back, NULL);
  OK(threading_future_add_done_callback(future, fail_and_leave, NULL, NULL));
  OK(threading_future_add_done_callback(future, add_and_destroy, NULL, NULL));
  OK(threading_future_add_done_callback(future, count_call, NULL, NULL));
  release_workers(&gate, 1, &held);
  result_of(submit(pool, give_back, NULL));
  finish_pool(pool);
  EQ(atomic_load(&called), 4);
  IS(threading_future_destroy(future), THREADING_E_HANDLE);
}

static threading_future awaited[2];
static threading_barrier start;

static void *set_first(void *arg) {
  OK(threading_barrier_wait(start, THREADING_FOREVER, NULL));
  OK(threading_future_set_result(awaited[0], arg));
  return arg;
}

TEST(fault_G19_a_result_meets_a_timeout) {
  OK(threading_barrier_create(2, NULL, NULL, THREADING_FOREVER, &start));
  for (int64_t i = 0; i < share(500); i++) {
    OK(threading_future_create(&awaited[0]));
    const threading_thread thread = spawn_thread(set_first, &start);
    void *result = NULL;
    OK(threading_barrier_wait(start, THREADING_FOREVER, NULL));
    const threading_status status = threading_future_result(awaited[0], i * 100 % 50000, &result);
    if (status == THREADING_OK) CHECK(result == &start);
    else IS(status, THREADING_TIMEOUT);
    finish_thread(thread);
    IS(threading_future_set_result(awaited[0], NULL), THREADING_E_STATE);
    CHECK(result_of(awaited[0]) == &start);
  }
  OK(threading_barrier_destroy(start));
}

TEST(fault_G23_several_futures_with_repetitions_none_and_strangers) {
  int32_t flags[3] = { 77, 77, 77 };
  for (int i = 0; i < 2; i++) OK(threading_future_create(&awaited[i]));
  const threading_future all[] = { awaited[0], awaited[1], awaited[0] };
  const threading_future strange[] = { awaited[0], { 0 }, { threading_main_thread().id } };
  OK(threading_future_set_result(awaited[0], NULL));
  OK(threading_futures_wait(all, 0, THREADING_ALL_COMPLETED, THREADING_FOREVER, NULL));
  OK(threading_futures_wait(all, 3, THREADING_FIRST_COMPLETED, THREADING_FOREVER, flags));
  EQ(flags[0] + flags[2], 2);
  EQ(flags[1], 0);
  IS(threading_futures_wait(all, 3, THREADING_ALL_COMPLETED, 0, flags), THREADING_TIMEOUT);
  for (size_t count = 2; count <= 3; count++)
    IS(threading_futures_wait(strange, count, THREADING_FIRST_COMPLETED, 0, flags), THREADING_E_HANDLE);
  IS(threading_futures_wait(strange + 2, 1, THREADING_ALL_COMPLETED, 0, flags), THREADING_E_HANDLE);
  for (int i = 0; i < 2; i++) OK(threading_future_destroy(awaited[i]));
}

// ---- Many tasks ----

TEST(fault_G11_a_million_queued_tasks) {
  pool = make_pool(1);
  gate gate;
  make_gate(&gate);
  threading_future held;
  hold_workers(pool, &gate, 1, &held);
  _Atomic int64_t count = 0;
  const int64_t many = share(1000000), before = resident_bytes();
  for (int64_t i = 0; i < many; i++) OK(threading_pool_execute(pool, count_up, (void *)&count));
  EQ(stats_of(pool).queued, many);
  if (!is_instrumented()) CHECK(resident_bytes() - before <= many * 64);
  release_workers(&gate, 1, &held);
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  EQ(atomic_load(&count), many);
  finish_pool(pool);

  const threading_pool_options options = { .size = sizeof options, .max_queued = 10,
                                           .when_full = THREADING_FULL_REJECT };
  OK(threading_pool_create(1, &options, &pool));
  make_gate(&gate);
  hold_workers(pool, &gate, 1, &held);
  for (int i = 0; i < 10; i++) OK(threading_pool_execute(pool, nothing, NULL));
  IS(threading_pool_execute(pool, nothing, NULL), THREADING_TIMEOUT);
  release_workers(&gate, 1, &held);
  finish_pool(pool);
}

enum { PRODUCERS = 64, EACH = 500 };
static int64_t next_of[PRODUCERS];

static void check_order(void *arg) {
  const int64_t n = (intptr_t)arg;
  EQ(next_of[n / EACH]++, n % EACH);
}

static void *produce(void *arg) {
  for (intptr_t i = 0; i < EACH; i++)
    OK(threading_pool_execute(pool, check_order, (void *)((intptr_t)arg * EACH + i)));
  return NULL;
}

TEST(fault_G12_sixty_four_producers_and_one_worker) {
  pool = make_pool(1);
  threading_thread threads[PRODUCERS];
  for (intptr_t i = 0; i < PRODUCERS; i++) threads[i] = spawn_thread(produce, (void *)i);
  for (int i = 0; i < PRODUCERS; i++) finish_thread(threads[i]);
  finish_pool(pool);
  for (int i = 0; i < PRODUCERS; i++) EQ(next_of[i], EACH);
}

// ---- How many threads ----

// In a child: the limit concerns all processes of the user, so it is another user's.
SCENARIO(no_threads_to_be_had) {
  child_drop_privileges();
  const struct rlimit none = { 1, 1 };
  CHECK(setrlimit(RLIMIT_NPROC, &none) == 0);
  threading_thread refused = { 0 };
  const threading_status plain = threading_thread_spawn(give_back, NULL, NULL, &refused);
  if (plain == THREADING_OK) harness_skip("the limit of processes is not in force here");
  pool = make_pool(4);
  threading_future future = { 77 };
  IS(threading_pool_submit(pool, give_back, NULL, &future), THREADING_E_NO_THREAD);
  IS(threading_pool_execute(pool, nothing, NULL), THREADING_E_NO_THREAD);
  EQ(future.id, 77);
  EQ(stats_of(pool).queued, 0);
  EQ(stats_of(pool).workers, 0);
  // Loops need nobody.
  _Atomic int64_t count = 0;
  OK(threading_parallel_for(pool, 0, 1000, 1, add_range, (void *)&count));
  EQ(atomic_load(&count), 1000);
  OK(threading_pool_shutdown(pool, 1, 0));
  OK(threading_pool_destroy(pool));
  _exit(0);
}

TEST(fault_G13_no_workers_too_many_and_none_to_be_had) {
  threading_pool other = { 77 };
  IS(threading_pool_create(1000000, NULL, &other), THREADING_E_INVALID);
  EQ(other.id, 77);
  pool = make_pool(0);
  CHECK(result_of(submit(pool, give_back, &pool)) == &pool);
  finish_pool(pool);
  EQ(child_exec("no_threads_to_be_had", NULL, 0), 0);
}

static _Atomic int64_t inside, most_inside;

static void count_inside(int64_t begin, int64_t end, void *arg) {
  CHECK(begin < end && arg == NULL);
  const int64_t now = atomic_fetch_add(&inside, 1) + 1;
  int64_t most = atomic_load(&most_inside);
  while (now > most && !atomic_compare_exchange_weak(&most_inside, &most, now)) {}
  sched_yield();
  atomic_fetch_sub(&inside, 1);
}

static void loop_inside(int64_t begin, int64_t end, void *arg) {
  for (; begin < end; begin++)
    OK(threading_parallel_for(((threading_pool *)arg)[begin % 2], 0, 20, 1, count_inside, NULL));
}

TEST(fault_G14_nested_loops_of_many_pools) {
  threading_pool pools[2] = { make_pool(8), make_pool(8) };
  OK(threading_set_parallelism(2, NULL));
  for (int round = 0; round < 50; round++)
    OK(threading_parallel_for(pools[0], 0, 40, 1, loop_inside, pools));
  if (atomic_load(&most_inside) > 2)
    harness_fail(__FILE__, __LINE__, "%lld bodies at once", (long long)atomic_load(&most_inside));
  for (int i = 0; i < 2; i++) finish_pool(pools[i]);
}

static void *stand_with_hint(void *arg) {
  OK(threading_blocking_begin());
  stand_in_gate(arg);
  OK(threading_blocking_end());
  return arg;
}

TEST(fault_G15_all_workers_wait_for_something_outside) {
  pool = make_pool(2);
  gate gate;
  make_gate(&gate);
  threading_future futures[4];
  for (int i = 0; i < 4; i++) futures[i] = submit(pool, stand_with_hint, &gate);
  WAIT_UNTIL(atomic_load(&gate.inside) == 4);
  CHECK(result_of(submit(pool, give_back, &pool)) == &pool);
  release_workers(&gate, 4, futures);
  finish_pool(pool);
}

// ---- The deque, and who sleeps ----

enum { NUMBERS = 200000 };
static atomic_uchar seen[NUMBERS];

static void see(int64_t begin, int64_t end, void *arg) {
  CHECK(arg == NULL);
  for (; begin < end; begin++) EQ(atomic_fetch_add(&seen[begin], 1), 0);
}

TEST(fault_G17_each_part_of_a_loop_is_done_once) {
  OK(threading_set_parallelism(4, NULL));
  pool = make_pool(4);
  const int64_t end = NOW_NS() + THREADING_SECONDS(4);
  for (int64_t round = 0; round < share(40) && NOW_NS() < end; round++) {
    memset((void *)seen, 0, sizeof seen);
    OK(threading_parallel_for(pool, 0, NUMBERS, 1 + round % 3, see, NULL));
    for (int64_t i = 0; i < NUMBERS; i++) EQ(atomic_load(&seen[i]), 1);
  }
  finish_pool(pool);
}

TEST(fault_G18_a_task_comes_while_all_go_to_sleep) {
  pool = make_pool(3);
  const int64_t end = NOW_NS() + THREADING_SECONDS(4);
  uint32_t random = 1;
  for (int64_t i = 0; i < share(200000) && NOW_NS() < end; i++) {
    void *result = NULL;
    const threading_future future = submit(pool, give_back, &pool);
    OK(threading_future_result(future, scaled(THREADING_SECONDS(1)), &result));
    OK(threading_future_destroy(future));
    random = random * 1664525 + 1013904223;
    // As long as a worker looks around before it sleeps, more or less.
    for (volatile uint32_t spin = 0; spin < random % 65536 / 4; spin++) {}
  }
  finish_pool(pool);
}

// ---- Maps ----

static void *args[100], *results[100];

static void *fail_at_50(void *arg) {
  if (arg == &args[50]) OK(threading_fail(50, "fifty"));
  return arg;
}

TEST(fault_G21_one_of_a_map_fails) {
  pool = make_pool(2);
  for (int i = 0; i < 100; i++) args[i] = &args[i];
  IS(threading_pool_map(pool, fail_at_50, args, 100, results, THREADING_FOREVER), THREADING_FAILED);
  LAST_FAILURE_IS(50, "fifty");
  for (int i = 0; i < 100; i++) CHECK(results[i] == NULL);
  OK(threading_pool_map(pool, give_back, args, 100, results, THREADING_FOREVER));
  for (int i = 0; i < 100; i++) CHECK(results[i] == &args[i]);
  finish_pool(pool);
}

// ---- Timers ----

enum { TIMERS = 100000 };
static threading_timer timers[TIMERS];
static _Atomic int64_t fired, destroyed_timers;

static void never(void *arg) {
  harness_fail(__FILE__, __LINE__, "a timer fired%s", arg ? "" : ".");
}

static void count_timer(void *arg) {
  (void)arg;
  atomic_fetch_add(&destroyed_timers, 1);
}

static void longer_than_its_period(void *arg) {
  (void)arg;
  atomic_fetch_add(&inside, 1);
  CHECK(atomic_load(&inside) == 1);
  const int64_t end = NOW_NS() + THREADING_MILLISECONDS(3);
  while (NOW_NS() < end) {}
  atomic_fetch_sub(&inside, 1);
  atomic_fetch_add(&fired, 1);
}

TEST(fault_G20_a_storm_of_timers_and_one_that_is_late) {
  const int64_t many = share(TIMERS);
  const threading_timer_options once = { .size = sizeof once, .arg_destructor = count_timer };
  for (int64_t i = 0; i < many; i++) {
    const int64_t interval = THREADING_SECONDS(3600) + i * 7919 % 1000000;
    OK(threading_timer_create(interval, never, NULL, &once, &timers[i]));
    OK(threading_timer_start(timers[i]));
  }
  const threading_timer_options periodic = { .size = sizeof periodic,
                                             .period_ns = THREADING_MILLISECONDS(1) };
  threading_timer late;
  OK(threading_timer_create(0, longer_than_its_period, NULL, &periodic, &late));
  const int64_t begun = NOW_NS();
  OK(threading_timer_start(late));
  for (int64_t i = 0; i < many; i++) OK(threading_timer_cancel(timers[i * 7919 % many]));
  for (int64_t i = 0; i < many; i++) OK(threading_timer_destroy(timers[i]));
  WAIT_UNTIL(atomic_load(&fired) >= 5);
  OK(threading_timer_cancel(late));
  IS(threading_timer_join(late, THREADING_FOREVER), THREADING_CANCELLED);
  // What it missed while it was late it does not catch up on.
  CHECK(atomic_load(&fired) <= (NOW_NS() - begun) / THREADING_MILLISECONDS(3) + 1);
  EQ(atomic_load(&destroyed_timers), many);
  OK(threading_timer_destroy(late));
}
