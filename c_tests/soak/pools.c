// Tasks and their futures, groups, maps and loops, in one pool.
#include "soak.h"

static threading_pool pool;
// Tasks that the pool has taken and that were not cancelled.
static _Atomic long accepted;

static uint64_t squared(uint64_t x) { return x * x + 1; }

// ---- Tasks: run once or cancelled, the result is that of the argument, callbacks come once ----

#define TASKS 8

typedef struct errand {
  threading_future future;
  uint64_t number;
  bool in_use, cancelled;
  _Atomic int ran, called;
} errand;

static errand errands[ACTORS][TASKS];
static _Atomic long executed, executed_expected;

static void open_tasks(void) { DONE(threading_pool_create(3, NULL, &pool)); }

static void *run_errand(void *arg) {
  errand *at = arg;
  atomic_fetch_add(&at->ran, 1);
  if (at->number % 7 == 0) DONE(threading_fail((int32_t)(at->number % 1000), "every seventh fails"));
  else if (soak_planted("task")) return at;
  return (void *)(uintptr_t)squared(at->number);
}

static void note_end(threading_future future, void *arg) {
  EQUALS(threading_future_done(future), 1);
  atomic_fetch_add(&((errand *)arg)->called, 1);
}

static void execute(void *arg) { atomic_fetch_add((_Atomic long *)arg, 1); }

static void begin_errand(actor *who, errand *at) {
  at->number = pick(who, 1u << 30);
  at->in_use = true;
  at->cancelled = false;
  const int64_t priority = (int64_t)pick(who, 5) - 2;
  if (priority == 0) DONE(threading_pool_submit(pool, run_errand, at, &at->future));
  else DONE(threading_pool_submit_priority(pool, run_errand, at, priority, &at->future));
  atomic_fetch_add(&accepted, 1);
  DONE(threading_future_add_done_callback(at->future, note_end, at, NULL));
}

// What the future says, and that it says so again.
static void check_errand(errand *at, threading_status status) {
  void *result = NULL;
  int32_t code = 0;
  EQUALS(threading_future_done(at->future), 1);
  EQUALS(threading_future_cancelled(at->future), status == THREADING_CANCELLED);
  if (status == THREADING_CANCELLED) {
    HOLDS(at->cancelled);
    EQUALS(atomic_load(&at->ran), 0);
    return;
  }
  EQUALS(atomic_load(&at->ran), 1);
  GIVES(threading_future_result(at->future, 0, &result), status);
  GIVES(threading_future_cancel(at->future), THREADING_E_STATE);
  if (at->number % 7 == 0) {
    EQUALS(status, THREADING_FAILED);
    DONE(threading_future_failure(at->future, 0, &code, NULL, 0, NULL));
    EQUALS(code, at->number % 1000);
  } else {
    EQUALS(status, THREADING_OK);
    EQUALS((uintptr_t)result, squared(at->number));
  }
}

// Callbacks may still run when the waiter goes on.
static void await_callback(errand *at) {
  const int64_t deadline = threading_now() + soak_patience;
  while (atomic_load(&at->called) == 0) {
    HOLDS(threading_now() < deadline);
    threading_yield();
  }
  EQUALS(atomic_load(&at->called), 1);
}

static void finish_errand(actor *who, errand *at) {
  void *result = NULL;
  if (pick(who, 3) == 0) {
    const threading_status status = threading_future_cancel(at->future);
    // What was cancelled before is so again.
    if (at->cancelled || status != THREADING_E_STATE) DONE(status);
    if (status == THREADING_OK && !at->cancelled) atomic_fetch_sub(&accepted, 1);
    at->cancelled = status == THREADING_OK;
  }
  const int64_t timeout = some_time(who);
  const threading_status status = threading_future_result(at->future, timeout, &result);
  if (status == THREADING_TIMEOUT) {
    HOLDS(timeout < soak_patience && !at->cancelled);
    return;
  }
  EQUALS(status == THREADING_CANCELLED, at->cancelled);
  check_errand(at, status);
  await_callback(at);
  DONE(threading_future_destroy(at->future));
  EQUALS(threading_future_done(at->future), THREADING_E_HANDLE);
  atomic_store(&at->ran, 0);
  atomic_store(&at->called, 0);
  at->in_use = false;
}

