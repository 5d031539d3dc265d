// A second copy of the library in the process, opened by name: two copies do not mix, and closing one that is
// in use takes nothing away.
#include "child.h"

#include <dlfcn.h>

// The copy's functions that are used here.
typedef struct copy {
  void *opened;
  char path[64];
  threading_status (*event_create)(threading_event *);
  threading_status (*event_set)(threading_event);
  threading_status (*event_wait)(threading_event, int64_t);
  threading_status (*event_destroy)(threading_event);
  threading_status (*spawn)(threading_target, void *, const threading_thread_options *, threading_thread *);
  threading_status (*join)(threading_thread, int64_t);
  int64_t (*active_count)(void);
} copy;

static copy other;

static void copy_file(const char *from, int to) {
  char part[65536];
  const int source = open(from, O_RDONLY | O_CLOEXEC);
  CHECK(source >= 0);
  for (ssize_t got; (got = read(source, part, sizeof part)) > 0;) CHECK(write(to, part, (size_t)got) == got);
  close(source);
}

// A function of the copy, by way of memory: C has no cast from an object pointer to a function pointer.
static void find(const char *name, void *function) {
  void *const found = dlsym(other.opened, name);
  CHECK(found != NULL);
  memcpy(function, &found, sizeof found);
}

static void open_copy(void) {
  other.opened = dlopen(other.path, RTLD_NOW | RTLD_LOCAL);
  if (other.opened == NULL) harness_fail(__FILE__, __LINE__, "%s", dlerror());
  find("threading_event_create", &other.event_create);
  find("threading_event_set", &other.event_set);
  find("threading_event_wait", &other.event_wait);
  find("threading_event_destroy", &other.event_destroy);
  find("threading_thread_spawn", &other.spawn);
  find("threading_thread_join", &other.join);
  find("threading_active_count", &other.active_count);
}

// A file of its own, or else the loader would find that it has it already.
static void make_copy(void) {
  Dl_info own;
  threading_status (*const function)(threading_event *) = threading_event_create;
  void *address;
  memcpy(&address, &function, sizeof address);
  CHECK(dladdr(address, &own) != 0);
  if (strstr(own.dli_fname, ".so") == NULL) SKIP("the library is part of this program");
  strcpy(other.path, "/tmp/threading-copy-XXXXXX");
  const int file = mkstemp(other.path);
  CHECK(file >= 0);
  copy_file(own.dli_fname, file);
  close(file);
  open_copy();
  CHECK(other.event_create != threading_event_create);
}

TEST(fault_F10_two_copies_do_not_know_each_others_handles) {
  threading_event own, theirs;
  make_copy();
  unlink(other.path);
  for (int i = 0; i < 100; i++) {
    OK(threading_event_create(&own));
    OK(other.event_create(&theirs));
    IS(threading_event_set(theirs), THREADING_E_HANDLE);
    IS(other.event_set(own), THREADING_E_HANDLE);
    EQ(threading_event_is_set(own), 0);
    OK(other.event_set(theirs));
    OK(other.event_wait(theirs, THREADING_FOREVER));
    OK(threading_event_destroy(own));
    OK(other.event_destroy(theirs));
  }
}

static threading_event shared;
static atomic_int waiting;

static void *wait_in_copy(void *arg) {
  atomic_fetch_add(&waiting, 1);
  OK(other.event_wait(shared, THREADING_FOREVER));
  return arg;
}

static void use_after_close(void *arg) {
  (void)arg;
  EQ(other.active_count(), 1);
  OK(other.event_set(shared));
  OK(other.event_wait(shared, THREADING_FOREVER));
}

TEST(fault_F8_closed_while_threads_wait_in_it) {
  threading_thread threads[4];
  make_copy();
  OK(other.event_create(&shared));
  for (int i = 0; i < 4; i++) OK(other.spawn(wait_in_copy, NULL, NULL, &threads[i]));
  WAIT_UNTIL(atomic_load(&waiting) == 4);
  EQ(dlclose(other.opened), 0);
  unlink(other.path);
  OK(other.event_set(shared));
  for (int i = 0; i < 4; i++) OK(other.join(threads[i], THREADING_FOREVER));
  OK(other.event_destroy(shared));
}

TEST(fault_E14_closed_before_a_fork) {
  make_copy();
  OK(other.event_create(&shared));
  EQ(dlclose(other.opened), 0);
  unlink(other.path);
  skip_on_the_portable_backend();
  EQ(child_fork(use_after_close, NULL, NULL, 0), 0);
}

TEST(fault_F9_closed_and_opened_again_it_is_the_same) {
  make_copy();
  OK(other.event_create(&shared));
  for (int i = 0; i < 10; i++) {
    EQ(dlclose(other.opened), 0);
    open_copy();
    OK(other.event_set(shared));
  }
  unlink(other.path);
  OK(other.event_destroy(shared));
}
