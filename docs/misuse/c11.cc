// threads.h of C11.
#include "misuse.h"

#include <gnu/libc-version.h>
#include <threads.h>

static std::string name(int rc) {
  switch (rc) {
    case thrd_success: return code("thrd_success");
    case thrd_busy: return code("thrd_busy");
    case thrd_error: return code("thrd_error");
    case thrd_nomem: return code("thrd_nomem");
    case thrd_timedout: return code("thrd_timedout");
    default: return code(std::to_string(rc));
  }
}

static mtx_t *make(int type = mtx_plain) {
  mtx_t *const lock = new mtx_t;
  if (mtx_init(lock, type) != thrd_success) abort();
  return lock;
}

static std::string lock_name(mtx_t *lock) { return name(mtx_lock(lock)); }

// The lock still is one: it is taken and given back. Destroying says nothing.
static void look(mtx_t *lock) {
  if (!returns([=] {
        mtx_lock(lock);
        mtx_unlock(lock);
      }))
    say("the lock is dead");
}

static timespec in(int milliseconds) {
  timespec time;
  timespec_get(&time, TIME_UTC);
  time.tv_nsec += milliseconds * 1000000L;
  time.tv_sec += time.tv_nsec / 1000000000;
  time.tv_nsec %= 1000000000;
  return time;
}

static thrd_t start(thrd_start_t target) {
  thrd_t thread;
  if (thrd_create(&thread, target, nullptr) != thrd_success) abort();
  return thread;
}

static int forever(void *) {
  for (;;) pause();
}

// ---- Objects ----

UNDEFINED(never_created) {
  static mtx_t lock;
  say(lock_name(&lock));
}

UNDEFINED(null) { say(lock_name(null<mtx_t>())); }
UNDEFINED(garbage) { say(lock_name(garbage<mtx_t>())); }

UNDEFINED(other_kind) {
  cnd_t condition;
  cnd_init(&condition);
  say(lock_name(as<mtx_t>(&condition)));
}

UNDEFINED(use_after_destroy) {
  mtx_t *const lock = make();
  mtx_destroy(lock);
  say(lock_name(lock));
}

UNDEFINED(destroy_twice) {
  mtx_t *const lock = make();
  mtx_destroy(lock);
  mtx_destroy(lock);
  say("returns");
}

UNDEFINED(reused) {
  mtx_t *const lock = make(), *const old = as<mtx_t>(lock);
  mtx_destroy(lock);
  delete lock;
  mtx_t *const other = make();
  say(lock_name(old));
  if (mtx_trylock(other) == thrd_busy) say("the new object is locked");
}

UNDEFINED(copied) {
  mtx_t *const lock = make();
  mtx_t copy = *lock;
  mtx_lock(lock);
  int rc = -1;
  if (!returns([&] { rc = mtx_lock(&copy); })) return say("waits for the holder");
  say(name(rc));
  say("two threads hold it");
}

// ---- Locks ----

UNDEFINED(unlock_unlocked) {
  mtx_t *const lock = make();
  say(name(mtx_unlock(lock)));
  look(lock);
}

static void unlock_foreign(mtx_t *lock) {
  flag held;
  side holder([&] {
    mtx_lock(lock);
    held.set();
    forever(nullptr);
  });
  held.wait();
  say(name(mtx_unlock(lock)));
  if (mtx_trylock(lock) == thrd_success) say("the lock is free while its holder goes on");
}

UNDEFINED(unlock_foreign) { unlock_foreign(make()); }
UNDEFINED(recursive_unlock_foreign) { unlock_foreign(make(mtx_plain | mtx_recursive)); }

UNDEFINED(relock) {
  mtx_t *const lock = make();
  mtx_lock(lock);
  say(lock_name(lock));
}

UNDEFINED(relock_limited) {
  mtx_t *const lock = make(mtx_timed);
  mtx_lock(lock);
  const timespec limit = in(50);
  say(name(mtx_timedlock(lock, &limit)));
}

