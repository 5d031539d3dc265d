// threading_parallel_invoke of two functions inside of parallel work, the step of a recursion: it goes a way of its own,
// on which the same must come of it.
#include "child.h"
#include "pool.h"

static threading_pool pool, other;

typedef struct step {
  threading_callback first, second;
  void *arg;
  threading_status status;
} step;

// Two functions, one of which may run elsewhere.
static threading_status two(threading_pool of, threading_callback first, threading_callback second, void *arg) {
  const threading_task tasks[] = { { first, arg }, { second, arg } };
  return threading_parallel_invoke(of, tasks, 2);
}

static void take_step(void *arg) {
  step *here = arg;
  here->status = two(pool, here->first, here->second, here->arg);
}

// Takes a step inside of parallel work of the pool, on this thread; says what came of it.
static threading_status step_inside(threading_callback first, threading_callback second, void *arg) {
  step inner = { first, second, arg, 77 };
  const threading_task only = { take_step, &inner };
  OK(threading_parallel_invoke(pool, &only, 1));
  return inner.status;
}

// ---- Handles ----

static void ask_with_all_numbers(void *arg) {
  _Atomic int64_t count = 0;
  const uint64_t wrong[] = { 0, 1, pool.id ^ 1, pool.id ^ 1ull << 33, pool.id ^ 1ull << 56, ~pool.id };
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    IS(two((threading_pool){ wrong[i] }, count_up, count_up, (void *)&count), THREADING_E_HANDLE);
  }
  IS(two(pool, count_up, NULL, (void *)&count), THREADING_E_INVALID);
  IS(two(pool, NULL, count_up, (void *)&count), THREADING_E_INVALID);
  EQ(atomic_load(&count), 0);
  OK(two(other, count_up, count_up, (void *)&count));
  OK(two(pool, count_up, count_up, (void *)&count));
  EQ(atomic_load(&count), 4);
  CHECK(arg == NULL);
}

TEST(handles_inside_of_a_step) {
  pool = make_pool(2);
  other = make_pool(2);
  OK(step_inside(ask_with_all_numbers, nothing, NULL));
  OK(step_inside(ask_with_all_numbers, ask_with_all_numbers, NULL));
  finish_pool(pool);
  finish_pool(other);
}

static void destroy_and_step(void *count) {
  OK(two(pool, count_up, count_up, count));
  OK(threading_pool_destroy(pool));
  IS(two(pool, count_up, count_up, count), THREADING_E_HANDLE);
  IS(two((threading_pool){ 0 }, count_up, count_up, count), THREADING_E_HANDLE);
}

static void *destroy_inside(void *count) {
  take_step(&(step){ destroy_and_step, nothing, count, 0 });
  IS(two(pool, count_up, count_up, count), THREADING_E_HANDLE);
  return count;
}

TEST(the_handle_dies_inside_of_a_step) {
  _Atomic int64_t count = 0;
  pool = make_pool(2);
  OK(step_inside(destroy_and_step, nothing, (void *)&count));
  EQ(atomic_load(&count), 2);
  pool = make_pool(1);
  result_of(submit(pool, destroy_inside, (void *)&count));
  EQ(atomic_load(&count), 4);
}

// ---- Failures ----

static void fail_with_1(void *arg) {
  CHECK(arg == NULL);
  OK(threading_fail(1, "one"));
}

static void fail_with_2(void *arg) {
  CHECK(arg == NULL);
  OK(threading_fail(2, "two"));
}

// What fails inside is told to who asked for it, and only to him.
static void fail_inside(void *arg) {
  _Atomic int64_t count = 0;
  IS(two(pool, fail_with_1, nothing, arg), THREADING_FAILED);
  LAST_FAILURE_IS(1, "one");
  IS(two(pool, nothing, fail_with_2, arg), THREADING_FAILED);
  LAST_FAILURE_IS(2, "two");
  IS(two(pool, fail_with_1, fail_with_2, arg), THREADING_FAILED);
  OK(two(pool, count_up, count_up, (void *)&count));
  EQ(atomic_load(&count), 2);
}

