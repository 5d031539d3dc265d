// threading_futures_wait: the three conditions, flags, timeouts, and everything that several futures can be.
#include "pool.h"
#include "rounds.h"

enum { MOST = 64 };
static threading_future futures[MOST];
static int32_t flags[MOST];

static void make_promises(size_t count) {
  for (size_t i = 0; i < count; i++) OK(threading_future_create(&futures[i]));
  for (size_t i = 0; i < MOST; i++) flags[i] = 77;
}

static void destroy_all(size_t count) {
  for (size_t i = 0; i < count; i++) OK(threading_future_destroy(futures[i]));
}

static void flags_are(size_t count, uint64_t set) {
  for (size_t i = 0; i < count; i++) EQ(flags[i], set >> i & 1);
  for (size_t i = count; i < MOST; i++) EQ(flags[i], 77);
}

TEST(of_none) {
  make_promises(0);
  for (int32_t when = THREADING_FIRST_COMPLETED; when <= THREADING_ALL_COMPLETED; when++) {
    OK(threading_futures_wait(futures, 0, when, THREADING_FOREVER, flags));
    OK(threading_futures_wait(futures, 0, when, 0, NULL));
  }
  flags_are(0, 0);
}

TEST(conditions_have_their_numbers) {
  EQ(THREADING_FIRST_COMPLETED, 0);
  EQ(THREADING_FIRST_FAILED, 1);
  EQ(THREADING_ALL_COMPLETED, 2);
}

TEST(what_is_refused) {
  make_promises(2);
  for (int i = 0; i < 2; i++) {
    IS(threading_futures_wait(futures, 2, -1, 0, flags), THREADING_E_INVALID);
    IS(threading_futures_wait(futures, 2, 3, 0, flags), THREADING_E_INVALID);
    IS(threading_futures_wait(futures, 2, THREADING_ALL_COMPLETED, -2, flags), THREADING_E_INVALID);
    IS(threading_futures_wait(NULL, 2, THREADING_ALL_COMPLETED, 0, flags), THREADING_E_INVALID);
    if (i == 0) for (int k = 0; k < 2; k++) OK(threading_future_set_result(futures[k], NULL));
  }
  const threading_future stale = futures[1];
  OK(threading_future_destroy(stale));
  for (int32_t when = THREADING_FIRST_COMPLETED; when <= THREADING_ALL_COMPLETED; when++)
    IS(threading_futures_wait(futures, 2, when, THREADING_FOREVER, flags), THREADING_E_HANDLE);
  flags_are(0, 0);
  OK(threading_future_destroy(futures[0]));
}

TEST(one_try_says_what_is_done) {
  make_promises(5);
  OK(threading_future_set_result(futures[1], NULL));
  OK(threading_future_cancel(futures[3]));
  IS(threading_futures_wait(futures, 5, THREADING_ALL_COMPLETED, 0, flags), THREADING_TIMEOUT);
  flags_are(5, 0x0a);
  IS(threading_futures_wait(futures, 5, THREADING_FIRST_FAILED, 0, flags), THREADING_TIMEOUT);
  flags_are(5, 0x0a);
  OK(threading_futures_wait(futures, 5, THREADING_FIRST_COMPLETED, 0, flags));
  flags_are(5, 0x0a);
  OK(threading_future_set_failure(futures[4], 1, NULL));
  OK(threading_futures_wait(futures, 5, THREADING_FIRST_FAILED, 0, flags));
  flags_are(5, 0x1a);
  OK(threading_future_set_result(futures[0], NULL));
  OK(threading_future_set_result(futures[2], NULL));
  OK(threading_futures_wait(futures, 5, THREADING_ALL_COMPLETED, 0, flags));
  flags_are(5, 0x1f);
  OK(threading_futures_wait(futures, 5, THREADING_ALL_COMPLETED, 0, NULL));
  destroy_all(5);
}

TEST(a_wait_times_out) {
  make_promises(3);
  OK(threading_future_set_result(futures[2], NULL));
  for (int32_t when = THREADING_FIRST_FAILED; when <= THREADING_ALL_COMPLETED; when++) {
    const int64_t before = NOW_NS();
    flags[0] = flags[1] = flags[2] = 77;
    IS(threading_futures_wait(futures, 3, when, THREADING_MILLISECONDS(5), flags), THREADING_TIMEOUT);
    CHECK(NOW_NS() - before >= THREADING_MILLISECONDS(5));
    flags_are(3, 4);
  }
  IS(threading_futures_wait(futures, 2, THREADING_FIRST_COMPLETED, THREADING_MILLISECONDS(5), NULL),
     THREADING_TIMEOUT);
  destroy_all(3);
}

