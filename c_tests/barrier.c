// threading_barrier: rounds, indices, the action, and how a barrier breaks and is mended.
#include "harness.h"

static threading_barrier create(int64_t parties, threading_action action, void *arg) {
  threading_barrier b;
  OK(threading_barrier_create(parties, action, arg, THREADING_FOREVER, &b));
  EQ(threading_barrier_parties(b), parties);
  EQ(threading_barrier_n_waiting(b), 0);
  EQ(threading_barrier_broken(b), 0);
  return b;
}

// One thread that waits once.
typedef struct party {
  threading_barrier barrier;
  int64_t timeout_ns;
  threading_thread thread;
  threading_status status;
  int64_t index;
} party;

static void *wait_once(void *arg) {
  party *p = arg;
  p->index = -1;
  p->status = threading_barrier_wait(p->barrier, p->timeout_ns, &p->index);
  return NULL;
}

static void begin_wait(party *p, threading_barrier b, int64_t timeout_ns) {
  *p = (party){ .barrier = b, .timeout_ns = timeout_ns };
  p->thread = spawn_thread(wait_once, p);
}

// `count` parties that are known to wait.
static void begin_all(party *parties, int count, threading_barrier b) {
  for (int i = 0; i < count; i++) begin_wait(&parties[i], b, i % 2 ? INT64_MAX : THREADING_FOREVER);
  WAIT_UNTIL(threading_barrier_n_waiting(b) == count);
  for (int i = 0; i < count; i++) wait_blocked(parties[i].thread);
}

static void ends_with(party *p, threading_status status) {
  finish_thread(p->thread);
  IS(p->status, status);
  if (status != THREADING_OK) EQ(p->index, -1);
}

// ---- Create and destroy ----

TEST(fault_B24_counts_of_parties) {
  threading_barrier b = { 77 };
  const int64_t invalid[] = { 0, -1, INT64_MIN, THREADING_COUNT_MAX + 1, INT64_C(1) << 32, INT64_MAX };
  for (size_t i = 0; i < sizeof invalid / sizeof invalid[0]; i++) {
    IS(threading_barrier_create(invalid[i], NULL, NULL, THREADING_FOREVER, &b), THREADING_E_INVALID);
  }
  EQ(b.id, 77);
  OK(threading_barrier_destroy(create(1, NULL, NULL)));
  OK(threading_barrier_destroy(create(THREADING_COUNT_MAX, NULL, NULL)));
}

TEST(create_refuses_null_and_bad_timeouts) {
  threading_barrier b = { 77 };
  IS(threading_barrier_create(2, NULL, NULL, THREADING_FOREVER, NULL), THREADING_E_INVALID);
  IS(threading_barrier_create(2, NULL, NULL, -2, &b), THREADING_E_INVALID);
  IS(threading_barrier_create(2, NULL, NULL, INT64_MIN, &b), THREADING_E_INVALID);
  EQ(b.id, 77);
}

TEST(zero_stale_and_another_kind_are_no_handles) {
  const threading_barrier stale = create(1, NULL, NULL);
  OK(threading_barrier_destroy(stale));
  threading_lock lock;
  OK(threading_lock_create(&lock));
  const threading_barrier fresh = create(2, NULL, NULL);
  const uint64_t ids[] = { 0, stale.id, lock.id, UINT64_MAX };
  for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
    const threading_barrier b = { ids[i] };
    IS(threading_barrier_wait(b, THREADING_FOREVER, NULL), THREADING_E_HANDLE);
    IS(threading_barrier_reset(b), THREADING_E_HANDLE);
    IS(threading_barrier_abort(b), THREADING_E_HANDLE);
    IS(threading_barrier_destroy(b), THREADING_E_HANDLE);
    EQ(threading_barrier_parties(b), THREADING_E_HANDLE);
    EQ(threading_barrier_n_waiting(b), THREADING_E_HANDLE);
    EQ(threading_barrier_broken(b), THREADING_E_HANDLE);
  }
  EQ(threading_barrier_broken(fresh), 0);
  OK(threading_barrier_destroy(fresh));
  OK(threading_lock_destroy(lock));
}

TEST(destroy_under_a_party_is_busy_and_exact) {
  const threading_barrier b = create(3, NULL, NULL);
  party p[2];
  begin_all(p, 2, b);
  IS(threading_barrier_destroy(b), THREADING_E_BUSY);
  EQ(threading_barrier_n_waiting(b), 2);
  OK(threading_barrier_wait(b, THREADING_FOREVER, NULL));
  for (int i = 0; i < 2; i++) ends_with(&p[i], THREADING_OK);
  OK(threading_barrier_destroy(b));
}

TEST(a_broken_barrier_may_be_destroyed) {
  const threading_barrier b = create(2, NULL, NULL);
  IS(threading_barrier_wait(b, THREADING_MILLISECONDS(1), NULL), THREADING_TIMEOUT);
  EQ(threading_barrier_broken(b), 1);
  OK(threading_barrier_destroy(b));
}

