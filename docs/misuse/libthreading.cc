// This library.
#include "misuse.h"

#include "threading.h"

#include <limits>

// Without the prefix, for which a table has no room.
static std::string name(threading_status status) {
  const std::string whole = threading_status_name(status), prefix = "THREADING_";
  return code(whole.starts_with(prefix) ? whole.substr(prefix.size()) : whole);
}

static void must(threading_status status) {
  if (status != THREADING_OK) abort();
}

static threading_lock make() {
  threading_lock lock;
  must(threading_lock_create(&lock));
  return lock;
}

static threading_rlock make_rlock() {
  threading_rlock lock;
  must(threading_rlock_create(&lock));
  return lock;
}

static threading_condition make_condition() {
  threading_condition condition;
  must(threading_condition_create(&condition));
  return condition;
}

static threading_status take(threading_lock lock) { return threading_lock_acquire(lock, THREADING_FOREVER); }
static threading_status take(threading_rlock lock) {
  return threading_rlock_acquire(lock, THREADING_FOREVER);
}
static threading_status give(threading_lock lock) { return threading_lock_release(lock); }
static threading_status give(threading_rlock lock) { return threading_rlock_release(lock); }

// The lock still is one: it is taken, given back, and destroyed.
static void look(threading_lock lock) {
  if (!returns([=] {
        must(take(lock));
        must(give(lock));
      }))
    return say("the lock is dead");
  const threading_status status = threading_lock_destroy(lock);
  if (status != THREADING_OK) say("it cannot be destroyed: " + name(status));
}

static threading_thread start(threading_target target, void *arg = nullptr) {
  threading_thread thread;
  must(threading_thread_spawn(target, arg, nullptr, &thread));
  return thread;
}

static threading_status join(threading_thread thread) {
  return threading_thread_join(thread, THREADING_FOREVER);
}

static void *forever(void *) {
  for (;;) pause();
}

// ---- Objects ----

ROW(never_created) {
  static threading_lock lock;
  say(name(take(lock)));
}

ROW(null) { say(name(threading_lock_create(null<threading_lock>()))); }
ROW(garbage) { say(name(take(*garbage<threading_lock>()))); }
ROW(other_kind) { say(name(take(threading_lock{make_condition().id}))); }

ROW(use_after_destroy) {
  const threading_lock lock = make();
  must(threading_lock_destroy(lock));
  say(name(take(lock)));
}

ROW(destroy_twice) {
  const threading_lock lock = make();
  must(threading_lock_destroy(lock));
  say(name(threading_lock_destroy(lock)));
}

// As many new ones as it takes for its memory to be used again, and more.
ROW(reused) {
  const threading_lock old = make();
  must(threading_lock_destroy(old));
  threading_lock others[1000];
  for (threading_lock &other : others) other = make();
  say(name(take(old)));
  for (const threading_lock other : others)
    if (threading_lock_locked(other)) say("a new object is locked");
}

ROW(copied) {
  static const threading_lock lock = make(), copy = lock;
  must(take(lock));
  threading_status status = THREADING_OK;
  if (!returns([&] { status = take(copy); })) return say("waits for the holder");
  say(name(status));
}

// ---- Locks ----

ROW(unlock_unlocked) {
  const threading_lock lock = make();
  say(name(give(lock)));
  look(lock);
}

template <class T>
static void unlock_foreign(T lock) {
  flag held;
  side holder([&] {
    must(take(lock));
    held.set();
    forever(nullptr);
  });
  held.wait();
  const threading_status status = give(lock);
  say(name(status));
  if (status == THREADING_OK && take(lock) == THREADING_OK) say("the lock is free while its holder goes on");
}

ROW(unlock_foreign) { unlock_foreign(make()); }
ROW(recursive_unlock_foreign) { unlock_foreign(make_rlock()); }

ROW(relock) {
  const threading_lock lock = make();
  must(take(lock));
  say(name(take(lock)));
}

ROW(relock_limited) {
  const threading_lock lock = make();
  must(take(lock));
  say(name(threading_lock_acquire(lock, THREADING_MILLISECONDS(50))));
}

ROW(destroy_held) {
  const threading_lock lock = make();
  must(take(lock));
  say(name(threading_lock_destroy(lock)));
  must(give(lock));
  look(lock);
}

