// threading_queue: the three orders, bounds, timeouts, priorities, tasks and joining, misuse.
#include "harness.h"

static threading_queue create(int32_t order, int64_t maxsize) {
  threading_queue q;
  OK(threading_queue_create(order, maxsize, NULL, &q));
  EQ(threading_queue_qsize(q), 0);
  EQ(threading_queue_empty(q), 1);
  EQ(threading_queue_full(q), 0);
  EQ(threading_queue_is_shutdown(q), 0);
  EQ(threading_queue_unfinished_tasks(q), 0);
  return q;
}

static void *item(int64_t n) { return (void *)(intptr_t)n; }

static void put(threading_queue q, int64_t n) { OK(threading_queue_put(q, item(n), 0)); }

static int64_t get(threading_queue q) {
  void *got = item(-77);
  OK(threading_queue_get(q, &got, 0));
  return (int64_t)(intptr_t)got;
}

static const int32_t orders[] = { THREADING_FIFO, THREADING_LIFO, THREADING_PRIORITY };
#define EACH_ORDER(order) for (int32_t order = THREADING_FIFO; order <= THREADING_PRIORITY; order++)

// ---- One thread ----

TEST(orders_have_their_numbers) {
  for (int32_t i = 0; i < 3; i++) EQ(orders[i], i);
}

TEST(fifo_gives_what_came_first) {
  const threading_queue q = create(THREADING_FIFO, 0);
  for (int64_t round = 0; round < 3; round++) {
    for (int64_t i = 0; i < 1000; i++) put(q, i);
    EQ(threading_queue_qsize(q), 1000);
    for (int64_t i = 0; i < 1000; i++) EQ(get(q), i);
    EQ(threading_queue_empty(q), 1);
  }
  OK(threading_queue_destroy(q));
}

TEST(lifo_gives_what_came_last) {
  const threading_queue q = create(THREADING_LIFO, 0);
  for (int64_t i = 0; i < 1000; i++) put(q, i);
  for (int64_t i = 999; i >= 500; i--) EQ(get(q), i);
  put(q, 7777);
  EQ(get(q), 7777);
  for (int64_t i = 499; i >= 0; i--) EQ(get(q), i);
  EQ(threading_queue_empty(q), 1);
  OK(threading_queue_destroy(q));
}

TEST(the_lowest_priority_comes_first_and_equal_ones_in_order_of_arrival) {
  const threading_queue q = create(THREADING_PRIORITY, 0);
  const int64_t priorities[] = { 5, -3, INT64_MAX, 0, INT64_MIN, 5, -3, 0 };
  for (int64_t round = 0; round < 200; round++) {
    for (int64_t i = 0; i < 8; i++)
      OK(threading_queue_put_priority(q, item(round * 8 + i), priorities[i], 0));
  }
  // Places in `priorities`; those of equal priority stand side by side.
  const int64_t in_order[] = { 4, 1, 6, 3, 7, 0, 5, 2 };
  const int64_t groups[][2] = { { 0, 1 }, { 1, 3 }, { 3, 5 }, { 5, 7 }, { 7, 8 } };
  for (size_t g = 0; g < 5; g++) {
    for (int64_t round = 0; round < 200; round++) {
      for (int64_t k = groups[g][0]; k < groups[g][1]; k++) EQ(get(q), round * 8 + in_order[k]);
    }
  }
  EQ(threading_queue_empty(q), 1);
  OK(threading_queue_destroy(q));
}

TEST(a_plain_put_has_priority_zero) {
  const threading_queue q = create(THREADING_PRIORITY, 0);
  OK(threading_queue_put_priority(q, item(1), 1, 0));
  put(q, 2);
  OK(threading_queue_put_priority(q, item(3), -1, 0));
  OK(threading_queue_put_priority(q, item(4), 0, 0));
  EQ(get(q), 3);
  EQ(get(q), 2);
  EQ(get(q), 4);
  EQ(get(q), 1);
  OK(threading_queue_destroy(q));
}

TEST(a_priority_in_another_order_is_invalid) {
  EACH_ORDER(order) {
    if (order == THREADING_PRIORITY) continue;
    const threading_queue q = create(order, 1);
    IS(threading_queue_put_priority(q, item(1), 0, 0), THREADING_E_INVALID);
    put(q, 1);
    IS(threading_queue_put_priority(q, item(1), 0, THREADING_FOREVER), THREADING_E_INVALID);
    EQ(threading_queue_qsize(q), 1);
    OK(threading_queue_destroy(q));
  }
}

