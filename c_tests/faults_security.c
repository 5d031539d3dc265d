// Faults that somebody brings about on purpose: section S of docs/faults.md. Hostile environments, texts,
// sizes and structs; what handles give away. Of the file of the library see faults_image.c.
#include "child.h"
#include "everything.h"

#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

// ---- A page that nobody may touch, behind one that everybody may ----

static size_t page_size(void) { return (size_t)sysconf(_SC_PAGESIZE); }

// The last `size` bytes before the forbidden page.
static void *at_the_edge(size_t size) {
  const size_t page = page_size();
  char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(pages != MAP_FAILED);
  CHECK(mprotect(pages + page, page, PROT_NONE) == 0);
  return pages + page - size;
}

// ---- The environment ----

static void *fail_with_message(void *arg) {
  OK(threading_fail(7, arg));
  return NULL;
}

// A thread whose target fails; the hook hears of it.
static void run_a_failing_thread(const threading_thread_options *options, const char *message) {
  threading_thread thread;
  OK(threading_thread_spawn(fail_with_message, (void *)(uintptr_t)message, options, &thread));
  OK(threading_thread_join(thread, THREADING_FOREVER));
  OK(threading_thread_destroy(thread));
}

// All kinds of objects, and what else could want to know something of the surroundings.
static void use_all_there_is(void) {
  char name[64];
  size_t stack = 0;
  use_everything();
  run_a_failing_thread(NULL, "heard by the default hook");
  CHECK(threading_cpu_count() >= 1);
  OK(threading_stack_size(0, &stack));
  OK(threading_thread_name(threading_current_thread(), name, sizeof name, NULL));
  IS(threading_lock_release((threading_lock){ 1 }), THREADING_E_HANDLE);
  CHECK(threading_last_error()[0] != '\0');
  atomic_bool ran = false;
  OK(threading_pool_execute(threading_default_pool(), fire, &ran));
  OK(threading_pool_wait(threading_default_pool(), THREADING_FOREVER));
  CHECK(atomic_load(&ran));
}

// Whoever reads the environment now ends the process.
static void forbid_the_environment(void) { environ = at_the_edge(0); }

SCENARIO(look_into_a_forbidden_environment) {
  forbid_the_environment();
  say(getenv("HOME") == NULL ? "none" : "some");
}

SCENARIO(work_without_an_environment) {
  forbid_the_environment();
  use_all_there_is();
  OK(threading_shutdown(THREADING_FOREVER));
  say("worked");
  _exit(0);
}

// What is never read needs no rule for set-uid programs.
TEST(fault_S1_the_environment_is_never_read) {
  char output[1024];
  EQ(child_exec("look_into_a_forbidden_environment", NULL, 0), KILLED_BY(SIGSEGV));
  EQ(child_exec("work_without_an_environment", output, sizeof output), 0);
  CHECK(strstr(output, "worked") != NULL);
}

SCENARIO(tell_the_settings) {
  size_t stack = 0;
  uint32_t parallel = 0;
  use_everything();
  OK(threading_stack_size(0, &stack));
  OK(threading_set_parallelism(0, &parallel));
  printf("%u processors, %zu stack, %u parallel, %" PRId64 " longest\n", threading_cpu_count(), stack,
         parallel, threading_timeout_max());
}

static void pollute(unsigned seed) {
  static const char *const names[] = {
    "THREADING_DUMP_SIGNAL", "THREADING_WATCHDOG", "THREADING_TRACE", "THREADING_STACK_SIZE",
    "THREADING_POOL",        "RUST_BACKTRACE",     "RUST_MIN_STACK",  "RUST_LOG",
    "OMP_NUM_THREADS",       "PYTHONTHREADDEBUG",
  };
  static const char *const values[] = { "",    "-1", "nan", "1e999", "99999999999999999999", "/dev/full",
                                        "%n%s", "\xff\xfe\xc0\x80", "0x", "KILL" };
  static char huge[100000];
  memset(huge, 0xf5, sizeof huge - 1);
  for (size_t i = 0; i < 10; i++) CHECK(setenv(names[i], values[(i + seed) % 10], 1) == 0);
  CHECK(setenv(names[seed % 10], huge, 1) == 0);
}

