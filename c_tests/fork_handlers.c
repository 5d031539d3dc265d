// Forks in a signal handler, and between fork handlers of the program's own that use the library.
#include "child.h"
#include "everything.h"

#include <signal.h>
#include <sys/time.h>

static atomic_int forks;

static void live(void *arg) {
  EQ(threading_active_count(), 1);
  EQ(threading_current_thread().id, threading_main_thread().id);
  use_everything();
  CHECK(arg == NULL);
}

static void fork_now(void) {
  EQ(child_fork(live, NULL, NULL, 0), 0);
  atomic_fetch_add(&forks, 1);
}

// ---- Signal handlers ----

static volatile sig_atomic_t in_handler;

static void fork_in_handler(int signal) {
  const int kept = errno;
  in_handler = 1;
  fork_now();
  in_handler = 0;
  errno = kept;
  (void)signal;
}

static atomic_bool over;

static void *hammer(void *arg) {
  while (!atomic_load(&over)) use_objects();
  return arg;
}

typedef struct target {
  threading_lock lock;
  threading_rlock rlock;
  threading_condition condition;
  threading_semaphore semaphore;
  threading_event event;
  threading_queue queue;
} target;

// Nothing of this allocates, nor may a fork that interrupts it.
static void use_without_allocating(const target *all) {
  void *item;
  OK(threading_lock_acquire(all->lock, THREADING_FOREVER));
  OK(threading_lock_release(all->lock));
  OK(threading_rlock_acquire(all->rlock, THREADING_FOREVER));
  OK(threading_rlock_release(all->rlock));
  OK(threading_condition_acquire(all->condition, THREADING_FOREVER));
  OK(threading_condition_notify_all(all->condition));
  IS(threading_condition_wait(all->condition, 1000), THREADING_TIMEOUT);
  OK(threading_condition_release(all->condition));
  OK(threading_semaphore_release(all->semaphore, 1));
  OK(threading_semaphore_acquire(all->semaphore, THREADING_FOREVER));
  OK(threading_event_set(all->event));
  OK(threading_event_clear(all->event));
  OK(threading_queue_put(all->queue, &forks, THREADING_FOREVER));
  OK(threading_queue_get(all->queue, &item, THREADING_FOREVER));
}

// The guard around what threads share, which the fork tries to take, is what most of this is inside of.
static void count_threads(const target *all) {
  threading_thread list[16];
  size_t count;
  for (int i = 0; i < 100; i++) OK(threading_enumerate(list, 16, &count));
  CHECK(all != NULL);
}

static void interrupt(void (*interrupted)(const target *), int wanted) {
  const struct sigaction action = { .sa_handler = fork_in_handler, .sa_flags = SA_RESTART };
  target all;
  sigset_t alarm;
  threading_thread threads[4];
  OK(threading_lock_create(&all.lock));
  OK(threading_rlock_create(&all.rlock));
  OK(threading_condition_create(&all.condition));
  OK(threading_semaphore_create(0, &all.semaphore));
  OK(threading_event_create(&all.event));
  OK(threading_queue_create(THREADING_FIFO, 4, NULL, &all.queue));
  sigemptyset(&alarm);
  sigaddset(&alarm, SIGALRM);
  EQ(pthread_sigmask(SIG_BLOCK, &alarm, NULL), 0);
  for (int i = 0; i < 4; i++) threads[i] = spawn_thread(hammer, NULL);
  CHECK(sigaction(SIGALRM, &action, NULL) == 0);
  const int64_t end = NOW_NS() + scaled(THREADING_SECONDS(5));
  while (atomic_load(&forks) < wanted && NOW_NS() < end) {
    const struct itimerval soon = { { 0, 0 }, { 0, 1 + 37 * atomic_load(&forks) % 900 } };
    const int before = atomic_load(&forks);
    EQ(pthread_sigmask(SIG_UNBLOCK, &alarm, NULL), 0);
    CHECK(setitimer(ITIMER_REAL, &soon, NULL) == 0);
    while (atomic_load(&forks) == before) interrupted(&all);
    EQ(pthread_sigmask(SIG_BLOCK, &alarm, NULL), 0);
  }
  atomic_store(&over, true);
  for (int i = 0; i < 4; i++) finish_thread(threads[i]);
  CHECK(atomic_load(&forks) > 0 && !in_handler);
}

TEST(fault_E9_a_signal_handler_that_interrupted_a_call_forks) {
  skip_on_the_portable_backend();
  interrupt(use_without_allocating, 200);
}

TEST(fault_E9_a_signal_handler_that_interrupted_the_guard_of_the_threads_forks) {
  skip_on_the_portable_backend();
  interrupt(count_threads, 50);
}

// ---- Handlers of the program's own ----

static void use_around_fork(void) {
  use_everything();
  atomic_fetch_add(&forks, 1);
}

// The library's own part of the fork is over.
static void use_in_forked_child(void) {
  EQ(threading_active_count(), 1);
  use_around_fork();
}

static void count_uses(void *arg) {
  EQ(atomic_load(&forks), *(int *)arg + 2);  // before the fork, and here
  live(NULL);
}

static void *stand(void *arg) {
  OK(threading_event_wait(*(threading_event *)arg, THREADING_FOREVER));
  return arg;
}

static void fork_between_handlers(void) {
  threading_event end;
  OK(threading_event_create(&end));
  const threading_thread other = spawn_thread(stand, &end);
  for (int i = 0; i < 20; i++) {
    int before = atomic_load(&forks);
    EQ(child_fork(count_uses, &before, NULL, 0), 0);
    EQ(atomic_load(&forks), before + 2);
  }
  OK(threading_event_set(end));
  finish_thread(other);
  OK(threading_event_destroy(end));
}

TEST(fault_E13_fork_handlers_from_before_the_first_use) {
  skip_on_the_portable_backend();
  EQ(pthread_atfork(use_around_fork, use_around_fork, use_in_forked_child), 0);
  fork_between_handlers();
}

TEST(fault_E13_fork_handlers_from_after_the_first_use) {
  skip_on_the_portable_backend();
  use_everything();
  EQ(pthread_atfork(use_around_fork, use_around_fork, use_in_forked_child), 0);
  fork_between_handlers();
}
