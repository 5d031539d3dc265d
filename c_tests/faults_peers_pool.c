// Faults that other libraries had in their queues, deques and pools (section K of docs/faults.md), in the
// shape in which they struck there.
#include "harness.h"
#include "pool.h"
#include "rounds.h"

static threading_pool pool;

// ---- Queues ----

enum { PRODUCERS = 3, ITEMS = 400 };
static threading_queue queue;
static atomic_int ended[PRODUCERS][ITEMS];  // how often each item was: by the queue, a taker, or its producer

static void end_item(void *item) { atomic_fetch_add((atomic_int *)item, 1); }

static void *put_all(void *arg) {
  atomic_int *own = arg;
  for (int i = 0; i < ITEMS; i++) {
    const threading_status status = threading_queue_put(queue, &own[i], THREADING_FOREVER);
    CHECK(status == THREADING_OK || status == THREADING_CLOSED);
    if (status == THREADING_CLOSED) end_item(&own[i]);
  }
  return NULL;
}

static void *take_some(void *arg) {
  void *item;
  while (threading_queue_get(queue, &item, THREADING_FOREVER) == THREADING_OK) end_item(item);
  return arg;
}

// All that is queued is thrown away while others still put, at the borders of the queue's blocks too: each
// item is ended once.
static void discard(int32_t order, int64_t maxsize) {
  const int64_t end = end_of(250);
  int rounds = 0;
  for (; again(rounds, 10, 200, end); rounds++) {
    threading_thread producers[PRODUCERS], taker;
    memset((void *)ended, 0, sizeof ended);
    OK(threading_queue_create(order, maxsize, end_item, &queue));
    for (int i = 0; i < PRODUCERS; i++) producers[i] = spawn_thread(put_all, ended[i]);
    taker = spawn_thread(take_some, NULL);
    for (int i = 0; i < rounds * 7 % 100; i++) threading_yield();
    OK(threading_queue_shutdown(queue, 1));
    for (int i = 0; i < PRODUCERS; i++) finish_thread(producers[i]);
    finish_thread(taker);
    OK(threading_queue_destroy(queue));
    for (int i = 0; i < PRODUCERS; i++)
      for (int j = 0; j < ITEMS; j++) EQ(atomic_load(&ended[i][j]), 1);
  }
}

TEST(fault_K12_crossbeam_972_1187_items_thrown_away_twice) {
  discard(THREADING_FIFO, 0);
  discard(THREADING_FIFO, 33);
  discard(THREADING_LIFO, 0);
}

// ---- Tasks ----

enum { TREE = 2000 };
static atomic_int ran[TREE];

static void grow_tree(void *arg) {
  const int node = (int)(intptr_t)arg;
  atomic_fetch_add(&ran[node], 1);
  for (int child = 2 * node + 1; child <= 2 * node + 2 && child < TREE; child++)
    OK(threading_pool_execute(pool, grow_tree, (void *)(intptr_t)child));
}

// Thieves meet the owner at a deque that grows: each task runs once.
TEST(fault_K13_crossbeam_726_a_task_is_taken_twice) {
  const int64_t end = end_of(600);
  int rounds = 0;
  pool = make_pool(4);
  for (; again(rounds, 10, 100, end); rounds++) {
    memset((void *)ran, 0, sizeof ran);
    OK(threading_pool_execute(pool, grow_tree, NULL));
    OK(threading_pool_wait(pool, THREADING_FOREVER));
    for (int i = 0; i < TREE; i++) EQ(atomic_load(&ran[i]), 1);
  }
  finish_pool(pool);
}

static void *install(void *arg) {
  const intptr_t depth = (intptr_t)arg;
  return depth == 0 ? NULL : (char *)result_of(submit(pool, install, (void *)(depth - 1))) + 1;
}

static void install_twice(int64_t begin, int64_t end, void *arg) {
  for (; begin < end; begin++) atomic_fetch_add((atomic_llong *)arg, (intptr_t)install((void *)5));
}

// Work inside work inside work, deeper than there are threads, from many tasks at once.
TEST(fault_K14_rayon_446_nested_waits_block_the_pool) {
  for (uint32_t workers = 1; workers <= 2; workers++) {
    atomic_llong depth = 0;
    pool = make_pool(workers);
    EQ((intptr_t)result_of(submit(pool, install, (void *)50)), 50);
    OK(threading_parallel_for(pool, 0, 40, 1, install_twice, &depth));
    EQ(atomic_load(&depth), 200);
    finish_pool(pool);
  }
}

