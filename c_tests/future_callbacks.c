// threading_future_add_done_callback: when, in which order, how often, and what a callback may do.
#include "pool.h"

static int64_t order[64];
static _Atomic int64_t called;
static _Atomic uint64_t seen_id;
static atomic_int destroyed_args;

static void note(threading_future future, void *arg) {
  atomic_store(&seen_id, future.id);
  EQ(threading_future_done(future), 1);
  order[atomic_fetch_add(&called, 1)] = (intptr_t)arg;
}

static void note_destroyed(void *arg) {
  (void)arg;
  atomic_fetch_add(&destroyed_args, 1);
}

static threading_future make_promise(void) {
  threading_future future;
  OK(threading_future_create(&future));
  return future;
}

static void add(threading_future future, threading_future_callback callback, intptr_t n) {
  OK(threading_future_add_done_callback(future, callback, (void *)n, note_destroyed));
}

static void in_order(int64_t count) {
  EQ(atomic_load(&called), count);
  EQ(atomic_load(&destroyed_args), count);
  for (int64_t i = 0; i < count; i++) EQ(order[i], i);
}

// ---- Once, in order, on every way to be done ----

TEST(after_a_result) {
  const threading_future f = make_promise();
  for (intptr_t i = 0; i < 10; i++) add(f, note, i);
  EQ(atomic_load(&called), 0);
  EQ(atomic_load(&destroyed_args), 0);
  OK(threading_future_set_result(f, NULL));
  in_order(10);
  EQ(atomic_load(&seen_id), f.id);
  OK(threading_future_destroy(f));
  in_order(10);
}

TEST(after_a_failure) {
  const threading_future f = make_promise();
  for (intptr_t i = 0; i < 10; i++) add(f, note, i);
  OK(threading_future_set_running_or_notify_cancel(f));
  EQ(atomic_load(&called), 0);
  OK(threading_future_set_failure(f, 1, "one"));
  in_order(10);
  OK(threading_future_destroy(f));
}

TEST(after_a_cancel) {
  const threading_future f = make_promise();
  for (intptr_t i = 0; i < 10; i++) add(f, note, i);
  OK(threading_future_cancel(f));
  in_order(10);
  OK(threading_future_cancel(f));
  IS(threading_future_set_running_or_notify_cancel(f), THREADING_CANCELLED);
  in_order(10);
  OK(threading_future_destroy(f));
}

TEST(at_once_when_it_is_done) {
  for (int way = 0; way < 3; way++) {
    const threading_future f = make_promise();
    if (way == 0) OK(threading_future_set_result(f, NULL));
    else if (way == 1) OK(threading_future_set_failure(f, 1, NULL));
    else OK(threading_future_cancel(f));
    add(f, note, way);
    in_order(way + 1);
    EQ(atomic_load(&seen_id), f.id);
    OK(threading_future_destroy(f));
  }
}

TEST(without_a_destructor) {
  const threading_future f = make_promise();
  OK(threading_future_add_done_callback(f, note, NULL, NULL));
  OK(threading_future_set_result(f, NULL));
  OK(threading_future_add_done_callback(f, note, (void *)1, NULL));
  EQ(atomic_load(&called), 2);
  OK(threading_future_destroy(f));
}

TEST(never_when_nobody_keeps_the_promise) {
  const threading_future f = make_promise();
  for (intptr_t i = 0; i < 10; i++) add(f, note, i);
  OK(threading_future_destroy(f));
  EQ(atomic_load(&called), 0);
  EQ(atomic_load(&destroyed_args), 10);
}

TEST(what_is_refused) {
  const threading_future f = make_promise();
  IS(threading_future_add_done_callback(f, NULL, NULL, note_destroyed), THREADING_E_INVALID);
  OK(threading_future_set_result(f, NULL));
  IS(threading_future_add_done_callback(f, NULL, NULL, note_destroyed), THREADING_E_INVALID);
  OK(threading_future_destroy(f));
  IS(threading_future_add_done_callback(f, note, NULL, note_destroyed), THREADING_E_HANDLE);
  EQ(atomic_load(&destroyed_args), 0);
  EQ(atomic_load(&called), 0);
}

