// What a thread is given by the system: priority, scheduler, affinity, stack size.
#include "child.h"

#include <sched.h>
#include <sys/syscall.h>

// A target that shows what it runs with and stays until it is let go.
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

static threading_thread held(stage *at) {
  threading_thread thread;
  OK(threading_thread_create(hold, at, NULL, &thread));
  return thread;
}

static void start_held(threading_thread thread, stage *at) {
  OK(threading_thread_start(thread));
  WAIT_UNTIL(atomic_load(&at->running));
}

static void end_held(threading_thread thread, stage *at) {
  atomic_store(&at->open, true);
  finish_thread(thread);
}

static id_t task_of(threading_thread thread) {
  uint64_t id;
  OK(threading_thread_native_id(thread, &id));
  return (id_t)id;
}

static int nice_of(threading_thread thread) {
  return getpriority(PRIO_PROCESS, task_of(thread));
}

static int32_t priority_of(threading_thread thread) {
  int32_t nice = 1000;
  OK(threading_thread_priority(thread, &nice));
  return nice;
}

// A nice value that everybody may take from here: `steps` nicer, and not 0, which asks for nothing.
static int32_t nicer_by(int32_t steps) {
  int32_t nice = getpriority(PRIO_PROCESS, 0) + steps;
  if (nice >= 19) SKIP("this process already runs at the lowest priority");
  return nice == 0 ? 1 : nice;
}

// Whether this process may do what `attempt` (nice or scheduler) asks of the system, tried in a child.
static void try_nice(void *arg) { _exit(setpriority(PRIO_PROCESS, 0, *(int *)arg) == 0 ? 0 : 3); }

static void try_fifo(void *arg) {
  struct sched_param parameter = { .sched_priority = *(int *)arg };
  _exit(sched_setscheduler(0, SCHED_FIFO, &parameter) == 0 ? 0 : 3);
}

static bool allowed(void (*attempt)(void *), int value) { return child_fork(attempt, &value, NULL, 0) == 0; }

// ---- Priority ----

TEST(priority_is_the_creators_by_default) {
  stage at = { false, false };
  threading_thread thread = held(&at);
  start_held(thread, &at);
  EQ(nice_of(thread), getpriority(PRIO_PROCESS, 0));
  EQ(priority_of(thread), getpriority(PRIO_PROCESS, 0));
  EQ(priority_of(threading_main_thread()), getpriority(PRIO_PROCESS, 0));
  end_held(thread, &at);
}

TEST(priority_given_at_creation) {
  stage at = { false, false };
  const int base = getpriority(PRIO_PROCESS, 0);
  threading_thread_options options = { .size = sizeof options, .priority = nicer_by(3) };
  threading_thread thread;
  OK(threading_thread_create(hold, &at, &options, &thread));
  EQ(priority_of(thread), options.priority);
  start_held(thread, &at);
  EQ(nice_of(thread), options.priority);
  EQ(getpriority(PRIO_PROCESS, 0), base);
  end_held(thread, &at);
}

TEST(priority_set_before_start_is_kept_and_applied) {
  stage at = { false, false };
  threading_thread thread = held(&at);
  OK(threading_thread_set_priority(thread, nicer_by(2)));
  EQ(priority_of(thread), nicer_by(2));
  OK(threading_setpriority(thread.id, nicer_by(4)));
  EQ(priority_of(thread), nicer_by(4));
  start_held(thread, &at);
  EQ(nice_of(thread), nicer_by(4));
  end_held(thread, &at);
}

TEST(priority_set_while_running) {
  stage at = { false, false };
  threading_thread thread = held(&at);
  start_held(thread, &at);
  OK(threading_thread_set_priority(thread, nicer_by(2)));
  EQ(nice_of(thread), nicer_by(2));
  EQ(priority_of(thread), nicer_by(2));
  OK(threading_setpriority(thread.id, nicer_by(3)));
  EQ(nice_of(thread), nicer_by(3));
  end_held(thread, &at);
}

TEST(priority_after_the_end_and_of_nobody) {
  stage at = { true, false };
  threading_thread thread = held(&at);
  start_held(thread, &at);
  OK(threading_thread_join(thread, THREADING_FOREVER));
  IS(threading_thread_set_priority(thread, nicer_by(2)), THREADING_E_STATE);
  IS(threading_setpriority(thread.id, nicer_by(2)), THREADING_E_STATE);
  OK(threading_thread_destroy(thread));
  IS(threading_setpriority(thread.id, nicer_by(2)), THREADING_E_INVALID);
  IS(threading_setpriority(0, nicer_by(2)), THREADING_E_INVALID);
  IS(threading_setpriority(UINT64_MAX, nicer_by(2)), THREADING_E_INVALID);
}

