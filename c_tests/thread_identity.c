// Who a thread is: ident and native id, names here and at the system, daemon and its inheritance.
#include "harness.h"

#include <sys/syscall.h>

static void *return_arg(void *arg) { return arg; }

// ---- ident and native_id ----

// Whether the native id was asked for by another thread: until then the one it belongs to runs.
static atomic_bool asked;

static void *check_identity(void *arg) {
  threading_thread *own = arg;
  uint64_t id = 0;
  EQ(threading_current_thread().id, own->id);
  EQ(threading_get_ident(), own->id);
  EQ(threading_get_native_id(), syscall(SYS_gettid));
  OK(threading_thread_native_id(*own, &id));
  EQ(id, syscall(SYS_gettid));
  EQ(threading_thread_is_alive(*own), 1);
  WAIT_UNTIL(atomic_load(&asked));
  return (void *)(uintptr_t)id;
}

TEST(ident_and_native_id) {
  threading_thread thread;
  uint64_t id = 0;
  OK(threading_thread_create(check_identity, &thread, NULL, &thread));
  OK(threading_thread_ident(thread, &id));
  EQ(id, thread.id);
  OK(threading_thread_start(thread));
  OK(threading_thread_native_id(thread, &id));
  CHECK(id != 0 && id != (uint64_t)getpid());
  atomic_store(&asked, true);
  const uint64_t native = id;
  OK(threading_thread_join(thread, THREADING_FOREVER));
  IS(threading_thread_native_id(thread, &id), THREADING_E_STATE);
  EQ(id, native);
  EQ((uintptr_t)finish_thread(thread), native);
}

// The thread of which `ask_while_run` asks is its own.
static void *ask_while_run(void *arg) {
  const threading_thread *own = arg;
  uint64_t id = 7;
  int32_t nice = 77;
  IS(threading_thread_native_id(*own, &id), THREADING_E_STATE);
  IS(threading_thread_priority(*own, &nice), THREADING_E_STATE);
  EQ(id, 7);
  EQ(nice, 77);
  EQ(threading_thread_is_alive(*own), 1);
  CHECK(threading_current_thread().id != own->id);
  return arg;
}

TEST(the_system_knows_no_thread_that_another_one_runs) {
  threading_thread thread;
  OK(threading_thread_create(ask_while_run, &thread, NULL, &thread));
  OK(threading_thread_run(thread));
  OK(threading_thread_destroy(thread));
}

