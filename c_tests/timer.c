// threading_timer: once and periodic, cancel, join, destroy, and callbacks that block or end their thread.
#include "harness.h"

// What a callback records, and what it is told to do.
typedef struct record {
  threading_timer timer;
  _Atomic int fired, destroyed;
  _Atomic int64_t last_ns;
  _Atomic bool entered, gate;  // a blocking callback says that it is in, and waits for the gate
  threading_status joined;
} record;

static void fire(void *arg) {
  record *r = arg;
  atomic_store(&r->last_ns, NOW_NS());
  atomic_fetch_add(&r->fired, 1);
}

static void destroy_record(void *arg) {
  record *r = arg;
  atomic_fetch_add(&r->destroyed, 1);
}

static threading_timer create(int64_t interval_ns, threading_callback call, record *r, int64_t period_ns) {
  const threading_timer_options options = { sizeof options, period_ns, destroy_record };
  OK(threading_timer_create(interval_ns, call, r, &options, &r->timer));
  return r->timer;
}

// Gives the timer up and returns when its argument has been destroyed.
static void end(record *r) {
  OK(threading_timer_destroy(r->timer));
  WAIT_UNTIL(atomic_load(&r->destroyed) == 1);
}

// ---- Once ----

TEST(fires_once_not_before_its_time) {
  const int64_t intervals[] = { 0, 1, 1000000, 30000000 };
  for (size_t i = 0; i < sizeof intervals / sizeof intervals[0]; i++) {
    record r = { 0 };
    const threading_timer t = create(intervals[i], fire, &r, 0);
    const int64_t began = NOW_NS();
    OK(threading_timer_start(t));
    OK(threading_timer_join(t, THREADING_FOREVER));
    EQ(r.fired, 1);
    CHECK(r.last_ns - began >= intervals[i]);
    OK(threading_timer_join(t, 0));  // any number of times
    end(&r);
    EQ(r.fired, 1);
  }
}

TEST(without_options_it_fires_once_and_owns_nothing) {
  record r = { 0 };
  OK(threading_timer_create(0, fire, &r, NULL, &r.timer));
  OK(threading_timer_start(r.timer));
  OK(threading_timer_join(r.timer, THREADING_FOREVER));
  EQ(r.fired, 1);
  OK(threading_timer_destroy(r.timer));
  EQ(r.destroyed, 0);
}

TEST(create_refuses_bad_arguments_and_leaves_the_argument_to_the_caller) {
  record r = { 0 };
  threading_timer t = { 77 };
  struct { threading_timer_options known; uint64_t tail; } newer = { { sizeof newer, 0, destroy_record }, 1 };
  threading_timer_options options = { sizeof options, 0, destroy_record };
  IS(threading_timer_create(-1, fire, &r, &options, &t), THREADING_E_INVALID);
  IS(threading_timer_create(INT64_MIN, fire, &r, &options, &t), THREADING_E_INVALID);
  IS(threading_timer_create(0, NULL, &r, &options, &t), THREADING_E_INVALID);
  IS(threading_timer_create(0, fire, &r, &options, NULL), THREADING_E_INVALID);
  options.period_ns = -1;
  IS(threading_timer_create(0, fire, &r, &options, &t), THREADING_E_INVALID);
  const size_t sizes[] = { 0, 1, sizeof options - 1 };
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    options = (threading_timer_options){ sizes[i], 0, destroy_record };
    IS(threading_timer_create(0, fire, &r, &options, &t), THREADING_E_INVALID);
  }
  IS(threading_timer_create(0, fire, &r, &newer.known, &t), THREADING_E_INVALID);
  EQ(t.id, 77);
  EQ(r.destroyed, 0);
  newer.tail = 0;  // a newer header's options with nothing in what this version does not know
  OK(threading_timer_create(0, fire, &r, &newer.known, &t));
  r.timer = t;
  end(&r);
}

