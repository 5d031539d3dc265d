// What timer callbacks may do: cancel, join and destroy their timer, block, end their thread; and periods.
#include "harness.h"

#include <signal.h>

typedef struct record {
  threading_timer timer;
  int count_wanted;
  _Atomic int fired, destroyed;
  _Atomic bool entered, gate;
  threading_status status, second_status;
  int64_t at[32];
} record;

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

static void fire(void *arg) {
  record *r = arg;
  atomic_fetch_add(&r->fired, 1);
}

static void fire_once(threading_callback callback, record *r) {
  const threading_timer t = create(0, callback, r, 0);
  OK(threading_timer_start(t));
  OK(threading_timer_join(t, THREADING_FOREVER));
  EQ(r->fired, 1);
  end(r);
}

// ---- A callback and its own timer ----

static void cancel_and_start_itself(void *arg) {
  record *r = arg;
  r->status = threading_timer_cancel(r->timer);
  r->second_status = threading_timer_start(r->timer);
  fire(r);
}

TEST(fault_B35_cancel_from_its_own_callback) {
  record r = { .status = -1 };
  fire_once(cancel_and_start_itself, &r);
  EQ(r.status, THREADING_OK);
  EQ(r.second_status, THREADING_E_STATE);
}

static void join_itself(void *arg) {
  record *r = arg;
  r->status = threading_timer_join(r->timer, THREADING_FOREVER);
  r->second_status = threading_timer_join(r->timer, 0);
  fire(r);
}

TEST(fault_B35_join_from_its_own_callback_is_a_deadlock) {
  record r = { 0 };
  fire_once(join_itself, &r);
  EQ(r.status, THREADING_E_DEADLOCK);
  EQ(r.second_status, THREADING_E_DEADLOCK);
}

static void destroy_itself(void *arg) {
  record *r = arg;
  r->status = threading_timer_destroy(r->timer);
  r->second_status = threading_timer_cancel(r->timer);
  EQ(r->destroyed, 0);
  fire(r);
}

TEST(destroy_from_its_own_callback) {
  record r = { 0 };
  OK(threading_timer_start(create(0, destroy_itself, &r, 0)));
  WAIT_UNTIL(atomic_load(&r.destroyed) == 1);
  EQ(r.fired, 1);
  EQ(r.status, THREADING_OK);
  EQ(r.second_status, THREADING_E_HANDLE);
}

TEST(destroy_of_a_periodic_one_from_its_own_callback) {
  record r = { 0 };
  OK(threading_timer_start(create(0, destroy_itself, &r, 1)));
  WAIT_UNTIL(atomic_load(&r.destroyed) == 1);
  EQ(r.fired, 1);
}

static void ask_for_signals(void *arg) {
  record *r = arg;
  sigset_t blocked;
  EQ(pthread_sigmask(SIG_SETMASK, NULL, &blocked), 0);
  r->status = sigismember(&blocked, SIGUSR1) && sigismember(&blocked, SIGALRM);
  r->second_status = sigismember(&blocked, SIGSEGV) || sigismember(&blocked, SIGFPE);
  fire(r);
}

TEST(callbacks_run_with_signals_blocked_but_the_synchronous_ones) {
  record r = { 0 };
  fire_once(ask_for_signals, &r);
  EQ(r.status, 1);
  EQ(r.second_status, 0);
}

static void exit_its_thread(void *arg) {
  fire(arg);
  pthread_exit(NULL);
}

TEST(a_callback_that_ends_its_thread_harms_no_other_timer) {
  record gone = { 0 }, other = { 0 }, periodic = { 0 };
  const threading_timer p = create(0, exit_its_thread, &periodic, THREADING_MILLISECONDS(1));
  OK(threading_timer_start(p));
  const threading_timer t = create(0, exit_its_thread, &gone, 0);
  OK(threading_timer_start(t));
  // Whatever it says of a callback that did not return, the join ends.
  const threading_status joined = threading_timer_join(t, scaled(THREADING_SECONDS(5)));
  CHECK(joined == THREADING_OK || joined == THREADING_FAILED);
  EQ(gone.fired, 1);
  fire_once(fire, &other);
  end(&gone);
  end(&periodic);
  CHECK(periodic.fired >= 1);
}

