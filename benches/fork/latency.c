/* What fork() costs with no objects, with a million of a kind, and with the same memory merely touched; and what
   the library's own handlers cost, as the difference to _Fork(), which runs none. Each measurement runs in a process
   of its own. Prints lines of NAME, MiB, microseconds of fork(), of _Fork(), the least of many. */
#define _GNU_SOURCE
#include "../bench.h"
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { OBJECTS = 1000000, FORKS = 41 };

static double resident_mebibytes(void) {
  long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file == NULL || fscanf(file, "%*s %ld", &pages) != 1) abort();
  fclose(file);
  return (double)pages * (double)sysconf(_SC_PAGESIZE) / (1024 * 1024);
}

static void touch_mebibytes(double mebibytes) {
  const size_t size = (size_t)(mebibytes * 1024 * 1024) + 1;
  char *room = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) abort();
  /* As small as the pages that the library's objects lie in. */
  (void)madvise(room, size, MADV_NOHUGEPAGE);
  for (size_t i = 0; i < size; i += 4096) room[i] = 1;
}

static void make_nothing(void) {}

#define MAKE(kind)                                                                  \
  static void make_##kind##s(void) {                                                \
    threading_##kind made;                                                          \
    for (int i = 0; i < OBJECTS; i++) bench_ok(threading_##kind##_create(&made));   \
  }
MAKE(lock)
MAKE(event)
MAKE(condition)
MAKE(future)

/* A million queues would be half a gibibyte of items' room; threads cost the system more than fork(). */
static const struct {
  const char *name;
  void (*make)(void);
} kinds[] = {
  { "no objects", make_nothing },           { "1,000,000 locks", make_locks },
  { "1,000,000 events", make_events },      { "1,000,000 conditions", make_conditions },
  { "1,000,000 futures", make_futures },
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static double fork_microseconds(pid_t (*function)(void)) {
  const double begin = bench_now();
  const pid_t child = function();
  if (child < 0) abort();
  if (child == 0) _exit(0);
  const double end = bench_now();
  if (waitpid(child, NULL, 0) != child) abort();
  return (end - begin) * 1e6;
}

/* Whatever else the machine does only adds. */
static double least(const double *times) {
  double found = times[0];
  for (int i = 1; i < FORKS; i++) found = times[i] < found ? times[i] : found;
  return found;
}

typedef struct result {
  double mebibytes, with_handlers, without;
} result;

/* In a process of its own: makes its things, then forks in turns, A B B A. */
static result measure(void (*make)(void), double touched) {
  double with_handlers[FORKS], without[FORKS];
  threading_lock used;
  threading_pool pool;
  threading_timer timer;
  /* The library is in use in each of them, with threads, a pool and a timer. */
  bench_ok(threading_lock_create(&used));
  bench_ok(threading_pool_create(2, NULL, &pool));
  bench_ok(threading_pool_execute(pool, free, NULL));
  bench_ok(threading_pool_wait(pool, THREADING_FOREVER));
  bench_ok(threading_timer_create(THREADING_SECONDS(3600), free, NULL, NULL, &timer));
  bench_ok(threading_timer_start(timer));
  const double before = resident_mebibytes();
  make();
  if (touched > 0) touch_mebibytes(touched);
  const double after = resident_mebibytes();
  for (int i = 0; i < FORKS; i++) {
    if (i % 2 == 0) with_handlers[i] = fork_microseconds(fork);
    without[i] = fork_microseconds(_Fork);
    if (i % 2 != 0) with_handlers[i] = fork_microseconds(fork);
  }
  return (result){ after - before, least(with_handlers), least(without) };
}

static result measure_apart(void (*make)(void), double touched) {
  int ends[2];
  result got;
  if (pipe(ends) != 0) abort();
  const pid_t child = fork();
  if (child == 0) {
    got = measure(make, touched);
    if (write(ends[1], &got, sizeof got) != sizeof got) abort();
    _exit(0);
  }
  close(ends[1]);
  if (child < 0 || read(ends[0], &got, sizeof got) != sizeof got) abort();
  close(ends[0]);
  if (waitpid(child, NULL, 0) != child) abort();
  return got;
}

static void print(const char *name, result got) {
  printf("%s\t%.1f\t%.0f\t%.0f\n", name, got.mebibytes, got.with_handlers, got.without);
  fflush(stdout);
}

int main(void) {
  for (int i = 0; i < KINDS; i++) {
    const result objects = measure_apart(kinds[i].make, 0);
    print(kinds[i].name, objects);
    if (kinds[i].make == make_nothing) continue;
    print("the same memory touched", measure_apart(make_nothing, objects.mebibytes));
  }
  return 0;
}
