// The second half of the tour: queues, promises, pools, groups and loops; see scenario.h.
#ifndef OOM_WORK_H
#define OOM_WORK_H
#include "scenario.h"

// ---- Queues: an item that was refused is not in, the others come out in their order ----

#define OOM_ITEMS 600

static void oom_queue(int32_t order) {
  static int items[OOM_ITEMS];
  threading_queue queue;
  int in = 0;
  if (!MADE(threading_queue_create(order, 0, NULL, &queue), queue)) return;
  int put[OOM_ITEMS];
  for (int i = 0; i < OOM_ITEMS; i++) {
    if (DONE(threading_queue_put(queue, &items[i], THREADING_FOREVER))) put[in++] = i;
    EQ(threading_queue_qsize(queue), in);
  }
  for (int i = 0; i < in; i++) {
    void *got = NULL;
    OK(threading_queue_get(queue, &got, 0));
    CHECK(got == &items[put[order == THREADING_LIFO ? in - 1 - i : i]]);
    OK(threading_queue_task_done(queue));
  }
  EQ(threading_queue_unfinished_tasks(queue), 0);
  OK(threading_queue_destroy(queue));
}

static void oom_queues(void) {
  for (int32_t order = THREADING_FIFO; order <= THREADING_PRIORITY; order++) oom_queue(order);
}

// ---- Promises ----

static _Atomic int oom_called;

static void oom_callback(threading_future future, void *arg) {
  (void)arg;
  if (threading_future_done(future) == 1) atomic_fetch_add(&oom_called, 1);
}

static void oom_promises(void) {
  threading_future future;
  int added = 0;
  atomic_store(&oom_called, 0);
  atomic_store(&oom_destroyed, 0);
  if (MADE(threading_future_create(&future), future)) {
    for (int i = 0; i < 3; i++) {
      added += DONE(threading_future_add_done_callback(future, oom_callback, &oom_called, oom_count_end));
    }
    if (!DONE(threading_future_set_failure(future, 3, "the reason, in some detail"))) {
      EQ(threading_future_done(future), 0);
      OK(threading_future_set_result(future, &oom_called));
    }
    EQ(threading_future_done(future), 1);
    OK(threading_futures_wait(&future, 1, THREADING_ALL_COMPLETED, OOM_SOON, NULL));
    OK(threading_future_destroy(future));
  }
  EQ(atomic_load(&oom_called), added);
  EQ(atomic_load(&oom_destroyed), added);
}

// ---- Pools: what is refused is not queued, what is queued runs once ----

#define OOM_TASKS 300

static void oom_execute(void *arg) { oom_count(arg); }

static void *oom_failing_task(void *arg) { return oom_fails(arg); }

static void *oom_nesting_task(void *pool) {
  threading_future inner;
  void *result = NULL;
  const threading_pool own = *(threading_pool *)pool;
  const threading_status status = threading_pool_submit(own, oom_count, &oom_ran, &inner);
  if (status != THREADING_OK) return NULL;
  OK(threading_future_result(inner, OOM_SOON, &result));
  OK(threading_future_destroy(inner));
  return result;
}

static int oom_submit_many(threading_pool pool) {
  static threading_future futures[OOM_TASKS];
  int submitted = 0, all = 0;
  for (int i = 0; i < OOM_TASKS; i++) {
    const int64_t priority = i % 7;
    threading_future *next = &futures[submitted];
    if (i % 3 == 0) {
      all += DONE(threading_pool_execute(pool, oom_execute, &oom_ran));
    } else if (MADE(priority ? threading_pool_submit_priority(pool, oom_count, &oom_ran, priority, next)
                             : threading_pool_submit(pool, oom_count, &oom_ran, next), *next)) {
      submitted++;
      all++;
    }
  }
  const size_t count = (size_t)submitted;
  if (submitted > 0) OK(threading_futures_wait(futures, count, THREADING_ALL_COMPLETED, OOM_SOON, NULL));
  for (int i = 0; i < submitted; i++) {
    void *result = NULL;
    OK(threading_future_result(futures[i], OOM_SOON, &result));
    CHECK(result == &oom_ran);
    OK(threading_future_destroy(futures[i]));
  }
  return all;
}

