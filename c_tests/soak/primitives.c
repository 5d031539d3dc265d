// Locks, semaphores, conditions, events.
#include "soak.h"

// ---- Locks: one inside at a time, every time counted ----

#define LOCKS 3

static struct guarded {
  threading_lock lock;
  threading_rlock rlock;
  // Written only by the one who is inside.
  int inside, inside_rlock;
  long count;
  _Atomic long expected;
} guarded[LOCKS];

static void open_locks(void) {
  for (int i = 0; i < LOCKS; i++) {
    DONE(threading_lock_create(&guarded[i].lock));
    DONE(threading_rlock_create(&guarded[i].rlock));
  }
}

static void step_rlock(actor *who, struct guarded *at) {
  const int depth = 1 + (int)pick(who, 4);
  const int64_t timeout = some_time(who);
  EQUALS(threading_rlock_is_owned(at->rlock), 0);
  GIVES(threading_rlock_release(at->rlock), THREADING_E_NOT_OWNER);
  if (!in_time(threading_rlock_acquire(at->rlock, timeout), timeout)) return;
  for (int i = 1; i < depth; i++) DONE(threading_rlock_acquire(at->rlock, 0));
  EQUALS(threading_rlock_recursion_count(at->rlock), depth);
  EQUALS(at->inside_rlock++, 0);
  if (pick(who, 8) == 0) threading_yield();
  EQUALS(--at->inside_rlock, 0);
  for (int i = 0; i < depth; i++) DONE(threading_rlock_release(at->rlock));
}

static void step_locks(actor *who) {
  struct guarded *at = &guarded[pick(who, LOCKS)];
  if (pick(who, 2) == 0) {
    step_rlock(who, at);
    return;
  }
  const int64_t timeout = some_time(who);
  if (!in_time(threading_lock_acquire(at->lock, timeout), timeout)) return;
  EQUALS(at->inside++, 0);
  at->count++;
  EQUALS(threading_lock_locked(at->lock), 1);
  if (pick(who, 8) == 0) threading_yield();
  EQUALS(--at->inside, 0);
  atomic_fetch_add(&at->expected, 1);
  if (!soak_planted("lock")) DONE(threading_lock_release(at->lock));
}

static void rest_locks(void) {
  for (int i = 0; i < LOCKS; i++) {
    EQUALS(guarded[i].count, atomic_load(&guarded[i].expected));
    EQUALS(threading_lock_locked(guarded[i].lock), 0);
    EQUALS(threading_rlock_locked(guarded[i].rlock), 0);
    GIVES(threading_lock_release(guarded[i].lock), THREADING_E_STATE);
  }
}

static void close_locks(void) {
  for (int i = 0; i < LOCKS; i++) {
    DONE(threading_lock_destroy(guarded[i].lock));
    DONE(threading_rlock_destroy(guarded[i].rlock));
  }
}

const station soak_locks = { "locks", open_locks, step_locks, rest_locks, close_locks };

// ---- Semaphores: never more inside than permits, and none is lost ----

#define PERMITS 3

static threading_semaphore semaphore;
static _Atomic int holding;

static void open_semaphores(void) { DONE(threading_semaphore_create_bounded(PERMITS, &semaphore)); }

static void step_semaphores(actor *who) {
  const int64_t timeout = some_time(who);
  int64_t held = 1;
  if (!in_time(threading_semaphore_acquire(semaphore, timeout), timeout)) return;
  // More than the first only without waiting: two who wait for each other's would never end.
  while (held < PERMITS && pick(who, 2) == 0 && in_time(threading_semaphore_acquire(semaphore, 0), 0)) held++;
  const int before = atomic_fetch_add(&holding, (int)held);
  HOLDS(before >= 0 && before + held <= PERMITS);
  if (pick(who, 8) == 0) threading_yield();
  atomic_fetch_sub(&holding, (int)held);
  if (soak_planted("semaphore")) held--;
  if (held > 0) DONE(threading_semaphore_release(semaphore, held));
}

static void rest_semaphores(void) {
  EQUALS(atomic_load(&holding), 0);
  EQUALS(threading_semaphore_value(semaphore), PERMITS);
  GIVES(threading_semaphore_release(semaphore, 1), THREADING_E_OVERFLOW);
}

static void close_semaphores(void) { DONE(threading_semaphore_destroy(semaphore)); }

const station soak_semaphores = { "semaphores", open_semaphores, step_semaphores, rest_semaphores,
                                  close_semaphores };

// ---- Conditions: tokens made and taken under its lock ----

#define TOKENS 4

static threading_condition changed;
static long tokens, made, taken;

static void open_conditions(void) { DONE(threading_condition_create(&changed)); }

static int32_t has_token(void *arg) {
  (void)arg;
  return tokens > 0;
}

static void make_token(actor *who) {
  if (tokens == TOKENS) return;
  made++;
  if (!soak_planted("token")) tokens++;
  if (pick(who, 4) == 0) DONE(threading_condition_notify_all(changed));
  else DONE(threading_condition_notify(changed, 1));
}

// The time for a token is short: nobody need make one.
static void take_token(actor *who) {
  const int64_t timeout = (int64_t)pick(who, 200000);
  const threading_status status = threading_condition_wait_for(changed, has_token, NULL, timeout);
  if (status == THREADING_TIMEOUT) {
    EQUALS(tokens, 0);
    return;
  }
  DONE(status);
  HOLDS(tokens > 0);
  tokens--;
  taken++;
}

static void step_conditions(actor *who) {
  GIVES(threading_condition_notify(changed, 1), THREADING_E_NOT_OWNER);
  DONE(threading_condition_acquire(changed, soak_patience));
  EQUALS(tokens, made - taken);
  if (pick(who, 2) == 0) make_token(who);
  else take_token(who);
  DONE(threading_condition_release(changed));
}

static void rest_conditions(void) { EQUALS(tokens, made - taken); }

static void close_conditions(void) { DONE(threading_condition_destroy(changed)); }

const station soak_conditions = { "conditions", open_conditions, step_conditions, rest_conditions,
                                  close_conditions };

// ---- Events: who finds it set sees what was written before ----

static threading_event published;
static _Atomic bool publishing;
static long number, round_number = 1;

static void open_events(void) { DONE(threading_event_create(&published)); }

static void step_events(actor *who) {
  const int64_t timeout = (int64_t)pick(who, 50000);
  if (pick(who, 16) == 0 && !atomic_exchange(&publishing, true)) {
    number = round_number;
    if (!soak_planted("event")) DONE(threading_event_set(published));
    EQUALS(threading_event_is_set(published), 1);
  } else if (in_time(threading_event_wait(published, timeout), timeout)) {
    EQUALS(number, round_number);
  }
}

static void rest_events(void) {
  EQUALS(threading_event_is_set(published), atomic_load(&publishing));
  DONE(threading_event_clear(published));
  GIVES(threading_event_wait(published, 0), THREADING_TIMEOUT);
  atomic_store(&publishing, false);
  round_number++;
}

static void close_events(void) { DONE(threading_event_destroy(published)); }

const station soak_events = { "events", open_events, step_events, rest_events, close_events };
