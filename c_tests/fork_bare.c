// Forks that run no handlers, at random moments of what eight other threads do: _Fork, and the bare system
// calls. Less is promised to their children: the calls that neither allocate nor start threads.
#include "child.h"
#include "hammer.h"

#include <sched.h>
#include <sys/syscall.h>

enum { FORKS = 250 };

typedef pid_t (*fork_function)(void);

// A child that does not get on says where by its end: no part of it may use stdio.
static void demand(bool fact, int which) {
  if (!fact) _exit(which);
}

static bool worked(threading_status status) { return status == THREADING_OK; }

static void use_locks(void) {
  demand(worked(threading_lock_acquire(all.lock, THREADING_FOREVER)), 10);
  demand(worked(threading_lock_release(all.lock)), 11);
  demand(acquired(threading_rlock_acquire(all.rlock, THREADING_FOREVER)), 12);
  demand(worked(threading_rlock_release(all.rlock)), 13);
  demand(acquired(threading_condition_acquire(all.condition, THREADING_FOREVER)), 14);
  demand(worked(threading_condition_notify_all(all.condition)), 15);
  demand(came_or_timed_out(threading_condition_wait(all.condition, 1000)), 16);
  demand(worked(threading_condition_release(all.condition)), 17);
}

static void use_waits(void) {
  void *value;
  demand(worked(threading_semaphore_release(all.semaphore, 1)), 20);
  demand(worked(threading_semaphore_acquire(all.semaphore, THREADING_FOREVER)), 21);
  demand(worked(threading_event_clear(all.event)), 22);
  demand(came_or_timed_out(threading_event_wait(all.event, 1000)), 23);
  demand(worked(threading_event_set(all.event)), 24);
  demand(worked(threading_event_wait(all.event, THREADING_FOREVER)), 25);
  demand(worked(threading_barrier_abort(all.barrier)), 26);
  demand(threading_barrier_wait(all.barrier, THREADING_FOREVER, NULL) == THREADING_BROKEN, 27);
  demand(worked(threading_barrier_reset(all.barrier)), 28);
  demand(!worked(threading_barrier_wait(all.barrier, 1000, NULL)), 29);
  demand(worked(threading_local_get(all.local, &value)), 30);
}

static void use_queues_or_learn_that_they_are_broken(void) {
  void *item;
  for (int i = 0; i < HAMMERED_ORDERS; i++) {
    const threading_status got = threading_queue_get(all.queues[i], &item, 1000);
    demand(came_or_timed_out(got) || got == THREADING_BROKEN, 40 + i);
  }
}

static void ask(void) {
  void *result = NULL;
  demand(threading_current_thread().id == threading_get_ident(), 50);
  demand(threading_lock_locked(all.lock) == 0, 51);
  demand(threading_future_done(all.kept) == 1, 52);
  demand(worked(threading_future_result(all.kept, THREADING_FOREVER, &result)) && result == &all, 53);
  demand(threading_semaphore_value(all.semaphore) >= 0, 54);
  demand(threading_event_is_set(all.event) == 1, 55);
  demand(threading_lock_acquire((threading_lock){ 0 }, 0) == THREADING_E_HANDLE, 56);
}

static void fork_bare(fork_function function) {
  const char *wanted = getenv("THREADING_TEST_FORKS");
  const int64_t forks = wanted ? strtoll(wanted, NULL, 10) : FORKS;
  const int64_t end = wanted ? INT64_MAX : NOW_NS() + scaled(THREADING_SECONDS(7));
  threading_thread threads[HAMMERS];
  int64_t made = 0;
  make_world(THREADING_NON_DAEMON);
  start_hammers(everything, THREADING_NON_DAEMON, threads);
  while (made < forks && NOW_NS() < end) {
    const pid_t child = function();
    CHECK(child >= 0);
    if (child == 0) {
      alarm(5);  // a child that hangs ends by this
      use_locks();
      use_waits();
      use_queues_or_learn_that_they_are_broken();
      ask();
      _exit(0);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    EQ(WIFEXITED(status) ? WEXITSTATUS(status) : KILLED_BY(WTERMSIG(status)), 0);
    made++;
  }
  printf("%" PRId64 " forks\n", made);
  stop_hammers(threads);
}

#ifdef SYS_fork
static pid_t call_fork(void) { return (pid_t)syscall(SYS_fork); }

TEST(fault_E10_children_of_the_system_call_fork) {
  skip_on_the_portable_backend();
  fork_bare(call_fork);
}
#endif

static pid_t call_clone(void) { return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); }

TEST(fault_E10_children_of_the_system_call_clone) {
  skip_on_the_portable_backend();
  fork_bare(call_clone);
}

#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 34)
TEST(fault_E10_children_of_underscore_fork) {
  skip_on_the_portable_backend();
  fork_bare(_Fork);
}
#endif
