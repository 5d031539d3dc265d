// Forks with many holders, and with very many objects: a fork costs a step for each thread, and none for an
// object.
#include "child.h"

static atomic_int ready;
static atomic_bool leave;

// A thread that has done its part stays until it is told to leave.
static void stay(void) {
  atomic_fetch_add(&ready, 1);
  WAIT_UNTIL(atomic_load(&leave));
}

// ---- Many holders ----

typedef struct holding {
  threading_lock lock;
  threading_rlock rlock;
  threading_condition condition;
} holding;

static holding held[8];

static void *hold_three(void *arg) {
  const holding *mine = arg;
  OK(threading_lock_acquire(mine->lock, 0));
  OK(threading_rlock_acquire(mine->rlock, 0));
  OK(threading_condition_acquire(mine->condition, 0));
  stay();
  OK(threading_condition_release(mine->condition));
  OK(threading_rlock_release(mine->rlock));
  OK(threading_lock_release(mine->lock));
  return NULL;
}

static void recover_all(void *arg) {
  for (int i = 0; i < 8; i++) {
    EQ(threading_lock_locked(held[i].lock), 1);
    OK(threading_lock_acquire(held[i].lock, THREADING_FOREVER));
    IS(threading_rlock_acquire(held[i].rlock, THREADING_FOREVER), THREADING_OWNER_DEAD);
    IS(threading_condition_acquire(held[i].condition, THREADING_FOREVER), THREADING_OWNER_DEAD);
  }
  for (int i = 0; i < 8; i++) {
    OK(threading_condition_release(held[i].condition));
    OK(threading_condition_destroy(held[i].condition));
    OK(threading_rlock_release(held[i].rlock));
    OK(threading_rlock_destroy(held[i].rlock));
    OK(threading_lock_release(held[i].lock));
    OK(threading_lock_destroy(held[i].lock));
  }
  CHECK(arg == NULL);
}

TEST(fault_E1_what_eight_vanished_threads_held) {
  threading_thread threads[8];
  skip_on_the_portable_backend();
  for (int i = 0; i < 8; i++) {
    OK(threading_lock_create(&held[i].lock));
    OK(threading_rlock_create(&held[i].rlock));
    OK(threading_condition_create(&held[i].condition));
    threads[i] = spawn_thread(hold_three, &held[i]);
  }
  WAIT_UNTIL(atomic_load(&ready) == 8);
  EQ(child_fork(recover_all, NULL, NULL, 0), 0);
  atomic_store(&leave, true);
  for (int i = 0; i < 8; i++) finish_thread(threads[i]);
  for (int i = 0; i < 8; i++) OK(threading_condition_destroy(held[i].condition));
}

// ---- A million objects ----

enum { OBJECTS = 1000000, PAGES = 1000 };

static threading_lock free_locks[OBJECTS];

static void *hold_one_of_many(void *arg) {
  OK(threading_lock_acquire(free_locks[0], THREADING_FOREVER));
  stay();
  OK(threading_lock_release(free_locks[0]));
  return arg;
}

// What the fork has written to since it made this process a copy; a million locks have many thousand pages.
static void count_written_pages(void *arg) {
  struct rusage usage;
  EQ(getrusage(RUSAGE_SELF, &usage), 0);
  CHECK(usage.ru_minflt < PAGES);
  for (int i = 0; i < OBJECTS; i += 1000) OK(threading_lock_acquire(free_locks[i], THREADING_FOREVER));
  CHECK(arg == NULL);
}

TEST(fault_E17_a_fork_does_not_touch_a_million_objects) {
  skip_on_the_portable_backend();
  if (is_instrumented()) SKIP("the tool has memory of its own");
  for (int i = 0; i < OBJECTS; i++) CHECK(threading_lock_create(&free_locks[i]) == THREADING_OK);
  const threading_thread holder = spawn_thread(hold_one_of_many, NULL);
  WAIT_UNTIL(atomic_load(&ready) == 1);
  EQ(child_fork(count_written_pages, NULL, NULL, 0), 0);
  atomic_store(&leave, true);
  finish_thread(holder);
}
