// What every lock promises, written once and run for each kind: the file that includes this defines NOUN, as
//
//   #define NOUN rlock
//   #include "contract/lock_contract.h"
#include "../harness.h"

#include <sched.h>

#define PASTE_(prefix, noun, suffix) prefix##noun##suffix
#define PASTE(prefix, noun, suffix) PASTE_(prefix, noun, suffix)
#define THE(function) PASTE(threading_, NOUN, _##function)

typedef PASTE(threading_, NOUN, ) subject;

static subject create(void) {
  subject lock;
  OK(THE(create)(&lock));
  return lock;
}

// ---- One thread ----

TEST(is_created_unlocked) {
  const subject lock = create();
  EQ(THE(locked)(lock), 0);
  OK(THE(destroy)(lock));
}

TEST(create_refuses_null) {
  IS(THE(create)(NULL), THREADING_E_INVALID);
}

TEST(acquire_locks_and_release_unlocks) {
  const subject lock = create();
  const int64_t timeouts[] = { THREADING_FOREVER, 0, 1, THREADING_SECONDS(1), INT64_MAX };
  for (size_t i = 0; i < sizeof timeouts / sizeof timeouts[0]; i++) {
    OK(THE(acquire)(lock, timeouts[i]));
    EQ(THE(locked)(lock), 1);
    OK(THE(release)(lock));
    EQ(THE(locked)(lock), 0);
  }
  OK(THE(destroy)(lock));
}

TEST(many_live_side_by_side) {
  enum { COUNT = 5000 };
  static subject locks[COUNT];
  for (int i = 0; i < COUNT; i++) locks[i] = create();
  for (int i = 0; i < COUNT; i += 2) OK(THE(acquire)(locks[i], 0));
  for (int i = 0; i < COUNT; i++) EQ(THE(locked)(locks[i]), i % 2 == 0);
  for (int i = 0; i < COUNT; i += 2) OK(THE(release)(locks[i]));
  for (int i = 0; i < COUNT; i++) OK(THE(destroy)(locks[i]));
}

static void is_no_handle(subject lock) {
  IS(THE(acquire)(lock, 0), THREADING_E_HANDLE);
  IS(THE(acquire)(lock, THREADING_FOREVER), THREADING_E_HANDLE);
  IS(THE(release)(lock), THREADING_E_HANDLE);
  IS(THE(destroy)(lock), THREADING_E_HANDLE);
  EQ(THE(locked)(lock), THREADING_E_HANDLE);
}

TEST(zero_garbage_and_another_kind_are_no_handles) {
  threading_event event;
  OK(threading_event_create(&event));
  const uint64_t ids[] = { 0, 1, UINT64_MAX, UINT64_C(0xa5a5a5a5a5a5a5a5), UINT64_C(1) << 63, event.id };
  for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) is_no_handle((subject){ ids[i] });
  OK(threading_event_destroy(event));
}

TEST(a_destroyed_one_stays_dead_when_its_place_is_used_again) {
  const subject old = create();
  OK(THE(destroy)(old));
  is_no_handle(old);
  enum { COUNT = 1000 };
  static subject others[COUNT];
  for (int i = 0; i < COUNT; i++) {
    others[i] = create();
    CHECK(others[i].id != old.id);
  }
  is_no_handle(old);
  for (int i = 0; i < COUNT; i++) {
    EQ(THE(locked)(others[i]), 0);
    OK(THE(destroy)(others[i]));
  }
}

TEST(destroy_of_a_held_one_is_busy_and_changes_nothing) {
  const subject lock = create();
  OK(THE(acquire)(lock, 0));
  IS(THE(destroy)(lock), THREADING_E_BUSY);
  EQ(THE(locked)(lock), 1);
  OK(THE(release)(lock));
  OK(THE(acquire)(lock, 0));
  OK(THE(release)(lock));
  OK(THE(destroy)(lock));
}

// ---- A holder and others ----

typedef struct attempt {
  subject lock;
  int64_t timeout_ns;
  threading_status status;
  int64_t elapsed_ns;
  _Atomic int *in_turn;
} attempt;

// Acquires as told, counts itself, and releases again.
static void *try_it(void *arg) {
  attempt *a = arg;
  const int64_t began = NOW_NS();
  a->status = THE(acquire)(a->lock, a->timeout_ns);
  a->elapsed_ns = NOW_NS() - began;
  if (a->status == THREADING_OK) {
    if (a->in_turn) atomic_fetch_add(a->in_turn, 1);
    OK(THE(release)(a->lock));
  }
  return NULL;
}

// The outcome of one attempt by another thread.
static attempt elsewhere(subject lock, int64_t timeout_ns) {
  attempt a = { lock, timeout_ns, 0, 0, NULL };
  finish_thread(spawn_thread(try_it, &a));
  return a;
}

TEST(another_thread_gets_a_free_one) {
  const subject lock = create();
  EQ(elsewhere(lock, 0).status, THREADING_OK);
  EQ(elsewhere(lock, THREADING_FOREVER).status, THREADING_OK);
  EQ(THE(locked)(lock), 0);
  OK(THE(destroy)(lock));
}

