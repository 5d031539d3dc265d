/* The uncontended price of each operation against glibc's counterpart, in one process: rounds alternate
   between the two, and an idle second thread is alive. Prints a Markdown table. */
#define _GNU_SOURCE
#include "bench.h"
#include <semaphore.h>

/* Keeps the compiler from moving or dropping what stands around it. */
#define BARRIER() __asm__ volatile("" ::: "memory")

static threading_lock lock;
static threading_rlock rlock;
static threading_condition condition;
static threading_semaphore semaphore;
static threading_event event;
static threading_local local;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER, recursive;
static sem_t sem;
static pthread_key_t key;

/* The event that a C programmer writes by hand. */
static pthread_mutex_t flag_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t flag_changed = PTHREAD_COND_INITIALIZER;
static int flag;

#define LOOP(name, body)           \
  static void name(long n) {       \
    for (long i = 0; i < n; i++) { \
      body;                        \
      BARRIER();                   \
    }                              \
  }

LOOP(lock_pair, {
  threading_lock_acquire(lock, THREADING_FOREVER);
  threading_lock_release(lock);
})
LOOP(mutex_pair, {
  pthread_mutex_lock(&mutex);
  pthread_mutex_unlock(&mutex);
})
LOOP(try_pair, {
  threading_lock_acquire(lock, 0);
  threading_lock_release(lock);
})
LOOP(mutex_try_pair, {
  (void)!pthread_mutex_trylock(&mutex);
  pthread_mutex_unlock(&mutex);
})
LOOP(rlock_pair, {
  threading_rlock_acquire(rlock, THREADING_FOREVER);
  threading_rlock_release(rlock);
})
LOOP(recursive_pair, {
  pthread_mutex_lock(&recursive);
  pthread_mutex_unlock(&recursive);
})
LOOP(rlock_three, {
  threading_rlock_acquire(rlock, THREADING_FOREVER);
  threading_rlock_acquire(rlock, THREADING_FOREVER);
  threading_rlock_acquire(rlock, THREADING_FOREVER);
  threading_rlock_release(rlock);
  threading_rlock_release(rlock);
  threading_rlock_release(rlock);
})
LOOP(recursive_three, {
  pthread_mutex_lock(&recursive);
  pthread_mutex_lock(&recursive);
  pthread_mutex_lock(&recursive);
  pthread_mutex_unlock(&recursive);
  pthread_mutex_unlock(&recursive);
  pthread_mutex_unlock(&recursive);
})
LOOP(semaphore_pair, {
  threading_semaphore_release(semaphore, 1);
  threading_semaphore_acquire(semaphore, THREADING_FOREVER);
})
LOOP(sem_pair, {
  sem_post(&sem);
  sem_wait(&sem);
})
LOOP(notify, threading_condition_notify(condition, 1))
LOOP(empty_call, threading_version())
LOOP(is_set, threading_event_is_set(event))
LOOP(flag_is_set, {
  pthread_mutex_lock(&flag_mutex);
  int set = flag;
  pthread_mutex_unlock(&flag_mutex);
  __asm__ volatile("" ::"r"(set));
})
LOOP(wait_set, threading_event_wait(event, THREADING_FOREVER))
LOOP(flag_wait_set, {
  pthread_mutex_lock(&flag_mutex);
  while (!flag) pthread_cond_wait(&flag_changed, &flag_mutex);
  pthread_mutex_unlock(&flag_mutex);
})
LOOP(clear_set, {
  threading_event_clear(event);
  threading_event_set(event);
})
LOOP(flag_clear_set, {
  pthread_mutex_lock(&flag_mutex);
  flag = 0;
  pthread_mutex_unlock(&flag_mutex);
  pthread_mutex_lock(&flag_mutex);
  flag = 1;
  pthread_cond_broadcast(&flag_changed);
  pthread_mutex_unlock(&flag_mutex);
})
LOOP(local_get, {
  void *value;
  threading_local_get(local, &value);
  __asm__ volatile("" ::"r"(value));
})
LOOP(key_get, {
  void *value = pthread_getspecific(key);
  __asm__ volatile("" ::"r"(value));
})
LOOP(lock_life, {
  threading_lock x;
  threading_lock_create(&x);
  threading_lock_destroy(x);
})
LOOP(mutex_life, {
  pthread_mutex_t *x = malloc(sizeof *x);
  pthread_mutex_init(x, NULL);
  BARRIER();
  pthread_mutex_destroy(x);
  free(x);
})