ROW(destroy_awaited) {
  const threading_lock lock = make();
  must(take(lock));
  side waiter([=] {
    must(take(lock));
    must(give(lock));
  });
  waiter.sleeps();
  say(name(threading_lock_destroy(lock)));
  must(give(lock));
  if (!waiter.ends()) return say("who waits sleeps for ever");
  look(lock);
}

template <class T>
static void owner_dies(T lock) {
  must(join(start(
      [](void *arg) -> void * {
        must(take(*static_cast<T *>(arg)));
        return nullptr;
      },
      &lock)));
  say(name(take(lock)));
}

ROW(owner_dies) { owner_dies(make()); }
ROW(recursive_owner_dies) { owner_dies(make_rlock()); }

// Says what came of it unless it was taken, which is how it has to end for the other.
template <class T>
static void take_second(T lock) {
  const threading_status status = take(lock);
  if (status == THREADING_OK) must(give(lock));
  else say(name(status) + " to one, the other goes on");
}

template <class T>
static void opposite_order(T (*make)()) {
  static const T a = make(), b = make();
  static flag one, two;
  const threading_thread other = start([](void *) -> void * {
    must(take(b));
    two.set();
    one.wait();
    take_second(a);
    must(give(b));
    return nullptr;
  });
  must(take(a));
  one.set();
  two.wait();
  take_second(b);
  must(give(a));
  must(join(other));
}

ROW(opposite_order) { opposite_order(make); }
ROW(recursive_opposite_order) { opposite_order(make_rlock); }

// ---- Conditions ----

ROW(wait_without_lock) {
  say(name(threading_condition_wait(make_condition(), THREADING_MILLISECONDS(50))));
}

ROW(notify_without_lock) { say(name(threading_condition_notify(make_condition(), 1))); }

NONE(two_locks, "a condition has its lock for life");

ROW(destroy_condition_awaited) {
  const threading_condition condition = make_condition();
  side waiter([=] {
    must(threading_condition_acquire(condition, THREADING_FOREVER));
    must(threading_condition_wait(condition, THREADING_FOREVER));
    must(threading_condition_release(condition));
  });
  waiter.sleeps();
  say(name(threading_condition_destroy(condition)));
  must(threading_condition_acquire(condition, THREADING_FOREVER));
  must(threading_condition_notify(condition, 1));
  must(threading_condition_release(condition));
  if (!waiter.ends()) say("who waits sleeps for ever");
}

// ---- Semaphores and barriers ----

ROW(semaphore_overflow) {
  threading_semaphore semaphore;
  must(threading_semaphore_create_bounded(1, &semaphore));
  say(name(threading_semaphore_release(semaphore, 1)));
  if (threading_semaphore_value(semaphore) != 1) say("more may be inside than its bound");
}

ROW(semaphore_negative) {
  threading_semaphore semaphore;
  say(name(threading_semaphore_create(-1, &semaphore)));
}

ROW(destroy_semaphore_awaited) {
  static threading_semaphore semaphore;
  must(threading_semaphore_create(0, &semaphore));
  side waiter([] { must(threading_semaphore_acquire(semaphore, THREADING_FOREVER)); });
  waiter.sleeps();
  say(name(threading_semaphore_destroy(semaphore)));
  must(threading_semaphore_release(semaphore, 1));
  if (!waiter.ends()) say("who waits sleeps for ever");
}

static threading_barrier make_barrier(int64_t timeout_ns) {
  threading_barrier barrier;
  must(threading_barrier_create(2, nullptr, nullptr, timeout_ns, &barrier));
  return barrier;
}

ROW(barrier_of_zero) {
  threading_barrier barrier;
  say(name(threading_barrier_create(0, nullptr, nullptr, THREADING_FOREVER, &barrier)));
}

ROW(barrier_party_dies) {
  side([] {}).join();
  say(name(threading_barrier_wait(make_barrier(THREADING_MILLISECONDS(50)), THREADING_FOREVER, nullptr)) +
      " after the barrier's limit");
}

ROW(destroy_barrier_awaited) {
  const threading_barrier barrier = make_barrier(THREADING_FOREVER);
  side waiter([=] { must(threading_barrier_wait(barrier, THREADING_FOREVER, nullptr)); });
  waiter.sleeps();
  say(name(threading_barrier_destroy(barrier)));
  must(threading_barrier_wait(barrier, THREADING_FOREVER, nullptr));
  if (!waiter.ends()) say("who waits sleeps for ever");
}

