// threading_parallel_for: each index once, by whoever has nothing to do, and failures that reach the caller.
#include "pool.h"

enum { MOST = 100000 };
static _Atomic uint8_t seen[MOST];

typedef struct loop {
  int64_t begin, end, grain;
  _Atomic int64_t pieces;
} loop;

static void see(int64_t begin, int64_t end, void *arg) {
  loop *of = arg;
  CHECK(begin < end && begin >= of->begin && end <= of->end);
  if (of->grain > 0) {
    EQ((begin - of->begin) % of->grain, 0);
    CHECK(end - begin == of->grain || end == of->end);
  }
  for (; begin < end; begin++) atomic_fetch_add(&seen[begin - of->begin], 1);
  atomic_fetch_add(&of->pieces, 1);
}

static void each_once(threading_pool pool, int64_t begin, int64_t count, int64_t grain) {
  loop of = { .begin = begin, .end = begin + count, .grain = grain };
  memset((void *)seen, 0, (size_t)count);
  OK(threading_parallel_for(pool, of.begin, of.end, grain, see, &of));
  for (int64_t i = 0; i < count; i++) EQ(atomic_load(&seen[i]), 1);
  if (grain > 0 && count > 0) EQ(atomic_load(&of.pieces), (count - 1) / grain + 1);
}

TEST(each_index_once) {
  const int64_t counts[] = { 0, 1, 2, 3, 7, 64, 100, 1000, 4097, MOST };
  const int64_t grains[] = { 0, 1, 2, 3, 64, 1000, MOST, INT64_MAX };
  for (uint32_t workers = 1; workers <= 4; workers++) {
    const threading_pool pool = make_pool(workers);
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
      for (size_t g = 0; g < sizeof grains / sizeof grains[0]; g++) {
        each_once(pool, 0, counts[c], grains[g]);
        each_once(pool, -counts[c] / 2, counts[c], grains[g]);
      }
    }
    finish_pool(pool);
  }
}

static void never(int64_t begin, int64_t end, void *arg) {
  harness_fail(__FILE__, __LINE__, "%lld to %lld of %p", (long long)begin, (long long)end, arg);
}

TEST(nothing_to_do) {
  const threading_pool pool = make_pool(2);
  OK(threading_parallel_for(pool, 0, 0, 0, never, NULL));
  OK(threading_parallel_for(pool, 5, 4, 1, never, NULL));
  OK(threading_parallel_for(pool, INT64_MAX, INT64_MIN, 0, never, NULL));
  OK(threading_parallel_for(pool, INT64_MIN, INT64_MIN, 7, never, NULL));
  finish_pool(pool);
}

TEST(what_is_refused) {
  const threading_pool pool = make_pool(2);
  IS(threading_parallel_for(pool, 0, 10, -1, never, NULL), THREADING_E_INVALID);
  IS(threading_parallel_for(pool, 0, 10, INT64_MIN, never, NULL), THREADING_E_INVALID);
  IS(threading_parallel_for(pool, 0, 0, -1, never, NULL), THREADING_E_INVALID);
  IS(threading_parallel_for(pool, 0, 10, 0, NULL, NULL), THREADING_E_INVALID);
  IS(threading_parallel_for((threading_pool){ 0 }, 0, 10, 0, never, NULL), THREADING_E_HANDLE);
  OK(threading_pool_shutdown(pool, 1, 0));
  IS(threading_parallel_for(pool, 0, 10, 0, never, NULL), THREADING_CLOSED);
  OK(threading_pool_destroy(pool));
}

static _Atomic uint64_t length_low;
static _Atomic int64_t lowest, highest;

static void measure(int64_t begin, int64_t end, void *arg) {
  CHECK(begin < end && arg == NULL);
  atomic_fetch_add(&length_low, (uint64_t)end - (uint64_t)begin);
  int64_t now = atomic_load(&lowest);
  while (begin < now && !atomic_compare_exchange_weak(&lowest, &now, begin)) {}
  now = atomic_load(&highest);
  while (end > now && !atomic_compare_exchange_weak(&highest, &now, end)) {}
}

