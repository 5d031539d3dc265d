// Limits of the system under which the library works, or says what it lacks and goes on when there is enough
// again, by the numbers of docs/faults.md.
#include "everything.h"
#include "resources.h"

#include <sched.h>

static void skip_if_instrumented(void) {
  if (is_instrumented()) SKIP("a checker needs stacks, files and address space itself");
}

// ---- H8: a new process under a limit ----

SCENARIO(works) { use_everything(); }

static void check_works(int resource, rlim_t soft) {
  set_limit(resource, soft);
  EQ(child_exec("works", NULL, 0), 0);
}

TEST(fault_H8_no_locked_memory) { check_works(RLIMIT_MEMLOCK, 0); }

// Just standard input, output and error.
SCENARIO(works_without_descriptors) {
  set_limit(RLIMIT_NOFILE, 3);
  use_everything();
}

TEST(fault_H8_no_descriptor_to_be_had) {
  skip_if_instrumented();
  EQ(child_exec("works_without_descriptors", NULL, 0), 0);
}

TEST(fault_H8_stacks_without_limit) { check_works(RLIMIT_STACK, RLIM_INFINITY); }

// Threads that name no size get this one.
TEST(fault_H8_tiny_stacks) {
  skip_if_instrumented();
  check_works(RLIMIT_STACK, 64 * 1024);
}

TEST(fault_H8_no_core_no_files) {
  skip_if_instrumented();
  set_limit(RLIMIT_CORE, 0);
  check_works(RLIMIT_FSIZE, 0);
}

// ---- D1, D2: no more threads, for timers and pools; and then again ----

static const size_t big_stack = (size_t)256 << 20;

// Room for that many big stacks more than there is now.
static void allow_stacks(int count) {
  set_limit(RLIMIT_AS, (rlim_t)memory_now().mapped + (rlim_t)count * big_stack + (rlim_t)(96 * MEBIBYTE));
}

static void allow_all(void) { set_limit(RLIMIT_AS, RLIM_INFINITY); }

TEST(fault_D2_a_timer_without_a_thread) {
  skip_if_instrumented();
  atomic_bool fired = false;
  threading_timer timer;
  OK(threading_stack_size(big_stack, NULL));
  OK(threading_timer_create(0, fire, &fired, NULL, &timer));
  allow_stacks(0);
  for (int i = 0; i < 5; i++) {
    IS(threading_timer_start(timer), THREADING_E_NO_THREAD);
    IS(threading_timer_join(timer, 0), THREADING_E_STATE);
  }
  allow_all();
  CHECK(!atomic_load(&fired));
  OK(threading_timer_start(timer));
  OK(threading_timer_join(timer, THREADING_FOREVER));
  CHECK(atomic_load(&fired));
  OK(threading_timer_destroy(timer));
}

static _Atomic int ran, ended;

static void *run(void *arg) {
  atomic_fetch_add(&ran, 1);
  return arg;
}

static void note_end(void *arg) {
  (void)arg;
  atomic_fetch_add(&ended, 1);
}

static threading_pool make_big_pool(uint32_t workers) {
  const threading_pool_options options = {
    .size = sizeof options, .stack_size = big_stack, .arg_destructor = note_end,
  };
  threading_pool pool;
  OK(threading_pool_create(workers, &options, &pool));
  return pool;
}

static threading_pool_statistics stats_of(threading_pool pool) {
  threading_pool_statistics stats = { .size = sizeof stats };
  OK(threading_pool_stats(pool, &stats));
  return stats;
}