static threading_rlock guard;
static int guarded;  // not atomic: one thread at a time holds the guard

static void count_range(int64_t begin, int64_t end, void *arg) { *(atomic_llong *)arg += end - begin; }

// An rlock would let its holder in twice: then work begun under it would meet other work under it half done.
static void *work_under_guard(void *arg) {
  atomic_llong sum = 0;
  OK(threading_rlock_acquire(guard, THREADING_FOREVER));
  EQ(threading_rlock_recursion_count(guard), 1);
  const int before = guarded;
  OK(threading_parallel_for(pool, 0, 64, 1, count_range, &sum));
  EQ(guarded, before);
  guarded++;
  OK(threading_rlock_release(guard));
  EQ(atomic_load(&sum), 64);
  return arg;
}

// Who waits for its part of the work must not take up a task that wants the same lock.
TEST(fault_K15_rayon_592_a_lock_is_held_and_wanted_by_one_thread) {
  threading_future futures[200];
  pool = make_pool(4);
  OK(threading_set_parallelism(4, NULL));
  OK(threading_rlock_create(&guard));
  for (int i = 0; i < 200; i++) futures[i] = submit(pool, work_under_guard, NULL);
  for (int i = 0; i < 200; i++) result_of(futures[i]);
  EQ(guarded, 200);
  OK(threading_rlock_destroy(guard));
  finish_pool(pool);
}

static void set_one(int64_t begin, int64_t end, void *arg) {
  for (; begin < end; begin++) ((unsigned char *)arg)[begin]++;
}

static void *loop_on_short_stack(void *arg) {
  unsigned char done[8] = { 0 };
  OK(threading_parallel_for(pool, 0, 8, 1, set_one, done));
  for (int i = 0; i < 8; i++) EQ(done[i], 1);
  memset(done, 0xee, sizeof done);  // who comes late to what stood here finds this
  return arg;
}

static void *clobber_stack(void *arg) {
  volatile unsigned char room[4096];
  for (size_t i = 0; i < sizeof room; i++) room[i] = 0xee;
  return room[7] == 0xee ? arg : NULL;
}

// The last helper says so and the caller is gone, with the stack on which both had met.
TEST(fault_K16_rayon_739_a_helper_touches_what_the_caller_has_left) {
  const int64_t end = end_of(600);
  int rounds = 0;
  pool = make_pool(4);
  OK(threading_set_parallelism(4, NULL));
  for (; again(rounds, 10, 20000, end); rounds++) {
    loop_on_short_stack(&rounds);
    CHECK(clobber_stack(&rounds) != NULL);
  }
  finish_pool(pool);
}

static atomic_int begun;
static void begin_one(void *arg) {
  (void)arg;
  atomic_fetch_add(&begun, 1);
}

// One task at a time, each when all threads are just about to sleep: each is begun.
TEST(fault_K17_onetbb_86_889_a_queued_task_is_never_begun) {
  const int64_t end = end_of(700);
  int given = 0;
  pool = make_pool(4);
  for (; again(given, 100, 50000, end); given++) {
    OK(threading_pool_execute(pool, begin_one, NULL));
    if (given % 3 == 0) OK(threading_pool_wait(pool, THREADING_FOREVER));
    for (int i = 0; i < given % 7 * 20; i++) atomic_load(&begun);
    while (atomic_load(&begun) <= given) threading_yield();
  }
  finish_pool(pool);
}

static void inner_loop(int64_t begin, int64_t end, void *arg) {
  for (; begin < end; begin++) OK(threading_parallel_for(pool, 0, 16, 1, count_range, arg));
}

static void *outer_loop(void *arg) {
  OK(threading_parallel_for(pool, 0, 8, 1, inner_loop, arg));
  return arg;
}

// Loops in loops, begun by more threads at once than the pool has, some of them its own.
TEST(fault_K18_onetbb_1316_nested_loops_block_each_other) {
  atomic_llong count = 0;
  threading_thread threads[4];
  threading_future futures[8];
  pool = make_pool(2);
  OK(threading_set_parallelism(2, NULL));
  for (int i = 0; i < 4; i++) threads[i] = spawn_thread(outer_loop, &count);
  for (int i = 0; i < 8; i++) futures[i] = submit(pool, outer_loop, &count);
  for (int i = 0; i < 8; i++) result_of(futures[i]);
  for (int i = 0; i < 4; i++) finish_thread(threads[i]);
  EQ(atomic_load(&count), 12 * 8 * 16);
  finish_pool(pool);
}
