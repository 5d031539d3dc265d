// C++: the header compiles, lambdas are targets, destructors run however a thread ends, exceptions do what is
// documented.
#include <atomic>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>

#define _Noreturn [[noreturn]]
// What the C headers find in <stdatomic.h>.
using std::atomic_bool;
using std::atomic_fetch_add;
using std::atomic_llong;
using std::atomic_load;
using std::atomic_store;
extern "C" {
#include "child.h"
#include "everything.h"
}

// ---- The header ----

static_assert(std::is_trivial<threading_lock>::value, "a handle is plain");
static_assert(sizeof(threading_lock) == sizeof(std::uint64_t), "a handle is a number");
static_assert(std::is_standard_layout<threading_thread_options>::value, "options");
static_assert(std::is_same<decltype(THREADING_SECONDS(1)), std::int64_t>::value, "timeouts have 64 bits");
static_assert(!std::is_same<threading_lock, threading_rlock>::value, "the kinds differ");

TEST(constants_and_macros) {
  EQ(THREADING_SECONDS(2), INT64_C(2000000000));
  EQ(THREADING_MILLISECONDS(2), INT64_C(2000000));
  CHECK(THREADING_ACQUIRED(THREADING_OWNER_DEAD) && !THREADING_ACQUIRED(THREADING_TIMEOUT));
  EQ(threading_version(), THREADING_VERSION);
}

// ---- Lambdas ----

TEST(a_lambda_is_a_target) {
  int value = 41;
  threading_thread thread = spawn_thread([](void *arg) -> void * {
    ++*static_cast<int *>(arg);
    return arg;
  }, &value);
  CHECK(finish_thread(thread) == &value);
  EQ(value, 42);
}

// A capturing lambda by way of void*: the usual adapter for a C interface.
template <typename F> threading_thread spawn_lambda(F &body) {
  return spawn_thread([](void *arg) -> void * {
    (*static_cast<F *>(arg))();
    return nullptr;
  }, &body);
}

TEST(a_capturing_lambda_by_way_of_its_address) {
  std::atomic<int> sum{ 0 };
  const std::string text = "four";
  auto body = [&] { sum += static_cast<int>(text.size()); };
  threading_thread first = spawn_lambda(body), second = spawn_lambda(body);
  finish_thread(first);
  finish_thread(second);
  EQ(sum.load(), 8);
}

TEST(a_std_thread_is_a_foreign_thread) {
  std::string name;
  std::thread([&] {
    char buffer[32];
    OK(threading_thread_name(threading_current_thread(), buffer, sizeof buffer, nullptr));
    name = buffer;
  }).join();
  STR_EQ(name.c_str(), "Dummy-1");
  EQ(threading_active_count(), 1);
}

// ---- Exceptions in a target ----

SCENARIO(exception_leaves_a_target) {
  auto body = [] { throw std::runtime_error("left alone"); };
  threading_thread_join(spawn_lambda(body), THREADING_FOREVER);
  say("survived");
}

TEST(fault_D19_an_exception_that_leaves_a_target_is_terminate) {
  char output[1024];
  EQ(child_exec("exception_leaves_a_target", output, sizeof output), KILLED_BY(SIGABRT));
  CHECK(std::strstr(output, "terminate") != nullptr);
  CHECK(std::strstr(output, "left alone") != nullptr);
  CHECK(std::strstr(output, "survived") == nullptr);
}

SCENARIO(own_terminate_handler) {
  std::set_terminate([] {
    say("handled");
    _exit(5);
  });
  auto body = [] { throw 1; };
  threading_thread_join(spawn_lambda(body), THREADING_FOREVER);
}

TEST(terminate_calls_the_programs_own_handler) {
  char output[64];
  EQ(child_exec("own_terminate_handler", output, sizeof output), 5);
  STR_EQ(output, "handled");
}

TEST(a_caught_exception_becomes_a_failure) {
  auto body = [] {
    try {
      throw std::runtime_error("what was thrown");
    } catch (const std::exception &error) {
      OK(threading_fail(3, error.what()));
    }
  };
  OK(threading_set_excepthook([](threading_thread, int32_t, const char *, void *) {}, nullptr));
  threading_thread thread = spawn_lambda(body);
  OK(threading_thread_join(thread, THREADING_FOREVER));
  int32_t code = 0;
  char text[64];
  OK(threading_thread_failure(thread, &code, text, sizeof text, nullptr));
  EQ(code, 3);
  STR_EQ(text, "what was thrown");
  OK(threading_thread_destroy(thread));
}

// ---- Destructors of a target that is ended by force ----

struct Guard {
  std::atomic<int> &destroyed;
  ~Guard() { ++destroyed; }
};

static void check_cancelled(threading_thread thread) {
  int32_t code = 0;
  OK(threading_thread_join(thread, THREADING_FOREVER));
  OK(threading_thread_failure(thread, &code, nullptr, 0, nullptr));
  EQ(code, THREADING_CANCELLED);
  OK(threading_thread_destroy(thread));
}

TEST(pthread_exit_runs_the_destructors_of_a_target) {
  std::atomic<int> destroyed{ 0 };
  auto body = [&] {
    Guard guard{ destroyed };
    pthread_exit(nullptr);
  };
  check_cancelled(spawn_lambda(body));
  EQ(destroyed.load(), 1);
}