// ---- Time ----

// A lock that somebody else holds, awaited for so long.
static std::string wait_for(int64_t timeout_ns) {
  static const threading_lock lock = make();
  must(take(lock));
  static std::string answer;
  return returns([=] { answer = name(threading_lock_acquire(lock, timeout_ns)); }) ? answer : "waits";
}

ROW(time_not_a_number) { say(wait_for(threading_seconds(std::numeric_limits<double>::quiet_NaN()))); }
ROW(time_negative) { say(wait_for(-2)); }
ROW(time_longest) { say(wait_for(INT64_MAX)); }

// ---- Threads ----

ROW(join_self) { say(name(join(threading_current_thread()))); }

ROW(join_twice) {
  const threading_thread thread = start([](void *) -> void * { return nullptr; });
  must(join(thread));
  say(name(join(thread)));
}

ROW(join_reused) {
  static int result, other_result;
  const threading_thread thread = start([](void *) -> void * { return &result; });
  must(join(thread));
  start([](void *) -> void * { return &other_result; });
  void *got = nullptr;
  say(name(join(thread)));
  must(threading_thread_result(thread, &got));
  if (got != &result) say("with the result of the new thread");
}

ROW(join_many) {
  static flag end;
  const threading_thread thread = start([](void *) -> void * {
    end.wait();
    return nullptr;
  });
  std::string answers[4];
  for (std::string &answer : answers) side([&] { answer = name(join(thread)); }).ends(50);
  end.set();
  const bool all = returns([&] {
    for (const std::string &answer : answers)
      while (answer.empty()) nap();
  });
  if (!all) return say("some never return");
  say_each(answers, 4);
}

ROW(join_circle) {
  static threading_thread threads[3];
  static flag ready;
  static std::atomic<int> refused;
  const auto next = [](void *arg) -> void * {
    ready.wait();
    const threading_status status = join(threads[(reinterpret_cast<size_t>(arg) + 1) % 3]);
    if (status == THREADING_E_DEADLOCK) refused++;
    return nullptr;
  };
  for (size_t i = 0; i < 3; i++) threads[i] = start(next, reinterpret_cast<void *>(i));
  ready.set();
  for (const threading_thread thread : threads) must(join(thread));
  if (refused == 1) say(name(THREADING_E_DEADLOCK) + " to one, the others go on");
  else say(std::to_string(refused) + " refused");
}

ROW(drop_running) { say(name(threading_thread_destroy(start(forever)))); }

ROW(drop_twice) {
  const threading_thread thread = start(forever);
  must(threading_thread_destroy(thread));
  say(name(threading_thread_destroy(thread)));
}

ROW(thread_limit) {
  no_room_for_a_stack();
  threading_thread thread;
  say(name(threading_thread_spawn(forever, nullptr, nullptr, &thread)));
}

ROW(tiny_stack) {
  threading_thread_options options = {};
  options.size = sizeof options;
  options.stack_size = 1;
  threading_thread thread;
  say(name(threading_thread_spawn(forever, nullptr, &options, &thread)));
}

ROW(long_name) {
  const std::string wanted = "a name of twenty-six bytes";
  char kept[64];
  say(name(threading_thread_set_name(threading_current_thread(), wanted.c_str())));
  must(threading_thread_name(threading_current_thread(), kept, sizeof kept, nullptr));
  say(kept == wanted ? "kept as it is" : "cut");
}

ROW(many_locals) {
  for (int i = 0; i < 2000; i++) {
    threading_local local;
    must(threading_local_create(nullptr, &local));
    must(threading_local_set(local, &local));
  }
  say(name(THREADING_OK));
}

ROW(exit_thread) {
  const threading_thread thread = start([](void *) -> void * { pthread_exit(nullptr); });
  say(name(join(thread)));
  void *result;
  say("its result: " + name(threading_thread_result(thread, &result)));
}

ROW(exception_thread) {
  const threading_thread thread = start([](void *) -> void * { throw 1; });
  say(name(join(thread)));
}

// ---- Pools ----

// Of one worker.
static threading_pool make_pool() {
  threading_pool pool;
  must(threading_pool_create(1, nullptr, &pool));
  return pool;
}

