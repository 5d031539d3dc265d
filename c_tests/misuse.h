// Misuse of one function: each of its parameters in turn is given everything that it must refuse, while all
// others are as they should be. The functions and their parameters come from the header (gen_misuse.py).
#ifndef MISUSE_H
#define MISUSE_H
#include "harness.h"

#include <sched.h>

typedef enum kind {
  KIND_thread,
  KIND_lock,
  KIND_rlock,
  KIND_condition,
  KIND_semaphore,
  KIND_event,
  KIND_barrier,
  KIND_local,
  KIND_timer,
  KIND_queue,
  KIND_pool,
  KIND_future,
  KIND_group,
  KINDS,
} kind;

typedef enum role {
  HANDLE,    // of its kind only, else E_HANDLE
  REQUIRED,  // a pointer that must not be NULL
  BUFFER,    // may be NULL where the size, the next parameter, is 0
  NUMBER,    // with values that must be refused
  ANYTHING,
} role;

typedef struct parameter {
  const char *name;
  role role;
  kind kind;
  uint64_t good;  // 0 for handles and for pointers that are written to
  const int64_t *bad;
  size_t bad_count;
} parameter;

// The most that any function has.
#define PARAMETERS 10

typedef struct function {
  const char *name;
  int64_t (*invoke)(const uint64_t *values);
  parameter parameters[PARAMETERS];
  size_t count;
} function;

// ---- Live objects, one of each kind, in a state in which good arguments are answered well ----

static uint64_t live[KINDS];
static uint32_t some_cpu;

// Threads that run until they are dropped.
typedef struct held_thread {
  uint64_t id;
  atomic_bool leave;
} held_thread;

static held_thread held_threads[128];

static void *hold(void *arg) {
  held_thread *own = arg;
  if (own != NULL) WAIT_UNTIL(atomic_load(&own->leave));
  return NULL;
}

static held_thread *find_held_thread(uint64_t id) {
  for (size_t i = 0; i < sizeof held_threads / sizeof held_threads[0]; i++) {
    if (held_threads[i].id == id) return &held_threads[i];
  }
  harness_fail(__FILE__, __LINE__, "no such thread, or too many of them");
}

static void *fail(void *arg) {
  OK(threading_fail(1, "on purpose"));
  return arg;
}

static void do_nothing(void *arg) { (void)arg; }
static void do_nothing_more(threading_future future, void *arg) { (void)future, (void)arg; }
static void do_no_range(int64_t begin, int64_t end, void *arg) { (void)begin, (void)end, (void)arg; }
static void fold_nothing(int64_t begin, int64_t end, void *accumulator, void *arg) {
  (void)accumulator;
  do_no_range(begin, end, arg);
}
static void combine_nothing(void *into, const void *from, void *arg) { (void)into, (void)from, (void)arg; }
static int32_t say_true(void *arg) { return arg == NULL; }
static void ignore_failure(threading_thread thread, int32_t code, const char *message, void *user) {
  (void)thread;
  (void)code;
  (void)message;
  (void)user;
}

static uint64_t make_thread(void) {
  held_thread *own = find_held_thread(0);
  atomic_store(&own->leave, false);
  own->id = spawn_thread(hold, own).id;
  return own->id;
}

static uint64_t make_lock(void) {
  threading_lock made;
  OK(threading_lock_create(&made));
  return made.id;
}

static uint64_t make_rlock(void) {
  threading_rlock made;
  OK(threading_rlock_create(&made));
  return made.id;
}

static uint64_t make_condition(void) {
  threading_condition made;
  OK(threading_condition_create(&made));
  OK(threading_condition_acquire(made, 0));
  return made.id;
}

static uint64_t make_semaphore(void) {
  threading_semaphore made;
  OK(threading_semaphore_create(1, &made));
  return made.id;
}

static uint64_t make_event(void) {
  threading_event made;
  OK(threading_event_create(&made));
  return made.id;
}

static uint64_t make_barrier(void) {
  threading_barrier made;
  OK(threading_barrier_create(2, NULL, NULL, THREADING_FOREVER, &made));
  return made.id;
}

static uint64_t make_local(void) {
  threading_local made;
  OK(threading_local_create(NULL, &made));
  return made.id;
}

static uint64_t make_timer(void) {
  threading_timer made;
  OK(threading_timer_create(THREADING_SECONDS(3600), do_nothing, NULL, NULL, &made));
  OK(threading_timer_start(made));
  return made.id;
}

