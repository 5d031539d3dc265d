// Pools, futures and groups in a forked child: nothing hangs, what stayed in the parent says so, pools
// begin anew.
#include "child.h"
#include "pool.h"

#include <sys/mman.h>

static threading_pool pool;
static threading_future pending, running, done, failed, cancelled, promise;
static threading_group group;
static gate held_gate;

static void *stand_in_held_gate(void *arg) {
  stand_in_gate(&held_gate);
  return arg;
}

static void set_up(void) {
  pool = make_pool(1);
  done = submit(pool, give_back, &pool);
  failed = submit(pool, fail_with_7, NULL);
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  make_gate(&held_gate);
  running = submit(pool, stand_in_held_gate, NULL);
  WAIT_UNTIL(atomic_load(&held_gate.inside) == 1);
  pending = submit(pool, give_back, NULL);
  cancelled = submit(pool, give_back, NULL);
  OK(threading_future_cancel(cancelled));
  OK(threading_future_create(&promise));
  OK(threading_group_create(pool, &group));
  OK(threading_group_submit(group, give_back, NULL));
}

// What the parent had goes on as if nothing had been.
static void tear_down(void) {
  OK(threading_event_set(held_gate.open));
  result_of(running);
  result_of(pending);
  CHECK(result_of(done) == &pool);
  OK(threading_group_wait(group, THREADING_FOREVER));
  OK(threading_group_destroy(group));
  finish_pool(pool);
}

static void in_child(void (*body)(void *)) {
  skip_on_the_portable_backend();
  set_up();
  EQ(child_fork(body, NULL, NULL, 0), 0);
  tear_down();
}

static void ask_futures(void *arg) {
  void *result = arg;
  IS(threading_future_result(pending, THREADING_FOREVER, &result), THREADING_E_FORKED);
  IS(threading_future_result(running, THREADING_FOREVER, &result), THREADING_E_FORKED);
  IS(threading_future_result(pending, 0, &result), THREADING_E_FORKED);
  int32_t code = 77;
  IS(threading_future_failure(running, THREADING_FOREVER, &code, NULL, 0, NULL), THREADING_E_FORKED);
  IS(threading_future_cancel(pending), THREADING_E_FORKED);
  OK(threading_future_result(done, THREADING_FOREVER, &result));
  CHECK(result == &pool);
  FAILURE_IS(failed, 7, "seven");
  IS(threading_future_result(cancelled, THREADING_FOREVER, &result), THREADING_CANCELLED);
  EQ(threading_future_done(done), 1);
  OK(threading_future_destroy(pending));
  OK(threading_future_destroy(running));
  OK(threading_future_destroy(done));
  IS(threading_future_result(pending, 0, &result), THREADING_E_HANDLE);
}

TEST(fault_E6_futures_of_the_parent) { in_child(ask_futures); }

static void wait_for_several(void *arg) {
  const threading_future all[] = { done, pending }, both[] = { pending, running };
  const threading_future good[] = { done, cancelled };
  int32_t flags[2] = { 7, 7 };
  (void)arg;
  IS(threading_futures_wait(all, 2, THREADING_ALL_COMPLETED, THREADING_FOREVER, NULL), THREADING_E_FORKED);
  IS(threading_futures_wait(both, 2, THREADING_FIRST_COMPLETED, THREADING_FOREVER, NULL), THREADING_E_FORKED);
  OK(threading_futures_wait(good, 2, THREADING_ALL_COMPLETED, THREADING_FOREVER, flags));
  EQ(flags[0], 1);
  EQ(flags[1], 1);
}

TEST(several_futures_of_the_parent) { in_child(wait_for_several); }

static void keep_a_promise(void *arg) {
  int here;
  void *result;
  IS(threading_future_result(promise, 0, &result), THREADING_TIMEOUT);
  OK(threading_future_set_running_or_notify_cancel(promise));
  OK(threading_future_set_result(promise, &here));
  OK(threading_future_result(promise, THREADING_FOREVER, &result));
  CHECK(result == &here && arg == NULL);
}

