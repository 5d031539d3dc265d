// What must not go wrong with barriers: actions that fail or end their thread, parties that are cancelled,
// reset, abort and destroy racing with rounds.
#include "harness.h"

static threading_barrier create(int64_t parties, threading_action action, void *arg) {
  threading_barrier b;
  OK(threading_barrier_create(parties, action, arg, THREADING_FOREVER, &b));
  return b;
}

typedef struct party {
  threading_barrier barrier;
  threading_thread thread;
  threading_status status;
  int32_t code;
  pthread_t self;
  _Atomic bool started, back;
  bool then_pause;
} party;

static void *wait_once(void *arg) {
  party *p = arg;
  p->self = pthread_self();
  atomic_store(&p->started, true);
  p->status = threading_barrier_wait(p->barrier, THREADING_FOREVER, NULL);
  if (p->status == THREADING_FAILED) OK(threading_last_failure(&p->code, NULL, 0, NULL));
  atomic_store(&p->back, true);
  while (p->then_pause) pause();
  return NULL;
}

static void begin_all(party *parties, int count, threading_barrier b) {
  for (int i = 0; i < count; i++) {
    parties[i] = (party){ .barrier = b, .status = -1 };
    parties[i].thread = spawn_thread(wait_once, &parties[i]);
  }
}

static threading_status fail_by_1234(void *arg) {
  atomic_fetch_add((_Atomic int *)arg, 1);
  return 1234;
}

TEST(fault_B25_a_failing_action_breaks_it) {
  enum { PARTIES = 4 };
  _Atomic int calls = 0;
  const threading_barrier b = create(PARTIES, fail_by_1234, &calls);
  for (int round = 0; round < 20; round++) {
    party p[PARTIES];
    begin_all(p, PARTIES, b);
    int failed = 0;
    for (int i = 0; i < PARTIES; i++) {
      finish_thread(p[i].thread);
      CHECK(p[i].status == THREADING_FAILED || p[i].status == THREADING_BROKEN);
      failed += p[i].status == THREADING_FAILED;
      EQ(p[i].code, p[i].status == THREADING_FAILED ? 1234 : 0);
    }
    EQ(failed, 1);
    EQ(atomic_load(&calls), round + 1);
    EQ(threading_barrier_broken(b), 1);
    IS(threading_barrier_wait(b, THREADING_FOREVER, NULL), THREADING_BROKEN);
    OK(threading_barrier_reset(b));
  }
  OK(threading_barrier_destroy(b));
}

static threading_status exit_the_thread(void *arg) {
  atomic_fetch_add((_Atomic int *)arg, 1);
  pthread_exit(NULL);
}

TEST(fault_B25_an_action_that_ends_its_thread_breaks_it) {
  enum { PARTIES = 4 };
  _Atomic int calls = 0;
  const threading_barrier b = create(PARTIES, exit_the_thread, &calls);
  party p[PARTIES];
  begin_all(p, PARTIES, b);
  int broken = 0, gone = 0;
  for (int i = 0; i < PARTIES; i++) {
    OK(threading_thread_join(p[i].thread, THREADING_FOREVER));
    OK(threading_thread_destroy(p[i].thread));
    gone += !atomic_load(&p[i].back);
    broken += atomic_load(&p[i].back) && p[i].status == THREADING_BROKEN;
  }
  EQ(gone, 1);
  EQ(broken, PARTIES - 1);
  EQ(atomic_load(&calls), 1);
  EQ(threading_barrier_broken(b), 1);
  EQ(threading_barrier_n_waiting(b), 0);
  OK(threading_barrier_destroy(b));
}

// A wait is no cancellation point: the cancelled party counts as one, nobody hangs, and it ends afterwards.
TEST(fault_B26_a_cancelled_party_still_counts) {
  const threading_barrier b = create(4, NULL, NULL);
  party p[3];
  for (int i = 0; i < 3; i++) {
    p[i] = (party){ .barrier = b, .status = -1, .then_pause = i == 0 };
    p[i].thread = spawn_thread(wait_once, &p[i]);
  }
  WAIT_UNTIL(threading_barrier_n_waiting(b) == 3);
  for (int i = 0; i < 3; i++) wait_blocked(p[i].thread);
  EQ(pthread_cancel(p[0].self), 0);
  wait_blocked(p[0].thread);
  EQ(threading_barrier_n_waiting(b), 3);
  OK(threading_barrier_wait(b, THREADING_FOREVER, NULL));
  for (int i = 0; i < 3; i++) {
    OK(threading_thread_join(p[i].thread, THREADING_FOREVER));
    EQ(p[i].status, THREADING_OK);
    OK(threading_thread_destroy(p[i].thread));
  }
  OK(threading_barrier_destroy(b));
}

typedef struct restless {
  threading_barrier barrier;
  _Atomic bool stop;
  _Atomic int64_t passed, broken;
} restless;

static void *wait_again_and_again(void *arg) {
  restless *r = arg;
  while (!atomic_load(&r->stop)) {
    const threading_status status = threading_barrier_wait(r->barrier, THREADING_FOREVER, NULL);
    if (status == THREADING_OK) atomic_fetch_add(&r->passed, 1);
    else atomic_fetch_add(&r->broken, 1);
    CHECK(status == THREADING_OK || status == THREADING_BROKEN);
  }
  return NULL;
}