TEST(the_largest_ranges) {
  const threading_pool pool = make_pool(2);
  const int64_t ranges[][2] = {
    { INT64_MIN, INT64_MAX }, { INT64_MIN, 0 }, { 0, INT64_MAX }, { -1, INT64_MAX },
    { INT64_MAX - 1, INT64_MAX }, { INT64_MIN, INT64_MIN + 1 }, { INT64_MAX - 1000, INT64_MAX },
  };
  const int64_t grains[] = {
    0, INT64_MAX, INT64_MAX - 1, INT64_MAX / 2 + 1, (INT64_C(1) << 62) + 1, (INT64_C(1) << 62) + 2, INT64_C(1) << 56,
  };
  for (size_t r = 0; r < sizeof ranges / sizeof ranges[0]; r++) {
    for (size_t g = 0; g < sizeof grains / sizeof grains[0]; g++) {
      atomic_store(&length_low, 0);
      atomic_store(&lowest, INT64_MAX);
      atomic_store(&highest, INT64_MIN);
      OK(threading_parallel_for(pool, ranges[r][0], ranges[r][1], grains[g], measure, NULL));
      EQ(atomic_load(&length_low), (uint64_t)ranges[r][1] - (uint64_t)ranges[r][0]);
      EQ(atomic_load(&lowest), ranges[r][0]);
      EQ(atomic_load(&highest), ranges[r][1]);
    }
  }
  finish_pool(pool);
}

// ---- Who does it ----

enum { CHEAP = 255 };
static _Atomic uint64_t first_at_dear;
static atomic_bool another_came;

static void turn_dear(int64_t begin, int64_t end, void *arg) {
  (void)arg;
  const uint64_t self = threading_get_ident();
  uint64_t nobody = 0;
  if (end <= CHEAP) {
    for (volatile int64_t i = 0; i < (end - begin) * 5; i++) {
    }
  } else if (atomic_compare_exchange_strong(&first_at_dear, &nobody, self)) {
    const int64_t over = NOW_NS() + THREADING_MILLISECONDS(5);
    while (NOW_NS() < over) {
    }
  } else if (atomic_load(&first_at_dear) != self) {
    atomic_store(&another_came, true);
  } else {
    WAIT_UNTIL(atomic_load(&another_came));
  }
}

// What looks as if it were not worth waking anybody is seen again soon enough.
TEST(a_loop_that_turns_dear_is_shared) {
  OK(threading_set_parallelism(2, NULL));
  const threading_pool pool = make_pool(2);
  OK(threading_parallel_for(pool, 0, 1000, 0, turn_dear, NULL));
  CHECK(atomic_load(&another_came));
  finish_pool(pool);
}

static threading_barrier meet;

static void meet_others(int64_t begin, int64_t end, void *arg) {
  (void)arg;
  EQ(end - begin, 1);
  OK(threading_barrier_wait(meet, THREADING_SECONDS(8), NULL));
}

TEST(the_caller_and_the_workers_share_the_work) {
  uint32_t before;
  OK(threading_set_parallelism(4, &before));
  const threading_pool pool = make_pool(4);
  // Each of three bodies waits for the other two.
  OK(threading_barrier_create(3, NULL, NULL, THREADING_FOREVER, &meet));
  for (int round = 0; round < 20; round++) OK(threading_parallel_for(pool, 0, 3, 1, meet_others, NULL));
  OK(threading_barrier_destroy(meet));
  finish_pool(pool);
}

static _Atomic int in_use[4];
static _Atomic int64_t bodies;

