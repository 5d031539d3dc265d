// Futures, callbacks and groups under load: everything at once on the same handles, every argument accounted
// for.
#include "pool.h"

enum { SLOTS = 8, THREADS = 4 };

static threading_pool pool;
static _Atomic uint64_t slots[SLOTS];
static atomic_bool over;
static _Atomic int64_t submitted, args_destroyed, added, called, callback_args_destroyed, ran;

static void *run(void *arg) {
  atomic_fetch_add(&ran, 1);
  if ((intptr_t)arg % 5 == 0) threading_fail((int)(intptr_t)arg, "one of five");
  return arg;
}

static void destroy_arg(void *arg) {
  CHECK((intptr_t)arg > 0);
  atomic_fetch_add(&args_destroyed, 1);
}

static void call(threading_future future, void *arg) {
  (void)arg;
  // The handle is another thread's to destroy, but only once.
  const int32_t done = threading_future_done(future);
  CHECK(done == 1 || done == THREADING_E_HANDLE);
  atomic_fetch_add(&called, 1);
}

static void destroy_callback_arg(void *arg) {
  CHECK(arg == (void *)&added);
  atomic_fetch_add(&callback_args_destroyed, 1);
}

static uint32_t next_random(uint32_t *state) {
  *state = *state * 1664525 + 1013904223;
  return *state >> 16;
}

static void one_of(threading_status got, int count, const threading_status *good) {
  for (int i = 0; i < count; i++)
    if (got == good[i]) return;
  harness_fail(__FILE__, __LINE__, "%s is not expected: %s", threading_status_name(got),
               threading_last_error());
}
#define ONE_OF(call, ...)                                                                                 \
  one_of((call), sizeof((threading_status[]){ __VA_ARGS__ }) / sizeof(threading_status),                  \
         (threading_status[]){ __VA_ARGS__ })

static void renew(uint32_t at, uint32_t random) {
  threading_future fresh;
  const intptr_t arg = 1 + random % 1000;
  OK(threading_pool_submit_priority(pool, run, (void *)arg, random % 3, &fresh));
  atomic_fetch_add(&submitted, 1);
  const threading_future old = { atomic_exchange(&slots[at], fresh.id) };
  // Whoever has taken a future out of its slot gives it up; nobody else does.
  if (old.id != 0) OK(threading_future_destroy(old));
}

static void *use_all(void *arg) {
  uint32_t state = (uint32_t)(uintptr_t)arg;
  while (!atomic_load(&over)) {
    const uint32_t random = next_random(&state), at = next_random(&state) % SLOTS;
    const threading_future future = { atomic_load(&slots[at]) };
    void *result;
    switch (random % 6) {
      case 0:
        renew(at, next_random(&state));
        break;
      case 1:
        ONE_OF(threading_future_result(future, next_random(&state), &result), THREADING_OK, THREADING_FAILED,
               THREADING_CANCELLED, THREADING_TIMEOUT, THREADING_E_HANDLE);
        break;
      case 2:
        ONE_OF(threading_future_cancel(future), THREADING_OK, THREADING_E_STATE, THREADING_E_HANDLE);
        break;
      case 3: {
        const threading_status status =
          threading_future_add_done_callback(future, call, (void *)&added, destroy_callback_arg);
        ONE_OF(status, THREADING_OK, THREADING_E_HANDLE);
        if (status == THREADING_OK) atomic_fetch_add(&added, 1);
        break;
      }
      case 4: {
        int32_t code = 0;
        char text[32] = "";
        const threading_status status = threading_future_failure(future, 0, &code, text, sizeof text, NULL);
        ONE_OF(status, THREADING_OK, THREADING_E_STATE, THREADING_CANCELLED, THREADING_TIMEOUT,
               THREADING_E_HANDLE);
        if (status == THREADING_OK) STR_EQ(text, "one of five");
        break;
      }
      default: {
        threading_future all[SLOTS];
        for (int i = 0; i < SLOTS; i++) all[i].id = atomic_load(&slots[i]);
        const int32_t when = (int32_t)(next_random(&state) % 3);
        ONE_OF(threading_futures_wait(all, SLOTS, when, next_random(&state), NULL), THREADING_OK,
               THREADING_TIMEOUT, THREADING_E_HANDLE);
      }
    }
  }
  return arg;
}

static void stress(uint32_t workers, int64_t duration) {
  atomic_store(&over, false);
  pool = make_pool_with_destructor(workers, destroy_arg);
  for (uint32_t i = 0; i < SLOTS; i++) renew(i, i);
  threading_thread threads[THREADS];
  for (intptr_t i = 0; i < THREADS; i++) threads[i] = spawn_thread(use_all, (void *)(i + 1));
  const int64_t end = NOW_NS() + duration;
  WAIT_UNTIL(NOW_NS() > end);
  atomic_store(&over, true);
  for (int i = 0; i < THREADS; i++) finish_thread(threads[i]);
  for (int i = 0; i < SLOTS; i++)
    OK(threading_future_destroy((threading_future){ atomic_exchange(&slots[i], 0) }));
  finish_pool(pool);
  EQ(atomic_load(&args_destroyed), atomic_load(&submitted));
  // All of them are done in the end, also those whose handles were given up before.
  EQ(atomic_load(&callback_args_destroyed), atomic_load(&added));
  EQ(atomic_load(&called), atomic_load(&added));
  CHECK(atomic_load(&ran) > 0 && atomic_load(&ran) <= atomic_load(&submitted));
}

TEST(everything_at_once_on_the_same_futures) {
  for (uint32_t workers = 1; workers <= 3; workers++) stress(workers, THREADING_MILLISECONDS(1500));
}

