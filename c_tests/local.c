// threading_local: a value for each thread, destroyed once, at the thread's end or with the local.
#include "harness.h"

#include <sys/wait.h>

static void *value_of(threading_local local) {
  void *value = &value;
  OK(threading_local_get(local, &value));
  return value;
}

static threading_local create(threading_destructor destructor) {
  threading_local local;
  OK(threading_local_create(destructor, &local));
  CHECK(value_of(local) == NULL);
  return local;
}

// A value that counts how often it was destroyed, and by whom.
typedef struct value {
  threading_local local;
  _Atomic int destroyed;
  uint64_t destroyed_by;
} value;

static void destroy_value(void *arg) {
  value *v = arg;
  atomic_fetch_add(&v->destroyed, 1);
  v->destroyed_by = threading_get_ident();
}

// ---- Get and set ----

TEST(a_value_is_kept_and_replaced) {
  const threading_local local = create(NULL);
  int a, b;
  OK(threading_local_set(local, &a));
  CHECK(value_of(local) == &a);
  OK(threading_local_set(local, &b));
  CHECK(value_of(local) == &b);
  OK(threading_local_set(local, NULL));
  CHECK(value_of(local) == NULL);
  OK(threading_local_destroy(local));
}

TEST(locals_are_apart) {
  const threading_local one = create(NULL), two = create(NULL);
  int a, b;
  OK(threading_local_set(one, &a));
  CHECK(value_of(two) == NULL);
  OK(threading_local_set(two, &b));
  CHECK(value_of(one) == &a && value_of(two) == &b);
  OK(threading_local_destroy(one));
  CHECK(value_of(two) == &b);
  OK(threading_local_destroy(two));
}

TEST(a_new_local_in_an_old_place_begins_empty) {
  int a;
  for (int i = 0; i < 1000; i++) {
    const threading_local local = create(NULL);  // checks that it has no value
    OK(threading_local_set(local, &a));
    OK(threading_local_destroy(local));
  }
}

TEST(create_and_get_refuse_null) {
  IS(threading_local_create(NULL, NULL), THREADING_E_INVALID);
  const threading_local local = create(NULL);
  IS(threading_local_get(local, NULL), THREADING_E_INVALID);
  OK(threading_local_destroy(local));
}

TEST(zero_stale_and_another_kind_are_no_handles) {
  const threading_local stale = create(NULL);
  int a;
  OK(threading_local_set(stale, &a));
  OK(threading_local_destroy(stale));
  threading_event event;
  OK(threading_event_create(&event));
  const threading_local fresh = create(NULL);
  const uint64_t ids[] = { 0, stale.id, event.id, UINT64_MAX };
  for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
    void *out = &a;
    const threading_local local = { ids[i] };
    IS(threading_local_get(local, &out), THREADING_E_HANDLE);
    CHECK(out == &a);
    IS(threading_local_set(local, &a), THREADING_E_HANDLE);
    IS(threading_local_destroy(local), THREADING_E_HANDLE);
  }
  CHECK(value_of(fresh) == NULL);
  OK(threading_local_destroy(fresh));
  OK(threading_event_destroy(event));
}

// ---- Threads ----

static void *set_and_return(void *arg) {
  value *v = arg;
  CHECK(value_of(v->local) == NULL);
  OK(threading_local_set(v->local, v));
  CHECK(value_of(v->local) == v);
  return (void *)(uintptr_t)threading_get_ident();
}

TEST(each_thread_has_its_own_value) {
  enum { COUNT = 8 };
  const threading_local local = create(NULL);
  int own;
  OK(threading_local_set(local, &own));
  value values[COUNT] = { 0 };
  threading_thread threads[COUNT];
  for (int i = 0; i < COUNT; i++) values[i].local = local;
  for (int i = 0; i < COUNT; i++) threads[i] = spawn_thread(set_and_return, &values[i]);
  for (int i = 0; i < COUNT; i++) finish_thread(threads[i]);
  CHECK(value_of(local) == &own);
  OK(threading_local_destroy(local));
}

