// Waits that could never end: E_DEADLOCK for who closes a cycle of owners, and for nobody else.
#include "harness.h"

// One link of a chain: a thread that holds `mine` and then waits, for the rlock `next` or for a thread.
typedef struct party {
  threading_rlock mine, next;
  _Atomic uint64_t join;  // waits for this thread instead of for `next`
  int64_t timeout_ns;
  _Atomic bool holds, go;
  threading_thread thread;
  threading_status status;
} party;

static void *hold_and_wait(void *arg) {
  party *l = arg;
  if (l->mine.id) OK(threading_rlock_acquire(l->mine, THREADING_FOREVER));
  atomic_store(&l->holds, true);
  WAIT_UNTIL(atomic_load(&l->go));
  if (l->join) {
    l->status = threading_thread_join((threading_thread){ l->join }, l->timeout_ns);
  } else {
    l->status = threading_rlock_acquire(l->next, l->timeout_ns);
    if (l->status == THREADING_OK) OK(threading_rlock_release(l->next));
  }
  if (l->mine.id) OK(threading_rlock_release(l->mine));
  return NULL;
}

static threading_rlock create(void) {
  threading_rlock rlock;
  OK(threading_rlock_create(&rlock));
  return rlock;
}

static void begin(party *l) {
  l->status = -77;
  l->thread = spawn_thread(hold_and_wait, l);
  WAIT_UNTIL(atomic_load(&l->holds));
}

static void begin_blocked(party *l) {
  begin(l);
  atomic_store(&l->go, true);
  wait_blocked(l->thread);
}

static void ends_with(party *l, threading_status status) {
  finish_thread(l->thread);
  IS(l->status, status);
}

// ---- Rlocks ----

TEST(fault_B7_the_closer_of_a_cycle_of_two_is_told_at_once) {
  const threading_rlock a = create(), b = create();
  party other = { .mine = a, .next = b, .timeout_ns = THREADING_FOREVER };
  OK(threading_rlock_acquire(b, 0));
  begin_blocked(&other);
  for (int i = 0; i < 3; i++) IS(threading_rlock_acquire(a, THREADING_FOREVER), THREADING_E_DEADLOCK);
  CHECK(threading_last_error()[0] != '\0');
  EQ(threading_rlock_is_owned(a), 0);
  EQ(threading_rlock_recursion_count(b), 1);
  wait_blocked(other.thread);
  OK(threading_rlock_release(b));
  ends_with(&other, THREADING_OK);
  OK(threading_rlock_acquire(a, THREADING_FOREVER));
  OK(threading_rlock_release(a));
  OK(threading_rlock_destroy(a));
  OK(threading_rlock_destroy(b));
}

TEST(fault_B7_the_closer_of_a_long_cycle_is_told) {
  enum { COUNT = 6 };
  threading_rlock rlocks[COUNT + 1];
  party parties[COUNT] = { 0 };
  for (int i = 0; i <= COUNT; i++) rlocks[i] = create();
  OK(threading_rlock_acquire(rlocks[COUNT], 0));
  for (int i = COUNT - 1; i >= 0; i--) {
    parties[i] = (party){ .mine = rlocks[i], .next = rlocks[i + 1], .timeout_ns = THREADING_FOREVER };
    begin_blocked(&parties[i]);
  }
  for (int i = 0; i < COUNT; i++) {
    IS(threading_rlock_acquire(rlocks[i], THREADING_FOREVER), THREADING_E_DEADLOCK);
  }
  OK(threading_rlock_release(rlocks[COUNT]));
  for (int i = 0; i < COUNT; i++) ends_with(&parties[i], THREADING_OK);
  for (int i = 0; i <= COUNT; i++) OK(threading_rlock_destroy(rlocks[i]));
}