TEST(the_same_future_several_times) {
  make_promises(1);
  const threading_future thrice[] = { futures[0], futures[0], futures[0] };
  for (int32_t when = THREADING_FIRST_COMPLETED; when <= THREADING_ALL_COMPLETED; when++)
    IS(threading_futures_wait(thrice, 3, when, THREADING_MILLISECONDS(1), flags), THREADING_TIMEOUT);
  flags_are(3, 0);
  OK(threading_future_set_result(futures[0], NULL));
  for (int32_t when = THREADING_FIRST_COMPLETED; when <= THREADING_ALL_COMPLETED; when++)
    OK(threading_futures_wait(thrice, 3, when, THREADING_FOREVER, flags));
  flags_are(3, 7);
  destroy_all(1);
}

TEST(a_first_failure_ignores_what_is_cancelled) {
  make_promises(2);
  OK(threading_future_cancel(futures[0]));
  IS(threading_futures_wait(futures, 2, THREADING_FIRST_FAILED, 0, flags), THREADING_TIMEOUT);
  OK(threading_future_cancel(futures[1]));
  OK(threading_futures_wait(futures, 2, THREADING_FIRST_FAILED, THREADING_FOREVER, flags));
  flags_are(2, 3);
  destroy_all(2);
}

// ---- Blocked until it happens ----

typedef struct waiter {
  int32_t when;
  size_t count;
  threading_status status;
} waiter;

static void *wait_for_all(void *arg) {
  waiter *w = arg;
  w->status = threading_futures_wait(futures, w->count, w->when, THREADING_FOREVER, flags);
  return arg;
}

static threading_thread begin(waiter *w) {
  const threading_thread thread = spawn_thread(wait_for_all, w);
  wait_blocked(thread);
  return thread;
}

static void end(threading_thread thread, waiter *w) {
  finish_thread(thread);
  EQ(w->status, THREADING_OK);
}

TEST(until_the_first_is_done) {
  for (size_t first = 0; first < 5; first++) {
    for (int way = 0; way < 3; way++) {
      make_promises(5);
      waiter w = { THREADING_FIRST_COMPLETED, 5, 77 };
      const threading_thread thread = begin(&w);
      if (way == 0) OK(threading_future_set_result(futures[first], NULL));
      else if (way == 1) OK(threading_future_set_failure(futures[first], 1, NULL));
      else OK(threading_future_cancel(futures[first]));
      end(thread, &w);
      flags_are(5, UINT64_C(1) << first);
      destroy_all(5);
    }
  }
}

TEST(until_the_first_has_failed) {
  make_promises(5);
  waiter w = { THREADING_FIRST_FAILED, 5, 77 };
  const threading_thread thread = begin(&w);
  OK(threading_future_set_result(futures[0], NULL));
  wait_blocked(thread);
  OK(threading_future_cancel(futures[4]));
  wait_blocked(thread);
  OK(threading_future_set_failure(futures[2], 1, NULL));
  end(thread, &w);
  flags_are(5, 0x15);
  destroy_all(5);
}

TEST(until_all_are_done_when_none_fails) {
  for (int32_t when = THREADING_FIRST_FAILED; when <= THREADING_ALL_COMPLETED; when++) {
    make_promises(5);
    waiter w = { when, 5, 77 };
    const threading_thread thread = begin(&w);
    for (size_t i = 5; i-- > 0;) {
      EQ(w.status, 77);
      OK(threading_future_set_result(futures[i], NULL));
      if (i > 0) wait_blocked(thread);
    }
    end(thread, &w);
    flags_are(5, 0x1f);
    destroy_all(5);
  }
}

TEST(a_failure_does_not_end_the_wait_for_all) {
  make_promises(2);
  waiter w = { THREADING_ALL_COMPLETED, 2, 77 };
  const threading_thread thread = begin(&w);
  OK(threading_future_set_failure(futures[1], 1, NULL));
  wait_blocked(thread);
  EQ(w.status, 77);
  OK(threading_future_set_result(futures[0], NULL));
  end(thread, &w);
  destroy_all(2);
}

TEST(one_is_destroyed_meanwhile) {
  for (int32_t when = THREADING_FIRST_COMPLETED; when <= THREADING_ALL_COMPLETED; when++) {
    make_promises(2);
    waiter w = { when, 2, 77 };
    const threading_thread thread = begin(&w);
    OK(threading_future_destroy(futures[0]));
    finish_thread(thread);
    EQ(w.status, THREADING_E_HANDLE);
    flags_are(0, 0);
    OK(threading_future_destroy(futures[1]));
  }
}

