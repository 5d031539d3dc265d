// Threads from create to destroy: start, spawn, run, join, result, failure, is_alive, ends by force.
#include "harness.h"

#include <poll.h>

// A target that runs until it is let go and then returns its argument.
typedef struct gate {
  atomic_bool open;
  atomic_int passed;
} gate;

static void *pass_gate(void *arg) {
  gate *at = arg;
  WAIT_UNTIL(atomic_load(&at->open));
  atomic_fetch_add(&at->passed, 1);
  return arg;
}

static void *return_arg(void *arg) { return arg; }

static void *count_up(void *arg) {
  atomic_fetch_add((atomic_int *)arg, 1);
  return NULL;
}

static threading_thread created(threading_target target, void *arg) {
  threading_thread thread;
  OK(threading_thread_create(target, arg, NULL, &thread));
  return thread;
}

// ---- Life ----

TEST(fault_D11_create_starts_nothing) {
  atomic_int runs = 0;
  void *result = &runs;
  uint64_t id = 1;
  threading_thread thread = created(count_up, &runs);
  CHECK(thread.id != 0);
  EQ(threading_thread_is_alive(thread), 0);
  EQ(threading_active_count(), 1);
  IS(threading_thread_join(thread, 0), THREADING_E_STATE);
  IS(threading_thread_join(thread, THREADING_FOREVER), THREADING_E_STATE);
  IS(threading_thread_result(thread, &result), THREADING_E_STATE);
  CHECK(result == &runs);
  IS(threading_thread_native_id(thread, &id), THREADING_E_STATE);
  EQ(id, 1);
  OK(threading_thread_destroy(thread));
  IS(threading_thread_start(thread), THREADING_E_HANDLE);
  EQ(atomic_load(&runs), 0);
}

TEST(start_runs_the_target_once_with_its_argument) {
  atomic_int runs = 0;
  threading_thread thread = created(count_up, &runs);
  OK(threading_thread_start(thread));
  OK(threading_thread_join(thread, THREADING_FOREVER));
  EQ(atomic_load(&runs), 1);
  EQ(threading_thread_is_alive(thread), 0);
  OK(threading_thread_destroy(thread));
}

TEST(result_is_what_the_target_returned) {
  int value = 0;
  void *result = NULL;
  threading_thread thread = spawn_thread(return_arg, &value);
  OK(threading_thread_join(thread, THREADING_FOREVER));
  OK(threading_thread_result(thread, &result));
  CHECK(result == &value);
  OK(threading_thread_result(thread, &result));
  OK(threading_thread_destroy(thread));
}

TEST(result_before_the_end_is_refused) {
  gate at = { false, 0 };
  void *result = NULL;
  threading_thread thread = spawn_thread(pass_gate, &at);
  IS(threading_thread_result(thread, &result), THREADING_E_STATE);
  CHECK(result == NULL);
  atomic_store(&at.open, true);
  CHECK(finish_thread(thread) == &at);
}

TEST(fault_D11_start_twice_is_refused) {
  gate at = { false, 0 };
  threading_thread thread = created(pass_gate, &at);
  OK(threading_thread_start(thread));
  IS(threading_thread_start(thread), THREADING_E_STATE);
  atomic_store(&at.open, true);
  OK(threading_thread_join(thread, THREADING_FOREVER));
  IS(threading_thread_start(thread), THREADING_E_STATE);
  EQ(atomic_load(&at.passed), 1);
  OK(threading_thread_destroy(thread));
}

typedef struct race {
  threading_thread thread;
  atomic_bool go;
  atomic_int won;
} race;

static void *start_shared(void *arg) {
  race *one = arg;
  while (!atomic_load(&one->go)) threading_yield();
  threading_status status = threading_thread_start(one->thread);
  CHECK(status == THREADING_OK || status == THREADING_E_STATE);
  if (status == THREADING_OK) atomic_fetch_add(&one->won, 1);
  return NULL;
}

TEST(of_many_starters_one_wins) {
  const int64_t end = NOW_NS() + THREADING_SECONDS(3);
  for (int round = 0; round < 50 && NOW_NS() < end; round++) {
    atomic_int runs = 0;
    race one = { created(count_up, &runs), false, 0 };
    threading_thread starters[4];
    for (int i = 0; i < 4; i++) starters[i] = spawn_thread(start_shared, &one);
    atomic_store(&one.go, true);
    for (int i = 0; i < 4; i++) finish_thread(starters[i]);
    EQ(atomic_load(&one.won), 1);
    finish_thread(one.thread);
    EQ(atomic_load(&runs), 1);
  }
}

