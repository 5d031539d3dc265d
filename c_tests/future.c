// threading_future: its states, the promise side, results and failures, waiting for one.
#include "pool.h"

static threading_future make_promise(void) {
  threading_future future;
  OK(threading_future_create(&future));
  return future;
}

#define STATE_IS(future, is_cancelled, is_running, is_done)                                               \
  do {                                                                                                    \
    EQ(threading_future_cancelled(future), is_cancelled);                                                 \
    EQ(threading_future_running(future), is_running);                                                     \
    EQ(threading_future_done(future), is_done);                                                           \
  } while (0)

static void no_result_but(threading_future future, threading_status status) {
  void *result = &result;
  int32_t code = 77;
  char text[8] = "before";
  size_t needed = 77;
  IS(threading_future_result(future, 0, &result), status);
  CHECK(result == &result);
  IS(threading_future_failure(future, 0, &code, text, sizeof text, &needed), status);
  EQ(code, 77);
  EQ(needed, 77);
  STR_EQ(text, "before");
}

// ---- The states ----

TEST(pending) {
  const threading_future f = make_promise();
  STATE_IS(f, 0, 0, 0);
  no_result_but(f, THREADING_TIMEOUT);
  OK(threading_future_set_running_or_notify_cancel(f));
  OK(threading_future_destroy(f));
}

TEST(pending_may_be_set_at_once) {
  threading_future f = make_promise();
  int here;
  OK(threading_future_set_result(f, &here));
  CHECK(result_of(f) == &here);
  f = make_promise();
  OK(threading_future_set_failure(f, 5, "five"));
  FAILURE_IS(f, 5, "five");
  OK(threading_future_destroy(f));
}

TEST(running) {
  const threading_future f = make_promise();
  OK(threading_future_set_running_or_notify_cancel(f));
  STATE_IS(f, 0, 1, 0);
  no_result_but(f, THREADING_TIMEOUT);
  IS(threading_future_cancel(f), THREADING_E_STATE);
  IS(threading_future_set_running_or_notify_cancel(f), THREADING_E_STATE);
  STATE_IS(f, 0, 1, 0);
  OK(threading_future_set_result(f, NULL));
  STATE_IS(f, 0, 0, 1);
  OK(threading_future_destroy(f));
}

TEST(cancelled) {
  const threading_future f = make_promise();
  OK(threading_future_cancel(f));
  STATE_IS(f, 1, 0, 1);
  no_result_but(f, THREADING_CANCELLED);
  OK(threading_future_cancel(f));
  IS(threading_future_set_result(f, NULL), THREADING_E_STATE);
  IS(threading_future_set_failure(f, 1, NULL), THREADING_E_STATE);
  STATE_IS(f, 1, 0, 1);
  IS(threading_future_set_running_or_notify_cancel(f), THREADING_CANCELLED);
  IS(threading_future_set_running_or_notify_cancel(f), THREADING_E_STATE);
  STATE_IS(f, 1, 0, 1);
  OK(threading_future_cancel(f));
  no_result_but(f, THREADING_CANCELLED);
  IS(threading_future_set_result(f, NULL), THREADING_E_STATE);
  OK(threading_future_destroy(f));
}

TEST(finished) {
  const threading_future f = make_promise();
  int here;
  OK(threading_future_set_result(f, &here));
  STATE_IS(f, 0, 0, 1);
  IS(threading_future_cancel(f), THREADING_E_STATE);
  IS(threading_future_set_running_or_notify_cancel(f), THREADING_E_STATE);
  IS(threading_future_set_result(f, NULL), THREADING_E_STATE);
  IS(threading_future_set_failure(f, 1, "one"), THREADING_E_STATE);
  int32_t code = 77;
  IS(threading_future_failure(f, THREADING_FOREVER, &code, NULL, 0, NULL), THREADING_E_STATE);
  EQ(code, 77);
  for (int i = 0; i < 3; i++) {
    void *result = NULL;
    OK(threading_future_result(f, i == 0 ? 0 : THREADING_FOREVER, &result));
    CHECK(result == &here);
  }
  OK(threading_future_destroy(f));
}

