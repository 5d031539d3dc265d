// GLib. Most of its calls return nothing: it reports what it finds by ending the process.
#include "misuse.h"

#include <glib.h>

static GMutex *make() {
  GMutex *const lock = new GMutex;
  g_mutex_init(lock);
  return lock;
}

static void lock_and_say(GMutex *lock) {
  g_mutex_lock(lock);
  say("returns");
}

// The lock still is one: it is taken and given back.
static void look(GMutex *lock) {
  if (!returns([=] {
        g_mutex_lock(lock);
        g_mutex_unlock(lock);
      }))
    say("the lock is dead");
}

static GThread *start(GThreadFunc target, void *arg = nullptr) { return g_thread_new("thread", target, arg); }

static void *forever(void *) {
  for (;;) pause();
}

static std::string name(gboolean answer) { return code(answer ? "TRUE" : "FALSE"); }

// ---- Objects ----

ROW(never_created) {
  static GMutex lock;
  lock_and_say(&lock);
}

UNDEFINED(null) { lock_and_say(null<GMutex>()); }
UNDEFINED(garbage) { lock_and_say(garbage<GMutex>()); }

UNDEFINED(other_kind) {
  GCond condition;
  g_cond_init(&condition);
  lock_and_say(as<GMutex>(&condition));
}

UNDEFINED(use_after_destroy) {
  GMutex *const lock = make();
  g_mutex_clear(lock);
  lock_and_say(lock);
}

UNDEFINED(destroy_twice) {
  GMutex *const lock = make();
  g_mutex_clear(lock);
  g_mutex_clear(lock);
  say("returns");
}

UNDEFINED(reused) {
  GMutex *const lock = make(), *const old = as<GMutex>(lock);
  g_mutex_clear(lock);
  delete lock;
  GMutex *const other = make();
  lock_and_say(old);
  if (!g_mutex_trylock(other)) say("the new object is locked");
}

UNDEFINED(copied) {
  GMutex *const lock = make();
  GMutex copy = *lock;
  g_mutex_lock(lock);
  if (!returns([&] { g_mutex_lock(&copy); })) return say("waits for the holder");
  say("returns");
  say("two threads hold it");
}

// ---- Locks ----

UNDEFINED(unlock_unlocked) {
  GMutex *const lock = make();
  g_mutex_unlock(lock);
  say("returns");
  look(lock);
}

UNDEFINED(unlock_foreign) {
  static GMutex *const lock = make();
  static flag held;
  start([](void *) -> void * {
    g_mutex_lock(lock);
    held.set();
    return forever(nullptr);
  });
  held.wait();
  g_mutex_unlock(lock);
  say("returns");
  if (g_mutex_trylock(lock)) say("the lock is free while its holder goes on");
}

UNDEFINED(recursive_unlock_foreign) {
  static GRecMutex lock;
  static flag held;
  start([](void *) -> void * {
    g_rec_mutex_lock(&lock);
    held.set();
    return forever(nullptr);
  });
  held.wait();
  g_rec_mutex_unlock(&lock);
  say("returns");
  if (g_rec_mutex_trylock(&lock)) say("the lock is free while its holder goes on");
}

UNDEFINED(relock) {
  GMutex *const lock = make();
  g_mutex_lock(lock);
  lock_and_say(lock);
}

NONE(relock_limited, "locks have no time limit");

UNDEFINED(destroy_held) {
  GMutex *const lock = make();
  g_mutex_lock(lock);
  g_mutex_clear(lock);
  say("returns");
}

UNDEFINED(destroy_awaited) {
  GMutex *const lock = make();
  g_mutex_lock(lock);
  side waiter([=] {
    g_mutex_lock(lock);
    g_mutex_unlock(lock);
  });
  waiter.sleeps();
  g_mutex_clear(lock);
  say("returns");
  g_mutex_unlock(lock);
  if (!waiter.ends()) say("who waits sleeps for ever");
}

UNDEFINED(owner_dies) {
  static GMutex lock;
  g_thread_join(start([](void *) -> void * {
    g_mutex_lock(&lock);
    return nullptr;
  }));
  lock_and_say(&lock);
}

UNDEFINED(recursive_owner_dies) {
  static GRecMutex lock;
  g_thread_join(start([](void *) -> void * {
    g_rec_mutex_lock(&lock);
    return nullptr;
  }));
  g_rec_mutex_lock(&lock);
  say("returns");
}

template <class T>
static void opposite_order(void (*lock)(T *)) {
  static T a, b;
  flag one, two;
  side other([&] {
    lock(&b);
    two.set();
    one.wait();
    lock(&a);
  });
  lock(&a);
  one.set();
  two.wait();
  lock(&b);
  say("returns");
}

