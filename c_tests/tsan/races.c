// Plain data passed on by each primitive, for ThreadSanitizer: the library orders what it promises to order, and no
// more. Cases whose names begin with `reported` race on purpose and have to be reported; see .ci/tsan.sh.
#include "harness.h"

enum { ROUNDS = 2000 };

// What is not atomic: only the primitive under test keeps two threads from racing here.
static long counter;

// ---- Two threads at once ----

typedef struct pair {
  void (*body)(uint64_t id);
  uint64_t id[2];
  atomic_int arrived, next;
} pair;

// Relaxed, so that meeting orders nothing.
static void meet(atomic_int *arrived) {
  atomic_fetch_add_explicit(arrived, 1, memory_order_relaxed);
  WAIT_UNTIL(atomic_load_explicit(arrived, memory_order_relaxed) >= 2);
}

static void *run_half(void *arg) {
  pair *p = arg;
  const uint64_t id = p->id[atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed)];
  meet(&p->arrived);
  for (int i = 0; i < ROUNDS; i++) p->body(id);
  return NULL;
}

static void run_pair(void (*body)(uint64_t id), uint64_t first, uint64_t second) {
  pair p = { .body = body, .id = { first, second } };
  const threading_thread one = spawn_thread(run_half, &p), two = spawn_thread(run_half, &p);
  finish_thread(one);
  finish_thread(two);
}

static void run_guarded(void (*body)(uint64_t id), uint64_t id) {
  run_pair(body, id, id);
  EQ(counter, 2 * ROUNDS);
}

// ---- Races ----

static void count(uint64_t id) {
  (void)id;
  counter += 1;
}

TEST(reported_counter_without_a_lock) { run_pair(count, 0, 0); }

static void count_under_lock(uint64_t id) {
  const threading_lock lock = { id };
  OK(threading_lock_acquire(lock, THREADING_FOREVER));
  counter += 1;
  OK(threading_lock_release(lock));
}

TEST(reported_counter_under_a_lock_for_each) {
  threading_lock one, two;
  OK(threading_lock_create(&one));
  OK(threading_lock_create(&two));
  run_pair(count_under_lock, one.id, two.id);
}

// Many, because ThreadSanitizer may miss two accesses of the very same moment.
static long counters[64];

static void *read_counters(void *arg) {
  meet(arg);
  intptr_t sum = 0;
  for (size_t i = 0; i < sizeof counters / sizeof *counters; i++) sum += counters[i];
  return (void *)sum;
}

TEST(reported_write_after_the_start_of_its_reader) {
  atomic_int arrived = 0;
  const threading_thread reader = spawn_thread(read_counters, &arrived);
  meet(&arrived);
  for (size_t i = 0; i < sizeof counters / sizeof *counters; i++) counters[i] += 1;
  finish_thread(reader);
}

// ---- One at a time ----

TEST(counter_under_a_lock) {
  threading_lock lock;
  OK(threading_lock_create(&lock));
  run_guarded(count_under_lock, lock.id);
  OK(threading_lock_destroy(lock));
}

static void count_under_tried_lock(uint64_t id) {
  const threading_lock lock = { id };
  while (threading_lock_acquire(lock, 0) != THREADING_OK) threading_yield();
  counter += 1;
  OK(threading_lock_release(lock));
}

TEST(counter_under_a_lock_that_is_tried) {
  threading_lock lock;
  OK(threading_lock_create(&lock));
  run_guarded(count_under_tried_lock, lock.id);
  OK(threading_lock_destroy(lock));
}

static void count_under_limited_lock(uint64_t id) {
  const threading_lock lock = { id };
  while (threading_lock_acquire(lock, THREADING_MILLISECONDS(1)) != THREADING_OK) continue;
  counter += 1;
  OK(threading_lock_release(lock));
}

TEST(counter_under_a_lock_with_a_timeout) {
  threading_lock lock;
  OK(threading_lock_create(&lock));
  run_guarded(count_under_limited_lock, lock.id);
  OK(threading_lock_destroy(lock));
}

static void count_under_rlock(uint64_t id) {
  const threading_rlock rlock = { id };
  OK(threading_rlock_acquire(rlock, THREADING_FOREVER));
  OK(threading_rlock_acquire(rlock, THREADING_FOREVER));
  counter += 1;
  OK(threading_rlock_release(rlock));
  OK(threading_rlock_release(rlock));
}