TEST(pthread_cancel_runs_the_destructors_of_a_target) {
  std::atomic<int> destroyed{ 0 };
  std::atomic<bool> ready{ false };
  pthread_t self{};
  auto body = [&] {
    Guard guard{ destroyed };
    self = pthread_self();
    ready = true;
    for (;;) poll(nullptr, 0, 1000);
  };
  threading_thread thread = spawn_lambda(body);
  WAIT_UNTIL(ready.load());
  EQ(pthread_cancel(self), 0);
  check_cancelled(thread);
  EQ(destroyed.load(), 1);
}

// ---- Exceptions through callbacks that run on the caller's stack ----

[[noreturn]] static void throw_seven() { throw 7; }

template <typename F> int caught(F call) {
  try {
    call();
  } catch (int value) {
    return value;
  }
  return 0;
}

TEST(an_exception_passes_through_run) {
  threading_thread thread;
  OK(threading_thread_create([](void *) -> void * { throw_seven(); }, nullptr, nullptr, &thread));
  EQ(caught([&] { threading_thread_run(thread); }), 7);
  IS(threading_fail(1, "no target runs"), THREADING_E_STATE);
  IS(threading_thread_run(thread), THREADING_E_STATE);
  OK(threading_thread_destroy(thread));
}

TEST(an_exception_passes_through_wait_for) {
  threading_rlock rlock;
  threading_condition condition;
  OK(threading_rlock_create(&rlock));
  OK(threading_condition_create_with_rlock(rlock, &condition));
  OK(threading_condition_acquire(condition, THREADING_FOREVER));
  const auto predicate = [](void *) -> int32_t { throw_seven(); };
  EQ(caught([&] { threading_condition_wait_for(condition, predicate, nullptr, THREADING_FOREVER); }), 7);
  EQ(threading_rlock_is_owned(rlock), 1);  // the predicate runs with the lock held
  OK(threading_condition_release(condition));
  OK(threading_condition_destroy(condition));
  OK(threading_rlock_destroy(rlock));
}

TEST(an_exception_passes_through_wait_for_after_a_wait) {
  struct State {
    threading_condition condition;
    std::atomic<int> calls;
    std::atomic<int> value;
  } state{ {}, { 0 }, { 0 } };
  OK(threading_condition_create(&state.condition));
  auto body = [&] {
    OK(threading_condition_acquire(state.condition, THREADING_FOREVER));
    const auto predicate = [](void *arg) -> int32_t {
      if (++static_cast<State *>(arg)->calls == 2) throw_seven();
      return 0;
    };
    state.value = caught([&] {
      threading_condition_wait_for(state.condition, predicate, &state, THREADING_FOREVER);
    });
    OK(threading_condition_release(state.condition));
  };
  threading_thread waiter = spawn_lambda(body);
  WAIT_UNTIL(state.calls == 1);
  wait_blocked(waiter);
  OK(threading_condition_acquire(state.condition, THREADING_FOREVER));
  OK(threading_condition_notify(state.condition, 1));
  OK(threading_condition_release(state.condition));
  finish_thread(waiter);
  EQ(state.value, 7);
  OK(threading_condition_destroy(state.condition));
}

TEST(an_exception_in_a_barrier_action_breaks_the_barrier) {
  threading_barrier barrier;
  std::atomic<int> broken{ 0 };
  const auto action = [](void *) -> threading_status { throw_seven(); };
  OK(threading_barrier_create(2, action, nullptr, THREADING_FOREVER, &barrier));
  auto body = [&] { broken = threading_barrier_wait(barrier, THREADING_FOREVER, nullptr); };
  threading_thread other = spawn_lambda(body);
  wait_blocked(other);
  EQ(caught([&] { threading_barrier_wait(barrier, THREADING_FOREVER, nullptr); }), 7);
  finish_thread(other);
  EQ(broken, THREADING_BROKEN);
  EQ(threading_barrier_broken(barrier), 1);
  OK(threading_barrier_destroy(barrier));
}

// ---- Constructors before main; destructors at the end of a thread and of the process ----

static std::atomic<int> ended{ 0 };

struct UserOfTheLibrary {
  const char *text;
  ~UserOfTheLibrary() {
    use_everything();
    if (text != nullptr) say(text);
    ++ended;
  }
};

static void end_with_a_thread_local() {
  static thread_local UserOfTheLibrary user{ nullptr };
  CHECK(user.text == nullptr);
}

TEST(fault_F5_thread_local_destructors_may_use_the_library) {
  auto body = end_with_a_thread_local;
  finish_thread(spawn_lambda(body));
  EQ(ended.load(), 1);
  std::thread(end_with_a_thread_local).join();
  EQ(ended.load(), 2);
  WAIT_UNTIL(threading_active_count() == 1);
}

SCENARIO(static_destructors) {
  static UserOfTheLibrary before{ "b" };
  use_everything();
  static UserOfTheLibrary after{ "a" };
  CHECK(before.text != after.text);
  std::exit(2);
}

TEST(fault_F4_static_destructors_may_use_the_library) {
  char output[64];
  EQ(child_exec("static_destructors", output, sizeof output), 2);
  STR_EQ(output, "ab");
}

static struct ConstructedBeforeMain {
  bool used = false;
  ConstructedBeforeMain() {
    if (!child_is("static_objects")) return;
    use_everything();
    used = true;
  }
  ~ConstructedBeforeMain() {
    if (!used) return;
    use_everything();
    say("d");
  }
} constructed;

SCENARIO(static_objects) {
  CHECK(constructed.used);
  say("m");
}

TEST(fault_F11_static_objects_use_the_library_before_and_after_main) {
  char output[64];
  EQ(child_exec("static_objects", output, sizeof output), 0);
  STR_EQ(output, "md");
}
