// threading_pool: how it is made, what it does with tasks, in which order, and what it says of itself.
#include "pool.h"

// ---- Making ----

TEST(create_and_destroy) {
  const threading_pool pool = make_pool(1);
  CHECK(pool.id != 0);
  EQ(stats_of(pool).workers, 0);
  OK(threading_pool_destroy(pool));
  IS(threading_pool_destroy(pool), THREADING_E_HANDLE);
  // Nobody has asked for the default pool yet: its handle is not 0.
  IS(threading_pool_destroy((threading_pool){ 0 }), THREADING_E_HANDLE);
}

TEST(create_without_a_place_for_the_handle) {
  IS(threading_pool_create(1, NULL, NULL), THREADING_E_INVALID);
}

TEST(zero_workers_are_as_many_as_processors) {
  const threading_pool pool = make_pool(0);
  const int32_t count = (int32_t)threading_cpu_count();
  gate gate;
  make_gate(&gate);
  threading_future *futures = calloc((size_t)count + 1, sizeof *futures);
  CHECK(futures);
  hold_workers(pool, &gate, count, futures);
  futures[count] = submit(pool, stand_in_gate, &gate);
  EQ(stats_of(pool).workers, count);
  EQ(stats_of(pool).queued, 1);
  release_workers(&gate, count + 1, futures);
  finish_pool(pool);
  free(futures);
}

TEST(more_workers_than_any_pool_can_have) {
  threading_pool pool = { 77 };
  IS(threading_pool_create(1000000, NULL, &pool), THREADING_E_INVALID);
  IS(threading_pool_create(UINT32_MAX, NULL, &pool), THREADING_E_INVALID);
  EQ(pool.id, 77);
}

TEST(threads_start_when_there_is_work_for_them) {
  const threading_pool pool = make_pool(4);
  const int64_t before = threading_active_count();
  gate gate;
  make_gate(&gate);
  threading_future futures[4];
  for (int32_t i = 0; i < 4; i++) {
    hold_workers(pool, &gate, 1, &futures[i]);
    EQ(stats_of(pool).workers, i + 1);
    EQ(threading_active_count(), before + i + 1);
  }
  release_workers(&gate, 4, futures);
  finish_pool(pool);
  EQ(threading_active_count(), before);
}

TEST(one_task_after_the_other_needs_one_thread) {
  const threading_pool pool = make_pool(8);
  for (int i = 0; i < 1000; i++) result_of(submit(pool, give_back, NULL));
  EQ(stats_of(pool).workers, 1);
  finish_pool(pool);
}

// ---- Tasks ----

TEST(submit_gives_the_result) {
  const threading_pool pool = make_pool(2);
  int here;
  CHECK(result_of(submit(pool, give_back, &here)) == &here);
  CHECK(result_of(submit(pool, give_back, NULL)) == NULL);
  finish_pool(pool);
}

TEST(execute_runs_the_callback_once) {
  const threading_pool pool = make_pool(3);
  _Atomic int64_t count = 0;
  for (int i = 0; i < 10000; i++) OK(threading_pool_execute(pool, count_up, &count));
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  EQ(atomic_load(&count), 10000);
  finish_pool(pool);
  EQ(atomic_load(&count), 10000);
}

static void *is_other_thread(void *arg) {
  CHECK(threading_get_ident() != *(uint64_t *)arg);
  CHECK(threading_worker_index() == 0);
  return arg;
}

TEST(tasks_run_on_the_pools_threads) {
  const threading_pool pool = make_pool(1);
  uint64_t own = threading_get_ident();
  EQ(threading_worker_index(), -1);
  CHECK(result_of(submit(pool, is_other_thread, &own)) == &own);
  EQ(threading_worker_index(), -1);
  finish_pool(pool);
}

typedef struct tree {
  threading_pool pool;
  int depth;
  _Atomic int64_t leaves;
} tree;

static tree *grown;

static void grow(void *arg) {
  const intptr_t depth = (intptr_t)arg;
  if (depth == 0) {
    atomic_fetch_add(&grown->leaves, 1);
    return;
  }
  OK(threading_pool_execute(grown->pool, grow, (void *)(depth - 1)));
  OK(threading_pool_execute(grown->pool, grow, (void *)(depth - 1)));
}

TEST(tasks_queue_tasks) {
  for (uint32_t workers = 1; workers <= 4; workers++) {
    tree tree = { .pool = make_pool(workers) };
    grown = &tree;
    OK(threading_pool_execute(tree.pool, grow, (void *)14));
    OK(threading_pool_wait(tree.pool, THREADING_FOREVER));
    EQ(atomic_load(&tree.leaves), 1 << 14);
    finish_pool(tree.pool);
  }
}