TEST(two_hundred_threads_each_run_once) {
  enum { COUNT = 200 };
  static threading_thread threads[COUNT];
  atomic_int runs = 0;
  for (int i = 0; i < COUNT; i++) threads[i] = spawn_thread(count_up, &runs);
  for (int i = 0; i < COUNT; i++) finish_thread(threads[i]);
  EQ(atomic_load(&runs), COUNT);
  EQ(threading_active_count(), 1);
}

static void *start_and_join_child(void *arg) {
  finish_thread(spawn_thread(count_up, arg));
  return NULL;
}

TEST(threads_start_threads) {
  atomic_int runs = 0;
  threading_thread threads[8];
  for (int i = 0; i < 8; i++) threads[i] = spawn_thread(start_and_join_child, &runs);
  for (int i = 0; i < 8; i++) finish_thread(threads[i]);
  EQ(atomic_load(&runs), 8);
}

TEST(create_and_spawn_refuse_bad_arguments) {
  threading_thread out = { 7 };
  IS(threading_thread_create(NULL, NULL, NULL, &out), THREADING_E_INVALID);
  IS(threading_thread_spawn(NULL, NULL, NULL, &out), THREADING_E_INVALID);
  EQ(out.id, 7);
  atomic_int runs = 0;
  IS(threading_thread_create(count_up, &runs, NULL, NULL), THREADING_E_INVALID);
  IS(threading_thread_spawn(count_up, &runs, NULL, NULL), THREADING_E_INVALID);
  EQ(threading_active_count(), 1);
  EQ(atomic_load(&runs), 0);
}

typedef struct handoff {
  int plain_before, plain_after;
} handoff;

static void *check_and_write(void *arg) {
  handoff *shared = arg;
  EQ(shared->plain_before, 41);
  shared->plain_after = 42;
  return NULL;
}

TEST(start_and_join_order_memory) {
  const int64_t end = NOW_NS() + THREADING_SECONDS(3);
  for (int i = 0; i < 200 && NOW_NS() < end; i++) {
    handoff shared = { 41, 0 };
    finish_thread(spawn_thread(check_and_write, &shared));
    EQ(shared.plain_after, 42);
  }
}

// ---- run ----

static void *note_current(void *arg) {
  *(threading_thread *)arg = threading_current_thread();
  return arg;
}

TEST(run_calls_the_target_here_and_consumes_it) {
  threading_thread seen = { 0 };
  threading_thread thread = created(note_current, &seen);
  OK(threading_thread_run(thread));
  EQ(seen.id, threading_main_thread().id);
  seen.id = 0;
  IS(threading_thread_run(thread), THREADING_E_STATE);
  IS(threading_thread_start(thread), THREADING_E_STATE);
  EQ(seen.id, 0);
  EQ(threading_thread_is_alive(thread), 0);
  OK(threading_thread_destroy(thread));
}

TEST(run_after_start_is_refused) {
  gate at = { false, 0 };
  threading_thread thread = spawn_thread(pass_gate, &at);
  IS(threading_thread_run(thread), THREADING_E_STATE);
  atomic_store(&at.open, true);
  OK(threading_thread_join(thread, THREADING_FOREVER));
  IS(threading_thread_run(thread), THREADING_E_STATE);
  EQ(atomic_load(&at.passed), 1);
  OK(threading_thread_destroy(thread));
}

static void *fail_seven(void *arg) {
  OK(threading_fail(7, "seven"));
  return arg;
}

TEST(run_reports_a_failing_target) {
  int32_t code = 0;
  char text[16];
  threading_thread thread = created(fail_seven, NULL);
  IS(threading_thread_run(thread), THREADING_FAILED);
  OK(threading_thread_failure(thread, &code, text, sizeof text, NULL));
  EQ(code, 7);
  STR_EQ(text, "seven");
  OK(threading_thread_destroy(thread));
}

// ---- join ----

TEST(fault_D9_join_many_times_and_after_the_end) {
  threading_thread thread = spawn_thread(return_arg, NULL);
  OK(threading_thread_join(thread, THREADING_FOREVER));
  OK(threading_thread_join(thread, THREADING_FOREVER));
  OK(threading_thread_join(thread, 0));
  OK(threading_thread_join(thread, INT64_MAX));
  IS(threading_thread_join(thread, -2), THREADING_E_INVALID);
  IS(threading_thread_join(thread, INT64_MIN), THREADING_E_INVALID);
  OK(threading_thread_destroy(thread));
  IS(threading_thread_join(thread, 0), THREADING_E_HANDLE);
}

