// Plain data, guarded by all that orders threads in the library: race detectors have nothing to report.
#include "tool.h"

#include <pthread.h>

enum { THREADS = 3, TIMES = 50 };

static void in_threads(threading_target target) {
  threading_thread threads[THREADS];
  for (int i = 0; i < THREADS; i++) threads[i] = start(target, NULL);
  for (int i = 0; i < THREADS; i++) finish(threads[i]);
}

// ---- Locks ----

static threading_lock lock;
static int counted;

static void *count_under_lock(void *arg) {
  for (int i = 0; i < TIMES; i++) {
    if (i % 5 == 4) {
      while (threading_lock_acquire(lock, 0) != THREADING_OK) threading_yield();
    } else {
      OK(threading_lock_acquire(lock, i % 2 ? THREADING_FOREVER : THREADING_SECONDS(60)));
    }
    counted++;
    OK(threading_lock_release(lock));
  }
  return arg;
}

static void *release_lock(void *arg) {
  counted++;
  OK(threading_lock_release(lock));
  return arg;
}

static void locks(void) {
  OK(threading_lock_create(&lock));
  in_threads(count_under_lock);
  // Another thread releases what this one has acquired.
  OK(threading_lock_acquire(lock, 0));
  counted++;
  const threading_thread other = start(release_lock, NULL);
  OK(threading_lock_acquire(lock, THREADING_FOREVER));
  CHECK(counted == THREADS * TIMES + 2);
  OK(threading_lock_release(lock));
  finish(other);
  OK(threading_lock_destroy(lock));
}

static threading_rlock rlock;
static int counted_deeply;

static void *count_under_rlock(void *arg) {
  for (int i = 0; i < TIMES; i++) {
    OK(threading_rlock_acquire(rlock, THREADING_FOREVER));
    OK(threading_rlock_acquire(rlock, THREADING_FOREVER));
    counted_deeply++;
    OK(threading_rlock_release(rlock));
    counted_deeply++;
    OK(threading_rlock_release(rlock));
  }
  return arg;
}

static void *die_with_rlock(void *arg) {
  OK(threading_rlock_acquire(rlock, THREADING_FOREVER));
  counted_deeply++;
  return arg;
}

static void rlocks(void) {
  OK(threading_rlock_create(&rlock));
  in_threads(count_under_rlock);
  const threading_thread owner = start(die_with_rlock, NULL);
  threading_status inherited;
  do {
    inherited = threading_rlock_acquire(rlock, THREADING_FOREVER);
    if (inherited == THREADING_OK) {
      OK(threading_rlock_release(rlock));
      threading_yield();
    }
  } while (inherited == THREADING_OK);
  CHECK(inherited == THREADING_OWNER_DEAD);
  CHECK(counted_deeply == 2 * THREADS * TIMES + 1);
  OK(threading_rlock_release(rlock));
  finish(owner);
  OK(threading_rlock_destroy(rlock));
}

// ---- Conditions, semaphores, events, barriers ----

static threading_condition condition;
static int produced, consumed;

static int32_t is_produced(void *arg) {
  (void)arg;
  return produced > 0;
}

static void *consume(void *arg) {
  OK(threading_condition_acquire(condition, THREADING_FOREVER));
  for (int i = 0; i < TIMES; i++) {
    if (arg != NULL) {
      OK(threading_condition_wait_for(condition, is_produced, NULL, THREADING_FOREVER));
    } else {
      while (produced == 0) threading_condition_wait(condition, THREADING_MILLISECONDS(i % 3));
    }
    produced--;
    consumed++;
  }
  OK(threading_condition_release(condition));
  return NULL;
}

static void conditions(void) {
  OK(threading_condition_create(&condition));
  int any;
  const threading_thread patient = start(consume, &any), restless = start(consume, NULL);
  for (int i = 0; i < 2 * TIMES; i++) {
    OK(threading_condition_acquire(condition, THREADING_FOREVER));
    produced++;
    OK(i % 2 ? threading_condition_notify_all(condition) : threading_condition_notify(condition, 1));
    OK(threading_condition_release(condition));
  }
  finish(patient);
  finish(restless);
  CHECK(consumed == 2 * TIMES);
  OK(threading_condition_destroy(condition));
}

static threading_semaphore semaphore;
static int permitted;

static void *count_with_permit(void *arg) {
  for (int i = 0; i < TIMES; i++) {
    OK(threading_semaphore_acquire(semaphore, THREADING_FOREVER));
    permitted++;
    OK(threading_semaphore_release(semaphore, 1));
  }
  return arg;
}

static void semaphores(void) {
  OK(threading_semaphore_create(0, &semaphore));
  permitted = 1;
  OK(threading_semaphore_release(semaphore, 1));
  in_threads(count_with_permit);
  OK(threading_semaphore_destroy(semaphore));
}

