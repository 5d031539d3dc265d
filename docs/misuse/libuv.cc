// libuv. Locks return nothing: what fails ends the process.
#include "misuse.h"

#include <climits>
#include <uv.h>

// libuv has not a name for every error of the system's.
static std::string name(int rc) {
  const std::string known = uv_err_name(rc);
  if (rc != 0 && known.starts_with("Unknown")) return code(std::string("-") + strerrorname_np(-rc));
  return code(rc == 0 ? "0" : "UV_" + known);
}

static uv_mutex_t *make() {
  uv_mutex_t *const lock = new uv_mutex_t;
  if (uv_mutex_init(lock) != 0) abort();
  return lock;
}

static uv_mutex_t *make_recursive() {
  uv_mutex_t *const lock = new uv_mutex_t;
  if (uv_mutex_init_recursive(lock) != 0) abort();
  return lock;
}

static void lock_and_say(uv_mutex_t *lock) {
  uv_mutex_lock(lock);
  say("returns");
}

// The lock still is one: it is taken, given back and destroyed.
static void look(uv_mutex_t *lock) {
  if (!returns([=] {
        uv_mutex_lock(lock);
        uv_mutex_unlock(lock);
      }))
    return say("the lock is dead");
  say("to destroy it:");
  uv_mutex_destroy(lock);
  say("returns");
}

static uv_thread_t start(uv_thread_cb target, void *arg = nullptr) {
  uv_thread_t thread;
  if (uv_thread_create(&thread, target, arg) != 0) abort();
  return thread;
}

static void forever(void *) {
  for (;;) pause();
}

// ---- Objects ----

UNDEFINED(never_created) {
  static uv_mutex_t lock;
  lock_and_say(&lock);
}

UNDEFINED(null) { lock_and_say(null<uv_mutex_t>()); }
UNDEFINED(garbage) { lock_and_say(garbage<uv_mutex_t>()); }

UNDEFINED(other_kind) {
  uv_cond_t condition;
  uv_cond_init(&condition);
  lock_and_say(as<uv_mutex_t>(&condition));
}

UNDEFINED(use_after_destroy) {
  uv_mutex_t *const lock = make();
  uv_mutex_destroy(lock);
  lock_and_say(lock);
}

UNDEFINED(destroy_twice) {
  uv_mutex_t *const lock = make();
  uv_mutex_destroy(lock);
  uv_mutex_destroy(lock);
  say("returns");
}

UNDEFINED(reused) {
  uv_mutex_t *const lock = make(), *const old = as<uv_mutex_t>(lock);
  uv_mutex_destroy(lock);
  delete lock;
  uv_mutex_t *const other = make();
  lock_and_say(old);
  if (uv_mutex_trylock(other) != 0) say("the new object is locked");
}

UNDEFINED(copied) {
  uv_mutex_t *const lock = make();
  uv_mutex_t copy = *lock;
  uv_mutex_lock(lock);
  if (!returns([&] { uv_mutex_lock(&copy); })) return say("waits for the holder");
  say("returns");
  say("two threads hold it");
}

// ---- Locks ----

UNDEFINED(unlock_unlocked) {
  uv_mutex_t *const lock = make();
  uv_mutex_unlock(lock);
  say("returns");
  look(lock);
}

static void unlock_foreign(uv_mutex_t *lock) {
  flag held;
  side holder([&] {
    uv_mutex_lock(lock);
    held.set();
    forever(nullptr);
  });
  held.wait();
  uv_mutex_unlock(lock);
  say("returns");
  if (uv_mutex_trylock(lock) == 0) say("the lock is free while its holder goes on");
}

UNDEFINED(unlock_foreign) { unlock_foreign(make()); }
UNDEFINED(recursive_unlock_foreign) { unlock_foreign(make_recursive()); }

UNDEFINED(relock) {
  uv_mutex_t *const lock = make();
  uv_mutex_lock(lock);
  lock_and_say(lock);
}

NONE(relock_limited, "locks have no time limit");

UNDEFINED(destroy_held) {
  uv_mutex_t *const lock = make();
  uv_mutex_lock(lock);
  uv_mutex_destroy(lock);
  say("returns");
}

UNDEFINED(destroy_awaited) {
  uv_mutex_t *const lock = make();
  uv_mutex_lock(lock);
  side waiter([=] {
    uv_mutex_lock(lock);
    uv_mutex_unlock(lock);
  });
  waiter.sleeps();
  uv_mutex_destroy(lock);
  say("returns");
  uv_mutex_unlock(lock);
  if (!waiter.ends()) say("who waits sleeps for ever");
}

static void owner_dies(uv_mutex_t *lock) {
  uv_thread_t owner = start([](void *arg) { uv_mutex_lock(static_cast<uv_mutex_t *>(arg)); }, lock);
  uv_thread_join(&owner);
  lock_and_say(lock);
}

UNDEFINED(owner_dies) { owner_dies(make()); }
UNDEFINED(recursive_owner_dies) { owner_dies(make_recursive()); }

