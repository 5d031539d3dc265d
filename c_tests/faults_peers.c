// Faults that other libraries had in their conditions (section K of docs/faults.md), in the shape in which
// they struck there. A wake-up that is lost shows as a case that does not end.
#include "harness.h"
#include "rounds.h"

static threading_lock lock;
static threading_condition condition, answered;
static atomic_bool stop;

static void stop_and_finish(threading_thread *threads, int count) {
  atomic_store(&stop, true);
  for (int i = 0; i < count; i++) finish_thread(threads[i]);
}

// ---- Conditions ----

static int work, done;

// Takes what there is to do; sleeps only while there is nothing.
static void *work_for_ever(void *arg) {
  OK(threading_condition_acquire(condition, THREADING_FOREVER));
  while (!atomic_load(&stop)) {
    if (work > 0) {
      work--;
      done++;
      OK(threading_condition_notify(answered, 1));
    } else {
      OK(threading_condition_wait(condition, THREADING_FOREVER));
    }
  }
  OK(threading_condition_release(condition));
  return arg;
}

// Waits for a moment beside the workers, and passes on what was not meant for it.
static void *wait_in_the_way(void *arg) {
  const int64_t moment = *(int64_t *)arg;
  OK(threading_condition_acquire(condition, THREADING_FOREVER));
  while (!atomic_load(&stop)) {
    const threading_status status = threading_condition_wait(condition, moment);
    CHECK(status == THREADING_OK || status == THREADING_TIMEOUT);
    if (status == THREADING_OK) OK(threading_condition_notify(condition, 1));
  }
  OK(threading_condition_release(condition));
  return arg;
}

// Waiters of an older group leave while a younger one forms: the one signal has to reach somebody who stays.
TEST(fault_K1_glibc_25847_a_signal_between_two_groups) {
  const int64_t moments[] = { 1000, 20000, 70000 };
  const int64_t end = end_of(700);
  threading_thread threads[6];
  OK(threading_lock_create(&lock));
  OK(threading_condition_create_with_lock(lock, &condition));
  OK(threading_condition_create_with_lock(lock, &answered));
  for (int i = 0; i < 3; i++) threads[i] = spawn_thread(work_for_ever, NULL);
  for (int i = 0; i < 3; i++) threads[3 + i] = spawn_thread(wait_in_the_way, (void *)(uintptr_t)&moments[i]);
  OK(threading_condition_acquire(condition, THREADING_FOREVER));
  int given = 0;
  while (again(given, 100, 50000, end)) {
    work++;
    given++;
    OK(threading_condition_notify(condition, 1));
    while (done < given) OK(threading_condition_wait(answered, THREADING_FOREVER));
  }
  atomic_store(&stop, true);
  OK(threading_condition_notify_all(condition));
  OK(threading_condition_release(condition));
  for (int i = 0; i < 6; i++) finish_thread(threads[i]);
  EQ(done, given);
}

static int taken;

static void *take_one_notify(void *arg) {
  OK(threading_condition_acquire(condition, THREADING_FOREVER));
  taken = 0;
  OK(threading_condition_wait(condition, THREADING_FOREVER));
  taken = 1;
  OK(threading_condition_release(condition));
  return arg;
}

// Whoever begins to wait after a notify has no part in it, though it may be awake sooner than its owner.
TEST(fault_K2_glibc_13165_a_late_waiter_steals_a_signal) {
  const int64_t end = end_of(700);
  int rounds = 0;
  OK(threading_condition_create(&condition));
  for (; again(rounds, 10, 1000, end); rounds++) {
    taken = -1;
    const threading_thread waiter = spawn_thread(take_one_notify, NULL);
    OK(threading_condition_acquire(condition, THREADING_FOREVER));
    while (taken != 0) {
      OK(threading_condition_release(condition));
      threading_yield();
      OK(threading_condition_acquire(condition, THREADING_FOREVER));
    }
    OK(threading_condition_notify(condition, 1));
    IS(threading_condition_wait(condition, 20000), THREADING_TIMEOUT);
    OK(threading_condition_release(condition));
    finish_thread(waiter);
    EQ(taken, 1);
  }
  OK(threading_condition_destroy(condition));
}

static atomic_int broadcasts, woken;

static void *broadcast(void *arg) {
  while (!atomic_load(&stop)) {
    OK(threading_condition_acquire(condition, THREADING_FOREVER));
    OK(threading_condition_notify_all(condition));
    OK(threading_condition_release(condition));
    atomic_fetch_add(&broadcasts, 1);
  }
  return arg;
}

static void *be_woken(void *arg) {
  const int64_t timeout_ns = *(int64_t *)arg;
  while (!atomic_load(&stop)) {
    OK(threading_condition_acquire(condition, THREADING_FOREVER));
    if (threading_condition_wait(condition, timeout_ns) == THREADING_OK) atomic_fetch_add(&woken, 1);
    OK(threading_condition_release(condition));
  }
  return arg;
}