ROW(opposite_order) { opposite_order<GMutex>(g_mutex_lock); }
ROW(recursive_opposite_order) { opposite_order<GRecMutex>(g_rec_mutex_lock); }

// ---- Conditions ----

UNDEFINED(wait_without_lock) {
  GMutex *const lock = make();
  static GCond condition;
  say(name(g_cond_wait_until(&condition, lock, g_get_monotonic_time() + 50000)));
  g_mutex_unlock(lock);
  look(lock);
}

ROW(notify_without_lock) {
  static GCond condition;
  g_cond_signal(&condition);
  say("returns");
}

UNDEFINED(two_locks) {
  static GCond condition;
  std::string answers[2];
  const auto wait = [](std::string *answer) {
    GMutex *const lock = make();
    g_mutex_lock(lock);
    *answer = name(g_cond_wait_until(&condition, lock, g_get_monotonic_time() + 50000));
  };
  side one([&] { wait(&answers[0]); }), two([&] { wait(&answers[1]); });
  one.join();
  two.join();
  say_each(answers, 2);
}

UNDEFINED(destroy_condition_awaited) {
  GMutex *const lock = make();
  static GCond condition;
  g_cond_init(&condition);
  side waiter([=] {
    g_mutex_lock(lock);
    g_cond_wait(&condition, lock);
  });
  waiter.sleeps();
  g_cond_clear(&condition);
  say("returns");
  if (!waiter.ends()) say("who waits sleeps for ever");
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

static std::string wait_until(gint64 limit) {
  static GMutex lock;
  static GCond condition;
  static std::string answer;
  const bool ended = returns([=] {
    g_mutex_lock(&lock);
    answer = name(g_cond_wait_until(&condition, &lock, limit));
    g_mutex_unlock(&lock);
  });
  return ended ? answer : "waits";
}

ROW(time_negative) { say(wait_until(-2)); }

ROW(time_longest) {
  say(code("g_cond_wait_until") + " " + wait_until(G_MAXINT64));
  GAsyncQueue *const queue = g_async_queue_new();
  const bool ended = returns([=] { g_async_queue_timeout_pop(queue, G_MAXUINT64); });
  say(code("g_async_queue_timeout_pop") + (ended ? " returns at once" : " waits"));
}

// ---- Threads ----

UNDEFINED(join_self) {
  start([](void *) -> void * {
    g_thread_join(g_thread_self());
    say("returns");
    leave();
  });
  forever(nullptr);
}

UNDEFINED(join_twice) {
  GThread *const thread = start([](void *) -> void * { return nullptr; });
  g_thread_join(thread);
  g_thread_join(thread);
  say("returns");
}

UNDEFINED(join_reused) {
  GThread *const thread = start([](void *) -> void * { return nullptr; });
  g_thread_join(thread);
  static int other_result;
  start([](void *) -> void * { return &other_result; });
  void *const result = g_thread_join(thread);
  say("returns");
  if (result == &other_result) say("with the result of the new thread");
}

UNDEFINED(join_many) {
  static flag end;
  static std::atomic<int> returned;
  GThread *const thread = start([](void *) -> void * {
    end.wait();
    return nullptr;
  });
  for (int i = 0; i < 4; i++) g_thread_ref(thread);
  for (int i = 0; i < 4; i++)
    side([=] {
      g_thread_join(thread);
      returned++;
    }).ends(50);
  end.set();
  const bool all = returns([] {
    while (returned < 4) nap();
  });
  say(all ? "4 × returns" : "some never return");
}

ROW(join_circle) {
  static GThread *threads[3];
  static flag ready;
  const auto next = [](void *arg) -> void * {
    ready.wait();
    g_thread_join(threads[(reinterpret_cast<size_t>(arg) + 1) % 3]);
    say("returns");
    return nullptr;
  };
  for (size_t i = 0; i < 3; i++) threads[i] = start(next, reinterpret_cast<void *>(i));
  ready.set();
  forever(nullptr);
}

ROW(drop_running) {
  g_thread_unref(start(forever));
  say("returns");
}

UNDEFINED(drop_twice) {
  static flag end;
  GThread *const thread = start([](void *) -> void * {
    end.wait();
    return nullptr;
  });
  g_thread_unref(thread);
  g_thread_unref(thread);
  say("returns");
  end.set();
  returns([] { usleep(50000); });
}

ROW(thread_limit) {
  no_room_for_a_stack();
  start(forever);
  say("returns");
}

NONE(tiny_stack, "no stack sizes");

ROW(long_name) {
  static flag named;
  g_thread_new("a name of twenty-six bytes", [](void *) -> void * {
    char name[32] = "";
    pthread_getname_np(pthread_self(), name, sizeof name);
    say("returns");
    if (strncmp(name, "a name", 6) != 0) say("the thread has no name");
    named.set();
    return nullptr;
  }, nullptr);
  named.wait();
}

ROW(many_locals) {
  static GPrivate locals[2000];
  for (GPrivate &local : locals) g_private_set(&local, &local);
  say("returns");
}

UNDEFINED(exit_thread) {
  g_thread_join(start([](void *) -> void * { pthread_exit(nullptr); }));
  say("returns");
}

UNDEFINED(exception_thread) {
  g_thread_join(start([](void *) -> void * { throw 1; }));
  say("returns");
}

// ---- Pools ----

// One worker that is shared with nobody; a task is a function.
typedef void (*task)();

static GThreadPool *make_pool() {
  const auto run = [](void *body, void *) { reinterpret_cast<task>(body)(); };
  return g_thread_pool_new(run, nullptr, 1, TRUE, nullptr);
}

static void push(GThreadPool *pool, task body) {
  g_thread_pool_push(pool, reinterpret_cast<void *>(body), nullptr);
}

ROW(pool_waits_for_itself) {
  static GThreadPool *const pool = make_pool();
  static flag inner, outer;
  push(pool, [] {
    push(pool, [] { inner.set(); });
    inner.wait();
    outer.set();
  });
  outer.wait();
  say("both tasks are done");
}

// The pool still is one.
static void look(GThreadPool *pool) {
  static flag done;
  push(pool, [] { done.set(); });
  if (!returns([] { done.wait(); })) say("the pool is dead");
}

UNDEFINED(pool_exit_task) {
  GThreadPool *const pool = make_pool();
  push(pool, [] { pthread_exit(nullptr); });
  look(pool);
}

UNDEFINED(pool_exception) {
  GThreadPool *const pool = make_pool();
  push(pool, [] { throw 1; });
  look(pool);
}

UNDEFINED(pool_submit_late) {
  GThreadPool *const pool = make_pool();
  g_thread_pool_free(pool, FALSE, TRUE);
  static flag done;
  push(pool, [] { done.set(); });
  say("returns");
  if (!returns([] { done.wait(); })) say("the task is never done");
}

ROW(pool_destroy_busy) {
  GThreadPool *const pool = make_pool();
  static std::atomic<int> done;
  static flag open, running;
  push(pool, [] {
    running.set();
    open.wait();
    done++;
  });
  for (int i = 0; i < 3; i++) push(pool, [] { done++; });
  running.wait();
  g_thread_pool_free(pool, FALSE, FALSE);
  say("returns");
  open.set();
  const bool all = returns([] {
    while (done < 4) nap();
  });
  say(all ? "all tasks are done" : "tasks are lost");
}

UNDEFINED(fork_pool) {
  static GThreadPool *const pool = make_pool();
  static flag warm, done;
  push(pool, [] { warm.set(); });
  warm.wait();
  in_child([] {
    push(pool, [] { done.set(); });
    done.wait();
    say("the task is done");
  });
}

// ---- Processes ----

UNDEFINED(fork_held) {
  static GMutex lock;
  static flag held;
  start([](void *) -> void * {
    g_mutex_lock(&lock);
    held.set();
    return forever(nullptr);
  });
  held.wait();
  in_child([] { lock_and_say(&lock); });
}

UNDEFINED(fork_recursive_held) {
  static GRecMutex lock;
  static flag held;
  start([](void *) -> void * {
    g_rec_mutex_lock(&lock);
    held.set();
    return forever(nullptr);
  });
  held.wait();
  in_child([] {
    g_rec_mutex_lock(&lock);
    say("returns");
  });
}

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
  });
}

UNDEFINED(dlclose) {
  void *const library = second_copy(reinterpret_cast<void *>(g_thread_new));
  const auto usleep_there = find<void(gulong)>(library, "g_usleep");
  find<decltype(g_thread_new)>(library, "g_thread_new")(
      "thread", reinterpret_cast<GThreadFunc>(reinterpret_cast<void *>(usleep_there)),
      reinterpret_cast<void *>(50000));
  say_dlclose(library, reinterpret_cast<void *>(usleep_there));
}

MISUSE_MAIN("GLib " + std::to_string(glib_major_version) + "." + std::to_string(glib_minor_version) + "." +
            std::to_string(glib_micro_version))
