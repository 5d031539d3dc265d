// Faults with threads, by the numbers of docs/faults.md: deadlocks of joins, ends by force, what is left
// behind, and many threads.
#include "child.h"

#include <sys/syscall.h>

typedef struct stage {
  atomic_bool open;
  atomic_int running;
} stage;

static void *hold(void *arg) {
  stage *at = arg;
  atomic_fetch_add(&at->running, 1);
  WAIT_UNTIL(atomic_load(&at->open));
  return NULL;
}

static void *return_arg(void *arg) { return arg; }

static void statm(long *virtual_mebibytes, long *resident_mebibytes) {
  long pages = 0, resident = 0, size = sysconf(_SC_PAGESIZE);
  FILE *file = fopen("/proc/self/statm", "r");
  CHECK(file != NULL && fscanf(file, "%ld %ld", &pages, &resident) == 2);
  fclose(file);
  *virtual_mebibytes = pages * size >> 20;
  *resident_mebibytes = resident * size >> 20;
}

// ---- Deadlocks among joins ----

typedef struct circle {
  threading_thread threads[3];
  int count;
  atomic_int deadlocks;
  atomic_bool go;
} circle;

static void *join_next(void *arg) {
  circle *of = arg;
  int own = 0;
  WAIT_UNTIL(atomic_load(&of->go));
  while (of->threads[own].id != threading_get_ident()) own++;
  const threading_thread next = of->threads[(own + 1) % of->count];
  const threading_status status = threading_thread_join(next, THREADING_FOREVER);
  if (status == THREADING_E_DEADLOCK) atomic_fetch_add(&of->deadlocks, 1);
  else EQ(status, THREADING_OK);
  return NULL;
}

TEST(fault_D8_a_circle_of_joins) {
  for (int round = 0; round < 20; round++) {
    circle of = { .count = 2 + round % 2 };
    for (int i = 0; i < of.count; i++) of.threads[i] = spawn_thread(join_next, &of);
    atomic_store(&of.go, true);
    for (int i = 0; i < of.count; i++) finish_thread(of.threads[i]);
    EQ(atomic_load(&of.deadlocks), 1);
  }
}

// ---- Handles given up or forgotten ----

enum { MANY = 3000 };

// So many threads one after the other, or fewer where the machine is slow.
static void many(void (*one)(void)) {
  const int64_t end = NOW_NS() + THREADING_SECONDS(3);
  for (int i = 0; i < MANY && (i < 100 || NOW_NS() < end); i++) one();
}

static void give_up_one(void) {
  const threading_thread thread = spawn_thread(return_arg, NULL);
  OK(threading_thread_destroy(thread));
  WAIT_UNTIL(threading_thread_is_alive(thread) == THREADING_E_HANDLE);
}

static void forget_one(void) {
  const threading_thread thread = spawn_thread(return_arg, NULL);
  WAIT_UNTIL(threading_thread_is_alive(thread) == 0);
}

TEST(fault_D14_handles_given_up_while_running_leave_nothing) {
  long virtual_before, resident_before, virtual_after, resident_after;
  many(give_up_one);
  statm(&virtual_before, &resident_before);
  many(give_up_one);
  statm(&virtual_after, &resident_after);
  if (is_instrumented()) return;
  CHECK(virtual_after - virtual_before < 100);
  CHECK(resident_after - resident_before < 2);
}

TEST(fault_D15_threads_that_nobody_joins_give_their_stacks_back) {
  long virtual_before, resident_before, virtual_after, resident_after;
  statm(&virtual_before, &resident_before);
  many(forget_one);
  statm(&virtual_after, &resident_after);
  EQ(threading_active_count(), 1);
  if (is_instrumented()) return;
  CHECK(virtual_after - virtual_before < 300);  // 3000 stacks of 8 MiB would be 24 GiB
  CHECK(resident_after - resident_before < 8);
}

// ---- pthread_cancel in a wait of the library ----

