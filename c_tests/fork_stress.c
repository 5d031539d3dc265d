// Forks at random moments of what eight other threads do: every child can use everything, and none hangs.
//
// THREADING_TEST_FORKS says how often each case forks; without it, the fork after the time is up is not made.
#include "child.h"
#include "hammer.h"

enum { FORKS = 400 };

static void use_inherited_locks(void) {
  OK(threading_lock_acquire(all.lock, THREADING_FOREVER));  // whoever had it has vanished
  OK(threading_lock_release(all.lock));
  CHECK(acquired(threading_rlock_acquire(all.rlock, THREADING_FOREVER)));
  OK(threading_rlock_release(all.rlock));
  CHECK(acquired(threading_condition_acquire(all.condition, THREADING_FOREVER)));
  OK(threading_condition_notify_all(all.condition));
  IS(threading_condition_wait(all.condition, 1000), THREADING_TIMEOUT);
  OK(threading_condition_release(all.condition));
}

static void use_inherited_waits(void) {
  OK(threading_semaphore_release(all.semaphore, 1));
  OK(threading_semaphore_acquire(all.semaphore, THREADING_FOREVER));
  OK(threading_event_set(all.event));
  OK(threading_event_wait(all.event, THREADING_FOREVER));
  OK(threading_barrier_abort(all.barrier));
  OK(threading_barrier_reset(all.barrier));
  IS(threading_barrier_wait(all.barrier, 1000, NULL), THREADING_TIMEOUT);
  OK(threading_local_set(all.local, NULL));
}

static void use_inherited_queues(void) {
  void *item;
  for (int i = 0; i < HAMMERED_ORDERS; i++) {
    while (threading_queue_get(all.queues[i], &item, 0) == THREADING_OK) CHECK(item == &all);
    EQ(threading_queue_qsize(all.queues[i]), 0);
    OK(threading_queue_put(all.queues[i], &all, THREADING_FOREVER));
    OK(threading_queue_get(all.queues[i], &item, THREADING_FOREVER));
  }
}

static void destroy_world(void) {
  OK(threading_lock_destroy(all.lock));
  OK(threading_rlock_destroy(all.rlock));
  OK(threading_condition_destroy(all.condition));
  OK(threading_semaphore_destroy(all.semaphore));
  OK(threading_event_destroy(all.event));
  OK(threading_barrier_destroy(all.barrier));
  OK(threading_local_destroy(all.local));
  for (int i = 0; i < HAMMERED_ORDERS; i++) OK(threading_queue_destroy(all.queues[i]));
  OK(threading_future_destroy(all.kept));
  OK(threading_pool_shutdown(all.pool, 1, 0));
  OK(threading_pool_destroy(all.pool));
}

static void live_in_child(void *arg) {
  (void)arg;
  EQ(threading_active_count(), 1);
  EQ(threading_current_thread().id, threading_main_thread().id);
  use_inherited_locks();
  use_inherited_waits();
  use_inherited_queues();
  hammer_pool();
  use_everything();
  destroy_world();
}

static void fork_amid(const hammer_step *steps) {
  const char *wanted = getenv("THREADING_TEST_FORKS");
  const int64_t forks = wanted ? strtoll(wanted, NULL, 10) : FORKS;
  const int64_t end = wanted ? INT64_MAX : NOW_NS() + scaled(THREADING_SECONDS(7));
  threading_thread threads[HAMMERS];
  int64_t made = 0;
  skip_on_the_portable_backend();
  make_world(THREADING_NON_DAEMON);
  start_hammers(steps, THREADING_NON_DAEMON, threads);
  while (made < forks && NOW_NS() < end) {
    EQ(child_fork(live_in_child, NULL, NULL, 0), 0);
    made++;
  }
  printf("%" PRId64 " forks\n", made);
  stop_hammers(threads);
  destroy_world();
}

TEST(fault_E8_forks_amid_locks_and_waits) { fork_amid(locks_and_waits); }
TEST(fault_E8_forks_amid_creation_and_destruction) { fork_amid(makers); }
TEST(fault_E8_forks_amid_threads_and_timers) { fork_amid(threads_and_timers); }
TEST(fault_E8_forks_amid_pools_and_futures) { fork_amid(pools); }
TEST(fault_E8_forks_amid_everything) { fork_amid(everything); }