static void index_is_ours(int64_t begin, int64_t end, void *arg) {
  const int32_t index = threading_worker_index();
  CHECK(arg == NULL);
  if (index < 0 || index >= 4) harness_fail(__FILE__, __LINE__, "the index is %d", index);
  EQ(atomic_exchange(&in_use[index], 1), 0);
  for (volatile int spin = 0; spin < 100; spin++) {}
  atomic_store(&in_use[index], 0);
  atomic_fetch_add(&bodies, end - begin);
}

TEST(no_two_threads_have_the_same_index_at_once) {
  OK(threading_set_parallelism(4, NULL));
  const threading_pool pool = make_pool(4);
  EQ(threading_worker_index(), -1);
  for (int round = 0; round < 200; round++) {
    OK(threading_parallel_for(pool, 0, 1000, 1, index_is_ours, NULL));
    EQ(threading_worker_index(), -1);
  }
  EQ(atomic_load(&bodies), 200000);
  finish_pool(pool);
}

static void index_is_in_bounds_inside(int64_t begin, int64_t end, void *arg) {
  const int32_t index = threading_worker_index();
  if (index < 0 || index >= 4) harness_fail(__FILE__, __LINE__, "the index is %d", index);
  CHECK(begin < end && arg == NULL);
}

static void index_is_in_bounds(int64_t begin, int64_t end, void *arg) {
  const threading_pool pool = *(threading_pool *)arg;
  const int32_t before = threading_worker_index();
  if (before < 0 || before >= 4) harness_fail(__FILE__, __LINE__, "the index is %d", before);
  (void)end;
  OK(threading_parallel_for(pool, 0, 20, 1, index_is_in_bounds_inside, NULL));
  EQ(threading_worker_index(), before);
  atomic_fetch_add(&bodies, begin >= 0);
}

TEST(the_index_stays_the_same_in_nested_loops) {
  OK(threading_set_parallelism(4, NULL));
  threading_pool pool = make_pool(4);
  for (int round = 0; round < 20; round++)
    OK(threading_parallel_for(pool, 0, 100, 1, index_is_in_bounds, &pool));
  EQ(atomic_load(&bodies), 2000);
  finish_pool(pool);
}

static _Atomic int32_t highest_number;
static threading_event leave[3];

// Says its number, and stays until it is told to leave.
static void *stay(void *arg) {
  const int32_t index = threading_worker_index();
  CHECK(index >= 0 && index < 3 && arg == NULL);
  atomic_fetch_add(&in_use[index], 1);
  OK(threading_event_wait(leave[index], THREADING_FOREVER));
  atomic_fetch_sub(&in_use[index], 1);
  return NULL;
}

static void *await_promise(void *arg) {
  const int32_t index = threading_worker_index();
  void *result;
  OK(threading_future_result(*(threading_future *)arg, THREADING_FOREVER, &result));
  EQ(threading_worker_index(), index);
  return NULL;
}

static void *just_return(void *arg) { return arg; }

static void note_number(int64_t begin, int64_t end, void *arg) {
  CHECK(begin < end && arg == NULL);
  const int32_t index = threading_worker_index();
  int32_t highest = atomic_load(&highest_number);
  while (index > highest && !atomic_compare_exchange_weak(&highest_number, &highest, index)) {}
  for (volatile int spin = 0; spin < 1000; spin++) {}
}

