// Faults with handles, by the numbers of docs/faults.md: none is a crash, none reaches another object.
// What the misuse matrix shows for every function is here shown at scale, in races, and between processes.
#include "child.h"

typedef struct objects {
  threading_thread thread;
  threading_lock lock;
  threading_rlock rlock;
  threading_condition condition;
  threading_semaphore semaphore;
  threading_event event;
  threading_barrier barrier;
  threading_local local;
  threading_timer timer;
} objects;

enum { KINDS = sizeof(objects) / sizeof(uint64_t) };

static void *return_arg(void *arg) { return arg; }
static void do_nothing(void *arg) { (void)arg; }

static objects make_objects(void) {
  objects made;
  OK(threading_thread_create(return_arg, NULL, NULL, &made.thread));
  OK(threading_lock_create(&made.lock));
  OK(threading_rlock_create(&made.rlock));
  OK(threading_condition_create(&made.condition));
  OK(threading_semaphore_create(1, &made.semaphore));
  OK(threading_event_create(&made.event));
  OK(threading_barrier_create(2, NULL, NULL, THREADING_FOREVER, &made.barrier));
  OK(threading_local_create(NULL, &made.local));
  OK(threading_timer_create(0, do_nothing, NULL, NULL, &made.timer));
  return made;
}

// Each of these ids, given to a function of its own kind, answers with this status.
static void destroy_all(const objects *of, threading_status wanted) {
  IS(threading_thread_destroy(of->thread), wanted);
  IS(threading_lock_destroy(of->lock), wanted);
  IS(threading_rlock_destroy(of->rlock), wanted);
  IS(threading_condition_destroy(of->condition), wanted);
  IS(threading_semaphore_destroy(of->semaphore), wanted);
  IS(threading_event_destroy(of->event), wanted);
  IS(threading_barrier_destroy(of->barrier), wanted);
  IS(threading_local_destroy(of->local), wanted);
  IS(threading_timer_destroy(of->timer), wanted);
}

static void all_are_no_handles(const objects *of) {
  void *value;
  EQ(threading_thread_is_alive(of->thread), THREADING_E_HANDLE);
  EQ(threading_lock_locked(of->lock), THREADING_E_HANDLE);
  EQ(threading_rlock_recursion_count(of->rlock), THREADING_E_HANDLE);
  EQ(threading_condition_notify_all(of->condition), THREADING_E_HANDLE);
  EQ(threading_semaphore_value(of->semaphore), THREADING_E_HANDLE);
  EQ(threading_event_is_set(of->event), THREADING_E_HANDLE);
  EQ(threading_barrier_parties(of->barrier), THREADING_E_HANDLE);
  EQ(threading_local_get(of->local, &value), THREADING_E_HANDLE);
  EQ(threading_timer_cancel(of->timer), THREADING_E_HANDLE);
}

static objects all_with(uint64_t id) {
  objects of;
  uint64_t ids[KINDS];
  for (int i = 0; i < KINDS; i++) ids[i] = id;
  memcpy(&of, ids, sizeof of);
  return of;
}

static long resident_kilobytes(void) {
  long pages = 0, resident = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  CHECK(file != NULL && fscanf(file, "%ld %ld", &pages, &resident) == 2);
  fclose(file);
  return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

// ---- Wrong numbers ----

TEST(fault_A1_zero_is_no_handle) {
  const objects zero = all_with(0);
  all_are_no_handles(&zero);
  destroy_all(&zero, THREADING_E_HANDLE);
}

TEST(fault_A2_no_room_for_the_result_creates_nothing) {
  const long before = resident_kilobytes();
  for (int i = 0; i < 300000; i++) {
    IS(threading_lock_create(NULL), THREADING_E_INVALID);
    IS(threading_event_create(NULL), THREADING_E_INVALID);
    IS(threading_thread_create(return_arg, NULL, NULL, NULL), THREADING_E_INVALID);
  }
  if (!is_instrumented()) CHECK(resident_kilobytes() - before < 1024);
}

TEST(fault_A3_random_numbers_are_no_handles) {
  const objects made = make_objects();
  const int64_t end = NOW_NS() + THREADING_SECONDS(4);
  uint64_t state = UINT64_C(0x2545f4914f6cdd1d);
  for (int i = 0; i < 1000000 && (i % 1024 != 0 || NOW_NS() < end); i++) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    const objects random = all_with(state);
    all_are_no_handles(&random);
  }
  destroy_all(&made, THREADING_OK);
}

