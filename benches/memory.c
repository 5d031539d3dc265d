/* Resident memory of many objects, and what is left of a million that were made and destroyed. Each
   measurement runs in a child process of its own, so that none finds memory that another has left. Prints a
   Markdown table. */
#define _GNU_SOURCE
#include "bench.h"
#include <string.h>
#include <sys/wait.h>

enum { LOCKS = 1000000, THREADS = 10000, LIVES = 1000000 };

static double resident_megabytes(void) {
  long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file == NULL || fscanf(file, "%*s %ld", &pages) != 1) abort();
  fclose(file);
  return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

/* Room for `n` things that is resident before the measurement: the caller's own array is not counted. */
static void *touched(size_t n, size_t size) {
  void *room = malloc(n * size);
  if (room == NULL) abort();
  return memset(room, 1, n * size);
}

static double live_locks(void) {
  threading_lock *locks = touched(LOCKS, sizeof *locks);
  double before = resident_megabytes();
  for (int i = 0; i < LOCKS; i++) bench_ok(threading_lock_create(&locks[i]));
  return resident_megabytes() - before;
}

static double live_mutexes(void) {
  pthread_mutex_t **mutexes = touched(LOCKS, sizeof *mutexes);
  double before = resident_megabytes();
  for (int i = 0; i < LOCKS; i++) {
    if ((mutexes[i] = malloc(sizeof **mutexes)) == NULL) abort();
    pthread_mutex_init(mutexes[i], NULL);
  }
  return resident_megabytes() - before;
}

static pthread_barrier_t all_alive;

static void *stay(void *arg) {
  (void)pthread_barrier_wait(&all_alive);
  for (;;) pause();
  return arg;
}

static double live_threads(void) {
  threading_thread *threads = touched(THREADS, sizeof *threads);
  double before = resident_megabytes();
  pthread_barrier_init(&all_alive, NULL, THREADS + 1);
  for (int i = 0; i < THREADS; i++) bench_ok(threading_thread_spawn(stay, NULL, NULL, &threads[i]));
  (void)pthread_barrier_wait(&all_alive);
  return resident_megabytes() - before;
}

static double live_pthreads(void) {
  pthread_t *threads = touched(THREADS, sizeof *threads);
  double before = resident_megabytes();
  pthread_barrier_init(&all_alive, NULL, THREADS + 1);
  for (int i = 0; i < THREADS; i++) {
    if (pthread_create(&threads[i], NULL, stay, NULL) != 0) {
      fprintf(stderr, "only %d threads can be started here\n", i);
      exit(EXIT_FAILURE);
    }
  }
  (void)pthread_barrier_wait(&all_alive);
  return resident_megabytes() - before;
}

static void ignore(void *arg) {
  (void)arg;
}

/* Makes and destroys LIVES of a kind; the first few thousand may take memory that serves all the others. */
#define LEFT_BY(kind, create)                             \
  static double left_by_##kind(void) {                    \
    double before = 0;                                    \
    for (int i = 0; i < LIVES; i++) {                     \
      if (i == 5000) before = resident_megabytes();       \
      threading_##kind x;                                 \
      bench_ok(create);                                   \
      bench_ok(threading_##kind##_destroy(x));            \
    }                                                     \
    return resident_megabytes() - before;                 \
  }
LEFT_BY(lock, threading_lock_create(&x))
LEFT_BY(rlock, threading_rlock_create(&x))
LEFT_BY(condition, threading_condition_create(&x))
LEFT_BY(semaphore, threading_semaphore_create(1, &x))
LEFT_BY(event, threading_event_create(&x))
LEFT_BY(barrier, threading_barrier_create(2, NULL, NULL, THREADING_FOREVER, &x))
LEFT_BY(local, threading_local_create(NULL, &x))
LEFT_BY(timer, threading_timer_create(0, ignore, NULL, NULL, &x))

static double in_child(double (*measure)(void)) {
  int ends[2];
  double megabytes = 0;
  if (pipe(ends) != 0) abort();
  pid_t child = fork();
  if (child == 0) {
    megabytes = measure();
    _exit(write(ends[1], &megabytes, sizeof megabytes) == sizeof megabytes ? 0 : 1);
  }
  close(ends[1]);
  ssize_t got = read(ends[0], &megabytes, sizeof megabytes);
  close(ends[0]);
  if (child < 0 || waitpid(child, NULL, 0) != child || got != sizeof megabytes) exit(EXIT_FAILURE);
  return megabytes;
}

static void compare(const char *what, double (*ours)(void), const char *peer_name, double (*peer)(void),
                    bench_goal goal) {
  double a = in_child(ours), b = peer == NULL ? 0 : in_child(peer);
  bench_line(what, peer_name, (bench_pair){ a, b, b > 0 ? a / b : 0, a - b }, goal);
}

static void compare_left(const char *kind, double (*left)(void)) {
  char what[64];
  snprintf(what, sizeof what, "left by %d %s created and destroyed", LIVES, kind);
  compare(what, left, NULL, NULL, (bench_goal){ OURS_AT_MOST, 1 });
}

int main(void) {
  bench_heading("Memory", "MB");
  compare("1,000,000 live locks", live_locks, "malloc'ed pthread_mutex", live_mutexes,
          (bench_goal){ OURS_AT_MOST, 66 });
  compare("10,000 live threads", live_threads, "pthread_create", live_pthreads,
          (bench_goal){ RATIO_AT_MOST, 1.1 });
  compare_left("locks", left_by_lock);
  compare_left("rlocks", left_by_rlock);
  compare_left("conditions", left_by_condition);
  compare_left("semaphores", left_by_semaphore);
  compare_left("events", left_by_event);
  compare_left("barriers", left_by_barrier);
  compare_left("locals", left_by_local);
  compare_left("timers", left_by_timer);
  return EXIT_SUCCESS;
}