static threading_lock lock;
static threading_rlock rlock;
static threading_condition condition;
static threading_semaphore semaphore;
static threading_event event;
static threading_barrier barrier;
static stage joined;

static void make_held_objects(void) {
  OK(threading_lock_create(&lock));
  OK(threading_rlock_create(&rlock));
  OK(threading_condition_create(&condition));
  OK(threading_semaphore_create(0, &semaphore));
  OK(threading_event_create(&event));
  OK(threading_barrier_create(2, NULL, NULL, THREADING_FOREVER, &barrier));
  OK(threading_lock_acquire(lock, 0));
  OK(threading_rlock_acquire(rlock, 0));
}

static void wait_lock(void) {
  OK(threading_lock_acquire(lock, THREADING_FOREVER));
  OK(threading_lock_release(lock));
}

static void wait_rlock(void) {
  OK(threading_rlock_acquire(rlock, THREADING_FOREVER));
  OK(threading_rlock_release(rlock));
}

static void wait_condition(void) {
  OK(threading_condition_acquire(condition, THREADING_FOREVER));
  OK(threading_condition_wait(condition, THREADING_FOREVER));
  OK(threading_condition_release(condition));
}

static void wait_semaphore(void) { OK(threading_semaphore_acquire(semaphore, THREADING_FOREVER)); }
static void wait_event(void) { OK(threading_event_wait(event, THREADING_FOREVER)); }
static void wait_barrier(void) { OK(threading_barrier_wait(barrier, THREADING_FOREVER, NULL)); }

static void release_lock(void) { OK(threading_lock_release(lock)); }
static void release_rlock(void) { OK(threading_rlock_release(rlock)); }
static void set_event(void) { OK(threading_event_set(event)); }
static void release_semaphore(void) { OK(threading_semaphore_release(semaphore, 1)); }

static void notify_condition(void) {
  OK(threading_condition_acquire(condition, THREADING_FOREVER));
  OK(threading_condition_notify(condition, 1));
  OK(threading_condition_release(condition));
}

typedef struct cancelled_wait {
  void (*wait)(void);
  void (*end)(void);
  atomic_uintptr_t self;
  atomic_bool waited;
} cancelled_wait;

static void *wait_to_its_end(void *arg) {
  cancelled_wait *own = arg;
  atomic_store(&own->self, (uintptr_t)pthread_self());
  own->wait();
  atomic_store(&own->waited, true);
  for (;;) pthread_testcancel();
  return NULL;
}

TEST(fault_D17_waits_are_no_cancellation_points) {
  cancelled_wait cases[] = {
    { .wait = wait_lock, .end = release_lock },           { .wait = wait_rlock, .end = release_rlock },
    { .wait = wait_condition, .end = notify_condition },  { .wait = wait_event, .end = set_event },
    { .wait = wait_semaphore, .end = release_semaphore }, { .wait = wait_barrier, .end = wait_barrier },
  };
  make_held_objects();
  for (int i = 0; i < 6; i++) {
    const threading_thread thread = spawn_thread(wait_to_its_end, &cases[i]);
    WAIT_UNTIL(atomic_load(&cases[i].self) != 0);
    wait_blocked(thread);
    EQ(pthread_cancel((pthread_t)atomic_load(&cases[i].self)), 0);
    wait_blocked(thread);
    CHECK(!atomic_load(&cases[i].waited));
    cases[i].end();
    int32_t code = 0;
    OK(threading_thread_join(thread, THREADING_FOREVER));
    CHECK(atomic_load(&cases[i].waited));
    OK(threading_thread_failure(thread, &code, NULL, 0, NULL));
    EQ(code, THREADING_CANCELLED);
    OK(threading_thread_destroy(thread));
  }
  OK(threading_lock_destroy(lock));
  OK(threading_rlock_destroy(rlock));
  OK(threading_condition_destroy(condition));
  OK(threading_semaphore_destroy(semaphore));
  OK(threading_event_destroy(event));
  OK(threading_barrier_destroy(barrier));
}