static void *nothing(void *arg) {
  return arg;
}
LOOP(spawn_join, {
  threading_thread x;
  bench_ok(threading_thread_spawn(nothing, NULL, NULL, &x));
  bench_ok(threading_thread_join(x, THREADING_FOREVER));
  bench_ok(threading_thread_destroy(x));
})
LOOP(create_join, {
  pthread_t x;
  if (pthread_create(&x, NULL, nothing, NULL) != 0) abort();
  pthread_join(x, NULL);
})

typedef struct measure {
  const char *what, *peer_name;
  void (*ours)(long), (*peer)(long);
  long n;
  bench_goal goal;
} measure;

static const measure measures[] = {
  { "lock acquire + release", "pthread_mutex", lock_pair, mutex_pair, 400000,
    { RATIO_AT_MOST, 0.95 } },
  { "lock acquire(0) + release", "pthread_mutex_trylock", try_pair, mutex_try_pair, 400000,
    { NO_GOAL, 0 } },
  { "rlock acquire + release", "recursive mutex", rlock_pair, recursive_pair, 400000,
    { RATIO_AT_MOST, 1.0 } },
  { "rlock, three levels", "recursive mutex", rlock_three, recursive_three, 200000,
    { RATIO_AT_MOST, 0.95 } },
  { "semaphore release + acquire", "sem_post + sem_wait", semaphore_pair, sem_pair, 400000,
    { RATIO_AT_MOST, 1.0 } },
  { "condition notify, nobody waits", "an empty library call", notify, empty_call, 1000000,
    { DIFFERENCE_AT_MOST, 2 } },
  { "event is_set", "mutex and flag", is_set, flag_is_set, 1000000,
    { OURS_AT_MOST, 2 } },
  { "event wait, already set", "mutex, flag and cond", wait_set, flag_wait_set, 1000000,
    { OURS_AT_MOST, 2.5 } },
  { "event clear + set", "mutex, flag and cond", clear_set, flag_clear_set, 300000,
    { RATIO_AT_MOST, 0.5 } },
  { "local get", "pthread_getspecific", local_get, key_get, 1000000,
    { RATIO_AT_MOST, 1.5 } },
  { "lock create + destroy", "malloc, init, destroy, free", lock_life, mutex_life, 200000,
    { NO_GOAL, 0 } },
  { "thread spawn + join + destroy", "pthread_create + join", spawn_join, create_join, 400,
    { RATIO_AT_MOST, 0.9 } },
};

static double nanoseconds(void (*run)(long), long n) {
  double start = bench_now();
  run(n);
  return (bench_now() - start) * 1e9 / (double)n;
}

static void compare(const measure *m) {
  double ours[ROUNDS], peer[ROUNDS];
  (void)nanoseconds(m->ours, m->n / 4 + 1);
  (void)nanoseconds(m->peer, m->n / 4 + 1);
  for (int i = 0; i < ROUNDS; i++) { /* A B, then B A, so that neither always comes first */
    if (i % 2 == 0) ours[i] = nanoseconds(m->ours, m->n);
    peer[i] = nanoseconds(m->peer, m->n);
    if (i % 2 != 0) ours[i] = nanoseconds(m->ours, m->n);
  }
  bench_line(m->what, m->peer_name, bench_summary(ours, peer, ROUNDS), m->goal);
}

static void set_up(void) {
  bench_ok(threading_lock_create(&lock));
  bench_ok(threading_rlock_create(&rlock));
  bench_ok(threading_condition_create(&condition));
  bench_ok(threading_condition_acquire(condition, THREADING_FOREVER)); /* notify needs it held */
  bench_ok(threading_semaphore_create(0, &semaphore));
  bench_ok(threading_event_create(&event));
  bench_ok(threading_event_set(event));
  bench_ok(threading_local_create(NULL, &local));
  bench_ok(threading_local_set(local, &local));

  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
  pthread_mutex_init(&recursive, &attributes);
  sem_init(&sem, 0, 0);
  flag = 1;
  if (pthread_key_create(&key, NULL) != 0 || pthread_setspecific(key, &key) != 0) abort();
}

int main(void) {
  set_up();
  bench_start_idle_thread();
  bench_heading("Nobody else wants it", "ns");
  for (size_t i = 0; i < sizeof measures / sizeof *measures; i++) compare(&measures[i]);
  return EXIT_SUCCESS;
}