TEST(fault_S2_a_hostile_environment_changes_nothing) {
  char calm[256], hostile[256];
  EQ(child_exec("tell_the_settings", calm, sizeof calm), 0);
  CHECK(strstr(calm, "processors") != NULL);
  for (unsigned seed = 0; seed < 10; seed++) {
    pollute(seed);
    EQ(child_exec("tell_the_settings", hostile, sizeof hostile), 0);
    STR_EQ(hostile, calm);
  }
}

// Whether the system gives a program in the directory for temporary files the rights of its owner.
static bool gives_rights(void) {
  struct statvfs directory;
  CHECK(statvfs(P_tmpdir, &directory) == 0);
  return (directory.f_flag & ST_NOSUID) == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0;
}

// A copy of this program that belongs to root, and has its rights whoever runs it.
static char set_uid_program[] = P_tmpdir "/threading-set-uid-XXXXXX";

static void make_set_uid_program(void) {
  const int file = mkstemp(set_uid_program);
  CHECK(file >= 0);
  copy_file("/proc/self/exe", file);
  CHECK(fchmod(file, S_ISUID | S_IRUSR | S_IWUSR | S_IXUSR | S_IXGRP | S_IXOTH) == 0);
  close(file);
}

SCENARIO(tell_the_settings_with_rights) {
  if (getauxval(AT_SECURE) != 0 && geteuid() == 0 && getuid() != 0) {
    scenario_tell_the_settings();
  } else {
    say("no rights");
  }
}

static void run_set_uid_program(void *arg) {
  child_drop_privileges();
  setenv(CHILD_ENVIRONMENT, "tell_the_settings_with_rights", 1);
  execl(set_uid_program, set_uid_program, "tell_the_settings_with_rights", (char *)NULL);
  CHECK(arg == NULL);
  _exit(98);
}

TEST(fault_S1_a_hostile_environment_of_a_set_uid_program) {
  char calm[256], hostile[256];
  if (geteuid() != 0 || is_instrumented()) SKIP("it takes root to make one, and no tool around it");
  if (!gives_rights()) SKIP("this system gives a program no other rights than its caller has");
  make_set_uid_program();
  const int ended = child_fork(run_set_uid_program, NULL, calm, sizeof calm);
  for (unsigned seed = 0; ended == 0 && strstr(calm, "processors") != NULL && seed < 10; seed++) {
    pollute(seed);
    EQ(child_fork(run_set_uid_program, NULL, hostile, sizeof hostile), 0);
    STR_EQ(hostile, calm);
  }
  CHECK(unlink(set_uid_program) == 0);
  EQ(ended, 0);
  CHECK(strstr(calm, "processors") != NULL);
}

// ---- Texts ----

#define FORMATS "%n%s%s%s%s%p%999999d"
#define ESCAPES "\x1b[2J\x07\r\n\"quo\\te\" <&>\x7f \xe2\x80\xae"

static void *name_of_worker(void *arg) {
  OK(threading_thread_name(threading_current_thread(), arg, 128, NULL));
  return NULL;
}

static void name_a_worker(const char *prefix) {
  const threading_pool_options options = { .size = sizeof options, .name_prefix = prefix };
  char name[128] = "", wanted[128];
  threading_pool pool;
  threading_future future;
  void *result;
  snprintf(wanted, sizeof wanted, "%s_0", prefix);
  OK(threading_pool_create(1, &options, &pool));
  OK(threading_pool_submit(pool, name_of_worker, name, &future));
  OK(threading_future_result(future, THREADING_FOREVER, &result));
  OK(threading_future_destroy(future));
  OK(threading_pool_destroy(pool));
  STR_EQ(name, wanted);
}

static void fail_a_promise(const char *message) {
  char got[128];
  int32_t code = 0;
  void *result;
  threading_future future;
  OK(threading_future_create(&future));
  OK(threading_future_set_failure(future, 9, message));
  OK(threading_future_failure(future, 0, &code, got, sizeof got, NULL));
  EQ(code, 9);
  STR_EQ(got, message);
  IS(threading_future_result(future, 0, &result), THREADING_FAILED);
  OK(threading_last_failure(&code, got, sizeof got, NULL));
  STR_EQ(got, message);
  OK(threading_future_destroy(future));
}