// ---- Callbacks that block ----

static void enter_and_wait_for_the_gate(void *arg) {
  record *r = arg;
  atomic_store(&r->entered, true);
  WAIT_UNTIL(atomic_load(&r->gate));
  fire(r);
}

TEST(blocking_callbacks_do_not_delay_others) {
  enum { COUNT = 12 };
  static record blocked[COUNT];
  for (int i = 0; i < COUNT; i++) {
    OK(threading_timer_start(create(0, enter_and_wait_for_the_gate, &blocked[i], 0)));
    WAIT_UNTIL(atomic_load(&blocked[i].entered));
    record other = { 0 };
    fire_once(fire, &other);
  }
  for (int i = 0; i < COUNT; i++) EQ(blocked[i].fired, 0);
  for (int i = 0; i < COUNT; i++) atomic_store(&blocked[i].gate, true);
  for (int i = 0; i < COUNT; i++) {
    OK(threading_timer_join(blocked[i].timer, THREADING_FOREVER));
    EQ(blocked[i].fired, 1);
    end(&blocked[i]);
  }
}

TEST(a_blocking_callback_does_not_delay_what_is_pending_already) {
  enum { COUNT = 4 };
  record pending[COUNT] = { 0 }, blocked = { 0 };
  for (int i = 0; i < COUNT; i++) {
    OK(threading_timer_start(create(THREADING_MILLISECONDS(20 + i), fire, &pending[i], 0)));
  }
  OK(threading_timer_start(create(0, enter_and_wait_for_the_gate, &blocked, 0)));
  WAIT_UNTIL(atomic_load(&blocked.entered));
  for (int i = 0; i < COUNT; i++) WAIT_UNTIL(atomic_load(&pending[i].fired) == 1);
  EQ(blocked.fired, 0);
  atomic_store(&blocked.gate, true);
  OK(threading_timer_join(blocked.timer, THREADING_FOREVER));
  for (int i = 0; i < COUNT; i++) end(&pending[i]);
  end(&blocked);
}

TEST(a_periodic_one_does_not_overtake_its_own_callback) {
  record r = { 0 };
  const threading_timer t = create(0, enter_and_wait_for_the_gate, &r, THREADING_MILLISECONDS(1));
  OK(threading_timer_start(t));
  WAIT_UNTIL(atomic_load(&r.entered));
  record later = { 0 };
  const threading_timer u = create(THREADING_MILLISECONDS(20), fire, &later, 0);
  OK(threading_timer_start(u));
  OK(threading_timer_join(u, THREADING_FOREVER));
  EQ(r.fired, 0);
  atomic_store(&r.gate, true);
  WAIT_UNTIL(atomic_load(&r.fired) >= 3);
  OK(threading_timer_cancel(t));
  end(&r);
  end(&later);
}

// Short callbacks and ones that block, all due at one moment, in turns and in runs.
TEST(those_that_block_among_many_that_are_due_at_once_delay_none) {
  enum { COUNT = 600 };
  static record records[COUNT];
  const int64_t due = threading_now() + THREADING_MILLISECONDS(50);
  int blocking = 0;
  for (int i = 0; i < COUNT; i++) {
    const bool blocks = i % 100 == 50 || (i >= 300 && i < 306);
    blocking += blocks;
    const threading_callback call = blocks ? enter_and_wait_for_the_gate : fire;
    OK(threading_timer_start(create(threading_until(due), call, &records[i], 0)));
  }
  for (int i = 0; i < COUNT; i++) {
    WAIT_UNTIL(atomic_load(&records[i].entered) || atomic_load(&records[i].fired) == 1);
  }
  record later = { 0 };
  fire_once(fire, &later);
  for (int i = 0; i < COUNT; i++) {
    blocking -= records[i].entered;
    EQ(records[i].fired, records[i].entered ? 0 : 1);
    atomic_store(&records[i].gate, true);
  }
  EQ(blocking, 0);
  for (int i = 0; i < COUNT; i++) {
    OK(threading_timer_join(records[i].timer, THREADING_FOREVER));
    EQ(records[i].fired, 1);
    end(&records[i]);
  }
}

