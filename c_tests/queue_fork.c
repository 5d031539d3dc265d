// threading_queue in the child of a fork: items are whole, waiters are forgotten, and nothing hangs.
#include "child.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>

enum { MANY = 4, ORDERS = 3 };

static threading_queue queues[ORDERS];
static atomic_bool over;
static atomic_llong steps;

static void make_queues(int64_t maxsize) {
  for (int32_t order = 0; order < ORDERS; order++)
    OK(threading_queue_create(order, maxsize, NULL, &queues[order]));
}

static bool went_on(threading_status status) {
  return status == THREADING_OK || status == THREADING_TIMEOUT;
}

static void in_child(void (*body)(void *), void *arg) {
  char output[4096];
  const int code = child_fork(body, arg, output, sizeof output);
  if (code != 0) harness_fail(__FILE__, __LINE__, "the child ended with %d: %s", code, output);
}

// ---- Items ----

// An item is 1 + producer + MANY * number.
static void *produce(void *arg) {
  const int64_t me = (intptr_t)arg;
  int64_t numbers[ORDERS] = { 0 };
  while (!atomic_load(&over)) {
    for (int order = 0; order < ORDERS; order++) {
      void *item = (void *)(intptr_t)(1 + me + MANY * numbers[order]);
      const threading_status status = threading_queue_put(queues[order], item, 100000);
      CHECK(went_on(status));
      if (status == THREADING_OK) numbers[order]++;
    }
    atomic_fetch_add(&steps, 1);
  }
  return NULL;
}

static void *consume(void *arg) {
  while (!atomic_load(&over)) {
    for (int order = 0; order < ORDERS; order++) {
      void *item = NULL;
      const threading_status status = threading_queue_get(queues[order], &item, 100000);
      CHECK(went_on(status));
      if (status == THREADING_OK) OK(threading_queue_task_done(queues[order]));
    }
    atomic_fetch_add(&steps, 1);
  }
  return arg;
}

static int compare(const void *a, const void *b) {
  const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return x < y ? -1 : x > y;
}

// Everything that was in a queue comes out, nothing twice; FIFO in each producer's order and without a gap.
static void check_queue(int order) {
  const threading_queue q = queues[order];
  static int64_t items[1 << 16];
  const int64_t size = threading_queue_qsize(q), unfinished = threading_queue_unfinished_tasks(q);
  int64_t count = 0, last[MANY] = { -1, -1, -1, -1 };
  void *item;
  CHECK(size >= 0 && size < 1 << 16);
  CHECK(unfinished >= size);
  while (threading_queue_get(q, &item, 0) == THREADING_OK) {
    const int64_t n = (intptr_t)item - 1, producer = n % MANY, number = n / MANY;
    CHECK(n >= 0);
    if (order == THREADING_FIFO) {
      if (last[producer] >= 0) EQ(number, last[producer] + 1);
      last[producer] = number;
    }
    items[count++] = n;
  }
  EQ(count, size);
  qsort(items, (size_t)count, sizeof *items, compare);
  for (int64_t i = 1; i < count; i++) CHECK(items[i] != items[i - 1]);
  // And it works on.
  for (int64_t i = 0; i < unfinished; i++) OK(threading_queue_task_done(q));
  OK(threading_queue_join(q, THREADING_FOREVER));
  for (int64_t i = 1; i < 3; i++) OK(threading_queue_put(q, (void *)(intptr_t)i, THREADING_FOREVER));
  for (int64_t i = 1; i < 3; i++) {
    OK(threading_queue_get(q, &item, THREADING_FOREVER));
    EQ((intptr_t)item, order == THREADING_LIFO ? 3 - i : i);
  }
  OK(threading_queue_shutdown(q, 0));
  OK(threading_queue_destroy(q));
}

static void check_queues(void *arg) {
  (void)arg;
  for (int order = 0; order < ORDERS; order++) check_queue(order);
}

static void fork_amid_traffic(int64_t maxsize, int forks) {
  skip_on_the_portable_backend();
  make_queues(maxsize);
  threading_thread t[2 * MANY];
  for (intptr_t i = 0; i < 2 * MANY; i++) t[i] = spawn_thread(i < MANY ? produce : consume, (void *)i);
  const int64_t give_up = NOW_NS() + scaled(THREADING_SECONDS(4));
  for (int i = 0; i < forks && NOW_NS() < give_up; i++) {
    const long long reached = atomic_load(&steps) + 20;
    WAIT_UNTIL(atomic_load(&steps) >= reached);
    in_child(check_queues, NULL);
  }
  atomic_store(&over, true);
  for (int i = 0; i < 2 * MANY; i++) finish_thread(t[i]);
  check_queues(NULL);  // in the parent nothing was lost either
}

TEST(items_are_whole_in_the_child) { fork_amid_traffic(1000, 150); }
TEST(items_are_whole_in_the_child_of_small_queues) { fork_amid_traffic(2, 150); }

// ---- Waiters ----

static void *wait_get(void *arg) {
  void *item;
  OK(threading_queue_get(queues[(intptr_t)arg], &item, THREADING_FOREVER));
  return NULL;
}

static void *wait_put(void *arg) {
  OK(threading_queue_put(queues[(intptr_t)arg], NULL, THREADING_FOREVER));
  return NULL;
}

static void *wait_join(void *arg) {
  OK(threading_queue_join(queues[(intptr_t)arg], THREADING_FOREVER));
  return NULL;
}

static void *get_one(void *arg) {
  void *item;
  OK(threading_queue_get(queues[(intptr_t)arg], &item, THREADING_FOREVER));
  return item;
}