TEST(fault_A4_stale_handles_stay_dead) {
  const objects made = make_objects();
  destroy_all(&made, THREADING_OK);
  for (int i = 0; i < 3; i++) all_are_no_handles(&made);
}

TEST(fault_A5_destroy_twice) {
  const objects made = make_objects();
  destroy_all(&made, THREADING_OK);
  destroy_all(&made, THREADING_E_HANDLE);
  destroy_all(&made, THREADING_E_HANDLE);
}

TEST(fault_A6_a_reused_slot_is_another_object) {
  const objects old = make_objects();
  destroy_all(&old, THREADING_OK);
  const int64_t end = NOW_NS() + THREADING_SECONDS(3);
  for (int i = 0; i < 5000 && NOW_NS() < end; i++) {
    const objects made = make_objects();
    CHECK(made.lock.id != old.lock.id && made.event.id != old.event.id && made.thread.id != old.thread.id);
    all_are_no_handles(&old);
    destroy_all(&made, THREADING_OK);
  }
}

TEST(fault_A8_handles_of_another_kind) {
  const objects made = make_objects();
  uint64_t ids[KINDS];
  memcpy(ids, &made, sizeof ids);
  for (int given = 0; given < KINDS; given++) {
    for (int shift = 1; shift < KINDS; shift++) {
      // Every kind but its own gets this number.
      uint64_t wrong[KINDS] = { 0 };
      objects of;
      wrong[(given + shift) % KINDS] = ids[given];
      memcpy(&of, wrong, sizeof of);
      all_are_no_handles(&of);
      destroy_all(&of, THREADING_E_HANDLE);
    }
  }
  destroy_all(&made, THREADING_OK);
}

SCENARIO(print_handles) {
  const objects made = make_objects();
  uint64_t ids[KINDS];
  memcpy(ids, &made, sizeof ids);
  for (int i = 0; i < KINDS; i++) printf("%" PRIx64 "\n", ids[i]);
}

TEST(fault_A9_handles_of_another_process) {
  const objects own = make_objects();  // the same slots are in use here
  for (int i = 0; i < 30; i++) {
    char output[1024], *at = output;
    uint64_t ids[KINDS];
    objects theirs;
    EQ(child_exec("print_handles", output, sizeof output), 0);
    for (int kind = 0; kind < KINDS; kind++) {
      ids[kind] = strtoull(at, &at, 16);
      CHECK(ids[kind] != 0);
    }
    memcpy(&theirs, ids, sizeof theirs);
    all_are_no_handles(&theirs);
  }
  destroy_all(&own, THREADING_OK);
}

TEST(fault_A17_a_copy_is_the_same_object) {
  objects made = make_objects(), copy;
  memcpy(&copy, &made, sizeof copy);
  OK(threading_lock_acquire(copy.lock, 0));
  EQ(threading_lock_locked(made.lock), 1);
  OK(threading_lock_release(made.lock));
  destroy_all(&copy, THREADING_OK);
  all_are_no_handles(&made);
}

// ---- Destroy of what is in use ----

TEST(fault_A11_destroy_of_what_is_held) {
  objects made = make_objects();
  threading_condition over;
  OK(threading_lock_acquire(made.lock, 0));
  OK(threading_rlock_acquire(made.rlock, 0));
  OK(threading_condition_acquire(made.condition, 0));
  for (int i = 0; i < 3; i++) {
    IS(threading_lock_destroy(made.lock), THREADING_E_BUSY);
    IS(threading_rlock_destroy(made.rlock), THREADING_E_BUSY);
    IS(threading_condition_destroy(made.condition), THREADING_E_BUSY);
  }
  OK(threading_lock_release(made.lock));
  OK(threading_rlock_release(made.rlock));
  OK(threading_condition_release(made.condition));
  OK(threading_condition_create_with_lock(made.lock, &over));
  IS(threading_lock_destroy(made.lock), THREADING_E_BUSY);
  OK(threading_condition_destroy(over));
  destroy_all(&made, THREADING_OK);
}

static objects shared;

static void *wait_lock(void *arg) {
  OK(threading_lock_acquire(shared.lock, THREADING_FOREVER));
  OK(threading_lock_release(shared.lock));
  return arg;
}

static void *wait_rlock(void *arg) {
  OK(threading_rlock_acquire(shared.rlock, THREADING_FOREVER));
  OK(threading_rlock_release(shared.rlock));
  return arg;
}

