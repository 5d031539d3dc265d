// Faults that other libraries had in their locks and lists of threads (section K of docs/faults.md), in the
// shape in which they struck there. A wake-up that is lost shows as a case that does not end.
#include "child.h"
#include "rounds.h"

static threading_lock lock;
static threading_rlock rlock;
static threading_condition condition;
static threading_semaphore semaphore;
static atomic_bool stop;

static void stop_and_finish(threading_thread *threads, int count) {
  atomic_store(&stop, true);
  for (int i = 0; i < count; i++) finish_thread(threads[i]);
}

// ---- Locks ----

static atomic_int heirs_after_death;

static void *inherit_and_end(void *arg) {
  const threading_status status = threading_rlock_acquire(rlock, arg ? *(int64_t *)arg : THREADING_FOREVER);
  if (status == THREADING_TIMEOUT) return NULL;
  CHECK(THREADING_ACQUIRED(status));
  atomic_fetch_add(&heirs_after_death, status == THREADING_OWNER_DEAD);
  return NULL;  // ends as the one before: holding
}

// Each owner dies holding, while some heirs give up: the lock comes to every one who stays.
TEST(fault_K5_glibc_20973_a_robust_lock_forgets_who_waits) {
  const int64_t moments[] = { 10000, 60000 }, end = end_of(700);
  int rounds = 0;
  for (; again(rounds, 10, 200, end); rounds++) {
    threading_thread heirs[6];
    atomic_store(&heirs_after_death, 0);
    OK(threading_rlock_create(&rlock));
    OK(threading_rlock_acquire(rlock, THREADING_FOREVER));
    for (int i = 0; i < 6; i++)
      heirs[i] = spawn_thread(inherit_and_end, i % 3 == 2 ? (void *)(uintptr_t)&moments[i / 3] : NULL);
    OK(threading_rlock_release(rlock));
    for (int i = 0; i < 6; i++) finish_thread(heirs[i]);
    CHECK(atomic_load(&heirs_after_death) >= 3);  // only the first of four or more finds no dead owner
    IS(threading_rlock_acquire(rlock, 0), THREADING_OWNER_DEAD);
    OK(threading_rlock_release(rlock));
    OK(threading_rlock_destroy(rlock));
  }
}

static void *inherit_and_end_later(void *arg) {
  const threading_status status = threading_rlock_acquire(rlock, THREADING_FOREVER);
  CHECK(THREADING_ACQUIRED(status));
  const int64_t end = NOW_NS() + (intptr_t)arg * 1000;
  while (NOW_NS() < end) {
  }
  return NULL;
}

// Heirs come while owners die: one who has just come may inherit before those who wait, and die while they look.
TEST(fault_K5_heirs_that_come_while_owners_die) {
  const int64_t end = end_of(700);
  int rounds = 0;
  for (; again(rounds, 10, 2000, end); rounds++) {
    threading_thread heirs[12];
    OK(threading_rlock_create(&rlock));
    for (intptr_t i = 0; i < 12; i++) heirs[i] = spawn_thread(inherit_and_end_later, (void *)((rounds + 7 * i) % 90));
    for (int i = 0; i < 12; i++) finish_thread(heirs[i]);
    IS(threading_rlock_acquire(rlock, 0), THREADING_OWNER_DEAD);
    OK(threading_rlock_release(rlock));
    OK(threading_rlock_destroy(rlock));
  }
}

static void *release_once(void *arg) {
  OK(threading_semaphore_release(*(threading_semaphore *)arg, 1));
  return NULL;
}

// The one who was let in ends the semaphore, and its place is another's, before the release has returned.
TEST(fault_K7_glibc_12674_a_release_touches_what_is_gone) {
  const int64_t end = end_of(600);
  int rounds = 0;
  for (; again(rounds, 10, 2000, end); rounds++) {
    threading_semaphore gone, next;
    OK(threading_semaphore_create(0, &gone));
    const threading_thread releaser = spawn_thread(release_once, &gone);
    OK(threading_semaphore_acquire(gone, THREADING_FOREVER));
    OK(threading_semaphore_destroy(gone));
    OK(threading_semaphore_create(0, &next));
    IS(threading_semaphore_acquire(next, 0), THREADING_TIMEOUT);
    finish_thread(releaser);
    EQ(threading_semaphore_value(next), 0);
    OK(threading_semaphore_destroy(next));
  }
}

typedef struct user {
  threading_status (*acquire)(int64_t timeout_ns);
  threading_status (*release)(void);
  int64_t timeout_ns;
  long acquired;
} user;