static void use_with_a_new_thread(void *arg) {
  for (intptr_t order = 0; order < ORDERS; order++) {
    const threading_queue q = queues[order];
    void *item;
    while (threading_queue_get(q, &item, 0) == THREADING_OK) {}
    const threading_thread t = spawn_thread(get_one, (void *)order);
    wait_blocked(t);
    IS(threading_queue_destroy(q), THREADING_E_BUSY);
    OK(threading_queue_put(q, &item, THREADING_FOREVER));
    CHECK(finish_thread(t) == &item);
    OK(threading_queue_destroy(q));
  }
  (void)arg;
}

static void destroy_queues(void *arg) {
  (void)arg;
  for (int order = 0; order < ORDERS; order++) OK(threading_queue_destroy(queues[order]));
}

static void fork_amid_waiters(threading_target wait, int items, void (*end)(threading_queue)) {
  skip_on_the_portable_backend();
  make_queues(items ? items : 1);
  threading_thread t[ORDERS][MANY];
  for (intptr_t order = 0; order < ORDERS; order++) {
    for (int i = 0; i < items; i++) OK(threading_queue_put(queues[order], NULL, 0));
    for (int i = 0; i < MANY; i++) t[order][i] = spawn_thread(wait, (void *)order);
    for (int i = 0; i < MANY; i++) wait_blocked(t[order][i]);
  }
  in_child(destroy_queues, NULL);  // nobody waits there
  in_child(use_with_a_new_thread, NULL);
  for (int order = 0; order < ORDERS; order++) {
    IS(threading_queue_destroy(queues[order]), THREADING_E_BUSY);
    end(queues[order]);
    for (int i = 0; i < MANY; i++) finish_thread(t[order][i]);
    OK(threading_queue_destroy(queues[order]));
  }
}

static void put_many(threading_queue q) {
  for (int i = 0; i < MANY; i++) OK(threading_queue_put(q, NULL, THREADING_FOREVER));
}

static void get_many(threading_queue q) {
  void *item;
  for (int i = 0; i < MANY; i++) OK(threading_queue_get(q, &item, THREADING_FOREVER));
}

static void finish_tasks(threading_queue q) {
  while (threading_queue_task_done(q) == THREADING_OK) {}
}

TEST(who_waits_for_an_item_is_forgotten) { fork_amid_waiters(wait_get, 0, put_many); }
TEST(who_waits_for_room_is_forgotten) { fork_amid_waiters(wait_put, 3, get_many); }
TEST(who_joins_is_forgotten) { fork_amid_waiters(wait_join, 3, finish_tasks); }

// ---- Forks in a signal handler, which may have interrupted a put or a get ----

static atomic_int forked;

static void fork_in_handler(int signal) {
  (void)signal;
  const int kept = errno;
  const pid_t child = fork();
  if (child == 0) _exit(0);
  if (child > 0) {
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
    atomic_fetch_add(&forked, 1);
  }
  errno = kept;
}

TEST(a_fork_in_a_signal_handler_does_not_wait_for_the_call_that_it_interrupted) {
  skip_on_the_portable_backend();
  make_queues(0);
  struct sigaction action = { .sa_handler = fork_in_handler, .sa_flags = SA_RESTART };
  CHECK(sigaction(SIGALRM, &action, NULL) == 0);
  const struct itimerval often = { { 0, 2000 }, { 0, 2000 } }, never = { { 0, 0 }, { 0, 0 } };
  CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
  const int64_t end = NOW_NS() + scaled(THREADING_SECONDS(1));
  // FIFO alone: the other two ask malloc, which an interrupted fork has locked.
  while (NOW_NS() < end) {
    void *item;
    for (int i = 0; i < 100; i++) CHECK(threading_queue_put(queues[0], &item, 0) == THREADING_OK);
    for (int i = 0; i < 100; i++) CHECK(threading_queue_get(queues[0], &item, 0) == THREADING_OK);
  }
  CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
  CHECK(atomic_load(&forked) > 0);
  destroy_queues(NULL);
}

// ---- Forks that run no handlers ----

static void call_each_once(void) {
  for (int order = 0; order < ORDERS; order++) {
    void *item;
    const threading_status got = threading_queue_get(queues[order], &item, THREADING_MILLISECONDS(1));
    if (!went_on(got) && got != THREADING_BROKEN) _exit(1);
  }
  const threading_status put = threading_queue_put(queues[THREADING_FIFO], NULL, THREADING_MILLISECONDS(1));
  _exit(went_on(put) || put == THREADING_BROKEN ? 0 : 2);
}

TEST(after_a_fork_without_handlers_no_call_with_a_timeout_hangs) {
  skip_on_the_portable_backend();
  make_queues(8);
  threading_thread t[2 * MANY];
  for (intptr_t i = 0; i < 2 * MANY; i++) t[i] = spawn_thread(i < MANY ? produce : consume, (void *)i);
  const int64_t give_up = NOW_NS() + scaled(THREADING_SECONDS(2));
  for (int i = 0; i < 100 && NOW_NS() < give_up; i++) {
    const long long reached = atomic_load(&steps) + 20;
    WAIT_UNTIL(atomic_load(&steps) >= reached);
    const pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    CHECK(child >= 0);
    if (child == 0) call_each_once();
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    EQ(WEXITSTATUS(status), 0);
  }
  atomic_store(&over, true);
  for (int i = 0; i < 2 * MANY; i++) finish_thread(t[i]);
  destroy_queues(NULL);
}
