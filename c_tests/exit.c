// How a process ends: what is waited for, what is not, in which order, and what may still be used meanwhile.
// Each case runs a scenario in a process of its own and compares its exit status and output.
#include "child.h"
#include "everything.h"

#include <poll.h>

static atomic_bool gate_open;
static threading_event never;

static void open_gate(void) {
  say("A");
  atomic_store(&gate_open, true);
}

// Says its text after the gate has opened. The nap makes a missing join show; nothing waits for it.
static void *say_behind_gate(void *text) {
  WAIT_UNTIL(atomic_load(&gate_open));
  poll(NULL, 0, 20);
  say(text);
  return NULL;
}

static void *wait_for_ever(void *arg) {
  OK(threading_event_wait(never, THREADING_FOREVER));
  return arg;
}

static threading_thread spawn_daemon(threading_target target, void *arg) {
  const threading_thread_options options = { .size = sizeof options, .daemon = THREADING_DAEMON };
  threading_thread thread;
  OK(threading_thread_spawn(target, arg, &options, &thread));
  return thread;
}

static void check(const char *scenario, int status, const char *output) {
  char got[256];
  EQ(child_exec(scenario, got, sizeof got), status);
  STR_EQ(got, output);
}

// ---- Threads at exit ----

SCENARIO(exit_with_a_thread) {
  spawn_thread(say_behind_gate, "T");
  atexit(open_gate);
  exit(3);
}

TEST(exit_joins_threads) { check("exit_with_a_thread", 3, "AT"); }

SCENARIO(return_with_a_thread) {
  spawn_thread(say_behind_gate, "T");
  atexit(open_gate);
}

TEST(fault_F1_return_from_main_joins_threads) { check("return_with_a_thread", 0, "AT"); }

SCENARIO(exit_with_destroyed_handle) {
  OK(threading_thread_destroy(spawn_thread(say_behind_gate, "T")));
  atexit(open_gate);
  exit(0);
}

TEST(exit_joins_threads_without_handle) { check("exit_with_destroyed_handle", 0, "AT"); }

static void *say_by_a_child(void *text) {
  WAIT_UNTIL(atomic_load(&gate_open));
  spawn_thread(say_behind_gate, text);
  return NULL;
}

SCENARIO(exit_with_a_thread_that_starts_another) {
  spawn_thread(say_by_a_child, "C");
  atexit(open_gate);
  exit(0);
}

TEST(exit_joins_threads_started_meanwhile) { check("exit_with_a_thread_that_starts_another", 0, "AC"); }

static void *hammer(void *arg) {
  const threading_lock lock = *(threading_lock *)arg;
  for (;;) {
    OK(threading_lock_acquire(lock, THREADING_FOREVER));
    OK(threading_lock_release(lock));
  }
  return NULL;
}

SCENARIO(exit_with_daemons) {
  static threading_lock lock;
  OK(threading_lock_create(&lock));
  OK(threading_event_create(&never));
  for (int i = 0; i < 16; i++) spawn_daemon(wait_for_ever, NULL);
  for (int i = 0; i < 16; i++) spawn_daemon(hammer, &lock);
  exit(5);
}

TEST(fault_F2_exit_ends_daemons) {
  const int64_t end = NOW_NS() + THREADING_SECONDS(3);
  for (int i = 0; i < 20 && NOW_NS() < end; i++) check("exit_with_daemons", 5, "");
}

SCENARIO(exit_without_handlers) {
  OK(threading_event_create(&never));
  spawn_thread(wait_for_ever, NULL);
  _exit(4);
}

TEST(fault_F12_underscore_exit_waits_for_nothing) { check("exit_without_handlers", 4, ""); }

// ---- Who exits ----

static void *exit_nine(void *arg) {
  atexit(open_gate);
  exit(9);
  return arg;
}

SCENARIO(exit_in_a_thread) {
  spawn_thread(say_behind_gate, "T");
  OK(threading_thread_join(spawn_thread(exit_nine, NULL), THREADING_FOREVER));
  say("joined");
}

TEST(fault_D22_exit_from_a_thread_joins_the_others_but_not_main) { check("exit_in_a_thread", 9, "AT"); }

static void *exit_seven(void *arg) {
  WAIT_UNTIL(atomic_load(&gate_open));
  exit(7);
  return arg;
}

SCENARIO(exit_in_eight_threads) {
  threading_thread last = { 0 };
  for (int i = 0; i < 8; i++) last = spawn_thread(exit_seven, NULL);
  atomic_store(&gate_open, true);
  OK(threading_thread_join(last, THREADING_FOREVER));
  say("joined");
}