// ---- The futures of a pool ----

static _Atomic uint64_t caller;

static void note_caller(threading_future future, void *arg) {
  note(future, arg);
  atomic_store(&caller, threading_get_ident());
}

static void *own_ident(void *arg) {
  *(uint64_t *)arg = threading_get_ident();
  return arg;
}

TEST(a_worker_calls_for_what_it_has_done) {
  const threading_pool pool = make_pool(1);
  gate gate;
  make_gate(&gate);
  threading_future held;
  hold_workers(pool, &gate, 1, &held);
  uint64_t worker = 0;
  threading_future f = submit(pool, own_ident, &worker);
  add(f, note_caller, 0);
  release_workers(&gate, 1, &held);
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  in_order(1);
  EQ(atomic_load(&caller), worker);
  OK(threading_future_destroy(f));
  finish_pool(pool);
}

TEST(whoever_cancels_calls) {
  const threading_pool pool = make_pool(1);
  gate gate;
  make_gate(&gate);
  threading_future held;
  hold_workers(pool, &gate, 1, &held);
  const threading_future f = submit(pool, give_back, NULL);
  add(f, note_caller, 0);
  OK(threading_future_cancel(f));
  in_order(1);
  EQ(atomic_load(&caller), threading_get_ident());
  OK(threading_future_destroy(f));
  release_workers(&gate, 1, &held);
  finish_pool(pool);
}

static void number_is_good(threading_future future, void *arg) {
  note(future, arg);
  void *result = NULL;
  OK(threading_future_result(future, 0, &result));
  CHECK(result == &called);
}

TEST(the_number_is_good_until_the_callback_returns_also_when_the_future_is_destroyed) {
  const threading_pool pool = make_pool(1);
  gate gate;
  make_gate(&gate);
  threading_future held;
  hold_workers(pool, &gate, 1, &held);
  const threading_future f = submit(pool, give_back, (void *)&called);
  add(f, number_is_good, 0);
  add(f, number_is_good, 1);
  OK(threading_future_destroy(f));
  EQ(threading_future_done(f), THREADING_E_HANDLE);
  release_workers(&gate, 1, &held);
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  in_order(2);
  EQ(threading_future_done((threading_future){ atomic_load(&seen_id) }), THREADING_E_HANDLE);
  finish_pool(pool);
}

// ---- What a callback may do ----

// What a callback that is being called is to find when somebody else has given the handle up meanwhile.
typedef struct meeting {
  threading_event inside, destroyed;
} meeting;

static void use_what_was_given_up(threading_future future, void *arg) {
  const meeting *meeting = arg;
  OK(threading_event_set(meeting->inside));
  OK(threading_event_wait(meeting->destroyed, THREADING_FOREVER));
  int32_t flag = 0;
  int32_t code = 0;
  void *result = NULL;
  EQ(threading_future_done(future), 1);
  EQ(threading_future_running(future), 0);
  EQ(threading_future_cancelled(future), 0);
  OK(threading_future_result(future, THREADING_FOREVER, &result));
  CHECK(result == arg);
  IS(threading_future_failure(future, 0, &code, NULL, 0, NULL), THREADING_E_STATE);
  IS(threading_future_cancel(future), THREADING_E_STATE);
  OK(threading_futures_wait(&future, 1, THREADING_FIRST_COMPLETED, THREADING_FOREVER, &flag));
  EQ(flag, 1);
  OK(threading_futures_wait(&future, 1, THREADING_ALL_COMPLETED, 0, NULL));
  OK(threading_future_add_done_callback(future, note, (void *)7, note_destroyed));
  EQ(atomic_load(&destroyed_args), 1);
}