TEST(fault_D13_join_that_times_out_changes_nothing) {
  gate at = { false, 0 };
  threading_thread thread = spawn_thread(pass_gate, &at);
  IS(threading_thread_join(thread, 0), THREADING_TIMEOUT);
  int64_t before = NOW_NS();
  IS(threading_thread_join(thread, THREADING_MILLISECONDS(20)), THREADING_TIMEOUT);
  CHECK(NOW_NS() - before >= THREADING_MILLISECONDS(20));
  EQ(threading_thread_is_alive(thread), 1);
  atomic_store(&at.open, true);
  CHECK(finish_thread(thread) == &at);
}

static void *join_shared(void *arg) {
  OK(threading_thread_join(*(threading_thread *)arg, THREADING_FOREVER));
  return arg;
}

TEST(fault_D10_join_from_many_threads) {
  gate at = { false, 0 };
  threading_thread thread = spawn_thread(pass_gate, &at), joiners[32];
  for (int i = 0; i < 32; i++) joiners[i] = spawn_thread(join_shared, &thread);
  for (int i = 0; i < 32; i++) wait_blocked(joiners[i]);
  atomic_store(&at.open, true);
  for (int i = 0; i < 32; i++) CHECK(finish_thread(joiners[i]) == &thread);
  CHECK(finish_thread(thread) == &at);
}

static void *join_self(void *arg) {
  IS(threading_thread_join(threading_current_thread(), THREADING_FOREVER), THREADING_E_DEADLOCK);
  IS(threading_thread_join(threading_current_thread(), -2), THREADING_E_INVALID);
  return arg;
}

TEST(fault_D7_join_of_oneself_is_a_deadlock) {
  int done;
  CHECK(finish_thread(spawn_thread(join_self, &done)) == &done);
  IS(threading_thread_join(threading_main_thread(), THREADING_FOREVER), THREADING_E_DEADLOCK);
}

// ---- failure ----

TEST(failure_has_code_and_message) {
  int32_t code = 0;
  char text[16];
  size_t needed = 0;
  void *result = &code;
  threading_thread thread = spawn_thread(fail_seven, &code);
  OK(threading_thread_join(thread, THREADING_FOREVER));
  IS(threading_thread_result(thread, &result), THREADING_FAILED);
  CHECK(result == &code);
  OK(threading_thread_failure(thread, &code, text, sizeof text, &needed));
  EQ(code, 7);
  STR_EQ(text, "seven");
  EQ(needed, 6);
  OK(threading_thread_failure(thread, &code, NULL, 0, &needed));
  IS(threading_thread_failure(thread, &code, NULL, 4, NULL), THREADING_E_INVALID);
  IS(threading_thread_failure(thread, NULL, text, sizeof text, NULL), THREADING_E_INVALID);
  OK(threading_thread_failure(thread, &code, text, 3, &needed));
  STR_EQ(text, "se");
  EQ(needed, 6);
  OK(threading_thread_destroy(thread));
}

TEST(failure_of_one_that_did_not_fail_is_refused) {
  gate at = { false, 0 };
  int32_t code = 1;
  threading_thread thread = created(pass_gate, &at);
  IS(threading_thread_failure(thread, &code, NULL, 0, NULL), THREADING_E_STATE);
  OK(threading_thread_start(thread));
  IS(threading_thread_failure(thread, &code, NULL, 0, NULL), THREADING_E_STATE);
  atomic_store(&at.open, true);
  OK(threading_thread_join(thread, THREADING_FOREVER));
  IS(threading_thread_failure(thread, &code, NULL, 0, NULL), THREADING_E_STATE);
  EQ(code, 1);
  OK(threading_thread_destroy(thread));
}

static void *fail_oddly(void *arg) {
  IS(threading_fail(1, "\xff\xfe"), THREADING_E_INVALID);
  OK(threading_fail(INT32_MIN, NULL));
  return arg;
}

TEST(failure_without_a_message) {
  int32_t code = 0;
  char text[4] = "abc";
  size_t needed = 0;
  threading_thread thread = spawn_thread(fail_oddly, NULL);
  OK(threading_thread_join(thread, THREADING_FOREVER));
  OK(threading_thread_failure(thread, &code, text, sizeof text, &needed));
  EQ(code, INT32_MIN);
  STR_EQ(text, "");
  EQ(needed, 1);
  OK(threading_thread_destroy(thread));
}

static void *fail_in_german(void *arg) {
  OK(threading_fail(1, "a\xc3\xbc\xe2\x82\xac"));  // one, two and three bytes
  return arg;
}