// One that is due just after a crowd: whoever watched the crowd has to see to it in time.
TEST(what_is_due_after_many_is_not_forgotten) {
  enum { CROWD = 100, ROUNDS = 40 };
  static record crowd[CROWD];
  for (int round = 0; round < ROUNDS; round++) {
    const int64_t due = threading_now() + THREADING_MILLISECONDS(2);
    record last = { 0 };
    for (int i = 0; i < CROWD; i++) {
      crowd[i] = (record){ 0 };
      OK(threading_timer_start(create(threading_until(due), fire, &crowd[i], 0)));
    }
    OK(threading_timer_start(create(threading_until(due + round * 10000), fire, &last, 0)));
    OK(threading_timer_join(last.timer, THREADING_SECONDS(5)));
    for (int i = 0; i < CROWD; i++) {
      OK(threading_timer_join(crowd[i].timer, THREADING_SECONDS(5)));
      end(&crowd[i]);
    }
    end(&last);
  }
}

// ---- Periods ----

static void note_the_time_and_work(void *arg) {
  record *r = arg;
  const int n = atomic_load(&r->fired);
  const int64_t now = NOW_NS();
  if (n < r->count_wanted) r->at[n] = now;
  WAIT_UNTIL(NOW_NS() >= now + THREADING_MILLISECONDS(40));
  fire(r);
}