TEST(the_number_is_good_to_a_callback_while_others_destroy_the_future) {
  const threading_pool pool = make_pool(1);
  meeting meeting = { make_event(), make_event() };
  gate gate;
  threading_future held, f;
  make_gate(&gate);
  hold_workers(pool, &gate, 1, &held);
  f = submit(pool, give_back, &meeting);
  OK(threading_future_add_done_callback(f, use_what_was_given_up, &meeting, NULL));
  release_workers(&gate, 1, &held);
  OK(threading_event_wait(meeting.inside, THREADING_FOREVER));
  OK(threading_future_destroy(f));
  // To all others it names nothing.
  EQ(threading_future_done(f), THREADING_E_HANDLE);
  IS(threading_future_destroy(f), THREADING_E_HANDLE);
  OK(threading_event_set(meeting.destroyed));
  finish_pool(pool);
  EQ(threading_future_done(f), THREADING_E_HANDLE);
}

static void destroy_and_ask(threading_future future, void *arg) {
  void *result = NULL;
  (void)arg;
  OK(threading_future_destroy(future));
  EQ(threading_future_done(future), THREADING_E_HANDLE);
  IS(threading_future_result(future, 0, &result), THREADING_E_HANDLE);
  IS(threading_future_destroy(future), THREADING_E_HANDLE);
}

TEST(what_a_callback_destroys_itself_is_gone_for_it) {
  const threading_future f = make_promise();
  add(f, destroy_and_ask, 0);
  OK(threading_future_set_result(f, NULL));
  EQ(threading_future_done(f), THREADING_E_HANDLE);
}

static void destroy_it(threading_future future, void *arg) {
  note(future, arg);
  OK(threading_future_destroy(future));
  IS(threading_future_destroy(future), THREADING_E_HANDLE);
}

static void only_note(threading_future future, void *arg) {
  (void)future;
  order[atomic_fetch_add(&called, 1)] = (intptr_t)arg;
}

TEST(a_callback_destroys_the_future) {
  threading_future f = make_promise();
  add(f, destroy_it, 0);
  add(f, only_note, 1);
  OK(threading_future_set_result(f, NULL));
  in_order(2);
  IS(threading_future_destroy(f), THREADING_E_HANDLE);
  f = make_promise();
  OK(threading_future_set_result(f, NULL));
  add(f, destroy_it, 2);
  in_order(3);
  IS(threading_future_destroy(f), THREADING_E_HANDLE);
}

static void add_another(threading_future future, void *arg) {
  note(future, arg);
  add(future, note, (intptr_t)arg + 1);  // it is done, so now
}

TEST(a_callback_adds_another) {
  const threading_future f = make_promise();
  add(f, add_another, 0);
  add(f, add_another, 2);
  OK(threading_future_set_result(f, NULL));
  in_order(4);
  OK(threading_future_destroy(f));
}

static threading_pool next_pool;
static threading_future next;

static void wait_for_next(threading_future future, void *arg) {
  note(future, arg);
  CHECK(result_of(submit(next_pool, give_back, arg)) == arg);
  CHECK(result_of(next) == &next);
}

TEST(a_callback_waits_for_another_future) {
  next_pool = make_pool(1);
  gate gate;
  make_gate(&gate);
  threading_future held;
  hold_workers(next_pool, &gate, 1, &held);
  const threading_future f = submit(next_pool, give_back, NULL);
  next = submit(next_pool, give_back, &next);
  add(f, wait_for_next, 0);
  release_workers(&gate, 1, &held);
  OK(threading_pool_wait(next_pool, THREADING_FOREVER));
  in_order(1);
  OK(threading_future_destroy(f));
  finish_pool(next_pool);
}

static void fail_inside(threading_future future, void *arg) {
  note(future, arg);
  threading_fail(9, "in a callback");
}

TEST(a_callback_that_fails_changes_nothing_for_the_others) {
  OK(threading_set_excepthook(ignore_failures, NULL));
  const threading_future f = make_promise();
  add(f, fail_inside, 0);
  add(f, note, 1);
  OK(threading_future_set_result(f, &called));
  in_order(2);
  CHECK(result_of(f) == (void *)&called);
}

static void leave_inside(threading_future future, void *arg) {
  note(future, arg);
  pthread_exit(NULL);
}