TEST(any_pointer_is_an_item) {
  EACH_ORDER(order) {
    const threading_queue q = create(order, 0);
    void *got = &got;
    OK(threading_queue_put(q, NULL, 0));
    EQ(threading_queue_qsize(q), 1);
    OK(threading_queue_get(q, &got, 0));
    CHECK(got == NULL);
    put(q, -1);
    EQ(get(q), -1);
    OK(threading_queue_destroy(q));
  }
}

TEST(a_bound_is_exact) {
  const int64_t bounds[] = { 1, 2, 3, 5, 8, 100, 254, 255, 256, 257, 1000 };
  EACH_ORDER(order) {
    for (size_t b = 0; b < sizeof bounds / sizeof bounds[0]; b++) {
      const threading_queue q = create(order, bounds[b]);
      for (int round = 0; round < 3; round++) {
        for (int64_t i = 0; i < bounds[b]; i++) {
          EQ(threading_queue_full(q), 0);
          put(q, i);
          EQ(threading_queue_qsize(q), i + 1);
        }
        EQ(threading_queue_full(q), 1);
        IS(threading_queue_put(q, item(9), 0), THREADING_TIMEOUT);
        IS(threading_queue_put(q, item(9), 1000), THREADING_TIMEOUT);
        EQ(threading_queue_qsize(q), bounds[b]);
        for (int64_t i = 0; i < bounds[b]; i++) get(q);
        EQ(threading_queue_empty(q), 1);
      }
      OK(threading_queue_destroy(q));
    }
  }
}

TEST(without_a_bound_it_is_never_full) {
  const int64_t unbounded[] = { 0, -1, INT64_MIN, INT64_MAX };
  EACH_ORDER(order) {
    for (size_t b = 0; b < 4; b++) {
      const threading_queue q = create(order, unbounded[b]);
      for (int64_t i = 0; i < 3000; i++) put(q, i);
      EQ(threading_queue_full(q), 0);
      EQ(threading_queue_qsize(q), 3000);
      OK(threading_queue_destroy(q));
    }
  }
}

TEST(an_empty_queue_gives_nothing) {
  EACH_ORDER(order) {
    const threading_queue q = create(order, 2);
    void *got = item(5);
    const int64_t timeouts[] = { 0, 1, 1000, THREADING_MILLISECONDS(10) };
    for (size_t i = 0; i < 4; i++) {
      const int64_t began = NOW_NS();
      IS(threading_queue_get(q, &got, timeouts[i]), THREADING_TIMEOUT);
      CHECK(NOW_NS() - began >= timeouts[i]);
    }
    CHECK(got == item(5));
    OK(threading_queue_destroy(q));
  }
}

TEST(a_full_queue_waits_out_its_time) {
  EACH_ORDER(order) {
    const threading_queue q = create(order, 1);
    put(q, 1);
    const int64_t timeouts[] = { 0, 1, 1000, THREADING_MILLISECONDS(10) };
    for (size_t i = 0; i < 4; i++) {
      const int64_t began = NOW_NS();
      IS(threading_queue_put(q, item(2), timeouts[i]), THREADING_TIMEOUT);
      CHECK(NOW_NS() - began >= timeouts[i]);
    }
    EQ(threading_queue_qsize(q), 1);
    EQ(get(q), 1);
    OK(threading_queue_destroy(q));
  }
}

TEST(misuse_changes_nothing) {
  threading_queue q = { 77 };
  const int32_t unknown[] = { -1, 3, 100, INT32_MIN, INT32_MAX };
  for (size_t i = 0; i < 5; i++) IS(threading_queue_create(unknown[i], 0, NULL, &q), THREADING_E_INVALID);
  EQ(q.id, 77);
  EACH_ORDER(order) {
    IS(threading_queue_create(order, 0, NULL, NULL), THREADING_E_INVALID);
    q = create(order, 2);
    void *got = item(5);
    for (int filled = 0; filled < 3; filled++) {
      IS(threading_queue_put(q, item(1), -2), THREADING_E_INVALID);
      IS(threading_queue_put_priority(q, item(1), 0, INT64_MIN), THREADING_E_INVALID);
      IS(threading_queue_get(q, &got, -2), THREADING_E_INVALID);
      IS(threading_queue_get(q, NULL, 0), THREADING_E_INVALID);
      IS(threading_queue_join(q, -2), THREADING_E_INVALID);
      EQ(threading_queue_qsize(q), filled);
      EQ(threading_queue_unfinished_tasks(q), filled);
      if (filled < 2) put(q, filled);
    }
    CHECK(got == item(5));
    OK(threading_queue_destroy(q));
  }
}