// ---- Rounds ----

static threading_status count_calls(void *arg) {
  atomic_fetch_add((_Atomic int *)arg, 1);
  return THREADING_OK;
}

TEST(one_party_passes_at_once) {
  _Atomic int calls = 0;
  const threading_barrier b = create(1, count_calls, &calls);
  const int64_t timeouts[] = { THREADING_FOREVER, 0, 1, INT64_MAX };
  for (int i = 0; i < 4; i++) {
    int64_t index = -1;
    OK(threading_barrier_wait(b, timeouts[i], &index));
    EQ(index, 0);
    EQ(atomic_load(&calls), i + 1);
  }
  EQ(threading_barrier_n_waiting(b), 0);
  OK(threading_barrier_destroy(b));
}

TEST(a_wait_refuses_a_timeout_below_forever) {
  const threading_barrier one = create(1, NULL, NULL), two = create(2, NULL, NULL);
  IS(threading_barrier_wait(one, -2, NULL), THREADING_E_INVALID);
  IS(threading_barrier_wait(two, INT64_MIN, NULL), THREADING_E_INVALID);
  EQ(threading_barrier_broken(two), 0);
  OK(threading_barrier_abort(two));
  IS(threading_barrier_wait(two, -2, NULL), THREADING_E_INVALID);
  OK(threading_barrier_destroy(one));
  OK(threading_barrier_destroy(two));
}

TEST(the_last_party_releases_all_and_each_index_comes_once) {
  enum { PARTIES = 6 };
  const threading_barrier b = create(PARTIES, NULL, NULL);
  for (int round = 0; round < 5; round++) {
    party p[PARTIES - 1];
    begin_all(p, PARTIES - 1, b);
    int seen[PARTIES] = { 0 };
    int64_t index = -1;
    OK(threading_barrier_wait(b, 0, &index));  // the last does not wait, so 0 will do
    CHECK(0 <= index && index < PARTIES);
    seen[index] += 1;
    for (int i = 0; i < PARTIES - 1; i++) {
      ends_with(&p[i], THREADING_OK);
      CHECK(0 <= p[i].index && p[i].index < PARTIES);
      seen[p[i].index] += 1;
    }
    for (int i = 0; i < PARTIES; i++) EQ(seen[i], 1);
    EQ(threading_barrier_n_waiting(b), 0);
  }
  OK(threading_barrier_destroy(b));
}

enum { PARTIES = 4, ROUNDS = 5000 };

typedef struct rounds {
  threading_barrier barrier;
  int arrived[ROUNDS];           // guarded by the barrier's order alone, but for the atomic below
  _Atomic int before[ROUNDS];    // how many have arrived
  _Atomic int indices[ROUNDS];   // one bit for each index given
  _Atomic int inside_action;
  int actions;
} rounds;

static threading_status close_round(void *arg) {
  rounds *r = arg;
  EQ(atomic_fetch_add(&r->inside_action, 1), 0);
  EQ(atomic_load(&r->before[r->actions]), PARTIES);
  r->arrived[r->actions] = PARTIES;
  r->actions += 1;
  atomic_fetch_sub(&r->inside_action, 1);
  return THREADING_OK;
}

static void *run_rounds(void *arg) {
  rounds *r = arg;
  for (int i = 0; i < ROUNDS; i++) {
    atomic_fetch_add(&r->before[i], 1);
    int64_t index = -1;
    OK(threading_barrier_wait(r->barrier, THREADING_FOREVER, &index));
    // The action of this round is over, and no other can begin before this thread arrives again.
    EQ(r->actions, i + 1);
    EQ(r->arrived[i], PARTIES);
    CHECK(0 <= index && index < PARTIES);
    const int bit = 1 << index;
    EQ(atomic_fetch_or(&r->indices[i], bit) & bit, 0);
  }
  return NULL;
}

TEST(the_action_runs_once_a_round_before_any_is_released) {
  static rounds r;
  r.barrier = create(PARTIES, close_round, &r);
  threading_thread threads[PARTIES];
  for (int i = 0; i < PARTIES; i++) threads[i] = spawn_thread(run_rounds, &r);
  for (int i = 0; i < PARTIES; i++) finish_thread(threads[i]);
  EQ(r.actions, ROUNDS);
  for (int i = 0; i < ROUNDS; i++) EQ(r.indices[i], (1 << PARTIES) - 1);
  OK(threading_barrier_destroy(r.barrier));
}

static threading_status ask_the_barrier(void *arg) {
  const threading_barrier *b = arg;
  EQ(threading_barrier_parties(*b), 2);
  EQ(threading_barrier_broken(*b), 0);
  CHECK(threading_barrier_n_waiting(*b) >= 0);
  IS(threading_barrier_destroy(*b), THREADING_E_BUSY);
  return THREADING_OK;
}

