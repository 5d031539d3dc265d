/* Two threads that wait for each other in turn, on one CPU and on two: microseconds for a turn of both.
   Prints Markdown tables.

   On one CPU every hand-over is a switch of threads. On two the question is whether the waiter is still
   awake: what parks has to be woken on another CPU, which takes many times as long. */
#define _GNU_SOURCE
#include "bench.h"
#include <semaphore.h>
#include <stdatomic.h>

enum { HANDOVER_ROUNDS = 9, TURNS_ON_ONE = 4000, TURNS_ON_TWO = 1000 };

static threading_semaphore semaphores[2];
static threading_event events[2];
static threading_lock lock;
static threading_condition conditions[2];
static threading_barrier barrier;

static sem_t sems[2];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t conds[2] = { PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER };
static pthread_barrier_t pthreads_barrier;
static struct {
  _Alignas(128) atomic_int set;
} words[2];

static int turn; /* whose it is: guarded by `lock`, or by `mutex` */

/* The event that a C programmer writes by hand. */
typedef struct hand_event {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  int set;
} hand_event;
static hand_event hand_events[2] = { { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0 },
                                     { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0 } };

static void hand_event_set(hand_event *e) {
  pthread_mutex_lock(&e->mutex);
  e->set = 1;
  pthread_cond_signal(&e->changed);
  pthread_mutex_unlock(&e->mutex);
}

static void hand_event_wait_and_clear(hand_event *e) {
  pthread_mutex_lock(&e->mutex);
  while (!e->set) pthread_cond_wait(&e->changed, &e->mutex);
  e->set = 0;
  pthread_mutex_unlock(&e->mutex);
}

/* The first of the two gives before it takes, the second takes before it gives. */
#define PING_PONG(name, give, take)      \
  static void name(int me, long turns) { \
    int other = 1 - me;                  \
    for (long i = 0; i < turns; i++) {   \
      if (me == 0) { give; }             \
      take;                              \
      if (me == 1) { give; }             \
    }                                    \
  }

PING_PONG(semaphore_turns, bench_ok(threading_semaphore_release(semaphores[other], 1)),
          bench_ok(threading_semaphore_acquire(semaphores[me], THREADING_FOREVER)))
PING_PONG(sem_turns, sem_post(&sems[other]), sem_wait(&sems[me]))
PING_PONG(event_turns, bench_ok(threading_event_set(events[other])), {
  bench_ok(threading_event_wait(events[me], THREADING_FOREVER));
  bench_ok(threading_event_clear(events[me]));
})
PING_PONG(hand_event_turns, hand_event_set(&hand_events[other]), hand_event_wait_and_clear(&hand_events[me]))
PING_PONG(word_turns, atomic_store(&words[other].set, 1), {
  while (!atomic_load(&words[me].set)) sched_yield();
  atomic_store(&words[me].set, 0);
})

static void condition_turns(int me, long turns) {
  for (long i = 0; i < turns; i++) {
    bench_ok(threading_lock_acquire(lock, THREADING_FOREVER));
    while (turn != me) bench_ok(threading_condition_wait(conditions[me], THREADING_FOREVER));
    turn = 1 - me;
    bench_ok(threading_condition_notify(conditions[1 - me], 1));
    bench_ok(threading_lock_release(lock));
  }
}

static void cond_turns(int me, long turns) {
  for (long i = 0; i < turns; i++) {
    pthread_mutex_lock(&mutex);
    while (turn != me) pthread_cond_wait(&conds[me], &mutex);
    turn = 1 - me;
    pthread_cond_signal(&conds[1 - me]);
    pthread_mutex_unlock(&mutex);
  }
}

static void barrier_turns(int me, long turns) {
  (void)me;
  for (long i = 0; i < turns; i++) bench_ok(threading_barrier_wait(barrier, THREADING_FOREVER, NULL));
}

static void pthreads_barrier_turns(int me, long turns) {
  (void)me;
  for (long i = 0; i < turns; i++) (void)pthread_barrier_wait(&pthreads_barrier);
}