static uint64_t make_queue(void) {
  threading_queue made;
  OK(threading_queue_create(THREADING_PRIORITY, 2, NULL, &made));
  OK(threading_queue_put(made, &live, 0));
  return made.id;
}

static uint64_t make_pool(void) {
  threading_pool made;
  OK(threading_pool_create(2, NULL, &made));
  return made.id;
}

static uint64_t make_future(void) {
  threading_future made;
  OK(threading_future_create(&made));
  return made.id;
}

static uint64_t make_group(void) {
  threading_group made;
  OK(threading_group_create(threading_default_pool(), &made));
  return made.id;
}

// What those functions read whose pointers are not handles.
static void *some_args[1];
static int64_t some_identity;
static const threading_task some_task = { do_nothing, NULL };
static threading_pool_statistics some_statistics = { .size = sizeof some_statistics };

// Each uses its object up: proves that misuse has left it as it was, and ends it.
static void drop_thread(uint64_t id) {
  const threading_thread thread = { id };
  EQ(threading_thread_is_alive(thread), 1);
  IS(threading_thread_join(thread, 0), THREADING_TIMEOUT);
  held_thread *own = find_held_thread(id);
  atomic_store(&own->leave, true);
  finish_thread(thread);
  own->id = 0;
}

static void drop_lock(uint64_t id) {
  const threading_lock lock = { id };
  EQ(threading_lock_locked(lock), 0);
  OK(threading_lock_acquire(lock, 0));
  OK(threading_lock_release(lock));
  OK(threading_lock_destroy(lock));
}

static void drop_rlock(uint64_t id) {
  const threading_rlock rlock = { id };
  EQ(threading_rlock_recursion_count(rlock), 0);
  OK(threading_rlock_acquire(rlock, 0));
  OK(threading_rlock_release(rlock));
  OK(threading_rlock_destroy(rlock));
}

static void drop_condition(uint64_t id) {
  const threading_condition condition = { id };
  OK(threading_condition_notify(condition, 1));
  OK(threading_condition_release(condition));
  IS(threading_condition_release(condition), THREADING_E_NOT_OWNER);
  OK(threading_condition_destroy(condition));
}

static void drop_semaphore(uint64_t id) {
  const threading_semaphore semaphore = { id };
  EQ(threading_semaphore_value(semaphore), 1);
  OK(threading_semaphore_acquire(semaphore, 0));
  OK(threading_semaphore_destroy(semaphore));
}

static void drop_event(uint64_t id) {
  const threading_event event = { id };
  EQ(threading_event_is_set(event), 0);
  OK(threading_event_set(event));
  OK(threading_event_wait(event, 0));
  OK(threading_event_destroy(event));
}

static void drop_barrier(uint64_t id) {
  const threading_barrier barrier = { id };
  EQ(threading_barrier_parties(barrier), 2);
  EQ(threading_barrier_n_waiting(barrier), 0);
  EQ(threading_barrier_broken(barrier), 0);
  OK(threading_barrier_destroy(barrier));
}

static void drop_local(uint64_t id) {
  const threading_local local = { id };
  void *value = &live;
  OK(threading_local_get(local, &value));
  CHECK(value == NULL);
  OK(threading_local_destroy(local));
}

static void drop_timer(uint64_t id) {
  const threading_timer timer = { id };
  IS(threading_timer_join(timer, 0), THREADING_TIMEOUT);
  OK(threading_timer_cancel(timer));
  OK(threading_timer_destroy(timer));
}

static void drop_queue(uint64_t id) {
  const threading_queue queue = { id };
  void *item;
  EQ(threading_queue_is_shutdown(queue), 0);
  EQ(threading_queue_unfinished_tasks(queue), 1);
  EQ(threading_queue_qsize(queue), 1);
  OK(threading_queue_get(queue, &item, 0));
  CHECK(item == &live);
  OK(threading_queue_destroy(queue));
}

static void drop_pool(uint64_t id) {
  const threading_pool pool = { id };
  threading_pool_statistics statistics = { .size = sizeof statistics };
  OK(threading_pool_stats(pool, &statistics));
  EQ(statistics.most_queued, 0);
  EQ(statistics.done, 0);
  OK(threading_pool_execute(pool, do_nothing, NULL));
  OK(threading_pool_shutdown(pool, 1, 0));
  OK(threading_pool_destroy(pool));
}