// All take their left fork, then all reach for the right one at the same moment, round after round.
TEST(fault_B7_one_philosopher_is_told_and_all_get_up) {
  enum { COUNT = 5, ROUNDS = 40 };
  threading_rlock forks[COUNT];
  for (int i = 0; i < COUNT; i++) forks[i] = create();
  for (int round = 0; round < ROUNDS; round++) {
    party parties[COUNT] = { 0 };
    for (int i = 0; i < COUNT; i++) {
      const threading_rlock right = forks[(i + 1) % COUNT];
      parties[i] = (party){ .mine = forks[i], .next = right, .timeout_ns = THREADING_FOREVER };
      begin(&parties[i]);
    }
    for (int i = 0; i < COUNT; i++) atomic_store(&parties[i].go, true);
    int told = 0;
    for (int i = 0; i < COUNT; i++) {
      finish_thread(parties[i].thread);
      CHECK(parties[i].status == THREADING_OK || parties[i].status == THREADING_E_DEADLOCK);
      told += parties[i].status == THREADING_E_DEADLOCK;
    }
    EQ(told, 1);
  }
  for (int i = 0; i < COUNT; i++) OK(threading_rlock_destroy(forks[i]));
}

TEST(a_cycle_closed_through_a_condition_is_told) {
  const threading_rlock a = create(), b = create();
  threading_condition c;
  OK(threading_condition_create_with_rlock(a, &c));
  party other = { .mine = a, .next = b, .timeout_ns = THREADING_FOREVER };
  OK(threading_rlock_acquire(b, 0));
  begin_blocked(&other);
  IS(threading_condition_acquire(c, THREADING_FOREVER), THREADING_E_DEADLOCK);
  OK(threading_rlock_release(b));
  ends_with(&other, THREADING_OK);
  OK(threading_condition_destroy(c));
  OK(threading_rlock_destroy(a));
  OK(threading_rlock_destroy(b));
}

// ---- Cycles closed by one who must have its lock again, after a wait on a condition ----

typedef struct sitter {
  threading_condition condition;
  threading_rlock also;  // what it holds besides, if anything
  int64_t timeout_ns;
  _Atomic uint64_t thread;
} sitter;

static void *sit(void *arg) {
  sitter *s = arg;
  atomic_store(&s->thread, threading_get_ident());
  OK(threading_condition_acquire(s->condition, THREADING_FOREVER));
  if (s->also.id) OK(threading_rlock_acquire(s->also, THREADING_FOREVER));
  const threading_status status = threading_condition_wait(s->condition, s->timeout_ns);
  IS(status, s->timeout_ns < 0 ? THREADING_OK : THREADING_TIMEOUT);
  if (s->also.id) OK(threading_rlock_release(s->also));
  OK(threading_condition_release(s->condition));
  return arg;
}

TEST(who_joins_one_that_needs_the_joiners_lock_again_is_told) {
  const threading_rlock a = create();
  sitter s = { .timeout_ns = scaled(THREADING_MILLISECONDS(500)) };
  OK(threading_condition_create_with_rlock(a, &s.condition));
  const threading_thread thread = spawn_thread(sit, &s);
  wait_blocked(thread);
  OK(threading_rlock_acquire(a, THREADING_FOREVER));
  IS(threading_thread_join(thread, THREADING_FOREVER), THREADING_E_DEADLOCK);
  OK(threading_rlock_release(a));
  finish_thread(thread);
  OK(threading_condition_destroy(s.condition));
  OK(threading_rlock_destroy(a));
}

TEST(who_waits_for_a_task_that_needs_the_waiters_lock_again_is_told) {
  const threading_rlock a = create();
  sitter s = { .timeout_ns = scaled(THREADING_MILLISECONDS(500)) };
  OK(threading_condition_create_with_rlock(a, &s.condition));
  threading_pool pool;
  OK(threading_pool_create(1, NULL, &pool));
  threading_future future;
  OK(threading_pool_submit(pool, sit, &s, &future));
  WAIT_UNTIL(atomic_load(&s.thread) != 0);
  wait_blocked((threading_thread){ atomic_load(&s.thread) });
  OK(threading_rlock_acquire(a, THREADING_FOREVER));
  void *result;
  IS(threading_future_result(future, THREADING_FOREVER, &result), THREADING_E_DEADLOCK);
  OK(threading_rlock_release(a));
  OK(threading_future_result(future, THREADING_FOREVER, &result));
  CHECK(result == &s);
  OK(threading_future_destroy(future));
  OK(threading_pool_destroy(pool));
  OK(threading_condition_destroy(s.condition));
  OK(threading_rlock_destroy(a));
}

typedef struct rouser {
  threading_condition condition;
  threading_rlock next;
  threading_status status;
} rouser;