static void *wait_condition(void *arg) {
  OK(threading_condition_acquire(shared.condition, THREADING_FOREVER));
  OK(threading_condition_wait(shared.condition, THREADING_FOREVER));
  OK(threading_condition_release(shared.condition));
  return arg;
}

static void *wait_semaphore(void *arg) {
  OK(threading_semaphore_acquire(shared.semaphore, THREADING_FOREVER));
  return arg;
}

static void *wait_event(void *arg) {
  OK(threading_event_wait(shared.event, THREADING_FOREVER));
  return arg;
}

static void *wait_barrier(void *arg) {
  OK(threading_barrier_wait(shared.barrier, THREADING_FOREVER, NULL));
  return arg;
}

TEST(fault_A12_destroy_while_others_wait) {
  const threading_target targets[] = { wait_lock,      wait_rlock, wait_condition,
                                       wait_semaphore, wait_event, wait_barrier };
  threading_thread waiters[12];
  shared = make_objects();
  OK(threading_lock_acquire(shared.lock, 0));
  OK(threading_rlock_acquire(shared.rlock, 0));
  OK(threading_semaphore_acquire(shared.semaphore, 0));
  OK(threading_barrier_destroy(shared.barrier));
  OK(threading_barrier_create(3, NULL, NULL, THREADING_FOREVER, &shared.barrier));
  for (int i = 0; i < 12; i++) waiters[i] = spawn_thread(targets[i / 2], NULL);
  for (int i = 0; i < 12; i++) wait_blocked(waiters[i]);

  IS(threading_lock_destroy(shared.lock), THREADING_E_BUSY);
  IS(threading_rlock_destroy(shared.rlock), THREADING_E_BUSY);
  IS(threading_condition_destroy(shared.condition), THREADING_E_BUSY);
  IS(threading_semaphore_destroy(shared.semaphore), THREADING_E_BUSY);
  IS(threading_event_destroy(shared.event), THREADING_E_BUSY);
  IS(threading_barrier_destroy(shared.barrier), THREADING_E_BUSY);

  OK(threading_lock_release(shared.lock));
  OK(threading_rlock_release(shared.rlock));
  OK(threading_condition_acquire(shared.condition, THREADING_FOREVER));
  OK(threading_condition_notify_all(shared.condition));
  OK(threading_condition_release(shared.condition));
  OK(threading_semaphore_release(shared.semaphore, 2));
  OK(threading_event_set(shared.event));
  OK(threading_barrier_wait(shared.barrier, THREADING_FOREVER, NULL));
  for (int i = 0; i < 12; i++) finish_thread(waiters[i]);
  destroy_all(&shared, THREADING_OK);
}

TEST(fault_A12_waiters_that_gave_up_are_no_use) {
  shared = make_objects();
  OK(threading_semaphore_acquire(shared.semaphore, 0));
  OK(threading_condition_acquire(shared.condition, 0));
  IS(threading_condition_wait(shared.condition, 1000), THREADING_TIMEOUT);
  OK(threading_condition_release(shared.condition));
  IS(threading_semaphore_acquire(shared.semaphore, 1000), THREADING_TIMEOUT);
  IS(threading_event_wait(shared.event, 1000), THREADING_TIMEOUT);
  IS(threading_barrier_wait(shared.barrier, 1000, NULL), THREADING_TIMEOUT);
  OK(threading_lock_acquire(shared.lock, 0));
  IS(threading_lock_acquire(shared.lock, 1000), THREADING_TIMEOUT);
  OK(threading_lock_release(shared.lock));
  destroy_all(&shared, THREADING_OK);
}

// ---- Races ----

static _Atomic uint64_t current;
static atomic_bool stop;
static atomic_int acquired;

static void *use_current(void *arg) {
  while (!atomic_load(&stop)) {
    const threading_lock lock = { atomic_load(&current) };
    const threading_status status = threading_lock_acquire(lock, 1000);
    if (status == THREADING_OK) {
      OK(threading_lock_release(lock));  // a held lock cannot be destroyed meanwhile
      atomic_fetch_add(&acquired, 1);
    } else {
      CHECK(status == THREADING_TIMEOUT || status == THREADING_E_HANDLE);
    }
  }
  return arg;
}