TEST(a_promise_is_kept_by_whoever_keeps_it) { in_child(keep_a_promise); }

static void use_pool(void *arg) {
  int here;
  _Atomic int64_t count = 0;
  EQ(stats_of(pool).workers, 0);
  EQ(stats_of(pool).queued, 0);
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  CHECK(result_of(submit(pool, give_back, &here)) == &here && arg == NULL);
  for (int i = 0; i < 1000; i++) OK(threading_pool_execute(pool, count_up, (void *)&count));
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  EQ(atomic_load(&count), 1000);
  finish_pool(pool);
  const threading_pool other = make_pool(2);
  CHECK(result_of(submit(other, give_back, &here)) == &here);
  finish_pool(other);
  CHECK(result_of(submit(threading_default_pool(), give_back, &here)) == &here);
}

TEST(fault_E5_the_pool_begins_anew) { in_child(use_pool); }

static void end_pool(void *arg) {
  (void)arg;
  OK(threading_pool_shutdown(pool, 1, 1));
  IS(threading_pool_execute(pool, nothing, NULL), THREADING_CLOSED);
  OK(threading_pool_destroy(pool));
}

TEST(the_pool_is_ended_in_the_child_only) { in_child(end_pool); }

static void ask_group(void *arg) {
  (void)arg;
  IS(threading_group_wait(group, THREADING_FOREVER), THREADING_E_FORKED);
  OK(threading_group_destroy(group));
  OK(threading_group_create(pool, &group));
  OK(threading_group_submit(group, give_back, NULL));
  OK(threading_group_wait(group, THREADING_FOREVER));
  OK(threading_group_destroy(group));
}

TEST(a_group_of_the_parent) { in_child(ask_group); }

static void fork_again(void *arg) {
  use_pool(arg);
  pool = make_pool(1);
  result_of(submit(pool, give_back, NULL));
  EQ(child_fork(use_pool, NULL, NULL, 0), 0);
}

TEST(the_child_forks_again) { in_child(fork_again); }

static void end_by_exit(void *arg) {
  (void)arg;
  exit(4);
}

TEST(the_child_exits_without_waiting_for_what_is_not_there) {
  skip_on_the_portable_backend();
  set_up();
  EQ(child_fork(end_by_exit, NULL, NULL, 0), 4);
  tear_down();
}

// ---- Forks in tasks ----

static void *fork_in_task_and_exit(void *arg) {
  EQ(child_fork(end_by_exit, NULL, NULL, 0), 4);
  return arg;
}

static void use_pool_in_forked_task(void *arg) {
  int here;
  EQ(threading_active_count(), 1);
  CHECK(result_of(submit(pool, give_back, &here)) == &here && arg == NULL);
  finish_pool(pool);
}

static void *fork_in_task_and_use_its_pool(void *arg) {
  EQ(child_fork(use_pool_in_forked_task, NULL, NULL, 0), 0);
  return arg;
}

TEST(a_task_forks) {
  skip_on_the_portable_backend();
  pool = make_pool(2);
  result_of(submit(pool, fork_in_task_and_use_its_pool, NULL));
  result_of(submit(pool, fork_in_task_and_exit, NULL));
  result_of(submit(pool, give_back, NULL));
  finish_pool(pool);
}

static _Atomic pid_t forked;

// Parent and child both return from the task.
static void *fork_and_return(void *arg) {
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child > 0) atomic_store(&forked, child);
  return arg;
}

TEST(the_child_returns_from_the_task) {
  skip_on_the_portable_backend();
  pool = make_pool(2);
  result_of(submit(pool, fork_and_return, NULL));
  const pid_t child = atomic_load(&forked);
  int status;
  EQ(waitpid(child, &status, 0), child);
  CHECK(WIFEXITED(status));
  EQ(WEXITSTATUS(status), 0);
  result_of(submit(pool, give_back, NULL));
  finish_pool(pool);
}