static void *rouse_and_wait(void *arg) {
  rouser *r = arg;
  OK(threading_condition_acquire(r->condition, THREADING_FOREVER));
  OK(threading_condition_notify(r->condition, 1));
  r->status = threading_rlock_acquire(r->next, THREADING_FOREVER);
  OK(threading_condition_release(r->condition));
  return arg;
}

// The last of three is the only one that can give up, and the first closes the cycle.
TEST(the_one_of_a_cycle_who_can_give_up_is_told) {
  const threading_rlock a = create(), b = create(), c = create();
  sitter first = { .also = c, .timeout_ns = scaled(THREADING_SECONDS(1)) };
  sitter second = { .also = a, .timeout_ns = THREADING_FOREVER };
  OK(threading_condition_create_with_rlock(a, &first.condition));
  OK(threading_condition_create_with_rlock(b, &second.condition));
  rouser third = { second.condition, c, -77 };
  const threading_thread one = spawn_thread(sit, &first);
  wait_blocked(one);
  const threading_thread two = spawn_thread(sit, &second);
  wait_blocked(two);
  const threading_thread three = spawn_thread(rouse_and_wait, &third);
  finish_thread(three);
  IS(third.status, THREADING_E_DEADLOCK);
  finish_thread(two);
  finish_thread(one);
  OK(threading_condition_destroy(first.condition));
  OK(threading_condition_destroy(second.condition));
  OK(threading_rlock_destroy(a));
  OK(threading_rlock_destroy(b));
  OK(threading_rlock_destroy(c));
}

// ---- What is left of a wait on a condition makes no cycle ----

static void *notify_one(void *arg) {
  const threading_condition c = *(threading_condition *)arg;
  OK(threading_condition_acquire(c, THREADING_FOREVER));
  OK(threading_condition_notify(c, 1));
  OK(threading_condition_release(c));
  return arg;
}

static void *end_when_set(void *arg) {
  OK(threading_event_wait(*(threading_event *)arg, THREADING_FOREVER));
  return arg;
}

// Sets the event as soon as main waits for somebody.
static void *set_when_main_waits(void *arg) {
  wait_blocked(threading_main_thread());
  OK(threading_event_set(*(threading_event *)arg));
  return arg;
}

static void join_one_that_ends(void) {
  threading_event event;
  OK(threading_event_create(&event));
  const threading_thread ends = spawn_thread(end_when_set, &event);
  const threading_thread sets = spawn_thread(set_when_main_waits, &event);
  OK(threading_thread_join(ends, THREADING_FOREVER));
  finish_thread(ends);
  finish_thread(sets);
  OK(threading_event_destroy(event));
}

static int32_t destroy_it(void *arg) {
  OK(threading_condition_destroy(*(threading_condition *)arg));
  return 0;
}

TEST(the_owner_waits_after_a_condition_that_is_gone) {
  const threading_rlock a = create();
  threading_condition c;
  OK(threading_condition_create_with_rlock(a, &c));
  OK(threading_condition_acquire(c, THREADING_FOREVER));
  const threading_thread notifier = spawn_thread(notify_one, &c);
  OK(threading_condition_wait(c, THREADING_FOREVER));
  finish_thread(notifier);
  IS(threading_condition_wait_for(c, destroy_it, &c, THREADING_FOREVER), THREADING_E_HANDLE);
  join_one_that_ends();
  OK(threading_rlock_release(a));
  OK(threading_rlock_destroy(a));
}

static threading_rlock hooked;
static threading_condition hooked_condition;
static _Atomic int hook_calls;

static void wait_in_hook(int32_t event, threading_thread thread, uint64_t object, void *arg) {
  (void)arg;
  const bool ours = event == THREADING_HOOK_WAIT_END && object == hooked_condition.id;
  if (!ours || thread.id != threading_main_thread().id || atomic_fetch_add(&hook_calls, 1) > 0) return;
  OK(threading_rlock_acquire(hooked, THREADING_FOREVER));
  join_one_that_ends();
  OK(threading_rlock_release(hooked));
}

TEST(a_hook_takes_the_lock_of_a_condition_and_waits) {
  hooked = create();
  OK(threading_condition_create_with_rlock(hooked, &hooked_condition));
  OK(threading_condition_acquire(hooked_condition, THREADING_FOREVER));
  OK(threading_set_profile(wait_in_hook, NULL));
  const threading_thread notifier = spawn_thread(notify_one, &hooked_condition);
  OK(threading_condition_wait(hooked_condition, THREADING_FOREVER));
  OK(threading_set_profile(NULL, NULL));
  EQ(atomic_load(&hook_calls), 1);
  finish_thread(notifier);
  OK(threading_condition_release(hooked_condition));
  OK(threading_condition_destroy(hooked_condition));
  OK(threading_rlock_destroy(hooked));
}

