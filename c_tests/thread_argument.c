// The argument of a thread: passed on, or copied (arg_size), and destroyed exactly once on every path.
#include "child.h"

#include <poll.h>

typedef struct payload {
  int value;
  char text[41];
} payload;

// What the destructor saw. The argument itself has to say where to report, so there is one per process.
static atomic_int destroyed;
static atomic_uintptr_t destroyed_argument;
static _Atomic uint64_t destroyed_on;

static void destroy_argument(void *arg) {
  atomic_store(&destroyed_argument, (uintptr_t)arg);
  atomic_store(&destroyed_on, threading_get_ident());
  atomic_fetch_add(&destroyed, 1);
}

static threading_thread_options owning(size_t arg_size) {
  return (threading_thread_options){
    .size = sizeof(threading_thread_options), .arg_size = arg_size, .arg_destructor = destroy_argument
  };
}

static threading_thread owner(threading_target target, void *arg, size_t arg_size) {
  const threading_thread_options options = owning(arg_size);
  threading_thread thread;
  OK(threading_thread_create(target, arg, &options, &thread));
  return thread;
}

// Joins a started thread whose argument must by then have been destroyed, on that thread, and nowhere before.
static void check_destroyed_on(threading_thread thread, void *arg) {
  OK(threading_thread_join(thread, THREADING_FOREVER));
  EQ(atomic_load(&destroyed), 1);
  EQ(atomic_load(&destroyed_on), thread.id);
  if (arg != NULL) CHECK(atomic_load(&destroyed_argument) == (uintptr_t)arg);
  OK(threading_thread_destroy(thread));
  EQ(atomic_load(&destroyed), 1);
}

static void *return_arg(void *arg) {
  EQ(atomic_load(&destroyed), 0);
  return arg;
}

static void *check_copy(void *arg) {
  const payload *copy = arg;
  EQ((uintptr_t)arg % 16, 0);
  EQ(copy->value, 42);
  STR_EQ(copy->text, "copied");
  return NULL;
}

TEST(argument_is_passed_on_without_arg_size) {
  payload own = { 1, "" };
  void *result;
  threading_thread thread = owner(return_arg, &own, 0);
  OK(threading_thread_start(thread));
  OK(threading_thread_join(thread, THREADING_FOREVER));
  OK(threading_thread_result(thread, &result));
  CHECK(result == &own);
  check_destroyed_on(thread, &own);
}

TEST(argument_is_copied_at_creation) {
  payload own = { 42, "copied" };
  threading_thread thread = owner(check_copy, &own, sizeof own);
  memset(&own, 0xa5, sizeof own);
  OK(threading_thread_start(thread));
  check_destroyed_on(thread, NULL);
  CHECK(atomic_load(&destroyed_argument) != (uintptr_t)&own);
  EQ(atomic_load(&destroyed_argument) % 16, 0);
}

TEST(copies_need_no_destructor_and_have_any_size) {
  static char big[100000];
  const size_t sizes[] = { 1, 15, 16, 17, 4096, sizeof big };
  for (int i = 0; i < 6; i++) {
    const threading_thread_options options = { .size = sizeof options, .arg_size = sizes[i] };
    threading_thread thread;
    OK(threading_thread_spawn(return_arg, big, &options, &thread));
    CHECK(finish_thread(thread) != big);
  }
}

TEST(argument_of_a_thread_never_started_is_destroyed_by_destroy) {
  payload own = { 42, "copied" };
  threading_thread thread = owner(check_copy, &own, sizeof own);
  EQ(atomic_load(&destroyed), 0);
  OK(threading_thread_destroy(thread));
  EQ(atomic_load(&destroyed), 1);
  EQ(atomic_load(&destroyed_on), threading_get_ident());
  IS(threading_thread_destroy(thread), THREADING_E_HANDLE);
  EQ(atomic_load(&destroyed), 1);
}

static void *fail(void *arg) {
  OK(threading_fail(3, "failed"));
  return arg;
}

TEST(argument_of_a_failed_thread) {
  threading_thread thread = owner(fail, &destroyed, 0);
  OK(threading_thread_start(thread));
  check_destroyed_on(thread, &destroyed);
}

static void *exit_by_force(void *arg) { pthread_exit(arg); }

TEST(argument_of_a_thread_that_ends_by_pthread_exit) {
  payload own = { 42, "copied" };
  threading_thread thread = owner(exit_by_force, &own, sizeof own);
  OK(threading_thread_start(thread));
  check_destroyed_on(thread, NULL);
}

