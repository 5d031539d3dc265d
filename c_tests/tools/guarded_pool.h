// Plain data, handed over by queues, and by pools to their tasks and back.
#ifndef GUARDED_POOL_H
#define GUARDED_POOL_H
#include "guarded_objects.h"

// ---- Queues ----

typedef struct {
  int in, out;
} job;

static threading_queue queue;
static int closing_word;

static void *work_off(void *arg) {
  void *item;
  threading_status got;
  while ((got = threading_queue_get(queue, &item, THREADING_FOREVER)) == THREADING_OK) {
    ((job *)item)->out = ((job *)item)->in + 1;
    OK(threading_queue_task_done(queue));
  }
  CHECK(got == THREADING_CLOSED && closing_word == 1);
  return arg;
}

static void free_job(void *item) {
  CHECK(((job *)item)->in == 9);
  free(item);
}

static void *leave_job(void *arg) {
  job *left = malloc(sizeof *left);
  CHECK(left != NULL);
  *left = (job){ .in = 9 };
  OK(threading_queue_put(queue, left, THREADING_FOREVER));
  return arg;
}

static void queues(int32_t order) {
  static job jobs[40];
  closing_word = 0;
  OK(threading_queue_create(order, order == THREADING_FIFO ? 0 : 4, NULL, &queue));
  const threading_thread first = start(work_off, NULL), second = start(work_off, NULL);
  for (int i = 0; i < 40; i++) {
    jobs[i] = (job){ .in = i };
    if (order == THREADING_PRIORITY) {
      OK(threading_queue_put_priority(queue, &jobs[i], -i, THREADING_FOREVER));
    } else {
      OK(threading_queue_put(queue, &jobs[i], THREADING_FOREVER));
    }
  }
  OK(threading_queue_join(queue, THREADING_FOREVER));
  for (int i = 0; i < 40; i++) CHECK(jobs[i].out == i + 1);
  closing_word = 1;
  OK(threading_queue_shutdown(queue, 0));
  finish(first);
  finish(second);
  OK(threading_queue_destroy(queue));

  // What is left is destroyed here, though another thread has put it.
  for (int immediate = 0; immediate < 2; immediate++) {
    OK(threading_queue_create(order, 0, free_job, &queue));
    const threading_thread other = start(leave_job, NULL);
    while (threading_queue_qsize(queue) == 0) threading_yield();
    if (immediate) OK(threading_queue_shutdown(queue, 1));
    OK(threading_queue_destroy(queue));
    finish(other);
  }
}

// A bounded queue of places that are used again: who puts one back hands it over.
static void *use_places(void *arg) {
  for (int i = 0; i < TIMES; i++) {
    void *place;
    OK(threading_queue_get(queue, &place, THREADING_FOREVER));
    ++*(int *)place;
    OK(threading_queue_put(queue, place, THREADING_FOREVER));
  }
  return arg;
}

static void circulation(void) {
  static int room[2];
  OK(threading_queue_create(THREADING_FIFO, 2, NULL, &queue));
  for (int i = 0; i < 2; i++) OK(threading_queue_put(queue, &room[i], 0));
  in_threads(use_places);
  CHECK(room[0] + room[1] == THREADS * TIMES);
  OK(threading_queue_destroy(queue));
}

// ---- Pools ----

static threading_pool pool;
static int prepared, executed[8];

static threading_status prepare(void *arg) {
  (void)arg;
  OK(threading_lock_acquire(lock, THREADING_FOREVER));
  prepared++;
  OK(threading_lock_release(lock));
  return THREADING_OK;
}

static void execute(void *arg) { *(int *)arg = 1; }

static void done(threading_future future, void *arg) {
  void *result;
  OK(threading_future_result(future, 0, &result));
  *(int *)arg += *(int *)result;
}

static void *nested(void *arg) {
  int inner = *(int *)arg;
  void *result;
  threading_future future;
  OK(threading_pool_submit(pool, add_one, &inner, &future));
  OK(threading_future_result(future, THREADING_FOREVER, &result));
  OK(threading_future_destroy(future));
  *(int *)arg = inner;
  return arg;
}

