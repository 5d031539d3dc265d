// threading_lock: Python's Lock, which any thread may release and which its holder cannot take twice.
#define NOUN lock
#include "contract/lock_contract.h"

TEST(fault_B1_release_of_an_unlocked_lock) {
  const threading_lock lock = create();
  IS(threading_lock_release(lock), THREADING_E_STATE);
  OK(threading_lock_acquire(lock, 0));
  OK(threading_lock_release(lock));
  IS(threading_lock_release(lock), THREADING_E_STATE);
  EQ(elsewhere(lock, 0).status, THREADING_OK);
  OK(threading_lock_destroy(lock));
}

static void *release_it(void *arg) {
  const threading_lock *lock = arg;
  OK(threading_lock_release(*lock));
  return NULL;
}

TEST(fault_B2_any_thread_may_release) {
  threading_lock lock = create();
  OK(threading_lock_acquire(lock, 0));
  finish_thread(spawn_thread(release_it, &lock));
  EQ(threading_lock_locked(lock), 0);
  OK(threading_lock_acquire(lock, 0));
  OK(threading_lock_release(lock));
  OK(threading_lock_destroy(lock));
}

TEST(fault_B4_relock_by_the_holder_times_out) {
  const threading_lock lock = create();
  OK(threading_lock_acquire(lock, 0));
  IS(threading_lock_acquire(lock, 0), THREADING_TIMEOUT);
  const int64_t began = NOW_NS();
  IS(threading_lock_acquire(lock, THREADING_MILLISECONDS(5)), THREADING_TIMEOUT);
  CHECK(NOW_NS() - began >= THREADING_MILLISECONDS(5));
  EQ(threading_lock_locked(lock), 1);
  OK(threading_lock_release(lock));
  OK(threading_lock_destroy(lock));
}

static void *acquire_twice(void *arg) {
  const threading_lock *lock = arg;
  OK(threading_lock_acquire(*lock, THREADING_FOREVER));
  OK(threading_lock_acquire(*lock, THREADING_FOREVER));
  OK(threading_lock_release(*lock));
  return NULL;
}

TEST(fault_B4_relock_by_the_holder_waits_for_a_release_by_another) {
  threading_lock lock = create();
  const threading_thread holder = spawn_thread(acquire_twice, &lock);
  WAIT_UNTIL(threading_lock_locked(lock) == 1);
  wait_blocked(holder);
  OK(threading_lock_release(lock));
  finish_thread(holder);
  EQ(threading_lock_locked(lock), 0);
  OK(threading_lock_destroy(lock));
}

static void *acquire_and_end(void *arg) {
  const threading_lock *lock = arg;
  OK(threading_lock_acquire(*lock, 0));
  return NULL;
}

TEST(fault_B11_a_holder_that_ended_leaves_it_locked_for_anybody_to_release) {
  threading_lock lock = create();
  finish_thread(spawn_thread(acquire_and_end, &lock));
  EQ(threading_lock_locked(lock), 1);
  IS(threading_lock_acquire(lock, THREADING_MILLISECONDS(2)), THREADING_TIMEOUT);
  IS(threading_lock_destroy(lock), THREADING_E_BUSY);
  attempt waiting = { lock, THREADING_FOREVER, -1, 0, NULL };
  const threading_thread waiter = spawn_thread(try_it, &waiting);
  wait_blocked(waiter);
  OK(threading_lock_release(lock));
  finish_thread(waiter);
  EQ(waiting.status, THREADING_OK);
  OK(threading_lock_destroy(lock));
}

typedef struct table {
  threading_lock ping, pong;
  int rounds;
} table;

static void *play(void *arg) {
  const table *t = arg;
  for (int i = 0; i < t->rounds; i++) {
    OK(threading_lock_acquire(t->ping, THREADING_FOREVER));
    OK(threading_lock_release(t->pong));
  }
  return NULL;
}

// A Lock serves as a signal too: one thread acquires what only the other releases.
TEST(passes_a_ball_back_and_forth) {
  table t = { create(), create(), 10000 };
  OK(threading_lock_acquire(t.ping, 0));
  OK(threading_lock_acquire(t.pong, 0));
  const threading_thread player = spawn_thread(play, &t);
  for (int i = 0; i < t.rounds; i++) {
    OK(threading_lock_release(t.ping));
    OK(threading_lock_acquire(t.pong, THREADING_FOREVER));
  }
  finish_thread(player);
  EQ(threading_lock_locked(t.ping), 1);
  EQ(threading_lock_locked(t.pong), 1);
  OK(threading_lock_release(t.ping));
  OK(threading_lock_release(t.pong));
  OK(threading_lock_destroy(t.ping));
  OK(threading_lock_destroy(t.pong));
}