static threading_future submit(threading_pool pool, threading_target target) {
  threading_future future;
  must(threading_pool_submit(pool, target, nullptr, &future));
  return future;
}

static threading_status wait(threading_future future) {
  void *result;
  return threading_future_result(future, THREADING_FOREVER, &result);
}

static void *nothing(void *) { return nullptr; }

// The pool still is one.
static void look(threading_pool pool) {
  if (!returns([=] { must(wait(submit(pool, nothing))); })) say("the pool is dead");
}

ROW(pool_waits_for_itself) {
  static const threading_pool pool = make_pool();
  must(wait(submit(pool, [](void *) -> void * {
    must(wait(submit(pool, nothing)));
    return nullptr;
  })));
  say("both tasks are done");
}

ROW(pool_exit_task) {
  const threading_pool pool = make_pool();
  say("its future: " + name(wait(submit(pool, [](void *) -> void * { pthread_exit(nullptr); }))));
  look(pool);
}

ROW(pool_exception) {
  const threading_pool pool = make_pool();
  say("its future: " + name(wait(submit(pool, [](void *) -> void * { throw 1; }))));
  look(pool);
}

ROW(pool_submit_late) {
  const threading_pool pool = make_pool();
  must(threading_pool_shutdown(pool, 1, 0));
  threading_future future;
  say(name(threading_pool_submit(pool, nothing, nullptr, &future)));
  must(threading_pool_destroy(pool));
  say("once destroyed: " + name(threading_pool_submit(pool, nothing, nullptr, &future)));
}

ROW(pool_destroy_busy) {
  const threading_pool pool = make_pool();
  static flag running, open;
  static std::atomic<int> done;
  submit(pool, [](void *) -> void * {
    running.set();
    open.wait();
    done++;
    return nullptr;
  });
  for (int i = 0; i < 3; i++)
    submit(pool, [](void *) -> void * {
      done++;
      return nullptr;
    });
  running.wait();
  say(name(threading_pool_destroy(pool)));
  open.set();
  const bool all = returns([] {
    while (done < 4) nap();
  });
  say(all ? "all tasks are done" : "tasks are lost");
}

ROW(fork_pool) {
  const threading_pool pool = make_pool();
  must(wait(submit(pool, nothing)));
  in_child([=] {
    must(wait(submit(pool, nothing)));
    say("the task is done");
  });
}

// ---- Processes ----

template <class T>
static void fork_held(T lock) {
  flag held;
  side holder([&] {
    must(take(lock));
    held.set();
    forever(nullptr);
  });
  held.wait();
  in_child([=] { say(name(take(lock))); });
}

ROW(fork_held) { fork_held(make()); }
ROW(fork_recursive_held) { fork_held(make_rlock()); }

// What becomes of a thread that still works when the process ends.
static void end_while_another_works(void (*end)()) {
  static flag *const finished = shared<flag>(), *const works = new flag;
  in_child([=] {
    start([](void *) -> void * {
      works->set();
      usleep(50000);
      finished->set();
      return nullptr;
    });
    works->wait();
    end();
    forever(nullptr);
  });
  say(finished->is_set() ? "the other thread finishes first" : "the other thread is cut off");
}

ROW(main_returns) {
  end_while_another_works([] { exit(0); });
}

ROW(exit_in_thread) {
  end_while_another_works([] {
    start([](void *) -> void * { exit(0); });
    // The end of the process waits for those who have not ended, and main has to let it.
    forever(nullptr);
  });
}

ROW(dlclose) {
  void *const library = second_copy(reinterpret_cast<void *>(threading_thread_spawn));
  const auto sleep_there = find<decltype(threading_sleep)>(library, "threading_sleep");
  static decltype(threading_sleep) *sleep;
  sleep = sleep_there;
  threading_thread thread;
  must(find<decltype(threading_thread_spawn)>(library, "threading_thread_spawn")(
      [](void *) -> void * {
        must(sleep(THREADING_MILLISECONDS(50)));
        return nullptr;
      },
      nullptr, nullptr, &thread));
  say_dlclose(library, reinterpret_cast<void *>(sleep_there));
}

MISUSE_MAIN(std::string("libthreading ") + std::to_string(THREADING_VERSION_MAJOR) + "." +
            std::to_string(THREADING_VERSION_MINOR))
