// Who there is: current_thread, main_thread, enumerate, active_count, and threads of foreign origin.
#include "harness.h"

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

static bool enumerated(threading_thread thread) {
  threading_thread all[64];
  size_t count;
  OK(threading_enumerate(all, 64, &count));
  CHECK(count <= 64);
  for (size_t i = 0; i < count; i++) {
    if (all[i].id == thread.id) return true;
  }
  return false;
}

static const char *name_of(threading_thread thread) {
  static _Thread_local char name[64];
  OK(threading_thread_name(thread, name, sizeof name, NULL));
  return name;
}

// ---- Main and current ----

TEST(main_thread_is_the_current_one_here) {
  const threading_thread main_thread = threading_main_thread();
  uint64_t id = 0;
  CHECK(main_thread.id != 0);
  EQ(threading_current_thread().id, main_thread.id);
  EQ(threading_get_ident(), main_thread.id);
  EQ(threading_get_native_id(), getpid());
  OK(threading_thread_ident(main_thread, &id));
  EQ(id, main_thread.id);
  OK(threading_thread_native_id(main_thread, &id));
  EQ(id, getpid());
  STR_EQ(name_of(main_thread), "MainThread");
  EQ(threading_thread_is_alive(main_thread), 1);
  EQ(threading_thread_is_daemon(main_thread), 0);
}

TEST(main_thread_can_be_waited_for_only) {
  const threading_thread main_thread = threading_main_thread();
  void *result = NULL;
  int32_t code;
  IS(threading_thread_start(main_thread), THREADING_E_STATE);
  IS(threading_thread_run(main_thread), THREADING_E_STATE);
  IS(threading_thread_set_daemon(main_thread, 1), THREADING_E_STATE);
  IS(threading_thread_result(main_thread, &result), THREADING_E_STATE);
  IS(threading_thread_failure(main_thread, &code, NULL, 0, NULL), THREADING_E_STATE);
  IS(threading_thread_destroy(main_thread), THREADING_E_STATE);
  IS(threading_thread_destroy(main_thread), THREADING_E_STATE);
  EQ(threading_thread_is_alive(main_thread), 1);
}

static void *ask_about_main(void *arg) {
  const threading_thread main_thread = threading_main_thread();
  EQ(main_thread.id, *(uint64_t *)arg);
  CHECK(threading_current_thread().id != main_thread.id);
  IS(threading_thread_join(main_thread, 0), THREADING_TIMEOUT);
  IS(threading_thread_destroy(main_thread), THREADING_E_STATE);
  EQ(threading_thread_is_alive(main_thread), 1);
  return NULL;
}

TEST(main_thread_seen_from_another_thread) {
  uint64_t id = threading_main_thread().id;
  finish_thread(spawn_thread(ask_about_main, &id));
}

static void *first_call(void *arg) {
  const threading_thread own = threading_current_thread(), main_thread = threading_main_thread();
  uint64_t id = 0;
  CHECK(own.id != 0 && own.id != main_thread.id);
  OK(threading_thread_native_id(main_thread, &id));
  EQ(id, getpid());
  STR_EQ(name_of(main_thread), "MainThread");
  *(uint64_t *)arg = main_thread.id;
  return NULL;
}

TEST(main_is_main_when_another_thread_calls_first) {
  pthread_t thread;
  uint64_t id = 0;
  EQ(pthread_create(&thread, NULL, first_call, &id), 0);
  EQ(pthread_join(thread, NULL), 0);
  EQ(threading_current_thread().id, id);
  EQ(threading_active_count(), 1);
}

// ---- Counting ----

TEST(only_running_threads_count) {
  stage at = { false, 0 };
  threading_thread threads[5];
  EQ(threading_active_count(), 1);
  CHECK(enumerated(threading_main_thread()));
  for (int i = 0; i < 5; i++) {
    OK(threading_thread_create(hold, &at, NULL, &threads[i]));
    EQ(threading_active_count(), 1 + i);
    CHECK(!enumerated(threads[i]));
    OK(threading_thread_start(threads[i]));
    EQ(threading_active_count(), 2 + i);
    CHECK(enumerated(threads[i]));
  }
  atomic_store(&at.open, true);
  for (int i = 0; i < 5; i++) {
    OK(threading_thread_join(threads[i], THREADING_FOREVER));
    CHECK(!enumerated(threads[i]));
    OK(threading_thread_destroy(threads[i]));
  }
  EQ(threading_active_count(), 1);
}