TEST(the_action_may_ask_its_barrier) {
  threading_barrier b;
  OK(threading_barrier_create(2, ask_the_barrier, &b, THREADING_FOREVER, &b));
  party p;
  begin_all(&p, 1, b);
  OK(threading_barrier_wait(b, THREADING_FOREVER, NULL));
  ends_with(&p, THREADING_OK);
  OK(threading_barrier_destroy(b));
}

// ---- Breaking and mending ----

static void is_broken(threading_barrier b) {
  EQ(threading_barrier_broken(b), 1);
  EQ(threading_barrier_n_waiting(b), 0);
  IS(threading_barrier_wait(b, THREADING_FOREVER, NULL), THREADING_BROKEN);
  IS(threading_barrier_wait(b, 0, NULL), THREADING_BROKEN);
}

static void works_again_after_reset(threading_barrier b, int parties) {
  OK(threading_barrier_reset(b));
  EQ(threading_barrier_broken(b), 0);
  party p[8];
  begin_all(p, parties - 1, b);
  OK(threading_barrier_wait(b, THREADING_FOREVER, NULL));
  for (int i = 0; i < parties - 1; i++) ends_with(&p[i], THREADING_OK);
  OK(threading_barrier_destroy(b));
}

TEST(abort_breaks_it_for_all_until_reset) {
  const threading_barrier b = create(4, NULL, NULL);
  party p[3];
  begin_all(p, 3, b);
  OK(threading_barrier_abort(b));
  for (int i = 0; i < 3; i++) ends_with(&p[i], THREADING_BROKEN);
  is_broken(b);
  OK(threading_barrier_abort(b));
  is_broken(b);
  works_again_after_reset(b, 4);
}

TEST(abort_of_an_empty_barrier_breaks_it_too) {
  const threading_barrier b = create(2, NULL, NULL);
  OK(threading_barrier_abort(b));
  is_broken(b);
  works_again_after_reset(b, 2);
}

TEST(reset_sends_waiters_away_and_leaves_it_whole) {
  const threading_barrier b = create(4, NULL, NULL);
  party p[3];
  begin_all(p, 3, b);
  OK(threading_barrier_reset(b));
  EQ(threading_barrier_broken(b), 0);
  for (int i = 0; i < 3; i++) ends_with(&p[i], THREADING_BROKEN);
  EQ(threading_barrier_broken(b), 0);
  EQ(threading_barrier_n_waiting(b), 0);
  works_again_after_reset(b, 4);
}

TEST(fault_B27_a_timeout_of_one_breaks_it_for_all) {
  const threading_barrier b = create(4, NULL, NULL);
  party p[2];
  begin_all(p, 2, b);
  const int64_t began = NOW_NS();
  IS(threading_barrier_wait(b, THREADING_MILLISECONDS(10), NULL), THREADING_TIMEOUT);
  CHECK(NOW_NS() - began >= THREADING_MILLISECONDS(10));
  for (int i = 0; i < 2; i++) ends_with(&p[i], THREADING_BROKEN);
  is_broken(b);
  works_again_after_reset(b, 4);
}

TEST(fault_B27_a_party_that_does_not_wait_at_all_breaks_it_too) {
  const threading_barrier b = create(3, NULL, NULL);
  party p;
  begin_all(&p, 1, b);
  IS(threading_barrier_wait(b, 0, NULL), THREADING_TIMEOUT);
  ends_with(&p, THREADING_BROKEN);
  is_broken(b);
  works_again_after_reset(b, 3);
}

TEST(parties_whose_time_runs_out_together_give_one_timeout) {
  enum { COUNT = 5 };
  const threading_barrier b = create(COUNT + 1, NULL, NULL);
  party p[COUNT];
  for (int i = 0; i < COUNT; i++) begin_wait(&p[i], b, scaled(THREADING_MILLISECONDS(50)));
  int timeouts = 0;
  for (int i = 0; i < COUNT; i++) {
    finish_thread(p[i].thread);
    CHECK(p[i].status == THREADING_TIMEOUT || p[i].status == THREADING_BROKEN);
    timeouts += p[i].status == THREADING_TIMEOUT;
  }
  EQ(timeouts, 1);
  is_broken(b);
  works_again_after_reset(b, COUNT + 1);
}

TEST(a_wait_for_ever_has_the_barriers_own_timeout) {
  threading_barrier b;
  OK(threading_barrier_create(2, NULL, NULL, THREADING_MILLISECONDS(10), &b));
  int64_t began = NOW_NS();
  IS(threading_barrier_wait(b, THREADING_FOREVER, NULL), THREADING_TIMEOUT);
  CHECK(NOW_NS() - began >= THREADING_MILLISECONDS(10));
  OK(threading_barrier_reset(b));
  began = NOW_NS();
  IS(threading_barrier_wait(b, THREADING_MILLISECONDS(30), NULL), THREADING_TIMEOUT);  // an own one wins
  CHECK(NOW_NS() - began >= THREADING_MILLISECONDS(30));
  OK(threading_barrier_destroy(b));
}