// ---- Ends of a thread that hurt the process, or leave something held ----

static void *crash(void *arg) {
  raise(*(int *)arg);
  return NULL;
}

SCENARIO(abort_in_a_thread) {
  int signal = SIGABRT;
  threading_thread_join(spawn_thread(crash, &signal), THREADING_FOREVER);
}

SCENARIO(segfault_in_a_thread) {
  int signal = SIGSEGV;
  threading_thread_join(spawn_thread(crash, &signal), THREADING_FOREVER);
}

TEST(fault_D24_a_crash_in_a_thread_is_one_of_the_process) {
  EQ(child_exec("abort_in_a_thread", NULL, 0), KILLED_BY(SIGABRT));
  EQ(child_exec("segfault_in_a_thread", NULL, 0), KILLED_BY(SIGSEGV));
}

static void *acquire_and_stay(void *arg) {
  OK(threading_lock_acquire(lock, THREADING_FOREVER));
  for (int i = 0; i < 3; i++) OK(threading_rlock_acquire(rlock, THREADING_FOREVER));
  OK(threading_condition_acquire(condition, THREADING_FOREVER));
  hold(&joined);
  return arg;
}

static void *acquire_and_return(void *arg) { return acquire_and_stay(arg); }

static void *acquire_and_exit(void *arg) {
  acquire_and_stay(arg);
  pthread_exit(NULL);
}

static void *acquire_and_be_cancelled(void *arg) {
  acquire_and_stay(arg);
  pthread_cancel(pthread_self());
  for (;;) pthread_testcancel();
  return NULL;
}

static void *inherit_rlock(void *arg) {
  IS(threading_rlock_acquire(rlock, THREADING_FOREVER), THREADING_OWNER_DEAD);
  EQ(threading_rlock_recursion_count(rlock), 1);
  OK(threading_rlock_release(rlock));
  return arg;
}

static void check_left_behind(void) {
  IS(threading_condition_acquire(condition, THREADING_FOREVER), THREADING_OWNER_DEAD);
  OK(threading_condition_release(condition));
  OK(threading_rlock_acquire(rlock, THREADING_FOREVER));
  OK(threading_rlock_release(rlock));
  EQ(threading_lock_locked(lock), 1);
  IS(threading_lock_acquire(lock, 0), THREADING_TIMEOUT);
  OK(threading_lock_release(lock));
}

TEST(fault_D25_a_thread_ends_holding_locks) {
  const threading_target ends[] = { acquire_and_return, acquire_and_exit, acquire_and_be_cancelled };
  make_held_objects();
  OK(threading_lock_release(lock));
  OK(threading_rlock_release(rlock));
  for (int i = 0; i < 3; i++) {
    atomic_store(&joined.open, false);
    atomic_store(&joined.running, 0);
    const threading_thread holder = spawn_thread(ends[i], NULL);
    WAIT_UNTIL(atomic_load(&joined.running) == 1);
    const threading_thread waiter = spawn_thread(inherit_rlock, NULL);
    wait_blocked(waiter);
    atomic_store(&joined.open, true);
    finish_thread(waiter);
    OK(threading_thread_join(holder, THREADING_FOREVER));
    OK(threading_thread_destroy(holder));
    check_left_behind();
  }
}

static void *die_with_rlock(void *arg) {
  OK(threading_rlock_acquire(rlock, THREADING_FOREVER));
  return arg;
}

TEST(fault_D28_a_foreign_thread_ends_holding_an_rlock) {
  OK(threading_rlock_create(&rlock));
  for (int i = 0; i < 50; i++) {
    pthread_t thread;
    EQ(pthread_create(&thread, NULL, die_with_rlock, NULL), 0);
    EQ(pthread_join(thread, NULL), 0);
    EQ(threading_rlock_is_owned(rlock), 0);
    IS(threading_rlock_acquire(rlock, 0), THREADING_OWNER_DEAD);
    OK(threading_rlock_release(rlock));
  }
  OK(threading_rlock_destroy(rlock));
}

