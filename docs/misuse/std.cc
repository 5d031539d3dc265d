// The C++ standard library.
#include "misuse.h"

#include <barrier>
#include <climits>
#include <condition_variable>
#include <future>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <semaphore>

using namespace std::chrono_literals;

// What a call does that has no other answer.
template <class F>
static std::string outcome(F body) {
  try {
    body();
    return "returns";
  } catch (const std::system_error &error) {
    return "throws " + code(strerrorname_np(error.code().value()));
  }
}

template <class F>
static void attempt(F body) {
  say(outcome(body));
}

static void lock_and_say(std::mutex *lock) {
  attempt([=] { lock->lock(); });
}

// The lock still is one: it is taken and given back.
static void look(std::mutex *lock) {
  if (!returns([=] {
        lock->lock();
        lock->unlock();
      }))
    say("the lock is dead");
}

[[noreturn]] static void forever() {
  for (;;) pause();
}

static std::string name(std::cv_status status) {
  return code(status == std::cv_status::timeout ? "timeout" : "no_timeout");
}

static std::string name(bool answer) { return code(answer ? "true" : "false"); }

// ---- Objects ----

NONE(never_created, "constructors");
UNDEFINED(null) { lock_and_say(null<std::mutex>()); }
UNDEFINED(garbage) { lock_and_say(garbage<std::mutex>()); }

UNDEFINED(other_kind) {
  std::condition_variable *const condition = new std::condition_variable;
  lock_and_say(as<std::mutex>(condition));
}

UNDEFINED(use_after_destroy) {
  alignas(std::mutex) static unsigned char memory[sizeof(std::mutex)];
  std::mutex *const lock = new (memory) std::mutex;
  lock->~mutex();
  lock_and_say(as<std::mutex>(lock));
}

UNDEFINED(destroy_twice) {
  alignas(std::mutex) static unsigned char memory[sizeof(std::mutex)];
  std::mutex *const lock = new (memory) std::mutex;
  lock->~mutex();
  attempt([=] { as<std::mutex>(lock)->~mutex(); });
}

UNDEFINED(reused) {
  std::mutex *const lock = new std::mutex, *const old = as<std::mutex>(lock);
  delete lock;
  std::mutex *const other = new std::mutex;
  lock_and_say(old);
  if (!other->try_lock()) say("the new object is locked");
}

NONE(copied, "not copyable");

// ---- Locks ----

UNDEFINED(unlock_unlocked) {
  std::mutex *const lock = new std::mutex;
  attempt([=] { lock->unlock(); });
  look(lock);
}

template <class T>
static void unlock_foreign() {
  static T *const lock = new T;
  static flag held;
  side holder([] {
    lock->lock();
    held.set();
    forever();
  });
  held.wait();
  attempt([] { lock->unlock(); });
  if (lock->try_lock()) say("the lock is free while its holder goes on");
}

UNDEFINED(unlock_foreign) { unlock_foreign<std::mutex>(); }
UNDEFINED(recursive_unlock_foreign) { unlock_foreign<std::recursive_mutex>(); }

UNDEFINED(relock) {
  std::mutex *const lock = new std::mutex;
  lock->lock();
  lock_and_say(lock);
}

UNDEFINED(relock_limited) {
  std::timed_mutex *const lock = new std::timed_mutex;
  lock->lock();
  say(name(lock->try_lock_for(50ms)));
}

UNDEFINED(destroy_held) {
  std::mutex *const lock = new std::mutex;
  lock->lock();
  delete lock;
  say("returns");
}

UNDEFINED(destroy_awaited) {
  alignas(std::mutex) static unsigned char memory[sizeof(std::mutex)];
  std::mutex *const lock = new (memory) std::mutex;
  lock->lock();
  side waiter([=] {
    lock->lock();
    lock->unlock();
  });
  waiter.sleeps();
  lock->~mutex();
  say("returns");
  as<std::mutex>(lock)->unlock();
  if (!waiter.ends()) say("who waits sleeps for ever");
}

template <class T>
static void owner_dies() {
  static T *const lock = new T;
  std::thread([] { lock->lock(); }).join();
  attempt([] { lock->lock(); });
}

UNDEFINED(owner_dies) { owner_dies<std::mutex>(); }
UNDEFINED(recursive_owner_dies) { owner_dies<std::recursive_mutex>(); }

