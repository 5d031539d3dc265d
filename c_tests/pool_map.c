// threading_pool_map: one target over many arguments.
#include "pool.h"

enum { COUNT = 1000 };
static void *args[COUNT], *results[COUNT];

static void *add_one(void *arg) {
  return (char *)arg + 1;
}

static void number_arguments(void) {
  for (intptr_t i = 0; i < COUNT; i++) args[i] = (void *)(i * 10);
  memset(results, 0xa5, sizeof results);
}

static void untouched(void) {
  for (int i = 0; i < COUNT; i++) EQ((uintptr_t)results[i], 0xa5a5a5a5a5a5a5a5);
}

TEST(results_come_in_the_order_of_the_arguments) {
  for (uint32_t workers = 1; workers <= 4; workers++) {
    const threading_pool pool = make_pool(workers);
    number_arguments();
    OK(threading_pool_map(pool, add_one, args, COUNT, results, THREADING_FOREVER));
    for (intptr_t i = 0; i < COUNT; i++) EQ((intptr_t)results[i], i * 10 + 1);
    finish_pool(pool);
  }
}

static _Atomic int64_t called;

static void *count_call(void *arg) {
  atomic_fetch_add(&called, 1);
  return arg;
}

TEST(no_arguments_and_no_place_for_results) {
  const threading_pool pool = make_pool(2);
  number_arguments();
  OK(threading_pool_map(pool, count_call, args, 0, results, 0));
  OK(threading_pool_map(pool, count_call, args, 0, NULL, THREADING_FOREVER));
  EQ(atomic_load(&called), 0);
  OK(threading_pool_map(pool, count_call, args, COUNT, NULL, THREADING_FOREVER));
  EQ(atomic_load(&called), COUNT);
  untouched();
  finish_pool(pool);
}

TEST(what_is_refused) {
  const threading_pool pool = make_pool(1);
  number_arguments();
  IS(threading_pool_map(pool, NULL, args, 1, results, THREADING_FOREVER), THREADING_E_INVALID);
  IS(threading_pool_map(pool, count_call, NULL, 1, results, THREADING_FOREVER), THREADING_E_INVALID);
  IS(threading_pool_map(pool, count_call, args, 1, results, -2), THREADING_E_INVALID);
  EQ(atomic_load(&called), 0);
  untouched();
  finish_pool(pool);
}

static void *fail_at_500(void *arg) {
  atomic_fetch_add(&called, 1);
  if (arg == (void *)5000) OK(threading_fail(50, "five hundred"));
  return arg;
}

TEST(the_first_failure_ends_it) {
  const threading_pool pool = make_pool(1);
  number_arguments();
  IS(threading_pool_map(pool, fail_at_500, args, COUNT, results, THREADING_FOREVER), THREADING_FAILED);
  LAST_FAILURE_IS(50, "five hundred");
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  EQ(atomic_load(&called), 501);
  untouched();
  finish_pool(pool);
}

static void *leave_at_500(void *arg) {
  if (arg == (void *)5000) pthread_exit(NULL);
  return arg;
}

TEST(one_that_is_left_by_force_has_failed) {
  for (uint32_t workers = 1; workers <= 3; workers++) {
    const threading_pool pool = make_pool(workers);
    number_arguments();
    IS(threading_pool_map(pool, leave_at_500, args, COUNT, results, THREADING_FOREVER), THREADING_FAILED);
    LAST_FAILURE_IS(THREADING_CANCELLED, "");
    untouched();
    OK(threading_pool_map(pool, add_one, args, COUNT, results, THREADING_FOREVER));
    EQ((intptr_t)results[COUNT - 1], (COUNT - 1) * 10 + 1);
    finish_pool(pool);
  }
}

TEST(maps_that_are_left_by_force_leave_no_memory_behind) {
  const threading_pool pool = make_pool(2);
  int64_t before = 0;
  number_arguments();
  for (int64_t i = 0; i < share(1000); i++) {
    IS(threading_pool_map(pool, leave_at_500, args, COUNT, results, THREADING_FOREVER), THREADING_FAILED);
    if (i == 100) before = resident_bytes();
  }
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  // Each has two times 8 KB.
  if (share(1000) == 1000) CHECK(resident_bytes() - before <= 4 << 20);
  finish_pool(pool);
}