static void drop_future(uint64_t id) {
  const threading_future future = { id };
  void *result = NULL;
  EQ(threading_future_done(future), 0);
  OK(threading_future_set_running_or_notify_cancel(future));
  OK(threading_future_set_result(future, &live));
  OK(threading_future_result(future, 0, &result));
  CHECK(result == &live);
  OK(threading_future_destroy(future));
}

static void drop_group(uint64_t id) {
  const threading_group group = { id };
  OK(threading_group_wait(group, 0));
  OK(threading_group_submit(group, hold, NULL));
  OK(threading_group_wait(group, THREADING_FOREVER));
  OK(threading_group_destroy(group));
}

static uint64_t (*const make[KINDS])(void) = {
  make_thread, make_lock,    make_rlock, make_condition, make_semaphore,
  make_event,  make_barrier, make_local, make_timer,     make_queue,
  make_pool,   make_future,  make_group,
};
static void (*const drop[KINDS])(uint64_t) = {
  drop_thread, drop_lock,    drop_rlock, drop_condition, drop_semaphore,
  drop_event,  drop_barrier, drop_local, drop_timer,     drop_queue,
  drop_pool,   drop_future,  drop_group,
};

// ---- One call ----

#define SCRATCH 64
static _Alignas(16) unsigned char scratch[PARAMETERS][SCRATCH];

static void fill_good(const function *tried, uint64_t *values) {
  memset(scratch, 0xa5, sizeof scratch);
  for (size_t i = 0; i < tried->count; i++) {
    const parameter *p = &tried->parameters[i];
    values[i] = p->good;
    if (p->role == HANDLE) values[i] = live[p->kind];
    if (p->role == REQUIRED && p->good == 0) values[i] = (uint64_t)(uintptr_t)scratch[i];
  }
}

static const char *text_of(int64_t status) { return threading_status_name((threading_status)status); }

static void must_refuse(const function *tried, size_t at, const uint64_t *values, int64_t wanted) {
  errno = HARNESS_ERRNO;
  const int64_t got = tried->invoke(values);
  const int errno_after = errno;
  const char *name = tried->parameters[at].name;
  if (got != wanted) {
    harness_fail(__FILE__, __LINE__, "%s with %s = 0x%" PRIx64 " is %s (%" PRId64 "), not %s", tried->name,
                 name, values[at], text_of(got), got, text_of(wanted));
  }
  if (errno_after != HARNESS_ERRNO) {
    harness_fail(__FILE__, __LINE__, "%s with a bad %s changed errno to %d", tried->name, name, errno_after);
  }
  for (size_t i = 0; i < sizeof scratch; i++) {
    if (((unsigned char *)scratch)[i] != 0xa5) {
      harness_fail(__FILE__, __LINE__, "%s with a bad %s has written a result", tried->name, name);
    }
  }
  const char *error = threading_last_error();
  if (strstr(error, tried->name + strlen("threading_")) == NULL) {
    harness_fail(__FILE__, __LINE__, "%s is not named by last_error: \"%s\"", tried->name, error);
  }
}

static void try_bad(const function *tried, size_t at, uint64_t bad, int64_t wanted) {
  uint64_t values[PARAMETERS];
  fill_good(tried, values);
  values[at] = bad;
  must_refuse(tried, at, values, wanted);
}

// ---- Bad handles ----

#define CROWD 40
static uint64_t crowd[CROWD];  // live objects of the kind in question, on the slots of ended ones

static bool is_live(uint64_t id) {
  for (size_t i = 0; i < KINDS; i++) {
    if (live[i] == id) return true;
  }
  for (size_t i = 0; i < CROWD; i++) {
    if (crowd[i] == id) return true;
  }
  for (size_t i = 0; i < sizeof held_threads / sizeof held_threads[0]; i++) {
    if (held_threads[i].id == id) return true;
  }
  return id == threading_main_thread().id;
}

