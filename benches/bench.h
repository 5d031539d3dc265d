/* What the benchmarks share: a clock, medians over rounds that alternate between the library and its
   counterpart, and the line of the table that comes out. */
#ifndef BENCH_H
#define BENCH_H

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <threading.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 15, MAX_ROUNDS = 64 };

static inline double bench_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static inline void bench_ok(threading_status status) {
  if (THREADING_ACQUIRED(status)) return;
  fprintf(stderr, "%s: %s\n", threading_status_name(status), threading_last_error());
  exit(EXIT_FAILURE);
}

static inline void *bench_idle(void *arg) {
  for (;;) pause();
  return arg;
}

/* A second thread that does nothing: without one glibc leaves out the atomic instructions. */
static inline void bench_start_idle_thread(void) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, bench_idle, NULL) != 0) abort();
}

static inline void bench_pin(pthread_attr_t *attributes, int cpu) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET((size_t)cpu, &cpus);
  if (pthread_attr_setaffinity_np(attributes, sizeof cpus, &cpus) != 0) abort();
}

static inline int bench_compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static inline double bench_median(const double *values, int n) {
  double sorted[MAX_ROUNDS];
  for (int i = 0; i < n; i++) sorted[i] = values[i];
  qsort(sorted, (size_t)n, sizeof *sorted, bench_compare);
  return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

/* Paired measurements: the medians of both sides, and the median of each round's own ratio, which a slow
   moment of the machine moves less than the ratio of the medians. */
typedef struct bench_pair {
  double ours, peer, ratio, difference;
} bench_pair;

static inline bench_pair bench_summary(const double *ours, const double *peer, int rounds) {
  double ratios[MAX_ROUNDS], differences[MAX_ROUNDS];
  for (int i = 0; i < rounds; i++) {
    ratios[i] = ours[i] / peer[i];
    differences[i] = ours[i] - peer[i];
  }
  bench_pair pair = { bench_median(ours, rounds), bench_median(peer, rounds), bench_median(ratios, rounds),
                      bench_median(differences, rounds) };
  return pair;
}

/* What a measurement is held against. */
typedef enum bench_goal_kind {
  NO_GOAL,
  RATIO_AT_MOST,      /* ours / peer */
  RATIO_AT_LEAST,     /* the same, where more is better */
  OURS_AT_MOST,       /* ours alone */
  OURS_AT_LEAST,
  DIFFERENCE_AT_MOST, /* ours - peer */
} bench_goal_kind;

typedef struct bench_goal {
  bench_goal_kind kind;
  double value;
} bench_goal;

static inline void bench_heading(const char *title, const char *unit) {
  printf("\n### %s\n\n", title);
  printf("| what | ours %s | peer %s | ratio | goal | |\n|---|--:|--:|--:|---|---|\n", unit, unit);
}

/* One line of the table; `peer` is NULL where there is nothing to compare with. */
static inline void bench_line(const char *what, const char *peer, bench_pair p, bench_goal goal) {
  int met = 1;
  char text[64] = "";
  switch (goal.kind) {
    case NO_GOAL: break;
    case RATIO_AT_MOST:
      met = p.ratio <= goal.value;
      snprintf(text, sizeof text, "ratio <= %g", goal.value);
      break;
    case RATIO_AT_LEAST:
      met = p.ratio >= goal.value;
      snprintf(text, sizeof text, "ratio >= %g", goal.value);
      break;
    case OURS_AT_MOST:
      met = p.ours <= goal.value;
      snprintf(text, sizeof text, "ours <= %g", goal.value);
      break;
    case OURS_AT_LEAST:
      met = p.ours >= goal.value;
      snprintf(text, sizeof text, "ours >= %g", goal.value);
      break;
    case DIFFERENCE_AT_MOST:
      met = p.difference <= goal.value;
      snprintf(text, sizeof text, "ours - peer <= %g", goal.value);
      break;
  }
  const char *verdict = goal.kind == NO_GOAL ? "" : met ? "ok" : "MISSED";
  if (peer == NULL) {
    printf("| %s | %.3g | | | %s | %s |\n", what, p.ours, text, verdict);
  } else {
    printf("| %s / %s | %.3g | %.3g | %.2f | %s | %s |\n", what, peer, p.ours, p.peer, p.ratio, text,
           verdict);
  }
  fflush(stdout);
}

#endif