static threading_status acquire_lock(int64_t t) { return threading_lock_acquire(lock, t); }
static threading_status release_lock(void) { return threading_lock_release(lock); }
static threading_status acquire_rlock(int64_t t) { return threading_rlock_acquire(rlock, t); }
static threading_status release_rlock(void) { return threading_rlock_release(rlock); }
static threading_status acquire_condition(int64_t t) { return threading_condition_acquire(condition, t); }
static threading_status release_condition(void) { return threading_condition_release(condition); }
static threading_status acquire_semaphore(int64_t t) { return threading_semaphore_acquire(semaphore, t); }
static threading_status release_semaphore(void) { return threading_semaphore_release(semaphore, 1); }

static long guarded;  // no atomic: the lock orders it, or the sum is wrong

enum { ATTEMPTS = 24, USERS = 4 };

static void *use_lock_some_times(void *arg) {
  user *own = arg;
  own->acquired = 0;
  for (int i = 0; i < ATTEMPTS; i++) {
    const threading_status status = own->acquire(own->timeout_ns);
    if (status == THREADING_TIMEOUT && own->timeout_ns != THREADING_FOREVER) continue;
    CHECK(status == THREADING_OK);
    guarded++;
    own->acquired++;
    if (i % 8 == 0) threading_yield();  // held for a while now and then, so that others go to sleep
    OK(own->release());
  }
  return NULL;
}

// Four users of each kind of lock. Rounds are short: whoever is forgotten shows when nobody comes by any
// more.
static void contend(const int64_t *timeouts, int64_t milliseconds) {
  static const struct {
    threading_status (*acquire)(int64_t timeout_ns);
    threading_status (*release)(void);
  } kinds[] = { { acquire_lock, release_lock },
                { acquire_rlock, release_rlock },
                { acquire_condition, release_condition },
                { acquire_semaphore, release_semaphore } };
  OK(threading_lock_create(&lock));
  OK(threading_rlock_create(&rlock));
  OK(threading_condition_create(&condition));
  OK(threading_semaphore_create(1, &semaphore));
  for (int kind = 0; kind < 4; kind++) {
    const int64_t end = end_of(milliseconds);
    for (int round = 0; again(round, 10, 2000, end); round++) {
      user users[USERS];
      threading_thread threads[USERS];
      long all = 0;
      guarded = 0;
      for (int i = 0; i < USERS; i++) {
        users[i] = (user){ kinds[kind].acquire, kinds[kind].release, timeouts[i], 0 };
        threads[i] = spawn_thread(use_lock_some_times, &users[i]);
      }
      for (int i = 0; i < USERS; i++) finish_thread(threads[i]);
      for (int i = 0; i < USERS; i++) {
        all += users[i].acquired;
        if (timeouts[i] == THREADING_FOREVER) EQ(users[i].acquired, ATTEMPTS);
      }
      EQ(guarded, all);
    }
  }
}

#define FOREVER THREADING_FOREVER

// Who comes by and finds it free forgets that others sleep.
TEST(fault_K8_musl_lockfile_forgets_who_waits) { contend((int64_t[]){ FOREVER, FOREVER, 0, 0 }, 120); }

// What was written under the lock is seen by the next, however the lock came to it.
TEST(fault_K10_parking_lot_260_292_294_344_orders) {
  contend((int64_t[]){ FOREVER, FOREVER, THREADING_SECONDS(10), THREADING_SECONDS(20) }, 120);
}

// Who gives up while it is released takes away the mark that others wait.
TEST(fault_K11_parking_lot_465_a_timeout_forgets_who_waits) {
  contend((int64_t[]){ FOREVER, FOREVER, 2000, 30000 }, 120);
}

// Everybody is always on the way in: somebody gets in all the same, and each does.
TEST(fault_K24_drepper_mutex1_all_at_once) {
  contend((int64_t[]){ FOREVER, FOREVER, FOREVER, FOREVER }, 120);
}

// ---- Deadlocks that are none ----

static threading_rlock first, second;

static void *both_in_order(void *arg) {
  const threading_rlock order[] = { arg ? first : second, arg ? second : first };
  for (int i = 0; i < 20; i++) {
    OK(threading_rlock_acquire(order[0], THREADING_FOREVER));
    OK(threading_rlock_acquire(order[1], THREADING_FOREVER));
    if (i % 4 == 0) threading_yield();
    OK(threading_rlock_release(order[1]));
    OK(threading_rlock_release(order[0]));
  }
  return NULL;
}

