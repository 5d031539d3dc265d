// How much a pool takes and how many threads it has: max_queued, when_full, min_workers, idle_timeout_ns, and
// threading_pool_resize.
#include "pool.h"

// ---- A bounded queue ----

static void *submit_one_more(void *arg) {
  const threading_pool *pool = arg;
  return result_of(submit(*pool, give_back, arg));
}

TEST(a_full_pool_blocks_whoever_submits) {
  threading_pool pool = make_with(1, OPTIONS(.max_queued = 2, .when_full = THREADING_FULL_BLOCK));
  gate gate;
  make_gate(&gate);
  threading_future held, queued[2];
  hold_workers(pool, &gate, 1, &held);
  for (int i = 0; i < 2; i++) queued[i] = submit(pool, give_back, NULL);
  const threading_thread blocked = spawn_thread(submit_one_more, &pool);
  wait_blocked(blocked);
  EQ(stats_of(pool).queued, 2);
  release_workers(&gate, 1, &held);
  CHECK(finish_thread(blocked) == &pool);
  for (int i = 0; i < 2; i++) result_of(queued[i]);
  CHECK(stats_of(pool).most_queued == 2);
  finish_pool(pool);
}

static void *submit_to_closed(void *arg) {
  threading_future future = { 77 };
  IS(threading_pool_submit(*(threading_pool *)arg, give_back, NULL, &future), THREADING_CLOSED);
  EQ(future.id, 77);
  return arg;
}

TEST(shutdown_ends_the_wait_for_room) {
  threading_pool pool = make_with(1, OPTIONS(.max_queued = 1));
  gate gate;
  make_gate(&gate);
  threading_future held;
  hold_workers(pool, &gate, 1, &held);
  const threading_future queued = submit(pool, give_back, NULL);
  threading_thread blocked[4];
  for (int i = 0; i < 4; i++) blocked[i] = spawn_thread(submit_to_closed, &pool);
  for (int i = 0; i < 4; i++) wait_blocked(blocked[i]);
  OK(threading_pool_shutdown(pool, 0, 0));
  for (int i = 0; i < 4; i++) finish_thread(blocked[i]);
  release_workers(&gate, 1, &held);
  result_of(queued);
  finish_pool(pool);
}

TEST(a_cancelled_future_makes_room_or_its_place_is_taken_later) {
  const threading_pool pool = make_with(1, OPTIONS(.max_queued = 1, .when_full = THREADING_FULL_REJECT));
  gate gate;
  make_gate(&gate);
  threading_future held;
  hold_workers(pool, &gate, 1, &held);
  const threading_future queued = submit(pool, give_back, NULL);
  OK(threading_future_cancel(queued));
  release_workers(&gate, 1, &held);
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  result_of(submit(pool, give_back, NULL));
  OK(threading_future_destroy(queued));
  finish_pool(pool);
}

static gate held_gate;

// For a pool whose arguments are counted.
static void *stand_in_held_gate(void *arg) {
  stand_in_gate(&held_gate);
  return arg;
}

TEST(a_full_pool_rejects) {
  const threading_pool pool = make_with(1, OPTIONS(.max_queued = 2, .when_full = THREADING_FULL_REJECT,
                                                   .arg_destructor = destroy_owned));
  make_gate(&held_gate);
  threading_future held = submit(pool, stand_in_held_gate, owned(0)), future = { 77 };
  WAIT_UNTIL(atomic_load(&held_gate.inside) == 1);
  OK(threading_future_destroy(submit(pool, give_back, owned(1))));
  OK(threading_pool_execute(pool, nothing, owned(2)));
  IS(threading_pool_submit(pool, give_back, owned(3), &future), THREADING_TIMEOUT);
  IS(threading_pool_submit_priority(pool, give_back, owned(3), -5, &future), THREADING_TIMEOUT);
  IS(threading_pool_execute(pool, nothing, owned(3)), THREADING_TIMEOUT);
  EQ(future.id, 77);
  EQ(stats_of(pool).queued, 2);
  open_gate(&held_gate);
  result_of(held);
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  EQ(count_destroyed(), 3);
  OK(threading_pool_execute(pool, nothing, owned(3)));
  finish_pool(pool);
  EQ(count_destroyed(), 4);
  OK(threading_event_destroy(held_gate.open));
}

static uint64_t runner;

static void *who_runs(void *arg) {
  runner = threading_get_ident();
  CHECK(threading_worker_index() >= 0);
  return arg;
}