TEST(who_stands_in_for_a_worker_takes_no_part_in_loops) {
  OK(threading_set_parallelism(4, NULL));
  const threading_pool pool = make_pool(2);
  for (int i = 0; i < 3; i++) leave[i] = make_event();
  threading_future promise;
  OK(threading_future_create(&promise));
  threading_future waiter = submit(pool, await_promise, &promise);
  // The worker that waits keeps its number, another one works, and one more stands in.
  threading_future stay_one = submit(pool, stay, NULL), stay_two = submit(pool, stay, NULL);
  WAIT_UNTIL(atomic_load(&in_use[2]) + atomic_load(&in_use[1]) + atomic_load(&in_use[0]) == 2);
  EQ(atomic_load(&in_use[2]), 1);
  // With both numbers taken the caller works alone, though the one who stood in has gone.
  OK(threading_event_set(leave[2]));
  WAIT_UNTIL(atomic_load(&in_use[2]) == 0);
  OK(threading_parallel_for(pool, 0, 100, 1, note_number, NULL));
  EQ(atomic_load(&highest_number), 0);
  for (int i = 0; i < 2; i++) OK(threading_event_set(leave[i]));
  result_of(stay_one);
  result_of(stay_two);
  // It is there for tasks before each loop, and looks for more.
  for (int round = 0; round < 200; round++) {
    result_of(submit(pool, just_return, NULL));
    OK(threading_parallel_for(pool, 0, 100, 1, note_number, NULL));
  }
  EQ(atomic_load(&highest_number) < 2, 1);
  OK(threading_future_set_result(promise, NULL));
  result_of(waiter);
  OK(threading_future_destroy(promise));
  for (int i = 0; i < 3; i++) OK(threading_event_destroy(leave[i]));
  finish_pool(pool);
}

// ---- Nested, from everywhere ----

typedef struct square {
  threading_pool pool;
  _Atomic int64_t sum;
} square;

static void add_cells(int64_t begin, int64_t end, void *arg) {
  atomic_fetch_add(&((square *)arg)->sum, end - begin);
}

static void add_rows(int64_t begin, int64_t end, void *arg) {
  const square *of = arg;
  for (; begin < end; begin++) OK(threading_parallel_for(of->pool, 0, 50, 3, add_cells, arg));
}

static void *loop_in_loop(void *arg) {
  square *of = arg;
  OK(threading_parallel_for(of->pool, 0, 40, 1, add_rows, of));
  return arg;
}

TEST(loops_nest) {
  for (uint32_t workers = 1; workers <= 4; workers++) {
    square of = { .pool = make_pool(workers) };
    loop_in_loop(&of);
    EQ(atomic_load(&of.sum), 2000);
    result_of(submit(of.pool, loop_in_loop, &of));
    EQ(atomic_load(&of.sum), 4000);
    threading_future futures[6];
    for (int i = 0; i < 6; i++) futures[i] = submit(of.pool, loop_in_loop, &of);
    threading_thread threads[4];
    for (int i = 0; i < 4; i++) threads[i] = spawn_thread(loop_in_loop, &of);
    for (int i = 0; i < 4; i++) finish_thread(threads[i]);
    for (int i = 0; i < 6; i++) result_of(futures[i]);
    EQ(atomic_load(&of.sum), 24000);
    finish_pool(of.pool);
  }
}

static square inner;

static void loop_elsewhere(int64_t begin, int64_t end, void *arg) {
  (void)arg;
  for (; begin < end; begin++) {
    const int32_t index = threading_worker_index();
    OK(threading_parallel_for(inner.pool, 0, 50, 3, add_cells, &inner));
    EQ(threading_worker_index(), index);
  }
}

TEST(loops_of_two_pools_nest) {
  const threading_pool pool = make_pool(2);
  inner.pool = make_pool(2);
  for (int round = 0; round < 20; round++) OK(threading_parallel_for(pool, 0, 40, 1, loop_elsewhere, NULL));
  EQ(atomic_load(&inner.sum), 20 * 2000);
  finish_pool(pool);
  finish_pool(inner.pool);
}

TEST(a_loop_while_all_workers_are_busy) {
  const threading_pool pool = make_pool(2);
  gate gate;
  make_gate(&gate);
  threading_future held[2];
  hold_workers(pool, &gate, 2, held);
  each_once(pool, 0, 1000, 1);
  each_once(pool, 0, 1000, 0);
  release_workers(&gate, 2, held);
  finish_pool(pool);
}

