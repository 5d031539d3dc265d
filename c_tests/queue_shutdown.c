// threading_queue: shutting down, at once or after what is there; destructors of items, each exactly once.
#include "harness.h"

enum { ITEMS = 700 };

static atomic_int destroyed[ITEMS];

static void destroy_item(void *item) { atomic_fetch_add((atomic_int *)item, 1); }

static int count_destroyed(void) {
  int count = 0;
  for (int i = 0; i < ITEMS; i++) {
    const int times = atomic_load(&destroyed[i]);
    CHECK(times <= 1);
    count += times;
  }
  return count;
}

static threading_queue create(int32_t order, int64_t maxsize) {
  threading_queue q;
  for (int i = 0; i < ITEMS; i++) atomic_store(&destroyed[i], 0);
  OK(threading_queue_create(order, maxsize, destroy_item, &q));
  return q;
}

static void fill(threading_queue q, int count) {
  for (int i = 0; i < count; i++) OK(threading_queue_put(q, &destroyed[i], 0));
}

#define EACH_ORDER(order) for (int32_t order = THREADING_FIFO; order <= THREADING_PRIORITY; order++)

TEST(what_is_there_can_still_be_got) {
  EACH_ORDER(order) {
    const threading_queue q = create(order, ITEMS);
    fill(q, ITEMS);
    EQ(threading_queue_is_shutdown(q), 0);
    OK(threading_queue_shutdown(q, 0));
    EQ(threading_queue_is_shutdown(q), 1);
    OK(threading_queue_shutdown(q, 0));
    // Also where it is full: closed comes first.
    IS(threading_queue_put(q, NULL, 0), THREADING_CLOSED);
    IS(threading_queue_put(q, NULL, THREADING_FOREVER), THREADING_CLOSED);
    if (order == THREADING_PRIORITY) IS(threading_queue_put_priority(q, NULL, 1, 0), THREADING_CLOSED);
    EQ(threading_queue_qsize(q), ITEMS);
    EQ(threading_queue_unfinished_tasks(q), ITEMS);
    for (int i = 0; i < ITEMS; i++) {
      void *got;
      OK(threading_queue_get(q, &got, i % 2 ? 0 : THREADING_FOREVER));
      IS(threading_queue_put(q, NULL, 0), THREADING_CLOSED);
      OK(threading_queue_task_done(q));
    }
    void *got = &got;
    IS(threading_queue_get(q, &got, 0), THREADING_CLOSED);
    IS(threading_queue_get(q, &got, THREADING_FOREVER), THREADING_CLOSED);
    CHECK(got == &got);
    OK(threading_queue_join(q, 0));
    OK(threading_queue_destroy(q));
    EQ(count_destroyed(), 0);
  }
}

TEST(an_immediate_shutdown_drops_each_item_once) {
  EACH_ORDER(order) {
    const threading_queue q = create(order, 0);
    fill(q, ITEMS);
    void *got;
    for (int i = 0; i < 3; i++) OK(threading_queue_get(q, &got, 0));
    OK(threading_queue_task_done(q));
    OK(threading_queue_shutdown(q, 1));
    EQ(count_destroyed(), ITEMS - 3);
    EQ(threading_queue_qsize(q), 0);
    EQ(threading_queue_empty(q), 1);
    EQ(threading_queue_is_shutdown(q), 1);
    IS(threading_queue_get(q, &got, THREADING_FOREVER), THREADING_CLOSED);
    IS(threading_queue_put(q, NULL, 0), THREADING_CLOSED);
    // Two were got and are not worked off.
    EQ(threading_queue_unfinished_tasks(q), 2);
    IS(threading_queue_join(q, 1000), THREADING_TIMEOUT);
    OK(threading_queue_task_done(q));
    OK(threading_queue_task_done(q));
    OK(threading_queue_join(q, THREADING_FOREVER));
    IS(threading_queue_task_done(q), THREADING_E_OVERFLOW);
    // Neither kind of shutdown changes anything now.
    OK(threading_queue_shutdown(q, 0));
    IS(threading_queue_get(q, &got, 0), THREADING_CLOSED);
    OK(threading_queue_shutdown(q, 1));
    OK(threading_queue_destroy(q));
    EQ(count_destroyed(), ITEMS - 3);
  }
}

TEST(immediate_after_drain_drops_what_is_left) {
  EACH_ORDER(order) {
    const threading_queue q = create(order, 0);
    fill(q, 10);
    OK(threading_queue_shutdown(q, 0));
    void *got;
    OK(threading_queue_get(q, &got, 0));
    OK(threading_queue_shutdown(q, 1));
    EQ(count_destroyed(), 9);
    IS(threading_queue_get(q, &got, 0), THREADING_CLOSED);
    EQ(threading_queue_unfinished_tasks(q), 1);
    OK(threading_queue_destroy(q));
    EQ(count_destroyed(), 9);
  }
}