static void opposite_order(uv_mutex_t *a, uv_mutex_t *b) {
  flag one, two;
  side other([&] {
    uv_mutex_lock(b);
    two.set();
    one.wait();
    uv_mutex_lock(a);
  });
  uv_mutex_lock(a);
  one.set();
  two.wait();
  lock_and_say(b);
}

ROW(opposite_order) { opposite_order(make(), make()); }
ROW(recursive_opposite_order) { opposite_order(make_recursive(), make_recursive()); }

// ---- Conditions ----

static uv_cond_t *make_condition() {
  uv_cond_t *const condition = new uv_cond_t;
  if (uv_cond_init(condition) != 0) abort();
  return condition;
}

static const uint64_t fifty_ms = 50000000;

UNDEFINED(wait_without_lock) {
  uv_mutex_t *const lock = make();
  const int rc = uv_cond_timedwait(make_condition(), lock, fifty_ms);
  say(name(rc));
  uv_mutex_unlock(lock);
  look(lock);
}

ROW(notify_without_lock) {
  uv_cond_signal(make_condition());
  say("returns");
}

UNDEFINED(two_locks) {
  static uv_cond_t *const condition = make_condition();
  std::string answers[2];
  const auto wait = [](std::string *answer) {
    uv_mutex_t *const lock = make();
    uv_mutex_lock(lock);
    *answer = name(uv_cond_timedwait(condition, lock, fifty_ms));
  };
  side one([&] { wait(&answers[0]); }), two([&] { wait(&answers[1]); });
  one.join();
  two.join();
  say_each(answers, 2);
}

UNDEFINED(destroy_condition_awaited) {
  uv_mutex_t *const lock = make();
  uv_cond_t *const condition = make_condition();
  side waiter([=] {
    uv_mutex_lock(lock);
    uv_cond_wait(condition, lock);
  });
  waiter.sleeps();
  uv_cond_destroy(condition);
  say("returns");
}

// ---- Semaphores and barriers ----

UNDEFINED(semaphore_overflow) {
  uv_sem_t semaphore;
  uv_sem_init(&semaphore, INT_MAX);
  uv_sem_post(&semaphore);
  say("returns");
}

ROW(semaphore_negative) {
  uv_sem_t semaphore;
  say(name(uv_sem_init(&semaphore, static_cast<unsigned>(-1))));
}

UNDEFINED(destroy_semaphore_awaited) {
  static uv_sem_t semaphore;
  uv_sem_init(&semaphore, 0);
  side waiter([] { uv_sem_wait(&semaphore); });
  waiter.sleeps();
  uv_sem_destroy(&semaphore);
  say("returns");
  if (!waiter.ends()) say("who waits sleeps for ever");
}

ROW(barrier_of_zero) {
  uv_barrier_t barrier;
  say(name(uv_barrier_init(&barrier, 0)));
}

ROW(barrier_party_dies) {
  uv_barrier_t barrier;
  uv_barrier_init(&barrier, 2);
  side([] {}).join();
  uv_barrier_wait(&barrier);
  say("returns");
}

UNDEFINED(destroy_barrier_awaited) {
  static uv_barrier_t barrier;
  uv_barrier_init(&barrier, 2);
  side waiter([] { uv_barrier_wait(&barrier); });
  waiter.sleeps();
  uv_barrier_destroy(&barrier);
  say("returns");
  if (!waiter.ends()) say("who waits sleeps for ever");
}

// ---- Time ----

NONE(time_not_a_number, "times are integers");
NONE(time_negative, "times are unsigned");

ROW(time_longest) {
  static uv_mutex_t *const lock = make();
  static uv_cond_t *const condition = make_condition();
  static std::string answer;
  const bool ended = returns([] {
    uv_mutex_lock(lock);
    answer = name(uv_cond_timedwait(condition, lock, UINT64_MAX));
  });
  say(ended ? answer + " at once" : "waits");
}

// ---- Threads ----

UNDEFINED(join_self) {
  uv_thread_t self = uv_thread_self();
  say(name(uv_thread_join(&self)));
}

UNDEFINED(join_twice) {
  uv_thread_t thread = start([](void *) {});
  uv_thread_join(&thread);
  say(name(uv_thread_join(&thread)));
}

UNDEFINED(join_reused) {
  uv_thread_t thread = start([](void *) {});
  uv_thread_join(&thread);
  const uv_thread_t other = start([](void *) {});
  const int rc = uv_thread_join(&thread);
  say(name(rc));
  if (rc == 0 && uv_thread_equal(&thread, &other)) say("it was the new thread");
}

UNDEFINED(join_many) {
  static flag end;
  const uv_thread_t thread = start([](void *) { end.wait(); });
  std::string answers[4];
  for (std::string &answer : answers)
    side([&, copy = thread]() mutable { answer = name(uv_thread_join(&copy)); }).ends(50);
  end.set();
  const bool all = returns([&] {
    for (const std::string &answer : answers)
      while (answer.empty()) nap();
  });
  if (!all) return say("some never return");
  say_each(answers, 4);
}