template <class T>
static void opposite_order() {
  static T *const a = new T, *const b = new T;
  static flag one, two;
  side other([] {
    b->lock();
    two.set();
    one.wait();
    a->lock();
  });
  a->lock();
  one.set();
  two.wait();
  attempt([] { b->lock(); });
}

ROW(opposite_order) { opposite_order<std::mutex>(); }
ROW(recursive_opposite_order) { opposite_order<std::recursive_mutex>(); }

// ---- Conditions ----

UNDEFINED(wait_without_lock) {
  std::mutex *const lock = new std::mutex;
  static std::condition_variable condition;
  std::unique_lock unlocked(*lock, std::defer_lock);
  say(name(condition.wait_for(unlocked, 50ms)));
  lock->unlock();
  look(lock);
}

ROW(notify_without_lock) {
  static std::condition_variable condition;
  attempt([] { condition.notify_one(); });
}

UNDEFINED(two_locks) {
  static std::condition_variable condition;
  std::string answers[2];
  const auto wait = [](std::string *answer) {
    std::mutex lock;
    std::unique_lock held(lock);
    *answer = name(condition.wait_for(held, 50ms));
  };
  side one([&] { wait(&answers[0]); }), two([&] { wait(&answers[1]); });
  one.join();
  two.join();
  say_each(answers, 2);
}

UNDEFINED(destroy_condition_awaited) {
  alignas(std::condition_variable) static unsigned char memory[sizeof(std::condition_variable)];
  std::condition_variable *const condition = new (memory) std::condition_variable;
  static std::mutex lock;
  side waiter([=] {
    std::unique_lock held(lock);
    condition->wait(held);
  });
  waiter.sleeps();
  condition->~condition_variable();
  say("returns");
  if (!waiter.ends()) say("who waits sleeps for ever");
}

// ---- Semaphores and barriers ----

UNDEFINED(semaphore_overflow) {
  static std::counting_semaphore<1> semaphore(1);
  attempt([] { semaphore.release(); });
  int taken = 0;
  while (semaphore.try_acquire()) taken++;
  if (taken > 1) say(std::to_string(taken) + " are inside where 1 may be");
}

UNDEFINED(semaphore_negative) {
  static volatile int value = -1;
  static std::counting_semaphore<8> *semaphore;
  attempt([] { semaphore = new std::counting_semaphore<8>(value); });
  say(code("try_acquire") + " " + name(semaphore->try_acquire()));
}

UNDEFINED(destroy_semaphore_awaited) {
  typedef std::counting_semaphore<8> type;
  alignas(type) static unsigned char memory[sizeof(type)];
  type *const semaphore = new (memory) type(0);
  side waiter([=] { semaphore->acquire(); });
  waiter.sleeps();
  semaphore->~type();
  say("returns");
  if (!waiter.ends()) say("who waits sleeps for ever");
}

UNDEFINED(barrier_of_zero) {
  static std::unique_ptr<std::barrier<>> barrier;
  static volatile int parties = 0;
  attempt([] { barrier = std::make_unique<std::barrier<>>(parties); });
  say("to wait at it:");
  barrier->arrive_and_wait();
  say("returns");
}

ROW(barrier_party_dies) {
  std::barrier<> *const barrier = new std::barrier<>(2);
  side([] {}).join();
  attempt([=] { barrier->arrive_and_wait(); });
}

UNDEFINED(destroy_barrier_awaited) {
  static std::barrier<> *const barrier = new std::barrier<>(2);
  side waiter([] { barrier->arrive_and_wait(); });
  waiter.sleeps();
  delete barrier;
  say("returns");
  if (!waiter.ends()) say("who waits sleeps for ever");
}

// ---- Time ----

// A lock that somebody else holds, awaited for so long.
template <class T>
static std::string wait_for(T limit) {
  static std::timed_mutex *const lock = new std::timed_mutex;
  side([] { lock->lock(); }).join();
  static std::string answer;
  return returns([=] { answer = name(lock->try_lock_for(limit)); }) ? answer : "waits";
}

UNDEFINED(time_not_a_number) {
  say(wait_for(std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN())));
}

ROW(time_negative) { say(wait_for(-2ns)); }