static threading_pool others[3];
static _Atomic int64_t passed;

static void pass_on(void *arg) {
  const intptr_t left = (intptr_t)arg;
  atomic_fetch_add(&passed, 1);
  if (left > 0) OK(threading_pool_execute(others[left % 3], pass_on, (void *)(left - 1)));
}

TEST(tasks_pass_from_pool_to_pool) {
  for (int i = 0; i < 3; i++) others[i] = make_pool(2);
  for (int i = 0; i < 8; i++) OK(threading_pool_execute(others[0], pass_on, (void *)999));
  WAIT_UNTIL(atomic_load(&passed) == 8000);
  for (int i = 0; i < 3; i++) finish_pool(others[i]);
}

TEST(a_target_is_needed) {
  const threading_pool pool = make_pool(1);
  threading_future future = { 77 };
  IS(threading_pool_submit(pool, NULL, NULL, &future), THREADING_E_INVALID);
  IS(threading_pool_submit(pool, give_back, NULL, NULL), THREADING_E_INVALID);
  IS(threading_pool_submit_priority(pool, NULL, NULL, 0, &future), THREADING_E_INVALID);
  IS(threading_pool_submit_priority(pool, give_back, NULL, 0, NULL), THREADING_E_INVALID);
  IS(threading_pool_execute(pool, NULL, NULL), THREADING_E_INVALID);
  EQ(future.id, 77);
  EQ(stats_of(pool).queued, 0);
  finish_pool(pool);
}

// ---- The pool of everybody ----

static void *ask_for_default(void *arg) {
  (void)arg;
  return (void *)(uintptr_t)threading_default_pool().id;
}

TEST(there_is_one_default_pool) {
  threading_thread threads[8];
  for (int i = 0; i < 8; i++) threads[i] = spawn_thread(ask_for_default, NULL);
  const threading_pool pool = threading_default_pool();
  CHECK(pool.id != 0);
  for (int i = 0; i < 8; i++) EQ((uintptr_t)finish_thread(threads[i]), pool.id);
  int here;
  CHECK(result_of(submit(pool, give_back, &here)) == &here);
  CHECK((uintptr_t)result_of(submit(pool, ask_for_default, NULL)) == pool.id);
}

TEST(the_default_pool_is_not_anybodys_to_destroy) {
  const threading_pool pool = threading_default_pool();
  IS(threading_pool_destroy(pool), THREADING_E_STATE);
  int here;
  CHECK(result_of(submit(pool, give_back, &here)) == &here);
}

// ---- Order ----

static int64_t order[OWNED];
static _Atomic int64_t ordered;

static void *note(void *arg) {
  order[atomic_fetch_add(&ordered, 1)] = (intptr_t)arg;
  return arg;
}

static void note_only(void *arg) { note(arg); }

TEST(one_worker_takes_tasks_in_the_order_of_arrival) {
  const threading_pool pool = make_pool(1);
  gate gate;
  make_gate(&gate);
  threading_future held;
  hold_workers(pool, &gate, 1, &held);
  for (intptr_t i = 0; i < OWNED; i++) {
    if (i % 3 == 0) OK(threading_future_destroy(submit(pool, note, (void *)i)));
    else OK(threading_pool_execute(pool, note_only, (void *)i));
  }
  EQ(stats_of(pool).queued, OWNED);
  release_workers(&gate, 1, &held);
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  for (int64_t i = 0; i < OWNED; i++) EQ(order[i], i);
  finish_pool(pool);
}

TEST(the_lowest_priority_comes_first_and_equal_ones_in_order_of_arrival) {
  const threading_pool pool = make_pool(1);
  const int64_t priorities[] = { 5, -3, INT64_MAX, 0, INT64_MIN, 5, -3, 0 };
  gate gate;
  make_gate(&gate);
  threading_future held;
  hold_workers(pool, &gate, 1, &held);
  for (intptr_t i = 0; i < 800; i++) {
    threading_future future;
    OK(threading_pool_submit_priority(pool, note, (void *)i, priorities[i % 8], &future));
    OK(threading_future_destroy(future));
  }
  release_workers(&gate, 1, &held);
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  EQ(atomic_load(&ordered), 800);
  for (int64_t i = 1; i < 800; i++) {
    const int64_t before = priorities[order[i - 1] % 8], now = priorities[order[i] % 8];
    CHECK(before <= now);
    if (before == now) CHECK(order[i - 1] < order[i]);
  }
  finish_pool(pool);
}

