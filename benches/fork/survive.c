/* Children of a process whose threads hammer a primitive: how many can use it, how many hang or crash. For
   libthreading and for the C library; peers/ is the same program for what Rust programs use.

     survive SUBJECT FORKS     prints: SUBJECT FORKS WORKED REFUSED HUNG CRASHED
     survive                   prints the subjects */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <threading.h>
#include <time.h>
#include <unistd.h>

/* A child that is not done after so many seconds hangs; so many may be on their way. */
enum { THREADS = 8, PATIENCE = 3, CHILDREN = 32 };

static void demand(bool fact) {
  if (!fact) abort();
}

static bool acquired(threading_status status) {
  return THREADING_ACQUIRED(status);
}

static bool went_on(threading_status status) {
  return status == THREADING_OK || status == THREADING_TIMEOUT;
}

/* ---- libthreading ---- */

static threading_lock lock;
static threading_rlock rlock;
static threading_condition condition;
static threading_queue queue;
static threading_pool pool;

static void make_all(void) {
  demand(threading_lock_create(&lock) == THREADING_OK);
  demand(threading_rlock_create(&rlock) == THREADING_OK);
  demand(threading_condition_create(&condition) == THREADING_OK);
  demand(threading_queue_create(THREADING_FIFO, 64, NULL, &queue) == THREADING_OK);
  demand(threading_pool_create(4, NULL, &pool) == THREADING_OK);
}

static bool use_lock(void) {
  return threading_lock_acquire(lock, THREADING_FOREVER) == THREADING_OK
      && threading_lock_release(lock) == THREADING_OK;
}

static bool use_rlock(void) {
  return acquired(threading_rlock_acquire(rlock, THREADING_FOREVER))
      && threading_rlock_release(rlock) == THREADING_OK;
}

static bool use_condition(void) {
  return acquired(threading_condition_acquire(condition, THREADING_FOREVER))
      && threading_condition_notify_all(condition) == THREADING_OK
      && went_on(threading_condition_wait(condition, THREADING_MILLISECONDS(1)))
      && threading_condition_release(condition) == THREADING_OK;
}

static bool use_queue(void) {
  void *item;
  return went_on(threading_queue_put(queue, &queue, THREADING_MILLISECONDS(1)))
      && threading_queue_get(queue, &item, THREADING_FOREVER) == THREADING_OK;
}

static void *hand_back(void *arg) {
  return arg;
}

static bool use_pool(void) {
  threading_future future;
  void *result = NULL;
  return threading_pool_submit(pool, hand_back, &pool, &future) == THREADING_OK
      && threading_future_result(future, THREADING_FOREVER, &result) == THREADING_OK
      && threading_future_destroy(future) == THREADING_OK && result == &pool;
}

/* ---- The C library ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER, recursive;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_mutex_t cond_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;

static void make_recursive(void) {
  pthread_mutexattr_t attributes;
  demand(pthread_mutexattr_init(&attributes) == 0);
  demand(pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE) == 0);
  demand(pthread_mutex_init(&recursive, &attributes) == 0);
}

static void make_nothing(void) {}

static bool use_mutex(void) {
  return pthread_mutex_lock(&mutex) == 0 && pthread_mutex_unlock(&mutex) == 0;
}

static bool use_recursive(void) {
  return pthread_mutex_lock(&recursive) == 0 && pthread_mutex_unlock(&recursive) == 0;
}

static bool use_rwlock(void) {
  return pthread_rwlock_wrlock(&rwlock) == 0 && pthread_rwlock_unlock(&rwlock) == 0;
}

static bool use_cond(void) {
  struct timespec end;
  clock_gettime(CLOCK_REALTIME, &end);
  end.tv_nsec += 1000000;
  if (end.tv_nsec >= 1000000000) {
    end.tv_nsec -= 1000000000;
    end.tv_sec++;
  }
  if (pthread_mutex_lock(&cond_mutex) != 0 || pthread_cond_broadcast(&cond) != 0) return false;
  const int waited = pthread_cond_timedwait(&cond, &cond_mutex, &end);
  return (waited == 0 || waited == ETIMEDOUT) && pthread_mutex_unlock(&cond_mutex) == 0;
}

/* ---- Forks ---- */

typedef struct subject {
  const char *name;
  void (*make)(void);
  bool (*use)(void); /* by the threads again and again, and by each child */
} subject;

static const subject subjects[] = {
  { "libthreading lock", make_all, use_lock },
  { "libthreading rlock", make_all, use_rlock },
  { "libthreading condition", make_all, use_condition },
  { "libthreading queue", make_all, use_queue },
  { "libthreading pool", make_all, use_pool },
  { "pthread mutex", make_nothing, use_mutex },
  { "pthread recursive mutex", make_recursive, use_recursive },
  { "pthread rwlock", make_nothing, use_rwlock },
  { "pthread condition variable", make_nothing, use_cond },
};
enum { SUBJECTS = sizeof subjects / sizeof subjects[0] };

static void *hammer(void *arg) {
  const subject *it = arg;
  for (;;) demand(it->use());
  return NULL;
}

static int worked, refused, hung, crashed;

static void count_one(void) {
  int status = 0;
  while (wait(&status) < 0) demand(errno == EINTR);
  if (WIFEXITED(status)) *(WEXITSTATUS(status) == 0 ? &worked : &refused) += 1;
  else *(WTERMSIG(status) == SIGALRM ? &hung : &crashed) += 1;
}

static void survive(const subject *it, int forks) {
  it->make();
  for (int i = 0; i < THREADS; i++) {
    pthread_t thread;
    demand(pthread_create(&thread, NULL, hammer, (void *)it) == 0);
  }
  for (int i = 0; i < forks; i++) {
    const struct timespec moment = { 0, 50000 + i % 97 * 1000 };
    nanosleep(&moment, NULL);
    const pid_t child = fork();
    demand(child >= 0);
    if (child == 0) {
      alarm(PATIENCE);
      _exit(it->use() ? 0 : 1);
    }
    if (i >= CHILDREN) count_one();
  }
  while (worked + refused + hung + crashed < forks) count_one();
  printf("%s\t%d\t%d\t%d\t%d\t%d\n", it->name, forks, worked, refused, hung, crashed);
  fflush(stdout);
  _exit(0);
}

int main(int argc, char **argv) {
  for (int i = 0; i < SUBJECTS; i++) {
    if (argc < 3) puts(subjects[i].name);
    else if (strcmp(argv[1], subjects[i].name) == 0) survive(&subjects[i], atoi(argv[2]));
  }
  return argc < 3 ? 0 : 2;
}
