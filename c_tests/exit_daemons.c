// The end of the process while eight daemons hammer the library: nothing that they use goes away before them,
// and nothing makes the end wait.
//
// THREADING_TEST_ROUNDS says how many processes each case ends; without it, as many as there is time for.
#include "child.h"
#include "hammer.h"

#include <poll.h>

enum { ROUNDS = 20 };

static void expect_often(const char *scenario, int status, const char *output) {
  const char *wanted = getenv("THREADING_TEST_ROUNDS");
  const int64_t rounds = wanted ? strtoll(wanted, NULL, 10) : ROUNDS;
  const int64_t end = wanted ? INT64_MAX : NOW_NS() + scaled(THREADING_SECONDS(6));
  char got[256];
  for (int64_t i = 0; i < rounds && NOW_NS() < end; i++) {
    EQ(child_exec(scenario, got, sizeof got), status);
    STR_EQ(got, output);
  }
}

static atomic_llong rounds_done;

static void count_round(void) { atomic_fetch_add(&rounds_done, 1); }

static const hammer_step counted[] = { hammer_locks, hammer_waits,         hammer_queues, count_round,
                                       use_objects,  use_thread_and_timer, hammer_pool,   NULL };

static void start_daemons(const hammer_step *steps) {
  threading_thread threads[HAMMERS];
  make_world(THREADING_DAEMON);
  start_hammers(steps, THREADING_DAEMON, threads);
  WAIT_UNTIL(atomic_load(&rounds_done) > HAMMERS);
}

// ---- Exit ----

SCENARIO(exit_amid_daemons) {
  start_daemons(counted);
  exit(5);
}

TEST(fault_F2_exit_while_daemons_hammer) { expect_often("exit_amid_daemons", 5, ""); }

SCENARIO(return_amid_daemons) {
  start_daemons(counted);
}

TEST(fault_F2_return_from_main_while_daemons_hammer) { expect_often("return_amid_daemons", 0, ""); }

static void *exit_six(void *arg) {
  OK(threading_event_wait(*(threading_event *)arg, THREADING_FOREVER));
  exit(6);
  return arg;
}

SCENARIO(exit_in_eight_threads_amid_daemons) {
  static threading_event begin;
  threading_thread last = { 0 };
  OK(threading_event_create(&begin));
  start_daemons(counted);
  for (int i = 0; i < 8; i++) last = spawn_thread(exit_six, &begin);
  OK(threading_event_set(begin));
  OK(threading_thread_join(last, THREADING_FOREVER));
  say("joined");
}

TEST(fault_D23_exit_from_eight_threads_while_daemons_hammer) {
  expect_often("exit_in_eight_threads_amid_daemons", 6, "");
}

SCENARIO(shutdown_amid_daemons) {
  start_daemons(counted);
  OK(threading_shutdown(THREADING_FOREVER));
  const long long before = atomic_load(&rounds_done);
  WAIT_UNTIL(atomic_load(&rounds_done) > before + HAMMERS);
  OK(threading_shutdown(THREADING_FOREVER));
}

TEST(fault_F14_daemons_hammer_on_after_shutdown) { expect_often("shutdown_amid_daemons", 0, ""); }

// ---- What runs after the library's part of exit ----

// The daemons get on meanwhile; there is no lock of exit's that they would wait for.
static void let_daemons_go_on(void) {
  const long long before = atomic_load(&rounds_done);
  WAIT_UNTIL(atomic_load(&rounds_done) > before + HAMMERS);
  use_everything();
}

static void in_exit_handler(void) {
  let_daemons_go_on();
  say("h");
}

// After every exit handler, where static destructors run.
__attribute__((destructor)) static void in_destructor(void) {
  if (!child_is("exit_handlers_amid_daemons")) return;
  let_daemons_go_on();
  say("d");
}

SCENARIO(exit_handlers_amid_daemons) {
  atexit(in_exit_handler);  // before the first use, so after the library's own
  start_daemons(counted);
  atexit(in_exit_handler);
  exit(2);
}

TEST(fault_F3_daemons_hammer_during_exit_handlers_and_destructors) {
  expect_often("exit_handlers_amid_daemons", 2, "hhd");
}

SCENARIO(fork_and_exit_amid_daemons) {
  start_daemons(counted);
  const pid_t child = fork();
  if (child == 0) exit(7);
  int status;
  EQ(waitpid(child, &status, 0), child);
  CHECK(WIFEXITED(status));
  exit(WEXITSTATUS(status));
}

TEST(fault_E15_exit_in_the_child_of_a_process_whose_daemons_hammer) {
  skip_on_the_portable_backend();
  expect_often("fork_and_exit_amid_daemons", 7, "");
}