TEST(a_plain_submit_and_execute_have_priority_zero) {
  const threading_pool pool = make_pool(1);
  gate gate;
  make_gate(&gate);
  threading_future held, futures[5];
  hold_workers(pool, &gate, 1, &held);
  OK(threading_pool_submit_priority(pool, note, (void *)4, 1, &futures[0]));
  futures[1] = submit(pool, note, (void *)1);
  OK(threading_pool_execute(pool, note_only, (void *)2));
  OK(threading_pool_submit_priority(pool, note, (void *)3, 0, &futures[2]));
  OK(threading_pool_submit_priority(pool, note, (void *)0, -1, &futures[3]));
  release_workers(&gate, 1, &held);
  for (int i = 0; i < 4; i++) result_of(futures[i]);
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  for (int64_t i = 0; i < 5; i++) EQ(order[i], i);
  finish_pool(pool);
}

static threading_pool prioritised;

static void *queue_two(void *arg) {
  threading_future future;
  OK(threading_pool_submit_priority(prioritised, note, (void *)2, 9, &future));
  OK(threading_future_destroy(future));
  OK(threading_pool_submit_priority(prioritised, note, (void *)0, -9, &future));
  OK(threading_future_destroy(future));
  return arg;
}

TEST(priorities_hold_for_what_a_worker_queues) {
  prioritised = make_pool(1);
  gate gate;
  make_gate(&gate);
  threading_future held;
  hold_workers(prioritised, &gate, 1, &held);
  OK(threading_future_destroy(submit(prioritised, queue_two, NULL)));
  OK(threading_future_destroy(submit(prioritised, note, (void *)1)));
  release_workers(&gate, 1, &held);
  OK(threading_pool_wait(prioritised, THREADING_FOREVER));
  for (int64_t i = 0; i < 3; i++) EQ(order[i], i);
  finish_pool(prioritised);
}

// ---- What it says of itself ----

static void *busy_for_2_ms(void *arg) {
  const int64_t end = NOW_NS() + THREADING_MILLISECONDS(2);
  while (NOW_NS() < end) {}
  return arg;
}

TEST(statistics_count_what_is_done) {
  const threading_pool pool = make_pool(2);
  threading_pool_statistics stats = stats_of(pool);
  EQ(stats.size, sizeof stats);
  EQ(stats.workers, 0);
  EQ(stats.busy, 0);
  EQ(stats.idle, 0);
  EQ(stats.blocked, 0);
  EQ(stats.queued, 0);
  EQ(stats.done, 0);
  EQ(stats.most_queued, 0);
  EQ(stats.wait_ns, 0);
  EQ(stats.run_ns, 0);

  gate gate;
  make_gate(&gate);
  threading_future held[2], futures[5];
  hold_workers(pool, &gate, 2, held);
  const int64_t queued_at = NOW_NS();
  for (int i = 0; i < 5; i++) futures[i] = submit(pool, busy_for_2_ms, NULL);
  stats = stats_of(pool);
  EQ(stats.workers, 2);
  EQ(stats.busy, 2);
  EQ(stats.idle, 0);
  EQ(stats.blocked, 0);
  EQ(stats.queued, 5);
  EQ(stats.done, 0);
  EQ(stats.most_queued, 5);
  WAIT_UNTIL(NOW_NS() > queued_at + THREADING_MILLISECONDS(5));
  release_workers(&gate, 2, held);
  for (int i = 0; i < 5; i++) result_of(futures[i]);
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  stats = stats_of(pool);
  EQ(stats.workers, 2);
  EQ(stats.busy, 0);
  EQ(stats.idle, 2);
  EQ(stats.blocked, 0);
  EQ(stats.queued, 0);
  EQ(stats.done, 7);
  EQ(stats.most_queued, 5);
  CHECK(stats.wait_ns >= 5 * THREADING_MILLISECONDS(5));
  CHECK(stats.run_ns >= 2 * THREADING_MILLISECONDS(5) + 5 * THREADING_MILLISECONDS(2));
  finish_pool(pool);
}

static int64_t begun_ns;

static void note_beginning(void *arg) {
  (void)arg;
  begun_ns += NOW_NS();
}