static threading_event asked, answered;
static int question, answer;

static void *answer_it(void *arg) {
  OK(threading_event_wait(asked, THREADING_FOREVER));
  answer = question + 1;
  OK(threading_event_set(answered));
  return arg;
}

static void events(void) {
  OK(threading_event_create(&asked));
  OK(threading_event_create(&answered));
  for (int i = 0; i < 4; i++) {
    const threading_thread other = start(answer_it, NULL);
    question = i;
    OK(threading_event_set(asked));
    if (i % 2) {
      OK(threading_event_wait(answered, THREADING_FOREVER));
    } else {
      while (threading_event_is_set(answered) != 1) threading_yield();
    }
    CHECK(answer == i + 1);
    answer = 0;
    OK(threading_event_clear(asked));
    OK(threading_event_clear(answered));
    finish(other);
  }
  OK(threading_event_destroy(asked));
  OK(threading_event_destroy(answered));
}

static threading_barrier barrier;
static int places[THREADS], sum;

static threading_status add_up(void *arg) {
  (void)arg;
  sum = 0;
  for (int i = 0; i < THREADS; i++) sum += places[i];
  return THREADING_OK;
}

static void *meet(void *place) {
  for (int i = 1; i <= TIMES / 2; i++) {
    *(int *)place = i;
    OK(threading_barrier_wait(barrier, THREADING_FOREVER, NULL));
    CHECK(sum == THREADS * i);
    // Everybody has looked before the next round is added up, and at every place before it is changed.
    CHECK(places[0] == i && places[THREADS - 1] == i);
    OK(threading_barrier_wait(barrier, THREADING_FOREVER, NULL));
  }
  return NULL;
}

static void barriers(void) {
  OK(threading_barrier_create(THREADS, add_up, NULL, THREADING_FOREVER, &barrier));
  threading_thread threads[THREADS];
  for (int i = 0; i < THREADS; i++) threads[i] = start(meet, &places[i]);
  for (int i = 0; i < THREADS; i++) finish(threads[i]);
  OK(threading_barrier_destroy(barrier));
}

// ---- Threads, locals, timers ----

static void *add_one(void *number) {
  ++*(int *)number;
  return number;
}

static void threads(void) {
  int number = 1;
  threading_thread thread;
  OK(threading_thread_create(add_one, &number, NULL, &thread));
  number = 2;
  OK(threading_thread_start(thread));
  while (threading_thread_is_alive(thread) == 1) threading_yield();
  CHECK(number == 3);
  CHECK(finish(thread) == &number);
  const threading_thread_options options = { .size = sizeof options, .arg_size = sizeof number };
  OK(threading_thread_spawn(add_one, &number, &options, &thread));
  number = 7;
  finish(thread);
}

static threading_local local;
static threading_event has_set, may_end;
static int values_destroyed;

static void destroy_value(void *value) {
  values_destroyed += *(int *)value;
  free(value);
}

static void *set_value(void *arg) {
  int *value = malloc(sizeof *value);
  CHECK(value != NULL);
  *value = 5;
  OK(threading_local_set(local, value));
  OK(threading_event_set(has_set));
  OK(threading_event_wait(may_end, THREADING_FOREVER));
  return arg;
}

static void locals(void) {
  OK(threading_local_create(destroy_value, &local));
  OK(threading_event_create(&has_set));
  OK(threading_event_create(&may_end));
  OK(threading_event_set(may_end));
  finish(start(set_value, NULL));
  CHECK(values_destroyed == 5);
  OK(threading_event_clear(may_end));
  OK(threading_event_clear(has_set));
  const threading_thread thread = start(set_value, NULL);
  OK(threading_event_wait(has_set, THREADING_FOREVER));
  OK(threading_local_destroy(local));
  CHECK(values_destroyed == 10);
  OK(threading_event_set(may_end));
  finish(thread);
  OK(threading_event_destroy(has_set));
  OK(threading_event_destroy(may_end));
}

static int ticks, fired;
static threading_event ticked;

static void fire(void *arg) { fired += *(int *)arg; }

static void tick(void *arg) {
  if (++*(int *)arg == 3) OK(threading_event_set(ticked));
}

static void timers(void) {
  int number = 1;
  threading_timer timer;
  OK(threading_timer_create(THREADING_MILLISECONDS(1), fire, &number, NULL, &timer));
  number = 2;
  OK(threading_timer_start(timer));
  OK(threading_timer_join(timer, THREADING_FOREVER));
  CHECK(fired == 2);
  OK(threading_timer_destroy(timer));

  OK(threading_event_create(&ticked));
  const threading_timer_options options = { .size = sizeof options, .period_ns = THREADING_MILLISECONDS(1) };
  OK(threading_timer_create(0, tick, &ticks, &options, &timer));
  OK(threading_timer_start(timer));
  OK(threading_event_wait(ticked, THREADING_FOREVER));
  OK(threading_timer_cancel(timer));
  CHECK(threading_timer_join(timer, THREADING_FOREVER) == THREADING_CANCELLED);
  CHECK(ticks >= 3);
  OK(threading_timer_destroy(timer));
  OK(threading_event_destroy(ticked));
}

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

