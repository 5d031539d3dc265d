// Forks in every kind of callback: the child's main thread stands in it, and can use everything.
#include "child.h"
#include "everything.h"

static atomic_int forks;

static void live(void *arg) {
  EQ(threading_active_count(), 1);
  EQ(threading_current_thread().id, threading_main_thread().id);
  use_everything();
  CHECK(arg == NULL);
}

static void fork_now(void) {
  EQ(child_fork(live, NULL, NULL, 0), 0);
  atomic_fetch_add(&forks, 1);
}

// ---- Callbacks ----

static void fork_in_callback(void *arg) {
  fork_now();
  CHECK(arg == &forks);
}

static void *fork_in_target(void *arg) {
  fork_in_callback(arg);
  return arg;
}

TEST(fault_E7_a_target_forks) {
  skip_on_the_portable_backend();
  finish_thread(spawn_thread(fork_in_target, &forks));
  EQ(atomic_load(&forks), 1);
}

TEST(fault_E7_a_timer_callback_and_its_destructor_fork) {
  skip_on_the_portable_backend();
  const threading_timer_options options = { .size = sizeof options, .arg_destructor = fork_in_callback };
  threading_timer timer;
  OK(threading_timer_create(0, fork_in_callback, &forks, &options, &timer));
  OK(threading_timer_start(timer));
  OK(threading_timer_join(timer, THREADING_FOREVER));
  OK(threading_timer_destroy(timer));
  WAIT_UNTIL(atomic_load(&forks) == 2);
}

static void fork_when_done(threading_future future, void *arg) {
  EQ(threading_future_done(future), 1);
  fork_in_callback(arg);
}

static void *give_back(void *arg) { return arg; }

TEST(fault_E7_tasks_and_done_callbacks_fork) {
  skip_on_the_portable_backend();
  threading_pool pool;
  threading_future future;
  void *result;
  OK(threading_pool_create(2, NULL, &pool));
  OK(threading_pool_submit(pool, fork_in_target, &forks, &future));
  OK(threading_future_add_done_callback(future, fork_when_done, &forks, fork_in_callback));
  OK(threading_future_result(future, THREADING_FOREVER, &result));
  OK(threading_future_destroy(future));
  OK(threading_pool_submit(pool, give_back, &forks, &future));
  OK(threading_future_result(future, THREADING_FOREVER, &result));
  OK(threading_future_add_done_callback(future, fork_when_done, &forks, NULL));  // here, and at once
  OK(threading_future_destroy(future));
  OK(threading_pool_shutdown(pool, 1, 0));
  OK(threading_pool_destroy(pool));
  EQ(atomic_load(&forks), 4);
}

static threading_status fork_at_start(void *arg) {
  fork_in_callback(arg);
  return THREADING_OK;
}

TEST(fault_E7_an_initializer_and_a_task_argument_destructor_fork) {
  skip_on_the_portable_backend();
  const threading_pool_options options = { .size = sizeof options,
                                           .initializer = fork_at_start,
                                           .initializer_arg = &forks,
                                           .arg_destructor = fork_in_callback };
  threading_pool pool;
  OK(threading_pool_create(1, &options, &pool));
  OK(threading_pool_execute(pool, fork_in_callback, &forks));
  OK(threading_pool_shutdown(pool, 1, 0));
  OK(threading_pool_destroy(pool));
  EQ(atomic_load(&forks), 3);
}

// A predicate has the lock: so has the child's main thread.
static threading_condition condition;

static void live_with_the_lock(void *arg) {
  OK(threading_condition_notify_all(condition));
  IS(threading_condition_wait(condition, 1000), THREADING_TIMEOUT);
  OK(threading_condition_release(condition));
  OK(threading_condition_destroy(condition));
  live(arg);
}

static int32_t fork_in_predicate(void *arg) {
  EQ(child_fork(live_with_the_lock, NULL, NULL, 0), 0);
  return arg != NULL;
}