// ---- Of a pool ----

TEST(tasks_of_a_pool) {
  const threading_pool pool = make_pool(2);
  for (int round = 0; round < 100; round++) {
    for (int i = 0; i < MOST; i++) futures[i] = submit(pool, i == 40 ? fail_with_7 : give_back, NULL);
    for (int32_t when = THREADING_FIRST_COMPLETED; when <= THREADING_ALL_COMPLETED; when++) {
      OK(threading_futures_wait(futures, MOST, when, THREADING_FOREVER, flags));
      if (when == THREADING_FIRST_FAILED) EQ(flags[40], 1);
    }
    flags_are(MOST, UINT64_MAX);
    destroy_all(MOST);
  }
  finish_pool(pool);
}

TEST(what_shutdown_cancels_is_done) {
  const threading_pool pool = make_pool(1);
  gate gate;
  make_gate(&gate);
  threading_future held;
  hold_workers(pool, &gate, 1, &held);
  for (int i = 0; i < 10; i++) futures[i] = submit(pool, give_back, NULL);
  waiter w = { THREADING_ALL_COMPLETED, 10, 77 };
  const threading_thread thread = begin(&w);
  OK(threading_pool_shutdown(pool, 0, 1));
  end(thread, &w);
  destroy_all(10);
  release_workers(&gate, 1, &held);
  finish_pool(pool);
}

static threading_pool own_pool;

static void *wait_in_worker(void *arg) {
  const int32_t when = (int32_t)(intptr_t)arg;
  threading_future own[8];
  int32_t done[8];
  for (int i = 0; i < 8; i++) own[i] = submit(own_pool, i == 5 ? fail_with_7 : give_back, NULL);
  OK(threading_futures_wait(own, 8, when, THREADING_FOREVER, done));
  if (when == THREADING_FIRST_FAILED) EQ(done[5], 1);
  int32_t count = 0;
  for (int i = 0; i < 8; i++) count += done[i];
  CHECK(count >= 1);
  if (when == THREADING_ALL_COMPLETED) EQ(count, 8);
  for (int i = 0; i < 8; i++) OK(threading_future_destroy(own[i]));
  return arg;
}

TEST(workers_wait_for_several_of_their_own_pool) {
  for (uint32_t workers = 1; workers <= 3; workers++) {
    own_pool = make_pool(workers);
    for (int32_t when = THREADING_FIRST_COMPLETED; when <= THREADING_ALL_COMPLETED; when++) {
      threading_future outer[10];
      for (int i = 0; i < 10; i++) outer[i] = submit(own_pool, wait_in_worker, (void *)(intptr_t)when);
      for (int i = 0; i < 10; i++) result_of(outer[i]);
    }
    finish_pool(own_pool);
  }
}

static _Atomic int begun;

static void *say_begun(void *arg) {
  atomic_fetch_add(&begun, 1);
  return arg;
}

// The only worker asks, so that nobody else begins them.
static void *only_ask(void *arg) {
  threading_future own[2];
  int32_t done[2];
  for (int i = 0; i < 2; i++) own[i] = submit(own_pool, say_begun, NULL);
  for (int32_t when = THREADING_FIRST_COMPLETED; when <= THREADING_ALL_COMPLETED; when++) {
    IS(threading_futures_wait(own, 2, when, 0, done), THREADING_TIMEOUT);
    EQ(done[0] + done[1] + atomic_load(&begun), 0);
  }
  for (int i = 0; i < 2; i++) OK(threading_future_destroy(own[i]));
  return arg;
}

TEST(a_worker_that_only_asks_runs_nothing) {
  own_pool = make_pool(1);
  result_of(submit(own_pool, only_ask, NULL));
  finish_pool(own_pool);
  EQ(atomic_load(&begun), 2);
}

// ---- Who waits for any of several is in no cycle ----

static threading_rlock wanted;
static _Atomic uint64_t taker;

static void *take_owned(void *arg) {
  atomic_store(&taker, threading_get_ident());
  OK(threading_rlock_acquire(wanted, THREADING_FOREVER));
  OK(threading_rlock_release(wanted));
  return arg;
}

static void *own_and_wait(void *arg) {
  OK(threading_rlock_acquire(wanted, THREADING_FOREVER));
  wait_for_all(arg);
  OK(threading_rlock_release(wanted));
  return arg;
}

