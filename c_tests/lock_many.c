// One lock under more threads than its word has signs for: 127 have one, all others are known by the name beside the
// word alone. Each thread does everything, so those with a sign and those without meet in every pair.
#include "child.h"

enum { THREADS = 160, ROUNDS = 200 };

static threading_lock lock;
static threading_condition condition;
static threading_thread threads[THREADS];
static threading_event turns[THREADS];
static atomic_int ready, done;
static atomic_bool leave;
static long visits;  // changes only under the lock

static void make_lock(void) {
  OK(threading_lock_create(&lock));
  OK(threading_condition_create_with_lock(lock, &condition));
}

static void end_lock(void) {
  OK(threading_condition_destroy(condition));
  OK(threading_lock_destroy(lock));
}

static void start_all(threading_target target) {
  for (int i = 0; i < THREADS; i++) OK(threading_event_create(&turns[i]));
  for (int i = 0; i < THREADS; i++) threads[i] = spawn_thread(target, &turns[i]);
  WAIT_UNTIL(atomic_load(&ready) == THREADS);
}

static void finish_all(void) {
  atomic_store(&leave, true);
  for (int i = 0; i < THREADS; i++) OK(threading_event_set(turns[i]));
  for (int i = 0; i < THREADS; i++) finish_thread(threads[i]);
}

// Does `part` each time that it is this thread's turn.
static void *serve(const threading_event *turn, void (*part)(void)) {
  atomic_fetch_add(&ready, 1);
  for (;;) {
    OK(threading_event_wait(*turn, THREADING_FOREVER));
    if (atomic_load(&leave)) return NULL;
    OK(threading_event_clear(*turn));
    part();
    atomic_fetch_add(&done, 1);
  }
}

// Lets the `i`-th thread do its part, and waits for it.
static void ask(int i) {
  const int before = atomic_load(&done);
  OK(threading_event_set(turns[i]));
  WAIT_UNTIL(atomic_load(&done) == before + 1);
}

// ---- Exclusion ----

static void *visit_often(void *arg) {
  atomic_fetch_add(&ready, 1);
  WAIT_UNTIL(atomic_load(&ready) == THREADS);
  for (int i = 0; i < ROUNDS; i++) {
    OK(threading_lock_acquire(lock, THREADING_FOREVER));
    visits++;
    OK(threading_lock_release(lock));
  }
  return arg;
}

TEST(many_exclude_each_other) {
  make_lock();
  start_all(visit_often);
  finish_all();
  EQ(visits, (long)THREADS * ROUNDS);
  end_lock();
}

static void *wait_once(void *arg) {
  OK(threading_lock_acquire(lock, THREADING_FOREVER));
  atomic_fetch_add(&ready, 1);
  OK(threading_condition_wait(condition, THREADING_FOREVER));
  visits++;
  OK(threading_condition_notify(condition, 1));
  OK(threading_lock_release(lock));
  return arg;
}

// Each wake is put off by another one, with a sign or without.
TEST(many_wake_each_other) {
  make_lock();
  start_all(wait_once);
  OK(threading_lock_acquire(lock, THREADING_FOREVER));  // the last of them waits by now
  OK(threading_condition_notify(condition, 1));
  OK(threading_lock_release(lock));
  finish_all();
  EQ(visits, THREADS);
  end_lock();
}

// ---- Whose it is ----

static void acquire_it(void) {
  OK(threading_lock_acquire(lock, 0));
  IS(threading_lock_acquire(lock, 0), THREADING_TIMEOUT);
  OK(threading_condition_notify(condition, 1));
}

static void *acquire_when_asked(void *turn) { return serve(turn, acquire_it); }

static void is_not_mine(void) {
  IS(threading_condition_notify(condition, 1), THREADING_E_NOT_OWNER);
  IS(threading_condition_notify_all(condition), THREADING_E_NOT_OWNER);
  IS(threading_condition_wait(condition, 0), THREADING_E_NOT_OWNER);
}

// Main, which has a sign, releases what each thread has acquired.
TEST(any_thread_releases_what_one_of_many_has) {
  make_lock();
  start_all(acquire_when_asked);
  for (int i = 0; i < THREADS; i++) {
    ask(i);
    EQ(threading_lock_locked(lock), 1);
    is_not_mine();
    OK(threading_lock_release(lock));
    IS(threading_lock_release(lock), THREADING_E_STATE);
    is_not_mine();
  }
  finish_all();
  end_lock();
}

static void release_it(void) {
  is_not_mine();
  OK(threading_lock_release(lock));
  IS(threading_lock_release(lock), THREADING_E_STATE);
  is_not_mine();
}

static void *release_when_asked(void *turn) { return serve(turn, release_it); }

// And each thread what main has acquired.
TEST(each_of_many_releases_what_another_one_has) {
  make_lock();
  start_all(release_when_asked);
  for (int i = 0; i < THREADS; i++) {
    OK(threading_lock_acquire(lock, 0));
    ask(i);
    EQ(threading_lock_locked(lock), 0);
    is_not_mine();
  }
  finish_all();
  end_lock();
}

static int passes;

