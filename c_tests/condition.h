// A condition over each kind of lock, and threads that wait for it; shared by the files that test conditions.
#ifndef CONDITION_H
#define CONDITION_H

#include "harness.h"

typedef enum lock_kind { OWN_RLOCK, OVER_LOCK, OVER_RLOCK } lock_kind;

typedef struct fixture {
  lock_kind kind;
  threading_lock lock;    // for OVER_LOCK
  threading_rlock rlock;  // for OVER_RLOCK
  threading_condition condition;
} fixture;

static inline fixture make(lock_kind kind) {
  fixture f = { .kind = kind };
  if (kind == OWN_RLOCK) OK(threading_condition_create(&f.condition));
  if (kind == OVER_LOCK) {
    OK(threading_lock_create(&f.lock));
    OK(threading_condition_create_with_lock(f.lock, &f.condition));
  }
  if (kind == OVER_RLOCK) {
    OK(threading_rlock_create(&f.rlock));
    OK(threading_condition_create_with_rlock(f.rlock, &f.condition));
  }
  return f;
}

static inline void unmake(fixture f) {
  OK(threading_condition_destroy(f.condition));
  if (f.kind == OVER_LOCK) OK(threading_lock_destroy(f.lock));
  if (f.kind == OVER_RLOCK) OK(threading_rlock_destroy(f.rlock));
}

// Whether the caller holds the condition's lock; asking wakes nobody.
static inline bool holds(threading_condition c) {
  const threading_status status = threading_condition_notify(c, 0);
  if (status != THREADING_E_NOT_OWNER) EQ(status, THREADING_OK);
  return status == THREADING_OK;
}

// Registers three cases, one for each kind of lock; the block that follows gets it as `kind`.
#define TEST_EACH(name)                                                                                   \
  static void name(lock_kind kind);                                                                       \
  TEST(name##__own_rlock) { name(OWN_RLOCK); }                                                            \
  TEST(name##__over_lock) { name(OVER_LOCK); }                                                            \
  TEST(name##__over_rlock) { name(OVER_RLOCK); }                                                          \
  static void name(lock_kind kind)

// One thread that waits once.
typedef struct waiter {
  threading_condition condition;
  int64_t timeout_ns;
  int depth;  // how often it acquires before it waits; 0 counts as 1
  threading_thread thread;
  threading_status status;
  _Atomic int64_t deadline_ns;  // not 0: it holds the lock and is about to wait
  _Atomic bool back;
} waiter;

static inline void *wait_once(void *arg) {
  waiter *w = arg;
  const int depth = w->depth ? w->depth : 1;
  for (int i = 0; i < depth; i++) OK(threading_condition_acquire(w->condition, THREADING_FOREVER));
  const int64_t now = NOW_NS();
  const bool never = w->timeout_ns == THREADING_FOREVER || w->timeout_ns > INT64_MAX - now;
  atomic_store(&w->deadline_ns, never ? INT64_MAX : now + w->timeout_ns);
  w->status = threading_condition_wait(w->condition, w->timeout_ns);
  atomic_store(&w->back, true);
  CHECK(holds(w->condition));
  const int held = w->status == THREADING_OWNER_DEAD ? 1 : depth;
  for (int i = 0; i < held; i++) OK(threading_condition_release(w->condition));
  CHECK(!holds(w->condition));
  return NULL;
}

// Starts the thread and returns when it waits; nobody else may hold the lock.
static inline void begin_wait(waiter *w, threading_condition c, int64_t timeout_ns) {
  w->condition = c;
  w->timeout_ns = timeout_ns;
  w->thread = spawn_thread(wait_once, w);
  WAIT_UNTIL(atomic_load(&w->deadline_ns) != 0);
  wait_blocked(w->thread);
}

static inline void notify(threading_condition c, int64_t n) {
  OK(threading_condition_acquire(c, THREADING_FOREVER));
  OK(threading_condition_notify(c, n));
  OK(threading_condition_release(c));
}

static inline void ends_with(waiter *w, threading_status status) {
  finish_thread(w->thread);
  IS(w->status, status);
}

#endif
