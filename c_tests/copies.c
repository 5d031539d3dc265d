// Two copies of the library in one process, in use at once: they do not know each other's handles, and each
// works as if it were alone. As `copies_static` one is the static library, the other the shared one.
#include "copy.h"

// ---- Handles ----

#define HANDLE(kind) threading_##kind kind;
#define ASK_OTHER(kind) IS(other.kind##_destroy(own.kind), THREADING_E_HANDLE);
#define END_OWN(kind) OK(threading_##kind##_destroy(own.kind));

static void do_nothing(void *arg) { (void)arg; }
static void *hand_back(void *arg) { return arg; }

TEST(fault_F10_a_handle_of_each_kind_is_unknown_to_the_other_copy) {
  struct { KINDS(HANDLE) } own;
  make_copy();
  remove_copy();
  OK(threading_lock_create(&own.lock));
  OK(threading_rlock_create(&own.rlock));
  OK(threading_condition_create(&own.condition));
  OK(threading_semaphore_create(0, &own.semaphore));
  OK(threading_event_create(&own.event));
  OK(threading_barrier_create(2, NULL, NULL, THREADING_FOREVER, &own.barrier));
  OK(threading_local_create(NULL, &own.local));
  OK(threading_timer_create(0, do_nothing, NULL, NULL, &own.timer));
  OK(threading_queue_create(THREADING_FIFO, 0, NULL, &own.queue));
  OK(threading_future_create(&own.future));
  OK(threading_pool_create(1, NULL, &own.pool));
  OK(threading_group_create(own.pool, &own.group));
  OK(threading_thread_create(hand_back, NULL, NULL, &own.thread));
  KINDS(ASK_OTHER)
  OK(threading_group_destroy(own.group));
  OK(threading_group_create(own.pool, &own.group));
  threading_event theirs;
  for (int i = 0; i < 100; i++) {
    OK(other.event_create(&theirs));
    IS(threading_event_set(theirs), THREADING_E_HANDLE);
    OK(other.event_set(theirs));
    OK(other.event_wait(theirs, THREADING_FOREVER));
    OK(other.event_destroy(theirs));
  }
  KINDS(END_OWN)
}

// ---- In use at once ----

enum { TURNS = 1000 };

static threading_event ours, theirs;
static threading_lock our_lock, their_lock;
static int turns;

// A thread of our copy and one of theirs wake each other in turn, each by the other's event.
static void *answer(void *arg) {
  for (int i = 0; i < TURNS; i++) {
    OK(other.event_wait(theirs, THREADING_FOREVER));
    OK(other.event_clear(theirs));
    OK(threading_lock_acquire(our_lock, THREADING_FOREVER));
    OK(other.lock_acquire(their_lock, THREADING_FOREVER));
    turns++;
    OK(other.lock_release(their_lock));
    OK(threading_lock_release(our_lock));
    OK(threading_event_set(ours));
  }
  return arg;
}

static void *ask(void *arg) {
  for (int i = 0; i < TURNS; i++) {
    OK(other.event_set(theirs));
    OK(threading_event_wait(ours, THREADING_FOREVER));
    OK(threading_event_clear(ours));
    OK(threading_lock_acquire(our_lock, THREADING_FOREVER));
    OK(other.lock_acquire(their_lock, THREADING_FOREVER));
    turns++;
    OK(other.lock_release(their_lock));
    OK(threading_lock_release(our_lock));
  }
  return arg;
}

static void make_both(void) {
  make_copy();
  remove_copy();
  OK(threading_event_create(&ours));
  OK(other.event_create(&theirs));
  OK(threading_lock_create(&our_lock));
  OK(other.lock_create(&their_lock));
}

TEST(fault_F10_threads_of_both_copies_wake_each_other) {
  threading_thread their_thread;
  make_both();
  const threading_thread our_thread = spawn_thread(ask, NULL);
  OK(other.spawn(answer, NULL, NULL, &their_thread));
  IS(threading_thread_join(their_thread, THREADING_FOREVER), THREADING_E_HANDLE);
  IS(other.join(our_thread, THREADING_FOREVER), THREADING_E_HANDLE);
  OK(other.join(their_thread, THREADING_FOREVER));
  finish_thread(our_thread);
  EQ(turns, 2 * TURNS);
}

TEST(fault_F10_pools_of_both_copies_work_side_by_side) {
  threading_pool our_pool, their_pool;
  threading_future our_future, their_future;
  void *result = NULL;
  make_both();
  OK(threading_pool_create(2, NULL, &our_pool));
  OK(other.pool_create(2, NULL, &their_pool));
  for (int i = 0; i < TURNS; i++) {
    OK(threading_pool_submit(our_pool, hand_back, &our_pool, &our_future));
    OK(other.pool_submit(their_pool, hand_back, &their_pool, &their_future));
    OK(other.future_result(their_future, THREADING_FOREVER, &result));
    CHECK(result == &their_pool);
    IS(threading_future_result(their_future, 0, &result), THREADING_E_HANDLE);
    OK(threading_future_result(our_future, THREADING_FOREVER, &result));
    CHECK(result == &our_pool);
    OK(other.future_destroy(their_future));
    OK(threading_future_destroy(our_future));
  }
  OK(other.pool_shutdown(their_pool, 1, 0));
  OK(threading_pool_shutdown(our_pool, 1, 0));
}

static void *wait_for_ours(void *arg) {
  OK(threading_event_wait(ours, THREADING_FOREVER));
  return arg;
}

static void use_both_in_child(void *arg) {
  EQ(threading_active_count(), 1);
  EQ(other.active_count(), 1);
  OK(threading_lock_acquire(our_lock, THREADING_FOREVER));
  OK(other.lock_acquire(their_lock, THREADING_FOREVER));
  OK(other.lock_release(their_lock));
  OK(threading_lock_release(our_lock));
  CHECK(arg == NULL);
}

TEST(fault_F10_both_copies_take_part_in_a_fork) {
  threading_thread their_thread;
  make_both();
  const threading_thread our_thread = spawn_thread(wait_for_ours, NULL);
  OK(other.spawn(wait_for_ours, NULL, NULL, &their_thread));
  skip_on_the_portable_backend();
  EQ(child_fork(use_both_in_child, NULL, NULL, 0), 0);
  OK(threading_event_set(ours));
  OK(other.join(their_thread, THREADING_FOREVER));
  finish_thread(our_thread);
}

// ---- Exit ----

static void say_text(void *text) { say(text); }

static void *say_when_ours_is_set(void *text) {
  OK(threading_event_wait(ours, THREADING_FOREVER));
  say(text);
  return NULL;
}

static void let_them_end(void) { OK(threading_event_set(ours)); }

SCENARIO(exit_with_both) {
  threading_thread their_thread;
  make_both();
  spawn_thread(say_when_ours_is_set, "t");
  OK(other.spawn(say_when_ours_is_set, "T", NULL, &their_thread));
  OK(threading_at_exit(say_text, "x", NULL));
  OK(other.at_exit(say_text, "X", NULL));
  atexit(let_them_end);
  exit(3);
}

TEST(fault_F10_both_copies_join_their_threads_and_run_their_exit_callbacks) {
  char output[64];
  EQ(child_exec("exit_with_both", output, sizeof output), 3);
  EQ(strlen(output), 4);
  for (const char *said = "tTxX"; *said != '\0'; said++) CHECK(strchr(output, *said) != NULL);
  CHECK(strchr(output, 't') < strchr(output, 'x'));
  CHECK(strchr(output, 'T') < strchr(output, 'X'));
}