static void *fail_owned_5(void *arg) {
  if (arg == owned(5)) OK(threading_fail(5, NULL));
  return arg;
}

TEST(arguments_that_were_skipped_are_destroyed_too) {
  const threading_pool pool = make_pool_with_destructor(2, destroy_owned);
  for (int64_t i = 0; i < COUNT; i++) args[i] = owned(i);
  IS(threading_pool_map(pool, fail_owned_5, args, COUNT, NULL, THREADING_FOREVER), THREADING_FAILED);
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  EQ(count_destroyed(), COUNT);
  for (int64_t i = 0; i < COUNT; i++) args[i] = owned(COUNT + i);
  OK(threading_pool_map(pool, give_back, args, COUNT, NULL, THREADING_FOREVER));
  EQ(count_destroyed(), 2 * COUNT);
  finish_pool(pool);
  EQ(count_destroyed(), 2 * COUNT);
}

static gate held_gate;

static void *stand_at_3(void *arg) {
  if (arg == owned(3)) stand_in_gate(&held_gate);
  else atomic_fetch_add(&called, 1);
  return arg;
}

TEST(the_time_runs_out) {
  const threading_pool pool = make_pool_with_destructor(1, destroy_owned);
  make_gate(&held_gate);
  memset(results, 0xa5, sizeof results);
  for (int64_t i = 0; i < COUNT; i++) args[i] = owned(i);
  // Begun are 0 to 3 at most, on the only worker.
  int64_t timeout = THREADING_MILLISECONDS(20);
  IS(threading_pool_map(pool, stand_at_3, args, COUNT, results, timeout), THREADING_TIMEOUT);
  WAIT_UNTIL(atomic_load(&held_gate.inside) == 1 || atomic_load(&called) < 3);
  open_gate(&held_gate);
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  CHECK(atomic_load(&called) <= 3);
  EQ(count_destroyed(), COUNT);
  untouched();
  finish_pool(pool);
}

TEST(no_time_at_all) {
  const threading_pool pool = make_pool(1);
  gate gate;
  make_gate(&gate);
  threading_future held;
  hold_workers(pool, &gate, 1, &held);
  number_arguments();
  IS(threading_pool_map(pool, count_call, args, COUNT, results, 0), THREADING_TIMEOUT);
  release_workers(&gate, 1, &held);
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  EQ(atomic_load(&called), 0);
  untouched();
  finish_pool(pool);
}

// ---- In workers ----

static threading_pool nested;

static void *map_inside(void *arg) {
  void *inner[10], *out[10] = { NULL };
  const intptr_t depth = (intptr_t)arg;
  if (depth == 0) return (void *)1;
  for (int i = 0; i < 10; i++) inner[i] = (void *)(depth - 1);
  OK(threading_pool_map(nested, map_inside, inner, 10, out, THREADING_FOREVER));
  intptr_t sum = 0;
  for (int i = 0; i < 10; i++) sum += (intptr_t)out[i];
  return (void *)sum;
}

TEST(maps_nest_in_workers) {
  for (uint32_t workers = 1; workers <= 3; workers++) {
    nested = make_pool(workers);
    EQ((intptr_t)result_of(submit(nested, map_inside, (void *)3)), 1000);
    void *depth[1] = { (void *)3 }, *sum[1];
    OK(threading_pool_map(nested, map_inside, depth, 1, sum, THREADING_FOREVER));
    EQ((intptr_t)sum[0], 1000);
    finish_pool(nested);
  }
}

static const int64_t limit = THREADING_MILLISECONDS(5);

// Once it has run, the limit of a map that had begun before has passed.
static void *outlast_limit(void *arg) {
  const int64_t end = NOW_NS() + limit;
  while (NOW_NS() < end) {}
  return count_call(arg);
}