TEST(a_destroyed_queue_is_no_queue) {
  EACH_ORDER(order) {
    const threading_queue q = create(order, 1);
    put(q, 1);
    OK(threading_queue_destroy(q));
    const threading_queue next = create(order, 1);  // most likely in the same place
    void *got;
    IS(threading_queue_put(q, item(1), 0), THREADING_E_HANDLE);
    IS(threading_queue_put_priority(q, item(1), 0, 0), THREADING_E_HANDLE);
    IS(threading_queue_get(q, &got, 0), THREADING_E_HANDLE);
    IS(threading_queue_task_done(q), THREADING_E_HANDLE);
    IS(threading_queue_join(q, 0), THREADING_E_HANDLE);
    IS(threading_queue_shutdown(q, 1), THREADING_E_HANDLE);
    IS(threading_queue_destroy(q), THREADING_E_HANDLE);
    EQ(threading_queue_qsize(q), THREADING_E_HANDLE);
    EQ(threading_queue_unfinished_tasks(q), THREADING_E_HANDLE);
    EQ(threading_queue_empty(q), THREADING_E_HANDLE);
    EQ(threading_queue_full(q), THREADING_E_HANDLE);
    EQ(threading_queue_is_shutdown(q), THREADING_E_HANDLE);
    EQ(threading_queue_qsize(next), 0);
    EQ(threading_queue_is_shutdown(next), 0);
    OK(threading_queue_destroy(next));
  }
}

// ---- Tasks ----

TEST(tasks_are_counted_from_put_to_task_done) {
  EACH_ORDER(order) {
    const threading_queue q = create(order, 0);
    OK(threading_queue_join(q, 0));
    IS(threading_queue_task_done(q), THREADING_E_OVERFLOW);
    for (int64_t i = 0; i < 600; i++) put(q, i);
    EQ(threading_queue_unfinished_tasks(q), 600);
    IS(threading_queue_join(q, 0), THREADING_TIMEOUT);
    for (int64_t i = 0; i < 600; i++) get(q);
    EQ(threading_queue_unfinished_tasks(q), 600);
    const int64_t began = NOW_NS();
    IS(threading_queue_join(q, THREADING_MILLISECONDS(5)), THREADING_TIMEOUT);
    CHECK(NOW_NS() - began >= THREADING_MILLISECONDS(5));
    for (int64_t i = 599; i >= 0; i--) {
      OK(threading_queue_task_done(q));
      EQ(threading_queue_unfinished_tasks(q), i);
    }
    OK(threading_queue_join(q, THREADING_FOREVER));
    IS(threading_queue_task_done(q), THREADING_E_OVERFLOW);
    EQ(threading_queue_unfinished_tasks(q), 0);
    OK(threading_queue_destroy(q));
  }
}

// ---- Two threads ----

typedef struct call {
  threading_queue queue;
  int64_t timeout_ns;
  threading_status status;
  void *item;
} call;

static void *call_get(void *arg) {
  call *c = arg;
  c->status = threading_queue_get(c->queue, &c->item, c->timeout_ns);
  return NULL;
}

static void *call_put(void *arg) {
  call *c = arg;
  c->status = threading_queue_put(c->queue, c->item, c->timeout_ns);
  return NULL;
}

static void *call_join(void *arg) {
  call *c = arg;
  c->status = threading_queue_join(c->queue, c->timeout_ns);
  return NULL;
}

TEST(a_put_wakes_one_who_gets) {
  const int64_t timeouts[] = { THREADING_FOREVER, INT64_MAX, THREADING_SECONDS(1000) };
  EACH_ORDER(order) {
    const threading_queue q = create(order, 1);
    for (size_t i = 0; i < 3; i++) {
      call c = { q, timeouts[i], -99, NULL };
      const threading_thread t = spawn_thread(call_get, &c);
      wait_blocked(t);
      put(q, 4711);
      finish_thread(t);
      EQ(c.status, THREADING_OK);
      CHECK(c.item == item(4711));
    }
    OK(threading_queue_destroy(q));
  }
}

TEST(a_get_wakes_one_who_puts) {
  EACH_ORDER(order) {
    const threading_queue q = create(order, 1);
    put(q, 1);
    call c = { q, THREADING_FOREVER, -99, item(2) };
    const threading_thread t = spawn_thread(call_put, &c);
    wait_blocked(t);
    EQ(threading_queue_qsize(q), 1);
    EQ(get(q), 1);
    finish_thread(t);
    EQ(c.status, THREADING_OK);
    EQ(get(q), 2);
    OK(threading_queue_destroy(q));
  }
}