static uint64_t next_random(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

static void try_bad_handles(const function *tried, size_t at) {
  const kind own = tried->parameters[at].kind;
  uint64_t stale[CROWD], state = UINT64_C(0x9e3779b97f4a7c15);
  const uint64_t plain[] = { 0, 1, UINT32_MAX, (uint64_t)UINT32_MAX + 1, INT64_MAX, UINT64_MAX };
  for (size_t i = 0; i < CROWD; i++) stale[i] = make[own]();
  for (size_t i = 0; i < CROWD; i++) drop[own](stale[i]);
  for (size_t i = 0; i < CROWD; i++) try_bad(tried, at, stale[i], THREADING_E_HANDLE);
  for (size_t i = 0; i < CROWD; i++) crowd[i] = make[own]();
  for (size_t i = 0; i < CROWD; i++) try_bad(tried, at, stale[i], THREADING_E_HANDLE);
  for (size_t i = 0; i < 6; i++) try_bad(tried, at, plain[i], THREADING_E_HANDLE);
  for (size_t i = 0; i < KINDS; i++) {
    if (i != (size_t)own) try_bad(tried, at, live[i], THREADING_E_HANDLE);
  }
  if (own != KIND_thread) try_bad(tried, at, threading_main_thread().id, THREADING_E_HANDLE);
  for (size_t bit = 0; bit < 64; bit++) {
    const uint64_t near = live[own] ^ UINT64_C(1) << bit;
    if (!is_live(near)) try_bad(tried, at, near, THREADING_E_HANDLE);
  }
  for (size_t i = 0; i < 2000; i++) try_bad(tried, at, next_random(&state), THREADING_E_HANDLE);
  for (size_t i = 0; i < CROWD; i++) drop[own](crowd[i]);
  memset(crowd, 0, sizeof crowd);
}

// ---- One function ----

// A thread that has failed: only of such a one can result and failure be asked without another error.
static uint64_t make_failed_thread(void) {
  const threading_thread thread = spawn_thread(fail, NULL);
  OK(threading_thread_join(thread, THREADING_FOREVER));
  return thread.id;
}

static threading_status refuse(void *arg) {
  (void)arg;
  return THREADING_E_STATE;
}

// From here on this thread has a last failure to ask about.
static void fail_here(void) {
  threading_barrier barrier;
  OK(threading_barrier_create(1, refuse, NULL, THREADING_FOREVER, &barrier));
  IS(threading_barrier_wait(barrier, THREADING_FOREVER, NULL), THREADING_FAILED);
  OK(threading_barrier_destroy(barrier));
}

static void try_bad_arguments(const function *tried, size_t at) {
  const parameter *p = &tried->parameters[at];
  uint64_t values[PARAMETERS];
  if (p->role == REQUIRED) try_bad(tried, at, 0, THREADING_E_INVALID);
  if (p->role == BUFFER) {
    fill_good(tried, values);
    values[at] = 0;
    values[at + 1] = 1;
    must_refuse(tried, at, values, THREADING_E_INVALID);
  }
  for (size_t i = 0; i < p->bad_count; i++) try_bad(tried, at, (uint64_t)p->bad[i], THREADING_E_INVALID);
}

static void make_live(void) {
  for (size_t i = 0; i < KINDS; i++) live[i] = make[i]();
}

static void misuse(const function *tried, bool of_failed_thread) {
  cpu_set_t set;
  CHECK(sched_getaffinity(0, sizeof set, &set) == 0);
  while (!CPU_ISSET(some_cpu, &set)) some_cpu++;
  OK(threading_set_excepthook(ignore_failure, NULL));
  const uint64_t failed = make_failed_thread();
  fail_here();

  for (size_t at = 0; at < tried->count; at++) {
    make_live();
    const uint64_t running = live[KIND_thread];
    if (of_failed_thread) live[KIND_thread] = failed;
    if (tried->parameters[at].role == HANDLE) try_bad_handles(tried, at);
    else try_bad_arguments(tried, at);
    live[KIND_thread] = running;
    for (size_t i = 0; i < KINDS; i++) drop[i](live[i]);
  }

  // The control: with all arguments good, the same call is neither a bad handle nor a bad argument.
  uint64_t values[PARAMETERS];
  make_live();
  held_thread *last = find_held_thread(live[KIND_thread]);
  if (of_failed_thread) live[KIND_thread] = failed;
  fill_good(tried, values);
  const int64_t got = tried->invoke(values);
  if (got == THREADING_E_HANDLE || got == THREADING_E_INVALID) {
    harness_fail(__FILE__, __LINE__, "%s with good arguments is %s (%s)", tried->name, text_of(got),
                 threading_last_error());
  }
  atomic_store(&last->leave, true);
}

#endif