UNDEFINED(destroy_held) {
  mtx_t *const lock = make();
  mtx_lock(lock);
  mtx_destroy(lock);
  say("returns");
  mtx_unlock(lock);
  look(lock);
}

UNDEFINED(destroy_awaited) {
  mtx_t *const lock = make();
  mtx_lock(lock);
  side waiter([=] {
    if (mtx_lock(lock) == thrd_success) mtx_unlock(lock);
  });
  waiter.sleeps();
  mtx_destroy(lock);
  say("returns");
  mtx_unlock(lock);
  if (!waiter.ends()) say("who waits sleeps for ever");
}

static void owner_dies(mtx_t *lock) {
  side([=] { mtx_lock(lock); }).join();
  say(lock_name(lock));
}

ROW(owner_dies) { owner_dies(make()); }
ROW(recursive_owner_dies) { owner_dies(make(mtx_plain | mtx_recursive)); }

static void opposite_order(mtx_t *a, mtx_t *b) {
  flag one, two;
  side other([&] {
    mtx_lock(b);
    two.set();
    one.wait();
    mtx_lock(a);
  });
  mtx_lock(a);
  one.set();
  two.wait();
  say(lock_name(b));
}

ROW(opposite_order) { opposite_order(make(), make()); }
ROW(recursive_opposite_order) {
  opposite_order(make(mtx_plain | mtx_recursive), make(mtx_plain | mtx_recursive));
}

// ---- Conditions ----

UNDEFINED(wait_without_lock) {
  mtx_t *const lock = make();
  cnd_t condition;
  cnd_init(&condition);
  const timespec limit = in(50);
  const int rc = cnd_timedwait(&condition, lock, &limit);
  say(name(rc));
  if (rc == thrd_timedout) mtx_unlock(lock);
  look(lock);
}

ROW(notify_without_lock) {
  cnd_t condition;
  cnd_init(&condition);
  say(name(cnd_signal(&condition)));
}

UNDEFINED(two_locks) {
  static cnd_t condition;
  cnd_init(&condition);
  std::string answers[2];
  const auto wait = [](std::string *answer) {
    mtx_t *const lock = make();
    mtx_lock(lock);
    const timespec limit = in(50);
    *answer = name(cnd_timedwait(&condition, lock, &limit));
  };
  side one([&] { wait(&answers[0]); }), two([&] { wait(&answers[1]); });
  one.join();
  two.join();
  say_each(answers, 2);
}

UNDEFINED(destroy_condition_awaited) {
  mtx_t *const lock = make();
  static cnd_t condition;
  cnd_init(&condition);
  side waiter([=] {
    mtx_lock(lock);
    cnd_wait(&condition, lock);
  });
  waiter.sleeps();
  cnd_destroy(&condition);
  say("returns");
}

// ---- Semaphores and barriers ----

NONE(semaphore_overflow, "no semaphores");
NONE(semaphore_negative, "no semaphores");
NONE(destroy_semaphore_awaited, "no semaphores");
NONE(barrier_of_zero, "no barriers");
NONE(barrier_party_dies, "no barriers");
NONE(destroy_barrier_awaited, "no barriers");

// ---- Time ----

NONE(time_not_a_number, "times are integers");

// A lock that somebody else holds, awaited until then.
static std::string wait_until(timespec limit) {
  static mtx_t *const lock = make(mtx_timed);
  side([] { mtx_lock(lock); }).join();
  static std::string answer;
  return returns([=] { answer = name(mtx_timedlock(lock, &limit)); }) ? answer : "waits";
}

ROW(time_negative) { say(wait_until({-2, 0})); }
ROW(time_longest) { say(wait_until({INT64_MAX, 999999999})); }

// ---- Threads ----

UNDEFINED(join_self) { say(name(thrd_join(thrd_current(), nullptr))); }

