// threading_group_set_limit: no more of a group's tasks run at once, and none of them is forgotten.
#include "pool.h"

static threading_group make_limited(threading_pool pool, uint32_t limit) {
  threading_group group;
  OK(threading_group_create(pool, &group));
  OK(threading_group_set_limit(group, limit));
  return group;
}

static void add(threading_group group, int32_t tasks, threading_target target, void *arg) {
  for (int32_t i = 0; i < tasks; i++) OK(threading_group_submit(group, target, arg));
}

static void finish_group(threading_group group) {
  OK(threading_group_wait(group, THREADING_FOREVER));
  OK(threading_group_destroy(group));
}

// Counts who is inside at once, and the most there ever were.
typedef struct crowd {
  _Atomic int32_t inside, most, all;
} crowd;

static void *join_crowd(void *arg) {
  crowd *at = arg;
  const int32_t now = atomic_fetch_add(&at->inside, 1) + 1;
  int32_t most = atomic_load(&at->most);
  while (now > most && !atomic_compare_exchange_weak(&at->most, &most, now)) {}
  threading_yield();
  atomic_fetch_add(&at->all, 1);
  atomic_fetch_sub(&at->inside, 1);
  return NULL;
}

// ---- The limit ----

TEST(no_more_run_at_once) {
  const threading_pool pool = make_pool(4);
  for (int32_t limit = 1; limit <= 3; limit++) {
    const threading_group group = make_limited(pool, (uint32_t)limit);
    crowd crowd = { 0 };
    add(group, 2000, join_crowd, &crowd);
    finish_group(group);
    EQ(atomic_load(&crowd.all), 2000);
    CHECK(atomic_load(&crowd.most) <= limit);
  }
  finish_pool(pool);
}

TEST(as_many_run_as_may) {
  const threading_pool pool = make_pool(4);
  const threading_group group = make_limited(pool, 3);
  gate gate;
  make_gate(&gate);
  add(group, 10, stand_in_gate, &gate);
  WAIT_UNTIL(atomic_load(&gate.inside) == 3);
  // The fourth thread is free for others, and so is the pool's queue.
  for (int i = 0; i < 100; i++) CHECK(result_of(submit(pool, give_back, &gate)) == &gate);
  EQ(atomic_load(&gate.inside), 3);
  open_gate(&gate);
  finish_group(group);
  finish_pool(pool);
}

typedef struct order {
  int32_t length;
  int32_t seen[100];
} order;

typedef struct place {
  order *order;
  int32_t number;
} place;

static void *note_place(void *arg) {
  const place *at = arg;
  at->order->seen[at->order->length++] = at->number;
  return NULL;
}

TEST(one_at_a_time_in_the_order_of_coming) {
  const threading_pool pool = make_pool(3);
  const threading_group group = make_limited(pool, 1);
  order order = { 0 };
  place places[100];
  for (int32_t i = 0; i < 100; i++) {
    places[i] = (place){ &order, i };
    add(group, 1, note_place, &places[i]);
  }
  finish_group(group);
  EQ(order.length, 100);
  for (int32_t i = 0; i < 100; i++) EQ(order.seen[i], i);
  finish_pool(pool);
}

TEST(raised_it_lets_more_begin) {
  const threading_pool pool = make_pool(4);
  const threading_group group = make_limited(pool, 1);
  gate gate;
  make_gate(&gate);
  add(group, 10, stand_in_gate, &gate);
  for (int32_t limit = 2; limit <= 3; limit++) {
    OK(threading_group_set_limit(group, (uint32_t)limit));
    WAIT_UNTIL(atomic_load(&gate.inside) == limit);
  }
  OK(threading_group_set_limit(group, 0));
  WAIT_UNTIL(atomic_load(&gate.inside) == 4);
  open_gate(&gate);
  finish_group(group);
  finish_pool(pool);
}

