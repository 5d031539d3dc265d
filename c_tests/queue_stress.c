// threading_queue under load: every item exactly once, FIFO for each producer, memory, timeouts against puts,
// destroy against use.
#include "harness.h"

#include <sys/resource.h>

enum { MANY = 4 };

static threading_queue queue;
static int64_t each;              // how many items a producer puts
static atomic_uchar *seen;        // by item, how often it was got
static atomic_llong put_in_all, got_in_all;
static int64_t give_up;           // on a busy machine fewer items will do

static int64_t share(int64_t count) {
  // A tool that runs the program makes it slow.
  return scaled(1000) == 1000 ? count : count / 20;
}

// An item is producer * each + number + 1.
static void *produce(void *arg) {
  const int64_t me = (intptr_t)arg;
  int64_t i = 0;
  for (; i < each && (i % 64 || NOW_NS() < give_up); i++)
    OK(threading_queue_put(queue, (void *)(intptr_t)(me * each + i + 1), THREADING_FOREVER));
  atomic_fetch_add(&put_in_all, i);
  return NULL;
}

static void *consume(void *arg) {
  const bool in_order = arg;
  int64_t last[MANY] = { 0 };
  for (;;) {
    void *item = NULL;
    const threading_status status = threading_queue_get(queue, &item, THREADING_FOREVER);
    if (status == THREADING_CLOSED) return NULL;
    OK(status);
    const int64_t n = (intptr_t)item - 1, producer = n / each;
    CHECK(n >= 0 && producer < MANY);
    EQ(atomic_fetch_add(&seen[n], 1), 0);
    if (in_order) CHECK(n % each >= last[producer]);
    last[producer] = n % each + 1;
    atomic_fetch_add(&got_in_all, 1);
    OK(threading_queue_task_done(queue));
  }
}

static void flow(int32_t order, int64_t maxsize, int producers, int consumers, int64_t items) {
  each = items;
  seen = calloc((size_t)(each * producers), sizeof *seen);
  CHECK(seen);
  atomic_store(&put_in_all, 0);
  atomic_store(&got_in_all, 0);
  give_up = NOW_NS() + scaled(THREADING_SECONDS(4));
  OK(threading_queue_create(order, maxsize, NULL, &queue));
  threading_thread from[MANY], to[MANY];
  for (int i = 0; i < consumers; i++) to[i] = spawn_thread(consume, order == THREADING_FIFO ? &each : NULL);
  for (intptr_t i = 0; i < producers; i++) from[i] = spawn_thread(produce, (void *)i);
  for (int i = 0; i < producers; i++) finish_thread(from[i]);
  OK(threading_queue_join(queue, THREADING_FOREVER));
  EQ(atomic_load(&got_in_all), atomic_load(&put_in_all));
  EQ(threading_queue_qsize(queue), 0);
  OK(threading_queue_shutdown(queue, 0));
  for (int i = 0; i < consumers; i++) finish_thread(to[i]);
  int64_t once = 0;
  for (int64_t i = 0; i < each * producers; i++) once += atomic_load(&seen[i]) == 1;
  EQ(once, atomic_load(&put_in_all));
  OK(threading_queue_destroy(queue));
  free(seen);
}

TEST(fifo_four_to_four_unbounded) { flow(THREADING_FIFO, 0, MANY, MANY, share(200000)); }
TEST(fifo_four_to_four_bounded) { flow(THREADING_FIFO, 1024, MANY, MANY, share(200000)); }
TEST(fifo_four_to_four_tightly_bounded) { flow(THREADING_FIFO, 3, MANY, MANY, share(20000)); }
TEST(fifo_one_to_four) { flow(THREADING_FIFO, 100, 1, MANY, share(200000)); }
TEST(fifo_four_to_one) { flow(THREADING_FIFO, 100, MANY, 1, share(50000)); }
TEST(lifo_four_to_four) { flow(THREADING_LIFO, 0, MANY, MANY, share(50000)); }
TEST(lifo_four_to_four_bounded) { flow(THREADING_LIFO, 16, MANY, MANY, share(20000)); }
TEST(priority_four_to_four) { flow(THREADING_PRIORITY, 0, MANY, MANY, share(50000)); }
TEST(priority_four_to_four_bounded) { flow(THREADING_PRIORITY, 16, MANY, MANY, share(20000)); }
TEST(a_million_items_through_a_bound_of_one) { flow(THREADING_FIFO, 1, 1, 1, share(1000000)); }

// ---- Memory ----

