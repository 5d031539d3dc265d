// The child of fork(): one thread, which is main and can do everything; the others are said to have stayed
// behind.
#include "child.h"
#include "everything.h"

#include <poll.h>

static atomic_int ready;
static atomic_bool leave;

static void in_child(void (*body)(void *)) {
  skip_on_the_portable_backend();
  EQ(child_fork(body, NULL, NULL, 0), 0);
}

// A thread that has done its part and stays until it is told to leave.
static void *stay(void *arg) {
  atomic_fetch_add(&ready, 1);
  WAIT_UNTIL(atomic_load(&leave));
  return arg;
}

static threading_thread start_holder(threading_target target) {
  const threading_thread holder = spawn_thread(target, NULL);
  WAIT_UNTIL(atomic_load(&ready) == 1);
  return holder;
}

static void finish_holder(threading_thread holder) {
  atomic_store(&leave, true);
  finish_thread(holder);
}

// ---- Threads ----

static threading_thread looked_at, expected_main;

static void check_alone(void *arg) {
  (void)arg;
  threading_thread list[4];
  size_t count = 0;
  uint64_t id = 0;
  EQ(threading_active_count(), 1);
  OK(threading_enumerate(list, 4, &count));
  EQ(count, 1);
  EQ(threading_current_thread().id, threading_main_thread().id);
  if (expected_main.id != 0) EQ(threading_main_thread().id, expected_main.id);
  EQ(list[0].id, threading_main_thread().id);
  EQ(threading_thread_is_alive(threading_main_thread()), 1);
  OK(threading_thread_native_id(threading_main_thread(), &id));
  EQ(id, getpid());
  EQ(threading_get_native_id(), getpid());
  EQ(threading_get_ident(), threading_main_thread().id);
}

static void check_vanished(threading_thread thread) {
  const uint32_t cpu = 0;
  int32_t code;
  void *result;
  EQ(threading_thread_is_alive(thread), 0);
  IS(threading_thread_join(thread, 0), THREADING_E_FORKED);
  IS(threading_thread_join(thread, THREADING_FOREVER), THREADING_E_FORKED);
  IS(threading_thread_result(thread, &result), THREADING_E_FORKED);
  IS(threading_thread_set_name(thread, "ghost"), THREADING_E_FORKED);
  IS(threading_thread_set_priority(thread, 19), THREADING_E_FORKED);
  IS(threading_thread_set_scheduler(thread, THREADING_SCHED_OTHER, 0), THREADING_E_FORKED);
  IS(threading_thread_set_affinity(thread, &cpu, 1), THREADING_E_FORKED);
  CHECK(threading_thread_set_daemon(thread, 0) < 0);  // it was started, and it is gone
  CHECK(threading_thread_failure(thread, &code, NULL, 0, NULL) < 0);
  CHECK(threading_thread_start(thread) < 0);
}

static void check_child_of_main(void *arg) {
  check_alone(arg);
  check_vanished(looked_at);
  OK(threading_thread_destroy(looked_at));
  EQ(threading_thread_is_alive(looked_at), THREADING_E_HANDLE);
  use_everything();
}

TEST(fault_E18_the_forking_thread_is_alone) {
  expected_main = threading_main_thread();
  looked_at = start_holder(stay);
  in_child(check_child_of_main);
  EQ(threading_active_count(), 2);
  EQ(threading_thread_is_alive(looked_at), 1);
  finish_holder(looked_at);
}

static void check_child_of_thread(void *arg) {
  char name[32];
  check_alone(arg);
  check_vanished(looked_at);
  OK(threading_thread_name(threading_main_thread(), name, sizeof name, NULL));
  STR_EQ(name, "Thread-1");
  IS(threading_thread_join(threading_main_thread(), THREADING_FOREVER), THREADING_E_DEADLOCK);
  IS(threading_thread_destroy(threading_main_thread()), THREADING_E_STATE);
  use_everything();
}

static void *fork_here(void *arg) {
  expected_main = threading_current_thread();
  in_child(check_child_of_thread);
  return arg;
}

TEST(fault_E7_a_forking_thread_becomes_main) {
  looked_at = threading_main_thread();
  finish_thread(spawn_thread(fork_here, NULL));
}

static void check_child_of_foreign(void *arg) {
  check_alone(arg);
  check_vanished(looked_at);
  use_everything();
}

static void *fork_foreign(void *use_first) {
  if (use_first != NULL) expected_main = threading_current_thread();
  in_child(check_child_of_foreign);
  return NULL;
}

TEST(a_forking_foreign_thread_becomes_main) {
  looked_at = threading_main_thread();
  for (int known = 0; known < 2; known++) {
    pthread_t thread;
    EQ(pthread_create(&thread, NULL, fork_foreign, known ? &thread : NULL), 0);
    EQ(pthread_join(thread, NULL), 0);
  }
}

