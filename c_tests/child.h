// Child processes of a test: by fork, or by fork and exec of this very program with the name of a scenario.
// What a child writes to stdout and stderr is captured; one that does not end is killed and fails the case.
#ifndef CHILD_H
#define CHILD_H
#include "harness.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

// What child_fork() and child_exec() return: the exit status, or this for an end by a signal.
#define KILLED_BY(signal) (1000 + (signal))
#define CHILD_ENVIRONMENT "THREADING_TEST_SCENARIO"

// A process of its own for what ends one: SCENARIO(name) { ... exit(3); }, run by child_exec("name", ...).
// It is a case of this program only where the environment names it, so that no list shows it.
#define SCENARIO(name)                                                                                    \
  static void scenario_##name(void);                                                                      \
  __attribute__((constructor)) static void offer_##name(void) {                                           \
    static harness_case offered = { #name, scenario_##name, NULL };                                       \
    if (child_is(#name)) harness_register(&offered);                                                      \
  }                                                                                                       \
  static void scenario_##name(void)

static inline bool child_is(const char *scenario) {
  const char *wanted = getenv(CHILD_ENVIRONMENT);
  return wanted != NULL && strcmp(wanted, scenario) == 0;
}

// Unbuffered, so that what was said counts wherever the process ends.
static inline void say(const char *text) {
  size_t length = strlen(text);
  while (length > 0) {
    const ssize_t written = write(STDOUT_FILENO, text, length);
    if (written < 0) _exit(99);
    text += written;
    length -= (size_t)written;
  }
}

// Whether it has ended; it stays to be waited for.
static inline bool child_has_ended(pid_t child) {
  siginfo_t info;
  info.si_pid = 0;
  return waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == child;
}

// Reads until every writer has ended, or the child has and there is nothing more to read: the system may
// close what an ended process had open much later. False when that takes too long.
static inline bool child_read(pid_t child, int from, char *output, size_t size) {
  const int64_t end = NOW_NS() + scaled(THREADING_SECONDS(8));
  size_t used = 0;
  bool ended = false;
  while (!ended && NOW_NS() < end) {
    struct pollfd ready = { from, POLLIN, 0 };
    const bool is_over = child_has_ended(child);  // asked first: what it wrote is there then
    if (poll(&ready, 1, is_over ? 0 : 100) <= 0) {
      ended = is_over;
      continue;
    }
    char part[512];
    const ssize_t got = read(from, part, sizeof part);
    const size_t room = size - 1 - used;
    const size_t kept = got <= 0 ? 0 : (size_t)got < room ? (size_t)got : room;
    memcpy(output + used, part, kept);
    used += kept;
    ended = got <= 0;
  }
  output[used] = '\0';
  return ended;
}

static inline int child_end(pid_t child, int from, char *output, size_t size) {
  char own[4096];
  if (output == NULL) {
    output = own;
    size = sizeof own;
  }
  const bool ended = child_read(child, from, output, size);
  if (!ended) kill(child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0) CHECK(errno == EINTR);
  close(from);
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : KILLED_BY(WTERMSIG(status));
  if (!ended || code == 1) fprintf(stderr, "the child %s: %s\n", ended ? "failed" : "hangs", output);
  CHECK(ended);
  if (code == HARNESS_SKIPPED) SKIP(output);
  return code;
}

// Starts a child that writes to *from; in the child it returns 0.
static inline pid_t child_start(int *from) {
  int ends[2];
  CHECK(pipe2(ends, O_CLOEXEC) == 0);
  fflush(NULL);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    dup2(ends[1], STDERR_FILENO);
  }
  close(ends[1]);
  if (child == 0) close(ends[0]);
  *from = ends[0];
  return child;
}

// Runs body(arg) in a forked child, which then ends with 0 and without exit handlers. `output` may be NULL.
static inline int child_fork(void (*body)(void *), void *arg, char *output, size_t size) {
  int from;
  const pid_t child = child_start(&from);
  if (child == 0) {
    body(arg);
    _exit(0);
  }
  return child_end(child, from, output, size);
}

// Runs a scenario in a new process of this program. `output` may be NULL.
static inline int child_exec(const char *scenario, char *output, size_t size) {
  int from;
  char program[4096];
  // By its own name: under valgrind the link itself would lead to valgrind.
  const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
  CHECK(length > 0);
  program[length] = '\0';
  const pid_t child = child_start(&from);
  if (child == 0) {
    setenv(CHILD_ENVIRONMENT, scenario, 1);
    execl(program, program, scenario, (char *)NULL);
    _exit(98);
  }
  return child_end(child, from, output, size);
}

static inline void copy_file(const char *from, int to) {
  char part[65536];
  const int source = open(from, O_RDONLY | O_CLOEXEC);
  CHECK(source >= 0);
  for (ssize_t got; (got = read(source, part, sizeof part)) > 0;) CHECK(write(to, part, (size_t)got) == got);
  close(source);
}

// Whether a tool runs the program, and the memory and the number of threads are not its own.
static inline bool is_instrumented(void) { return scaled(1000) != 1000; }

// For forks and signal handlers, about which the portable backend promises nothing.
static inline void skip_on_the_portable_backend(void) {
#ifdef THREADING_PORTABLE_PARK
  SKIP("not promised by the portable backend");
#endif
}

// For what the system refuses: gives up every privilege of root, for this process and for good.
static inline void child_drop_privileges(void) {
  const struct rlimit none = { 0, 0 };
  CHECK(setrlimit(RLIMIT_NICE, &none) == 0);
  CHECK(setrlimit(RLIMIT_RTPRIO, &none) == 0);
  if (getuid() != 0) return;
  CHECK(setgid(65534) == 0);
  CHECK(setuid(65534) == 0);
  // Without this the process may no longer read all of its own /proc entries.
  CHECK(prctl(PR_SET_DUMPABLE, 1) == 0);
}

#endif