TEST(a_value_dies_with_its_thread_before_join_returns) {
  const threading_local local = create(destroy_value);
  for (int i = 0; i < 200; i++) {
    value v = { .local = local };
    const uint64_t ident = (uintptr_t)finish_thread(spawn_thread(set_and_return, &v));
    EQ(v.destroyed, 1);
    EQ(v.destroyed_by, ident);
  }
  OK(threading_local_destroy(local));
}

static void *set_and_exit(void *arg) {
  set_and_return(arg);
  pthread_exit(NULL);
}

TEST(a_value_dies_with_a_thread_that_pthread_exit_ends) {
  value v = { .local = create(destroy_value) };
  const threading_thread thread = spawn_thread(set_and_exit, &v);
  OK(threading_thread_join(thread, THREADING_FOREVER));
  EQ(v.destroyed, 1);
  OK(threading_thread_destroy(thread));
  OK(threading_local_destroy(v.local));
  EQ(v.destroyed, 1);
}

TEST(fault_B34_a_foreign_thread_has_values_too) {
  value v = { .local = create(destroy_value) };
  pthread_t thread;
  EQ(pthread_create(&thread, NULL, set_and_return, &v), 0);
  EQ(pthread_join(thread, NULL), 0);
  EQ(v.destroyed, 1);
  OK(threading_local_destroy(v.local));
  EQ(v.destroyed, 1);
}

static void *replace_and_clear(void *arg) {
  value *values = arg;
  OK(threading_local_set(values[0].local, &values[0]));
  OK(threading_local_set(values[0].local, &values[1]));
  OK(threading_local_set(values[2].local, &values[2]));
  OK(threading_local_set(values[2].local, NULL));
  return NULL;
}

TEST(a_value_that_was_replaced_belongs_to_the_caller_again) {
  value values[3] = { 0 };
  values[0].local = create(destroy_value);
  values[2].local = create(destroy_value);
  finish_thread(spawn_thread(replace_and_clear, values));
  EQ(values[0].destroyed, 0);
  EQ(values[1].destroyed, 1);
  EQ(values[2].destroyed, 0);
  OK(threading_local_destroy(values[0].local));
  OK(threading_local_destroy(values[2].local));
}

typedef struct keeper {
  value *values;
  int count;
  _Atomic bool has_set;
  threading_event leave;
} keeper;

static void *set_many_and_stay(void *arg) {
  keeper *k = arg;
  for (int i = 0; i < k->count; i++) OK(threading_local_set(k->values[i].local, &k->values[i]));
  for (int i = 0; i < k->count; i++) CHECK(value_of(k->values[i].local) == &k->values[i]);
  atomic_store(&k->has_set, true);
  OK(threading_event_wait(k->leave, THREADING_FOREVER));
  return NULL;
}

TEST(destroy_ends_the_values_of_all_threads_on_the_caller) {
  enum { COUNT = 6 };
  const threading_local local = create(destroy_value);
  threading_event leave;
  OK(threading_event_create(&leave));
  value values[COUNT + 1] = { 0 };
  keeper keepers[COUNT];
  threading_thread threads[COUNT];
  for (int i = 0; i <= COUNT; i++) values[i].local = local;
  for (int i = 0; i < COUNT; i++) {
    keepers[i] = (keeper){ .values = &values[i], .count = 1, .leave = leave };
    threads[i] = spawn_thread(set_many_and_stay, &keepers[i]);
    WAIT_UNTIL(atomic_load(&keepers[i].has_set));
  }
  OK(threading_local_set(local, &values[COUNT]));
  OK(threading_local_destroy(local));
  for (int i = 0; i <= COUNT; i++) {
    EQ(values[i].destroyed, 1);
    EQ(values[i].destroyed_by, threading_get_ident());
  }
  OK(threading_event_set(leave));
  for (int i = 0; i < COUNT; i++) finish_thread(threads[i]);
  for (int i = 0; i <= COUNT; i++) EQ(values[i].destroyed, 1);
  OK(threading_event_destroy(leave));
}

