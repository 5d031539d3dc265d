/* A lock that 2, 4 and 8 threads want at once, against pthread_mutex: how much gets done, and whether
   everybody gets a share of it. Prints a Markdown table. */
#define _GNU_SOURCE
#include "bench.h"
#include <stdatomic.h>
#include <stdint.h>

enum { MAX_THREADS = 8, CONTENDED_ROUNDS = 9, ROUND_MICROSECONDS = 100000, WORK_OUTSIDE = 32 };

static threading_lock lock;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/* What the lock guards: one cache line of its own. */
static struct {
  _Alignas(128) long a, b, c, d;
} guarded;

typedef struct worker {
  _Alignas(128) long done;
  uint64_t noise;
  pthread_t thread;
} worker;
static worker workers[MAX_THREADS];

static atomic_int go, stop;

#define WORK(name, acquire, release)                                 \
  static void *name(void *arg) {                                     \
    worker *self = arg;                                              \
    uint64_t noise = (uint64_t)(self - workers) + 1;                 \
    long done = 0;                                                   \
    while (!atomic_load(&go)) sched_yield();                         \
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {     \
      acquire;                                                       \
      guarded.a++, guarded.b++, guarded.c++, guarded.d++;            \
      release;                                                       \
      for (int i = 0; i < WORK_OUTSIDE; i++) {                       \
        noise = noise * 6364136223846793005u + 1442695040888963407u; \
        __asm__ volatile("" : "+r"(noise));                          \
      }                                                              \
      done++;                                                        \
    }                                                                \
    self->noise = noise;                                             \
    self->done = done;                                               \
    return NULL;                                                     \
  }

WORK(with_lock, threading_lock_acquire(lock, THREADING_FOREVER), threading_lock_release(lock))
WORK(with_mutex, pthread_mutex_lock(&mutex), pthread_mutex_unlock(&mutex))

typedef struct outcome {
  double millions_per_second, share; /* share: the least busy thread's part of the busiest's */
} outcome;

static outcome measure(void *(*work)(void *), int threads) {
  atomic_store(&go, 0);
  atomic_store(&stop, 0);
  guarded.a = 0;
  for (int i = 0; i < threads; i++) {
    if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) abort();
  }
  double start = bench_now();
  atomic_store(&go, 1);
  usleep(ROUND_MICROSECONDS);
  atomic_store(&stop, 1);
  for (int i = 0; i < threads; i++) pthread_join(workers[i].thread, NULL);
  double seconds = bench_now() - start;

  long total = 0, least = workers[0].done, most = workers[0].done;
  for (int i = 0; i < threads; i++) {
    long done = workers[i].done;
    total += done;
    if (done < least) least = done;
    if (done > most) most = done;
  }
  if (guarded.a != total) {
    fprintf(stderr, "updates were lost: %ld of %ld\n", total - guarded.a, total);
    exit(EXIT_FAILURE);
  }
  return (outcome){ (double)total / seconds / 1e6, most > 0 ? (double)least / (double)most : 0 };
}

static void compare(int threads) {
  double ours[CONTENDED_ROUNDS], peer[CONTENDED_ROUNDS];
  double our_share[CONTENDED_ROUNDS], peer_share[CONTENDED_ROUNDS];
  for (int i = 0; i < 2 * CONTENDED_ROUNDS; i++) {
    int round = i / 2, our_turn = (i + round) % 2 == 0; /* A B, B A, A B, ... */
    outcome o = measure(our_turn ? with_lock : with_mutex, threads);
    (our_turn ? ours : peer)[round] = o.millions_per_second;
    (our_turn ? our_share : peer_share)[round] = o.share;
  }
  char what[64];
  snprintf(what, sizeof what, "%d threads, million pairs per second", threads);
  bench_line(what, "pthread_mutex", bench_summary(ours, peer, CONTENDED_ROUNDS),
             (bench_goal){ RATIO_AT_LEAST, 1.3 });
  snprintf(what, sizeof what, "%d threads, least / most busy", threads);
  bench_line(what, "pthread_mutex", bench_summary(our_share, peer_share, CONTENDED_ROUNDS),
             (bench_goal){ OURS_AT_LEAST, 0.4 });
}

int main(void) {
  bench_ok(threading_lock_create(&lock));
  bench_heading("A contended lock", "");
  for (int threads = 2; threads <= MAX_THREADS; threads *= 2) compare(threads);
  return EXIT_SUCCESS;
}