TEST(failed) {
  const threading_future f = make_promise();
  OK(threading_future_set_failure(f, -12, "broken glass"));
  STATE_IS(f, 0, 0, 1);
  void *result = &result;
  IS(threading_future_result(f, 0, &result), THREADING_FAILED);
  LAST_FAILURE_IS(-12, "broken glass");
  CHECK(result == &result);
  IS(threading_future_cancel(f), THREADING_E_STATE);
  IS(threading_future_set_running_or_notify_cancel(f), THREADING_E_STATE);
  IS(threading_future_set_result(f, NULL), THREADING_E_STATE);
  IS(threading_future_set_failure(f, 1, "one"), THREADING_E_STATE);
  for (int i = 0; i < 3; i++) FAILURE_IS(f, -12, "broken glass");
  OK(threading_future_destroy(f));
}

TEST(destroyed) {
  const threading_future f = make_promise();
  void *result;
  OK(threading_future_destroy(f));
  IS(threading_future_destroy(f), THREADING_E_HANDLE);
  IS(threading_future_result(f, THREADING_FOREVER, &result), THREADING_E_HANDLE);
  IS(threading_future_set_result(f, NULL), THREADING_E_HANDLE);
  IS(threading_future_cancel(f), THREADING_E_HANDLE);
  EQ(threading_future_done(f), THREADING_E_HANDLE);
  EQ(threading_future_running(f), THREADING_E_HANDLE);
  EQ(threading_future_cancelled(f), THREADING_E_HANDLE);
}

// ---- The futures of a pool ----

TEST(a_task_from_pending_to_finished) {
  const threading_pool pool = make_pool(1);
  gate gate;
  make_gate(&gate);
  threading_future held;
  hold_workers(pool, &gate, 1, &held);
  const threading_future f = submit(pool, give_back, &gate);
  STATE_IS(held, 0, 1, 0);
  STATE_IS(f, 0, 0, 0);
  no_result_but(f, THREADING_TIMEOUT);
  IS(threading_future_cancel(held), THREADING_E_STATE);
  release_workers(&gate, 1, &held);
  void *result;
  OK(threading_future_result(f, THREADING_FOREVER, &result));
  STATE_IS(f, 0, 0, 1);
  OK(threading_future_destroy(f));
  finish_pool(pool);
}

TEST(the_future_of_a_task_is_the_pools_to_set) {
  const threading_pool pool = make_pool(1);
  gate gate;
  make_gate(&gate);
  threading_future held;
  hold_workers(pool, &gate, 1, &held);
  const threading_future f = submit(pool, give_back, &gate);
  IS(threading_future_set_running_or_notify_cancel(f), THREADING_E_STATE);
  IS(threading_future_set_result(f, NULL), THREADING_E_STATE);
  IS(threading_future_set_failure(f, 1, NULL), THREADING_E_STATE);
  STATE_IS(f, 0, 0, 0);
  release_workers(&gate, 1, &held);
  CHECK(result_of(f) == &gate);
  finish_pool(pool);
}

TEST(a_cancelled_task_never_runs) {
  const threading_pool pool = make_pool(1);
  gate gate;
  make_gate(&gate);
  threading_future held;
  hold_workers(pool, &gate, 1, &held);
  _Atomic int64_t count = 0;
  const threading_future f = submit(pool, count_target, (void *)&count);
  OK(threading_future_cancel(f));
  STATE_IS(f, 1, 0, 1);
  no_result_but(f, THREADING_CANCELLED);
  OK(threading_future_cancel(f));
  release_workers(&gate, 1, &held);
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  EQ(atomic_load(&count), 0);
  STATE_IS(f, 1, 0, 1);
  OK(threading_future_destroy(f));
  finish_pool(pool);
}

TEST(a_task_whose_future_is_destroyed_runs) {
  const threading_pool pool = make_pool(1);
  gate gate;
  make_gate(&gate);
  threading_future held;
  hold_workers(pool, &gate, 1, &held);
  _Atomic int64_t count = 0;
  for (int i = 0; i < 100; i++) OK(threading_future_destroy(submit(pool, count_target, (void *)&count)));
  OK(threading_future_destroy(held));
  IS(threading_future_result(held, 0, &(void *){ NULL }), THREADING_E_HANDLE);
  open_gate(&gate);
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  EQ(atomic_load(&count), 100);
  finish_pool(pool);
}

TEST(a_result_outlives_its_pool) {
  int here;
  const threading_pool pool = make_pool(1);
  const threading_future good = submit(pool, give_back, &here), bad = submit(pool, fail_with_7, NULL);
  finish_pool(pool);
  CHECK(result_of(good) == &here);
  FAILURE_IS(bad, 7, "seven");
  OK(threading_future_destroy(bad));
}

// ---- Failures ----