static void *check_inherited(void *arg) {
  stage at = { false, false };
  threading_thread thread = held(&at);
  start_held(thread, &at);
  EQ(nice_of(thread), *(int32_t *)arg);
  end_held(thread, &at);
  return NULL;
}

TEST(priority_is_inherited_from_a_thread_with_its_own) {
  int32_t nice = nicer_by(5);
  const threading_thread_options options = { .size = sizeof options, .priority = nice };
  threading_thread thread;
  OK(threading_thread_spawn(check_inherited, &nice, &options, &thread));
  finish_thread(thread);
}

TEST(fault_B36_priority_outside_nice_is_refused) {
  const int32_t bad[] = { -21, 20, INT32_MIN, INT32_MAX };
  stage at = { false, false };
  threading_thread thread = held(&at);
  for (int i = 0; i < 4; i++) {
    threading_thread_options options = { .size = sizeof options, .priority = bad[i] };
    threading_thread out = { 7 };
    IS(threading_thread_create(hold, &at, &options, &out), THREADING_E_INVALID);
    EQ(out.id, 7);
    IS(threading_thread_set_priority(thread, bad[i]), THREADING_E_INVALID);
    IS(threading_setpriority(thread.id, bad[i]), THREADING_E_INVALID);
  }
  start_held(thread, &at);
  EQ(nice_of(thread), getpriority(PRIO_PROCESS, 0));
  IS(threading_thread_set_priority(thread, 20), THREADING_E_INVALID);
  end_held(thread, &at);
}

TEST(a_higher_priority_where_it_is_allowed) {
  if (!allowed(try_nice, -20)) SKIP("this process may not raise a priority");
  stage at = { false, false };
  threading_thread thread = held(&at);
  OK(threading_thread_set_priority(thread, -10));
  start_held(thread, &at);
  EQ(nice_of(thread), -10);
  OK(threading_thread_set_priority(thread, -20));
  EQ(nice_of(thread), -20);
  end_held(thread, &at);
}

SCENARIO(unprivileged_priority) {
  child_drop_privileges();
  stage at = { false, false };
  const int base = getpriority(PRIO_PROCESS, 0), refused = base - 1 == 0 ? -1 : base - 1;
  threading_thread thread = held(&at);
  OK(threading_thread_set_priority(thread, refused));
  for (int i = 0; i < 2; i++) {
    IS(threading_thread_start(thread), THREADING_E_PERMISSION);
    EQ(threading_thread_is_alive(thread), 0);
    EQ(threading_active_count(), 1);
    IS(threading_thread_join(thread, 0), THREADING_E_STATE);
  }
  CHECK(!atomic_load(&at.running));
  OK(threading_thread_set_priority(thread, base == 0 ? 1 : base));
  start_held(thread, &at);
  const int before = nice_of(thread);
  IS(threading_thread_set_priority(thread, refused), THREADING_E_PERMISSION);
  IS(threading_setpriority(thread.id, refused), THREADING_E_PERMISSION);
  EQ(nice_of(thread), before);
  end_held(thread, &at);

  const threading_thread_options options = { .size = sizeof options, .priority = refused };
  threading_thread out = { 7 };
  IS(threading_thread_spawn(hold, &at, &options, &out), THREADING_E_PERMISSION);
  EQ(out.id, 7);
}

TEST(fault_B36_a_refused_priority_leaves_the_thread_unstarted) {
  if (getpriority(PRIO_PROCESS, 0) <= -20) SKIP("there is no higher priority than that of this process");
  EQ(child_exec("unprivileged_priority", NULL, 0), 0);
}

// ---- Scheduler ----

static int system_policy_of(threading_thread thread) {
  return sched_getscheduler((pid_t)task_of(thread)) & ~SCHED_RESET_ON_FORK;
}

static void check_scheduler(threading_thread thread, int32_t policy, int32_t priority) {
  int32_t got_policy = -1, got_priority = -1;
  OK(threading_thread_scheduler(thread, &got_policy, &got_priority));
  EQ(got_policy, policy);
  EQ(got_priority, priority);
}

TEST(scheduler_before_start_and_while_running) {
  stage at = { false, false };
  threading_thread thread = held(&at);
  check_scheduler(thread, THREADING_SCHED_OTHER, 0);
  OK(threading_thread_set_scheduler(thread, THREADING_SCHED_BATCH, 0));
  check_scheduler(thread, THREADING_SCHED_BATCH, 0);
  start_held(thread, &at);
  EQ(system_policy_of(thread), SCHED_BATCH);
  check_scheduler(thread, THREADING_SCHED_BATCH, 0);
  OK(threading_thread_set_scheduler(thread, THREADING_SCHED_OTHER, 0));
  EQ(system_policy_of(thread), SCHED_OTHER);
  OK(threading_thread_set_scheduler(thread, THREADING_SCHED_IDLE, 0));
  EQ(system_policy_of(thread), SCHED_IDLE);
  check_scheduler(thread, THREADING_SCHED_IDLE, 0);
  atomic_store(&at.open, true);
  OK(threading_thread_join(thread, THREADING_FOREVER));
  IS(threading_thread_set_scheduler(thread, THREADING_SCHED_OTHER, 0), THREADING_E_STATE);
  OK(threading_thread_destroy(thread));
  EQ(sched_getscheduler(0), SCHED_OTHER);
}

