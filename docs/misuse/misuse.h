// What the programs of this folder are written with: rows, each of which makes a mistake in a process of its
// own, and says what came of it.
//
//   ROW(destroy_held) {
//     pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
//     pthread_mutex_lock(&lock);
//     say(name(pthread_mutex_destroy(&lock)));
//   }
//
// A program lists its rows, or runs the one that it is given. What a row says is its verdict; run.py adds how
// the process ended, when it did not end well. A row that says nothing behind the status has looked: the
// object still does its work.
#ifndef MISUSE_H
#define MISUSE_H

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <csignal>
#include <cstring>
#include <dlfcn.h>
#include <map>
#include <pthread.h>
#include <string>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct entry {
  entry(const char *name, const char *about, void (*body)())
      : name(name), about(about), body(body), next(first) {
    first = this;
  }
  const char *name, *about;
  void (*body)();
  entry *next;
  inline static entry *first = nullptr;
};

#define MISUSE_ROW(name, about)                                                                           \
  static void row_##name();                                                                               \
  static const entry entry_##name(#name, about, row_##name);                                              \
  static void row_##name()
// The system defines what happens.
#define ROW(name) MISUSE_ROW(name, "defined")
// The system's documentation leaves undefined what happens.
#define UNDEFINED(name) MISUSE_ROW(name, "undefined")
// The system has no such thing, and why.
#define NONE(name, why) static const entry entry_##name(#name, why, nullptr)

// Adds to the verdict of this row.
inline void say(const std::string &text) {
  printf("%s\n", text.c_str());
  fflush(stdout);
}

inline std::string code(const std::string &text) { return "`" + text + "`"; }

// The end of a row that leaves threads behind: no destructor, no exit handler.
[[noreturn]] inline void leave() {
  fflush(stdout);
  _exit(0);
}

inline void nap() { usleep(500); }

// How long to wait for what may never come; $MISUSE_PATIENCE times as long where the machine may be slow.
inline std::chrono::milliseconds moment(int milliseconds) {
  const char *const patience = getenv("MISUSE_PATIENCE");
  return std::chrono::milliseconds(patience ? milliseconds * atoi(patience) : milliseconds);
}

// ---- Threads beside the one that misuses ----

// A thread that the system under test knows nothing of. It is never joined, only looked at.
class side {
 public:
  template <class F>
  explicit side(F body) {
    struct start {
      F body;
      state *shared;
    };
    pthread_t thread;
    const int rc = pthread_create(
        &thread, nullptr,
        [](void *arg) -> void * {
          start *const self = static_cast<start *>(arg);
          self->shared->tid = gettid();
          self->body();
          self->shared->done = true;
          return nullptr;
        },
        new start{body, shared});
    if (rc != 0) abort();
    pthread_detach(thread);
  }

  bool done() const { return shared->done; }

  // Whether it ends within this time.
  bool ends(int milliseconds = 300) const {
    const auto limit = std::chrono::steady_clock::now() + moment(milliseconds);
    while (!shared->done && std::chrono::steady_clock::now() < limit) nap();
    return shared->done;
  }

  void join() const {
    while (!shared->done) nap();
  }

  // Waits until it sleeps in the kernel and stays there, or has ended.
  void sleeps() const {
    for (int seen = 0; seen < 3 && !shared->done; nap()) seen = asleep() ? seen + 1 : 0;
  }

 private:
  struct state {
    std::atomic<bool> done{false};
    std::atomic<pid_t> tid{0};
  };

  bool asleep() const {
    char path[64], text[256] = "";
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", shared->tid.load());
    FILE *const file = fopen(path, "re");
    if (!file) return false;
    const size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = '\0';
    const char *const end = strrchr(text, ')');
    return end && end[1] == ' ' && end[2] == 'S';
  }

  state *const shared = new state;
};

// Whether this comes back within a moment, on a thread of its own.
template <class F>
bool returns(F body, int milliseconds = 300) {
  return side(body).ends(milliseconds);
}

// A flag that one thread sets and others wait for.
class flag {
 public:
  void set() { value = true; }
  void wait() const {
    while (!value) nap();
  }
  bool is_set() const { return value; }

 private:
  std::atomic<bool> value{false};
};