TEST(fault_A13_destroy_races_with_use) {
  threading_thread users[4];
  threading_lock lock;
  OK(threading_lock_create(&lock));
  atomic_store(&current, lock.id);
  for (int i = 0; i < 4; i++) users[i] = spawn_thread(use_current, NULL);
  const int64_t end = NOW_NS() + THREADING_SECONDS(2);
  int destroyed = 0;
  while ((destroyed < 20000 || atomic_load(&acquired) < 20000) && NOW_NS() < end) {
    const threading_status status = threading_lock_destroy(lock);
    CHECK(status == THREADING_OK || status == THREADING_E_BUSY);
    if (status == THREADING_OK) {
      destroyed++;
      OK(threading_lock_create(&lock));
      atomic_store(&current, lock.id);
    }
    if (status == THREADING_E_BUSY || destroyed % 64 == 0) threading_yield();
  }
  atomic_store(&stop, true);
  for (int i = 0; i < 4; i++) finish_thread(users[i]);
  CHECK(destroyed > 10 && atomic_load(&acquired) > 10);
  OK(threading_lock_destroy(lock));
}

enum { COUNTED = 20000 };

typedef struct counted {
  threading_lock lock;
  int references;
} counted;

static counted counted_objects[COUNTED];
static atomic_int position[2];
static atomic_bool time_is_up;

// The last user destroys, while the other may still be on its way out of release.
static void *drop_references(void *arg) {
  const int own = *(int *)arg;
  const int64_t end = NOW_NS() + THREADING_SECONDS(3);
  for (int i = 0; i < COUNTED && !atomic_load(&time_is_up); i++) {
    counted *object = &counted_objects[i];
    atomic_store(&position[own], i);
    while (atomic_load(&position[1 - own]) < i) {
      if (NOW_NS() > end) atomic_store(&time_is_up, true);
      if (atomic_load(&time_is_up)) return NULL;
      threading_yield();
    }
    OK(threading_lock_acquire(object->lock, THREADING_FOREVER));
    const bool last = --object->references == 0;
    OK(threading_lock_release(object->lock));
    if (last) OK(threading_lock_destroy(object->lock));
  }
  atomic_store(&position[own], COUNTED);
  return NULL;
}

TEST(fault_A14_the_last_user_destroys) {
  int own[2] = { 0, 1 };
  threading_thread threads[2];
  for (int i = 0; i < COUNTED; i++) {
    OK(threading_lock_create(&counted_objects[i].lock));
    counted_objects[i].references = 2;
  }
  for (int i = 0; i < 2; i++) threads[i] = spawn_thread(drop_references, &own[i]);
  for (int i = 0; i < 2; i++) finish_thread(threads[i]);
  int shared_by_both = 0;
  for (int i = 0; i < COUNTED; i++) {
    const counted *object = &counted_objects[i];
    EQ(threading_lock_destroy(object->lock), object->references == 0 ? THREADING_E_HANDLE : THREADING_OK);
    shared_by_both += object->references == 0;
  }
  CHECK(shared_by_both > 0);
}

enum { MAKERS = 8, EACH = 20000 };

static threading_lock grown[MAKERS][EACH];
static atomic_int grown_to[MAKERS];

static void *grow(void *arg) {
  const int own = *(int *)arg;
  for (int i = 0; i < EACH; i++) {
    OK(threading_lock_create(&grown[own][i]));
    atomic_store(&grown_to[own], i + 1);
    const int other = (own + i) % MAKERS, there = atomic_load(&grown_to[other]);
    if (there > 0) CHECK(threading_lock_locked(grown[other][there - 1]) >= 0);
  }
  return NULL;
}

static int compare(const void *a, const void *b) {
  const uint64_t x = ((const threading_lock *)a)->id, y = ((const threading_lock *)b)->id;
  return (x > y) - (x < y);
}

TEST(fault_A15_the_table_grows_while_it_is_used) {
  int own[MAKERS];
  threading_thread threads[MAKERS];
  for (int i = 0; i < MAKERS; i++) {
    own[i] = i;
    threads[i] = spawn_thread(grow, &own[i]);
  }
  for (int i = 0; i < MAKERS; i++) finish_thread(threads[i]);
  threading_lock *all = grown[0];
  qsort(all, (size_t)MAKERS * EACH, sizeof *all, compare);
  for (int i = 1; i < MAKERS * EACH; i++) CHECK(all[i - 1].id != all[i].id);
  for (int i = 0; i < MAKERS * EACH; i++) OK(threading_lock_destroy(all[i]));
}