// ---- Cycles that end by themselves ----

TEST(a_timeout_of_the_closer_is_waited_out) {
  const threading_rlock a = create(), b = create();
  party other = { .mine = a, .next = b, .timeout_ns = THREADING_FOREVER };
  OK(threading_rlock_acquire(b, 0));
  begin_blocked(&other);
  IS(threading_rlock_acquire(a, 0), THREADING_TIMEOUT);
  const int64_t began = NOW_NS();
  IS(threading_rlock_acquire(a, THREADING_MILLISECONDS(20)), THREADING_TIMEOUT);
  CHECK(NOW_NS() - began >= THREADING_MILLISECONDS(20));
  OK(threading_rlock_release(b));
  ends_with(&other, THREADING_OK);
  OK(threading_rlock_destroy(a));
  OK(threading_rlock_destroy(b));
}

TEST(a_timeout_of_another_in_the_cycle_is_waited_out) {
  const threading_rlock a = create(), b = create();
  party other = { .mine = a, .next = b, .timeout_ns = scaled(THREADING_MILLISECONDS(300)) };
  OK(threading_rlock_acquire(b, 0));
  begin_blocked(&other);
  OK(threading_rlock_acquire(a, THREADING_FOREVER));  // when the other has given up
  ends_with(&other, THREADING_TIMEOUT);
  OK(threading_rlock_release(a));
  OK(threading_rlock_release(b));
  OK(threading_rlock_destroy(a));
  OK(threading_rlock_destroy(b));
}

typedef struct free_lock {
  threading_rlock held;
  threading_lock lock;
  _Atomic bool holds;
} free_lock;

static void *hold_and_wait_for_a_lock(void *arg) {
  free_lock *f = arg;
  OK(threading_rlock_acquire(f->held, THREADING_FOREVER));
  atomic_store(&f->holds, true);
  OK(threading_lock_acquire(f->lock, THREADING_FOREVER));
  OK(threading_rlock_release(f->held));
  return NULL;
}

static void *acquire_and_release(void *arg) {
  const threading_rlock *rlock = arg;
  OK(threading_rlock_acquire(*rlock, THREADING_FOREVER));
  OK(threading_rlock_release(*rlock));
  return NULL;
}

static void *release_when_main_waits(void *arg) {
  free_lock *f = arg;
  wait_blocked(threading_main_thread());
  OK(threading_lock_release(f->lock));
  return NULL;
}

// Main has the Lock and waits for one who waits for it; but anybody may release a Lock, and somebody does.
TEST(a_cycle_through_a_plain_lock_is_not_refused) {
  free_lock f = { .held = create() };
  OK(threading_lock_create(&f.lock));
  OK(threading_lock_acquire(f.lock, 0));
  const threading_thread holder = spawn_thread(hold_and_wait_for_a_lock, &f);
  WAIT_UNTIL(atomic_load(&f.holds));
  wait_blocked(holder);
  const threading_thread releaser = spawn_thread(release_when_main_waits, &f);
  OK(threading_rlock_acquire(f.held, THREADING_FOREVER));
  OK(threading_rlock_release(f.held));
  finish_thread(holder);
  finish_thread(releaser);
  OK(threading_lock_release(f.lock));
  OK(threading_lock_destroy(f.lock));
  OK(threading_rlock_destroy(f.held));
}

TEST(a_chain_without_a_cycle_is_not_refused) {
  const threading_rlock a = create(), b = create(), c = create();
  party first = { .mine = a, .next = b, .timeout_ns = THREADING_FOREVER };
  party second = { .mine = b, .next = c, .timeout_ns = THREADING_FOREVER };
  OK(threading_rlock_acquire(c, 0));
  begin_blocked(&second);
  begin_blocked(&first);
  threading_rlock tail = a;
  const threading_thread third = spawn_thread(acquire_and_release, &tail);
  wait_blocked(third);
  OK(threading_rlock_release(c));
  ends_with(&second, THREADING_OK);
  ends_with(&first, THREADING_OK);
  finish_thread(third);
  OK(threading_rlock_destroy(a));
  OK(threading_rlock_destroy(b));
  OK(threading_rlock_destroy(c));
}