TEST(fault_D23_exit_from_eight_threads_at_once) {
  const int64_t end = NOW_NS() + THREADING_SECONDS(4);
  for (int i = 0; i < 100 && NOW_NS() < end; i++) check("exit_in_eight_threads", 7, "");
}

static void say_exit(void *text) { say(text); }

static void *join_main(void *arg) {
  OK(threading_thread_join(threading_main_thread(), THREADING_FOREVER));
  say("M");
  return arg;
}

SCENARIO(main_leaves_by_pthread_exit) {
  OK(threading_at_exit(say_exit, "X", NULL));
  spawn_thread(join_main, NULL);
  pthread_exit(NULL);
}

TEST(fault_D34_main_may_leave_by_pthread_exit) { check("main_leaves_by_pthread_exit", 0, "MX"); }

SCENARIO(exit_with_a_joiner_of_main) {
  spawn_thread(join_main, NULL);
  exit(2);
}

TEST(exit_lets_joiners_of_main_go_on) {
  const int64_t end = NOW_NS() + THREADING_SECONDS(2);
  for (int i = 0; i < 50 && NOW_NS() < end; i++) check("exit_with_a_joiner_of_main", 2, "M");
}

static threading_thread exiting;

static void *join_exiting(void *arg) {
  threading_thread_join(exiting, THREADING_FOREVER);
  say("wrong");
  return arg;
}

static void *exit_when_joined(void *joiner) {
  WAIT_UNTIL(atomic_load(&gate_open));
  wait_blocked(*(threading_thread *)joiner);
  exit(4);
  return NULL;
}

SCENARIO(exit_in_a_thread_that_is_joined) {
  threading_thread joiner;
  exiting = spawn_thread(exit_when_joined, &joiner);
  joiner = spawn_thread(join_exiting, NULL);
  atomic_store(&gate_open, true);
  OK(threading_thread_join(joiner, THREADING_FOREVER));
}

// The one waits for the end of the other, who waits for the end of all: only the process can end.
TEST(exit_does_not_wait_for_who_joins_the_exiting_thread) { check("exit_in_a_thread_that_is_joined", 4, ""); }

// ---- Exit callbacks ----

SCENARIO(exit_with_callbacks) {
  spawn_thread(say_behind_gate, "T");
  OK(threading_at_exit(say_exit, "1", NULL));
  OK(threading_at_exit(say_exit, "2", NULL));
  OK(threading_at_exit(say_exit, "3", NULL));
  atexit(open_gate);
  exit(0);
}

TEST(exit_callbacks_run_in_reverse_after_the_threads) { check("exit_with_callbacks", 0, "AT321"); }

static void say_destroyed(void *text) {
  (void)text;
  say("d");
}

SCENARIO(exit_with_destructors) {
  OK(threading_at_exit(say_exit, "1", say_destroyed));
  IS(threading_at_exit(NULL, "2", say_destroyed), THREADING_E_INVALID);
  OK(threading_at_exit(say_exit, "3", say_destroyed));
  exit(0);
}

TEST(exit_callbacks_own_their_argument) {
  char output[64];
  EQ(child_exec("exit_with_destructors", output, sizeof output), 0);
  // Each destructor once, after its callback; the callbacks in reverse order.
  CHECK(strcmp(output, "3d1d") == 0 || strcmp(output, "31dd") == 0);
}

static void say_early(void) { say("E"); }
static void say_late(void) { say("L"); }

SCENARIO(exit_in_order) {
  atexit(say_early);
  OK(threading_at_exit(say_exit, "X", NULL));
  atexit(say_late);
  exit(0);
}

TEST(exit_callbacks_have_their_place_among_exit_handlers) { check("exit_in_order", 0, "LXE"); }

SCENARIO(shutdown_before_exit) {
  OK(threading_at_exit(say_exit, "X", NULL));
  spawn_thread(say_behind_gate, "T");
  atomic_store(&gate_open, true);
  OK(threading_shutdown(THREADING_FOREVER));
  say("S");
  OK(threading_shutdown(0));
  exit(0);
}

TEST(fault_F15_shutdown_makes_exit_callbacks_run_no_second_time) {
  char output[64];
  EQ(child_exec("shutdown_before_exit", output, sizeof output), 0);
  CHECK(strcmp(output, "TXS") == 0 || strcmp(output, "TSX") == 0);
}

SCENARIO(thread_after_shutdown) {
  OK(threading_shutdown(THREADING_FOREVER));
  spawn_thread(say_behind_gate, "T");
  atexit(open_gate);
  exit(0);
}

TEST(fault_F14_threads_started_after_shutdown_are_joined_as_well) { check("thread_after_shutdown", 0, "AT"); }

// ---- What does not keep the process, and what it does not clean up ----

