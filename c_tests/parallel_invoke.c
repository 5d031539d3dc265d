// threading_parallel_invoke: several functions at once, recursively, and what their failures do.
#include "pool.h"

static void count_numbers(threading_pool pool, size_t count) {
  _Atomic int64_t counters[64] = { 0 };
  threading_task tasks[64];
  for (size_t i = 0; i < count; i++) tasks[i] = (threading_task){ count_up, (void *)&counters[i] };
  OK(threading_parallel_invoke(pool, tasks, count));
  for (size_t i = 0; i < 64; i++) EQ(atomic_load(&counters[i]), i < count);
}

TEST(each_task_once) {
  const size_t counts[] = { 0, 1, 2, 3, 17, 64 };
  OK(threading_set_parallelism(4, NULL));
  for (uint32_t workers = 1; workers <= 4; workers++) {
    const threading_pool pool = make_pool(workers);
    for (int round = 0; round < 200; round++) {
      for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) count_numbers(pool, counts[c]);
    }
    finish_pool(pool);
  }
}

TEST(what_is_refused) {
  const threading_pool pool = make_pool(2);
  _Atomic int64_t count = 0;
  const threading_task good = { count_up, (void *)&count }, tasks[] = { good, { NULL, NULL }, good };
  IS(threading_parallel_invoke(pool, tasks, 3), THREADING_E_INVALID);
  IS(threading_parallel_invoke(pool, NULL, 3), THREADING_E_INVALID);
  IS(threading_parallel_invoke((threading_pool){ 0 }, tasks, 1), THREADING_E_HANDLE);
  EQ(atomic_load(&count), 0);
  finish_pool(pool);
}

static threading_barrier meet;

static void meet_others(void *arg) {
  (void)arg;
  OK(threading_barrier_wait(meet, THREADING_SECONDS(8), NULL));
}

// The caller and workers, this many threads in all, are in tasks at the same time.
static void run_at_once(threading_pool pool, size_t count) {
  const threading_task task = { meet_others, NULL }, tasks[] = { task, task, task, task };
  OK(threading_barrier_create((int64_t)count, NULL, NULL, THREADING_FOREVER, &meet));
  OK(threading_parallel_invoke(pool, tasks, count));
  OK(threading_barrier_destroy(meet));
}

TEST(tasks_run_at_once) {
  OK(threading_set_parallelism(4, NULL));
  const threading_pool pool = make_pool(4);
  for (int round = 0; round < 20; round++) run_at_once(pool, 1 + (size_t)round % 4);
  finish_pool(pool);
}

// ---- Recursion ----

static threading_pool nested;

typedef struct number {
  int64_t n, result;
} number;

static void fibonacci(void *arg) {
  number *of = arg;
  if (of->n < 2) {
    of->result = of->n;
    return;
  }
  number one = { of->n - 1, 0 }, other = { of->n - 2, 0 };
  const threading_task tasks[] = { { fibonacci, &one }, { fibonacci, &other } };
  OK(threading_parallel_invoke(nested, tasks, 2));
  of->result = one.result + other.result;
}

static void *fibonacci_in_worker(void *arg) {
  fibonacci(arg);
  return arg;
}

TEST(fibonacci_by_fork_and_join) {
  OK(threading_set_parallelism(4, NULL));
  for (uint32_t workers = 1; workers <= 4; workers++) {
    nested = make_pool(workers);
    number of = { 22, 0 };
    fibonacci(&of);
    EQ(of.result, 17711);
    of = (number){ 20, 0 };
    result_of(submit(nested, fibonacci_in_worker, &of));
    EQ(of.result, 6765);
    finish_pool(nested);
  }
}

static void *fibonacci_in_thread(void *arg) {
  number of = { 18, 0 };
  fibonacci(&of);
  EQ(of.result, 2584);
  return arg;
}

TEST(many_threads_fork_and_join) {
  nested = make_pool(3);
  threading_thread threads[6];
  threading_future futures[6];
  for (int i = 0; i < 6; i++) threads[i] = spawn_thread(fibonacci_in_thread, NULL);
  for (int i = 0; i < 6; i++) futures[i] = submit(nested, fibonacci_in_thread, NULL);
  for (int i = 0; i < 6; i++) finish_thread(threads[i]);
  for (int i = 0; i < 6; i++) result_of(futures[i]);
  finish_pool(nested);
}

static void descend(void *arg) {
  const intptr_t depth = (intptr_t)arg;
  if (depth == 0) return;
  const threading_task tasks[] = { { descend, (void *)(depth - 1) }, { nothing, NULL } };
  OK(threading_parallel_invoke(nested, tasks, 2));
}

TEST(two_thousand_levels_deep) {
  nested = make_pool(2);
  for (int round = 0; round < 10; round++) descend((void *)2000);
  finish_pool(nested);
}

// ---- Locks ----

static threading_lock guard;
static _Atomic int64_t counted;

static void under_lock(void *arg) {
  OK(threading_lock_acquire(guard, THREADING_FOREVER));
  const threading_task tasks[] = { { count_up, arg }, { count_up, arg }, { count_up, arg } };
  OK(threading_parallel_invoke(nested, tasks, 3));
  OK(threading_lock_release(guard));
}