SCENARIO(fail_with_formats) {
  const threading_thread_options options = { .size = sizeof options, .name = "name " FORMATS };
  run_a_failing_thread(&options, "message " FORMATS);
}

TEST(fault_S4_texts_are_never_formats) {
  char output[1024];
  EQ(child_exec("fail_with_formats", output, sizeof output), 0);
  STR_EQ(output, "Exception in thread name " FORMATS ": code 7: message " FORMATS "\n");
  name_a_worker(FORMATS);
  fail_a_promise(FORMATS);
}

SCENARIO(fail_with_a_long_message) {
  static char message[5000];
  for (size_t i = 0; i < sizeof message - 2; i += 2) memcpy(message + i, "\xc3\xa4", 2);
  run_a_failing_thread(NULL, message);
}

// A complaint is one line, however long the message.
TEST(fault_S4_long_messages_are_cut_at_a_character) {
  char output[8192];
  EQ(child_exec("fail_with_a_long_message", output, sizeof output), 0);
  const size_t length = strlen(output);
  CHECK(length > 1000 && length <= 1025 && output[length - 1] == '\n');
  EQ((unsigned char)output[length - 2], 0xa4);
}

static void *fail_with_no_text(void *arg) {
  IS(threading_fail(1, arg), THREADING_E_INVALID);
  return NULL;
}

TEST(fault_S5_escapes_are_kept_and_what_is_not_utf8_is_refused) {
  static const char *const wrong[] = {
    "\x80", "\xff", "\xc0\x80", "\xc3", "a\xe2\x82", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf0\x80\x80\xaf",
    "good until \xfe",
  };
  name_a_worker(ESCAPES);
  fail_a_promise(ESCAPES);
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    const threading_thread_options options = { .size = sizeof options, .name = wrong[i] };
    const threading_pool_options pool_options = { .size = sizeof pool_options, .name_prefix = wrong[i] };
    char name[64];
    threading_thread thread = { 7 };
    threading_pool pool = { 7 };
    threading_future future;
    IS(threading_thread_create(set_flag, NULL, &options, &thread), THREADING_E_INVALID);
    IS(threading_pool_create(1, &pool_options, &pool), THREADING_E_INVALID);
    EQ(thread.id, 7);
    EQ(pool.id, 7);
    OK(threading_thread_create(fail_with_no_text, (void *)(uintptr_t)wrong[i], NULL, &thread));
    OK(threading_thread_set_name(thread, "kept"));
    IS(threading_thread_set_name(thread, wrong[i]), THREADING_E_INVALID);
    OK(threading_thread_name(thread, name, sizeof name, NULL));
    STR_EQ(name, "kept");
    OK(threading_thread_start(thread));
    OK(threading_thread_join(thread, THREADING_FOREVER));
    IS(threading_thread_failure(thread, &(int32_t){ 0 }, NULL, 0, NULL), THREADING_E_STATE);
    OK(threading_thread_destroy(thread));
    OK(threading_future_create(&future));
    IS(threading_future_set_failure(future, 1, wrong[i]), THREADING_E_INVALID);
    EQ(threading_future_done(future), 0);
    OK(threading_future_destroy(future));
  }
}

// ---- Sizes and counts ----

static void fold_nothing(int64_t begin, int64_t end, void *accumulator, void *arg) {
  (void)begin, (void)end, (void)accumulator, (void)arg;
}
static void combine_nothing(void *into, const void *from, void *arg) { (void)into, (void)from, (void)arg; }

static void refused(const char *what, threading_status status) {
  if (status != THREADING_E_INVALID && status != THREADING_E_NO_MEMORY)
    harness_fail(__FILE__, __LINE__, "%s gave %s", what, threading_status_name(status));
}

