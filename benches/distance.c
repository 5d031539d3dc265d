/* How far apart two processors are: nanoseconds for a cache line to go from one to the other and back. On a virtual
   machine it may be tenfold from one second to the next, as the host moves its processors. */
#define _GNU_SOURCE
#include "bench.h"
#include <stdatomic.h>

enum { TURNS = 5000 };

static _Atomic int turn;

static void *answer(void *arg) {
  for (int i = 0; i < TURNS; i++) {
    while (atomic_load_explicit(&turn, memory_order_acquire) != 2 * i + 1) {}
    atomic_store_explicit(&turn, 2 * i + 2, memory_order_release);
  }
  return arg;
}

int main(void) {
  pthread_t thread;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  bench_pin(&attributes, 1);
  if (pthread_create(&thread, &attributes, answer, NULL) != 0) abort();
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(0, &cpus);
  if (sched_setaffinity(0, sizeof cpus, &cpus) != 0) abort();
  double start = 0;
  for (int i = 0; i < TURNS; i++) {
    if (i == TURNS / 5) start = bench_now(); /* by now both run */
    atomic_store_explicit(&turn, 2 * i + 1, memory_order_release);
    while (atomic_load_explicit(&turn, memory_order_acquire) != 2 * i + 2) {}
  }
  printf("%.0f\n", (bench_now() - start) * 1e9 / (TURNS - TURNS / 5));
  pthread_join(thread, NULL);
  return 0;
}
