// What the profile hook and threading_current_thread() tell of tasks, and what tasks leave on their
// threads.
#include "pool.h"

static _Atomic int64_t begun, ended;
static _Atomic uint64_t last_begun, last_ended;
static _Atomic uint64_t threads_of[2];

static void note_tasks(int32_t event, threading_thread thread, uint64_t object, void *user) {
  if (event != THREADING_HOOK_TASK_BEGIN && event != THREADING_HOOK_TASK_END) return;
  CHECK(user == (void *)&begun);
  EQ(thread.id, threading_current_thread().id);
  const bool ends = event == THREADING_HOOK_TASK_END;
  atomic_store(ends ? &last_ended : &last_begun, object);
  atomic_store(&threads_of[ends], thread.id);
  atomic_fetch_add(ends ? &ended : &begun, 1);
}

static void watch_tasks(void) {
  OK(threading_set_profile(note_tasks, (void *)&begun));
}

TEST(each_task_begins_and_ends) {
  OK(threading_set_excepthook(ignore_failures, NULL));
  const threading_pool pool = make_pool(2);
  watch_tasks();
  for (int i = 0; i < 100; i++) OK(threading_pool_execute(pool, nothing, NULL));
  for (int i = 0; i < 100; i++) OK(threading_future_destroy(submit(pool, give_back, NULL)));
  for (int i = 0; i < 100; i++) OK(threading_future_destroy(submit(pool, fail_with_7, NULL)));
  for (int i = 0; i < 100; i++) OK(threading_future_destroy(submit(pool, leave_by_force, NULL)));
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  EQ(atomic_load(&begun), 400);
  EQ(atomic_load(&ended), 400);
  OK(threading_set_profile(NULL, NULL));
  result_of(submit(pool, give_back, NULL));
  EQ(atomic_load(&begun), 400);
  finish_pool(pool);
}

TEST(a_task_is_known_by_its_future) {
  const threading_pool pool = make_pool(1);
  watch_tasks();
  const threading_future future = submit(pool, give_back, NULL);
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  EQ(atomic_load(&last_begun), future.id);
  EQ(atomic_load(&last_ended), future.id);
  EQ(atomic_load(&threads_of[0]), atomic_load(&threads_of[1]));
  CHECK(atomic_load(&threads_of[0]) != threading_current_thread().id);
  OK(threading_future_destroy(future));
  OK(threading_pool_execute(pool, nothing, NULL));
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  EQ(atomic_load(&last_begun), 0);
  EQ(atomic_load(&last_ended), 0);
  finish_pool(pool);
}

TEST(a_task_has_ended_before_its_result_is_there) {
  const threading_pool pool = make_pool(1);
  watch_tasks();
  for (int i = 1; i <= 500; i++) {
    result_of(submit(pool, give_back, NULL));
    EQ(atomic_load(&ended), i);
  }
  finish_pool(pool);
}

// ---- Failures stay where they belong ----

static void *fail_in_nested(void *arg) {
  const threading_pool pool = *(threading_pool *)arg;
  void *result;
  const threading_future inner = submit(pool, fail_with_7, NULL);
  IS(threading_future_result(inner, THREADING_FOREVER, &result), THREADING_FAILED);
  LAST_FAILURE_IS(7, "seven");
  OK(threading_future_destroy(inner));
  return arg;
}

TEST(a_task_that_was_run_inside_of_another_fails_for_itself) {
  threading_pool pool = make_pool(1);
  for (int i = 0; i < 100; i++) CHECK(result_of(submit(pool, fail_in_nested, &pool)) == &pool);
  finish_pool(pool);
}

TEST(fail_is_for_tasks) {
  IS(threading_fail(1, "nobody"), THREADING_E_STATE);
  const threading_pool pool = make_pool(1);
  result_of(submit(pool, give_back, NULL));
  IS(threading_fail(1, "nobody"), THREADING_E_STATE);
  finish_pool(pool);
}

// ---- Thread-local values ----

static threading_local local;
static _Atomic int64_t locals_destroyed;

static void destroy_local(void *value) {
  CHECK(value == &local);
  atomic_fetch_add(&locals_destroyed, 1);
}

static void *set_local(void *arg) {
  OK(threading_local_set(local, &local));
  return arg;
}

TEST(values_of_a_worker_die_with_it) {
  OK(threading_local_create(destroy_local, &local));
  const threading_pool pool = make_pool(1);
  for (int i = 0; i < 10; i++) result_of(submit(pool, set_local, NULL));
  EQ(atomic_load(&locals_destroyed), 0);
  OK(threading_pool_shutdown(pool, 1, 0));
  EQ(atomic_load(&locals_destroyed), 1);
  OK(threading_pool_destroy(pool));
  OK(threading_local_destroy(local));
  EQ(atomic_load(&locals_destroyed), 1);
}

// ---- The list of threads ----

static void *is_listed(void *arg) {
  threading_thread all[16];
  size_t count = 0;
  OK(threading_enumerate(all, 16, &count));
  bool found = false;
  for (size_t i = 0; i < count && i < 16; i++) found |= all[i].id == threading_current_thread().id;
  CHECK(found);
  IS(threading_thread_join(threading_current_thread(), THREADING_FOREVER), THREADING_E_DEADLOCK);
  IS(threading_thread_destroy(threading_current_thread()), THREADING_E_STATE);
  return arg;
}

TEST(workers_are_threads_like_any_other) {
  const threading_pool pool = make_pool(1);
  result_of(submit(pool, is_listed, NULL));
  EQ(threading_active_count(), 2);
  finish_pool(pool);
  EQ(threading_active_count(), 1);
}