// Parties come again before the round before has drained, while a third thread resets and aborts.
TEST(fault_B28_reset_and_abort_race_with_rounds) {
  enum { PARTIES = 3 };
  restless r = { .barrier = create(PARTIES, NULL, NULL) };
  threading_thread threads[PARTIES];
  for (int i = 0; i < PARTIES; i++) threads[i] = spawn_thread(wait_again_and_again, &r);
  const int64_t give_up = NOW_NS() + THREADING_SECONDS(2);
  uint32_t random = 12345;
  for (int i = 0; i < 100000 && NOW_NS() < give_up; i++) {
    random = random * 1664525 + 1013904223;
    if (random >> 28 == 0) OK(threading_barrier_abort(r.barrier));
    OK(threading_barrier_reset(r.barrier));
    for (uint32_t spin = random >> 22; spin > 0; spin--) atomic_load(&r.passed);
  }
  OK(threading_barrier_reset(r.barrier));
  const int64_t passed = atomic_load(&r.passed);
  WAIT_UNTIL(atomic_load(&r.passed) >= passed + 10 * PARTIES);  // whole again, and it goes on
  atomic_store(&r.stop, true);
  OK(threading_barrier_abort(r.barrier));
  for (int i = 0; i < PARTIES; i++) finish_thread(threads[i]);
  CHECK(atomic_load(&r.broken) > 0);
  OK(threading_barrier_destroy(r.barrier));
}

TEST(fault_B28_each_reset_sends_exactly_the_waiters_away) {
  enum { PARTIES = 5 };
  const threading_barrier b = create(PARTIES, NULL, NULL);
  for (int round = 0; round < 30; round++) {
    party p[PARTIES - 1];
    begin_all(p, PARTIES - 1, b);
    WAIT_UNTIL(threading_barrier_n_waiting(b) == PARTIES - 1);
    OK(threading_barrier_reset(b));
    for (int i = 0; i < PARTIES - 1; i++) {
      finish_thread(p[i].thread);
      EQ(p[i].status, THREADING_BROKEN);
    }
    EQ(threading_barrier_broken(b), 0);
  }
  OK(threading_barrier_destroy(b));
}

static void *wait_and_destroy(void *arg) {
  party *p = arg;
  p->status = threading_barrier_wait(p->barrier, THREADING_FOREVER, NULL);
  threading_status destroyed = THREADING_E_BUSY;
  while (destroyed == THREADING_E_BUSY) destroyed = threading_barrier_destroy(p->barrier);
  p->code = destroyed;
  return NULL;
}

// The first who leaves destroys it while the others are on their way out: all of them passed all the same.
TEST(fault_B29_destroyed_by_the_first_who_leaves) {
  enum { PARTIES = 3 };
  const int64_t give_up = NOW_NS() + THREADING_SECONDS(2);
  for (int round = 0; round < 1000 && NOW_NS() < give_up; round++) {
    const threading_barrier b = create(PARTIES, NULL, NULL);
    party p[PARTIES];
    for (int i = 0; i < PARTIES; i++) {
      p[i] = (party){ .barrier = b, .status = -1 };
      p[i].thread = spawn_thread(wait_and_destroy, &p[i]);
    }
    int destroyed = 0;
    for (int i = 0; i < PARTIES; i++) {
      finish_thread(p[i].thread);
      EQ(p[i].status, THREADING_OK);
      destroyed += p[i].code == THREADING_OK;
      CHECK(p[i].code == THREADING_OK || p[i].code == THREADING_E_HANDLE);
    }
    EQ(destroyed, 1);
  }
}

typedef struct lobby {
  _Atomic int inside;
  _Atomic bool gate;
} lobby;

static threading_status enter_and_wait_for_the_gate(void *arg) {
  lobby *l = arg;
  atomic_fetch_add(&l->inside, 1);
  WAIT_UNTIL(atomic_load(&l->gate));
  return THREADING_OK;
}

// One who came while the action ran waits for the next round: the barrier cannot end under it.
TEST(fault_B29_a_party_of_the_next_round_keeps_it_alive) {
  for (int round = 0; round < 50; round++) {
    lobby l = { 0 };
    const threading_barrier b = create(1, enter_and_wait_for_the_gate, &l);
    party first = { .barrier = b, .status = -1 }, second = { .barrier = b, .status = -1 };
    first.thread = spawn_thread(wait_and_destroy, &first);
    WAIT_UNTIL(atomic_load(&l.inside) == 1);
    second.thread = spawn_thread(wait_once, &second);
    wait_blocked(second.thread);
    EQ(atomic_load(&l.inside), 1);
    IS(threading_barrier_destroy(b), THREADING_E_BUSY);
    atomic_store(&l.gate, true);
    finish_thread(first.thread);
    finish_thread(second.thread);
    EQ(first.status, THREADING_OK);
    IS(second.status, THREADING_OK);
    EQ(first.code, THREADING_OK);
    EQ(atomic_load(&l.inside), 2);
  }
}