TEST(counter_under_an_rlock) {
  threading_rlock rlock;
  OK(threading_rlock_create(&rlock));
  run_guarded(count_under_rlock, rlock.id);
  OK(threading_rlock_destroy(rlock));
}

static void count_under_semaphore(uint64_t id) {
  const threading_semaphore semaphore = { id };
  OK(threading_semaphore_acquire(semaphore, THREADING_FOREVER));
  counter += 1;
  OK(threading_semaphore_release(semaphore, 1));
}

TEST(counter_under_a_semaphore_of_one) {
  threading_semaphore semaphore;
  OK(threading_semaphore_create(1, &semaphore));
  run_guarded(count_under_semaphore, semaphore.id);
  OK(threading_semaphore_destroy(semaphore));
}

// They take turns, so that every round goes through wait and notify.
static void count_in_turn(uint64_t id) {
  static _Thread_local char me;
  static const char *last;
  const threading_condition condition = { id };
  OK(threading_condition_acquire(condition, THREADING_FOREVER));
  while (last == &me) OK(threading_condition_wait(condition, THREADING_FOREVER));
  last = &me;
  counter += 1;
  OK(threading_condition_notify(condition, 1));
  OK(threading_condition_release(condition));
}

TEST(counter_under_a_condition) {
  threading_condition condition;
  OK(threading_condition_create(&condition));
  run_guarded(count_in_turn, condition.id);
  OK(threading_condition_destroy(condition));
}

TEST(counter_under_a_condition_over_a_lock) {
  threading_lock lock;
  threading_condition condition;
  OK(threading_lock_create(&lock));
  OK(threading_condition_create_with_lock(lock, &condition));
  run_guarded(count_in_turn, condition.id);
  OK(threading_condition_destroy(condition));
  OK(threading_lock_destroy(lock));
}

// The one that comes last counts, and the next round begins when it has.
static void count_between_barriers(uint64_t id) {
  const threading_barrier barrier = { id };
  int64_t index = -1;
  OK(threading_barrier_wait(barrier, THREADING_FOREVER, &index));
  if (index == 0) counter += 2;
  OK(threading_barrier_wait(barrier, THREADING_FOREVER, NULL));
}

TEST(counter_between_barriers) {
  threading_barrier barrier;
  OK(threading_barrier_create(2, NULL, NULL, THREADING_FOREVER, &barrier));
  run_guarded(count_between_barriers, barrier.id);
  OK(threading_barrier_destroy(barrier));
}

static int32_t count_for_both(void *arg) {
  (void)arg;
  counter += 2;
  return 0;
}

static void wait_at_barrier(uint64_t id) {
  const long before = counter;
  OK(threading_barrier_wait((threading_barrier){ id }, THREADING_FOREVER, NULL));
  CHECK(counter > before);
  OK(threading_barrier_wait((threading_barrier){ id }, THREADING_FOREVER, NULL));
}

TEST(counter_in_a_barriers_action) {
  threading_barrier barrier;
  OK(threading_barrier_create(2, count_for_both, NULL, THREADING_FOREVER, &barrier));
  run_pair(wait_at_barrier, barrier.id, barrier.id);
  EQ(counter, 2 * 2 * ROUNDS);
  OK(threading_barrier_destroy(barrier));
}

static void count_with_token(uint64_t id) {
  const threading_queue queue = { id };
  void *token;
  OK(threading_queue_get(queue, &token, THREADING_FOREVER));
  counter += 1;
  OK(threading_queue_put(queue, token, THREADING_FOREVER));
}

TEST(counter_for_who_has_the_token_of_a_queue) {
  for (int32_t order = THREADING_FIFO; order <= THREADING_PRIORITY; order++) {
    threading_queue queue;
    counter = 0;
    OK(threading_queue_create(order, order, NULL, &queue));
    OK(threading_queue_put(queue, &counter, 0));
    run_guarded(count_with_token, queue.id);
    OK(threading_queue_destroy(queue));
  }
}

// ---- From one to another ----

typedef struct message {
  threading_event event;
  atomic_int set;
} message;

static void *set_event(void *arg) {
  message *m = arg;
  counter = 1;
  OK(threading_event_set(m->event));
  atomic_store_explicit(&m->set, 1, memory_order_relaxed);
  return NULL;
}