static void futures(void) {
  int numbers[16] = { 0 }, told = 0;
  threading_future some[16];
  for (int i = 0; i < 16; i++) {
    numbers[i] = i;
    OK(threading_pool_submit(pool, i % 4 ? add_one : nested, &numbers[i], &some[i]));
  }
  OK(threading_future_add_done_callback(some[0], done, &told, NULL));
  OK(threading_futures_wait(some, 16, THREADING_FIRST_COMPLETED, THREADING_FOREVER, NULL));
  for (int i = 0; i < 16; i++) {
    if (i % 2) {
      void *result;
      OK(threading_future_result(some[i], THREADING_FOREVER, &result));
    } else {
      while (threading_future_done(some[i]) != 1) threading_yield();
    }
    CHECK(numbers[i] == i + 1);
  }
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  CHECK(told == 1);
  for (int i = 0; i < 16; i++) OK(threading_future_destroy(some[i]));
}

static threading_future promise;
static int promised;

static void *keep_promise(void *arg) {
  promised = 3;
  OK(threading_future_set_running_or_notify_cancel(promise));
  OK(threading_future_set_result(promise, &promised));
  return arg;
}

static void promises(void) {
  int told = 0;
  void *result;
  OK(threading_future_create(&promise));
  OK(threading_future_add_done_callback(promise, done, &told, NULL));
  const threading_thread other = start(keep_promise, NULL);
  OK(threading_future_result(promise, THREADING_FOREVER, &result));
  CHECK(*(int *)result == 3);
  finish(other);
  CHECK(told == 3);
  OK(threading_future_destroy(promise));
}

static void groups(void) {
  int numbers[12] = { 0 };
  threading_group group;
  OK(threading_group_create(pool, &group));
  for (int i = 0; i < 12; i++) OK(threading_group_submit(group, add_one, &numbers[i]));
  OK(threading_group_wait(group, THREADING_FOREVER));
  for (int i = 0; i < 12; i++) CHECK(numbers[i] == 1);
  // One at a time: so these need no lock.
  OK(threading_group_set_limit(group, 1));
  for (int i = 0; i < 12; i++) OK(threading_group_submit(group, add_one, &numbers[0]));
  OK(threading_group_wait(group, THREADING_FOREVER));
  CHECK(numbers[0] == 13);
  OK(threading_group_destroy(group));
  int mapped[6] = { 0 };
  void *args[6], *results[6];
  for (int i = 0; i < 6; i++) args[i] = &mapped[i];
  OK(threading_pool_map(pool, add_one, args, 6, results, THREADING_FOREVER));
  for (int i = 0; i < 6; i++) CHECK(*(int *)results[i] == 1);
}

static int field[20000];

static void fill(int64_t begin, int64_t end, void *arg) {
  for (int64_t i = begin; i < end; i++) field[i] = *(int *)arg;
}

static void add_range(int64_t begin, int64_t end, void *total, void *arg) {
  (void)arg;
  for (int64_t i = begin; i < end; i++) *(int *)total += field[i];
}

static void add_total(void *into, const void *from, void *arg) {
  (void)arg;
  *(int *)into += *(const int *)from;
}

typedef struct {
  int depth, sum;
} tree;

static void grow(void *arg) {
  tree *const here = arg;
  if (here->depth == 0) {
    here->sum = 1;
    return;
  }
  tree left = { .depth = here->depth - 1 }, right = left;
  const threading_task both[] = { { grow, &left }, { grow, &right } };
  OK(threading_parallel_invoke(pool, both, 2));
  here->sum = left.sum + right.sum;
}

static void loops(void) {
  int value = 2, total = 0;
  const int nothing = 0;
  OK(threading_parallel_for(pool, 0, 20000, 500, fill, &value));
  OK(threading_parallel_reduce(pool, 0, 20000, 500, &nothing, sizeof nothing, add_range, add_total, NULL,
                               &total));
  CHECK(total == 40000);
  tree root = { .depth = 8 };
  grow(&root);
  CHECK(root.sum == 256);
}

static void pools(void) {
  OK(threading_lock_create(&lock));
  const threading_pool_options options = { .size = sizeof options, .initializer = prepare };
  OK(threading_pool_create(3, &options, &pool));
  futures();
  for (int i = 0; i < 8; i++) OK(threading_pool_execute(pool, execute, &executed[i]));
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  for (int i = 0; i < 8; i++) CHECK(executed[i] == 1);
  groups();
  loops();
  for (int i = 0; i < 8; i++) OK(threading_pool_execute(pool, execute, &field[i]));
  OK(threading_pool_shutdown(pool, 1, 0));
  for (int i = 0; i < 8; i++) CHECK(field[i] == 1);
  CHECK(prepared >= 1);
  OK(threading_pool_destroy(pool));
  OK(threading_lock_destroy(lock));
  promises();
}

#endif