static void fail_around(void *arg) {
  IS(two(pool, fail_inside, fail_with_2, arg), THREADING_FAILED);
  LAST_FAILURE_IS(2, "two");
  OK(two(pool, fail_inside, fail_inside, arg));
}

TEST(failures_of_steps) {
  pool = make_pool(2);
  for (int round = 0; round < 200; round++) OK(step_inside(fail_around, fail_inside, NULL));
  IS(step_inside(fail_around, fail_with_1, NULL), THREADING_FAILED);
  finish_pool(pool);
}

// ---- Forks ----

static void use_pool_in_child(void *arg) {
  _Atomic int64_t count = 0;
  OK(two(pool, count_up, count_up, (void *)&count));
  OK(step_inside(count_up, count_up, (void *)&count));
  EQ(atomic_load(&count), 4);
  CHECK(arg == NULL);
}

static void fork_inside(void *arg) {
  EQ(child_fork(use_pool_in_child, arg, NULL, 0), 0);
}

TEST(a_step_forks) {
  skip_on_the_portable_backend();
  pool = make_pool(2);
  for (int round = 0; round < 10; round++) OK(step_inside(fork_inside, fork_inside, NULL));
  finish_pool(pool);
}

// ---- Left by force ----

enum { DEPTH = 7, LEAVES = 1 << DEPTH };

typedef struct node {
  int depth, at;
  struct tree *tree;
} node;

typedef struct tree {
  int leaves_at;
  atomic_int ran[LEAVES];
} tree;

static void grow(void *arg) {
  const node *here = arg;
  if (here->depth == DEPTH) {
    atomic_fetch_add(&here->tree->ran[here->at], 1);
    if (here->at == here->tree->leaves_at) pthread_exit(NULL);
    return;
  }
  node left = { here->depth + 1, here->at * 2, here->tree }, right = left;
  right.at++;
  const threading_task tasks[] = { { grow, &left }, { grow, &right } };
  threading_parallel_invoke(pool, tasks, 2);
}

static void *grow_tree(void *arg) {
  node root = { 0, 0, arg };
  const threading_task only = { grow, &root };
  threading_parallel_invoke(pool, &only, 1);
  return arg;
}

// Somebody leaves at each leaf in turn: on the calling thread or on one that had stolen a part, in a first or a second
// function, or while it waits for a part. No leaf is run twice, and the pool is whole.
TEST(leaving_a_recursion_by_force) {
  pool = make_pool(2);
  for (int i = 0; i < share(2 * LEAVES); i++) {
    tree *grown = calloc(1, sizeof *grown);
    grown->leaves_at = i % LEAVES;
    if (i % 2 == 0) {
      const threading_thread thread = spawn_thread(grow_tree, grown);
      OK(threading_thread_join(thread, THREADING_FOREVER));
      OK(threading_thread_destroy(thread));
    } else {
      const threading_future future = submit(pool, grow_tree, grown);
      (void)threading_future_failure(future, THREADING_FOREVER, &(int32_t){ 0 }, NULL, 0, NULL);
      OK(threading_future_destroy(future));
    }
    EQ(atomic_load(&grown->ran[grown->leaves_at]), 1);
    for (int leaf = 0; leaf < LEAVES; leaf++) CHECK(atomic_load(&grown->ran[leaf]) <= 1);
    free(grown);
    tree *whole = calloc(1, sizeof *whole);
    whole->leaves_at = -1;
    grow_tree(whole);
    for (int leaf = 0; leaf < LEAVES; leaf++) EQ(atomic_load(&whole->ran[leaf]), 1);
    free(whole);
  }
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  EQ(stats_of(pool).blocked, 0);
  finish_pool(pool);
}