TEST(too_many_task_done_before_an_immediate_shutdown) {
  EACH_ORDER(order) {
    const threading_queue q = create(order, 0);
    fill(q, 5);
    for (int i = 0; i < 3; i++) OK(threading_queue_task_done(q));  // as if they had been got
    OK(threading_queue_shutdown(q, 1));
    EQ(count_destroyed(), 5);
    EQ(threading_queue_unfinished_tasks(q), 0);
    OK(threading_queue_join(q, 0));
    OK(threading_queue_destroy(q));
  }
}

TEST(destroy_drops_each_item_once) {
  EACH_ORDER(order) {
    const threading_queue q = create(order, 0);
    fill(q, ITEMS);
    void *got;
    for (int i = 0; i < 300; i++) OK(threading_queue_get(q, &got, 0));
    OK(threading_queue_destroy(q));
    EQ(count_destroyed(), ITEMS - 300);
  }
}

TEST(a_failed_put_leaves_the_item_to_the_caller) {
  EACH_ORDER(order) {
    const threading_queue q = create(order, 1);
    fill(q, 1);
    IS(threading_queue_put(q, &destroyed[1], 0), THREADING_TIMEOUT);
    IS(threading_queue_put(q, &destroyed[2], 100000), THREADING_TIMEOUT);
    OK(threading_queue_shutdown(q, 1));
    IS(threading_queue_put(q, &destroyed[3], 0), THREADING_CLOSED);
    OK(threading_queue_destroy(q));
    EQ(count_destroyed(), 1);
    EQ(atomic_load(&destroyed[0]), 1);
  }
}

// ---- Those who wait ----

typedef struct call {
  threading_queue queue;
  threading_status status;
} call;

static void *call_get(void *arg) {
  call *c = arg;
  void *got;
  c->status = threading_queue_get(c->queue, &got, THREADING_FOREVER);
  return NULL;
}

static void *call_put(void *arg) {
  call *c = arg;
  c->status = threading_queue_put(c->queue, &destroyed[ITEMS - 1], THREADING_FOREVER);
  return NULL;
}

static void *call_join(void *arg) {
  call *c = arg;
  c->status = threading_queue_join(c->queue, THREADING_FOREVER);
  return NULL;
}

static void waiters_end(int32_t order, void *(*wait)(void *), int items, int32_t immediate,
                        threading_status status) {
  const threading_queue q = create(order, items ? items : 1);
  fill(q, items);
  call c[4];
  threading_thread t[4];
  for (int i = 0; i < 4; i++) {
    c[i] = (call){ q, -99 };
    t[i] = spawn_thread(wait, &c[i]);
  }
  for (int i = 0; i < 4; i++) wait_blocked(t[i]);
  OK(threading_queue_shutdown(q, immediate));
  for (int i = 0; i < 4; i++) {
    finish_thread(t[i]);
    EQ(c[i].status, status);
  }
  OK(threading_queue_destroy(q));
  EQ(count_destroyed(), items);
}

TEST(shutdown_wakes_all_who_get) {
  EACH_ORDER(order) {
    waiters_end(order, call_get, 0, 0, THREADING_CLOSED);
    waiters_end(order, call_get, 0, 1, THREADING_CLOSED);
  }
}

TEST(shutdown_wakes_all_who_put) {
  EACH_ORDER(order) {
    waiters_end(order, call_put, 3, 0, THREADING_CLOSED);
    waiters_end(order, call_put, 3, 1, THREADING_CLOSED);
  }
}

TEST(an_immediate_shutdown_wakes_all_who_join) {
  EACH_ORDER(order) waiters_end(order, call_join, 5, 1, THREADING_OK);
}

TEST(who_joins_waits_for_what_was_got_before_an_immediate_shutdown) {
  EACH_ORDER(order) {
    const threading_queue q = create(order, 0);
    fill(q, 5);
    void *got;
    OK(threading_queue_get(q, &got, 0));
    call c = { q, -99 };
    const threading_thread t = spawn_thread(call_join, &c);
    wait_blocked(t);
    OK(threading_queue_shutdown(q, 1));
    wait_blocked(t);
    OK(threading_queue_task_done(q));
    finish_thread(t);
    EQ(c.status, THREADING_OK);
    OK(threading_queue_destroy(q));
    EQ(count_destroyed(), 4);
  }
}

// ---- Destructors ----

static threading_queue reentered;

static void look_again(void *item) {
  destroy_item(item);
  // No guard is held and nothing is in use: the queue answers.
  void *got;
  IS(threading_queue_get(reentered, &got, 0), THREADING_CLOSED);
  IS(threading_queue_put(reentered, item, 0), THREADING_CLOSED);
  EQ(threading_queue_is_shutdown(reentered), 1);
  OK(threading_queue_shutdown(reentered, 0));
}

