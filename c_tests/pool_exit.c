// Pools and the end of the process: what is queued is finished, daemon pools keep nobody, threading_shutdown.
#include "child.h"
#include "pool.h"

static void say_one(void *arg) {
  (void)arg;
  say("1");
}

static void expect(const char *scenario, int code, const char *output) {
  char text[4096];
  EQ(child_exec(scenario, text, sizeof text), code);
  STR_EQ(text, output);
}

static const char twenty[] = "11111111111111111111";

static threading_pool queue_twenty(int32_t daemon) {
  const threading_pool_options options = { .size = sizeof options, .daemon = daemon };
  threading_pool pool;
  OK(threading_pool_create(1, &options, &pool));
  static gate gate;
  make_gate(&gate);
  threading_future held;
  hold_workers(pool, &gate, 1, &held);
  for (int i = 0; i < 20; i++) OK(threading_pool_execute(pool, say_one, NULL));
  open_gate(&gate);
  return pool;
}

SCENARIO(main_returns) { queue_twenty(THREADING_NON_DAEMON); }
TEST(the_process_finishes_what_is_queued) { expect("main_returns", 0, twenty); }

SCENARIO(main_exits_with_3) {
  queue_twenty(THREADING_NON_DAEMON);
  exit(3);
}
TEST(the_exit_status_is_that_of_exit) { expect("main_exits_with_3", 3, twenty); }

SCENARIO(main_destroys_and_returns) { OK(threading_pool_destroy(queue_twenty(THREADING_NON_DAEMON))); }
TEST(also_what_was_queued_in_a_pool_that_is_destroyed) { expect("main_destroys_and_returns", 0, twenty); }

SCENARIO(main_shuts_down_and_returns) {
  OK(threading_pool_shutdown(queue_twenty(THREADING_NON_DAEMON), 0, 0));
}
TEST(also_what_was_queued_in_a_pool_that_is_shut_down) { expect("main_shuts_down_and_returns", 0, twenty); }

SCENARIO(main_uses_the_default_pool_and_returns) {
  for (int i = 0; i < 20; i++) OK(threading_pool_execute(threading_default_pool(), say_one, NULL));
}
TEST(the_default_pool_finishes_too) { expect("main_uses_the_default_pool_and_returns", 0, twenty); }

static threading_pool chained;

static void say_and_queue(void *arg) {
  const intptr_t left = (intptr_t)arg;
  say("1");
  if (left > 1) OK(threading_pool_execute(chained, say_and_queue, (void *)(left - 1)));
}

SCENARIO(tasks_queue_tasks_at_the_end) {
  chained = make_pool(2);
  OK(threading_pool_execute(chained, say_and_queue, (void *)20));
}
TEST(tasks_may_queue_tasks_while_the_process_ends) { expect("tasks_queue_tasks_at_the_end", 0, twenty); }

static void *stand_for_ever(void *arg) {
  atomic_store((_Atomic int *)arg, 1);
  threading_sleep(THREADING_FOREVER);
  return arg;
}

SCENARIO(a_daemon_pool_stands) {
  const threading_pool_options options = { .size = sizeof options, .daemon = THREADING_DAEMON };
  static _Atomic int stands;
  threading_pool pool;
  OK(threading_pool_create(1, &options, &pool));
  submit(pool, stand_for_ever, (void *)&stands);
  WAIT_UNTIL(atomic_load(&stands));
  OK(threading_pool_execute(pool, say_one, NULL));
  say("end");
}
TEST(a_daemon_pool_does_not_keep_the_process) { expect("a_daemon_pool_stands", 0, "end"); }

static void say_callback(void *arg) {
  say(arg);
}

SCENARIO(exit_callbacks_come_after_the_tasks) {
  OK(threading_at_exit(say_callback, "after", NULL));
  queue_twenty(THREADING_NON_DAEMON);
}
TEST(tasks_are_finished_before_exit_callbacks_run) {
  expect("exit_callbacks_come_after_the_tasks", 0, "11111111111111111111after");
}

static void *exit_from_task(void *arg) {
  say("task");
  exit((int)(intptr_t)arg);
}

SCENARIO(a_task_exits) {
  const threading_pool pool = make_pool(2);
  submit(pool, exit_from_task, (void *)5);
  threading_sleep(THREADING_FOREVER);
}
TEST(a_task_may_end_the_process) { expect("a_task_exits", 5, "task"); }

SCENARIO(shutdown_in_main) {
  queue_twenty(THREADING_NON_DAEMON);
  OK(threading_shutdown(THREADING_FOREVER));
  say("end");
}
TEST(threading_shutdown_finishes_what_is_queued) {
  expect("shutdown_in_main", 0, "11111111111111111111end");
}

SCENARIO(shutdown_times_out) {
  const threading_pool pool = make_pool(1);
  gate gate;
  make_gate(&gate);
  threading_future held;
  hold_workers(pool, &gate, 1, &held);
  IS(threading_shutdown(0), THREADING_TIMEOUT);
  IS(threading_shutdown(THREADING_MILLISECONDS(2)), THREADING_TIMEOUT);
  release_workers(&gate, 1, &held);
  OK(threading_shutdown(THREADING_FOREVER));
  // After it the pool works on.
  for (int i = 0; i < 20; i++) OK(threading_pool_execute(pool, say_one, NULL));
}
TEST(threading_shutdown_times_out) { expect("shutdown_times_out", 0, twenty); }

static void *queue_in_a_hurry(void *arg) {
  const threading_pool pool = *(threading_pool *)arg;
  while (threading_pool_execute(pool, nothing, NULL) == THREADING_OK) {}
  return NULL;
}

SCENARIO(exit_amid_submits) {
  static threading_pool pool;
  pool = make_pool(2);
  const threading_thread_options options = { .size = sizeof options, .daemon = THREADING_DAEMON };
  threading_thread thread;
  OK(threading_thread_spawn(queue_in_a_hurry, &pool, &options, &thread));
  WAIT_UNTIL(stats_of(pool).done > 1000);
  OK(threading_pool_shutdown(pool, 0, 0));
}
TEST(the_process_ends_amid_submits) { expect("exit_amid_submits", 0, ""); }
