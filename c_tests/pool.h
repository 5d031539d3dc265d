// What the tests of pools share: pools made and ended in one line, a gate that holds workers, arguments that
// are counted.
#ifndef POOL_H
#define POOL_H
#include "harness.h"

static inline threading_pool make_pool(uint32_t workers) {
  threading_pool pool;
  OK(threading_pool_create(workers, NULL, &pool));
  return pool;
}

// A pool whose arguments have this destructor.
static inline threading_pool make_pool_with_destructor(uint32_t workers, threading_destructor destructor) {
  const threading_pool_options options = { .size = sizeof options, .arg_destructor = destructor };
  threading_pool pool;
  OK(threading_pool_create(workers, &options, &pool));
  return pool;
}

// Waits for all that is queued, and for the end of all workers.
static inline void finish_pool(threading_pool pool) {
  OK(threading_pool_shutdown(pool, 1, 0));
  OK(threading_pool_destroy(pool));
}

static inline threading_future submit(threading_pool pool, threading_target target, void *arg) {
  threading_future future = { 0 };
  OK(threading_pool_submit(pool, target, arg, &future));
  CHECK(future.id != 0);
  return future;
}

static inline threading_pool make_with(uint32_t workers, threading_pool_options options) {
  threading_pool pool;
  options.size = sizeof options;
  OK(threading_pool_create(workers, &options, &pool));
  return pool;
}

#define OPTIONS(...) ((threading_pool_options){ __VA_ARGS__ })

// Waits for the result, gives up the handle.
static inline void *result_of(threading_future future) {
  void *result = NULL;
  OK(threading_future_result(future, THREADING_FOREVER, &result));
  OK(threading_future_destroy(future));
  return result;
}

static inline threading_pool_statistics stats_of(threading_pool pool) {
  threading_pool_statistics stats = { .size = sizeof stats };
  OK(threading_pool_stats(pool, &stats));
  return stats;
}

static inline threading_event make_event(void) {
  threading_event event;
  OK(threading_event_create(&event));
  return event;
}

// ---- A gate: tasks that stand in it until it is opened ----

typedef struct gate {
  _Atomic int32_t inside;
  threading_event open;
} gate;

static inline void make_gate(gate *gate) {
  atomic_store(&gate->inside, 0);
  gate->open = make_event();
}

static inline void *stand_in_gate(void *arg) {
  gate *at = arg;
  atomic_fetch_add(&at->inside, 1);
  OK(threading_event_wait(at->open, THREADING_FOREVER));
  atomic_fetch_sub(&at->inside, 1);
  return arg;
}

// Lets that many workers stand in the gate; returns when they do.
static inline void hold_workers(threading_pool pool, gate *gate, int32_t count, threading_future *futures) {
  const int32_t before = atomic_load(&gate->inside);
  for (int32_t i = 0; i < count; i++) futures[i] = submit(pool, stand_in_gate, gate);
  WAIT_UNTIL(atomic_load(&gate->inside) == before + count);
}

static inline void open_gate(gate *gate) {
  OK(threading_event_set(gate->open));
}

static inline void release_workers(gate *gate, int32_t count, threading_future *futures) {
  open_gate(gate);
  for (int32_t i = 0; i < count; i++) CHECK(result_of(futures[i]) == gate);
  OK(threading_event_destroy(gate->open));
}

// ---- Targets and callbacks ----

static inline void *give_back(void *arg) {
  return arg;
}

static inline void nothing(void *arg) {
  (void)arg;
}

static inline void count_up(void *arg) {
  atomic_fetch_add((_Atomic int64_t *)arg, 1);
}

static inline void *count_target(void *arg) {
  atomic_fetch_add((_Atomic int64_t *)arg, 1);
  return arg;
}

static inline void *fail_with_7(void *arg) {
  OK(threading_fail(7, "seven"));
  return arg;
}

static inline void *leave_by_force(void *arg) {
  (void)arg;
  pthread_exit(NULL);
}

static inline void ignore_failures(threading_thread thread, int32_t code, const char *message, void *user) {
  (void)thread;
  (void)code;
  (void)message;
  (void)user;
}

// The code and text of the failure that THREADING_FAILED has just told this thread of.
#define LAST_FAILURE_IS(wanted_code, wanted_text)                                                         \
  do {                                                                                                    \
    int32_t code_ = 0;                                                                                    \
    char text_[128] = "untouched";                                                                        \
    OK(threading_last_failure(&code_, text_, sizeof text_, NULL));                                        \
    EQ(code_, wanted_code);                                                                               \
    STR_EQ(text_, wanted_text);                                                                           \
  } while (0)

// The failure of a future.
#define FAILURE_IS(future, wanted_code, wanted_text)                                                      \
  do {                                                                                                    \
    int32_t code_ = 0;                                                                                    \
    char text_[128] = "untouched";                                                                        \
    OK(threading_future_failure((future), THREADING_FOREVER, &code_, text_, sizeof text_, NULL));         \
    EQ(code_, wanted_code);                                                                               \
    STR_EQ(text_, wanted_text);                                                                           \
  } while (0)

// A tool that runs the program makes it slow.
static inline int64_t share(int64_t count) {
  return scaled(1000) == 1000 ? count : count / 20 + 1;
}

// ---- Arguments that are counted: each must be destroyed exactly once ----

enum { OWNED = 4096 };
static atomic_int destroyed[OWNED];

static inline void *owned(int64_t n) {
  return (void *)(intptr_t)(n + 1);
}

static inline void destroy_owned(void *arg) {
  const int64_t n = (intptr_t)arg - 1;
  CHECK(n >= 0 && n < OWNED);
  EQ(atomic_fetch_add(&destroyed[n], 1), 0);
}

static inline int64_t count_destroyed(void) {
  int64_t count = 0;
  for (int64_t i = 0; i < OWNED; i++) count += atomic_load(&destroyed[i]);
  return count;
}

static inline int64_t resident_bytes(void) {
  FILE *file = fopen("/proc/self/statm", "r");
  CHECK(file);
  long size, resident;
  CHECK(fscanf(file, "%ld %ld", &size, &resident) == 2);
  fclose(file);
  return (int64_t)resident * sysconf(_SC_PAGESIZE);
}

#endif
