// Pools under load: many tasks, many producers, many pools, cancelling against running.
#include "pool.h"
#include "rounds.h"

enum { PRODUCERS = 64 };

static threading_pool pool;
static int64_t each;

// A task is producer * each + number.
static int64_t last_of[PRODUCERS];
static int64_t in_all;

static void check_order(void *arg) {
  const int64_t n = (intptr_t)arg, producer = n / each;
  CHECK(n % each == last_of[producer]);
  last_of[producer]++;
  in_all++;
}

static void *produce(void *arg) {
  const int64_t producer = (intptr_t)arg;
  for (int64_t i = 0; i < each; i++)
    OK(threading_pool_execute(pool, check_order, (void *)(intptr_t)(producer * each + i)));
  return NULL;
}

TEST(sixty_four_producers_keep_their_order_at_one_worker) {
  for (int bounded = 0; bounded < 2; bounded++) {
    const threading_pool_options options = { .size = sizeof options, .max_queued = bounded ? 100 : 0 };
    OK(threading_pool_create(1, &options, &pool));
    each = share(bounded ? 1000 : 10000);
    memset(last_of, 0, sizeof last_of);
    in_all = 0;
    threading_thread threads[PRODUCERS];
    for (intptr_t i = 0; i < PRODUCERS; i++) threads[i] = spawn_thread(produce, (void *)i);
    for (int i = 0; i < PRODUCERS; i++) finish_thread(threads[i]);
    OK(threading_pool_wait(pool, THREADING_FOREVER));
    EQ(in_all, PRODUCERS * each);
    if (bounded) CHECK(stats_of(pool).most_queued <= 100);
    finish_pool(pool);
  }
}

static atomic_uchar *ran;

static void run_once(void *arg) {
  EQ(atomic_fetch_add(&ran[(intptr_t)arg], 1), 0);
}

static void *produce_unordered(void *arg) {
  const int64_t producer = (intptr_t)arg;
  for (int64_t i = 0; i < each; i++)
    OK(threading_pool_execute(pool, run_once, (void *)(intptr_t)(producer * each + i)));
  return NULL;
}

TEST(each_of_a_million_tasks_runs_once) {
  pool = make_pool(4);
  each = share(1000000 / PRODUCERS);
  ran = calloc((size_t)(PRODUCERS * each), sizeof *ran);
  CHECK(ran);
  threading_thread threads[PRODUCERS];
  for (intptr_t i = 0; i < PRODUCERS; i++) threads[i] = spawn_thread(produce_unordered, (void *)i);
  for (int i = 0; i < PRODUCERS; i++) finish_thread(threads[i]);
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  for (int64_t i = 0; i < PRODUCERS * each; i++) EQ(atomic_load(&ran[i]), 1);
  EQ(stats_of(pool).done, PRODUCERS * each);
  finish_pool(pool);
  free(ran);
}

TEST(ten_million_tasks_in_chunks) {
  pool = make_pool(2);
  _Atomic int64_t count = 0;
  const int64_t end = NOW_NS() + THREADING_SECONDS(5);
  int64_t queued = 0;
  while (queued < share(10000000) && NOW_NS() < end) {
    for (int i = 0; i < 100000; i++) OK(threading_pool_execute(pool, count_up, (void *)&count));
    queued += 100000;
    OK(threading_pool_wait(pool, THREADING_FOREVER));
    EQ(atomic_load(&count), queued);
  }
  EQ(stats_of(pool).done, queued);
  finish_pool(pool);
}

TEST(one_task_at_a_time_wakes_a_sleeper) {
  pool = make_pool(3);
  const int64_t end = NOW_NS() + THREADING_SECONDS(4);
  uint32_t random = 1;
  for (int64_t i = 0; i < share(100000) && NOW_NS() < end; i++) {
    CHECK(result_of(submit(pool, give_back, &pool)) == &pool);
    random = random * 1664525 + 1013904223;
    // Now and then the workers have gone to sleep, now and then they are about to.
    if (random % 8 == 0) threading_sleep(random % 100000);
  }
  finish_pool(pool);
}

// ---- A guest that leaves while somebody queues a task: nobody else would look for it ----

static _Atomic int turn;
static threading_semaphore begun;

static void say_begun(void *arg) {
  (void)arg;
  OK(threading_semaphore_release(begun, 1));
}

static void a_moment(int64_t begin, int64_t end, void *queues) {
  if (queues != NULL && begin == 0) OK(threading_pool_execute(pool, say_begun, NULL));
  for (volatile int64_t i = 0; i < (end - begin) * 20; i++) {
  }
}

static void *visit(void *arg) {
  for (int seen = 0;;) {
    const int now = atomic_load(&turn);
    if (now < 0) return arg;
    if (now == seen) {
      threading_yield();
      continue;
    }
    seen = now;
    OK(threading_parallel_for(pool, 0, 10 + now % 20, 3, a_moment, arg));
  }
}

// The guest queues it, or somebody else.
static void queue_while_a_guest_leaves(bool guest_queues) {
  OK(threading_semaphore_create(0, &begun));
  for (uint32_t workers = 1; workers <= 2; workers++) {
    pool = make_pool(workers);
    atomic_store(&turn, 0);
    const threading_thread guest = spawn_thread(visit, guest_queues ? &pool : NULL);
    const int64_t end = end_of(1000);
    for (int round = 1; again(round, 100, 100000, end); round++) {
      atomic_store(&turn, round);
      for (volatile int i = 0; i < round % 97 * 10; i++) {
      }
      if (!guest_queues) OK(threading_pool_execute(pool, say_begun, NULL));
      OK(threading_semaphore_acquire(begun, THREADING_FOREVER));
    }
    atomic_store(&turn, -1);
    finish_thread(guest);
    finish_pool(pool);
  }
  OK(threading_semaphore_destroy(begun));
}

