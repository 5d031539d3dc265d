// Waiters that vanish: what eight threads waited for when another one forked works on in the child as if
// nobody had ever waited for it, and in the parent as if nobody had forked.
#include "child.h"
#include "waits.h"

enum { VANISHING = 8 };

static atomic_int woken;

static void *wait_once(void *arg) {
  const timed *w = arg;
  const threading_status status = w->wait(THREADING_FOREVER);
  if (status != w->woken) {
    harness_fail(__FILE__, __LINE__, "%s ended with %s", w->name, threading_status_name(status));
  }
  atomic_fetch_add(&woken, 1);
  return NULL;
}

// Daemons, so that the parent need not wake all of them.
static void start_waiters(const timed *w, int count) {
  const threading_thread_options options = { .size = sizeof options, .daemon = THREADING_DAEMON };
  threading_thread waiter;
  for (int i = 0; i < count; i++) {
    OK(threading_thread_spawn(wait_once, (void *)w, &options, &waiter));
    wait_blocked(waiter);
  }
}

// What the parent's threads would have had to end says so at once, and there are others in its place.
static void renew_what_stayed_behind(void) {
  IS(threading_thread_join(thread, THREADING_FOREVER), THREADING_E_FORKED);
  OK(threading_thread_destroy(thread));
  IS(threading_timer_join(timer, THREADING_FOREVER), THREADING_E_FORKED);
  OK(threading_timer_destroy(timer));
  IS(threading_group_wait(group, THREADING_FOREVER), THREADING_E_FORKED);
  OK(threading_group_destroy(group));
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  OK(threading_group_create(pool, &group));
  begin_task();
  begin_thread();
  begin_timer();
}

static void wait_and_wake(const timed *w) {
  const int before = atomic_load(&woken);
  const threading_thread waiter = spawn_thread(wait_once, (void *)w);
  wait_blocked(waiter);
  w->wake();
  finish_thread(waiter);
  EQ(atomic_load(&woken), before + 1);
  w->rest();
}

// Everything can be destroyed in the end: no vanished waiter makes it busy.
static void wait_in_child(void *arg) {
  const timed *w = arg;
  renew_what_stayed_behind();
  for (int round = 0; round < 2; round++) wait_and_wake(w);
  tear_down();
}

static void wait_for_all_in_child(void *arg) {
  (void)arg;
  renew_what_stayed_behind();
  for (int i = 0; i < WAITS; i++) wait_and_wake(&waits[i]);
  tear_down();
}

// In the parent, whose other threads may wait on.
static void leave_what_the_process_waits_for(void) {
  OK(threading_event_set(leave));
  OK(threading_event_set(end_of_task));
}

static int vanishing(const timed *w) {
  return w->wait == wait_barrier ? 1 : VANISHING;  // the barrier is one of two parties
}

static void fork_amid_waiters(const timed *w) {
  skip_on_the_portable_backend();
  set_up();
  start_waiters(w, vanishing(w));
  EQ(child_fork(wait_in_child, (void *)w, NULL, 0), 0);
  EQ(atomic_load(&woken), 0);
  w->wake();
  WAIT_UNTIL(atomic_load(&woken) > 0);
  leave_what_the_process_waits_for();
}

#define VANISHED(number, noun)                                                                            \
  TEST(fault_E4_vanished_waiters_of_##noun) {                                                             \
    STR_EQ(waits[number].name, #noun);                                                                    \
    fork_amid_waiters(&waits[number]);                                                                    \
  }
VANISHED(0, lock_acquire)
VANISHED(1, rlock_acquire)
VANISHED(2, condition_acquire)
VANISHED(3, condition_wait)
VANISHED(4, condition_wait_for)
VANISHED(5, semaphore_acquire)
VANISHED(6, event_wait)
VANISHED(7, barrier_wait)
VANISHED(8, thread_join)
VANISHED(9, timer_join)
VANISHED(10, queue_get)
VANISHED(11, queue_put)
VANISHED(12, queue_join)
VANISHED(13, pool_wait)
VANISHED(14, group_wait)
VANISHED(15, future_result)
VANISHED(16, futures_wait)

TEST(fault_E4_vanished_waiters_of_everything_at_once) {
  skip_on_the_portable_backend();
  set_up();
  for (int i = 0; i < WAITS; i++) start_waiters(&waits[i], vanishing(&waits[i]));
  EQ(child_fork(wait_for_all_in_child, NULL, NULL, 0), 0);
  EQ(atomic_load(&woken), 0);
  leave_what_the_process_waits_for();
}

// ---- What the waiters had counted for ----

static void use_the_permits(void *arg) {
  (void)arg;
  OK(threading_semaphore_release(semaphore, 2));
  EQ(threading_semaphore_value(semaphore), 2);
  OK(threading_semaphore_acquire(semaphore, THREADING_FOREVER));
  OK(threading_semaphore_acquire(semaphore, THREADING_FOREVER));
  EQ(threading_semaphore_value(semaphore), 0);
  OK(threading_semaphore_destroy(semaphore));
}

TEST(fault_E4_vanished_waiters_take_no_permit) {
  skip_on_the_portable_backend();
  set_up();
  start_waiters(&waits[5], VANISHING);
  EQ(child_fork(use_the_permits, NULL, NULL, 0), 0);
  leave_what_the_process_waits_for();
}

static threading_barrier nine;

static threading_status wait_nine(int64_t t) { return threading_barrier_wait(nine, t, NULL); }
static const timed nine_parties = { "barrier_wait", wait_nine, NULL, NULL, THREADING_OK };

// The ninth party of nine, but eight have vanished: this can only be told, never succeed.
static void use_the_barrier(void *arg) {
  threading_thread parties[VANISHING];
  EQ(threading_barrier_n_waiting(nine), 0);
  const threading_status status = threading_barrier_wait(nine, THREADING_MILLISECONDS(1), NULL);
  CHECK(status == THREADING_TIMEOUT || status == THREADING_BROKEN);
  OK(threading_barrier_reset(nine));
  for (int i = 0; i < VANISHING; i++) parties[i] = spawn_thread(wait_once, (void *)&nine_parties);
  OK(threading_barrier_wait(nine, THREADING_FOREVER, NULL));
  for (int i = 0; i < VANISHING; i++) finish_thread(parties[i]);
  OK(threading_barrier_destroy(nine));
  CHECK(arg == NULL);
}

TEST(fault_E4_vanished_parties_of_a_barrier_do_not_count) {
  skip_on_the_portable_backend();
  OK(threading_barrier_create(VANISHING + 1, NULL, NULL, THREADING_FOREVER, &nine));
  start_waiters(&nine_parties, VANISHING);
  EQ(child_fork(use_the_barrier, NULL, NULL, 0), 0);
  EQ(threading_barrier_n_waiting(nine), VANISHING);
  OK(threading_barrier_wait(nine, THREADING_FOREVER, NULL));
  WAIT_UNTIL(atomic_load(&woken) == VANISHING);
}
