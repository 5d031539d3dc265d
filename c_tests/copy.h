// A second copy of the library in the process, opened by name.
#ifndef COPY_H
#define COPY_H
#include "child.h"

#include <dlfcn.h>

// What every kind has; a timer, a queue and so on are made in ways of their own.
#define KINDS(X)                                                                                          \
  X(lock) X(rlock) X(condition) X(semaphore) X(event) X(barrier) X(local) X(timer) X(queue) X(future)     \
  X(pool) X(group) X(thread)
#define DESTROY(kind) threading_status (*kind##_destroy)(threading_##kind);

// The functions of the copy that are used here.
typedef struct copy {
  void *opened;
  char path[4096];
  threading_status (*event_create)(threading_event *);
  threading_status (*event_set)(threading_event);
  threading_status (*event_clear)(threading_event);
  threading_status (*event_wait)(threading_event, int64_t);
  threading_status (*lock_create)(threading_lock *);
  threading_status (*lock_acquire)(threading_lock, int64_t);
  threading_status (*lock_release)(threading_lock);
  KINDS(DESTROY)
  threading_status (*spawn)(threading_target, void *, const threading_thread_options *, threading_thread *);
  threading_status (*join)(threading_thread, int64_t);
  threading_status (*thread_create)(threading_target, void *, const threading_thread_options *,
                                    threading_thread *);
  threading_status (*pool_create)(uint32_t, const threading_pool_options *, threading_pool *);
  threading_status (*pool_submit)(threading_pool, threading_target, void *, threading_future *);
  threading_status (*pool_shutdown)(threading_pool, int32_t, int32_t);
  threading_status (*future_result)(threading_future, int64_t, void **);
  threading_status (*at_exit)(threading_callback, void *, threading_destructor);
  int64_t (*active_count)(void);
} copy;

static copy other;

// A function of the copy, by way of memory: C has no cast from an object pointer to a function pointer.
static inline void find(const char *name, void *function) {
  void *const found = dlsym(other.opened, name);
  CHECK(found != NULL);
  memcpy(function, &found, sizeof found);
}

#define FIND_DESTROY(kind) find("threading_" #kind "_destroy", &other.kind##_destroy);

static inline void open_copy(void) {
  other.opened = dlopen(other.path, RTLD_NOW | RTLD_LOCAL);
  if (other.opened == NULL) harness_fail(__FILE__, __LINE__, "%s", dlerror());
  find("threading_event_create", &other.event_create);
  find("threading_event_set", &other.event_set);
  find("threading_event_clear", &other.event_clear);
  find("threading_event_wait", &other.event_wait);
  find("threading_lock_create", &other.lock_create);
  find("threading_lock_acquire", &other.lock_acquire);
  find("threading_lock_release", &other.lock_release);
  find("threading_thread_spawn", &other.spawn);
  find("threading_thread_join", &other.join);
  find("threading_thread_create", &other.thread_create);
  find("threading_pool_create", &other.pool_create);
  find("threading_pool_submit", &other.pool_submit);
  find("threading_pool_shutdown", &other.pool_shutdown);
  find("threading_future_result", &other.future_result);
  find("threading_at_exit", &other.at_exit);
  find("threading_active_count", &other.active_count);
  KINDS(FIND_DESTROY)
}

static inline void open_a_file_of_its_own(const char *library) {
  strcpy(other.path, P_tmpdir "/threading-copy-XXXXXX");
  const int file = mkstemp(other.path);
  CHECK(file >= 0);
  copy_file(library, file);
  close(file);
  open_copy();
}

// The shared library itself, when the program has the static one; else a copy of the file, or the loader would
// find that it has it already. Whoever calls this removes the file, if there is one, with remove_copy().
static inline void make_copy(void) {
  Dl_info own;
  threading_status (*const function)(threading_event *) = threading_event_create;
  void *address;
  memcpy(&address, &function, sizeof address);
  CHECK(dladdr(address, &own) != 0);
#ifdef THREADING_SHARED_LIBRARY
  CHECK(strstr(own.dli_fname, ".so") == NULL);
  snprintf(other.path, sizeof other.path, "%s", THREADING_SHARED_LIBRARY);
  open_copy();
#else
  if (strstr(own.dli_fname, ".so") == NULL) SKIP("the library is part of this program");
  open_a_file_of_its_own(own.dli_fname);
#endif
  CHECK(other.event_create != threading_event_create);
}

static inline void remove_copy(void) {
#ifndef THREADING_SHARED_LIBRARY
  unlink(other.path);
#endif
}

#endif