static pid_t returning_child;
static int returning_output;

static void *fork_and_return(void *arg) {
  returning_child = child_start(&returning_output);
  if (returning_child == 0) use_everything();
  return arg;
}

TEST(a_forking_thread_may_return_in_the_child) {
  skip_on_the_portable_backend();
  finish_thread(spawn_thread(fork_and_return, NULL));
  EQ(child_end(returning_child, returning_output, NULL, 0), 0);
}

static threading_thread ended, unstarted;

static void check_ended_and_unstarted(void *arg) {
  void *result = NULL;
  (void)arg;
  OK(threading_thread_join(ended, THREADING_FOREVER));
  OK(threading_thread_result(ended, &result));
  CHECK(result == &leave);
  EQ(threading_thread_is_alive(unstarted), 0);
  IS(threading_thread_join(unstarted, 0), THREADING_E_STATE);
  OK(threading_thread_set_name(unstarted, "of the child"));
  OK(threading_thread_start(unstarted));
  CHECK(finish_thread(unstarted) == &leave);
}

TEST(threads_that_had_ended_or_not_begun_are_whole) {
  atomic_store(&leave, true);
  OK(threading_thread_create(stay, &leave, NULL, &unstarted));
  ended = spawn_thread(stay, &leave);
  OK(threading_thread_join(ended, THREADING_FOREVER));
  in_child(check_ended_and_unstarted);
  OK(threading_thread_start(unstarted));
  finish_thread(unstarted);
  finish_thread(ended);
}

static void exit_child(void *arg) {
  (void)arg;
  exit(3);
}

TEST(fault_E15_exit_in_the_child_waits_for_no_vanished_thread) {
  skip_on_the_portable_backend();
  const threading_thread thread = start_holder(stay);
  EQ(child_fork(exit_child, NULL, NULL, 0), 3);
  finish_holder(thread);
}

static void fork_again(void *arg) {
  use_everything();
  expected_main = threading_current_thread();
  looked_at = spawn_thread(stay, NULL);
  EQ(child_fork(check_child_of_main, arg, NULL, 0), 0);
  EQ(threading_thread_is_alive(looked_at), 1);
}

TEST(fault_E16_children_fork_again) { in_child(fork_again); }

// ---- What an exec would hand on ----

static int count_descriptors(void) {
  int count = 0;
  for (int descriptor = 0; descriptor < 1024; descriptor++) count += fcntl(descriptor, F_GETFD) >= 0;
  return count;
}

TEST(fault_E12_the_library_holds_no_descriptors) {
  threading_timer timer;
  threading_pool pool;
  threading_future future;
  void *result;
  const int before = count_descriptors();
  use_everything();
  const threading_thread thread = start_holder(stay);
  OK(threading_timer_create(THREADING_SECONDS(3600), fire, NULL, NULL, &timer));
  OK(threading_timer_start(timer));
  OK(threading_pool_create(2, NULL, &pool));
  OK(threading_pool_submit(pool, set_flag, &leave, &future));
  OK(threading_future_result(future, THREADING_FOREVER, &result));
  EQ(count_descriptors(), before);
  finish_holder(thread);
}

// ---- Locals and timers ----

static threading_local value_of;
static threading_timer pending, fired;
static atomic_int shots;

static void count_shot(void *arg) {
  (void)arg;
  atomic_fetch_add(&shots, 1);
}

static void check_local(void *arg) {
  void *got = NULL;
  (void)arg;
  OK(threading_local_get(value_of, &got));
  CHECK(got == &value_of);
  OK(threading_local_set(value_of, NULL));
  OK(threading_local_destroy(value_of));
}

TEST(the_forking_threads_local_values_stay) {
  OK(threading_local_create(NULL, &value_of));
  OK(threading_local_set(value_of, &value_of));
  in_child(check_local);
}

static void use_timers(void *arg) {
  (void)arg;
  OK(threading_timer_join(fired, THREADING_FOREVER));
  OK(threading_timer_cancel(pending));
  IS(threading_timer_join(pending, THREADING_FOREVER), THREADING_CANCELLED);
  OK(threading_timer_destroy(pending));
  use_everything();
}

TEST(timers_start_anew_in_the_child) {
  OK(threading_timer_create(0, count_shot, NULL, NULL, &fired));
  OK(threading_timer_create(THREADING_SECONDS(3600), count_shot, NULL, NULL, &pending));
  OK(threading_timer_start(fired));
  OK(threading_timer_start(pending));
  OK(threading_timer_join(fired, THREADING_FOREVER));
  in_child(use_timers);
  EQ(atomic_load(&shots), 1);
  IS(threading_timer_join(pending, 0), THREADING_TIMEOUT);
}