// New locks in old places are used in the other order, and rightly: what was known of the old ones is over.
TEST(fault_K21_abseil_DeadlockIdBug_a_new_lock_is_taken_for_an_old_one) {
  const int64_t end = end_of(600);
  int rounds = 0;
  for (; again(rounds, 10, 1000, end); rounds++) {
    threading_thread threads[2];
    void *order = rounds % 2 == 0 ? &first : NULL;
    OK(threading_rlock_create(&first));
    OK(threading_rlock_create(&second));
    for (int i = 0; i < 2; i++) threads[i] = spawn_thread(both_in_order, order);
    for (int i = 0; i < 2; i++) finish_thread(threads[i]);
    OK(threading_rlock_destroy(rounds % 3 == 0 ? first : second));
    OK(threading_rlock_destroy(rounds % 3 == 0 ? second : first));
  }
}

// ---- Names, forks and exits ----

static void *look_around(void *arg) {
  threading_thread all[32];
  char name[64];
  size_t count = 0;
  while (!atomic_load(&stop)) {
    OK(threading_enumerate(all, 32, &count));
    for (size_t i = 0; i < count && i < 32; i++) {
      const char *wanted = i % 2 ? "odd, and rather long for a name" : "even";
      threading_status status = threading_thread_set_name(all[i], wanted);
      CHECK(status == THREADING_OK || status == THREADING_E_HANDLE);
      status = threading_thread_name(all[i], name, sizeof name, NULL);
      CHECK(status == THREADING_OK || status == THREADING_E_HANDLE);
    }
  }
  return arg;
}

static void *return_arg(void *arg) { return arg; }

// Things are named by some while others end them.
TEST(fault_K22_abseil_SynchEventRace_names_of_what_ends) {
  const int64_t end = end_of(400);
  threading_thread lookers[2];
  for (int i = 0; i < 2; i++) lookers[i] = spawn_thread(look_around, NULL);
  for (int i = 0; again(i, 10, 2000, end); i++) finish_thread(spawn_thread(return_arg, NULL));
  stop_and_finish(lookers, 2);
}

static void *come_and_go(void *arg) {
  while (!atomic_load(&stop)) finish_thread(spawn_thread(return_arg, NULL));
  return arg;
}

static void use_threads_in_child(void *arg) {
  (void)arg;
  EQ(threading_active_count(), 1);
  finish_thread(spawn_thread(return_arg, NULL));
  OK(threading_shutdown(THREADING_FOREVER));
}

// Another thread is in the middle of the list of all threads when this one forks.
TEST(fault_K25_cpython_112275_a_fork_amid_the_list_of_threads) {
  skip_on_the_portable_backend();
  const int64_t end = end_of(600);
  threading_thread threads[3];
  int forks = 0;
  for (int i = 0; i < 3; i++) threads[i] = spawn_thread(come_and_go, NULL);
  for (; again(forks, 5, 100, end); forks++) EQ(child_fork(use_threads_in_child, NULL, NULL, 0), 0);
  stop_and_finish(threads, 3);
}

static atomic_int hammering;

static void *hammer(void *arg) {
  for (;;) {
    if (acquire_lock(1000) == THREADING_OK) OK(release_lock());
    if (acquire_semaphore(100) == THREADING_OK) OK(release_semaphore());
    CHECK(threading_condition_acquire(condition, THREADING_FOREVER) == THREADING_OK);
    const threading_status status = threading_condition_wait(condition, 1000);
    CHECK(status == THREADING_OK || status == THREADING_TIMEOUT);
    OK(threading_condition_release(condition));
    atomic_fetch_add(&hammering, 1);
  }
  return arg;
}

SCENARIO(leave_daemons_behind) {
  const threading_thread_options options = { .size = sizeof options, .daemon = THREADING_DAEMON };
  threading_thread daemon;
  OK(threading_lock_create(&lock));
  OK(threading_semaphore_create(1, &semaphore));
  OK(threading_condition_create(&condition));
  for (int i = 0; i < 8; i++) OK(threading_thread_spawn(hammer, NULL, &options, &daemon));
  WAIT_UNTIL(atomic_load(&hammering) >= 20);
  exit(3);
}

// Daemons that want locks while the process ends neither crash nor hold it back.
TEST(fault_K26_cpython_87135_daemons_at_the_end) {
  const int64_t end = end_of(800);
  for (int i = 0; again(i, 3, 30, end); i++) EQ(child_exec("leave_daemons_behind", NULL, 0), 3);
}