TEST(fault_B34_more_locals_than_the_system_has_keys) {
  enum { COUNT = 3000 };
  static value mine[COUNT], theirs[COUNT];
  keeper k = { .values = theirs, .count = COUNT };
  OK(threading_event_create(&k.leave));
  for (int i = 0; i < COUNT; i++) {
    mine[i].local = theirs[i].local = create(destroy_value);
    OK(threading_local_set(mine[i].local, &mine[i]));
  }
  const threading_thread thread = spawn_thread(set_many_and_stay, &k);
  OK(threading_event_set(k.leave));
  finish_thread(thread);
  for (int i = 0; i < COUNT; i++) {
    EQ(theirs[i].destroyed, 1);
    CHECK(value_of(mine[i].local) == &mine[i]);
    OK(threading_local_destroy(mine[i].local));
    EQ(mine[i].destroyed, 1);
  }
  OK(threading_event_destroy(k.leave));
}

// ---- Destructors that use the library ----

static void set_again(void *arg) {
  value *v = arg;
  atomic_fetch_add(&v->destroyed, 1);
  OK(threading_local_set(v->local, v));
}

TEST(fault_B34_a_destructor_that_sets_again_is_called_again_but_not_for_ever) {
  value v = { .local = create(set_again) };
  finish_thread(spawn_thread(set_and_return, &v));
  CHECK(v.destroyed >= 2);
  CHECK(v.destroyed <= 16);
  OK(threading_local_destroy(v.local));
}

static void use_everything(void *arg) {
  value *v = arg;
  threading_lock lock;
  OK(threading_lock_create(&lock));
  OK(threading_lock_acquire(lock, THREADING_FOREVER));
  OK(threading_lock_release(lock));
  OK(threading_lock_destroy(lock));
  const threading_thread self = threading_current_thread();
  CHECK(self.id != 0 && threading_get_ident() != 0);
  CHECK(value_of(v->local) == NULL);  // it is already taken away
  atomic_fetch_add(&v->destroyed, 1);
}

TEST(a_destructor_may_use_the_library) {
  value v = { .local = create(use_everything) };
  finish_thread(spawn_thread(set_and_return, &v));
  EQ(v.destroyed, 1);
  OK(threading_local_destroy(v.local));
}

static threading_local second;

static void set_the_second(void *arg) {
  value *v = arg;
  atomic_fetch_add(&v->destroyed, 1);
  OK(threading_local_set(second, v));
}

TEST(a_destructor_may_set_another_local) {
  value v = { .local = create(set_the_second) };
  second = create(destroy_value);
  finish_thread(spawn_thread(set_and_return, &v));
  EQ(v.destroyed, 2);  // once as the value of each
  OK(threading_local_destroy(v.local));
  OK(threading_local_destroy(second));
}

// ---- Races and the end of the process ----

TEST(a_thread_that_ends_while_the_local_is_destroyed_loses_its_value_once) {
  const int64_t give_up = NOW_NS() + THREADING_SECONDS(2);
  for (int round = 0; round < 1000 && NOW_NS() < give_up; round++) {
    value v = { .local = create(destroy_value) };
    keeper k = { .values = &v, .count = 1 };
    OK(threading_event_create(&k.leave));
    const threading_thread thread = spawn_thread(set_many_and_stay, &k);
    WAIT_UNTIL(atomic_load(&k.has_set));
    OK(threading_event_set(k.leave));
    OK(threading_local_destroy(v.local));
    finish_thread(thread);
    EQ(v.destroyed, 1);
    OK(threading_event_destroy(k.leave));
  }
}

static void exit_by_9(void *arg) {
  (void)arg;
  _exit(9);
}

TEST(values_do_not_die_at_the_end_of_the_process) {
  fflush(NULL);
  const pid_t child = fork();  // before the library is used: a process like any other
  CHECK(child >= 0);
  if (child == 0) {
    int own;
    OK(threading_local_set(create(exit_by_9), &own));
    exit(3);
  }
  int status = 0;
  EQ(waitpid(child, &status, 0), child);
  CHECK(WIFEXITED(status));
  EQ(WEXITSTATUS(status), 3);
}