// ---- Names ----

TEST(fault_D26_names_of_every_kind) {
  static char longest[20000];
  static const char *const names[] = { "x", "%n%s%p", "two\nlines", "\x1b[31mred", "quo\"te\\", longest };
  memset(longest, 'l', sizeof longest - 1);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    static char got[sizeof longest];
    stage at = { false, 0 };
    const threading_thread_options options = { .size = sizeof options, .name = names[i] };
    threading_thread thread;
    OK(threading_thread_spawn(hold, &at, &options, &thread));
    OK(threading_thread_name(thread, got, sizeof got, NULL));
    STR_EQ(got, names[i]);
    for (size_t j = 0; j < sizeof names / sizeof names[0]; j++) {
      OK(threading_thread_set_name(thread, names[j]));
      OK(threading_thread_name(thread, got, sizeof got, NULL));
      STR_EQ(got, names[j]);
    }
    atomic_store(&at.open, true);
    finish_thread(thread);
  }
}

// ---- Many threads ----

static void *be_seen(void *arg) {
  CHECK(threading_current_thread().id != 0);
  return arg;
}

static void eight_foreign_ones(void) {
  pthread_t threads[8];
  for (int i = 0; i < 8; i++) EQ(pthread_create(&threads[i], NULL, be_seen, NULL), 0);
  for (int i = 0; i < 8; i++) EQ(pthread_join(threads[i], NULL), 0);
  EQ(threading_active_count(), 1);
}

TEST(fault_D27_many_foreign_threads) { many(eight_foreign_ones); }

static void *park(void *arg) {
  wait_event();
  return arg;
}

TEST(fault_D32_a_thousand_threads_at_once) {
  enum { MOST = 1000 };
  static threading_thread threads[MOST], all[MOST + 1];
  const size_t wanted = is_instrumented() ? 400 : MOST;
  const threading_thread_options options = { .size = sizeof options, .stack_size = 64 * 1024 };
  size_t count = 0;
  OK(threading_event_create(&event));
  for (size_t i = 0; i < wanted; i++) OK(threading_thread_spawn(park, NULL, &options, &threads[i]));
  OK(threading_enumerate(all, wanted + 1, &count));
  EQ(count, wanted + 1);
  EQ(threading_active_count(), wanted + 1);
  OK(threading_event_set(event));
  for (size_t i = 0; i < wanted; i++) finish_thread(threads[i]);
  EQ(threading_active_count(), 1);
  OK(threading_event_destroy(event));
}

static void look_for_one(void) {
  threading_thread all[3];
  stage at = { false, 0 };
  size_t count = 0;
  const threading_thread thread = spawn_thread(hold, &at);
  OK(threading_enumerate(all, 3, &count));
  EQ(count, 2);
  CHECK(all[0].id == thread.id || all[1].id == thread.id);
  atomic_store(&at.open, true);
  finish_thread(thread);
}

TEST(fault_D33_a_started_thread_is_known_at_once) { many(look_for_one); }

static void *use_own_handle(void *arg) {
  const threading_thread own = threading_current_thread();
  int32_t nice, policy, priority;
  uint64_t id;
  EQ(threading_thread_is_alive(own), 1);
  OK(threading_thread_native_id(own, &id));
  EQ(id, syscall(SYS_gettid));
  OK(threading_thread_set_name(own, "early"));
  OK(threading_thread_priority(own, &nice));
  OK(threading_thread_scheduler(own, &policy, &priority));
  IS(threading_thread_start(own), THREADING_E_STATE);
  IS(threading_thread_set_daemon(own, 1), THREADING_E_STATE);
  IS(threading_thread_join(own, THREADING_FOREVER), THREADING_E_DEADLOCK);
  return arg;
}

static void use_one(void) { finish_thread(spawn_thread(use_own_handle, NULL)); }

TEST(fault_D36_the_handle_is_good_inside_the_target) { many(use_one); }