static void who_runs_it(void *arg) { who_runs(arg); }

TEST(a_full_pool_lets_the_caller_run) {
  OK(threading_set_excepthook(ignore_failures, NULL));
  const threading_pool pool = make_with(1, OPTIONS(.max_queued = 1, .when_full = THREADING_FULL_CALLER_RUNS));
  gate gate;
  make_gate(&gate);
  threading_future held;
  hold_workers(pool, &gate, 1, &held);
  const threading_future queued = submit(pool, who_runs, NULL);
  int here;
  threading_future future = submit(pool, who_runs, &here);
  EQ(threading_future_done(future), 1);
  EQ(runner, threading_get_ident());
  CHECK(result_of(future) == &here);
  runner = 0;
  OK(threading_pool_execute(pool, who_runs_it, NULL));
  EQ(runner, threading_get_ident());
  future = submit(pool, fail_with_7, NULL);
  FAILURE_IS(future, 7, "seven");
  OK(threading_future_destroy(future));
  EQ(threading_worker_index(), -1);
  EQ(threading_future_done(queued), 0);
  release_workers(&gate, 1, &held);
  result_of(queued);
  CHECK(runner != threading_get_ident());
  finish_pool(pool);
}

static threading_pool own;

static void *submit_ten(void *arg) {
  threading_future futures[10];
  for (int i = 0; i < 10; i++) futures[i] = submit(own, give_back, arg);
  for (int i = 0; i < 10; i++) CHECK(result_of(futures[i]) == arg);
  return arg;
}

TEST(a_worker_never_waits_for_room_that_it_would_have_to_make) {
  for (int32_t when_full = THREADING_FULL_BLOCK; when_full <= THREADING_FULL_CALLER_RUNS; when_full++) {
    own = make_with(1, OPTIONS(.max_queued = 1, .when_full = when_full));
    for (int round = 0; round < 20; round++) {
      CHECK(result_of(submit(own, submit_ten, &own)) == &own);
      OK(threading_pool_wait(own, THREADING_FOREVER));
    }
    finish_pool(own);
  }
}

TEST(maps_and_loops_need_no_room) {
  const threading_pool pool = make_with(1, OPTIONS(.max_queued = 1, .when_full = THREADING_FULL_REJECT));
  gate gate;
  make_gate(&gate);
  threading_future held, queued;
  hold_workers(pool, &gate, 1, &held);
  queued = submit(pool, give_back, NULL);
  void *args[10] = { NULL };
  IS(threading_pool_map(pool, give_back, args, 10, NULL, THREADING_MILLISECONDS(1)), THREADING_TIMEOUT);
  const threading_task task = { nothing, NULL };
  OK(threading_parallel_invoke(pool, &task, 1));
  release_workers(&gate, 1, &held);
  result_of(queued);
  OK(threading_pool_map(pool, give_back, args, 10, NULL, THREADING_FOREVER));
  finish_pool(pool);
}

TEST(a_full_pool_and_a_group) {
  for (int32_t when_full = THREADING_FULL_REJECT; when_full <= THREADING_FULL_CALLER_RUNS; when_full++) {
    const threading_pool pool = make_with(1, OPTIONS(.max_queued = 1, .when_full = when_full));
    gate gate;
    make_gate(&gate);
    threading_future held;
    hold_workers(pool, &gate, 1, &held);
    threading_group group;
    OK(threading_group_create(pool, &group));
    _Atomic int64_t count = 0;
    const threading_future queued = submit(pool, give_back, NULL);
    const bool runs = when_full == THREADING_FULL_CALLER_RUNS;
    for (int i = 0; i < 5; i++)
      IS(threading_group_submit(group, count_target, (void *)&count),
         runs ? THREADING_OK : THREADING_TIMEOUT);
    EQ(atomic_load(&count), runs ? 5 : 0);
    OK(threading_group_wait(group, 0));
    release_workers(&gate, 1, &held);
    result_of(queued);
    OK(threading_group_destroy(group));
    finish_pool(pool);
  }
}

// ---- How many workers ----

static _Atomic int64_t begun, ended;

static threading_status count_begun(void *arg) {
  (void)arg;
  atomic_fetch_add(&begun, 1);
  return THREADING_OK;
}

static void count_ended(void *arg) {
  (void)arg;
  atomic_fetch_add(&ended, 1);
}