TEST(a_destructor_may_use_the_queue) {
  EACH_ORDER(order) {
    for (int i = 0; i < ITEMS; i++) atomic_store(&destroyed[i], 0);
    OK(threading_queue_create(order, 0, look_again, &reentered));
    fill(reentered, 20);
    OK(threading_queue_shutdown(reentered, 1));
    EQ(count_destroyed(), 20);
    OK(threading_queue_destroy(reentered));
  }
}

static void destroy_and_leave(void *item) {
  destroy_item(item);
  if (item == &destroyed[3]) pthread_exit(item);
}

static void *shut_at_once(void *arg) {
  const threading_queue q = { *(uint64_t *)arg };
  threading_queue_shutdown(q, 1);
  return NULL;
}

TEST(a_destructor_that_leaves_by_force_harms_nothing_but_its_thread) {
  threading_queue q;
  OK(threading_queue_create(THREADING_FIFO, 0, destroy_and_leave, &q));
  fill(q, 10);
  const threading_thread t = spawn_thread(shut_at_once, &q.id);
  OK(threading_thread_join(t, THREADING_FOREVER));
  OK(threading_thread_destroy(t));
  EQ(count_destroyed(), 4);
  void *got;
  IS(threading_queue_get(q, &got, 0), THREADING_CLOSED);
  OK(threading_queue_destroy(q));  // with the rest of them
  EQ(count_destroyed(), 10);
}

static void leave_at_the_last(void *item) {
  destroy_item(item);
  if (count_destroyed() == 5) pthread_exit(item);
}

TEST(who_joins_is_told_also_when_the_last_destructor_leaves_by_force) {
  EACH_ORDER(order) {
    for (int i = 0; i < ITEMS; i++) atomic_store(&destroyed[i], 0);
    threading_queue q;
    OK(threading_queue_create(order, 0, leave_at_the_last, &q));
    fill(q, 5);
    call c = { q, -99 };
    const threading_thread joiner = spawn_thread(call_join, &c);
    wait_blocked(joiner);
    const threading_thread t = spawn_thread(shut_at_once, &q.id);
    OK(threading_thread_join(t, THREADING_FOREVER));
    OK(threading_thread_destroy(t));
    OK(threading_thread_join(joiner, scaled(THREADING_SECONDS(8))));
    finish_thread(joiner);
    EQ(c.status, THREADING_OK);
    OK(threading_queue_destroy(q));
    EQ(count_destroyed(), 5);
  }
}

// ---- Against each other ----

static threading_queue contested;
static atomic_int accepted, taken;

static void *produce(void *arg) {
  const int begin = *(int *)arg;
  for (int i = begin; i < begin + ITEMS / 2; i++) {
    const threading_status status = threading_queue_put(contested, &destroyed[i], THREADING_FOREVER);
    if (status == THREADING_CLOSED) break;
    OK(status);
    atomic_fetch_add(&accepted, 1);
  }
  return NULL;
}

static void *consume(void *arg) {
  (void)arg;
  for (;;) {
    void *got;
    const threading_status status = threading_queue_get(contested, &got, THREADING_FOREVER);
    if (status == THREADING_CLOSED) return NULL;
    OK(status);
    destroy_item(got);
    atomic_fetch_add(&taken, 1);
  }
}

static void contest(int32_t order, int64_t maxsize, int32_t immediate, int after) {
  contested = create(order, maxsize);
  atomic_store(&accepted, 0);
  atomic_store(&taken, 0);
  int begins[] = { 0, ITEMS / 2 };
  threading_thread t[4];
  for (int i = 0; i < 4; i++) t[i] = spawn_thread(i < 2 ? produce : consume, i < 2 ? &begins[i] : NULL);
  WAIT_UNTIL(atomic_load(&taken) >= after);
  OK(threading_queue_shutdown(contested, immediate));
  for (int i = 0; i < 4; i++) finish_thread(t[i]);
  // What a put took is got or destroyed, whatever the order of events.
  if (!immediate) EQ(atomic_load(&taken), atomic_load(&accepted));
  OK(threading_queue_destroy(contested));
  EQ(count_destroyed(), atomic_load(&accepted));
}

TEST(nothing_is_lost_or_given_twice_when_a_shutdown_meets_puts_and_gets) {
  const int64_t give_up = NOW_NS() + scaled(THREADING_SECONDS(2));
  for (int round = 0; round < 100 && NOW_NS() < give_up; round++) {
    EACH_ORDER(order) contest(order, round % 3 ? 0 : 2, round % 2, round % 50 * 3);
  }
}
