// Forks at random moments of other threads' calls: every child works on, none hangs.
#include "child.h"
#include "everything.h"

#include <sys/syscall.h>

typedef struct world {
  threading_lock lock;
  threading_rlock rlock;
  threading_condition condition;
  threading_semaphore semaphore;
  threading_event event;
  threading_local local;
  atomic_bool stop;
} world;

static world all;

static void make_world(void) {
  OK(threading_lock_create(&all.lock));
  OK(threading_rlock_create(&all.rlock));
  OK(threading_condition_create(&all.condition));
  OK(threading_semaphore_create(2, &all.semaphore));
  OK(threading_event_create(&all.event));
  OK(threading_local_create(NULL, &all.local));
}

// What the threads of the parent are amid of when it forks.
static void *hammer(void *arg) {
  while (!atomic_load(&all.stop)) {
    OK(threading_lock_acquire(all.lock, THREADING_FOREVER));
    OK(threading_lock_release(all.lock));
    OK(threading_rlock_acquire(all.rlock, THREADING_FOREVER));
    OK(threading_rlock_release(all.rlock));
    OK(threading_condition_acquire(all.condition, THREADING_FOREVER));
    const threading_status status = threading_condition_wait(all.condition, 20000);
    CHECK(status == THREADING_OK || status == THREADING_TIMEOUT);
    OK(threading_condition_notify(all.condition, 2));
    OK(threading_condition_release(all.condition));
    OK(threading_semaphore_acquire(all.semaphore, THREADING_FOREVER));
    OK(threading_semaphore_release(all.semaphore, 1));
    OK(threading_event_set(all.event));
    OK(threading_event_clear(all.event));
    OK(threading_local_set(all.local, arg));
    use_objects();
    if (arg != NULL) use_thread_and_timer();
  }
  return arg;
}

static void check_acquired(threading_status status) { CHECK(THREADING_ACQUIRED(status)); }

static void use_inherited_objects(void) {
  OK(threading_lock_acquire(all.lock, THREADING_FOREVER));  // whoever had it has vanished
  OK(threading_lock_release(all.lock));
  check_acquired(threading_rlock_acquire(all.rlock, THREADING_FOREVER));
  OK(threading_rlock_release(all.rlock));
  check_acquired(threading_condition_acquire(all.condition, THREADING_FOREVER));
  OK(threading_condition_notify_all(all.condition));
  IS(threading_condition_wait(all.condition, 1000), THREADING_TIMEOUT);
  OK(threading_condition_release(all.condition));
  OK(threading_semaphore_release(all.semaphore, 1));
  OK(threading_semaphore_acquire(all.semaphore, THREADING_FOREVER));
  OK(threading_event_set(all.event));
  OK(threading_event_wait(all.event, THREADING_FOREVER));
}

static void live_in_child(void *arg) {
  (void)arg;
  use_inherited_objects();
  EQ(threading_active_count(), 1);
  use_everything();
  OK(threading_rlock_destroy(all.rlock));
  OK(threading_condition_destroy(all.condition));
  OK(threading_semaphore_destroy(all.semaphore));
  OK(threading_event_destroy(all.event));
  OK(threading_local_destroy(all.local));
}

static void hammer_while(void (*forks)(void)) {
  threading_thread threads[4];
  skip_on_the_portable_backend();
  make_world();
  for (int i = 0; i < 4; i++) threads[i] = spawn_thread(hammer, i < 2 ? &all : NULL);
  forks();
  atomic_store(&all.stop, true);
  for (int i = 0; i < 4; i++) finish_thread(threads[i]);
}

static void fork_300_times(void) {
  const int64_t end = NOW_NS() + THREADING_SECONDS(5);
  for (int i = 0; i < 300 && NOW_NS() < end; i++) EQ(child_fork(live_in_child, NULL, NULL, 0), 0);
}

TEST(fault_E8_fork_300_times_while_4_threads_hammer) { hammer_while(fork_300_times); }

// ---- Forks from inside other calls ----

static threading_lock fork_lock;

static void acquire_before_fork(void) { OK(threading_lock_acquire(fork_lock, THREADING_FOREVER)); }
static void release_after_fork(void) { OK(threading_lock_release(fork_lock)); }

static void fork_with_handlers(void) {
  const int64_t end = NOW_NS() + THREADING_SECONDS(3);
  for (int i = 0; i < 50 && NOW_NS() < end; i++) EQ(child_fork(live_in_child, NULL, NULL, 0), 0);
}

TEST(fault_E13_fork_handlers_of_the_program_may_use_the_library) {
  EQ(pthread_atfork(acquire_before_fork, release_after_fork, release_after_fork), 0);
  OK(threading_lock_create(&fork_lock));
  hammer_while(fork_with_handlers);
}

// ---- Forks that run no handlers ----

typedef pid_t (*fork_function)(void);

static pid_t fork_by_system_call(void) {
#ifdef SYS_fork
  return (pid_t)syscall(SYS_fork);
#else
  return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
#endif
}

// Only calls that neither allocate nor start threads are promised here, and only waits that end.
static void live_without_handlers(void) {
  OK(threading_lock_acquire(all.lock, THREADING_FOREVER));
  OK(threading_lock_release(all.lock));
  check_acquired(threading_rlock_acquire(all.rlock, THREADING_FOREVER));
  OK(threading_rlock_release(all.rlock));
  OK(threading_semaphore_release(all.semaphore, 1));
  OK(threading_semaphore_acquire(all.semaphore, THREADING_FOREVER));
  OK(threading_event_set(all.event));
  OK(threading_event_wait(all.event, THREADING_FOREVER));
  _exit(0);
}

static void fork_bare(fork_function function) {
  const int64_t end = NOW_NS() + THREADING_SECONDS(3);
  for (int i = 0; i < 100 && NOW_NS() < end; i++) {
    const pid_t child = function();
    CHECK(child >= 0);
    if (child == 0) {
      alarm(5);  // a child that hangs ends by this
      live_without_handlers();
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    EQ(WIFEXITED(status) ? WEXITSTATUS(status) : KILLED_BY(WTERMSIG(status)), 0);
  }
}

static void fork_by_system_calls(void) { fork_bare(fork_by_system_call); }

TEST(fault_E10_children_of_the_bare_system_call) { hammer_while(fork_by_system_calls); }

#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 34)
static void fork_by_underscore_fork(void) { fork_bare(_Fork); }

TEST(fault_E10_children_of_underscore_fork) { hammer_while(fork_by_underscore_fork); }
#endif