static void *fail_twice(void *arg) {
  OK(threading_fail(1, "first"));
  OK(threading_fail(2, arg));
  return arg;
}

static void *fail_without_text(void *arg) {
  OK(threading_fail(INT32_MIN, NULL));
  return arg;
}

TEST(a_task_fails) {
  const threading_pool pool = make_pool(2);
  char text[] = "the last one counts";
  threading_future f = submit(pool, fail_twice, text);
  void *result = &result;
  IS(threading_future_result(f, THREADING_FOREVER, &result), THREADING_FAILED);
  LAST_FAILURE_IS(2, "the last one counts");
  FAILURE_IS(f, 2, "the last one counts");
  CHECK(result == &result);
  OK(threading_future_destroy(f));
  f = submit(pool, fail_without_text, NULL);
  FAILURE_IS(f, INT32_MIN, "");
  OK(threading_future_destroy(f));
  f = submit(pool, leave_by_force, NULL);
  FAILURE_IS(f, THREADING_CANCELLED, "");
  OK(threading_future_destroy(f));
  finish_pool(pool);
}

static _Atomic int64_t hooked;

static void count_failures(threading_thread thread, int32_t code, const char *message, void *user) {
  CHECK(thread.id != 0 && user == &hooked);
  EQ(code, 7);
  STR_EQ(message, "seven");
  atomic_fetch_add(&hooked, 1);
}

static void fail_in_callback(void *arg) { fail_with_7(arg); }

TEST(a_failure_that_nobody_can_ask_for_is_reported) {
  OK(threading_set_excepthook(count_failures, (void *)&hooked));
  const threading_pool pool = make_pool(2);
  const threading_future f = submit(pool, fail_with_7, NULL);
  FAILURE_IS(f, 7, "seven");
  OK(threading_future_destroy(f));
  EQ(atomic_load(&hooked), 0);
  for (int i = 0; i < 10; i++) OK(threading_pool_execute(pool, fail_in_callback, NULL));
  finish_pool(pool);
  EQ(atomic_load(&hooked), 10);
}

TEST(the_text_of_a_failure_in_any_buffer) {
  const threading_future f = make_promise();
  OK(threading_future_set_failure(f, 3, "h\xc3\xa9llo"));
  size_t needed = 0;
  int32_t code = 0;
  char text[8];
  OK(threading_future_failure(f, 0, &code, NULL, 0, &needed));
  EQ(needed, 7);
  memset(text, 'x', sizeof text);
  OK(threading_future_failure(f, 0, &code, text, 3, &needed));
  STR_EQ(text, "h");  // cut at a character
  EQ(needed, 7);
  OK(threading_future_failure(f, 0, &code, text, 7, NULL));
  STR_EQ(text, "h\xc3\xa9llo");
  IS(threading_future_failure(f, 0, &code, NULL, 4, &needed), THREADING_E_INVALID);
  IS(threading_future_failure(f, -2, &code, text, 7, &needed), THREADING_E_INVALID);
  OK(threading_future_destroy(f));
}

TEST(a_text_that_is_none) {
  const threading_future f = make_promise();
  IS(threading_future_set_failure(f, 3, "\xff"), THREADING_E_INVALID);
  STATE_IS(f, 0, 0, 0);
  OK(threading_future_set_failure(f, 3, NULL));
  FAILURE_IS(f, 3, "");
  OK(threading_future_destroy(f));
}

TEST(what_is_refused) {
  const threading_future f = make_promise();
  IS(threading_future_create(NULL), THREADING_E_INVALID);
  void *result = &result;
  IS(threading_future_result(f, -2, &result), THREADING_E_INVALID);
  IS(threading_future_result(f, 0, NULL), THREADING_E_INVALID);
  OK(threading_future_set_result(f, NULL));
  IS(threading_future_result(f, -2, &result), THREADING_E_INVALID);
  IS(threading_future_result(f, INT64_MIN, &result), THREADING_E_INVALID);
  CHECK(result == &result);
  OK(threading_future_destroy(f));
}

// ---- Waiting ----

TEST(a_wait_times_out) {
  const threading_future f = make_promise();
  void *result;
  const int64_t before = NOW_NS();
  IS(threading_future_result(f, THREADING_MILLISECONDS(5), &result), THREADING_TIMEOUT);
  CHECK(NOW_NS() - before >= THREADING_MILLISECONDS(5));
  int32_t code = 77;
  IS(threading_future_failure(f, THREADING_MILLISECONDS(1), &code, NULL, 0, NULL), THREADING_TIMEOUT);
  EQ(code, 77);
  OK(threading_future_set_result(f, &result));
  CHECK(result_of(f) == &result);
}