UNDEFINED(join_twice) {
  const thrd_t thread = start([](void *) -> int { return 0; });
  thrd_join(thread, nullptr);
  say(name(thrd_join(thread, nullptr)));
}

UNDEFINED(join_reused) {
  const thrd_t thread = start([](void *) -> int { return 1; });
  thrd_join(thread, nullptr);
  start([](void *) -> int { return 2; });
  int result = 0;
  say(name(thrd_join(thread, &result)));
  if (result == 2) say("with the result of the new thread");
}

UNDEFINED(join_many) {
  static flag end;
  const thrd_t thread = start([](void *) -> int {
    end.wait();
    return 0;
  });
  std::string answers[4];
  for (std::string &answer : answers) side([&] { answer = name(thrd_join(thread, nullptr)); }).ends(50);
  end.set();
  const bool all = returns([&] {
    for (const std::string &answer : answers)
      while (answer.empty()) nap();
  });
  if (!all) return say("some never return");
  say_each(answers, 4);
}

ROW(join_circle) {
  static thrd_t threads[3];
  static flag ready;
  const auto next = [](void *arg) -> int {
    const size_t i = reinterpret_cast<size_t>(arg);
    ready.wait();
    const int rc = thrd_join(threads[(i + 1) % 3], nullptr);
    if (rc != thrd_success) say(name(rc) + " to one of them");
    return 0;
  };
  for (size_t i = 0; i < 3; i++) thrd_create(&threads[i], next, reinterpret_cast<void *>(i));
  ready.set();
  forever(nullptr);
}

ROW(drop_running) { say(name(thrd_detach(start(forever)))); }

UNDEFINED(drop_twice) {
  const thrd_t thread = start(forever);
  thrd_detach(thread);
  say(name(thrd_detach(thread)));
}

ROW(thread_limit) {
  no_room_for_a_stack();
  thrd_t thread;
  say(name(thrd_create(&thread, forever, nullptr)));
}

NONE(tiny_stack, "no stack sizes");
NONE(long_name, "no names");

UNDEFINED(exit_thread) {
  const thrd_t thread = start([](void *) -> int { pthread_exit(nullptr); });
  say(name(thrd_join(thread, nullptr)));
}

UNDEFINED(exception_thread) {
  const thrd_t thread = start([](void *) -> int { throw 1; });
  say(name(thrd_join(thread, nullptr)));
}

ROW(many_locals) {
  for (int i = 0; i < 2000; i++) {
    tss_t key;
    const int rc = tss_create(&key, nullptr);
    if (rc != thrd_success) return say(name(rc) + " after " + std::to_string(i));
  }
  say(name(thrd_success));
}

// ---- Pools ----

NONE(pool_waits_for_itself, "no pools");
NONE(pool_exit_task, "no pools");
NONE(pool_exception, "no pools");
NONE(pool_submit_late, "no pools");
NONE(pool_destroy_busy, "no pools");
NONE(fork_pool, "no pools");

// ---- Processes ----

static void fork_held(mtx_t *lock) {
  flag held;
  side holder([&] {
    mtx_lock(lock);
    held.set();
    forever(nullptr);
  });
  held.wait();
  in_child([=] { say(lock_name(lock)); });
}

UNDEFINED(fork_held) { fork_held(make()); }
UNDEFINED(fork_recursive_held) { fork_held(make(mtx_plain | mtx_recursive)); }

// What becomes of a thread that still works when the process ends.
static void end_while_another_works(void (*end)()) {
  static flag *const finished = shared<flag>(), *const works = new flag;
  in_child([=] {
    start([](void *) -> int {
      works->set();
      usleep(50000);
      finished->set();
      return 0;
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
    start([](void *) -> int { exit(0); });
  });
}

NONE(dlclose, "cannot be unloaded");

MISUSE_MAIN(std::string("glibc ") + gnu_get_libc_version())