TEST(failure_text_is_cut_between_characters) {
  static const char *const cut[] = { "", "a", "a", "a\xc3\xbc", "a\xc3\xbc", "a\xc3\xbc",
                                     "a\xc3\xbc\xe2\x82\xac" };
  threading_thread thread = spawn_thread(fail_in_german, NULL);
  OK(threading_thread_join(thread, THREADING_FOREVER));
  for (size_t size = 1; size <= 7; size++) {
    char text[8];
    size_t needed = 0;
    int32_t code;
    memset(text, '#', sizeof text);
    OK(threading_thread_failure(thread, &code, text, size, &needed));
    STR_EQ(text, cut[size - 1]);
    EQ(needed, 7);
    EQ(text[size], '#');
  }
  OK(threading_thread_destroy(thread));
}

// ---- Ends by force ----

static void *exit_by_force(void *arg) {
  pthread_exit(arg);
}

static void *end_at_poll(void *arg) {
  atomic_store((atomic_uintptr_t *)arg, (uintptr_t)pthread_self());
  for (;;) poll(NULL, 0, 1000);
  return NULL;
}

static void check_ended_by_force(threading_thread thread) {
  int32_t code = 0;
  void *result = &code;
  OK(threading_thread_join(thread, THREADING_FOREVER));
  EQ(threading_thread_is_alive(thread), 0);
  IS(threading_thread_result(thread, &result), THREADING_FAILED);
  CHECK(result == &code);
  OK(threading_thread_failure(thread, &code, NULL, 0, NULL));
  EQ(code, THREADING_CANCELLED);
  OK(threading_thread_destroy(thread));
}

TEST(fault_D16_pthread_exit_ends_the_thread_as_cancelled) {
  int arg;
  threading_thread joiners[2], thread = created(exit_by_force, &arg);
  OK(threading_thread_start(thread));
  for (int i = 0; i < 2; i++) joiners[i] = spawn_thread(join_shared, &thread);
  for (int i = 0; i < 2; i++) finish_thread(joiners[i]);
  check_ended_by_force(thread);
  EQ(threading_active_count(), 1);
}

TEST(pthread_cancel_ends_the_thread_as_cancelled) {
  atomic_uintptr_t self = 0;
  threading_thread thread = spawn_thread(end_at_poll, (void *)&self);
  WAIT_UNTIL(atomic_load(&self) != 0);
  EQ(pthread_cancel((pthread_t)atomic_load(&self)), 0);
  check_ended_by_force(thread);
  EQ(threading_active_count(), 1);
}

// ---- Handles ----

TEST(fault_D12_destroy_lets_the_thread_run_on) {
  gate at = { false, 0 };
  threading_thread thread = spawn_thread(pass_gate, &at), joiner = spawn_thread(join_shared, &thread);
  wait_blocked(joiner);
  OK(threading_thread_destroy(thread));
  IS(threading_thread_destroy(thread), THREADING_E_STATE);
  EQ(threading_thread_is_alive(thread), 1);
  IS(threading_thread_join(thread, 0), THREADING_TIMEOUT);
  atomic_store(&at.open, true);
  finish_thread(joiner);
  WAIT_UNTIL(threading_thread_is_alive(thread) == THREADING_E_HANDLE);
  EQ(atomic_load(&at.passed), 1);
  IS(threading_thread_join(thread, 0), THREADING_E_HANDLE);
  IS(threading_thread_destroy(thread), THREADING_E_HANDLE);
}

TEST(destroy_after_the_end_ends_the_number) {
  threading_thread thread = spawn_thread(return_arg, NULL);
  uint64_t id;
  OK(threading_thread_join(thread, THREADING_FOREVER));
  OK(threading_thread_ident(thread, &id));
  OK(threading_thread_destroy(thread));
  IS(threading_thread_destroy(thread), THREADING_E_HANDLE);
  EQ(threading_thread_is_alive(thread), THREADING_E_HANDLE);
  IS(threading_thread_ident(thread, &id), THREADING_E_HANDLE);
}

static void *destroy_own_handle(void *arg) {
  OK(threading_thread_destroy(threading_current_thread()));
  IS(threading_thread_destroy(threading_current_thread()), THREADING_E_STATE);
  EQ(threading_thread_is_alive(threading_current_thread()), 1);
  atomic_store((atomic_bool *)arg, true);
  return NULL;
}

TEST(a_thread_gives_up_its_own_handle) {
  atomic_bool done = false;
  threading_thread thread = spawn_thread(destroy_own_handle, &done);
  WAIT_UNTIL(threading_thread_is_alive(thread) == THREADING_E_HANDLE);
  CHECK(atomic_load(&done));
  EQ(threading_active_count(), 1);
}