// Every second time it acquires what the one before has released, else it releases what that has acquired: so each
// has released it, or lost it, before the next one has it.
static void pass_on(void) {
  is_not_mine();
  if (passes++ % 2 == 0) {
    acquire_it();
    IS(threading_condition_wait(condition, 0), THREADING_TIMEOUT);
    OK(threading_condition_notify_all(condition));
  } else {
    OK(threading_lock_release(lock));
    is_not_mine();
  }
}

static void *pass_on_when_asked(void *turn) { return serve(turn, pass_on); }

TEST(a_lock_goes_round_among_many) {
  make_lock();
  start_all(pass_on_when_asked);
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < THREADS; i++) ask(round == 1 ? THREADS - 1 - i : (i * 81 + round) % THREADS);
  }
  EQ(threading_lock_locked(lock), 0);
  finish_all();
  end_lock();
}

// ---- Forks ----

static void *stay(void *arg) {
  OK(threading_lock_acquire(lock, 0));
  IS(threading_lock_acquire(lock, 1), THREADING_TIMEOUT);
  return arg;
}

static void acquire_lost_lock(void *arg) {
  (void)arg;
  EQ(threading_lock_locked(lock), 1);
  is_not_mine();
  OK(threading_lock_acquire(lock, 0));
  IS(threading_lock_acquire(lock, 0), THREADING_TIMEOUT);
  OK(threading_condition_notify(condition, 1));
  IS(threading_condition_wait(condition, 0), THREADING_TIMEOUT);
  OK(threading_lock_release(lock));
  is_not_mine();
  // One that the child starts has it as well, and leaves it to a grandchild.
  const threading_thread heir = spawn_thread(stay, NULL);
  finish_thread(heir);
  EQ(threading_lock_locked(lock), 1);
  OK(threading_lock_release(lock));
  end_lock();
}

static void release_lost_lock(void *arg) {
  (void)arg;
  OK(threading_lock_release(lock));
  IS(threading_lock_release(lock), THREADING_E_STATE);
  OK(threading_lock_acquire(lock, THREADING_FOREVER));
  OK(threading_lock_release(lock));
  end_lock();
}

static void acquire_in_grandchild(void *arg) {
  EQ(child_fork(acquire_lost_lock, arg, NULL, 0), 0);
  EQ(threading_lock_locked(lock), 1);
  OK(threading_lock_acquire(lock, 0));
  OK(threading_lock_release(lock));
}

// Of the last thread with a sign, of those without, and of some others.
TEST(fork_while_one_of_many_has_the_lock) {
  skip_on_the_portable_backend();
  static const int holders[] = { 0, 124, 125, 126, 127, 128, THREADS - 1 };
  make_lock();
  start_all(acquire_when_asked);
  for (size_t i = 0; i < sizeof holders / sizeof *holders; i++) {
    ask(holders[i]);
    EQ(child_fork(acquire_lost_lock, NULL, NULL, 0), 0);
    EQ(child_fork(release_lost_lock, NULL, NULL, 0), 0);
    EQ(child_fork(acquire_in_grandchild, NULL, NULL, 0), 0);
    EQ(threading_lock_locked(lock), 1);
    OK(threading_lock_release(lock));
  }
  finish_all();
  end_lock();
}

// What the forking thread has stays its own, whether it has a sign or not.
static void keep_my_lock(void *arg) {
  (void)arg;
  IS(threading_lock_acquire(lock, 0), THREADING_TIMEOUT);
  OK(threading_condition_notify(condition, 1));
  OK(threading_lock_release(lock));
  is_not_mine();
  end_lock();
}

static void fork_with_it(void) {
  acquire_it();
  EQ(child_fork(keep_my_lock, NULL, NULL, 0), 0);
  OK(threading_condition_notify(condition, 1));
  OK(threading_lock_release(lock));
}

static void *fork_when_asked(void *turn) { return serve(turn, fork_with_it); }

TEST(one_of_many_forks_with_its_lock) {
  skip_on_the_portable_backend();
  static const int holders[] = { 0, 125, 126, 127, THREADS - 1 };
  make_lock();
  start_all(fork_when_asked);
  for (size_t i = 0; i < sizeof holders / sizeof *holders; i++) ask(holders[i]);
  finish_all();
  end_lock();
}

// ---- Those who had the place before ----

static void *leave_it_locked(void *arg) {
  OK(threading_lock_acquire(lock, 0));
  return arg;
}

static void it_is_busy(void) {
  is_not_mine();
  IS(threading_lock_destroy(lock), THREADING_E_BUSY);
}

static void *be_refused_when_asked(void *turn) { return serve(turn, it_is_busy); }

static void stays_locked(void *arg) {
  (void)arg;
  IS(threading_lock_acquire(lock, 0), THREADING_TIMEOUT);
  OK(threading_lock_release(lock));
  end_lock();
}

// A thread that ended with the lock is not its successor at the same place, in a child no more than here.
TEST(those_of_the_same_place_do_not_inherit) {
  skip_on_the_portable_backend();
  make_lock();
  finish_thread(spawn_thread(leave_it_locked, NULL));
  start_all(be_refused_when_asked);
  for (int i = 0; i < THREADS; i++) ask(i);
  EQ(child_fork(stays_locked, NULL, NULL, 0), 0);
  finish_all();
  OK(threading_lock_release(lock));
  end_lock();
}