// Says of several answers how often each was given, in the order of their names.
inline void say_each(const std::string *answers, size_t count) {
  std::map<std::string, int> times;
  for (size_t i = 0; i < count; i++) times[answers[i]]++;
  std::string text;
  for (const auto &[answer, n] : times)
    text += (text.empty() ? "" : ", ") + std::to_string(n) + " × " + answer;
  say(text);
}

// ---- Objects that are none ----

// A null pointer that the compiler knows nothing of.
template <class T>
T *null() {
  static T *volatile pointer = nullptr;
  return pointer;
}

// Memory that never became an object.
template <class T>
T *garbage() {
  alignas(64) static unsigned char memory[sizeof(T)];
  memset(memory, 0xA5, sizeof memory);
  void *volatile pointer = memory;
  return static_cast<T *>(pointer);
}

// The object as what it is not.
template <class T, class U>
T *as(U *object) {
  void *volatile pointer = object;
  return static_cast<T *>(pointer);
}

// ---- Processes ----

// What is shared with forked children.
template <class T>
T *shared() {
  void *const page = mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) abort();
  return new (page) T();
}

// Runs this in a forked child and says how that ended, unless it exits with 0. A child that hangs is said so.
template <class F>
void in_child(F body, int milliseconds = 500) {
  fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    body();
    leave();
  }
  const auto limit = std::chrono::steady_clock::now() + moment(milliseconds);
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > limit) {
      kill(child, SIGKILL);
      waitpid(child, nullptr, 0);
      say("the child hangs");
      return;
    }
    nap();
  }
  if (WIFSIGNALED(status)) say(code(std::string("SIG") + sigabbrev_np(WTERMSIG(status))));
  if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
    say("exit status " + std::to_string(WEXITSTATUS(status)));
}

// No memory for another thread's stack: the address space ends a little above what is used.
inline void no_room_for_a_stack() {
  long pages = 0;
  FILE *const file = fopen("/proc/self/statm", "re");
  if (!file || fscanf(file, "%ld", &pages) != 1) abort();
  fclose(file);
  const rlim_t bytes = static_cast<rlim_t>(pages) * static_cast<rlim_t>(sysconf(_SC_PAGESIZE)) + (2 << 20);
  const rlimit limit = {bytes, bytes};
  if (setrlimit(RLIMIT_AS, &limit) != 0) abort();
}

// Loads the library that this function is of once more, as a plugin would bring it, by a copy of its file.
inline void *second_copy(const void *function) {
  Dl_info info;
  char path[] = P_tmpdir "/misuse-XXXXXX";
  const int copy = mkstemp(path);
  if (copy < 0 || !dladdr(function, &info)) abort();
  FILE *const from = fopen(info.dli_fname, "rbe"), *const to = fdopen(copy, "wb");
  if (!from || !to) abort();
  char buffer[1 << 16];
  for (size_t n; (n = fread(buffer, 1, sizeof buffer, from)) > 0;) fwrite(buffer, 1, n, to);
  fclose(from);
  fclose(to);
  void *const library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  unlink(path);
  if (!library) abort();
  return library;
}

template <class F>
F *find(void *library, const char *symbol) {
  void *const found = dlsym(library, symbol);
  if (!found) abort();
  return reinterpret_cast<F *>(found);
}

// Closes the library while its threads run, and gives them the time to run on.
inline void say_dlclose(void *library, const void *function) {
  Dl_info info;
  ::dlclose(library);
  usleep(200000);
  say(dladdr(function, &info) ? "the library stays loaded" : "the library is gone");
}

// ---- Running ----

// "defined", "undefined" or why there is no such row, behind each name; or one row.
inline int run(int argc, char **argv, const std::string &version) {
  if (argc == 1) printf("version\t%s\n", version.c_str());
  for (const entry *row = entry::first; row; row = row->next) {
    if (argc == 1) printf("%s\t%s\t%s\n", row->name, row->body ? "row" : "none", row->about);
    if (argc == 2 && row->body && strcmp(argv[1], row->name) == 0) {
      row->body();
      leave();
    }
  }
  return argc == 1 ? 0 : 2;
}

#define MISUSE_MAIN(version)                                                                              \
  int main(int argc, char **argv) { return run(argc, argv, version); }

#endif