static void pass_by_event(bool late) {
  message m = { .set = 0 };
  OK(threading_event_create(&m.event));
  const threading_thread setter = spawn_thread(set_event, &m);
  if (late) WAIT_UNTIL(atomic_load_explicit(&m.set, memory_order_relaxed) == 1);
  OK(threading_event_wait(m.event, THREADING_FOREVER));
  EQ(counter, 1);
  finish_thread(setter);
  OK(threading_event_destroy(m.event));
}

TEST(an_event_passes_data_to_who_waits) { pass_by_event(false); }
TEST(an_event_passes_data_to_who_comes_late) { pass_by_event(true); }

static void *ask_event(void *arg) {
  const message *m = arg;
  WAIT_UNTIL(threading_event_is_set(m->event) == 1);
  EQ(counter, 1);
  return NULL;
}

TEST(an_event_passes_data_to_who_asks) {
  message m = { .set = 0 };
  OK(threading_event_create(&m.event));
  const threading_thread asker = spawn_thread(ask_event, &m);
  set_event(&m);
  finish_thread(asker);
  OK(threading_event_destroy(m.event));
}

static int32_t reached(void *arg) { return *(const bool *)arg; }

typedef struct goal {
  threading_condition condition;
  bool reached;
} goal;

static void *reach(void *arg) {
  goal *g = arg;
  counter = 1;
  OK(threading_condition_acquire(g->condition, THREADING_FOREVER));
  g->reached = true;
  OK(threading_condition_notify_all(g->condition));
  OK(threading_condition_release(g->condition));
  return NULL;
}

TEST(a_condition_passes_data_to_who_waits_for_it) {
  goal g = { .reached = false };
  OK(threading_condition_create(&g.condition));
  OK(threading_condition_acquire(g.condition, THREADING_FOREVER));
  const threading_thread thread = spawn_thread(reach, &g);
  OK(threading_condition_wait_for(g.condition, reached, &g.reached, THREADING_FOREVER));
  EQ(counter, 1);
  OK(threading_condition_release(g.condition));
  finish_thread(thread);
  OK(threading_condition_destroy(g.condition));
}

static void *double_counter(void *arg) {
  counter *= 2;
  return arg;
}

TEST(start_and_join_pass_data) {
  for (counter = 1; counter < 1024;) finish_thread(spawn_thread(double_counter, NULL));
  EQ(counter, 1024);
}

TEST(is_alive_passes_data) {
  counter = 1;
  const threading_thread thread = spawn_thread(double_counter, NULL);
  WAIT_UNTIL(threading_thread_is_alive(thread) == 0);
  EQ(counter, 2);
  finish_thread(thread);
}

static void count_in_callback(void *arg) {
  (void)arg;
  counter += 1;
}

TEST(a_timer_passes_data) {
  threading_timer timer;
  counter = 1;
  OK(threading_timer_create(0, count_in_callback, NULL, NULL, &timer));
  OK(threading_timer_start(timer));
  OK(threading_timer_join(timer, THREADING_FOREVER));
  EQ(counter, 2);
  OK(threading_timer_destroy(timer));
}

static void *work_off(void *arg) {
  const threading_queue *queue = arg;
  void *item;
  OK(threading_queue_get(*queue, &item, THREADING_FOREVER));
  *(long *)item += 1;
  OK(threading_queue_task_done(*queue));
  return NULL;
}

TEST(a_queue_passes_data_there_and_its_join_back) {
  for (int32_t order = THREADING_FIFO; order <= THREADING_PRIORITY; order++) {
    threading_queue queue;
    OK(threading_queue_create(order, 0, NULL, &queue));
    const threading_thread thread = spawn_thread(work_off, &queue);
    counter = 1;
    OK(threading_queue_put(queue, &counter, 0));
    OK(threading_queue_join(queue, THREADING_FOREVER));
    EQ(counter, 2);
    finish_thread(thread);
    OK(threading_queue_destroy(queue));
  }
}

static void *set_local(void *arg) {
  const threading_local *local = arg;
  OK(threading_local_set(*local, malloc(1)));
  return NULL;
}

static void free_and_count(void *value) {
  free(value);
  counter += 1;
}

TEST(a_locals_destructor_runs_before_join_returns) {
  threading_local local;
  OK(threading_local_create(free_and_count, &local));
  finish_thread(spawn_thread(set_local, &local));
  EQ(counter, 1);
  OK(threading_local_destroy(local));
}