TEST(the_last_task_done_wakes_all_who_join) {
  EACH_ORDER(order) {
    const threading_queue q = create(order, 0);
    put(q, 1);
    put(q, 2);
    call c[3];
    threading_thread t[3];
    for (int i = 0; i < 3; i++) {
      c[i] = (call){ q, THREADING_FOREVER, -99, NULL };
      t[i] = spawn_thread(call_join, &c[i]);
      wait_blocked(t[i]);
    }
    OK(threading_queue_task_done(q));
    for (int i = 0; i < 3; i++) wait_blocked(t[i]);
    OK(threading_queue_task_done(q));
    for (int i = 0; i < 3; i++) {
      finish_thread(t[i]);
      EQ(c[i].status, THREADING_OK);
    }
    OK(threading_queue_destroy(q));
  }
}

TEST(each_put_wakes_one_of_those_who_get) {
  EACH_ORDER(order) {
    const threading_queue q = create(order, 0);
    call c[4];
    threading_thread t[4];
    for (int i = 0; i < 4; i++) {
      c[i] = (call){ q, THREADING_FOREVER, -99, NULL };
      t[i] = spawn_thread(call_get, &c[i]);
    }
    for (int i = 0; i < 4; i++) wait_blocked(t[i]);
    for (int64_t i = 1; i <= 4; i++) put(q, i);  // the later ones may find that somebody was woken already
    int64_t sum = 0;
    for (int i = 0; i < 4; i++) {
      finish_thread(t[i]);
      EQ(c[i].status, THREADING_OK);
      sum += (int64_t)(intptr_t)c[i].item;
    }
    EQ(sum, 10);
    OK(threading_queue_destroy(q));
  }
}

TEST(each_get_wakes_one_of_those_who_put) {
  EACH_ORDER(order) {
    const threading_queue q = create(order, 4);
    for (int64_t i = 0; i < 4; i++) put(q, i);
    call c[4];
    threading_thread t[4];
    for (int i = 0; i < 4; i++) {
      c[i] = (call){ q, THREADING_FOREVER, -99, item(100) };
      t[i] = spawn_thread(call_put, &c[i]);
    }
    for (int i = 0; i < 4; i++) wait_blocked(t[i]);
    for (int64_t i = 1; i <= 4; i++) get(q);
    for (int i = 0; i < 4; i++) {
      finish_thread(t[i]);
      EQ(c[i].status, THREADING_OK);
    }
    EQ(threading_queue_qsize(q), 4);
    OK(threading_queue_destroy(q));
  }
}

TEST(destroy_with_waiters_is_busy_and_without_them_is_not) {
  EACH_ORDER(order) {
    const threading_queue q = create(order, 1);
    call c = { q, THREADING_FOREVER, -99, NULL };
    threading_thread t = spawn_thread(call_get, &c);
    wait_blocked(t);
    IS(threading_queue_destroy(q), THREADING_E_BUSY);
    put(q, 1);
    finish_thread(t);
    EQ(c.status, THREADING_OK);
    put(q, 2);
    t = spawn_thread(call_put, &c);
    wait_blocked(t);
    IS(threading_queue_destroy(q), THREADING_E_BUSY);
    get(q);
    finish_thread(t);
    EQ(c.status, THREADING_OK);
    t = spawn_thread(call_join, &c);
    wait_blocked(t);
    IS(threading_queue_destroy(q), THREADING_E_BUSY);
    EQ(threading_queue_qsize(q), 1);
    for (int i = 0; i < 3; i++) OK(threading_queue_task_done(q));
    finish_thread(t);
    EQ(c.status, THREADING_OK);
    // One whose time ran out counts no more.
    void *got;
    get(q);
    IS(threading_queue_get(q, &got, THREADING_MILLISECONDS(2)), THREADING_TIMEOUT);
    OK(threading_queue_destroy(q));
  }
}

// ---- What an item brings along ----

typedef struct parcel {
  int content[16];
} parcel;

static void *pack(void *arg) {
  const threading_queue q = { *(uint64_t *)arg };
  for (int i = 0; i < 2000; i++) {
    parcel *p = malloc(sizeof *p);
    CHECK(p);
    for (int k = 0; k < 16; k++) p->content[k] = i + k;
    OK(threading_queue_put(q, p, THREADING_FOREVER));
  }
  return NULL;
}

TEST(who_gets_sees_what_was_done_before_the_put) {
  EACH_ORDER(order) {
    threading_queue q = create(order, 10);
    const threading_thread t = spawn_thread(pack, &q.id);
    for (int i = 0; i < 2000; i++) {
      void *got;
      OK(threading_queue_get(q, &got, THREADING_FOREVER));
      const parcel *p = got;
      for (int k = 0; k < 16; k++) EQ(p->content[k], p->content[0] + k);
      free(got);
    }
    finish_thread(t);
    OK(threading_queue_destroy(q));
  }
}