// Broadcasts wait for nobody, however slowly those leave whom the last one woke.
TEST(fault_K3_glibc_23538_a_broadcast_hangs) {
  const int64_t timeouts[] = { THREADING_FOREVER, THREADING_FOREVER, 1000, 30000 };
  const int64_t end = end_of(400);
  threading_thread waiters[4], broadcasters[2];
  OK(threading_condition_create(&condition));
  for (int i = 0; i < 4; i++) waiters[i] = spawn_thread(be_woken, (void *)(uintptr_t)&timeouts[i]);
  for (int i = 0; i < 2; i++) broadcasters[i] = spawn_thread(broadcast, NULL);
  while (NOW_NS() < end || atomic_load(&woken) < 100) threading_yield();
  // Those who wait for ever are woken by those who broadcast, who are the last to stop.
  atomic_store(&stop, true);
  for (int i = 0; i < 4; i++) {
    while (threading_thread_join(waiters[i], 100000) == THREADING_TIMEOUT) {
      OK(threading_condition_acquire(condition, THREADING_FOREVER));
      OK(threading_condition_notify_all(condition));
      OK(threading_condition_release(condition));
    }
    OK(threading_thread_destroy(waiters[i]));
  }
  stop_and_finish(broadcasters, 2);
  CHECK(atomic_load(&broadcasts) > 100);
  OK(threading_condition_destroy(condition));
}

static int patient;

static void *wait_patiently(void *arg) {
  OK(threading_condition_acquire(condition, THREADING_FOREVER));
  while (patient < 2000) {
    OK(threading_condition_wait(condition, THREADING_FOREVER));
    patient++;
  }
  OK(threading_condition_release(condition));
  return arg;
}

// A waiter that gives up and waits again stands at the same address of its stack: it is another waiter.
TEST(fault_K9_musl_condvar_a_waiter_comes_back_at_its_old_place) {
  const int64_t moments[] = { 1, 500, 3000 };
  threading_thread threads[4];
  OK(threading_condition_create(&condition));
  for (int i = 0; i < 3; i++) threads[i] = spawn_thread(be_woken, (void *)(uintptr_t)&moments[i]);
  threads[3] = spawn_thread(wait_patiently, NULL);
  const int64_t end = end_of(5000);
  for (;;) {
    OK(threading_condition_acquire(condition, THREADING_FOREVER));
    OK(threading_condition_notify(condition, 1));
    const int seen = patient;
    if (NOW_NS() > end) patient = 2000;
    OK(threading_condition_release(condition));
    if (seen >= 2000) break;
    if (seen % 8 == 0) threading_yield();
  }
  stop_and_finish(threads, 3);
  finish_thread(threads[3]);
  OK(threading_condition_destroy(condition));
}

static int gates;  // a bit for each that may go

typedef struct guest {
  int bit;
  int64_t timeout_ns;
  threading_status status;
} guest;

static int32_t may_go(void *arg) { return (gates & ((guest *)arg)->bit) != 0; }

static void *wait_at_gate(void *arg) {
  guest *own = arg;
  OK(threading_condition_acquire(condition, THREADING_FOREVER));
  own->status = threading_condition_wait_for(condition, may_go, own, own->timeout_ns);
  OK(threading_condition_release(condition));
  return NULL;
}

// One goes, and others give up in the same moment: their leaving takes nothing from the one.
TEST(fault_K19_abseil_MutexTimeoutBug_some_give_up_while_one_may_go) {
  const int64_t end = end_of(700);
  int rounds = 0;
  OK(threading_condition_create(&condition));
  for (; again(rounds, 10, 500, end); rounds++) {
    guest guests[] = { { 1, 30000, 0 }, { 2, THREADING_FOREVER, 0 }, { 4, 30000, 0 }, { 8, 60000, 0 } };
    threading_thread threads[4];
    gates = 0;
    for (int i = 0; i < 4; i++) threads[i] = spawn_thread(wait_at_gate, &guests[i]);
    OK(threading_condition_acquire(condition, THREADING_FOREVER));
    gates = 2;
    OK(threading_condition_notify_all(condition));
    OK(threading_condition_release(condition));
    for (int i = 0; i < 4; i++) finish_thread(threads[i]);
    for (int i = 0; i < 4; i++) EQ(guests[i].status, i == 1 ? THREADING_OK : THREADING_TIMEOUT);
  }
  OK(threading_condition_destroy(condition));
}

static int arrived, left;

static void *wait_for_all(void *arg) {
  OK(threading_condition_acquire(condition, THREADING_FOREVER));
  arrived++;
  OK(threading_condition_wait(condition, THREADING_FOREVER));
  left++;
  OK(threading_condition_release(condition));
  return arg;
}

static void *acquire_in_between(void *arg) {
  while (!atomic_load(&stop))
    if (threading_lock_acquire(lock, *(int64_t *)arg) == THREADING_OK) OK(threading_lock_release(lock));
  return arg;
}

// Who is notified under the lock waits for the lock next; on that way nobody gets lost.
TEST(fault_K23_nsync_cv_transfer_from_the_condition_to_the_lock) {
  const int64_t moments[] = { 0, 2000 }, end = end_of(600);
  int rounds = 0;
  threading_thread others[2], waiters[5];
  OK(threading_lock_create(&lock));
  OK(threading_condition_create_with_lock(lock, &condition));
  for (int i = 0; i < 2; i++) others[i] = spawn_thread(acquire_in_between, (void *)(uintptr_t)&moments[i]);
  for (; again(rounds, 10, 300, end); rounds++) {
    arrived = left = 0;
    for (int i = 0; i < 5; i++) waiters[i] = spawn_thread(wait_for_all, NULL);
    OK(threading_condition_acquire(condition, THREADING_FOREVER));
    while (arrived < 5) {
      OK(threading_condition_release(condition));
      threading_yield();
      OK(threading_condition_acquire(condition, THREADING_FOREVER));
    }
    OK(threading_condition_notify(condition, 2));
    OK(threading_condition_notify_all(condition));
    EQ(left, 0);
    OK(threading_condition_release(condition));
    for (int i = 0; i < 5; i++) finish_thread(waiters[i]);
    EQ(left, 5);
  }
  stop_and_finish(others, 2);
}