TEST(fault_E7_a_predicate_forks) {
  skip_on_the_portable_backend();
  OK(threading_condition_create(&condition));
  OK(threading_condition_acquire(condition, THREADING_FOREVER));
  OK(threading_condition_wait_for(condition, fork_in_predicate, &forks, THREADING_FOREVER));
  OK(threading_condition_release(condition));
  OK(threading_condition_destroy(condition));
}

static threading_barrier barrier;

// The other party is not here to leave the round.
static void live_in_the_round(void *arg) {
  EQ(threading_barrier_n_waiting(barrier), 0);
  OK(threading_barrier_abort(barrier));
  EQ(threading_barrier_broken(barrier), 1);
  OK(threading_barrier_reset(barrier));
  live(arg);
}

static threading_status fork_in_action(void *arg) {
  EQ(child_fork(live_in_the_round, NULL, NULL, 0), 0);
  fork_in_callback(arg);
  return THREADING_OK;
}

static void *wait_at_barrier(void *arg) {
  OK(threading_barrier_wait(barrier, THREADING_FOREVER, NULL));
  return arg;
}

TEST(fault_E7_a_barrier_action_forks) {
  skip_on_the_portable_backend();
  OK(threading_barrier_create(2, fork_in_action, &forks, THREADING_FOREVER, &barrier));
  const threading_thread other = spawn_thread(wait_at_barrier, NULL);
  wait_at_barrier(NULL);
  finish_thread(other);
  EQ(atomic_load(&forks), 1);
  EQ(threading_barrier_broken(barrier), 0);
}

static threading_local local;

static void *end_with_a_value(void *arg) {
  OK(threading_local_set(local, arg));
  return arg;
}

TEST(fault_E7_a_destructor_of_a_local_value_forks) {
  skip_on_the_portable_backend();
  OK(threading_local_create(fork_in_callback, &local));
  finish_thread(spawn_thread(end_with_a_value, &forks));
  EQ(atomic_load(&forks), 1);
}

static void fork_in_excepthook(threading_thread thread, int32_t code, const char *text, void *user) {
  EQ(threading_thread_is_alive(thread), 1);
  EQ(code, 7);
  STR_EQ(text, "seven");
  fork_in_callback(user);
}

static void *fail(void *arg) {
  OK(threading_fail(7, "seven"));
  return arg;
}

TEST(fault_E7_an_excepthook_forks) {
  skip_on_the_portable_backend();
  OK(threading_set_excepthook(fork_in_excepthook, &forks));
  const threading_thread thread = spawn_thread(fail, NULL);
  OK(threading_thread_join(thread, THREADING_FOREVER));
  OK(threading_thread_destroy(thread));
  EQ(atomic_load(&forks), 1);
}

TEST(fault_E7_an_exit_callback_forks) {
  skip_on_the_portable_backend();
  OK(threading_at_exit(fork_in_callback, &forks, fork_in_callback));
  OK(threading_shutdown(THREADING_FOREVER));
  EQ(atomic_load(&forks), 2);
}

// The child's main thread is the timers' own, once the callback has returned there.
static threading_timer second;
static pid_t returning;
static int output;

static void end_child(void *arg) {
  _exit(arg == &second ? 0 : 1);
}

static void fork_and_return(void *arg) {
  returning = child_start(&output);
  if (returning > 0) return;
  OK(threading_timer_create(1000, end_child, &second, NULL, &second));
  OK(threading_timer_start(second));
  CHECK(arg == NULL);
}

TEST(fault_E7_a_timer_callback_returns_in_the_child) {
  skip_on_the_portable_backend();
  threading_timer timer;
  OK(threading_timer_create(0, fork_and_return, NULL, NULL, &timer));
  OK(threading_timer_start(timer));
  OK(threading_timer_join(timer, THREADING_FOREVER));
  EQ(child_end(returning, output, NULL, 0), 0);
}