// No product of these with the size of an item is what it seems.
TEST(fault_S6_counts_that_overflow) {
  static const size_t counts[] = { SIZE_MAX, SIZE_MAX - 1, SIZE_MAX / 2 + 1, SIZE_MAX / 4 + 1,
                                   SIZE_MAX / 8 + 1 };
  threading_pool pool;
  threading_future future;
  uint32_t cpu = 0;
  void *arg = NULL, *result = NULL;
  const threading_task task = { fire, NULL };
  OK(threading_pool_create(1, NULL, &pool));
  OK(threading_future_create(&future));
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
    const size_t count = counts[i];
    threading_thread thread = { 7 };
    const threading_thread_options cpus = { .size = sizeof cpus, .cpus = &cpu, .cpu_count = count };
    const threading_thread_options copy = { .size = sizeof copy, .arg_size = count };
    refused("thread_create with cpus", threading_thread_create(set_flag, NULL, &cpus, &thread));
    refused("thread_create with a copy", threading_thread_create(set_flag, &cpu, &copy, &thread));
    EQ(thread.id, 7);
    refused("set_affinity", threading_thread_set_affinity(threading_current_thread(), &cpu, count));
    refused("pool_map", threading_pool_map(pool, set_flag, &arg, count, NULL, 0));
    refused("pool_map with results", threading_pool_map(pool, set_flag, &arg, count, &result, 0));
    refused("parallel_invoke", threading_parallel_invoke(pool, &task, count));
    refused("futures_wait", threading_futures_wait(&future, count, THREADING_ALL_COMPLETED, 0, NULL));
    refused("parallel_reduce", threading_parallel_reduce(pool, 0, 9, 1, &cpu, count, fold_nothing,
                                                         combine_nothing, NULL, &result));
  }
  OK(threading_future_destroy(future));
  OK(threading_pool_destroy(pool));
}

static void stop_the_loop(int64_t begin, int64_t end, void *arg) {
  atomic_fetch_add((atomic_int *)arg, 1);
  CHECK(begin < end);
  OK(threading_fail(1, ""));
}

TEST(fault_S6_ranges_as_long_as_their_type) {
  threading_pool pool;
  atomic_int pieces = 0;
  atomic_llong counted = 0;
  OK(threading_pool_create(2, NULL, &pool));
  IS(threading_parallel_for(pool, INT64_MIN, INT64_MAX, 1, stop_the_loop, &pieces), THREADING_FAILED);
  IS(threading_parallel_for(pool, INT64_MIN, INT64_MAX, 0, stop_the_loop, &pieces), THREADING_FAILED);
  CHECK(atomic_load(&pieces) >= 2);
  OK(threading_parallel_for(pool, INT64_MIN, -1, INT64_MAX, count_range, &counted));
  EQ(atomic_load(&counted), INT64_MAX);
  OK(threading_parallel_for(pool, INT64_MAX, INT64_MIN, 1, stop_the_loop, &pieces));
  OK(threading_pool_destroy(pool));
}

TEST(fault_S6_numbers_at_the_ends_of_their_types) {
  threading_semaphore semaphore;
  threading_queue queue;
  threading_thread thread = { 7 }, all[4];
  size_t count = 0;
  char *name = at_the_edge(16);
  OK(threading_semaphore_create(THREADING_COUNT_MAX - 1, &semaphore));
  IS(threading_semaphore_release(semaphore, INT64_MAX), THREADING_E_OVERFLOW);
  IS(threading_semaphore_release(semaphore, 2), THREADING_E_OVERFLOW);
  EQ(threading_semaphore_value(semaphore), THREADING_COUNT_MAX - 1);
  OK(threading_semaphore_destroy(semaphore));
  OK(threading_queue_create(THREADING_FIFO, INT64_MAX, NULL, &queue));
  OK(threading_queue_put(queue, NULL, 0));
  OK(threading_queue_destroy(queue));
  const threading_thread_options copy = { .size = sizeof copy, .arg_size = SIZE_MAX - 15 };
  refused("thread_create with a copy", threading_thread_create(set_flag, name, &copy, &thread));
  EQ(thread.id, 7);
  // More room than there can be: only what there is to tell is written.
  OK(threading_enumerate(all, SIZE_MAX, &count));
  EQ(count, 1);
  OK(threading_thread_name(threading_main_thread(), name, SIZE_MAX, NULL));
  STR_EQ(name, "MainThread");
}