// Nothing is queued, no argument is taken; loops are done by the caller alone; later all goes well.
TEST(fault_D2_a_pool_without_a_thread) {
  skip_if_instrumented();
  threading_pool pool = make_big_pool(4);
  threading_future future = { 7 };
  void *args[3] = { &ran, &ran, &ran };
  atomic_llong sum = 0;
  allow_stacks(0);
  for (int i = 0; i < 5; i++) {
    IS(threading_pool_submit(pool, run, &ran, &future), THREADING_E_NO_THREAD);
    IS(threading_pool_execute(pool, note_end, &ran), THREADING_E_NO_THREAD);
    IS(threading_pool_map(pool, run, args, 3, NULL, THREADING_SECONDS(5)), THREADING_E_NO_THREAD);
    EQ(future.id, 7);
    EQ(stats_of(pool).queued, 0);
    EQ(stats_of(pool).workers, 0);
  }
  OK(threading_parallel_for(pool, 0, 1000, 10, count_range, &sum));
  EQ(atomic_load(&sum), 1000);
  EQ(atomic_load(&ran) + atomic_load(&ended), 0);
  allow_all();
  OK(threading_pool_map(pool, run, args, 3, NULL, THREADING_FOREVER));
  OK(threading_pool_shutdown(pool, 1, 0));
  OK(threading_pool_destroy(pool));
  EQ(atomic_load(&ran), 3);
  EQ(atomic_load(&ended), 3);
}

static threading_event gate;

static void *stand(void *arg) {
  atomic_fetch_add(&ran, 1);
  OK(threading_event_wait(gate, THREADING_FOREVER));
  return arg;
}

// Two of eight workers can be had: they do all of the work, and the others come when there is room for them.
TEST(fault_D2_a_pool_with_fewer_threads) {
  skip_if_instrumented();
  enum { TASKS = 100, WORKERS = 8 };
  static threading_future futures[TASKS];
  threading_pool pool = make_big_pool(WORKERS);
  OK(threading_event_create(&gate));
  allow_stacks(2);
  for (int i = 0; i < TASKS; i++) OK(threading_pool_submit(pool, stand, &gate, &futures[i]));
  WAIT_UNTIL(atomic_load(&ran) == 2);
  EQ(stats_of(pool).workers, 2);
  EQ(stats_of(pool).queued, TASKS - 2);
  allow_all();
  // The next task sees to it that somebody comes.
  for (int i = 2; i < WORKERS; i++) OK(threading_pool_execute(pool, note_end, &ran));
  WAIT_UNTIL(atomic_load(&ran) == WORKERS);
  OK(threading_event_set(gate));
  OK(threading_futures_wait(futures, TASKS, THREADING_ALL_COMPLETED, THREADING_FOREVER, NULL));
  for (int i = 0; i < TASKS; i++) OK(threading_future_destroy(futures[i]));
  OK(threading_pool_shutdown(pool, 1, 0));
  OK(threading_pool_destroy(pool));
  EQ(atomic_load(&ran), TASKS);
  // Each argument once, and each of the callbacks besides.
  EQ(atomic_load(&ended), TASKS + 2 * (WORKERS - 2));
}

SCENARIO(no_processes_for_timers_and_pools) {
  child_drop_privileges();
  threading_timer timer;
  threading_future future;
  atomic_bool fired = false;
  threading_pool pool = make_big_pool(2);
  const rlim_t before = set_limit(RLIMIT_NPROC, 1);
  OK(threading_timer_create(0, fire, &fired, NULL, &timer));
  IS(threading_timer_start(timer), THREADING_E_NO_THREAD);
  IS(threading_pool_submit(pool, run, &ran, &future), THREADING_E_NO_THREAD);
  set_limit(RLIMIT_NPROC, before);
  OK(threading_timer_start(timer));
  OK(threading_timer_join(timer, THREADING_FOREVER));
  OK(threading_pool_submit(pool, run, &ran, &future));
  OK(threading_futures_wait(&future, 1, THREADING_ALL_COMPLETED, THREADING_FOREVER, NULL));
  EQ(atomic_load(&ran), 1);
}

TEST(fault_D1_no_processes_for_timers_and_pools) {
  EQ(child_exec("no_processes_for_timers_and_pools", NULL, 0), 0);
}

// ---- H10: one processor ----

static void stay_on_one_processor(void) {
  cpu_set_t all, one;
  CHECK(sched_getaffinity(0, sizeof all, &all) == 0);
  CPU_ZERO(&one);
  for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++) {
    if (CPU_ISSET(i, &all)) CPU_SET(i, &one);
  }
  CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
}