TEST(start_is_for_once) {
  record r = { 0 };
  const threading_timer t = create(THREADING_SECONDS(3600), fire, &r, 0);
  OK(threading_timer_start(t));
  IS(threading_timer_start(t), THREADING_E_STATE);
  end(&r);
  record s = { 0 };
  const threading_timer u = create(0, fire, &s, 0);
  OK(threading_timer_start(u));
  OK(threading_timer_join(u, THREADING_FOREVER));
  IS(threading_timer_start(u), THREADING_E_STATE);
  end(&s);
  EQ(r.fired, 0);
  EQ(s.fired, 1);
}

TEST(join_waits_as_long_as_it_is_told) {
  record r = { 0 };
  const threading_timer t = create(THREADING_SECONDS(3600), fire, &r, 0);
  IS(threading_timer_join(t, 0), THREADING_E_STATE);
  IS(threading_timer_join(t, THREADING_FOREVER), THREADING_E_STATE);
  OK(threading_timer_start(t));
  IS(threading_timer_join(t, 0), THREADING_TIMEOUT);
  const int64_t began = NOW_NS();
  IS(threading_timer_join(t, THREADING_MILLISECONDS(5)), THREADING_TIMEOUT);
  CHECK(NOW_NS() - began >= THREADING_MILLISECONDS(5));
  IS(threading_timer_join(t, -2), THREADING_E_INVALID);
  OK(threading_timer_cancel(t));
  IS(threading_timer_join(t, -2), THREADING_E_INVALID);
  IS(threading_timer_join(t, THREADING_FOREVER), THREADING_CANCELLED);
  end(&r);
}

TEST(zero_stale_and_another_kind_are_no_handles) {
  record r = { 0 };
  const threading_timer stale = create(0, fire, &r, 0);
  end(&r);
  threading_event event;
  OK(threading_event_create(&event));
  const uint64_t ids[] = { 0, stale.id, event.id, UINT64_MAX };
  for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
    const threading_timer t = { ids[i] };
    IS(threading_timer_start(t), THREADING_E_HANDLE);
    IS(threading_timer_cancel(t), THREADING_E_HANDLE);
    IS(threading_timer_join(t, 0), THREADING_E_HANDLE);
    IS(threading_timer_join(t, THREADING_FOREVER), THREADING_E_HANDLE);
    IS(threading_timer_destroy(t), THREADING_E_HANDLE);
  }
  OK(threading_event_destroy(event));
}

TEST(the_longest_interval_does_not_come_at_once) {
  const int64_t intervals[] = { INT64_MAX, INT64_MAX - 1, THREADING_SECONDS(INT64_C(1) << 31) };
  for (size_t i = 0; i < sizeof intervals / sizeof intervals[0]; i++) {
    record r = { 0 };
    const threading_timer t = create(intervals[i], fire, &r, INT64_MAX);
    OK(threading_timer_start(t));
    IS(threading_timer_join(t, THREADING_MILLISECONDS(20)), THREADING_TIMEOUT);
    EQ(r.fired, 0);
    end(&r);
  }
}

// ---- Cancel and destroy ----

TEST(cancel_keeps_it_from_firing) {
  record r = { 0 };
  const threading_timer t = create(THREADING_MILLISECONDS(200), fire, &r, 0);
  OK(threading_timer_start(t));
  for (int i = 0; i < 2; i++) OK(threading_timer_cancel(t));
  for (int i = 0; i < 2; i++) IS(threading_timer_join(t, THREADING_FOREVER), THREADING_CANCELLED);
  const threading_status again = threading_timer_start(t);  // a second start, and of a cancelled one
  CHECK(again == THREADING_E_STATE || again == THREADING_CANCELLED);
  // A later timer has fired after the time of the cancelled one: it would have been its turn.
  record later = { 0 };
  const threading_timer u = create(THREADING_MILLISECONDS(250), fire, &later, 0);
  OK(threading_timer_start(u));
  OK(threading_timer_join(u, THREADING_FOREVER));
  EQ(r.fired, 0);
  end(&r);
  end(&later);
}