TEST(lowered_it_holds_for_those_that_begin) {
  const threading_pool pool = make_pool(4);
  const threading_group group = make_limited(pool, 0);
  gate gate;
  make_gate(&gate);
  add(group, 4, stand_in_gate, &gate);
  WAIT_UNTIL(atomic_load(&gate.inside) == 4);
  OK(threading_group_set_limit(group, 1));
  crowd crowd = { 0 };
  add(group, 500, join_crowd, &crowd);
  open_gate(&gate);
  finish_group(group);
  EQ(atomic_load(&crowd.all), 500);
  EQ(atomic_load(&crowd.most), 1);
  finish_pool(pool);
}

// ---- Who waits ----

typedef struct outing {
  threading_pool pool;
  crowd crowd;
} outing;

static void *go_out(void *arg) {
  outing *outing = arg;
  const threading_group group = make_limited(outing->pool, 2);
  add(group, 200, join_crowd, &outing->crowd);
  finish_group(group);
  return NULL;
}

TEST(a_task_that_waits_keeps_to_the_limit) {
  for (uint32_t workers = 1; workers <= 3; workers++) {
    outing outing = { .pool = make_pool(workers) };
    result_of(submit(outing.pool, go_out, &outing));
    EQ(atomic_load(&outing.crowd.all), 200);
    CHECK(atomic_load(&outing.crowd.most) <= 2);
    finish_pool(outing.pool);
  }
}

TEST(it_has_not_ended_while_tasks_wait_for_their_turn) {
  const threading_pool pool = make_pool(2);
  const threading_group group = make_limited(pool, 1);
  gate gate;
  make_gate(&gate);
  add(group, 3, stand_in_gate, &gate);
  WAIT_UNTIL(atomic_load(&gate.inside) == 1);
  IS(threading_group_wait(group, 0), THREADING_TIMEOUT);
  IS(threading_group_destroy(group), THREADING_E_BUSY);
  IS(threading_pool_wait(pool, 0), THREADING_TIMEOUT);
  open_gate(&gate);
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  OK(threading_group_wait(group, 0));
  OK(threading_group_destroy(group));
  IS(threading_group_set_limit(group, 1), THREADING_E_HANDLE);
  finish_pool(pool);
}

TEST(it_can_be_used_again) {
  const threading_pool pool = make_pool(2);
  const threading_group group = make_limited(pool, 1);
  crowd crowd = { 0 };
  for (int32_t round = 1; round <= 200; round++) {
    add(group, 5, join_crowd, &crowd);
    OK(threading_group_wait(group, THREADING_FOREVER));
    EQ(atomic_load(&crowd.all), round * 5);
  }
  EQ(atomic_load(&crowd.most), 1);
  OK(threading_group_destroy(group));
  finish_pool(pool);
}

// ---- How tasks end ----

TEST(one_that_is_left_by_force_ends_those_that_wait_for_their_turn) {
  const threading_pool pool = make_pool(3);
  const threading_group group = make_limited(pool, 1);
  gate gate;
  make_gate(&gate);
  add(group, 1, stand_in_gate, &gate);
  WAIT_UNTIL(atomic_load(&gate.inside) == 1);
  add(group, 1, leave_by_force, NULL);
  crowd crowd = { 0 };
  add(group, 50, join_crowd, &crowd);
  open_gate(&gate);
  IS(threading_group_wait(group, THREADING_FOREVER), THREADING_FAILED);
  EQ(atomic_load(&crowd.all), 0);
  OK(threading_group_destroy(group));
  finish_pool(pool);
}

static _Atomic int64_t ended;

static void destroy(void *arg) {
  (void)arg;
  atomic_fetch_add(&ended, 1);
}