static void *wait_for_cancel(void *arg) {
  atomic_store((atomic_uintptr_t *)arg, (uintptr_t)pthread_self());
  for (;;) poll(NULL, 0, 1000);
  return NULL;
}

TEST(argument_of_a_cancelled_thread) {
  atomic_uintptr_t self = 0;
  threading_thread thread = owner(wait_for_cancel, (void *)&self, 0);
  OK(threading_thread_start(thread));
  WAIT_UNTIL(atomic_load(&self) != 0);
  EQ(pthread_cancel((pthread_t)atomic_load(&self)), 0);
  check_destroyed_on(thread, (void *)&self);
}

TEST(argument_of_a_thread_whose_handle_was_given_up) {
  payload own = { 42, "copied" };
  threading_thread thread = owner(check_copy, &own, sizeof own);
  OK(threading_thread_start(thread));
  OK(threading_thread_destroy(thread));
  WAIT_UNTIL(threading_thread_is_alive(thread) == THREADING_E_HANDLE);
  EQ(atomic_load(&destroyed), 1);
  EQ(atomic_load(&destroyed_on), thread.id);
}

TEST(argument_of_run) {
  payload own = { 42, "copied" };
  threading_thread thread = owner(check_copy, &own, sizeof own);
  OK(threading_thread_run(thread));
  OK(threading_thread_destroy(thread));
  EQ(atomic_load(&destroyed), 1);
  EQ(atomic_load(&destroyed_on), threading_get_ident());
}

TEST(a_call_that_fails_leaves_the_argument_to_the_caller) {
  payload own = { 1, "" };
  threading_thread_options options = owning(sizeof own);
  threading_thread out = { 7 };
  IS(threading_thread_create(NULL, &own, &options, &out), THREADING_E_INVALID);
  IS(threading_thread_create(check_copy, &own, &options, NULL), THREADING_E_INVALID);
  IS(threading_thread_create(check_copy, NULL, &options, &out), THREADING_E_INVALID);
  IS(threading_thread_spawn(check_copy, NULL, &options, &out), THREADING_E_INVALID);
  options.daemon = 9;
  IS(threading_thread_create(check_copy, &own, &options, &out), THREADING_E_INVALID);
  options = owning(SIZE_MAX / 4);
  CHECK(threading_thread_create(check_copy, &own, &options, &out) == THREADING_E_NO_MEMORY);
  options = owning(SIZE_MAX);
  CHECK(threading_thread_create(check_copy, &own, &options, &out) < 0);
  EQ(atomic_load(&destroyed), 0);
  EQ(out.id, 7);
}

SCENARIO(refused_spawn_keeps_the_argument) {
  child_drop_privileges();
  payload own = { 42, "copied" };
  threading_thread_options options = owning(sizeof own);
  options.priority = -20;
  threading_thread thread = { 7 };
  // Spawn fails as a whole, so the argument stays the caller's.
  IS(threading_thread_spawn(check_copy, &own, &options, &thread), THREADING_E_PERMISSION);
  EQ(thread.id, 7);
  EQ(atomic_load(&destroyed), 0);
  // Start fails, but create succeeded: the thread keeps its argument.
  OK(threading_thread_create(check_copy, &own, &options, &thread));
  IS(threading_thread_start(thread), THREADING_E_PERMISSION);
  EQ(atomic_load(&destroyed), 0);
  OK(threading_thread_destroy(thread));
  EQ(atomic_load(&destroyed), 1);
}

TEST(a_refused_start_keeps_the_argument) {
  EQ(child_exec("refused_spawn_keeps_the_argument", NULL, 0), 0);
}

// The destructor is the user's code as well: it may use the library and end the thread by force.
static void exit_in_destructor(void *arg) {
  atomic_fetch_add((atomic_int *)arg, 1);
  pthread_exit(NULL);
}

TEST(a_destructor_may_end_the_thread) {
  atomic_int ends = 0;
  const threading_thread_options options = { .size = sizeof options, .arg_destructor = exit_in_destructor };
  threading_thread thread;
  OK(threading_thread_spawn(return_arg, &ends, &options, &thread));
  OK(threading_thread_join(thread, THREADING_FOREVER));
  EQ(atomic_load(&ends), 1);
  OK(threading_thread_destroy(thread));
  EQ(threading_active_count(), 1);
}