static void *wait_for_result(void *arg) {
  void *result = NULL;
  OK(threading_future_result(*(threading_future *)arg, THREADING_FOREVER, &result));
  CHECK(result == arg);
  return arg;
}

static void *wait_for_result_long(void *arg) {
  void *result = NULL;
  OK(threading_future_result(*(threading_future *)arg, INT64_MAX, &result));
  CHECK(result == arg);
  return arg;
}

static void *wait_for_failure(void *arg) {
  FAILURE_IS(*(threading_future *)arg, 7, "seven");
  return arg;
}

static void *wait_for_cancel(void *arg) {
  void *result;
  IS(threading_future_result(*(threading_future *)arg, THREADING_FOREVER, &result), THREADING_CANCELLED);
  return arg;
}

static void *wait_for_destroy(void *arg) {
  void *result;
  IS(threading_future_result(*(threading_future *)arg, THREADING_FOREVER, &result), THREADING_E_HANDLE);
  return arg;
}

typedef void *(*waiter)(void *);

static void with_32_waiters(waiter one, waiter other, threading_status (*end)(threading_future *)) {
  threading_future f = make_promise();
  threading_thread threads[32];
  for (int i = 0; i < 32; i++) threads[i] = spawn_thread(i % 2 == 0 ? one : other, &f);
  for (int i = 0; i < 32; i++) wait_blocked(threads[i]);
  const threading_future handle = f;
  OK(end(&f));
  for (int i = 0; i < 32; i++) finish_thread(threads[i]);
  threading_future_destroy(handle);
}

static threading_status end_by_result(threading_future *f) { return threading_future_set_result(*f, f); }
static threading_status end_by_failure(threading_future *f) {
  return threading_future_set_failure(*f, 7, "seven");
}
static threading_status end_by_cancel(threading_future *f) { return threading_future_cancel(*f); }
static threading_status end_by_destroy(threading_future *f) { return threading_future_destroy(*f); }

TEST(thirty_two_wait_for_a_result) {
  with_32_waiters(wait_for_result, wait_for_result_long, end_by_result);
}
TEST(thirty_two_wait_for_a_failure) { with_32_waiters(wait_for_failure, wait_for_failure, end_by_failure); }
TEST(thirty_two_wait_for_one_that_is_cancelled) {
  with_32_waiters(wait_for_cancel, wait_for_cancel, end_by_cancel);
}
TEST(thirty_two_wait_for_one_that_is_destroyed) {
  with_32_waiters(wait_for_destroy, wait_for_destroy, end_by_destroy);
}

static void *set_later(void *arg) {
  OK(threading_future_set_result(*(threading_future *)arg, arg));
  return arg;
}

TEST(what_was_done_before_the_result_is_seen_after_it) {
  for (int i = 0; i < 300; i++) {
    threading_future f = make_promise();
    const threading_thread thread = spawn_thread(set_later, &f);
    if (i % 3 == 0) wait_for_result_long(&f);
    else wait_for_result(&f);
    finish_thread(thread);
    OK(threading_future_destroy(f));
  }
}

// ---- Cancel against set ----

static threading_future contested;
static threading_barrier start;

static void *cancel_contested(void *arg) {
  OK(threading_barrier_wait(start, THREADING_FOREVER, NULL));
  *(threading_status *)arg = threading_future_cancel(contested);
  return NULL;
}

TEST(one_of_cancel_and_set_wins) {
  OK(threading_barrier_create(2, NULL, NULL, THREADING_FOREVER, &start));
  for (int64_t i = 0; i < share(500); i++) {
    threading_status cancelled = 77;
    contested = make_promise();
    const threading_thread thread = spawn_thread(cancel_contested, &cancelled);
    OK(threading_barrier_wait(start, THREADING_FOREVER, NULL));
    const threading_status set = threading_future_set_result(contested, NULL);
    finish_thread(thread);
    CHECK((set == THREADING_OK && cancelled == THREADING_E_STATE) ||
          (set == THREADING_E_STATE && cancelled == THREADING_OK));
    STATE_IS(contested, cancelled == THREADING_OK, 0, 1);
    OK(threading_future_destroy(contested));
  }
  OK(threading_barrier_destroy(start));
}