TEST(what_is_queued_while_a_guest_leaves_is_begun) {
  queue_while_a_guest_leaves(false);
}

TEST(what_a_guest_queues_before_it_leaves_is_begun) {
  queue_while_a_guest_leaves(true);
}

enum { GUESTS = 20 };  // more than are told from threads

static void stand_inside(int64_t begin, int64_t end, void *arg) {
  EQ(end - begin, 1);
  CHECK(stand_in_gate(arg) == arg);
}

static void *visit_once(void *arg) {
  OK(threading_parallel_for(pool, 0, 1, 1, stand_inside, arg));
  return arg;
}

TEST(a_crowd_of_guests_leaves) {
  OK(threading_set_parallelism(2 * GUESTS, NULL));
  OK(threading_semaphore_create(0, &begun));
  for (int round = 0; round < 20; round++) {
    pool = make_pool(GUESTS);  // a new one, in which no thread has a seat
    gate gate;
    make_gate(&gate);
    threading_thread guests[GUESTS];
    for (int i = 0; i < GUESTS; i++) guests[i] = spawn_thread(visit_once, &gate);
    WAIT_UNTIL(atomic_load(&gate.inside) == GUESTS);
    OK(threading_pool_execute(pool, say_begun, NULL));
    IS(threading_semaphore_acquire(begun, THREADING_MILLISECONDS(1)), THREADING_TIMEOUT);
    open_gate(&gate);
    OK(threading_semaphore_acquire(begun, THREADING_FOREVER));
    for (int i = 0; i < GUESTS; i++) finish_thread(guests[i]);
    OK(threading_event_destroy(gate.open));
    OK(threading_pool_wait(pool, THREADING_FOREVER));
    WAIT_UNTIL(stats_of(pool).busy == 0);  // a thread may just be looking
    finish_pool(pool);
  }
  OK(threading_semaphore_destroy(begun));
}

TEST(a_thousand_pools_leave_no_memory_behind) {
  int64_t before = 0;
  for (int64_t i = 0; i < share(1000); i++) {
    const threading_pool one = make_pool(2);
    const threading_future futures[] = { submit(one, give_back, NULL), submit(one, give_back, NULL) };
    for (int k = 0; k < 2; k++) result_of(futures[k]);
    if (i % 2 == 0) finish_pool(one);
    else OK(threading_pool_destroy(one));
    if (i == 200) before = resident_bytes();
  }
  WAIT_UNTIL(threading_active_count() == 1);
  if (share(1000) == 1000) CHECK(resident_bytes() - before <= 4 << 20);
}

// ---- Shutdown against submit ----

static _Atomic int64_t accepted, done;

static void note_done(void *arg) {
  (void)arg;
  atomic_fetch_add(&done, 1);
}

static void *submit_until_closed(void *arg) {
  for (;;) {
    const threading_status status = threading_pool_execute(*(threading_pool *)arg, note_done, NULL);
    if (status == THREADING_CLOSED || status == THREADING_E_HANDLE) return NULL;
    OK(status);
    atomic_fetch_add(&accepted, 1);
  }
}

TEST(what_was_accepted_runs_whenever_the_pool_is_shut_down) {
  const int64_t end = NOW_NS() + THREADING_SECONDS(4);
  for (int64_t round = 0; round < share(300) && NOW_NS() < end; round++) {
    threading_pool one = make_pool(2);
    atomic_store(&accepted, 0);
    atomic_store(&done, 0);
    threading_thread threads[3];
    for (int i = 0; i < 3; i++) threads[i] = spawn_thread(submit_until_closed, &one);
    WAIT_UNTIL(atomic_load(&accepted) > 50);
    if (round % 2 == 0) OK(threading_pool_shutdown(one, 1, 0));
    OK(threading_pool_destroy(one));
    for (int i = 0; i < 3; i++) finish_thread(threads[i]);
    WAIT_UNTIL(atomic_load(&done) == atomic_load(&accepted));
  }
}

// ---- Resize against everything ----

static atomic_bool over;

static void *resize_at_random(void *arg) {
  uint32_t random = (uint32_t)(uintptr_t)arg;
  while (!atomic_load(&over)) {
    random = random * 1664525 + 1013904223;
    OK(threading_pool_resize(pool, 1 + random / 65536 % 6));
    threading_yield();
  }
  return NULL;
}

TEST(resize_against_submit) {
  const threading_pool_options options = { .size = sizeof options, .idle_timeout_ns = 1000 };
  OK(threading_pool_create(2, &options, &pool));
  const threading_thread thread = spawn_thread(resize_at_random, NULL);
  _Atomic int64_t count = 0;
  const int64_t end = NOW_NS() + THREADING_SECONDS(3);
  int64_t queued = 0;
  while (NOW_NS() < end && queued < share(200000)) {
    for (int i = 0; i < 20; i++) OK(threading_pool_execute(pool, count_up, (void *)&count));
    queued += 20;
    if (queued % 200 == 0) OK(threading_pool_wait(pool, THREADING_FOREVER));
  }
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  EQ(atomic_load(&count), queued);
  atomic_store(&over, true);
  finish_thread(thread);
  finish_pool(pool);
}