static void shout(void *arg) {
  (void)arg;
  say("!");
}

SCENARIO(exit_with_a_pending_timer) {
  threading_timer timer;
  OK(threading_timer_create(THREADING_SECONDS(3600), shout, NULL, NULL, &timer));
  OK(threading_timer_start(timer));
  exit(6);
}

TEST(pending_timers_do_not_keep_the_process) { check("exit_with_a_pending_timer", 6, ""); }

SCENARIO(exit_with_a_local_value) {
  threading_local local;
  OK(threading_local_create(shout, &local));
  OK(threading_local_set(local, &local));
  exit(0);
}

TEST(local_values_of_main_are_left_at_exit) { check("exit_with_a_local_value", 0, ""); }

// ---- Use of the library at unusual times ----

static void use_in_exit_handler(void) {
  use_everything();
  say("u");
}

static void use_in_exit_callback(void *arg) {
  (void)arg;
  use_everything();
  say("c");
}

SCENARIO(use_while_exiting) {
  atexit(use_in_exit_handler);  // runs after the library's own part of exit
  OK(threading_at_exit(use_in_exit_callback, NULL, NULL));
  spawn_thread(say_behind_gate, "T");
  atomic_store(&gate_open, true);
  atexit(use_in_exit_handler);  // runs before it
  exit(0);
}

TEST(fault_F4_exit_handlers_may_use_the_library) {
  char output[64];
  EQ(child_exec("use_while_exiting", output, sizeof output), 0);
  EQ(strlen(output), 4);
  CHECK(strchr(output, 'T') != NULL && strchr(output, 'c') != NULL);
  EQ(output[3], 'u');
}

SCENARIO(first_use_in_an_exit_handler) {
  atexit(use_in_exit_handler);
  exit(0);
}

TEST(exit_handlers_may_be_the_first_to_use_the_library) { check("first_use_in_an_exit_handler", 0, "u"); }

static pthread_key_t keys[2];
static atomic_int destroyed;

static void use_in_key_destructor(void *round) {
  use_everything();
  atomic_fetch_add(&destroyed, 1);
  // Once more in a later round, when the library's own key has been destroyed.
  if (round == &keys[0]) CHECK(pthread_setspecific(keys[0], &keys[1]) == 0);
}

static void *end_with_key(void *first_use) {
  if (first_use == NULL) use_everything();
  CHECK(pthread_setspecific(keys[0], &keys[0]) == 0);
  CHECK(pthread_setspecific(keys[1], &keys[1]) == 0);
  return NULL;
}

static void check_key_destructors(bool foreign, void *first_use) {
  atomic_store(&destroyed, 0);
  if (foreign) {
    pthread_t thread;
    EQ(pthread_create(&thread, NULL, end_with_key, first_use), 0);
    EQ(pthread_join(thread, NULL), 0);
  } else {
    finish_thread(spawn_thread(end_with_key, first_use));
  }
  WAIT_UNTIL(atomic_load(&destroyed) == 3);
  WAIT_UNTIL(threading_active_count() == 1);
}

TEST(fault_F5_key_destructors_may_use_the_library) {
  EQ(pthread_key_create(&keys[0], use_in_key_destructor), 0);  // before the library's own key
  use_everything();
  EQ(pthread_key_create(&keys[1], use_in_key_destructor), 0);
  const int64_t end = NOW_NS() + THREADING_SECONDS(3);
  for (int i = 0; i < 20 && NOW_NS() < end; i++) {
    check_key_destructors(false, NULL);
    check_key_destructors(true, NULL);
    check_key_destructors(true, "the first use is in the destructor");
  }
}

static threading_lock early_lock;
static threading_event early_event;
static uint64_t early_ident;

// As early as a program's own code can run: before every other constructor of this file.
__attribute__((constructor(101))) static void use_before_main(void) {
  if (!child_is("use_in_constructor")) return;
  OK(threading_lock_create(&early_lock));
  OK(threading_lock_acquire(early_lock, THREADING_FOREVER));
  OK(threading_event_create(&early_event));
  use_everything();
  early_ident = threading_get_ident();
}

static void *set_event(void *arg) {
  OK(threading_event_set(early_event));
  return arg;
}

SCENARIO(use_in_constructor) {
  EQ(early_ident, threading_main_thread().id);
  EQ(threading_active_count(), 1);
  EQ(threading_lock_locked(early_lock), 1);
  OK(threading_lock_release(early_lock));
  const threading_thread thread = spawn_thread(set_event, NULL);
  OK(threading_event_wait(early_event, THREADING_FOREVER));
  finish_thread(thread);
  say("ok");
}

TEST(fault_F11_constructors_may_use_the_library) { check("use_in_constructor", 0, "ok"); }