typedef struct player {
  void (*play)(int me, long turns);
  int me;
  long turns;
} player;

static atomic_int ready;

static void *player_main(void *arg) {
  player *p = arg;
  atomic_fetch_add(&ready, 1);
  while (atomic_load(&ready) != 2) sched_yield();
  p->play(p->me, p->turns);
  return NULL;
}

static double microseconds(void (*play)(int, long), long turns, const int cpus[2]) {
  player players[2] = { { play, 0, turns }, { play, 1, turns } };
  pthread_t threads[2];
  turn = 0;
  atomic_store(&ready, 0);
  double start = bench_now();
  for (int i = 0; i < 2; i++) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    bench_pin(&attributes, cpus[i]);
    if (pthread_create(&threads[i], &attributes, player_main, &players[i]) != 0) abort();
    pthread_attr_destroy(&attributes);
  }
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  return (bench_now() - start) * 1e6 / (double)turns;
}

static void compare(const char *what, void (*ours)(int, long), const char *peer_name, void (*peer)(int, long),
                    long turns, const int cpus[2], bench_goal goal) {
  double our_times[HANDOVER_ROUNDS], peer_times[HANDOVER_ROUNDS];
  for (int i = 0; i < 2 * HANDOVER_ROUNDS; i++) {
    int round = i / 2, our_turn = (i + round) % 2 == 0; /* A B, B A, A B, ... */
    (our_turn ? our_times : peer_times)[round] = microseconds(our_turn ? ours : peer, turns, cpus);
  }
  bench_line(what, peer_name, bench_summary(our_times, peer_times, HANDOVER_ROUNDS), goal);
}

static void compare_all(const char *title, long turns, const int cpus[2], bench_goal goal) {
  bench_heading(title, "us");
  compare("semaphore", semaphore_turns, "sem_t", sem_turns, turns, cpus, goal);
  compare("event", event_turns, "mutex, flag and cond", hand_event_turns, turns, cpus, goal);
  compare("condition", condition_turns, "pthread_cond", cond_turns, turns, cpus, goal);
  compare("barrier", barrier_turns, "pthread_barrier", pthreads_barrier_turns, turns, cpus, goal);
}

static void set_up(void) {
  bench_ok(threading_lock_create(&lock));
  bench_ok(threading_barrier_create(2, NULL, NULL, THREADING_FOREVER, &barrier));
  if (pthread_barrier_init(&pthreads_barrier, NULL, 2) != 0) abort();
  for (int i = 0; i < 2; i++) {
    bench_ok(threading_semaphore_create(0, &semaphores[i]));
    bench_ok(threading_event_create(&events[i]));
    bench_ok(threading_condition_create_with_lock(lock, &conditions[i]));
    sem_init(&sems[i], 0, 0);
  }
}

/* The first two CPUs that this process may use; how many of them there are. */
static int usable_cpus(int found[2]) {
  cpu_set_t cpus;
  int count = 0;
  if (sched_getaffinity(0, sizeof cpus, &cpus) != 0) abort();
  for (int cpu = 0; cpu < CPU_SETSIZE && count < 2; cpu++) {
    if (CPU_ISSET((size_t)cpu, &cpus)) found[count++] = cpu;
  }
  return count;
}

int main(void) {
  int cpus[2];
  int count = usable_cpus(cpus);
  set_up();

  compare_all("A turn of two threads on one CPU", TURNS_ON_ONE, (int[2]){ cpus[0], cpus[0] },
              (bench_goal){ RATIO_AT_MOST, 1.1 });
  if (count < 2) {
    printf("\nOnly one CPU: nothing measured on two.\n");
    return EXIT_SUCCESS;
  }
  bench_goal none = { NO_GOAL, 0 };
  compare_all("A turn of two threads on two CPUs", TURNS_ON_TWO, cpus, none);
  compare("semaphore", semaphore_turns, "two atomics, spinning", word_turns, TURNS_ON_TWO, cpus, none);
  return EXIT_SUCCESS;
}