ROW(join_circle) {
  static uv_thread_t threads[3];
  static flag ready;
  const auto next = [](void *arg) {
    ready.wait();
    const int rc = uv_thread_join(&threads[(reinterpret_cast<size_t>(arg) + 1) % 3]);
    if (rc != 0) say(name(rc) + " to one of them");
  };
  for (size_t i = 0; i < 3; i++) threads[i] = start(next, reinterpret_cast<void *>(i));
  ready.set();
  forever(nullptr);
}

NONE(drop_running, "every thread has to be joined");
NONE(drop_twice, "every thread has to be joined");

ROW(thread_limit) {
  no_room_for_a_stack();
  uv_thread_t thread;
  say(name(uv_thread_create(&thread, forever, nullptr)));
}

ROW(tiny_stack) {
  const uv_thread_options_t options = {UV_THREAD_HAS_STACK_SIZE, 1};
  uv_thread_t thread;
  say(name(uv_thread_create_ex(&thread, &options, forever, nullptr)));
  say("with a larger one");
}

NONE(long_name, "no names");

ROW(many_locals) {
  for (int i = 0; i < 2000; i++) {
    uv_key_t key;
    const int rc = uv_key_create(&key);
    if (rc != 0) return say(name(rc) + " after " + std::to_string(i));
  }
  say(name(0));
}

UNDEFINED(exit_thread) {
  uv_thread_t thread = start([](void *) { pthread_exit(nullptr); });
  say(name(uv_thread_join(&thread)));
}

UNDEFINED(exception_thread) {
  uv_thread_t thread = start([](void *) { throw 1; });
  say(name(uv_thread_join(&thread)));
}

// ---- Pools ----

// The one pool of the process, with one worker; a task is a function.
typedef void (*task)();

static void push(uv_loop_t *loop, task body) {
  setenv("UV_THREADPOOL_SIZE", "1", 0);
  uv_work_t *const work = new uv_work_t;
  work->data = reinterpret_cast<void *>(body);
  const int rc = uv_queue_work(
      loop, work, [](uv_work_t *self) { reinterpret_cast<task>(self->data)(); }, [](uv_work_t *, int) {});
  if (rc != 0) abort();
}

static uv_loop_t *loop() { return uv_default_loop(); }

ROW(pool_waits_for_itself) {
  static flag inner;
  push(loop(), [] {
    uv_loop_t own;
    uv_loop_init(&own);
    push(&own, [] { inner.set(); });
    inner.wait();
    say("both tasks are done");
  });
  uv_run(loop(), UV_RUN_DEFAULT);
}

// The pool still is one.
static void look() {
  static flag done;
  push(loop(), [] { done.set(); });
  if (!returns([] { done.wait(); })) say("the pool is dead");
}

UNDEFINED(pool_exit_task) {
  push(loop(), [] { pthread_exit(nullptr); });
  look();
}

UNDEFINED(pool_exception) {
  push(loop(), [] { throw 1; });
  look();
}

NONE(pool_submit_late, "the pool cannot be shut down");

ROW(pool_destroy_busy) {
  static flag open;
  push(loop(), [] { open.wait(); });
  say(name(uv_loop_close(loop())));
  open.set();
  uv_run(loop(), UV_RUN_DEFAULT);
  say("all tasks are done");
}

UNDEFINED(fork_pool) {
  push(loop(), [] {});
  uv_run(loop(), UV_RUN_DEFAULT);
  in_child([] {
    if (uv_loop_fork(loop()) != 0) abort();
    push(loop(), [] { say("the task is done"); });
    uv_run(loop(), UV_RUN_DEFAULT);
  });
}

// ---- Processes ----

static void fork_held(uv_mutex_t *lock) {
  flag held;
  side holder([&] {
    uv_mutex_lock(lock);
    held.set();
    forever(nullptr);
  });
  held.wait();
  in_child([=] { lock_and_say(lock); });
}

UNDEFINED(fork_held) { fork_held(make()); }
UNDEFINED(fork_recursive_held) { fork_held(make_recursive()); }

// What becomes of a thread that still works when the process ends.
static void end_while_another_works(void (*end)()) {
  static flag *const finished = shared<flag>(), *const works = new flag;
  in_child([=] {
    start([](void *) {
      works->set();
      usleep(50000);
      finished->set();
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
  end_while_another_works([] { start([](void *) { exit(0); }); });
}

// Its pool's threads are inside it.
UNDEFINED(dlclose) {
  void *const library = second_copy(reinterpret_cast<void *>(uv_queue_work));
  uv_loop_t *const own = find<decltype(uv_default_loop)>(library, "uv_default_loop")();
  static uv_work_t work;
  const auto queue = find<decltype(uv_queue_work)>(library, "uv_queue_work");
  queue(own, &work, [](uv_work_t *) { usleep(50000); }, nullptr);
  say_dlclose(library, reinterpret_cast<void *>(queue));
}

MISUSE_MAIN(std::string("libuv ") + uv_version_string())