static int compare(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

TEST(idents_are_never_used_again) {
  enum { COUNT = 3000 };
  static uint64_t idents[COUNT];
  const int64_t end = NOW_NS() + THREADING_SECONDS(4);
  size_t count = 0;
  while (count < COUNT && (count < 100 || NOW_NS() < end)) {
    threading_thread thread = spawn_thread(return_arg, NULL);
    idents[count++] = thread.id;
    finish_thread(thread);
  }
  qsort(idents, count, sizeof idents[0], compare);
  for (size_t i = 1; i < count; i++) CHECK(idents[i - 1] != idents[i]);
}

// ---- Names ----

static threading_thread named(threading_target target, void *arg, const char *name) {
  const threading_thread_options options = { .size = sizeof options, .name = name };
  threading_thread thread;
  OK(threading_thread_create(target, arg, &options, &thread));
  return thread;
}

static const char *name_of(threading_thread thread) {
  static char name[1024];
  OK(threading_thread_name(thread, name, sizeof name, NULL));
  return name;
}

// What the system calls the running thread.
static const char *system_name_of(threading_thread thread) {
  static char name[32];
  char path[64];
  uint64_t id;
  OK(threading_thread_native_id(thread, &id));
  snprintf(path, sizeof path, "/proc/self/task/%llu/comm", (unsigned long long)id);
  FILE *file = fopen(path, "r");
  CHECK(file != NULL && fgets(name, sizeof name, file) != NULL);
  fclose(file);
  name[strcspn(name, "\n")] = '\0';
  return name;
}

TEST(default_names_count_in_the_order_of_creation) {
  threading_thread first, second, third;
  OK(threading_thread_create(return_arg, NULL, NULL, &first));
  threading_thread own = named(return_arg, NULL, "own");
  OK(threading_thread_create(return_arg, NULL, NULL, &second));
  OK(threading_thread_destroy(first));
  threading_thread empty = named(return_arg, NULL, "");  // as in Python, no name at all
  OK(threading_thread_create(return_arg, NULL, NULL, &third));
  STR_EQ(name_of(own), "own");
  STR_EQ(name_of(second), "Thread-2");
  STR_EQ(name_of(empty), "Thread-3");
  STR_EQ(name_of(third), "Thread-4");
  STR_EQ(name_of(threading_main_thread()), "MainThread");
  OK(threading_thread_destroy(own));
  OK(threading_thread_destroy(second));
  OK(threading_thread_destroy(empty));
  OK(threading_thread_destroy(third));
}

TEST(name_is_copied_and_kept_at_any_length) {
  static char buffer[900], copy[900];
  memset(buffer, 'n', sizeof buffer - 1);
  memcpy(copy, buffer, sizeof copy);
  threading_thread thread = named(return_arg, NULL, buffer);
  buffer[0] = 0;
  STR_EQ(name_of(thread), copy);
  size_t needed = 0;
  OK(threading_thread_name(thread, NULL, 0, &needed));
  EQ(needed, sizeof copy);
  OK(threading_thread_start(thread));
  OK(threading_thread_join(thread, THREADING_FOREVER));
  STR_EQ(name_of(thread), copy);
  OK(threading_thread_destroy(thread));
}

TEST(name_getter_cuts_between_characters_and_stays_in_the_buffer) {
  static const char *const cut[] = { "", "", "\xc3\xa4", "\xc3\xa4z", "\xc3\xa4z" };
  threading_thread thread = named(return_arg, NULL, "\xc3\xa4z");
  for (size_t size = 1; size <= 5; size++) {
    char text[8];
    size_t needed = 0;
    memset(text, '#', sizeof text);
    OK(threading_thread_name(thread, text, size, &needed));
    STR_EQ(text, cut[size - 1]);
    EQ(needed, 4);
    EQ(text[size], '#');
  }
  IS(threading_thread_name(thread, NULL, 5, NULL), THREADING_E_INVALID);
  OK(threading_thread_name(thread, NULL, 0, NULL));
  OK(threading_thread_destroy(thread));
}

typedef struct stage {
  atomic_bool open;
  atomic_bool running;
} stage;

static void *hold(void *arg) {
  stage *at = arg;
  atomic_store(&at->running, true);
  WAIT_UNTIL(atomic_load(&at->open));
  return NULL;
}

TEST(the_system_gets_fifteen_bytes_cut_between_characters) {
  static const struct {
    const char *name, *system;
  } cases[] = {
    { "short", "short" },
    { "exactly-fifteen", "exactly-fifteen" },
    { "more-than-fifteen-bytes", "more-than-fifte" },
    { "fourteen-bytes\xc3\xa4", "fourteen-bytes" },
    { "twelve-bytes\xe2\x82\xac!", "twelve-bytes\xe2\x82\xac" },
    { "thirteen-byte\xe2\x82\xac", "thirteen-byte" },
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    stage at = { false, false };
    threading_thread thread = named(hold, &at, cases[i].name);
    OK(threading_thread_start(thread));
    WAIT_UNTIL(atomic_load(&at.running));
    STR_EQ(system_name_of(thread), cases[i].system);
    STR_EQ(name_of(thread), cases[i].name);
    atomic_store(&at.open, true);
    finish_thread(thread);
  }
}

TEST(set_name_before_and_after_start) {
  stage at = { false, false };
  threading_thread thread = named(hold, &at, "before");
  OK(threading_thread_set_name(thread, "between"));
  OK(threading_thread_start(thread));
  WAIT_UNTIL(atomic_load(&at.running));
  STR_EQ(system_name_of(thread), "between");
  OK(threading_thread_set_name(thread, "from another thread"));
  STR_EQ(system_name_of(thread), "from another th");
  STR_EQ(name_of(thread), "from another thread");
  atomic_store(&at.open, true);
  OK(threading_thread_join(thread, THREADING_FOREVER));
  STR_EQ(name_of(thread), "from another thread");
  OK(threading_thread_destroy(thread));
}

static void *rename_self(void *arg) {
  OK(threading_thread_set_name(threading_current_thread(), "self-made"));
  STR_EQ(name_of(threading_current_thread()), "self-made");
  STR_EQ(system_name_of(threading_current_thread()), "self-made");
  return arg;
}

TEST(a_thread_renames_itself) {
  finish_thread(spawn_thread(rename_self, NULL));
}

TEST(names_that_are_not_text_are_refused) {
  static const char *const bad[] = { "\xff", "a\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80" };
  threading_thread thread = named(return_arg, NULL, "kept"), out = { 7 };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    const threading_thread_options options = { .size = sizeof options, .name = bad[i] };
    IS(threading_thread_create(return_arg, NULL, &options, &out), THREADING_E_INVALID);
    IS(threading_thread_spawn(return_arg, NULL, &options, &out), THREADING_E_INVALID);
    EQ(out.id, 7);
    IS(threading_thread_set_name(thread, bad[i]), THREADING_E_INVALID);
  }
  IS(threading_thread_set_name(thread, NULL), THREADING_E_INVALID);
  STR_EQ(name_of(thread), "kept");
  OK(threading_thread_destroy(thread));
}