TEST(a_failure_ends_those_that_wait_for_their_turn) {
  const threading_pool pool = make_pool_with_destructor(3, destroy);
  const threading_group group = make_limited(pool, 1);
  gate gate;
  make_gate(&gate);
  add(group, 1, stand_in_gate, &gate);
  WAIT_UNTIL(atomic_load(&gate.inside) == 1);
  add(group, 1, fail_with_7, NULL);
  crowd crowd = { 0 };
  add(group, 50, join_crowd, &crowd);
  open_gate(&gate);
  IS(threading_group_wait(group, THREADING_FOREVER), THREADING_FAILED);
  int32_t code = 0;
  OK(threading_last_failure(&code, NULL, 0, NULL));
  EQ(code, 7);
  EQ(atomic_load(&crowd.all), 0);
  EQ(atomic_load(&ended), 52);
  OK(threading_group_destroy(group));
  finish_pool(pool);
}

TEST(cancel_ends_those_that_wait_for_their_turn) {
  const threading_pool pool = make_pool_with_destructor(3, destroy);
  const threading_group group = make_limited(pool, 1);
  gate gate;
  make_gate(&gate);
  add(group, 20, stand_in_gate, &gate);
  WAIT_UNTIL(atomic_load(&gate.inside) == 1);
  // The others' turn has come in the pool, and was put off.
  WAIT_UNTIL(stats_of(pool).queued == 0);
  OK(threading_group_cancel(group));
  EQ(atomic_load(&ended), 19);
  open_gate(&gate);
  IS(threading_group_wait(group, THREADING_FOREVER), THREADING_CANCELLED);
  EQ(atomic_load(&ended), 20);
  OK(threading_group_destroy(group));
  finish_pool(pool);
}

// ---- How the pool ends ----

TEST(shutdown_runs_those_that_wait_for_their_turn) {
  const threading_pool pool = make_pool(3);
  const threading_group group = make_limited(pool, 1);
  gate gate;
  make_gate(&gate);
  add(group, 1, stand_in_gate, &gate);
  WAIT_UNTIL(atomic_load(&gate.inside) == 1);
  crowd crowd = { 0 };
  add(group, 50, join_crowd, &crowd);
  WAIT_UNTIL(stats_of(pool).queued == 0);
  OK(threading_pool_shutdown(pool, 0, 0));
  IS(threading_group_submit(group, join_crowd, &crowd), THREADING_CLOSED);
  open_gate(&gate);
  OK(threading_pool_shutdown(pool, 1, 0));
  EQ(atomic_load(&crowd.all), 50);
  finish_group(group);
  OK(threading_pool_destroy(pool));
}

TEST(shutdown_cancels_those_that_wait_for_their_turn) {
  const threading_pool pool = make_pool_with_destructor(3, destroy);
  const threading_group group = make_limited(pool, 1);
  gate gate;
  make_gate(&gate);
  add(group, 1, stand_in_gate, &gate);
  WAIT_UNTIL(atomic_load(&gate.inside) == 1);
  crowd crowd = { 0 };
  add(group, 50, join_crowd, &crowd);
  WAIT_UNTIL(stats_of(pool).queued == 0);
  OK(threading_pool_shutdown(pool, 0, 1));
  open_gate(&gate);
  OK(threading_pool_shutdown(pool, 1, 1));
  IS(threading_group_wait(group, THREADING_FOREVER), THREADING_CANCELLED);
  EQ(atomic_load(&crowd.all), 0);
  EQ(atomic_load(&ended), 51);
  OK(threading_group_destroy(group));
  OK(threading_pool_destroy(pool));
}

TEST(a_caller_that_runs_tasks_keeps_to_the_limit) {
  const threading_pool_options options = {
    .size = sizeof options, .max_queued = 2, .when_full = THREADING_FULL_CALLER_RUNS
  };
  threading_pool pool;
  OK(threading_pool_create(2, &options, &pool));
  const threading_group group = make_limited(pool, 1);
  crowd crowd = { 0 };
  add(group, 3000, join_crowd, &crowd);
  finish_group(group);
  EQ(atomic_load(&crowd.all), 3000);
  EQ(atomic_load(&crowd.most), 1);
  finish_pool(pool);
}