TEST(another_thread_does_not_get_a_held_one) {
  const subject lock = create();
  OK(THE(acquire)(lock, 0));
  EQ(elsewhere(lock, 0).status, THREADING_TIMEOUT);
  EQ(THE(locked)(lock), 1);
  OK(THE(release)(lock));
  EQ(elsewhere(lock, 0).status, THREADING_OK);
  OK(THE(destroy)(lock));
}

TEST(a_timeout_is_waited_out_and_changes_nothing) {
  const subject lock = create();
  OK(THE(acquire)(lock, 0));
  const int64_t timeouts[] = { 1, 1000, 100000, THREADING_MILLISECONDS(5), THREADING_MILLISECONDS(50) };
  for (size_t i = 0; i < sizeof timeouts / sizeof timeouts[0]; i++) {
    const attempt a = elsewhere(lock, timeouts[i]);
    EQ(a.status, THREADING_TIMEOUT);
    CHECK(a.elapsed_ns >= timeouts[i]);
  }
  EQ(THE(locked)(lock), 1);
  OK(THE(release)(lock));
  EQ(elsewhere(lock, THREADING_SECONDS(1)).status, THREADING_OK);
  // Exact again, although many have waited: nobody does now.
  OK(THE(destroy)(lock));
}

TEST(a_timeout_below_forever_is_invalid_free_or_held) {
  const subject lock = create();
  const int64_t invalid[] = { -2, -1000000000, INT64_MIN };
  for (size_t i = 0; i < sizeof invalid / sizeof invalid[0]; i++) {
    IS(THE(acquire)(lock, invalid[i]), THREADING_E_INVALID);
    EQ(THE(locked)(lock), 0);
    OK(THE(acquire)(lock, 0));
    IS(THE(acquire)(lock, invalid[i]), THREADING_E_INVALID);
    EQ(elsewhere(lock, invalid[i]).status, THREADING_E_INVALID);
    OK(THE(release)(lock));
    EQ(THE(locked)(lock), 0);
  }
  OK(THE(destroy)(lock));
}

TEST(all_who_wait_get_it_in_turn) {
  enum { COUNT = 8 };
  const subject lock = create();
  _Atomic int in_turn = 0;
  attempt attempts[COUNT];
  threading_thread threads[COUNT];
  OK(THE(acquire)(lock, 0));
  for (int i = 0; i < COUNT; i++) {
    // The longest time that there is must not come at once, nor wrap around.
    const int64_t timeout_ns = i % 2 ? INT64_MAX : THREADING_FOREVER;
    attempts[i] = (attempt){ lock, timeout_ns, 0, 0, &in_turn };
    threads[i] = spawn_thread(try_it, &attempts[i]);
  }
  for (int i = 0; i < COUNT; i++) wait_blocked(threads[i]);
  EQ(in_turn, 0);
  IS(THE(destroy)(lock), THREADING_E_BUSY);
  OK(THE(release)(lock));
  for (int i = 0; i < COUNT; i++) {
    finish_thread(threads[i]);
    EQ(attempts[i].status, THREADING_OK);
  }
  EQ(in_turn, COUNT);
  EQ(THE(locked)(lock), 0);
  OK(THE(destroy)(lock));
}

TEST(one_who_waits_survives_another_whose_time_ran_out) {
  const subject lock = create();
  attempt patient = { lock, THREADING_FOREVER, -1, 0, NULL };
  OK(THE(acquire)(lock, 0));
  const threading_thread thread = spawn_thread(try_it, &patient);
  wait_blocked(thread);
  EQ(elsewhere(lock, THREADING_MILLISECONDS(2)).status, THREADING_TIMEOUT);
  wait_blocked(thread);
  IS(THE(destroy)(lock), THREADING_E_BUSY);
  OK(THE(release)(lock));
  finish_thread(thread);
  EQ(patient.status, THREADING_OK);
  OK(THE(destroy)(lock));
}

// ---- Many at once ----

typedef struct counter {
  subject lock;
  int64_t value;  // not atomic on purpose: the lock alone guards it
  int64_t rounds;
} counter;

static void *count_up(void *arg) {
  counter *c = arg;
  for (int64_t i = 0; i < c->rounds; i++) {
    OK(THE(acquire)(c->lock, THREADING_FOREVER));
    c->value += 1;
    OK(THE(release)(c->lock));
  }
  return NULL;
}

TEST(admits_one_at_a_time) {
  enum { THREADS = 4, ROUNDS = 50000 };
  counter c = { create(), 0, ROUNDS };
  threading_thread threads[THREADS];
  for (int i = 0; i < THREADS; i++) threads[i] = spawn_thread(count_up, &c);
  for (int i = 0; i < THREADS; i++) finish_thread(threads[i]);
  EQ(c.value, THREADS * ROUNDS);
  OK(THE(destroy)(c.lock));
}

typedef struct greedy {
  subject lock;
  _Atomic bool stop;
  _Atomic int64_t holds;
} greedy;