static void step_tasks(actor *who) {
  errand *at = &errands[who->number][pick(who, TASKS)];
  if (pick(who, 4) == 0) {
    atomic_fetch_add(&executed_expected, 1);
    atomic_fetch_add(&accepted, 1);
    DONE(threading_pool_execute(pool, execute, &executed));
  } else if (at->in_use) {
    finish_errand(who, at);
  } else {
    begin_errand(who, at);
  }
}

static void rest_tasks(void) {
  threading_pool_statistics stats = { .size = sizeof stats };
  DONE(threading_pool_wait(pool, soak_patience));
  DONE(threading_pool_stats(pool, &stats));
  EQUALS(stats.queued, 0);
  EQUALS(stats.busy, 0);
  HOLDS(stats.workers <= 3);
  EQUALS(stats.done, atomic_load(&accepted));
  EQUALS(atomic_load(&executed), atomic_load(&executed_expected));
}

static void close_tasks(void) {
  actor nobody = { 0, 1, 0 };
  for (int i = 0; i < ACTORS * TASKS; i++) {
    errand *at = &errands[i / TASKS][i % TASKS];
    while (at->in_use) finish_errand(&nobody, at);
  }
  DONE(threading_pool_shutdown(pool, 1, 0));
  GIVES(threading_pool_execute(pool, execute, &executed), THREADING_CLOSED);
  DONE(threading_pool_destroy(pool));
}

const station soak_tasks = { "tasks", open_tasks, step_tasks, rest_tasks, close_tasks };

// ---- Groups, maps and loops: all of it is done when the call returns ----

static void *count(void *arg) {
  atomic_fetch_add((_Atomic long *)arg, 1);
  return arg;
}

static void step_group(actor *who) {
  threading_group group;
  _Atomic long ran = 0;
  const long wanted = 1 + (long)pick(who, 20);
  DONE(threading_group_create(pool, &group));
  for (long i = 0; i < wanted; i++) DONE(threading_group_submit(group, count, &ran));
  atomic_fetch_add(&accepted, wanted);
  DONE(threading_group_wait(group, soak_patience));
  EQUALS(atomic_load(&ran), wanted);
  DONE(threading_group_destroy(group));
}

static void step_map(actor *who) {
  _Atomic long ran[20];
  void *args[20], *results[20];
  const size_t wanted = 1 + pick(who, 20);
  for (size_t i = 0; i < wanted; i++) {
    atomic_init(&ran[i], 0);
    args[i] = &ran[i];
  }
  DONE(threading_pool_map(pool, count, args, wanted, results, soak_patience));
  atomic_fetch_add(&accepted, (long)wanted);
  for (size_t i = 0; i < wanted; i++) {
    HOLDS(results[i] == args[i]);
    EQUALS(atomic_load(&ran[i]), 1);
  }
}

static void mark(int64_t begin, int64_t end, void *arg) {
  for (int64_t i = begin; i < end; i++) ((unsigned char *)arg)[i]++;
}

static void add(int64_t begin, int64_t end, void *accumulator, void *arg) {
  (void)arg;
  for (int64_t i = begin; i < end; i++) *(int64_t *)accumulator += i;
}

static void combine(void *into, const void *from, void *arg) {
  (void)arg;
  *(int64_t *)into += *(const int64_t *)from;
}

static void step_for(actor *who) {
  unsigned char marks[2000] = { 0 };
  const int64_t begin = (int64_t)pick(who, 1000), end = begin + (int64_t)pick(who, 1000);
  const int64_t grain = (int64_t)pick(who, 50), nothing = 0;
  int64_t sum = -1;
  DONE(threading_parallel_for(pool, begin, end, grain, mark, marks));
  if (soak_planted("loop")) marks[begin]++;
  for (int64_t i = 0; i < 2000; i++) EQUALS(marks[i], i >= begin && i < end);
  DONE(threading_parallel_reduce(pool, begin, end, grain, &nothing, sizeof nothing, add, combine, NULL,
                                 &sum));
  EQUALS(sum, (begin + end - 1) * (end - begin) / 2);
}

static void open_loops(void) {}

static void step_loops(actor *who) {
  switch (pick(who, 3)) {
    case 0: step_group(who); break;
    case 1: step_map(who); break;
    default: step_for(who); break;
  }
}

static void rest_loops(void) {}
static void close_loops(void) {}

const station soak_loops = { "loops", open_loops, step_loops, rest_loops, close_loops };
