// threading_condition_wait_for: the predicate, its deadline, and a predicate that never returns.
#include "condition.h"

typedef struct goal {
  threading_condition condition;
  int value, wanted;
  _Atomic int calls;
  _Atomic bool about_to_wait, stop;
  int64_t timeout_ns;
  threading_status status;
} goal;

static int32_t is_reached(void *arg) {
  goal *g = arg;
  CHECK(holds(g->condition));
  g->calls += 1;
  return g->value >= g->wanted ? -7 : 0;  // any value but 0 is true
}

TEST_EACH(wait_for_asks_before_it_waits) {
  const fixture f = make(kind);
  goal g = { .condition = f.condition };
  OK(threading_condition_acquire(f.condition, 0));
  OK(threading_condition_wait_for(f.condition, is_reached, &g, THREADING_FOREVER));
  OK(threading_condition_wait_for(f.condition, is_reached, &g, 0));
  EQ(g.calls, 2);
  CHECK(holds(f.condition));
  g.wanted = 1;
  IS(threading_condition_wait_for(f.condition, is_reached, &g, 0), THREADING_TIMEOUT);
  CHECK(holds(f.condition));
  OK(threading_condition_release(f.condition));
  unmake(f);
}

TEST_EACH(wait_for_checks_owner_and_arguments_before_it_asks) {
  const fixture f = make(kind);
  goal g = { .condition = f.condition };
  IS(threading_condition_wait_for(f.condition, is_reached, &g, 0), THREADING_E_NOT_OWNER);
  OK(threading_condition_acquire(f.condition, 0));
  IS(threading_condition_wait_for(f.condition, is_reached, &g, -2), THREADING_E_INVALID);
  IS(threading_condition_wait_for(f.condition, NULL, &g, 0), THREADING_E_INVALID);
  EQ(g.calls, 0);
  CHECK(holds(f.condition));
  OK(threading_condition_release(f.condition));
  unmake(f);
}

static void *wait_for_goal(void *arg) {
  goal *g = arg;
  OK(threading_condition_acquire(g->condition, THREADING_FOREVER));
  atomic_store(&g->about_to_wait, true);
  g->status = threading_condition_wait_for(g->condition, is_reached, g, g->timeout_ns);
  CHECK(holds(g->condition));
  OK(threading_condition_release(g->condition));
  return NULL;
}

TEST_EACH(wait_for_returns_when_the_predicate_is_true) {
  const fixture f = make(kind);
  const int64_t timeouts[] = { THREADING_FOREVER, INT64_MAX, THREADING_SECONDS(3600) };
  for (size_t i = 0; i < sizeof timeouts / sizeof timeouts[0]; i++) {
    goal g = { .condition = f.condition, .wanted = 4, .timeout_ns = timeouts[i], .status = -1 };
    const threading_thread thread = spawn_thread(wait_for_goal, &g);
    WAIT_UNTIL(atomic_load(&g.about_to_wait));
    for (int step = 1; step <= 4; step++) {
      // A thread that was woken may seem to be blocked until it runs: first it must have asked again.
      WAIT_UNTIL(atomic_load(&g.calls) >= step);
      wait_blocked(thread);
      OK(threading_condition_acquire(f.condition, THREADING_FOREVER));
      EQ(g.calls, step);
      g.value += 1;
      OK(threading_condition_notify(f.condition, 1));
      OK(threading_condition_release(f.condition));
    }
    finish_thread(thread);
    EQ(g.status, THREADING_OK);
    EQ(g.calls, 5);
  }
  unmake(f);
}

static void *notify_in_vain(void *arg) {
  goal *g = arg;
  while (!atomic_load(&g->stop)) {
    OK(threading_condition_acquire(g->condition, THREADING_FOREVER));
    OK(threading_condition_notify_all(g->condition));
    OK(threading_condition_release(g->condition));
  }
  return NULL;
}

TEST_EACH(wait_for_has_one_deadline_however_often_it_is_notified) {
  const fixture f = make(kind);
  goal g = { .condition = f.condition, .wanted = 1 };
  const threading_thread noise = spawn_thread(notify_in_vain, &g);
  OK(threading_condition_acquire(f.condition, THREADING_FOREVER));
  // Once more if the other thread did not get to notify in that time.
  do {
    g.calls = 0;
    const int64_t began = NOW_NS();
    const int64_t timeout_ns = THREADING_MILLISECONDS(50);
    IS(threading_condition_wait_for(f.condition, is_reached, &g, timeout_ns), THREADING_TIMEOUT);
    const int64_t elapsed = NOW_NS() - began;
    CHECK(elapsed >= timeout_ns);
    CHECK(elapsed < scaled(THREADING_SECONDS(2)));
  } while (g.calls <= 2);
  OK(threading_condition_release(f.condition));
  atomic_store(&g.stop, true);
  finish_thread(noise);
  unmake(f);
}

// ---- A predicate that ends its thread ----

static int32_t exit_when_asked_again(void *arg) {
  goal *g = arg;
  CHECK(holds(g->condition));
  g->calls += 1;
  if (g->calls > g->value) pthread_exit(NULL);
  return 0;
}

static void *wait_for_the_end(void *arg) {
  goal *g = arg;
  OK(threading_condition_acquire(g->condition, THREADING_FOREVER));
  atomic_store(&g->about_to_wait, true);
  threading_condition_wait_for(g->condition, exit_when_asked_again, g, g->timeout_ns);
  harness_fail(__FILE__, __LINE__, "pthread_exit in a predicate returned");
}

// It dies as the holder that it is: the next acquirer of an rlock is told, a Lock stays locked.
static void predicate_exits(lock_kind kind, int calls_before) {
  const fixture f = make(kind);
  goal g = { .condition = f.condition, .value = calls_before, .timeout_ns = THREADING_FOREVER };
  const threading_thread thread = spawn_thread(wait_for_the_end, &g);
  if (calls_before > 0) {
    WAIT_UNTIL(atomic_load(&g.about_to_wait));
    wait_blocked(thread);
    notify(f.condition, 1);
  }
  OK(threading_thread_join(thread, THREADING_FOREVER));
  OK(threading_thread_destroy(thread));
  if (kind == OVER_LOCK) {
    IS(threading_condition_acquire(f.condition, 0), THREADING_TIMEOUT);
    OK(threading_condition_release(f.condition));
    OK(threading_condition_acquire(f.condition, 0));
  } else {
    IS(threading_condition_acquire(f.condition, 0), THREADING_OWNER_DEAD);
  }
  EQ(g.calls, calls_before + 1);
  OK(threading_condition_notify_all(f.condition));
  IS(threading_condition_wait(f.condition, 0), THREADING_TIMEOUT);
  OK(threading_condition_release(f.condition));
  unmake(f);
}

TEST_EACH(fault_B19_predicate_exits_its_thread_before_any_wait) {
  predicate_exits(kind, 0);
}

TEST_EACH(fault_B19_predicate_exits_its_thread_after_a_wait) {
  predicate_exits(kind, 1);
}