TEST(enumerate_counts_all_and_fills_what_fits) {
  stage at = { false, 0 };
  threading_thread threads[3], all[5];
  size_t count = 0;
  for (int i = 0; i < 3; i++) threads[i] = spawn_thread(hold, &at);
  OK(threading_enumerate(NULL, 0, &count));
  EQ(count, 4);
  memset(all, 0xa5, sizeof all);
  const uint64_t untouched = all[0].id;
  OK(threading_enumerate(all, 2, &count));
  EQ(count, 4);
  CHECK(all[0].id != untouched && all[1].id != untouched && all[0].id != all[1].id);
  EQ(all[2].id, untouched);
  OK(threading_enumerate(all, 5, &count));
  EQ(count, 4);
  EQ(all[4].id, untouched);
  IS(threading_enumerate(all, 5, NULL), THREADING_E_INVALID);
  IS(threading_enumerate(NULL, 5, &count), THREADING_E_INVALID);
  atomic_store(&at.open, true);
  for (int i = 0; i < 3; i++) finish_thread(threads[i]);
}

TEST(handles_from_enumerate_are_good_for_every_call) {
  stage at = { false, 0 };
  threading_thread thread = spawn_thread(hold, &at), all[2];
  size_t count;
  OK(threading_enumerate(all, 2, &count));
  EQ(count, 2);
  const threading_thread found = all[0].id == threading_main_thread().id ? all[1] : all[0];
  EQ(found.id, thread.id);
  STR_EQ(name_of(found), "Thread-1");
  atomic_store(&at.open, true);
  OK(threading_thread_join(found, THREADING_FOREVER));
  OK(threading_thread_destroy(found));
  IS(threading_thread_destroy(thread), THREADING_E_HANDLE);
}

static void *churn(void *arg) {
  const int64_t end = NOW_NS() + THREADING_SECONDS(3);
  for (int i = 0; i < 500 && NOW_NS() < end; i++) finish_thread(spawn_thread(hold, arg));
  return NULL;
}

static void *list(void *arg) {
  atomic_bool *stop = arg;
  uint64_t rounds = 0;
  while (!atomic_load(stop)) {
    threading_thread all[32];
    size_t count = 0;
    OK(threading_enumerate(all, 32, &count));
    CHECK(count >= 2 && count <= 6);
    for (size_t i = 0; i < count; i++) {
      CHECK(all[i].id != 0);
      for (size_t j = 0; j < i; j++) CHECK(all[i].id != all[j].id);
    }
    int64_t active = threading_active_count();
    CHECK(active >= 2 && active <= 6);
    rounds++;
  }
  return (void *)(uintptr_t)rounds;
}

TEST(enumerate_while_threads_come_and_go) {
  stage at = { true, 0 };
  atomic_bool stop = false;
  threading_thread churners[2], lister = spawn_thread(list, &stop);
  for (int i = 0; i < 2; i++) churners[i] = spawn_thread(churn, &at);
  for (int i = 0; i < 2; i++) finish_thread(churners[i]);
  atomic_store(&stop, true);
  CHECK(finish_thread(lister) != NULL);
  CHECK(atomic_load(&at.running) > 0);
  EQ(threading_active_count(), 1);
}

// ---- Foreign threads ----

typedef struct foreign {
  stage at;
  threading_thread self;
} foreign;

static void *be_foreign(void *arg) {
  foreign *own = arg;
  own->self = threading_current_thread();
  CHECK(own->self.id != 0);
  EQ(threading_current_thread().id, own->self.id);
  EQ(threading_get_ident(), own->self.id);
  IS(threading_thread_join(own->self, THREADING_FOREVER), THREADING_E_DEADLOCK);
  IS(threading_thread_destroy(own->self), THREADING_E_STATE);
  IS(threading_fail(1, "nobody asked"), THREADING_E_STATE);
  atomic_fetch_add(&own->at.running, 1);
  WAIT_UNTIL(atomic_load(&own->at.open));
  return NULL;
}

static pthread_t start_foreign(foreign *own) {
  pthread_t thread;
  EQ(pthread_create(&thread, NULL, be_foreign, own), 0);
  WAIT_UNTIL(atomic_load(&own->at.running) == 1);
  return thread;
}