static int ascending(const void *a, const void *b) {
  const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

// Work of 40 ms in a period of 100 ms: counted from the end of the work, the firings would come 0, 40, 80, 20
// and 60 ms after full periods, over and over. A busy machine may delay some, so the median decides.
TEST(periods_do_not_drift) {
  enum { COUNT = 15 };
  const int64_t interval = THREADING_MILLISECONDS(10), period = THREADING_MILLISECONDS(100);
  record r = { .count_wanted = COUNT };
  const threading_timer t = create(interval, note_the_time_and_work, &r, period);
  const int64_t began = NOW_NS();
  OK(threading_timer_start(t));
  WAIT_UNTIL(atomic_load(&r.fired) >= COUNT);
  OK(threading_timer_cancel(t));
  IS(threading_timer_join(t, THREADING_FOREVER), THREADING_CANCELLED);
  int64_t late[COUNT];
  for (int i = 0; i < COUNT; i++) {
    CHECK(r.at[i] >= began + interval + i * period);
    late[i] = (r.at[i] - began - interval) % period;
  }
  qsort(late, COUNT, sizeof late[0], ascending);
  CHECK(late[COUNT / 2] < THREADING_MILLISECONDS(25));
  end(&r);
}

static void cancel_at_the_third(void *arg) {
  record *r = arg;
  fire(r);
  if (atomic_load(&r->fired) == 3) OK(threading_timer_cancel(r->timer));
}

TEST(a_periodic_one_may_cancel_itself) {
  record r = { 0 };
  const threading_timer t = create(0, cancel_at_the_third, &r, THREADING_MILLISECONDS(1));
  OK(threading_timer_start(t));
  IS(threading_timer_join(t, THREADING_FOREVER), THREADING_CANCELLED);
  EQ(r.fired, 3);
  end(&r);
  EQ(r.fired, 3);
}

// ---- Many ----

static void fire_when_due(void *arg) {
  record *r = arg;
  CHECK(NOW_NS() >= r->at[0]);
  fire(r);
}

TEST(many_timers_each_fire_once_not_before_their_time) {
  enum { COUNT = 2000 };
  static record records[COUNT];
  uint32_t random = 1;
  for (int i = 0; i < COUNT; i++) {
    random = random * 1664525 + 1013904223;
    const int64_t interval = (int64_t)(random >> 8) % THREADING_MILLISECONDS(300);
    records[i].at[0] = NOW_NS() + interval;
    OK(threading_timer_start(create(interval, fire_when_due, &records[i], 0)));
    if (i % 5 == 4) OK(threading_timer_cancel(records[i - 2].timer));
  }
  for (int i = 0; i < COUNT; i++) {
    const threading_status joined = threading_timer_join(records[i].timer, THREADING_FOREVER);
    CHECK(joined == THREADING_OK || (joined == THREADING_CANCELLED && i % 5 == 2));
    EQ(records[i].fired, joined == THREADING_OK);
    OK(threading_timer_destroy(records[i].timer));
  }
  for (int i = 0; i < COUNT; i++) WAIT_UNTIL(atomic_load(&records[i].destroyed) == 1);
}

typedef struct rivals {
  record r;
  _Atomic int begun;  // the round that has begun, -1 after the last
  _Atomic int ready, given_up;
} rivals;

static void *cancel_and_destroy(void *arg) {
  rivals *both = arg;
  for (int round = 1;; round++) {
    WAIT_UNTIL(atomic_load(&both->begun) == round || atomic_load(&both->begun) < 0);
    if (atomic_load(&both->begun) < 0) return NULL;
    const threading_status cancelled = threading_timer_cancel(both->r.timer);
    CHECK(cancelled == THREADING_OK || cancelled == THREADING_E_HANDLE);
    const threading_status destroyed = threading_timer_destroy(both->r.timer);
    CHECK(destroyed == THREADING_OK || destroyed == THREADING_E_HANDLE);
    if (destroyed == THREADING_OK) atomic_fetch_add(&both->given_up, 1);
    atomic_fetch_add(&both->ready, 1);
  }
}

// Two give up the same timer while it may fire, and the next one takes its slot at once: each argument is
// destroyed once, by whoever it may be.
TEST(rivals_give_a_timer_up_and_its_argument_is_destroyed_once) {
  static rivals both;
  const threading_thread one = spawn_thread(cancel_and_destroy, &both);
  const threading_thread two = spawn_thread(cancel_and_destroy, &both);
  const int64_t until = NOW_NS() + THREADING_SECONDS(2);
  int round = 0;
  while (round < 2000 && NOW_NS() < until) {
    atomic_store(&both.r.destroyed, 0);
    atomic_store(&both.r.fired, 0);
    atomic_store(&both.given_up, 0);
    atomic_store(&both.ready, 0);
    const threading_timer t = create(round % 50 * 1000, fire, &both.r, 0);
    if (round % 3 > 0) OK(threading_timer_start(t));
    atomic_store(&both.begun, ++round);
    WAIT_UNTIL(atomic_load(&both.ready) == 2);
    EQ(both.given_up, 1);
    WAIT_UNTIL(atomic_load(&both.r.destroyed) >= 1);
    IS(threading_timer_destroy(t), THREADING_E_HANDLE);
    EQ(both.r.destroyed, 1);
    CHECK(both.r.fired <= 1);
  }
  atomic_store(&both.begun, -1);
  finish_thread(one);
  finish_thread(two);
}

TEST(cancel_races_with_firing_and_one_of_them_wins) {
  const int64_t give_up = NOW_NS() + THREADING_SECONDS(2);
  for (int round = 0; round < 1000 && NOW_NS() < give_up; round++) {
    record r = { 0 };
    const threading_timer t = create(round % 100 * 1000, fire, &r, 0);
    OK(threading_timer_start(t));
    for (const int64_t until = NOW_NS() + round % 97 * 1000; NOW_NS() < until;) continue;
    OK(threading_timer_cancel(t));
    const threading_status joined = threading_timer_join(t, THREADING_FOREVER);
    CHECK(joined == THREADING_OK || joined == THREADING_CANCELLED);
    EQ(r.fired, joined == THREADING_OK);
    end(&r);
    EQ(r.fired, joined == THREADING_OK);
  }
}
