// What filters of system calls show (section C of docs/faults.md): that a poll never goes to sleep, that
// nothing waits by the wall clock, which a test cannot set, and that waits end in a sandbox that knows no
// futex.
#include "child.h"
#include "waits.h"

#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF_EQUAL(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (yes), (no))
#define IF_BITS(bits, yes, no) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), (yes), (no))
#define ANSWER(with) BPF_STMT(BPF_RET | BPF_K, (with))

// Puts a filter before all further system calls of this thread, and of the threads that it starts.
static void install(struct sock_filter *rules, size_t count) {
  const struct sock_fprog program = { (unsigned short)count, rules };
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
    SKIP("this system has no filters for system calls");
}

// ---- Polls ----

// From here on whoever sleeps in a futex, or gives the processor away, ends the process.
static void forbid_to_sleep(void) {
  struct sock_filter rules[] = {
    LOAD(nr),
    IF_EQUAL(SYS_sched_yield, 6, 0),
    IF_EQUAL(SYS_futex, 0, 4),
    LOAD(args[1]),
    BPF_STMT(BPF_ALU | BPF_AND | BPF_K, FUTEX_CMD_MASK & 0xff),
    IF_EQUAL(FUTEX_WAIT, 2, 0),
    IF_EQUAL(FUTEX_WAIT_BITSET, 1, 0),
    ANSWER(SECCOMP_RET_ALLOW),
    ANSWER(SECCOMP_RET_KILL_PROCESS),
  };
  install(rules, sizeof rules / sizeof rules[0]);
}

static void *poll_in_every_way(void *arg) {
  for (int i = 0; i < WAITS; i++) IS(waits[i].wait(0), THREADING_TIMEOUT);  // what is made once is made now
  forbid_to_sleep();
  for (int round = 0; round < 100; round++)
    for (int i = 0; i < WAITS; i++) IS(waits[i].wait(0), THREADING_TIMEOUT);
  if (arg != NULL) waits[0].wait(1000);
  _exit(0);
}

SCENARIO(poll) {
  set_up();
  finish_thread(spawn_thread(poll_in_every_way, NULL));
}

SCENARIO(poll_and_wait) {
  set_up();
  finish_thread(spawn_thread(poll_in_every_way, &pool));
}

TEST(fault_C4_a_poll_makes_no_call_that_sleeps) {
  if (is_instrumented()) SKIP("a checker may sleep by itself");
  EQ(child_exec("poll", NULL, 0), 0);
  EQ(child_exec("poll_and_wait", NULL, 0), KILLED_BY(SIGSYS));
}

// ---- The wall clock ----

// From here on whoever sleeps by it, in a futex or in clock_nanosleep(), ends the process.
static void forbid_the_wall_clock(void) {
  struct sock_filter rules[] = {
    LOAD(nr),
    IF_EQUAL(SYS_futex, 0, 2),
    LOAD(args[1]),
    IF_BITS(FUTEX_CLOCK_REALTIME, 4, 3),
    IF_EQUAL(SYS_clock_nanosleep, 0, 2),
    LOAD(args[0]),
    IF_EQUAL(CLOCK_REALTIME, 1, 0),
    ANSWER(SECCOMP_RET_ALLOW),
    ANSWER(SECCOMP_RET_KILL_PROCESS),
  };
  install(rules, sizeof rules / sizeof rules[0]);
}

SCENARIO(sleep_by_the_wall_clock) {
  forbid_the_wall_clock();
  const struct timespec past = { 1, 0 };
  clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &past, NULL);
}

SCENARIO(wait_on_a_futex_by_the_wall_clock) {
  forbid_the_wall_clock();
  const struct timespec past = { 1, 0 };
  int word = 0;
  syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &past, NULL, FUTEX_BITSET_MATCH_ANY);
}

static atomic_bool may_fire;

static void *wait_a_moment(void *arg) {
  const timed *how = arg;
  IS(how->wait(THREADING_MILLISECONDS(2)), THREADING_TIMEOUT);
  return NULL;
}

static void fired(void *arg) { atomic_store((atomic_bool *)arg, true); }

SCENARIO(wait_in_every_way) {
  threading_timer soon;
  forbid_the_wall_clock();
  set_up();
  for (int i = 0; i < WAITS; i++) finish_thread(spawn_thread(wait_a_moment, (void *)(uintptr_t)&waits[i]));
  OK(threading_sleep(THREADING_MILLISECONDS(2)));
  OK(threading_timer_create(THREADING_MILLISECONDS(2), fired, &may_fire, NULL, &soon));
  OK(threading_timer_start(soon));
  OK(threading_timer_join(soon, THREADING_FOREVER));
  CHECK(atomic_load(&may_fire));
  tear_down();
}

TEST(fault_C7_nothing_waits_by_the_wall_clock) {
  EQ(child_exec("sleep_by_the_wall_clock", NULL, 0), KILLED_BY(SIGSYS));
  EQ(child_exec("wait_on_a_futex_by_the_wall_clock", NULL, 0), KILLED_BY(SIGSYS));
  EQ(child_exec("wait_in_every_way", NULL, 0), 0);
}

// ---- No futex ----

// From here on the wait that the library makes answers with this error, in every thread that is started from
// now on too. The C library's locks wait in another way, and end the process when they cannot.
static void forbid_the_futex(unsigned error) {
  struct sock_filter rules[] = {
    LOAD(nr),
    IF_EQUAL(SYS_futex, 0, 3),
    LOAD(args[1]),
    BPF_STMT(BPF_ALU | BPF_AND | BPF_K, FUTEX_CMD_MASK & 0xff),
    IF_EQUAL(FUTEX_WAIT_BITSET, 1, 0),
    ANSWER(SECCOMP_RET_ALLOW),
    ANSWER(SECCOMP_RET_ERRNO | error),
  };
  install(rules, sizeof rules / sizeof rules[0]);
}

typedef struct lone_wait {
  const timed *how;
  atomic_bool waits;
} lone_wait;

static void *wait_without_a_futex(void *arg) {
  lone_wait *own = arg;
  const int64_t began = NOW_NS();
  IS(own->how->wait(THREADING_MILLISECONDS(2)), THREADING_TIMEOUT);
  CHECK(NOW_NS() - began >= THREADING_MILLISECONDS(2));
  atomic_store(&own->waits, true);
  IS(own->how->wait(THREADING_FOREVER), own->how->woken);
  return NULL;
}

// Of each kind, the wait ends when its time has come, and when it is woken.
static void wait_in_a_sandbox(unsigned error) {
  forbid_the_futex(error);
  set_up();
  for (int i = 0; i < WAITS; i++) {
    lone_wait wait = { &waits[i], false };
    const threading_thread waiter = spawn_thread(wait_without_a_futex, &wait);
    WAIT_UNTIL(atomic_load(&wait.waits));
    for (int j = 0; j < 100; j++) threading_yield();
    waits[i].wake();
    finish_thread(waiter);
    waits[i].rest();
  }
  tear_down();
}

SCENARIO(wait_where_the_futex_is_unknown) { wait_in_a_sandbox(ENOSYS); }
SCENARIO(wait_where_the_futex_is_forbidden) { wait_in_a_sandbox(EPERM); }

TEST(fault_C15_a_sandbox_without_a_futex) {
  skip_on_the_portable_backend();
  if (is_instrumented()) SKIP("a checker may sleep by itself");
  EQ(child_exec("wait_where_the_futex_is_unknown", NULL, 0), 0);
  EQ(child_exec("wait_where_the_futex_is_forbidden", NULL, 0), 0);
}
