// Requests for memory and threads that are refused, by the numbers of docs/faults.md: each request of a tour
// through the library in its turn, in a process that has not used the library before.
#include "child.h"
#include "oom/allocator.h"

#ifdef OOM_AVAILABLE
#include "oom/work.h"

#include <dirent.h>
#include <limits.h>

// What a run has asked for, how much of that was refused, and what the library holds at the end.
typedef struct usage {
  long asked, refused, blocks;
} usage;

// What the processes of one case share.
typedef struct trial {
  oom_mode mode;
  long which;
  int keys;
  usage used;
} trial;

// ---- What is held ----

// How many threads the system counts.
static int all_threads(void) {
  char line[200];
  int count = -1;
  FILE *status = fopen("/proc/self/status", "re");
  CHECK(status != NULL);
  while (fgets(line, sizeof line, status) != NULL && sscanf(line, "Threads: %d", &count) != 1) continue;
  fclose(status);
  return count;
}

// Counts the threads that serve timers and stay for a while; -1 as long as there are others beside this one. While
// threads end, the list of them may leave some out.
static int idle_threads(void) {
  int timers = 0, others = 0;
  DIR *tasks = opendir("/proc/self/task");
  CHECK(tasks != NULL);
  for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
    char path[300], name[32] = "";
    if (task->d_name[0] == '.' || atoi(task->d_name) == getpid()) continue;
    snprintf(path, sizeof path, "/proc/self/task/%s/comm", task->d_name);
    FILE *file = fopen(path, "re");
    const bool read = file != NULL && fgets(name, sizeof name, file) != NULL;
    if (file != NULL) fclose(file);
    timers += read && strcmp(name, "timer\n") == 0;
    others += read && strcmp(name, "timer\n") != 0;
  }
  closedir(tasks);
  return others > 0 || all_threads() != 1 + timers ? -1 : timers;
}

// What the library holds when no threads are left but its own; each of those has a name. A thread keeps the
// story of its last error: it has one now in any case.
static long blocks_at_rest(void) {
  int timers = -1;
  IS(threading_lock_destroy((threading_lock){ 0 }), THREADING_E_HANDLE);
  CHECK(*threading_last_error() != '\0');
  WAIT_UNTIL((timers = idle_threads()) >= 0);
  return oom_blocks_live() - timers;
}

// ---- The tour with refusals, and once more without ----

static void take_the_tour(void *arg) {
  trial *now = arg;
  pthread_key_t key;
  for (int i = 0; i < now->keys; i++) CHECK(pthread_key_create(&key, NULL) == 0);
  oom_strict = now->mode == OOM_COUNT;
  oom_arm(now->mode, now->which);
  oom_tour();
  oom_disarm();
  now->used.asked = atomic_load(&oom_asked);
  now->used.refused = atomic_load(&oom_refused);
  oom_strict = true;
  oom_tour();
  OK(threading_shutdown(OOM_SOON));
  EQ(atomic_load(&oom_last), atomic_load(&oom_registered));
  EQ(threading_active_count(), 1);
  now->used.blocks = blocks_at_rest();
}

static usage run_trial(trial *trial, oom_mode mode, long which) {
  trial->mode = mode;
  trial->which = which;
  const int code = child_fork(take_the_tour, trial, NULL, 0);
  if (code != 0) harness_fail(__FILE__, __LINE__, "request %ld: the child ended with %d", which, code);
  return trial->used;
}

// In so many cases, so that each is soon over: the first takes the first request, the fourth and so on.
#define SHARES 3

// Refuses one request after another, until a whole tour needs fewer.
static void refuse_each(oom_mode mode, int keys, long first) {
  skip_on_the_portable_backend();
  trial *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(shared != MAP_FAILED);
  shared->keys = keys;
  const usage whole = run_trial(shared, OOM_COUNT, 0);
  CHECK(whole.asked > 80 && whole.refused == 0);
  long which = first;
  while (run_trial(shared, mode, which).refused > 0) {
    EQ(shared->used.blocks, whole.blocks);
    CHECK(which < 10 * whole.asked);
    which += SHARES;
  }
  EQ(shared->used.blocks, whole.blocks);
  CHECK(which > 80);
  printf("every third of %ld requests refused; %ld blocks at rest\n", whole.asked, whole.blocks);
}