// A thread that waits for its inner tasks must not begin an outer one, which is no child of theirs.
TEST(who_joins_under_a_lock_runs_nothing_that_wants_the_lock) {
  OK(threading_set_parallelism(4, NULL));
  OK(threading_lock_create(&guard));
  nested = make_pool(4);
  threading_task tasks[16];
  for (int i = 0; i < 16; i++) tasks[i] = (threading_task){ under_lock, (void *)&counted };
  for (int round = 0; round < 200; round++) OK(threading_parallel_invoke(nested, tasks, 16));
  EQ(atomic_load(&counted), 200 * 48);
  finish_pool(nested);
  OK(threading_lock_destroy(guard));
}

// ---- Failures ----

static void fail_here(void *arg) {
  OK(threading_fail(7, arg));
}

TEST(a_failure_reaches_the_caller) {
  OK(threading_set_parallelism(4, NULL));
  const threading_pool pool = make_pool(4);
  for (size_t bad = 0; bad < 9; bad++) {
    for (int round = 0; round < 50; round++) {
      _Atomic int64_t count = 0;
      threading_task tasks[9];
      for (size_t i = 0; i < 9; i++) tasks[i] = (threading_task){ count_up, (void *)&count };
      tasks[bad] = (threading_task){ fail_here, "this one" };
      IS(threading_parallel_invoke(pool, tasks, 9), THREADING_FAILED);
      LAST_FAILURE_IS(7, "this one");
    }
  }
  count_numbers(pool, 17);
  finish_pool(pool);
}

static void fail_with_own_text(void *arg) {
  char text[16];
  snprintf(text, sizeof text, "task %d", (int)(intptr_t)arg);
  OK(threading_fail((int)(intptr_t)arg, text));
}

TEST(one_of_several_failures_with_its_own_text) {
  OK(threading_set_parallelism(4, NULL));
  const threading_pool pool = make_pool(4);
  threading_task tasks[9];
  for (intptr_t i = 0; i < 9; i++) tasks[i] = (threading_task){ fail_with_own_text, (void *)(i + 1) };
  for (int round = 0; round < 300; round++) {
    int32_t code = 0;
    char text[16], wanted[16];
    IS(threading_parallel_invoke(pool, tasks, 9), THREADING_FAILED);
    OK(threading_last_failure(&code, text, sizeof text, NULL));
    CHECK(code >= 1 && code <= 9);
    snprintf(wanted, sizeof wanted, "task %d", (int)code);
    STR_EQ(text, wanted);
  }
  finish_pool(pool);
}

static uint64_t calling;

static void leave_if_stolen(void *arg) {
  _Atomic int64_t *left = arg;
  if (threading_get_ident() != calling) {
    atomic_fetch_add(left, 1);
    pthread_exit(NULL);
  }
  WAIT_UNTIL(atomic_load(left) > 0);
}

TEST(a_stolen_task_that_ends_its_worker_has_failed) {
  OK(threading_set_parallelism(4, NULL));
  calling = threading_get_ident();
  const threading_pool pool = make_pool(2);
  for (int round = 0; round < 100; round++) {
    _Atomic int64_t left = 0;
    threading_task tasks[8];
    for (int i = 0; i < 8; i++) tasks[i] = (threading_task){ leave_if_stolen, (void *)&left };
    IS(threading_parallel_invoke(pool, tasks, 8), THREADING_FAILED);
    LAST_FAILURE_IS(THREADING_CANCELLED, "");
    count_numbers(pool, 17);
  }
  result_of(submit(pool, give_back, NULL));
  finish_pool(pool);
}

static void leave_at_3(void *arg) {
  if (arg == (void *)3) pthread_exit(NULL);
}

static void leave_deep(void *arg) {
  threading_task tasks[5];
  for (intptr_t i = 0; i < 5; i++) tasks[i] = (threading_task){ leave_at_3, (void *)i };
  threading_parallel_invoke(nested, tasks, 5);
  (void)arg;
}

static void *leave_from_the_depth(void *arg) {
  const threading_task tasks[] = { { leave_deep, NULL }, { leave_deep, NULL }, { leave_deep, NULL } };
  for (;;) {
    threading_parallel_invoke(nested, tasks, 3);
    if (arg != NULL) return arg;
  }
}

TEST(leaving_by_force_through_several_levels) {
  OK(threading_set_parallelism(4, NULL));
  OK(threading_set_excepthook(ignore_failures, NULL));
  nested = make_pool(3);
  for (int round = 0; round < 50; round++) {
    const threading_thread thread = spawn_thread(leave_from_the_depth, NULL);
    OK(threading_thread_join(thread, THREADING_FOREVER));
    OK(threading_thread_destroy(thread));
    const threading_future future = submit(nested, leave_from_the_depth, NULL);
    FAILURE_IS(future, THREADING_CANCELLED, "");
    OK(threading_future_destroy(future));
    count_numbers(nested, 17);
  }
  OK(threading_pool_wait(nested, THREADING_FOREVER));
  EQ(stats_of(nested).blocked, 0);
  OK(threading_set_parallelism(3, NULL));
  run_at_once(nested, 3);  // nobody who has gone is still counted as working
  finish_pool(nested);
}