// Where many tasks wait, not each is timed: the sum is right all the same, but for some percent.
TEST(the_time_that_many_tasks_wait_is_counted) {
  enum { BURSTS = 100, TASKS = 100 };
  const threading_pool pool = make_pool(1);
  gate gate;
  make_gate(&gate);
  threading_future held;
  hold_workers(pool, &gate, 1, &held);
  int64_t put_ns = 0;
  for (int burst = 0; burst < BURSTS; burst++) {
    const int64_t until = NOW_NS() + THREADING_MILLISECONDS(1) / 2;
    for (int i = 0; i < TASKS; i++) {
      put_ns += NOW_NS();
      OK(threading_pool_execute(pool, note_beginning, NULL));
    }
    WAIT_UNTIL(NOW_NS() > until);
  }
  release_workers(&gate, 1, &held);
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  const double waited = (double)(begun_ns - put_ns), counted = (double)stats_of(pool).wait_ns;
  CHECK(waited > 0);
  CHECK(counted > 0.9 * waited);
  CHECK(counted < 1.1 * waited);
  finish_pool(pool);
}

TEST(statistics_are_complete_when_a_result_is_there) {
  const threading_pool pool = make_pool(2);
  for (int i = 1; i <= 1000; i++) {
    result_of(submit(pool, give_back, NULL));
    EQ(stats_of(pool).done, i);
  }
  finish_pool(pool);
}

static threading_future awaited;

static void *await(void *arg) {
  void *result;
  OK(threading_future_result(awaited, THREADING_FOREVER, &result));
  return arg;
}

static void *hint(void *arg) {
  OK(threading_blocking_begin());
  stand_in_gate(arg);
  OK(threading_blocking_end());
  return arg;
}

TEST(statistics_count_the_blocked) {
  const threading_pool pool = make_pool(2);
  OK(threading_future_create(&awaited));
  gate gate;
  make_gate(&gate);
  const threading_future one = submit(pool, await, NULL), other = submit(pool, hint, &gate);
  WAIT_UNTIL(stats_of(pool).blocked == 2);
  EQ(stats_of(pool).busy, 0);
  OK(threading_future_set_result(awaited, NULL));
  result_of(one);
  EQ(stats_of(pool).blocked, 1);
  open_gate(&gate);
  result_of(other);
  EQ(stats_of(pool).blocked, 0);
  OK(threading_future_destroy(awaited));
  finish_pool(pool);
}

TEST(statistics_of_other_sizes) {
  const threading_pool pool = make_pool(1);
  result_of(submit(pool, give_back, NULL));
  struct {
    threading_pool_statistics stats;
    uint64_t more[4];
  } larger;
  memset(&larger, 0xa5, sizeof larger);
  larger.stats.size = sizeof larger;
  OK(threading_pool_stats(pool, &larger.stats));
  EQ(larger.stats.done, 1);
  for (int i = 0; i < 4; i++) EQ(larger.more[i], 0xa5a5a5a5a5a5a5a5);
  for (size_t size = 0; size < sizeof larger.stats; size += 8) {
    memset(&larger, 0xa5, sizeof larger);
    larger.stats.size = size;
    IS(threading_pool_stats(pool, &larger.stats), THREADING_E_INVALID);
    EQ((uint64_t)larger.stats.done, 0xa5a5a5a5a5a5a5a5);
    EQ(larger.stats.size, size);
  }
  IS(threading_pool_stats(pool, NULL), THREADING_E_INVALID);
  finish_pool(pool);
}

// ---- Blocking ----

TEST(blocking_is_for_tasks_and_in_pairs) {
  IS(threading_blocking_begin(), THREADING_E_STATE);
  IS(threading_blocking_end(), THREADING_E_STATE);
}

static void *unpaired(void *arg) {
  IS(threading_blocking_end(), THREADING_E_STATE);
  OK(threading_blocking_begin());
  OK(threading_blocking_begin());
  OK(threading_blocking_end());
  OK(threading_blocking_end());
  IS(threading_blocking_end(), THREADING_E_STATE);
  return arg;
}

TEST(blocking_pairs_nest) {
  const threading_pool pool = make_pool(1);
  result_of(submit(pool, unpaired, NULL));
  EQ(stats_of(pool).blocked, 0);
  finish_pool(pool);
}

TEST(another_worker_comes_for_one_that_blocks) {
  const threading_pool pool = make_pool(1);
  gate gate;
  make_gate(&gate);
  threading_future futures[8];
  for (int i = 0; i < 8; i++) futures[i] = submit(pool, hint, &gate);
  WAIT_UNTIL(atomic_load(&gate.inside) == 8);
  int here;
  CHECK(result_of(submit(pool, give_back, &here)) == &here);
  release_workers(&gate, 8, futures);
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  EQ(stats_of(pool).blocked, 0);
  finish_pool(pool);
}