ROW(time_longest) {
  const std::string answer = wait_for(std::chrono::hours::max());
  say(answer == "waits" ? answer : answer + " at once");
}

// ---- Threads ----

ROW(join_self) {
  static std::thread thread;
  static flag ready;
  thread = std::thread([] {
    ready.wait();
    attempt([] { thread.join(); });
    leave();
  });
  ready.set();
  forever();
}

ROW(join_twice) {
  std::thread thread([] {});
  thread.join();
  attempt([&] { thread.join(); });
}

ROW(join_reused) {
  std::thread thread([] {});
  thread.join();
  static std::thread other([] {});
  attempt([&] { thread.join(); });
}

UNDEFINED(join_many) {
  static flag end;
  static std::thread *const thread = new std::thread([] { end.wait(); });
  std::string answers[4];
  for (std::string &answer : answers)
    side([&] { answer = outcome([] { thread->join(); }); }).ends(50);
  end.set();
  const bool all = returns([&] {
    for (const std::string &answer : answers)
      while (answer.empty()) nap();
  });
  if (!all) return say("some never return");
  say_each(answers, 4);
}

ROW(join_circle) {
  static std::thread threads[3];
  static flag ready;
  for (int i = 0; i < 3; i++)
    threads[i] = std::thread([=] {
      ready.wait();
      const std::string answer = outcome([=] { threads[(i + 1) % 3].join(); });
      if (answer != "returns") say(answer + " to one of them");
    });
  ready.set();
  forever();
}

ROW(drop_running) {
  { std::thread thread(forever); }
  say("returns");
}

ROW(drop_twice) {
  std::thread thread(forever);
  thread.detach();
  attempt([&] { thread.detach(); });
}

ROW(thread_limit) {
  no_room_for_a_stack();
  attempt([] { new std::thread(forever); });
}

NONE(tiny_stack, "no stack sizes");
NONE(long_name, "no names");
NONE(many_locals, "locals are variables");

UNDEFINED(exit_thread) {
  std::thread thread([] { pthread_exit(nullptr); });
  attempt([&] { thread.join(); });
}

ROW(exception_thread) {
  std::thread thread([] { throw 1; });
  attempt([&] { thread.join(); });
}

// ---- Pools; a task is std::async's ----

ROW(pool_waits_for_itself) {
  std::async(std::launch::async, [] { std::async(std::launch::async, [] {}).get(); }).get();
  say("both tasks are done");
}

UNDEFINED(pool_exit_task) {
  std::future<void> future = std::async(std::launch::async, [] { pthread_exit(nullptr); });
  try {
    future.get();
    say("returns");
  } catch (const std::future_error &) {
    say("throws `broken_promise`");
  }
}

ROW(pool_exception) {
  std::future<void> future = std::async(std::launch::async, [] { throw 1; });
  try {
    future.get();
    say("returns");
  } catch (int) {
    say("`get` throws it");
  }
}

NONE(pool_submit_late, "no pools");
NONE(pool_destroy_busy, "no pools");
NONE(fork_pool, "no pools");

// ---- Processes ----

template <class T>
static void fork_held() {
  static T *const lock = new T;
  static flag held;
  side holder([] {
    lock->lock();
    held.set();
    forever();
  });
  held.wait();
  in_child([] { attempt([] { lock->lock(); }); });
}

UNDEFINED(fork_held) { fork_held<std::mutex>(); }
UNDEFINED(fork_recursive_held) { fork_held<std::recursive_mutex>(); }

// What becomes of a thread that still works when the process ends.
static void end_while_another_works(void (*end)()) {
  static flag *const finished = shared<flag>(), *const works = new flag;
  in_child([=] {
    static const std::thread thread([] {
      works->set();
      usleep(50000);
      finished->set();
    });
    works->wait();
    end();
    forever();
  });
  say(finished->is_set() ? "the other thread finishes first" : "the other thread is cut off");
}

// The object of the thread is a static one.
ROW(main_returns) {
  end_while_another_works([] { exit(0); });
}

ROW(exit_in_thread) {
  end_while_another_works([] { new std::thread([] { exit(0); }); });
}

NONE(dlclose, "never while it is linked");

MISUSE_MAIN("libstdc++ of GCC " + std::to_string(__GNUC__) + "." + std::to_string(__GNUC_MINOR__))