// Another one of them may be done, and the owner goes on: who waits for the owner is not refused.
TEST(the_first_of_several_waits_for_the_owner_who_waits_for_any) {
  const threading_pool pool = make_pool(1);
  OK(threading_rlock_create(&wanted));
  for (int32_t when = THREADING_FIRST_COMPLETED; when <= THREADING_FIRST_FAILED; when++) {
    gate gate;
    make_gate(&gate);
    threading_future held;
    hold_workers(pool, &gate, 1, &held);
    atomic_store(&taker, 0);
    make_promises(2);
    OK(threading_future_destroy(futures[0]));
    futures[0] = submit(pool, take_owned, NULL);
    waiter w = { when, 2, 77 };
    const threading_thread owner = spawn_thread(own_and_wait, &w);
    wait_blocked(owner);
    release_workers(&gate, 1, &held);
    WAIT_UNTIL(atomic_load(&taker) != 0);
    wait_blocked((threading_thread){ atomic_load(&taker) });
    OK(threading_future_set_failure(futures[1], 1, NULL));
    end(owner, &w);
    destroy_all(2);
    OK(threading_pool_wait(pool, THREADING_FOREVER));
  }
  OK(threading_rlock_destroy(wanted));
  finish_pool(pool);
}

// ---- Many at once ----

static void *wait_without_flags(void *arg) {
  waiter *w = arg;
  w->status = threading_futures_wait(futures, w->count, w->when, THREADING_FOREVER, NULL);
  return arg;
}

static void *set_all_in_turn(void *arg) {
  const size_t offset = (size_t)(uintptr_t)arg;
  for (size_t i = offset; i < MOST; i += 4) OK(threading_future_set_result(futures[i], NULL));
  return arg;
}

TEST(many_wait_while_many_set) {
  const int64_t until = NOW_NS() + THREADING_SECONDS(3);
  for (int64_t round = 0; round < share(200) && NOW_NS() < until; round++) {
    make_promises(MOST);
    waiter w[6];
    threading_thread waiting[6], setting[4];
    for (int i = 0; i < 6; i++) w[i] = (waiter){ i % 3, MOST, 77 };
    for (int i = 0; i < 6; i++) waiting[i] = spawn_thread(wait_without_flags, &w[i]);
    for (intptr_t i = 0; i < 4; i++) setting[i] = spawn_thread(set_all_in_turn, (void *)i);
    for (int i = 0; i < 6; i++) end(waiting[i], &w[i]);
    for (int i = 0; i < 4; i++) finish_thread(setting[i]);
    destroy_all(MOST);
  }
}

// ---- Two workers that wait for the same future: what the other one has begun is not done ----

static threading_pool twins;
static threading_future never_done;
static _Atomic uint64_t shared;
static atomic_bool shared_over;

static void *a_little(void *arg) {
  for (volatile int i = 0; i < 1000; i++) {
  }
  return arg;
}

static void *wait_for_the_first(void *arg) {
  const int64_t end = end_of(2000);
  for (int round = 0; again(round, 100, 100000, end); round++) {
    const threading_future future = submit(twins, a_little, NULL);
    atomic_store(&shared, future.id);
    for (volatile int i = 0; i < round % 64; i++) {
    }
    int32_t done[2] = { 0, 1 };
    const threading_future either[] = { future, never_done };
    OK(threading_futures_wait(either, 2, THREADING_FIRST_COMPLETED, THREADING_FOREVER, done));
    EQ(done[0], 1);
    EQ(done[1], 0);
    while (atomic_load(&shared) != 0) threading_yield();
    OK(threading_future_destroy(future));
  }
  atomic_store(&shared_over, true);
  return arg;
}

static void *wait_for_its_result(void *arg) {
  while (!atomic_load(&shared_over)) {
    threading_future future = { 0 };
    for (int looks = 0; looks < 100 && future.id == 0; looks++) future.id = atomic_load(&shared);
    if (future.id == 0) {
      threading_yield();
      continue;
    }
    void *result;
    OK(threading_future_result(future, THREADING_FOREVER, &result));
    atomic_store(&shared, 0);
  }
  return arg;
}

TEST(the_first_is_done_though_another_worker_has_begun_it) {
  twins = make_pool(2);
  OK(threading_future_create(&never_done));
  const threading_future one = submit(twins, wait_for_the_first, NULL);
  const threading_future other = submit(twins, wait_for_its_result, NULL);
  result_of(one);
  result_of(other);
  OK(threading_future_destroy(never_done));
  finish_pool(twins);
}