static void oom_special_tasks(threading_pool pool) {
  threading_future future;
  void *result = NULL;
  int32_t code = 0;
  int argument;
  if (MADE(threading_pool_submit(pool, oom_failing_task, &argument, &future), future)) {
    const threading_status status = threading_future_result(future, OOM_SOON, &result);
    if (status == THREADING_OK) CHECK(result == &argument && !oom_strict);
    else EQ(status, THREADING_FAILED);
    if (status == THREADING_FAILED) {
      OK(threading_future_failure(future, 0, &code, NULL, 0, NULL));
      EQ(code, 7);
    }
    OK(threading_future_destroy(future));
  }
  if (MADE(threading_pool_submit(pool, oom_nesting_task, &pool, &future), future)) {
    OK(threading_future_result(future, OOM_SOON, &result));
    CHECK(result == &oom_ran || (result == NULL && !oom_strict));
    OK(threading_future_destroy(future));
  }
}

static void oom_map(threading_pool pool) {
  void *args[50], *results[50];
  for (int i = 0; i < 50; i++) {
    args[i] = &args[i];
    results[i] = NULL;
  }
  const bool done = DONE(threading_pool_map(pool, oom_count, args, 50, results, OOM_SOON));
  for (int i = 0; i < 50; i++) CHECK(results[i] == (done ? &args[i] : NULL));
}

// A group that could not take a task has the others.
static void oom_group(threading_pool pool) {
  threading_group group;
  if (!MADE(threading_group_create(pool, &group), group)) return;
  const int before = atomic_load(&oom_ran);
  int submitted = 0;
  for (int i = 0; i < 40; i++) submitted += DONE(threading_group_submit(group, oom_count, &oom_ran));
  OK(threading_group_wait(group, OOM_SOON));
  EQ(atomic_load(&oom_ran) - before, submitted);
  OK(threading_group_destroy(group));
}

// ---- Loops: all of it or nothing ----

static void oom_body(int64_t begin, int64_t end, void *arg) {
  atomic_fetch_add((_Atomic int *)arg, (int)(end - begin));
}

static void oom_fold(int64_t begin, int64_t end, void *accumulator, void *arg) {
  (void)arg;
  for (int64_t i = begin; i < end; i++) *(int64_t *)accumulator += i;
}

static void oom_combine(void *into, const void *from, void *arg) {
  (void)arg;
  *(int64_t *)into += *(const int64_t *)from;
}

static void oom_loops(threading_pool pool) {
  static _Atomic int sum;
  atomic_store(&sum, 0);
  bool done = DONE(threading_parallel_for(pool, 0, 20000, 10, oom_body, &sum));
  EQ(atomic_load(&sum), done ? 20000 : 0);
  const int64_t nothing = 0;
  int64_t total = -1;
  done = DONE(threading_parallel_reduce(pool, 0, 1000, 1, &nothing, sizeof nothing, oom_fold, oom_combine,
                                        NULL, &total));
  EQ(total, done ? 499500 : -1);
  const threading_task tasks[3] = { { oom_execute, &sum }, { oom_execute, &sum }, { oom_execute, &sum } };
  const int before = atomic_load(&oom_ran);
  done = DONE(threading_parallel_invoke(pool, tasks, 3));
  EQ(atomic_load(&oom_ran) - before, done ? 3 : 0);
}

static threading_status oom_begin_worker(void *arg) {
  (void)arg;
  return THREADING_OK;
}

static void oom_pool(void) {
  const threading_pool_options options = {
    .size = sizeof options, .name_prefix = LONG_NAME, .initializer = oom_begin_worker,
  };
  threading_pool pool;
  if (!MADE(threading_pool_create(3, &options, &pool), pool)) return;
  atomic_store(&oom_ran, 0);
  const int submitted = oom_submit_many(pool);
  oom_special_tasks(pool);
  oom_map(pool);
  // What nobody has waited for: executed tasks, and the rest of a map that failed.
  OK(threading_pool_wait(pool, OOM_SOON));
  oom_group(pool);
  OK(threading_pool_wait(pool, OOM_SOON));
  oom_loops(pool);
  (void)DONE(threading_pool_resize(pool, 4));
  OK(threading_pool_wait(pool, OOM_SOON));
  CHECK(atomic_load(&oom_ran) >= submitted);
  OK(threading_pool_shutdown(pool, 1, 0));
  OK(threading_pool_destroy(pool));
}

// ---- All of it ----

static _Atomic int oom_registered, oom_last;

static void oom_at_exit(void *arg) {
  (void)arg;
  atomic_fetch_add(&oom_last, 1);
}

static void oom_tour(void) {
  (void)DONE(threading_set_profile(oom_see, NULL));
  oom_threads();
  oom_failing_thread();
  oom_registry();
  oom_locals();
  oom_primitives();
  oom_timers();
  oom_queues();
  oom_promises();
  oom_pool();
  atomic_fetch_add(&oom_registered, DONE(threading_at_exit(oom_at_exit, NULL, NULL)));
  (void)DONE(threading_set_profile(NULL, NULL));
}

#endif
