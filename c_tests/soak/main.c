// soak SECONDS SEED [FAULT]: see soak.h. With the name of a fault the library seems to have that fault once,
// and a divergence has to be found: `lock`, `semaphore`, `token`, `event`, `item`, `order`, `timer`, `task`,
// `loop`, `thread`.
#include "soak.h"

#include <signal.h>
#include <stdarg.h>
#include <time.h>
#include <unistd.h>

static const station *const stations[] = {
  &soak_locks, &soak_semaphores, &soak_conditions, &soak_events,  &soak_queues,
  &soak_timers, &soak_tasks,     &soak_loops,      &soak_threads, &soak_handles,
};
#define STATIONS (sizeof stations / sizeof *stations)

int64_t soak_patience = THREADING_SECONDS(30);

static uint64_t seed;
static const char *fault;

void soak_diverged(const char *file, int line, const char *format, ...) {
  char text[512];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  fprintf(stderr, "%s:%d: %s\ndivergence with seed %" PRIu64 "\n", file, line, text, seed);
  _exit(1);
}

bool soak_planted(const char *name) {
  static _Atomic int passed;
  return fault != NULL && strcmp(fault, name) == 0 && atomic_fetch_add(&passed, 1) == 20;
}

// A signal handler: no more than writing is allowed here.
static void hangs(int signal) {
  static const char text[] = "divergence: a call does not return\n";
  (void)signal;
  if (write(STDERR_FILENO, text, sizeof text - 1) < 0) _exit(3);
  _exit(1);
}

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

// 0 under a checker, whose memory is not the program's own.
static long resident_pages(void) {
  long mapped = 0, resident = 0;
  if (getenv("THREADING_TEST_TIMEOUT_SCALE") != NULL) return 0;
  FILE *file = fopen("/proc/self/statm", "re");
  if (file == NULL) return 0;
  if (fscanf(file, "%ld %ld", &mapped, &resident) != 2) resident = 0;
  fclose(file);
  return resident;
}

// ---- The actors ----

static threading_barrier meeting;
static int64_t end, round_end;
static long rounds, pages_at_first;
static _Atomic uint32_t places;
static bool over;

#define ROUND_NS THREADING_MILLISECONDS(40)
// The objects of the first rounds bring in memory that later ones use again.
#define FIRST_ROUNDS 20
#define SLACK_PAGES 2048

static void rest(void) {
  for (size_t i = 0; i < STATIONS; i++) stations[i]->rest();
  EQUALS(atomic_exchange(&places, 0), (1 << ACTORS) - 1);
  rounds++;
  if (rounds == FIRST_ROUNDS) pages_at_first = resident_pages();
  if (rounds > FIRST_ROUNDS) HOLDS(resident_pages() - pages_at_first < SLACK_PAGES);
  over = now() >= end;
  round_end = now() + ROUND_NS;
}

// All come, each gets a place of its own, and one of them looks at everything before all go on.
static void meet(void) {
  int64_t place = -1;
  DONE(threading_barrier_wait(meeting, soak_patience, &place));
  HOLDS(place >= 0 && place < ACTORS);
  HOLDS((atomic_fetch_or(&places, 1u << place) & 1u << place) == 0);
  DONE(threading_barrier_wait(meeting, soak_patience, NULL));
  if (place == 0) rest();
  DONE(threading_barrier_wait(meeting, soak_patience, NULL));
  EQUALS(threading_barrier_broken(meeting), 0);
}

static void *act(void *arg) {
  actor *who = arg;
  while (!over) {
    do {
      stations[pick(who, STATIONS)]->step(who);
      who->steps++;
    } while (now() < round_end);
    meet();
  }
  return who;
}

int main(int argc, char **argv) {
  if (argc < 3 || argc > 4) {
    fprintf(stderr, "usage: %s SECONDS SEED [FAULT]\n", argv[0]);
    return 2;
  }
  const double seconds = strtod(argv[1], NULL);
  seed = strtoull(argv[2], NULL, 0);
  fault = argc == 4 ? argv[3] : NULL;
  if (fault != NULL) soak_patience = THREADING_SECONDS(2);
  actor actors[ACTORS];
  threading_thread threads[ACTORS];
  long steps = 0;
  signal(SIGALRM, hangs);
  alarm((unsigned)(seconds + 4 * (double)soak_patience / 1e9));
  DONE(threading_barrier_create(ACTORS, NULL, NULL, THREADING_FOREVER, &meeting));
  for (size_t i = 0; i < STATIONS; i++) stations[i]->open();
  end = now() + (int64_t)(seconds * 1e9);
  round_end = now() + ROUND_NS;
  for (int i = 0; i < ACTORS; i++) {
    const uint64_t random = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)i * 77777 + 1;
    actors[i] = (actor){ .number = i, .random = random };
    DONE(threading_thread_spawn(act, &actors[i], NULL, &threads[i]));
  }
  for (int i = 0; i < ACTORS; i++) {
    DONE(threading_thread_join(threads[i], THREADING_FOREVER));
    DONE(threading_thread_destroy(threads[i]));
    steps += actors[i].steps;
  }
  for (size_t i = 0; i < STATIONS; i++) stations[i]->close();
  DONE(threading_barrier_destroy(meeting));
  DONE(threading_shutdown(soak_patience));
  EQUALS(threading_active_count(), 1);
  printf("%ld steps in %ld rounds, seed %" PRIu64 ": 0 divergences\n", steps, rounds, seed);
  return 0;
}
