// What a process uses of the system, and limits of that.
#ifndef RESOURCES_H
#define RESOURCES_H
#include "child.h"

#include <dirent.h>

#define MEBIBYTE ((long)1 << 20)

typedef struct memory {
  long mapped, resident;
} memory;

// In bytes.
static inline memory memory_now(void) {
  const long page = sysconf(_SC_PAGESIZE);
  memory now = { 0, 0 };
  FILE *file = fopen("/proc/self/statm", "re");
  CHECK(file != NULL && fscanf(file, "%ld %ld", &now.mapped, &now.resident) == 2);
  fclose(file);
  return (memory){ now.mapped * page, now.resident * page };
}

// The entries of a directory below /proc/self.
static inline int entries(const char *path) {
  int count = 0;
  DIR *directory = opendir(path);
  CHECK(directory != NULL);
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) count += entry->d_name[0] != '.';
  closedir(directory);
  return count;
}

static inline int descriptors(void) { return entries("/proc/self/fd"); }
static inline int threads_now(void) { return entries("/proc/self/task"); }

// Sets a soft limit, as far as the hard one admits; says what it was.
static inline rlim_t set_limit(int resource, rlim_t soft) {
  struct rlimit value;
  CHECK(getrlimit((__rlimit_resource_t)resource, &value) == 0);
  const rlim_t before = value.rlim_cur;
  value.rlim_cur = soft < value.rlim_max ? soft : value.rlim_max;
  CHECK(setrlimit((__rlimit_resource_t)resource, &value) == 0);
  return before;
}

// How often something is done: less often under a checker, and more often where time is no object.
static inline int many(int usual, int in_long_runs) {
  if (getenv("THREADING_TEST_LONG") != NULL) return in_long_runs;
  return is_instrumented() ? usual / 20 : usual;
}

#endif