enum { RLOCKS = 4, THREADS = 4 };
static threading_rlock ordered[RLOCKS];

static void *take_pairs_in_order(void *arg) {
  uint32_t random = (uint32_t)(uintptr_t)arg;
  for (int i = 0; i < 20000; i++) {
    random = random * 1664525 + 1013904223;
    const uint32_t low = (random >> 8) % (RLOCKS - 1), high = low + 1 + (random >> 20) % (RLOCKS - 1 - low);
    OK(threading_rlock_acquire(ordered[low], THREADING_FOREVER));
    OK(threading_rlock_acquire(ordered[high], THREADING_FOREVER));
    OK(threading_rlock_release(ordered[i % 2 ? low : high]));
    OK(threading_rlock_release(ordered[i % 2 ? high : low]));
  }
  return NULL;
}

// Threads that keep an order cannot deadlock: each refusal would be a false one.
TEST(no_false_deadlock_under_contention) {
  threading_thread threads[THREADS];
  for (int i = 0; i < RLOCKS; i++) ordered[i] = create();
  for (uintptr_t i = 0; i < THREADS; i++) threads[i] = spawn_thread(take_pairs_in_order, (void *)(i + 1));
  for (int i = 0; i < THREADS; i++) finish_thread(threads[i]);
  for (int i = 0; i < RLOCKS; i++) OK(threading_rlock_destroy(ordered[i]));
}

// ---- Joins ----

TEST(join_of_oneself) {
  IS(threading_thread_join(threading_current_thread(), THREADING_FOREVER), THREADING_E_DEADLOCK);
}

static void *join_oneself(void *arg) {
  (void)arg;
  IS(threading_thread_join(threading_current_thread(), THREADING_FOREVER), THREADING_E_DEADLOCK);
  return NULL;
}

TEST(join_of_oneself_in_a_started_thread) {
  finish_thread(spawn_thread(join_oneself, NULL));
}

static void cycle_of_joins(int count) {
  party parties[8] = { 0 };
  for (int i = 0; i < count; i++) {
    parties[i].timeout_ns = THREADING_FOREVER;
    begin(&parties[i]);
  }
  for (int i = 0; i < count; i++) {
    atomic_store(&parties[i].join, parties[(i + 1) % count].thread.id);
    atomic_store(&parties[i].go, true);
    if (i < count - 1) wait_blocked(parties[i].thread);
  }
  // The last one closes the cycle, is told and ends; so all others end as well.
  ends_with(&parties[count - 1], THREADING_E_DEADLOCK);
  for (int i = 0; i < count - 1; i++) ends_with(&parties[i], THREADING_OK);
}

TEST(join_cycle_of_two) {
  cycle_of_joins(2);
}

TEST(join_cycle_of_four) {
  cycle_of_joins(4);
}

TEST(join_of_a_thread_that_waits_for_what_the_joiner_holds) {
  const threading_rlock held = create();
  party other = { .next = held, .timeout_ns = THREADING_FOREVER };
  OK(threading_rlock_acquire(held, 0));
  begin_blocked(&other);
  IS(threading_thread_join(other.thread, THREADING_FOREVER), THREADING_E_DEADLOCK);
  IS(threading_thread_join(other.thread, THREADING_MILLISECONDS(2)), THREADING_TIMEOUT);
  OK(threading_rlock_release(held));
  ends_with(&other, THREADING_OK);
  OK(threading_rlock_destroy(held));
}

static void *acquire_from_its_joiner(void *arg) {
  party *joiner = arg;
  atomic_store(&joiner->join, threading_current_thread().id);
  begin_blocked(joiner);
  IS(threading_rlock_acquire(joiner->mine, THREADING_FOREVER), THREADING_E_DEADLOCK);
  return NULL;
}

TEST(acquire_of_what_a_joiner_of_the_caller_holds) {
  party joiner = { .mine = create(), .timeout_ns = THREADING_FOREVER };
  finish_thread(spawn_thread(acquire_from_its_joiner, &joiner));
  ends_with(&joiner, THREADING_OK);
  OK(threading_rlock_destroy(joiner.mine));
}