static void submit_inside(int64_t begin, int64_t end, void *arg) {
  const square *of = arg;
  for (; begin < end; begin++) CHECK(result_of(submit(of->pool, give_back, arg)) == arg);
}

TEST(bodies_wait_for_tasks) {
  for (uint32_t workers = 1; workers <= 3; workers++) {
    square of = { .pool = make_pool(workers) };
    for (int round = 0; round < 20; round++)
      OK(threading_parallel_for(of.pool, 0, 50, 1, submit_inside, &of));
    finish_pool(of.pool);
  }
}

// ---- Failures ----

static void fail_at_0(int64_t begin, int64_t end, void *arg) {
  (void)end;
  atomic_fetch_add((_Atomic int64_t *)arg, 1);
  if (begin == 0) OK(threading_fail(70, "at zero"));
}

TEST(a_failure_ends_the_loop) {
  const threading_pool pool = make_pool(1);
  gate gate;
  make_gate(&gate);
  threading_future held;
  hold_workers(pool, &gate, 1, &held);  // so that the caller is alone
  const int64_t grains[] = { 1, 10, 0 };
  for (int g = 0; g < 3; g++) {
    _Atomic int64_t count = 0;
    IS(threading_parallel_for(pool, 0, 1000000, grains[g], fail_at_0, (void *)&count), THREADING_FAILED);
    LAST_FAILURE_IS(70, "at zero");
    EQ(atomic_load(&count), 1);
  }
  release_workers(&gate, 1, &held);
  finish_pool(pool);
}

static void fail_each(int64_t begin, int64_t end, void *arg) {
  (void)begin;
  (void)end;
  atomic_fetch_add((_Atomic int64_t *)arg, 1);
  OK(threading_fail(7, "seven"));
}

TEST(one_of_many_failures_reaches_the_caller) {
  OK(threading_set_parallelism(4, NULL));
  const threading_pool pool = make_pool(4);
  for (int round = 0; round < 200; round++) {
    _Atomic int64_t count = 0;
    IS(threading_parallel_for(pool, 0, 10000, 1, fail_each, (void *)&count), THREADING_FAILED);
    LAST_FAILURE_IS(7, "seven");
    CHECK(atomic_load(&count) >= 1 && atomic_load(&count) <= 5);
    each_once(pool, 0, 100, 1);
  }
  finish_pool(pool);
}

static uint64_t calling;

// Ends the thread of any worker, but not the caller's; the caller waits until one has been ended.
static void leave_worker(int64_t begin, int64_t end, void *arg) {
  (void)begin;
  (void)end;
  _Atomic int64_t *left = arg;
  if (threading_get_ident() != calling) {
    atomic_fetch_add(left, 1);
    pthread_exit(NULL);
  }
  WAIT_UNTIL(atomic_load(left) > 0);
}

TEST(a_body_that_ends_its_worker_has_failed) {
  OK(threading_set_parallelism(3, NULL));
  calling = threading_get_ident();
  const threading_pool pool = make_pool(2);
  for (int round = 0; round < 50; round++) {
    _Atomic int64_t left = 0;
    IS(threading_parallel_for(pool, 0, 100, 1, leave_worker, (void *)&left), THREADING_FAILED);
    LAST_FAILURE_IS(THREADING_CANCELLED, "");
    CHECK(atomic_load(&left) >= 1);
    each_once(pool, 0, 100, 1);
  }
  result_of(submit(pool, give_back, NULL));
  finish_pool(pool);
}

static void leave_at_50(int64_t begin, int64_t end, void *arg) {
  (void)end;
  atomic_fetch_add((_Atomic int64_t *)arg, 1);
  if (begin == 50) pthread_exit(NULL);
}

typedef struct leaver {
  threading_pool pool;
  _Atomic int64_t count;
} leaver;

static void *leave_loop(void *arg) {
  leaver *of = arg;
  threading_parallel_for(of->pool, 0, 51, 1, leave_at_50, (void *)&of->count);
  return arg;
}