TEST(cancel_before_start_wins_over_start) {
  record r = { 0 };
  const threading_timer t = create(0, fire, &r, 0);
  OK(threading_timer_cancel(t));
  IS(threading_timer_start(t), THREADING_CANCELLED);
  IS(threading_timer_start(t), THREADING_CANCELLED);
  OK(threading_timer_cancel(t));
  end(&r);
  EQ(r.fired, 0);
}

TEST(fault_B35_cancel_after_it_fired_changes_nothing) {
  record r = { 0 };
  const threading_timer t = create(0, fire, &r, 0);
  OK(threading_timer_start(t));
  OK(threading_timer_join(t, THREADING_FOREVER));
  OK(threading_timer_cancel(t));
  OK(threading_timer_join(t, THREADING_FOREVER));
  EQ(r.fired, 1);
  end(&r);
}

static void *join_for_ever(void *arg) {
  record *r = arg;
  r->joined = threading_timer_join(r->timer, THREADING_FOREVER);
  return NULL;
}

TEST(joiners_wake_when_it_is_cancelled_or_destroyed) {
  for (int destroyed = 0; destroyed < 2; destroyed++) {
    record r = { .joined = -1 };
    const threading_timer t = create(THREADING_SECONDS(3600), fire, &r, 0);
    OK(threading_timer_start(t));
    const threading_thread joiner = spawn_thread(join_for_ever, &r);
    wait_blocked(joiner);
    if (destroyed) OK(threading_timer_destroy(t));
    else OK(threading_timer_cancel(t));
    finish_thread(joiner);
    EQ(r.joined, THREADING_CANCELLED);
    if (!destroyed) end(&r);
    else WAIT_UNTIL(atomic_load(&r.destroyed) == 1);
    EQ(r.fired, 0);
  }
}

TEST(an_unstarted_one_gives_its_argument_back_in_destroy) {
  record r = { 0 };
  create(0, fire, &r, 0);
  end(&r);
  EQ(r.fired, 0);
}

static void enter_and_wait_for_the_gate(void *arg) {
  record *r = arg;
  atomic_store(&r->entered, true);
  WAIT_UNTIL(atomic_load(&r->gate));
  atomic_fetch_add(&r->fired, 1);
}

TEST(destroy_does_not_wait_for_a_running_callback) {
  record r = { 0 };
  const threading_timer t = create(0, enter_and_wait_for_the_gate, &r, 0);
  OK(threading_timer_start(t));
  WAIT_UNTIL(atomic_load(&r.entered));
  OK(threading_timer_destroy(t));  // the gate is shut: a destroy that waited would never return
  IS(threading_timer_join(t, 0), THREADING_E_HANDLE);
  EQ(r.destroyed, 0);
  atomic_store(&r.gate, true);
  WAIT_UNTIL(atomic_load(&r.destroyed) == 1);
  EQ(r.fired, 1);
}

TEST(cancel_does_not_wait_for_a_running_callback_either_but_join_does) {
  record r = { .joined = -1 };
  const threading_timer t = create(0, enter_and_wait_for_the_gate, &r, 0);
  OK(threading_timer_start(t));
  WAIT_UNTIL(atomic_load(&r.entered));
  OK(threading_timer_cancel(t));
  IS(threading_timer_join(t, 0), THREADING_TIMEOUT);
  const threading_thread joiner = spawn_thread(join_for_ever, &r);
  wait_blocked(joiner);
  atomic_store(&r.gate, true);
  finish_thread(joiner);
  EQ(r.fired, 1);
  EQ(r.joined, THREADING_OK);  // it had begun before the cancel: it fired and returned
  end(&r);
}

static record left_behind;

TEST(a_pending_timer_does_not_keep_the_process_alive) {
  OK(threading_timer_start(create(THREADING_SECONDS(3600), fire, &left_behind, 0)));
  // The end of main is the test: a process that waited an hour would run into the time limit.
}