TEST(scheduler_refuses_what_is_no_policy_or_priority) {
  static const int32_t bad[][2] = {
    { -1, 0 },
    { 5, 0 },
    { THREADING_SCHED_OTHER, 1 },
    { THREADING_SCHED_BATCH, -1 },
    { THREADING_SCHED_FIFO, 0 },
    { THREADING_SCHED_FIFO, 100 },
    { THREADING_SCHED_RR, -1 },
  };
  stage at = { false, false };
  threading_thread thread = held(&at);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    IS(threading_thread_set_scheduler(thread, bad[i][0], bad[i][1]), THREADING_E_INVALID);
  }
  check_scheduler(thread, THREADING_SCHED_OTHER, 0);
  start_held(thread, &at);
  IS(threading_thread_set_scheduler(thread, 5, 0), THREADING_E_INVALID);
  end_held(thread, &at);
}

TEST(realtime_scheduler_where_it_is_allowed) {
  if (!allowed(try_fifo, 2)) SKIP("this process may not use the real-time schedulers");
  stage at = { false, false };
  threading_thread thread = held(&at);
  OK(threading_thread_set_scheduler(thread, THREADING_SCHED_FIFO, 2));
  start_held(thread, &at);
  EQ(system_policy_of(thread), SCHED_FIFO);
  OK(threading_thread_set_scheduler(thread, THREADING_SCHED_RR, 1));
  EQ(system_policy_of(thread), SCHED_RR);
  check_scheduler(thread, THREADING_SCHED_RR, 1);
  end_held(thread, &at);
}

SCENARIO(unprivileged_scheduler) {
  child_drop_privileges();
  stage at = { false, false };
  threading_thread thread = held(&at);
  OK(threading_thread_set_scheduler(thread, THREADING_SCHED_FIFO, 1));
  IS(threading_thread_start(thread), THREADING_E_PERMISSION);
  EQ(threading_thread_is_alive(thread), 0);
  CHECK(!atomic_load(&at.running));
  OK(threading_thread_set_scheduler(thread, THREADING_SCHED_OTHER, 0));
  start_held(thread, &at);
  IS(threading_thread_set_scheduler(thread, THREADING_SCHED_RR, 1), THREADING_E_PERMISSION);
  EQ(system_policy_of(thread), SCHED_OTHER);
  end_held(thread, &at);
}

TEST(fault_B36_a_refused_scheduler_leaves_the_thread_unstarted) {
  EQ(child_exec("unprivileged_scheduler", NULL, 0), 0);
}

// ---- Affinity ----

static uint32_t allowed_cpu(bool last) {
  cpu_set_t set;
  CHECK(sched_getaffinity(0, sizeof set, &set) == 0);
  uint32_t found = 0;
  for (uint32_t cpu = CPU_SETSIZE; cpu-- > 0;) {
    if (!CPU_ISSET(cpu, &set)) continue;
    found = cpu;
    if (last) break;
  }
  return found;
}

static bool runs_only_on(threading_thread thread, uint32_t cpu) {
  cpu_set_t set;
  CHECK(sched_getaffinity((pid_t)task_of(thread), sizeof set, &set) == 0);
  return CPU_COUNT(&set) == 1 && CPU_ISSET(cpu, &set);
}

TEST(affinity_given_at_creation_and_changed) {
  stage at = { false, false };
  const uint32_t first = allowed_cpu(false), last = allowed_cpu(true);
  const threading_thread_options options = { .size = sizeof options, .cpus = &last, .cpu_count = 1 };
  threading_thread thread;
  uint32_t cpus[4] = { 99, 99, 99, 99 };
  size_t count = 0;
  OK(threading_thread_create(hold, &at, &options, &thread));
  OK(threading_thread_affinity(thread, cpus, 4, &count));
  CHECK(count == 1 && cpus[0] == last && cpus[1] == 99);
  start_held(thread, &at);
  CHECK(runs_only_on(thread, last));
  OK(threading_thread_set_affinity(thread, &first, 1));
  CHECK(runs_only_on(thread, first));
  OK(threading_thread_affinity(thread, cpus, 4, &count));
  CHECK(count == 1 && cpus[0] == first && cpus[1] == 99);
  atomic_store(&at.open, true);
  OK(threading_thread_join(thread, THREADING_FOREVER));
  IS(threading_thread_set_affinity(thread, &first, 1), THREADING_E_STATE);
  OK(threading_thread_destroy(thread));
}