static void fork_in_body(int64_t begin, int64_t end, void *arg) {
  (void)end;
  if (begin == 0) EQ(child_fork(use_pool_in_forked_task, NULL, NULL, 0), 0);
  CHECK(arg == NULL);
}

TEST(a_loop_body_forks) {
  skip_on_the_portable_backend();
  pool = make_pool(2);
  OK(threading_parallel_for(pool, 0, 100, 1, fork_in_body, NULL));
  finish_pool(pool);
}

// ---- A fork while somebody is at the text of a failure ----

static char *page;
static atomic_bool stands;
static int go_on[2];  // a pipe

// The reader stands in the middle of its copy for as long as the page is not there.
static void stand_in_copy(int signal) {
  char byte = (char)signal;
  atomic_store(&stands, true);
  CHECK(read(go_on[0], &byte, 1) == 1);
  CHECK(mprotect(page, 4096, PROT_READ | PROT_WRITE) == 0);
}

static void *read_text(void *arg) {
  int32_t code;
  OK(threading_future_failure(promise, THREADING_FOREVER, &code, page, 4096, NULL));
  EQ(code, 7);
  STR_EQ(page, "seven");
  return arg;
}

static void use_failures(void *arg) {
  void *result = arg;
  FAILURE_IS(promise, 7, "seven");
  threading_future other;
  OK(threading_future_create(&other));
  OK(threading_future_set_failure(other, 8, "eight"));
  IS(threading_future_result(other, THREADING_FOREVER, &result), THREADING_FAILED);
  LAST_FAILURE_IS(8, "eight");
  OK(threading_future_destroy(other));
  OK(threading_future_destroy(promise));
}

TEST(a_thread_reads_the_text_of_a_failure) {
  skip_on_the_portable_backend();
  CHECK(pipe(go_on) == 0);
  const struct sigaction stand = { .sa_handler = stand_in_copy };
  CHECK(sigaction(SIGSEGV, &stand, NULL) == 0);
  page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(page != MAP_FAILED);
  OK(threading_future_create(&promise));
  OK(threading_future_set_failure(promise, 7, "seven"));
  const threading_thread reader = spawn_thread(read_text, NULL);
  WAIT_UNTIL(atomic_load(&stands));
  EQ(child_fork(use_failures, NULL, NULL, 0), 0);
  CHECK(write(go_on[1], "", 1) == 1);
  finish_thread(reader);
  use_failures(NULL);
}

// ---- Forks amid everything ----

static atomic_bool over;

static void *hammer(void *arg) {
  void *args[4] = { NULL };
  while (!atomic_load(&over)) {
    result_of(submit(pool, give_back, arg));
    OK(threading_pool_execute(pool, nothing, NULL));
    OK(threading_pool_map(pool, give_back, args, 4, NULL, THREADING_FOREVER));
    threading_group own;
    OK(threading_group_create(pool, &own));
    OK(threading_group_submit(own, give_back, NULL));
    OK(threading_group_wait(own, THREADING_FOREVER));
    OK(threading_group_destroy(own));
  }
  return arg;
}

TEST(forks_amid_the_calls_of_four_threads) {
  skip_on_the_portable_backend();
  pool = make_pool(2);
  threading_thread threads[4];
  for (int i = 0; i < 4; i++) threads[i] = spawn_thread(hammer, NULL);
  const int64_t end = NOW_NS() + THREADING_SECONDS(3);
  for (int64_t i = 0; i < share(150) && NOW_NS() < end; i++)
    EQ(child_fork(use_pool_in_forked_task, NULL, NULL, 0), 0);
  atomic_store(&over, true);
  for (int i = 0; i < 4; i++) finish_thread(threads[i]);
  finish_pool(pool);
}