static void use_workers(threading_pool pool, int32_t count) {
  gate gate;
  make_gate(&gate);
  threading_future held[8];
  hold_workers(pool, &gate, count, held);
  // Those that were too many may be about to end.
  WAIT_UNTIL(stats_of(pool).workers == (uint32_t)count);
  release_workers(&gate, count, held);
}

TEST(idle_workers_end_but_for_the_kept_ones) {
  for (uint32_t kept = 0; kept <= 2; kept++) {
    const threading_pool pool = make_with(4, OPTIONS(.min_workers = kept, .initializer = count_begun,
                                                     .finalizer = count_ended,
                                                     .idle_timeout_ns = THREADING_MILLISECONDS(2)));
    for (int round = 0; round < 3; round++) {
      use_workers(pool, 4);
      WAIT_UNTIL(stats_of(pool).workers == kept);
      WAIT_UNTIL(atomic_load(&begun) - atomic_load(&ended) == kept);
    }
    finish_pool(pool);
    EQ(atomic_load(&begun), atomic_load(&ended));
  }
}

TEST(resize_up) {
  const threading_pool pool = make_pool(1);
  gate gate;
  make_gate(&gate);
  threading_future futures[4];
  hold_workers(pool, &gate, 1, futures);
  for (int i = 1; i < 4; i++) futures[i] = submit(pool, stand_in_gate, &gate);
  EQ(stats_of(pool).queued, 3);
  OK(threading_pool_resize(pool, 4));
  WAIT_UNTIL(atomic_load(&gate.inside) == 4);
  release_workers(&gate, 4, futures);
  finish_pool(pool);
}

TEST(resize_down_and_up_again) {
  const threading_pool pool = make_pool(6);
  use_workers(pool, 6);
  OK(threading_pool_resize(pool, 2));
  WAIT_UNTIL(stats_of(pool).workers == 2);
  use_workers(pool, 2);
  OK(threading_pool_resize(pool, 5));
  use_workers(pool, 5);
  finish_pool(pool);
}

TEST(resize_down_while_all_work) {
  const threading_pool pool = make_pool(4);
  gate gate, second;
  make_gate(&gate);
  make_gate(&second);
  threading_future held[4], later[4];
  hold_workers(pool, &gate, 4, held);
  for (int i = 0; i < 4; i++) later[i] = submit(pool, stand_in_gate, &second);
  OK(threading_pool_resize(pool, 1));
  EQ(atomic_load(&gate.inside), 4);
  release_workers(&gate, 4, held);
  WAIT_UNTIL(stats_of(pool).workers == 1);
  WAIT_UNTIL(atomic_load(&second.inside) == 1);
  EQ(stats_of(pool).queued, 3);
  release_workers(&second, 4, later);
  finish_pool(pool);
}

TEST(resize_to_what_no_pool_can_have) {
  const threading_pool pool = make_pool(2);
  IS(threading_pool_resize(pool, 1000000), THREADING_E_INVALID);
  use_workers(pool, 2);
  OK(threading_pool_resize(pool, 0));
  use_workers(pool, (int32_t)threading_cpu_count() > 8 ? 8 : (int32_t)threading_cpu_count());
  finish_pool(pool);
}

static void *fill_one_by_one(void *arg) {
  const threading_pool pool = *(threading_pool *)arg;
  for (int i = 0; i < 20000; i++) OK(threading_pool_execute(pool, nothing, NULL));
  return NULL;
}

TEST(each_place_that_becomes_free_is_told) {
  threading_pool pool = make_with(1, OPTIONS(.max_queued = 1));
  threading_thread producers[2];
  for (int i = 0; i < 2; i++) producers[i] = spawn_thread(fill_one_by_one, &pool);
  for (int i = 0; i < 2; i++) finish_thread(producers[i]);
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  EQ(stats_of(pool).done, 40000);
  finish_pool(pool);
}

static void do_nothing(void *arg) {
  CHECK(arg == NULL);
}

// There is room for one task: who waits for it is told by each that is taken, or by none.
TEST(who_waits_for_the_only_place_is_told) {
  const threading_pool_options options = { .size = sizeof options, .max_queued = 1 };
  threading_pool pool;
  OK(threading_pool_create(1, &options, &pool));
  const int64_t end = threading_now() + THREADING_SECONDS(2);
  for (int round = 0; round < 200000 && threading_now() < end; round++)
    OK(threading_pool_execute(pool, do_nothing, NULL));
  finish_pool(pool);
}