static int64_t resident_bytes(void) {
  FILE *file = fopen("/proc/self/statm", "r");
  CHECK(file);
  long size, resident;
  CHECK(fscanf(file, "%ld %ld", &size, &resident) == 2);
  fclose(file);
  return (int64_t)resident * sysconf(_SC_PAGESIZE);
}

TEST(memory_goes_back_when_a_queue_has_been_emptied) {
  const int64_t count = 2000000;  // 32 MB of FIFO
  for (int32_t order = THREADING_FIFO; order <= THREADING_PRIORITY; order++) {
    OK(threading_queue_create(order, 0, NULL, &queue));
    void *item;
    const int64_t before = resident_bytes();
    for (int64_t i = 0; i < share(count); i++) OK(threading_queue_put(queue, &item, 0));
    const int64_t full = resident_bytes();
    for (int64_t i = 0; i < share(count); i++) OK(threading_queue_get(queue, &item, 0));
    IS(threading_queue_get(queue, &item, 0), THREADING_TIMEOUT);
    if (share(count) == count) {
      CHECK(full - before >= count * (int64_t)sizeof(void *));
      CHECK(resident_bytes() - before <= (full - before) / 4);
    }
    OK(threading_queue_destroy(queue));
  }
}

TEST(a_queue_that_items_pass_through_does_not_grow) {
  OK(threading_queue_create(THREADING_FIFO, 0, NULL, &queue));
  void *item;
  for (int i = 0; i < 1000; i++) OK(threading_queue_put(queue, &item, 0));
  const int64_t before = resident_bytes();
  for (int64_t i = 0; i < share(3000000); i++) {
    OK(threading_queue_put(queue, &item, 0));
    OK(threading_queue_get(queue, &item, 0));
  }
  // A tool that runs the program has memory of its own.
  if (share(100) == 100) CHECK(resident_bytes() - before <= 1 << 20);
  OK(threading_queue_destroy(queue));
}

TEST(when_memory_runs_out_a_put_fails_and_nothing_is_lost) {
  if (share(100) != 100) SKIP("a tool that runs the program has memory of its own");
  for (int32_t order = THREADING_FIFO; order <= THREADING_PRIORITY; order++) {
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long pages;
    CHECK(file && fscanf(file, "%lu", &pages) == 1);
    fclose(file);
    struct rlimit old, less;
    CHECK(getrlimit(RLIMIT_AS, &old) == 0);
    less = (struct rlimit){ pages * (rlim_t)sysconf(_SC_PAGESIZE) + (12 << 20), old.rlim_max };
    CHECK(setrlimit(RLIMIT_AS, &less) == 0);
    int64_t count = 0;
    threading_status status;
    OK(threading_queue_create(order, 0, NULL, &queue));
    while ((status = threading_queue_put(queue, (void *)(intptr_t)count, 0)) == THREADING_OK) count++;
    IS(status, THREADING_E_NO_MEMORY);
    IS(threading_queue_put(queue, NULL, THREADING_FOREVER), THREADING_E_NO_MEMORY);
    CHECK(count > 100000);
    EQ(threading_queue_qsize(queue), count);
    EQ(threading_queue_unfinished_tasks(queue), count);
    for (int64_t i = 0; i < count; i++) {
      void *item;
      OK(threading_queue_get(queue, &item, 0));
      EQ((intptr_t)item, order == THREADING_LIFO ? count - 1 - i : i);
    }
    OK(threading_queue_put(queue, NULL, 0));  // there is memory again
    OK(threading_queue_destroy(queue));
    CHECK(setrlimit(RLIMIT_AS, &old) == 0);
  }
}

// ---- Timeouts against puts and gets ----

static atomic_bool over;
static atomic_llong timed_out;

static void *get_in_a_hurry(void *arg) {
  uint64_t *count = arg;
  uint32_t random = (uint32_t)(uintptr_t)arg;
  while (!atomic_load(&over)) {
    void *item;
    random = random * 1664525 + 1013904223;
    const threading_status status = threading_queue_get(queue, &item, random % 200000);
    if (status == THREADING_OK) *count += 1;
    else if (status == THREADING_TIMEOUT) atomic_fetch_add(&timed_out, 1);
    else OK(status);
  }
  return NULL;
}