// ---- Groups ----

static _Atomic int64_t in_groups;

static void *run_in_group(void *arg) {
  atomic_fetch_add(&ran, 1);
  const intptr_t n = (intptr_t)arg;
  if (n % 97 == 0) threading_fail((int)n, "of a group");
  if (n % 101 == 0) pthread_exit(NULL);
  return arg;
}

static void *use_groups(void *arg) {
  uint32_t state = (uint32_t)(uintptr_t)arg;
  while (!atomic_load(&over)) {
    threading_group group;
    OK(threading_group_create(pool, &group));
    const uint32_t count = next_random(&state) % 40;
    for (uint32_t i = 0; i < count; i++) {
      const threading_status status =
        threading_group_submit(group, run_in_group, (void *)(intptr_t)(1 + next_random(&state) % 1000));
      ONE_OF(status, THREADING_OK, THREADING_CANCELLED);
      if (status == THREADING_OK) atomic_fetch_add(&in_groups, 1);
    }
    if (next_random(&state) % 4 == 0) OK(threading_group_cancel(group));
    ONE_OF(threading_group_wait(group, next_random(&state)), THREADING_OK, THREADING_TIMEOUT,
           THREADING_FAILED, THREADING_CANCELLED);
    ONE_OF(threading_group_wait(group, THREADING_FOREVER), THREADING_OK, THREADING_FAILED,
           THREADING_CANCELLED);
    OK(threading_group_destroy(group));
  }
  return arg;
}

TEST(groups_that_fail_and_are_cancelled_all_the_time) {
  pool = make_pool_with_destructor(3, destroy_arg);
  threading_thread threads[THREADS];
  threading_future inside[2];
  for (intptr_t i = 0; i < THREADS; i++) threads[i] = spawn_thread(use_groups, (void *)(i + 1));
  const threading_pool outer = make_pool(2);
  for (intptr_t i = 0; i < 2; i++) inside[i] = submit(outer, use_groups, (void *)(i + 77));
  const int64_t end = NOW_NS() + THREADING_SECONDS(3);
  WAIT_UNTIL(NOW_NS() > end);
  atomic_store(&over, true);
  for (int i = 0; i < THREADS; i++) finish_thread(threads[i]);
  for (int i = 0; i < 2; i++) result_of(inside[i]);
  finish_pool(outer);
  finish_pool(pool);
  EQ(atomic_load(&args_destroyed), atomic_load(&in_groups));
}

// ---- A task is queued in the moment in which the only worker goes to sleep for it ----

typedef struct awaiting {
  threading_future promise;
  _Atomic int begun;
} awaiting;

static void *await_it(void *arg) {
  awaiting *of = arg;
  atomic_store(&of->begun, 1);
  void *result;
  OK(threading_future_result(of->promise, THREADING_FOREVER, &result));
  return result;
}

static void *keep_it(void *arg) {
  OK(threading_future_set_result(((awaiting *)arg)->promise, arg));
  return NULL;
}

TEST(queued_while_the_only_worker_goes_to_sleep) {
  const threading_pool pool = make_pool(1);
  const int64_t end = threading_now() + THREADING_SECONDS(2);
  uint64_t seed = 1;
  for (int round = 0; round < 20000 && threading_now() < end; round++) {
    awaiting of = { .begun = 0 };
    OK(threading_future_create(&of.promise));
    const threading_future waits = submit(pool, await_it, &of);
    while (!atomic_load(&of.begun)) {}
    // A worker looks for some 50 microseconds before it sleeps.
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    const int64_t at = threading_now() + (int64_t)(seed >> 47);
    while (threading_now() < at) {}
    const threading_future keeps = submit(pool, keep_it, &of);
    void *result;
    OK(threading_future_result(waits, THREADING_SECONDS(8), &result));
    CHECK(result == &of);
    OK(threading_future_destroy(waits));
    result_of(keeps);
    OK(threading_future_destroy(of.promise));
  }
  finish_pool(pool);
}

// ---- The same while a guest, who has no number and so works alone, looks for one again and again ----

static _Atomic int leaves;

static void hardly_anything(int64_t begin, int64_t end, void *arg) {
  CHECK(begin < end && arg == NULL);
}

static void *loop_alone(void *arg) {
  while (!atomic_load(&leaves)) OK(threading_parallel_for(*(threading_pool *)arg, 0, 1000, 1, hardly_anything, NULL));
  return NULL;
}

TEST(queued_while_a_guest_looks_for_a_seat) {
  threading_pool pool = make_pool(1);
  OK(threading_set_parallelism(4, NULL));
  awaiting of = { .begun = 0 };
  OK(threading_future_create(&of.promise));
  const threading_future waits = submit(pool, await_it, &of);
  WAIT_UNTIL(atomic_load(&of.begun));
  const threading_thread guest = spawn_thread(loop_alone, &pool);
  const int64_t end = threading_now() + THREADING_SECONDS(2);
  for (int round = 0; round < 5000 && threading_now() < end; round++) {
    awaiting other = { .begun = 0 };
    OK(threading_future_create(&other.promise));
    const threading_future keeps = submit(pool, keep_it, &other);
    void *result;
    OK(threading_future_result(keeps, THREADING_SECONDS(8), &result));
    OK(threading_future_destroy(keeps));
    OK(threading_future_destroy(other.promise));
  }
  atomic_store(&leaves, 1);
  finish_thread(guest);
  result_of(submit(pool, keep_it, &of));
  result_of(waits);
  OK(threading_future_destroy(of.promise));
  finish_pool(pool);
}