TEST(a_foreign_thread_is_a_daemon_dummy) {
  foreign own = { { false, 0 }, { 0 } };
  uint64_t id = 0;
  void *result;
  EQ(threading_active_count(), 1);
  pthread_t thread = start_foreign(&own);
  EQ(threading_active_count(), 2);
  CHECK(enumerated(own.self));
  STR_EQ(name_of(own.self), "Dummy-1");
  EQ(threading_thread_is_daemon(own.self), 1);
  EQ(threading_thread_is_alive(own.self), 1);
  OK(threading_thread_ident(own.self, &id));
  EQ(id, own.self.id);
  OK(threading_thread_native_id(own.self, &id));
  CHECK(id != 0 && id != (uint64_t)getpid());
  IS(threading_thread_start(own.self), THREADING_E_STATE);
  IS(threading_thread_set_daemon(own.self, 0), THREADING_E_STATE);
  IS(threading_thread_result(own.self, &result), THREADING_E_STATE);
  IS(threading_thread_destroy(own.self), THREADING_E_STATE);
  IS(threading_thread_join(own.self, 0), THREADING_TIMEOUT);
  OK(threading_thread_set_name(own.self, "renamed"));
  STR_EQ(name_of(own.self), "renamed");
  atomic_store(&own.at.open, true);
  EQ(pthread_join(thread, NULL), 0);
  EQ(threading_active_count(), 1);
  CHECK(!enumerated(own.self));
  CHECK(threading_thread_is_alive(own.self) != 1);
}

static void *join_shared(void *arg) {
  OK(threading_thread_join(*(threading_thread *)arg, THREADING_FOREVER));
  return NULL;
}

TEST(join_of_a_foreign_thread_waits_for_its_end) {
  foreign own = { { false, 0 }, { 0 } };
  pthread_t thread = start_foreign(&own);
  threading_thread joiners[2];
  for (int i = 0; i < 2; i++) joiners[i] = spawn_thread(join_shared, &own.self);
  for (int i = 0; i < 2; i++) wait_blocked(joiners[i]);
  atomic_store(&own.at.open, true);
  for (int i = 0; i < 2; i++) finish_thread(joiners[i]);
  EQ(pthread_join(thread, NULL), 0);
}

TEST(threads_and_dummies_share_one_counter) {
  stage at = { true, 0 };
  foreign own = { { false, 0 }, { 0 } };
  threading_thread before, after;
  OK(threading_thread_create(hold, &at, NULL, &before));
  pthread_t thread = start_foreign(&own);
  OK(threading_thread_create(hold, &at, NULL, &after));
  STR_EQ(name_of(before), "Thread-1");
  STR_EQ(name_of(own.self), "Dummy-2");
  STR_EQ(name_of(after), "Thread-3");
  atomic_store(&own.at.open, true);
  EQ(pthread_join(thread, NULL), 0);
  OK(threading_thread_destroy(before));
  OK(threading_thread_destroy(after));
}

static void *note_ident(void *arg) {
  *(uint64_t *)arg = threading_get_ident();
  return NULL;
}

TEST(a_foreign_thread_is_registered_by_get_ident) {
  uint64_t idents[2] = { 0, 0 };
  for (int i = 0; i < 2; i++) {
    pthread_t thread;
    EQ(pthread_create(&thread, NULL, note_ident, &idents[i]), 0);
    EQ(pthread_join(thread, NULL), 0);
    EQ(threading_active_count(), 1);
  }
  CHECK(idents[0] != 0 && idents[1] != 0 && idents[0] != idents[1]);
}

static void *start_from_foreign(void *arg) {
  threading_thread child = spawn_thread(hold, arg);
  EQ(threading_thread_is_daemon(child), 1);  // inherited from a dummy
  OK(threading_thread_join(child, THREADING_FOREVER));
  OK(threading_thread_destroy(child));
  return NULL;
}

TEST(a_foreign_thread_starts_threads) {
  stage at = { true, 0 };
  pthread_t thread;
  EQ(pthread_create(&thread, NULL, start_from_foreign, &at), 0);
  EQ(pthread_join(thread, NULL), 0);
  EQ(atomic_load(&at.running), 1);
  EQ(threading_active_count(), 1);
}

static void *never_call(void *arg) {
  stage *at = arg;
  atomic_fetch_add(&at->running, 1);
  WAIT_UNTIL(atomic_load(&at->open));
  return NULL;
}

TEST(a_foreign_thread_that_never_calls_is_not_known) {
  stage at = { false, 0 };
  pthread_t thread;
  EQ(pthread_create(&thread, NULL, never_call, &at), 0);
  WAIT_UNTIL(atomic_load(&at.running) == 1);
  EQ(threading_active_count(), 1);
  atomic_store(&at.open, true);
  EQ(pthread_join(thread, NULL), 0);
}