static void *put_in_a_hurry(void *arg) {
  uint64_t *count = arg;
  uint32_t random = (uint32_t)(uintptr_t)arg;
  while (!atomic_load(&over)) {
    random = random * 1664525 + 1013904223;
    const threading_status status = threading_queue_put(queue, arg, random % 100000);
    if (status == THREADING_OK) *count += 1;
    else if (status == THREADING_TIMEOUT) atomic_fetch_add(&timed_out, 1);
    else OK(status);
    // Somebody else's turn comes now and then, so that those who get also wait.
    if (random % 64 == 0) threading_sleep(random % 300000);
  }
  return NULL;
}

TEST(what_was_put_was_got_whoever_gave_up) {
  for (int32_t order = THREADING_FIFO; order <= THREADING_PRIORITY; order++) {
    OK(threading_queue_create(order, 2, NULL, &queue));
    atomic_store(&over, false);
    uint64_t counts[2 * MANY] = { 0 };
    threading_thread t[2 * MANY];
    for (int i = 0; i < 2 * MANY; i++)
      t[i] = spawn_thread(i < MANY ? put_in_a_hurry : get_in_a_hurry, &counts[i]);
    const int64_t end = NOW_NS() + scaled(THREADING_MILLISECONDS(700));
    WAIT_UNTIL(NOW_NS() >= end);
    atomic_store(&over, true);
    uint64_t put = 0, got = 0;
    for (int i = 0; i < 2 * MANY; i++) {
      finish_thread(t[i]);
      *(i < MANY ? &put : &got) += counts[i];
    }
    EQ(put - got, threading_queue_qsize(queue));
    CHECK(got > 0);
    OK(threading_queue_destroy(queue));
  }
}

// One item at a time to and fro, with nobody else to help out: a lost wake-up would be for ever.
static threading_queue back;

static void *answer(void *arg) {
  (void)arg;
  void *item;
  while (threading_queue_get(queue, &item, THREADING_FOREVER) == THREADING_OK)
    OK(threading_queue_put(back, item, THREADING_FOREVER));
  return NULL;
}

TEST(to_and_fro) {
  OK(threading_queue_create(THREADING_FIFO, 1, NULL, &queue));
  OK(threading_queue_create(THREADING_FIFO, 1, NULL, &back));
  const threading_thread t = spawn_thread(answer, NULL);
  for (int64_t i = 0; i < share(100000); i++) {
    void *item = NULL;
    OK(threading_queue_put(queue, &item, THREADING_FOREVER));
    if (i % 1000 == 0) wait_blocked(t);  // some find the other asleep for sure
    OK(threading_queue_get(back, &item, THREADING_FOREVER));
    CHECK(item == &item);
  }
  OK(threading_queue_shutdown(queue, 0));
  finish_thread(t);
  OK(threading_queue_destroy(queue));
  OK(threading_queue_destroy(back));
}

// ---- Destroy against use ----

static _Atomic uint64_t current;

static void *use(void *arg) {
  (void)arg;
  uint32_t random = (uint32_t)(uintptr_t)&arg;
  while (!atomic_load(&over)) {
    const threading_queue q = { atomic_load(&current) };
    void *item = NULL;
    random = random * 1664525 + 1013904223;
    const threading_status status = random % 2048 < 1024 ? threading_queue_put(q, arg, random % 3000)
                                                         : threading_queue_get(q, &item, random % 3000);
    CHECK(status == THREADING_OK || status == THREADING_TIMEOUT || status == THREADING_CLOSED ||
          status == THREADING_E_HANDLE);
    if (random % 16 == 0) CHECK(threading_queue_qsize(q) >= THREADING_E_HANDLE);
  }
  return NULL;
}

TEST(a_queue_may_be_destroyed_while_others_use_it) {
  atomic_store(&over, false);
  threading_queue q;
  OK(threading_queue_create(THREADING_FIFO, 300, NULL, &q));
  atomic_store(&current, q.id);
  threading_thread t[MANY];
  for (int i = 0; i < MANY; i++) t[i] = spawn_thread(use, NULL);
  const int64_t end = NOW_NS() + scaled(THREADING_SECONDS(2));
  for (int32_t round = 0; NOW_NS() < end; round++) {
    threading_queue next;
    OK(threading_queue_create(round % 3, 300, NULL, &next));
    const threading_queue old = { atomic_exchange(&current, next.id) };
    if (round % 2) OK(threading_queue_shutdown(old, round % 4 == 1));
    threading_status status;
    do {
      status = threading_queue_destroy(old);
    } while (status == THREADING_E_BUSY);
    OK(status);
  }
  atomic_store(&over, true);
  for (int i = 0; i < MANY; i++) finish_thread(t[i]);
  OK(threading_queue_destroy((threading_queue){ atomic_load(&current) }));
}