TEST(a_callback_that_ends_its_worker) {
  const threading_pool pool = make_pool(1);
  gate gate;
  make_gate(&gate);
  threading_future held;
  hold_workers(pool, &gate, 1, &held);
  const threading_future f = submit(pool, give_back, &gate);
  add(f, note, 0);
  add(f, leave_inside, 1);
  add(f, note, 2);
  add(f, leave_inside, 3);
  add(f, note, 4);
  release_workers(&gate, 1, &held);
  CHECK(result_of(submit(pool, give_back, &gate)) == &gate);
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  in_order(5);
  CHECK(result_of(f) == &gate);
  finish_pool(pool);
}

static void *leave_by_setting(void *arg) {
  threading_future_set_result(*(threading_future *)arg, arg);
  harness_fail(__FILE__, __LINE__, "the callback has returned");
}

TEST(a_callback_that_ends_the_thread_that_sets) {
  threading_future f = make_promise();
  add(f, leave_inside, 0);
  add(f, note, 1);
  const threading_thread thread = spawn_thread(leave_by_setting, &f);
  OK(threading_thread_join(thread, THREADING_FOREVER));
  OK(threading_thread_destroy(thread));
  in_order(2);
  CHECK(result_of(f) == &f);
}

static void leave_in_destructor(void *arg) {
  note_destroyed(arg);
  pthread_exit(NULL);
}

static void *leave_by_destroying(void *arg) {
  threading_future_destroy(*(threading_future *)arg);
  harness_fail(__FILE__, __LINE__, "the destructor has returned");
}

static void *wait_for_destroy(void *arg) {
  void *result;
  IS(threading_future_result(*(threading_future *)arg, THREADING_FOREVER, &result), THREADING_E_HANDLE);
  return arg;
}

TEST(a_destructor_that_ends_the_thread_that_destroys) {
  threading_future f = make_promise();
  OK(threading_future_add_done_callback(f, note, NULL, leave_in_destructor));
  const threading_thread waiter = spawn_thread(wait_for_destroy, &f);
  wait_blocked(waiter);
  const threading_thread thread = spawn_thread(leave_by_destroying, &f);
  OK(threading_thread_join(thread, THREADING_FOREVER));
  OK(threading_thread_destroy(thread));
  OK(threading_thread_join(waiter, scaled(THREADING_SECONDS(8))));
  finish_thread(waiter);
  EQ(atomic_load(&destroyed_args), 1);
  EQ(atomic_load(&called), 0);
}

// ---- Adding against ending ----

static threading_future contested;
static threading_barrier start;
static _Atomic int64_t calls;

static void count_call(threading_future future, void *arg) {
  (void)future;
  (void)arg;
  atomic_fetch_add(&calls, 1);
}

static void *add_many(void *arg) {
  OK(threading_barrier_wait(start, THREADING_FOREVER, NULL));
  for (int i = 0; i < 20; i++)
    OK(threading_future_add_done_callback(contested, count_call, arg, note_destroyed));
  return arg;
}

TEST(each_callback_is_called_once_whenever_it_is_added) {
  const int64_t end = NOW_NS() + THREADING_SECONDS(4);
  int64_t rounds = 0;
  OK(threading_barrier_create(4, NULL, NULL, THREADING_FOREVER, &start));
  for (; rounds < share(300) && NOW_NS() < end; rounds++) {
    contested = make_promise();
    threading_thread threads[3];
    for (int i = 0; i < 3; i++) threads[i] = spawn_thread(add_many, NULL);
    OK(threading_barrier_wait(start, THREADING_FOREVER, NULL));
    if (rounds % 2 == 0) OK(threading_future_set_result(contested, NULL));
    else OK(threading_future_cancel(contested));
    for (int i = 0; i < 3; i++) finish_thread(threads[i]);
    EQ(atomic_load(&calls), (rounds + 1) * 60);
    EQ(atomic_load(&destroyed_args), (rounds + 1) * 60);
    OK(threading_future_destroy(contested));
  }
  OK(threading_barrier_destroy(start));
}