TEST(affinity_set_before_start) {
  stage at = { false, false };
  const uint32_t cpu = allowed_cpu(true);
  threading_thread thread = held(&at);
  OK(threading_thread_set_affinity(thread, &cpu, 1));
  start_held(thread, &at);
  CHECK(runs_only_on(thread, cpu));
  end_held(thread, &at);
}

TEST(affinity_counts_all_and_fills_what_fits) {
  cpu_set_t set;
  uint32_t cpus[2] = { 4711, 4711 };
  size_t count = 0;
  CHECK(sched_getaffinity(0, sizeof set, &set) == 0);
  OK(threading_thread_affinity(threading_main_thread(), NULL, 0, &count));
  EQ(count, CPU_COUNT(&set));
  count = 0;
  OK(threading_thread_affinity(threading_main_thread(), cpus, 1, &count));
  EQ(count, CPU_COUNT(&set));
  EQ(cpus[0], allowed_cpu(false));
  EQ(cpus[1], 4711);
  IS(threading_thread_affinity(threading_main_thread(), cpus, 1, NULL), THREADING_E_INVALID);
  IS(threading_thread_affinity(threading_main_thread(), NULL, 1, &count), THREADING_E_INVALID);
}

TEST(affinity_refuses_an_empty_set_and_a_cpu_that_cannot_be) {
  stage at = { false, false };
  const uint32_t none = UINT32_MAX;
  threading_thread thread = held(&at);
  IS(threading_thread_set_affinity(thread, &none, 0), THREADING_E_INVALID);
  IS(threading_thread_set_affinity(thread, NULL, 1), THREADING_E_INVALID);
  IS(threading_thread_set_affinity(thread, &none, 1), THREADING_E_INVALID);
  const threading_thread_options options = { .size = sizeof options, .cpus = NULL, .cpu_count = 1 };
  threading_thread out = { 7 };
  IS(threading_thread_create(hold, &at, &options, &out), THREADING_E_INVALID);
  EQ(out.id, 7);
  start_held(thread, &at);
  IS(threading_thread_set_affinity(thread, &none, 1), THREADING_E_INVALID);
  end_held(thread, &at);
}

// ---- Stack size ----

// The size of the running thread's stack, its guard included.
static void *measure_stack(void *arg) {
  pthread_attr_t attributes;
  void *lowest;
  size_t size, guard;
  CHECK(pthread_getattr_np(pthread_self(), &attributes) == 0);
  CHECK(pthread_attr_getstack(&attributes, &lowest, &size) == 0);
  CHECK(pthread_attr_getguardsize(&attributes, &guard) == 0);
  pthread_attr_destroy(&attributes);
  *(size_t *)arg = size + guard;
  return NULL;
}

static size_t stack_with(size_t wish) {
  const threading_thread_options options = { .size = sizeof options, .stack_size = wish };
  threading_thread thread;
  size_t size = 0;
  OK(threading_thread_spawn(measure_stack, &size, &options, &thread));
  finish_thread(thread);
  return size;
}

// Each case has a process of its own, so no stack of an ended thread with another size is taken again.
static void check_stack(size_t got, size_t wanted) {
  CHECK(got >= wanted && got < wanted + 512 * 1024);
}

TEST(stack_size_of_one_thread) { check_stack(stack_with(3 << 20), 3 << 20); }
TEST(stack_size_that_is_no_multiple_of_a_page) { check_stack(stack_with((1 << 20) + 1), (1 << 20) + 1); }
TEST(smallest_stack_size) { check_stack(stack_with(32 * 1024), 32 * 1024); }

TEST(stack_size_for_all_threads) {
  size_t previous = 1;
  OK(threading_stack_size(5 << 20, &previous));
  EQ(previous, 0);
  check_stack(stack_with(0), 5 << 20);
  OK(threading_stack_size(0, &previous));
  EQ(previous, 5 << 20);
  OK(threading_stack_size(0, NULL));
}

TEST(stack_sizes_that_are_refused) {
  const size_t bad[] = { 1, 4096, 32 * 1024 - 1 };
  size_t previous = 0;
  OK(threading_stack_size(1 << 20, NULL));
  for (int i = 0; i < 3; i++) {
    const threading_thread_options options = { .size = sizeof options, .stack_size = bad[i] };
    threading_thread out = { 7 };
    IS(threading_thread_create(measure_stack, &previous, &options, &out), THREADING_E_INVALID);
    EQ(out.id, 7);
    IS(threading_stack_size(bad[i], &previous), THREADING_E_INVALID);
    EQ(previous, 0);
  }
  OK(threading_stack_size(0, &previous));
  EQ(previous, 1 << 20);
}