static void *hold_and_hold_again(void *arg) {
  greedy *g = arg;
  while (!atomic_load(&g->stop)) {
    OK(THE(acquire)(g->lock, THREADING_FOREVER));
    atomic_fetch_add(&g->holds, 1);
    for (const int64_t until = NOW_NS() + 50000; NOW_NS() < until;) continue;
    OK(THE(release)(g->lock));
  }
  return NULL;
}

// A holder that gives the lock up only to take it again at once must not keep others out.
static void nobody_starves(void) {
  greedy g = { .lock = create() };
  const threading_thread hog = spawn_thread(hold_and_hold_again, &g);
  for (int i = 0; i < 20; i++) {
    const int64_t before = atomic_load(&g.holds);
    WAIT_UNTIL(atomic_load(&g.holds) > before);
    OK(THE(acquire)(g.lock, scaled(THREADING_SECONDS(1))));
    OK(THE(release)(g.lock));
  }
  atomic_store(&g.stop, true);
  finish_thread(hog);
  OK(THE(destroy)(g.lock));
}

TEST(nobody_starves_beside_a_greedy_holder) {
  nobody_starves();
}

TEST(nobody_starves_on_a_single_cpu) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  EQ(sched_setaffinity(0, sizeof one, &one), 0);
  nobody_starves();
}

typedef struct heir {
  subject lock;
  _Atomic bool may_release;
} heir;

static void *acquire_and_keep(void *arg) {
  heir *h = arg;
  OK(THE(acquire)(h->lock, THREADING_FOREVER));
  WAIT_UNTIL(atomic_load(&h->may_release));
  OK(THE(release)(h->lock));
  return NULL;
}

// Whoever has waited a millisecond may be overtaken once more, before it has looked, but not again. On a busy machine
// one who was woken comes late to look: that is waited for.
TEST(one_who_has_waited_a_millisecond_is_handed_it) {
  const int64_t give_up = NOW_NS() + THREADING_SECONDS(3);
  uint64_t native_id = 0;
  int64_t sleeps = 0;
  for (int round = 0; round < 100 && NOW_NS() < give_up; round++) {
    heir h = { .lock = create() };
    OK(THE(acquire)(h.lock, 0));
    const threading_thread waiter = spawn_thread(acquire_and_keep, &h);
    OK(threading_thread_native_id(waiter, &native_id));
    wait_blocked(waiter);
    for (int overtaken = 0;; overtaken++) {
      CHECK(overtaken < 3);
      sleeps = sleeps_of(native_id);
      OK(THE(release)(h.lock));
      if (THE(acquire)(h.lock, 0) != THREADING_OK) break;
      WAIT_UNTIL(sleeps < 0 || sleeps_of(native_id) != sleeps);
      wait_blocked(waiter);
    }
    atomic_store(&h.may_release, true);
    finish_thread(waiter);
    OK(THE(destroy)(h.lock));
  }
}

typedef struct shared {
  subject lock;
  int users;
} shared;

static void *leave_and_destroy_as_the_last(void *arg) {
  shared *s = arg;
  OK(THE(acquire)(s->lock, THREADING_FOREVER));
  const bool last = --s->users == 0;
  OK(THE(release)(s->lock));
  if (last) OK(THE(destroy)(s->lock));
  return NULL;
}

TEST(the_last_user_may_destroy_while_the_one_before_is_still_releasing) {
  const int64_t give_up = NOW_NS() + THREADING_SECONDS(2);
  for (int round = 0; round < 2000 && NOW_NS() < give_up; round++) {
    shared s = { create(), 2 };
    const threading_thread other = spawn_thread(leave_and_destroy_as_the_last, &s);
    leave_and_destroy_as_the_last(&s);
    finish_thread(other);
    EQ(THE(locked)(s.lock), THREADING_E_HANDLE);
  }
}

typedef struct racer {
  counter *shared;
  int64_t acquired;
} racer;

static void *acquire_with_tiny_timeouts(void *arg) {
  racer *r = arg;
  for (int64_t i = 0; i < r->shared->rounds; i++) {
    const threading_status status = THE(acquire)(r->shared->lock, 1 + i % 20000);
    if (status == THREADING_TIMEOUT) continue;
    EQ(status, THREADING_OK);
    r->shared->value += 1;
    r->acquired += 1;
    for (const int64_t until = NOW_NS() + i % 10000; NOW_NS() < until;) continue;
    OK(THE(release)(r->shared->lock));
  }
  return NULL;
}

// A timeout that races with a grant either has the lock or has not; no grant gets lost.
TEST(fault_C12_a_grant_is_never_lost_to_a_timeout) {
  enum { THREADS = 4 };
  counter c = { create(), 0, 10000 };
  racer racers[THREADS];
  threading_thread threads[THREADS];
  for (int i = 0; i < THREADS; i++) {
    racers[i] = (racer){ &c, 0 };
    threads[i] = spawn_thread(acquire_with_tiny_timeouts, &racers[i]);
  }
  int64_t acquired = 0;
  for (int i = 0; i < THREADS; i++) {
    finish_thread(threads[i]);
    acquired += racers[i].acquired;
  }
  EQ(c.value, acquired);
  CHECK(acquired > 0);
  EQ(THE(locked)(c.lock), 0);
  OK(THE(destroy)(c.lock));
}
