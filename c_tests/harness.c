#include "harness.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static harness_case *first_case;

// Constructors run in the order of the source, so the list keeps that order.
void harness_register(harness_case *entry) {
  harness_case **end = &first_case;
  while (*end) end = &(*end)->next;
  *end = entry;
}

void harness_fail(const char *file, int line, const char *format, ...) {
  char text[1024];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  fflush(stdout);
  fprintf(stderr, "%s:%d: %s\n", file, line, text);
  _exit(1);
}

void harness_skip(const char *reason) {
  printf("SKIP %s\n", reason);
  fflush(stdout);
  _exit(HARNESS_SKIPPED);
}

void harness_status(const char *file, int line, const char *call, threading_status got,
                    threading_status wanted, int errno_after) {
  if (got != wanted) {
    const char *detail = got < 0 ? threading_last_error() : "no error";
    harness_fail(file, line, "%s is %s, not %s (%s)", call, threading_status_name(got),
                 threading_status_name(wanted), detail);
  }
  if (errno_after != HARNESS_ERRNO) harness_fail(file, line, "%s changed errno to %d", call, errno_after);
}

int64_t scaled(int64_t limit_ns) {
  const char *text = getenv("THREADING_TEST_TIMEOUT_SCALE");
  const double scale = text ? strtod(text, NULL) : 1.0;
  return scale > 0 ? (int64_t)((double)limit_ns * scale) : limit_ns;
}

static void nap(int64_t ns) {
  const struct timespec time = { 0, ns };
  ppoll(NULL, 0, &time, NULL);
}

void harness_nap(const char *file, int line, const char *condition, int64_t give_up) {
  if (NOW_NS() > give_up) harness_fail(file, line, "never: %s", condition);
  sched_yield();
  nap(100000);
}

// ---- What the kernel says of a thread ----

static bool read_task(uint64_t native_id, const char *file, char *buffer, size_t size) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/task/%" PRIu64 "/%s", native_id, file);
  FILE *stream = fopen(path, "re");
  if (!stream) return false;
  const size_t length = fread(buffer, 1, size - 1, stream);
  fclose(stream);
  buffer[length] = '\0';
  return length > 0;
}

bool thread_waits(uint64_t native_id) {
  char text[1024];
  const int errno_before = errno;
  bool waits = false;
  if (read_task(native_id, "syscall", text, sizeof text)) {
    // The number of the call that it sleeps in, or "running", or -1; a nap is a call of its own.
    const bool in_a_call = '0' <= text[0] && text[0] <= '9';
    waits = in_a_call && strtol(text, NULL, 10) != SYS_ppoll;
  } else if (read_task(native_id, "stat", text, sizeof text)) {
    // Where that is not shown: the state follows the name, which may contain parentheses itself.
    const char *name_end = strrchr(text, ')');
    waits = name_end && name_end[1] == ' ' && name_end[2] == 'S';
  }
  errno = errno_before;
  return waits;
}

int64_t sleeps_of(uint64_t native_id) {
  static const char field[] = "\nvoluntary_ctxt_switches:";
  char text[4096];
  if (!read_task(native_id, "status", text, sizeof text)) return -1;
  const char *line = strstr(text, field);
  return line ? strtoll(line + sizeof field - 1, NULL, 10) : -1;
}

void wait_blocked(threading_thread thread) {
  uint64_t native_id = 0;
  OK(threading_thread_native_id(thread, &native_id));
  const int64_t give_up = NOW_NS() + scaled(THREADING_SECONDS(8));
  for (;;) {
    const int64_t sleeps = sleeps_of(native_id);
    if (thread_waits(native_id)) {
      nap(1000000);
      if (thread_waits(native_id) && sleeps_of(native_id) == sleeps) return;
    }
    harness_nap(__FILE__, __LINE__, "the thread blocks", give_up);
  }
}

threading_thread spawn_thread(threading_target target, void *arg) {
  threading_thread thread;
  OK(threading_thread_spawn(target, arg, NULL, &thread));
  return thread;
}

void *finish_thread(threading_thread thread) {
  void *result = NULL;
  OK(threading_thread_join(thread, THREADING_FOREVER));
  OK(threading_thread_result(thread, &result));
  OK(threading_thread_destroy(thread));
  return result;
}

// ---- Running ----

typedef enum verdict { PASSED, FAILED, SKIPPED } verdict;

// Runs one case in a process of its own and prints what came of it.
static verdict run_limited(char *program, const char *name, int64_t limit_ns) {
  fflush(NULL);
  const pid_t child = fork();
  if (child < 0) harness_fail(__FILE__, __LINE__, "fork: %s", strerror(errno));
  if (child == 0) {
    char case_name[256];
    snprintf(case_name, sizeof case_name, "%s", name);
    char *arguments[] = { program, case_name, NULL };
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execv("/proc/self/exe", arguments);
    _exit(126);
  }
  int status = 0;
  const int64_t give_up = NOW_NS() + limit_ns;
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (NOW_NS() > give_up) {
      kill(child, SIGKILL);
      waitpid(child, &status, 0);
      printf("FAIL %s: HANG\n", name);
      return FAILED;
    }
    nap(1000000);
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    printf("ok %s\n", name);
    return PASSED;
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == HARNESS_SKIPPED) {
    printf("skip %s\n", name);
    return SKIPPED;
  }
  if (WIFSIGNALED(status)) printf("FAIL %s: signal %d\n", name, WTERMSIG(status));
  else printf("FAIL %s: exit status %d\n", name, WEXITSTATUS(status));
  return FAILED;
}

static int run_all(char *program) {
  int count[3] = { 0, 0, 0 };
  for (harness_case *entry = first_case; entry; entry = entry->next) {
    count[run_limited(program, entry->name, scaled(THREADING_SECONDS(10)))] += 1;
  }
  if (count[SKIPPED]) printf("%d skipped\n", count[SKIPPED]);
  printf("%d passed, %d failed\n", count[PASSED], count[FAILED]);
  return count[FAILED] != 0;
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "--all") == 0) return run_all(argv[0]);
  for (harness_case *entry = first_case; entry; entry = entry->next) {
    if (argc == 1) puts(entry->name);
    if (argc == 2 && strcmp(argv[1], entry->name) == 0) {
      entry->body();
      return 0;
    }
  }
  if (argc == 1) return 0;
  fprintf(stderr, "%s: no such case, or more than one name\n", argv[1]);
  return 2;
}