// ---- Left by force ----

static int exited, complained;

static void *exit_thread(void *arg) {
  exited++;
  if (arg == NULL) pthread_exit(NULL);
  return arg;
}

static void exit_callback(void *arg) {
  exited++;
  OK(threading_event_set(*(threading_event *)arg));
  pthread_exit(NULL);
}

static void *fail(void *arg) {
  OK(threading_fail(3, "on purpose"));
  return arg;
}

static void complain(threading_thread thread, int32_t code, const char *message, void *user) {
  (void)thread, (void)message;
  *(int *)user += code;
}

static void ends_by_force(void) {
  void *result;
  OK(threading_set_excepthook(complain, &complained));
  threading_thread thread = start(exit_thread, NULL);
  OK(threading_thread_join(thread, THREADING_FOREVER));
  CHECK(exited == 1);
  OK(threading_thread_destroy(thread));
  thread = start(fail, NULL);
  OK(threading_thread_join(thread, THREADING_FOREVER));
  CHECK(complained == 3);
  OK(threading_thread_destroy(thread));

  OK(threading_pool_create(1, NULL, &pool));
  for (int i = 0; i < 6; i++) {
    threading_future future;
    OK(threading_pool_submit(pool, exit_thread, i % 2 ? &exited : NULL, &future));
    const threading_status got = threading_future_result(future, THREADING_FOREVER, &result);
    CHECK(got == (i % 2 ? THREADING_OK : THREADING_FAILED) && exited == i + 2);
    OK(threading_future_destroy(future));
  }
  OK(threading_pool_shutdown(pool, 1, 0));
  OK(threading_pool_destroy(pool));

  threading_event fired_once;
  OK(threading_event_create(&fired_once));
  for (int i = 0; i < 2; i++) {
    threading_timer timer;
    OK(threading_timer_create(0, exit_callback, &fired_once, NULL, &timer));
    OK(threading_timer_start(timer));
    OK(threading_timer_join(timer, THREADING_FOREVER));
    CHECK(threading_event_is_set(fired_once) == 1 && exited == 8 + i);
    OK(threading_event_clear(fired_once));
    OK(threading_timer_destroy(timer));
  }
  OK(threading_event_destroy(fired_once));
  OK(threading_set_excepthook(NULL, NULL));
}

// ---- Questions, hooks, the end ----

static void *ask_around(void *arg) {
  for (int i = 0; i < TIMES; i++) {
    char name[32];
    size_t count;
    threading_thread all[8];
    OK(threading_enumerate(all, 8, &count));
    OK(threading_thread_name(threading_main_thread(), name, sizeof name, NULL));
    OK(threading_thread_set_name(threading_current_thread(), "renamed"));
    CHECK(threading_lock_release(lock) == THREADING_E_STATE);
    CHECK(threading_last_error()[0] != 0);
    CHECK(threading_active_count() > 0 && threading_get_ident() != 0);
  }
  return arg;
}

static int heard;

static void hear(int32_t event, threading_thread thread, uint64_t object, void *user) {
  (void)thread, (void)object;
  const int counts = event == THREADING_HOOK_THREAD_START || event == THREADING_HOOK_THREAD_EXIT;
  __atomic_fetch_add((int *)user, counts, __ATOMIC_RELAXED);
}

static void questions(void) {
  OK(threading_lock_create(&lock));
  OK(threading_set_profile(hear, &heard));
  in_threads(ask_around);
  OK(threading_set_profile(NULL, NULL));
  CHECK(__atomic_load_n(&heard, __ATOMIC_RELAXED) == 2 * THREADS);
  OK(threading_lock_destroy(lock));
}

static int last_words;

static void at_the_end(void *arg) { CHECK(*(int *)arg == 1); }

static void *say_last_words(void *arg) {
  OK(threading_sleep(THREADING_MILLISECONDS(20)));
  last_words = 1;
  OK(threading_at_exit(at_the_end, arg, NULL));
  return arg;
}

int main(void) {
  locks();
  rlocks();
  conditions();
  semaphores();
  events();
  barriers();
  threads();
  locals();
  timers();
  queues(THREADING_FIFO);
  queues(THREADING_LIFO);
  queues(THREADING_PRIORITY);
  circulation();
  pools();
  ends_by_force();
  questions();
  // The process waits for it.
  OK(threading_thread_destroy(start(say_last_words, &last_words)));
  puts("all done");
  return 0;
}