static void *map_with_limit(void *arg) {
  IS(threading_pool_map(nested, outlast_limit, args, 100, results, limit), THREADING_TIMEOUT);
  return arg;
}

TEST(the_time_of_a_worker_runs_out) {
  nested = make_pool(1);
  number_arguments();
  result_of(submit(nested, map_with_limit, NULL));
  finish_pool(nested);
  CHECK(atomic_load(&called) < 100);
  untouched();
}

static void *map_many(void *arg) {
  const threading_pool pool = *(threading_pool *)arg;
  void *own[64], *out[64];
  for (int round = 0; round < 50; round++) {
    for (intptr_t i = 0; i < 64; i++) own[i] = (void *)(i + round);
    OK(threading_pool_map(pool, add_one, own, 64, out, THREADING_FOREVER));
    for (intptr_t i = 0; i < 64; i++) EQ((intptr_t)out[i], i + round + 1);
  }
  return NULL;
}

TEST(many_threads_map_at_once) {
  threading_pool pool = make_pool(3);
  threading_thread threads[8];
  for (int i = 0; i < 8; i++) threads[i] = spawn_thread(map_many, &pool);
  for (int i = 0; i < 8; i++) finish_thread(threads[i]);
  finish_pool(pool);
}

// ---- Pools that end meanwhile ----

static threading_status mapped;

static void *map_behind_gate(void *arg) {
  mapped = threading_pool_map(*(threading_pool *)arg, give_back, args, COUNT, results, THREADING_FOREVER);
  return NULL;
}

TEST(shutdown_cancels_a_map) {
  threading_pool pool = make_pool(1);
  gate gate;
  make_gate(&gate);
  threading_future held;
  hold_workers(pool, &gate, 1, &held);
  number_arguments();
  const threading_thread thread = spawn_thread(map_behind_gate, &pool);
  WAIT_UNTIL(stats_of(pool).queued > 0);
  wait_blocked(thread);
  OK(threading_pool_shutdown(pool, 0, 1));
  finish_thread(thread);
  EQ(mapped, THREADING_CANCELLED);
  untouched();
  release_workers(&gate, 1, &held);
  finish_pool(pool);
}

static void *stand_at_10(void *arg) {
  return arg == (void *)10 ? stand_in_gate(&held_gate) : arg;
}

static void *map_two(void *arg) {
  OK(threading_pool_map(*(threading_pool *)arg, stand_at_10, args, 2, results, THREADING_FOREVER));
  return NULL;
}

TEST(shutdown_does_not_cancel_a_map_that_has_begun_all) {
  threading_pool pool = make_pool(2);
  gate gate;
  make_gate(&gate);
  make_gate(&held_gate);
  threading_future held;
  hold_workers(pool, &gate, 1, &held);
  number_arguments();
  const threading_thread thread = spawn_thread(map_two, &pool);
  WAIT_UNTIL(atomic_load(&held_gate.inside) == 1);
  OK(threading_pool_shutdown(pool, 0, 1));
  open_gate(&held_gate);
  finish_thread(thread);
  EQ((intptr_t)results[0], 0);
  CHECK(results[1] == &held_gate);
  release_workers(&gate, 1, &held);
  finish_pool(pool);
}

static int32_t refuse(void *arg) {
  (void)arg;
  OK(threading_fail(1, "refused"));
  return 0;
}

TEST(a_broken_pool_destroys_the_arguments) {
  OK(threading_set_excepthook(ignore_failures, NULL));
  const threading_pool_options options = {
    .size = sizeof options, .initializer = refuse, .arg_destructor = destroy_owned
  };
  for (int64_t round = 0; round < 1000; round++) {
    threading_pool pool;
    OK(threading_pool_create(1, &options, &pool));
    for (int64_t i = 0; i < 4; i++) args[i] = owned(round * 4 + i);
    IS(threading_pool_map(pool, give_back, args, 4, NULL, THREADING_FOREVER), THREADING_BROKEN);
    finish_pool(pool);
    EQ(count_destroyed(), (round + 1) * 4);
  }
}