#define REFUSE_EACH(name, mode, keys)                                                                     \
  TEST(fault_H4_##name##_first_share) { refuse_each(mode, keys, 1); }                                     \
  TEST(fault_H4_##name##_second_share) { refuse_each(mode, keys, 2); }                                    \
  TEST(fault_H4_##name##_third_share) { refuse_each(mode, keys, 3); }

REFUSE_EACH(each_request_refused, OOM_ONE, 0)
REFUSE_EACH(all_requests_refused_from_each_on, OOM_FROM, 0)

// With more keys than glibc has room for in each thread, a new thread itself needs memory to be known.
#define MANY_KEYS 40

REFUSE_EACH(each_request_refused_with_many_keys, OOM_ONE, MANY_KEYS)
REFUSE_EACH(all_requests_refused_with_many_keys, OOM_FROM, MANY_KEYS)

TEST(fault_H4_no_key_is_left) {
  pthread_key_t keys[PTHREAD_KEYS_MAX];
  threading_thread thread = { 7 };
  int count = 0;
  while (count < PTHREAD_KEYS_MAX && pthread_key_create(&keys[count], NULL) == 0) count++;
  IS(threading_thread_spawn(oom_count, NULL, NULL, &thread), THREADING_E_NO_MEMORY);
  EQ(thread.id, 7);
  EQ(threading_current_thread().id, 0);
  pthread_key_delete(keys[--count]);
  OK(threading_thread_spawn(oom_count, NULL, NULL, &thread));
  finish_thread(thread);
}

// ---- Waiting and waking ----

static threading_lock lock;
static threading_rlock rlock;
static threading_condition condition;
static threading_semaphore semaphore;
static threading_event event;
static threading_barrier barrier;
static int turn;

#define PARTIES 4
#define ROUNDS 200

static void wait_for_turn(int number) {
  OK(threading_condition_acquire(condition, THREADING_FOREVER));
  while (turn % PARTIES != number) OK(threading_condition_wait(condition, OOM_SOON));
  turn++;
  OK(threading_condition_notify_all(condition));
  OK(threading_condition_release(condition));
}

static void *use_all(void *arg) {
  const int number = *(int *)arg;
  int64_t index = -1;
  for (int i = 0; i < ROUNDS; i++) {
    OK(threading_lock_acquire(lock, THREADING_FOREVER));
    threading_yield();
    OK(threading_lock_release(lock));
    OK(threading_rlock_acquire(rlock, OOM_SOON));
    OK(threading_rlock_release(rlock));
    OK(threading_semaphore_acquire(semaphore, OOM_SOON));
    OK(threading_semaphore_release(semaphore, 1));
    wait_for_turn(number);
    OK(threading_barrier_wait(barrier, OOM_SOON, &index));
    if (index == 0) OK(threading_event_set(event));
    OK(threading_event_wait(event, OOM_SOON));
    IS(threading_lock_acquire(lock, -2), THREADING_E_INVALID);
    OK(threading_barrier_wait(barrier, OOM_SOON, &index));
    if (index == 0) OK(threading_event_clear(event));
    OK(threading_barrier_wait(barrier, OOM_SOON, NULL));
  }
  return NULL;
}

TEST(fault_H4_waiting_and_waking_take_no_memory) {
  skip_on_the_portable_backend();
  threading_thread threads[PARTIES];
  int numbers[PARTIES];
  OK(threading_lock_create(&lock));
  OK(threading_rlock_create(&rlock));
  OK(threading_condition_create(&condition));
  OK(threading_semaphore_create(2, &semaphore));
  OK(threading_event_create(&event));
  OK(threading_barrier_create(PARTIES, NULL, NULL, THREADING_FOREVER, &barrier));
  OK(threading_lock_acquire(lock, THREADING_FOREVER));
  for (int i = 0; i < PARTIES; i++) {
    numbers[i] = i;
    threads[i] = spawn_thread(use_all, &numbers[i]);
  }
  for (int i = 0; i < PARTIES; i++) wait_blocked(threads[i]);
  oom_arm(OOM_FROM, 1);
  OK(threading_lock_release(lock));
  for (int i = 0; i < PARTIES; i++) OK(threading_thread_join(threads[i], OOM_SOON));
  oom_disarm();
  EQ(atomic_load(&oom_asked), 0);
  EQ(turn, PARTIES * ROUNDS);
}

// ---- Tasks that have been accepted ----

enum { TASKS = 200 };

static threading_pool pool;
static threading_future futures[TASKS];

static void *give_back(void *arg) { return arg; }

// The caller of a loop is a guest of the pool: what it queues it keeps for itself until it goes.
static void queue_and_refuse(void *arg) {
  CHECK(arg == NULL);
  for (intptr_t i = 0; i < TASKS; i++) OK(threading_pool_submit(pool, give_back, (void *)(i + 1), &futures[i]));
  oom_arm(OOM_FROM, 1);
}

TEST(fault_H4_tasks_of_a_guest_that_goes_without_memory) {
  skip_on_the_portable_backend();  // to sleep there takes memory
  const threading_task task = { queue_and_refuse, NULL };
  OK(threading_pool_create(1, NULL, &pool));
  OK(threading_parallel_invoke(pool, &task, 1));
  oom_disarm();
  for (intptr_t i = 0; i < TASKS; i++) {
    void *result = NULL;
    OK(threading_future_result(futures[i], OOM_SOON, &result));
    CHECK(result == (void *)(i + 1));
    OK(threading_future_destroy(futures[i]));
  }
  OK(threading_pool_shutdown(pool, 1, 0));
  OK(threading_pool_destroy(pool));
}

#else

TEST(fault_H4_each_request_refused_in_its_turn) { SKIP("the allocator cannot be replaced here"); }

#endif