static void *leave_loop_until_it_hits(void *arg) {
  while (leave_loop(arg) != NULL) {}
  return arg;
}

TEST(a_body_that_ends_the_caller) {
  OK(threading_set_parallelism(3, NULL));
  OK(threading_set_excepthook(ignore_failures, NULL));
  leaver of = { .pool = make_pool(2) };
  for (int round = 0; round < 50; round++) {
    const threading_thread thread = spawn_thread(leave_loop_until_it_hits, &of);
    OK(threading_thread_join(thread, THREADING_FOREVER));
    void *result;
    IS(threading_thread_result(thread, &result), THREADING_FAILED);
    OK(threading_thread_destroy(thread));
    each_once(of.pool, 0, 1000, 1);
  }
  for (int round = 0; round < 50; round++) {
    const threading_future future = submit(of.pool, leave_loop_until_it_hits, &of);
    FAILURE_IS(future, THREADING_CANCELLED, "");
    OK(threading_future_destroy(future));
  }
  each_once(of.pool, 0, 1000, 1);
  OK(threading_pool_wait(of.pool, THREADING_FOREVER));
  EQ(stats_of(of.pool).blocked, 0);
  finish_pool(of.pool);
}

static void fail_innermost(int64_t begin, int64_t end, void *arg) {
  square *of = arg;
  (void)end;
  if (begin == 3) {
    IS(threading_parallel_for(of->pool, 0, 10, 1, fail_each, (void *)&of->sum), THREADING_FAILED);
    LAST_FAILURE_IS(7, "seven");
  }
}

TEST(the_failure_of_a_nested_loop_is_its_callers) {
  square of = { .pool = make_pool(2) };
  for (int round = 0; round < 50; round++) OK(threading_parallel_for(of.pool, 0, 10, 1, fail_innermost, &of));
  finish_pool(of.pool);
}

// ---- The budget ----

static _Atomic int64_t inside, most_inside;

static void count_inside(int64_t begin, int64_t end, void *arg) {
  (void)begin;
  (void)end;
  (void)arg;
  const int64_t now = atomic_fetch_add(&inside, 1) + 1;
  int64_t most = atomic_load(&most_inside);
  while (now > most && !atomic_compare_exchange_weak(&most_inside, &most, now)) {}
  for (volatile int spin = 0; spin < 3000; spin++) {}
  atomic_fetch_sub(&inside, 1);
}

static void loop_inside(int64_t begin, int64_t end, void *arg) {
  for (; begin < end; begin++)
    OK(threading_parallel_for(((threading_pool *)arg)[begin % 2], 0, 20, 1, count_inside, NULL));
}

TEST(nested_loops_of_two_pools_keep_to_the_budget) {
  threading_pool two[2] = { make_pool(8), make_pool(8) };
  for (uint32_t budget = 1; budget <= 3; budget++) {
    OK(threading_set_parallelism(budget, NULL));
    atomic_store(&most_inside, 0);
    for (int round = 0; round < 30; round++)
      OK(threading_parallel_for(two[0], 0, 40, 1, loop_inside, two));
    if (atomic_load(&most_inside) > budget)
      harness_fail(__FILE__, __LINE__, "%lld at once, not %u", (long long)atomic_load(&most_inside), budget);
  }
  finish_pool(two[0]);
  finish_pool(two[1]);
}

TEST(the_budget_is_that_of_the_system_until_it_is_set) {
  uint32_t previous = 77;
  OK(threading_set_parallelism(3, &previous));
  EQ(previous, threading_cpu_count());
  OK(threading_set_parallelism(0, &previous));
  EQ(previous, 3);
  OK(threading_set_parallelism(5, NULL));
  OK(threading_set_parallelism(0, &previous));
  EQ(previous, 5);
  OK(threading_set_parallelism(0, &previous));
  EQ(previous, threading_cpu_count());
}