// ---- Daemon ----

static threading_thread with_daemon(threading_target target, void *arg, int32_t daemon) {
  const threading_thread_options options = { .size = sizeof options, .daemon = daemon };
  threading_thread thread;
  OK(threading_thread_create(target, arg, &options, &thread));
  return thread;
}

static void *daemon_of_children(void *arg) {
  int32_t *daemon = arg;
  const int32_t wishes[] = { THREADING_DAEMON_INHERIT, THREADING_DAEMON, THREADING_NON_DAEMON };
  for (int i = 0; i < 3; i++) {
    threading_thread child = with_daemon(return_arg, NULL, wishes[i]);
    daemon[i] = threading_thread_is_daemon(child);
    OK(threading_thread_destroy(child));
  }
  return NULL;
}

TEST(daemon_is_inherited_from_the_creator) {
  int32_t daemon[3];
  EQ(threading_thread_is_daemon(threading_main_thread()), 0);
  daemon_of_children(daemon);
  CHECK(daemon[0] == 0 && daemon[1] == 1 && daemon[2] == 0);
  threading_thread parent = with_daemon(daemon_of_children, daemon, THREADING_DAEMON);
  OK(threading_thread_start(parent));
  finish_thread(parent);
  CHECK(daemon[0] == 1 && daemon[1] == 1 && daemon[2] == 0);
}

TEST(set_daemon_only_before_start) {
  stage at = { false, false };
  threading_thread thread = with_daemon(hold, &at, THREADING_DAEMON_INHERIT);
  OK(threading_thread_set_daemon(thread, 1));
  EQ(threading_thread_is_daemon(thread), 1);
  OK(threading_thread_set_daemon(thread, 0));
  EQ(threading_thread_is_daemon(thread), 0);
  OK(threading_thread_start(thread));
  IS(threading_thread_set_daemon(thread, 1), THREADING_E_STATE);
  IS(threading_thread_set_daemon(thread, 0), THREADING_E_STATE);
  EQ(threading_thread_is_daemon(thread), 0);
  atomic_store(&at.open, true);
  OK(threading_thread_join(thread, THREADING_FOREVER));
  IS(threading_thread_set_daemon(thread, 1), THREADING_E_STATE);
  OK(threading_thread_destroy(thread));
  IS(threading_thread_set_daemon(threading_main_thread(), 1), THREADING_E_STATE);
}

TEST(daemon_option_has_three_values) {
  const int32_t bad[] = { -1, 3, INT32_MAX, INT32_MIN };
  for (int i = 0; i < 4; i++) {
    const threading_thread_options options = { .size = sizeof options, .daemon = bad[i] };
    threading_thread out = { 7 };
    IS(threading_thread_create(return_arg, NULL, &options, &out), THREADING_E_INVALID);
    EQ(out.id, 7);
  }
}