#define CROWD 8

static threading_lock lock;
static threading_rlock rlock;
static threading_semaphore semaphore;
static threading_queue queue;
static threading_barrier barrier;
static long counted;
static int rounds;

static void *contend(void *arg) {
  void *item = NULL;
  for (int i = 0; i < rounds; i++) {
    OK(threading_lock_acquire(lock, THREADING_FOREVER));
    OK(threading_rlock_acquire(rlock, THREADING_FOREVER));
    counted++;
    if (i % 16 == 0) threading_yield();
    OK(threading_rlock_release(rlock));
    OK(threading_lock_release(lock));
    OK(threading_semaphore_acquire(semaphore, THREADING_FOREVER));
    OK(threading_queue_put(queue, arg, THREADING_FOREVER));
    OK(threading_queue_get(queue, &item, THREADING_FOREVER));
    OK(threading_semaphore_release(semaphore, 1));
    if (i % 64 == 0) OK(threading_barrier_wait(barrier, THREADING_FOREVER, NULL));
  }
  return arg;
}

static void make_all(void) {
  OK(threading_lock_create(&lock));
  OK(threading_rlock_create(&rlock));
  OK(threading_semaphore_create(2, &semaphore));
  OK(threading_queue_create(THREADING_FIFO, 4, NULL, &queue));
  OK(threading_barrier_create(CROWD, NULL, NULL, THREADING_FOREVER, &barrier));
}

TEST(fault_H10_contention_on_one_processor) {
  threading_thread threads[CROWD];
  stay_on_one_processor();
  make_all();
  rounds = many(2000, 20000);
  for (int i = 0; i < CROWD; i++) threads[i] = spawn_thread(contend, &rounds);
  for (int i = 0; i < CROWD; i++) finish_thread(threads[i]);
  EQ(counted, (long)CROWD * rounds);
}

TEST(fault_H10_pools_on_one_processor) {
  stay_on_one_processor();
  atomic_llong sum = 0;
  threading_pool pool;
  OK(threading_pool_create(CROWD, NULL, &pool));
  const int count = many(20000, 200000);
  for (int i = 0; i < count; i++) {
    if (i % 100 == 0) OK(threading_parallel_for(pool, 0, 100, 1, count_range, &sum));
    OK(threading_pool_execute(pool, note_end, NULL));
  }
  OK(threading_pool_shutdown(pool, 1, 0));
  OK(threading_pool_destroy(pool));
  // The pool has no destructor here.
  EQ(atomic_load(&ended), count);
  EQ(atomic_load(&sum), count);
}

// One of real-time priority wants what an ordinary thread holds, on the same processor: it has to let it run.
static void *hold_for_a_while(void *arg) {
  OK(threading_lock_acquire(lock, THREADING_FOREVER));
  OK(threading_event_set(gate));
  for (int i = 0; i < rounds; i++) {
    OK(threading_lock_release(lock));
    OK(threading_lock_acquire(lock, THREADING_FOREVER));
  }
  OK(threading_lock_release(lock));
  return arg;
}

static void *take_urgently(void *arg) {
  OK(threading_event_wait(gate, THREADING_FOREVER));
  for (int i = 0; i < rounds; i++) {
    OK(threading_lock_acquire(lock, THREADING_FOREVER));
    OK(threading_lock_release(lock));
  }
  return arg;
}

TEST(fault_H10_real_time_waits_for_ordinary) {
  threading_thread ordinary, urgent;
  stay_on_one_processor();
  OK(threading_lock_create(&lock));
  OK(threading_event_create(&gate));
  rounds = many(20000, 200000);
  OK(threading_thread_create(take_urgently, &rounds, NULL, &urgent));
  OK(threading_thread_set_scheduler(urgent, THREADING_SCHED_FIFO, 10));
  if (threading_thread_start(urgent) == THREADING_E_PERMISSION) SKIP("no real-time priority is granted");
  ordinary = spawn_thread(hold_for_a_while, &rounds);
  finish_thread(urgent);
  finish_thread(ordinary);
}
