// POSIX threads as the C library has them; with CHECKED, mutexes are error-checking and robust.
#include "misuse.h"

#include <cerrno>
#include <climits>
#include <gnu/libc-version.h>
#include <semaphore.h>

static std::string name(int rc) { return code(rc == 0 ? "0" : strerrorname_np(rc)); }
// Of those that give -1 and set errno.
static std::string name_errno(int rc) { return name(rc == 0 ? 0 : errno); }

#ifdef CHECKED
static const int usual = PTHREAD_MUTEX_ERRORCHECK;
#else
static const int usual = PTHREAD_MUTEX_DEFAULT;
#endif

static pthread_mutex_t *make(int type = usual) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_settype(&attributes, type);
#ifdef CHECKED
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
#endif
  pthread_mutex_t *const lock = new pthread_mutex_t;
  pthread_mutex_init(lock, &attributes);
  return lock;
}

static std::string lock_name(pthread_mutex_t *lock) { return name(pthread_mutex_lock(lock)); }

// The lock still is one: it is taken, given back, and destroyed.
static void look(pthread_mutex_t *lock) {
  if (!returns([=] {
        pthread_mutex_lock(lock);
        pthread_mutex_unlock(lock);
      }))
    return say("the lock is dead");
  if (const int rc = pthread_mutex_destroy(lock)) say("it cannot be destroyed: " + name(rc));
}

static timespec in(int milliseconds) {
  timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  time.tv_nsec += milliseconds * 1000000L;
  time.tv_sec += time.tv_nsec / 1000000000;
  time.tv_nsec %= 1000000000;
  return time;
}

typedef void *(*target)(void *);

static pthread_t start_with(void *arg, target target) {
  pthread_t thread;
  if (pthread_create(&thread, nullptr, target, arg) != 0) abort();
  return thread;
}

static pthread_t start(target target) { return start_with(nullptr, target); }

static void *forever(void *) {
  for (;;) pause();
}

// ---- Objects ----

UNDEFINED(never_created) {
  static pthread_mutex_t lock;
  say(lock_name(&lock));
}

UNDEFINED(null) { say(lock_name(null<pthread_mutex_t>())); }
UNDEFINED(garbage) { say(lock_name(garbage<pthread_mutex_t>())); }

UNDEFINED(other_kind) {
  pthread_cond_t condition;
  pthread_cond_init(&condition, nullptr);
  say(lock_name(as<pthread_mutex_t>(&condition)));
}

UNDEFINED(use_after_destroy) {
  pthread_mutex_t *const lock = make();
  pthread_mutex_destroy(lock);
  say(lock_name(lock));
}

UNDEFINED(destroy_twice) {
  pthread_mutex_t *const lock = make();
  pthread_mutex_destroy(lock);
  say(name(pthread_mutex_destroy(lock)));
}

UNDEFINED(reused) {
  pthread_mutex_t *const lock = make();
  pthread_mutex_t *const old = as<pthread_mutex_t>(lock);
  pthread_mutex_destroy(lock);
  delete lock;
  pthread_mutex_t *const other = make();
  say(lock_name(old));
  if (pthread_mutex_trylock(other) != 0) say("the new object is locked");
}

UNDEFINED(copied) {
  pthread_mutex_t *const lock = make();
  pthread_mutex_t copy = *lock;
  pthread_mutex_lock(lock);
  int rc = -1;
  if (!returns([&] { rc = pthread_mutex_lock(&copy); })) return say("waits for the holder");
  say(name(rc));
  say("two threads hold it");
}

// ---- Locks ----

#ifdef CHECKED
ROW(unlock_unlocked) {
#else
UNDEFINED(unlock_unlocked) {
#endif
  pthread_mutex_t *const lock = make();
  say(name(pthread_mutex_unlock(lock)));
  look(lock);
}

static void unlock_foreign(pthread_mutex_t *lock) {
  flag held;
  side holder([&] {
    pthread_mutex_lock(lock);
    held.set();
    forever(nullptr);
  });
  held.wait();
  say(name(pthread_mutex_unlock(lock)));
  if (pthread_mutex_trylock(lock) == 0) say("the lock is free while its holder goes on");
}

#ifdef CHECKED
ROW(unlock_foreign) {
#else
UNDEFINED(unlock_foreign) {
#endif
  unlock_foreign(make());
}

ROW(recursive_unlock_foreign) { unlock_foreign(make(PTHREAD_MUTEX_RECURSIVE)); }

#ifdef CHECKED
ROW(relock) {
#else
UNDEFINED(relock) {
#endif
  pthread_mutex_t *const lock = make();
  pthread_mutex_lock(lock);
  say(lock_name(lock));
}

#ifdef CHECKED
ROW(relock_limited) {
#else
UNDEFINED(relock_limited) {
#endif
  pthread_mutex_t *const lock = make();
  pthread_mutex_lock(lock);
  const timespec limit = in(50);
  say(name(pthread_mutex_timedlock(lock, &limit)));
}

UNDEFINED(destroy_held) {
  pthread_mutex_t *const lock = make();
  pthread_mutex_lock(lock);
  const int rc = pthread_mutex_destroy(lock);
  say(name(rc));
  const int unlocked = pthread_mutex_unlock(lock);
  if (rc != 0) look(lock);
  else say("its holder's unlock: " + name(unlocked));
}

UNDEFINED(destroy_awaited) {
  pthread_mutex_t *const lock = make();
  pthread_mutex_lock(lock);
  side waiter([=] {
    if (pthread_mutex_lock(lock) == 0) pthread_mutex_unlock(lock);
  });
  waiter.sleeps();
  say(name(pthread_mutex_destroy(lock)));
  pthread_mutex_unlock(lock);
  if (!waiter.ends()) say("who waits sleeps for ever");
}

static void owner_dies(pthread_mutex_t *lock) {
  const pthread_t owner = start_with(lock, [](void *arg) -> void * {
    pthread_mutex_lock(static_cast<pthread_mutex_t *>(arg));
    return nullptr;
  });
  pthread_join(owner, nullptr);
  say(lock_name(lock));
}

ROW(owner_dies) { owner_dies(make()); }
ROW(recursive_owner_dies) { owner_dies(make(PTHREAD_MUTEX_RECURSIVE)); }

static void opposite_order(pthread_mutex_t *a, pthread_mutex_t *b) {
  flag one, two;
  side other([&] {
    pthread_mutex_lock(b);
    two.set();
    one.wait();
    pthread_mutex_lock(a);
  });
  pthread_mutex_lock(a);
  one.set();
  two.wait();
  say(lock_name(b));
}

ROW(opposite_order) { opposite_order(make(), make()); }
ROW(recursive_opposite_order) {
  opposite_order(make(PTHREAD_MUTEX_RECURSIVE), make(PTHREAD_MUTEX_RECURSIVE));
}

// ---- Conditions ----

#ifdef CHECKED
ROW(wait_without_lock) {
#else
UNDEFINED(wait_without_lock) {
#endif
  pthread_mutex_t *const lock = make();
  pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
  const timespec limit = in(50);
  const int rc = pthread_cond_timedwait(&condition, lock, &limit);
  say(name(rc));
  if (rc == ETIMEDOUT) pthread_mutex_unlock(lock);
  look(lock);
}

ROW(notify_without_lock) {
  pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
  say(name(pthread_cond_signal(&condition)));
}

UNDEFINED(two_locks) {
  static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
  std::string answers[2];
  const auto wait = [](std::string *answer) {
    pthread_mutex_t *const lock = make();
    pthread_mutex_lock(lock);
    const timespec limit = in(50);
    *answer = name(pthread_cond_timedwait(&condition, lock, &limit));
  };
  side one([&] { wait(&answers[0]); }), two([&] { wait(&answers[1]); });
  one.join();
  two.join();
  say_each(answers, 2);
}

UNDEFINED(destroy_condition_awaited) {
  pthread_mutex_t *const lock = make();
  static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
  side waiter([=] {
    pthread_mutex_lock(lock);
    pthread_cond_wait(&condition, lock);
  });
  waiter.sleeps();
  say(name(pthread_cond_destroy(&condition)));
}

// ---- Semaphores and barriers ----

ROW(semaphore_overflow) {
  sem_t semaphore;
  sem_init(&semaphore, 0, SEM_VALUE_MAX);
  say(name_errno(sem_post(&semaphore)));
}

ROW(semaphore_negative) {
  sem_t semaphore;
  say(name_errno(sem_init(&semaphore, 0, static_cast<unsigned>(-1))));
}

UNDEFINED(destroy_semaphore_awaited) {
  static sem_t semaphore;
  sem_init(&semaphore, 0, 0);
  side waiter([] { sem_wait(&semaphore); });
  waiter.sleeps();
  say(name_errno(sem_destroy(&semaphore)));
  if (!waiter.ends()) say("who waits sleeps for ever");
}

ROW(barrier_of_zero) {
  pthread_barrier_t barrier;
  say(name(pthread_barrier_init(&barrier, nullptr, 0)));
}

ROW(barrier_party_dies) {
  pthread_barrier_t barrier;
  pthread_barrier_init(&barrier, nullptr, 2);
  side([] {}).join();
  say(name(pthread_barrier_wait(&barrier)));
}

UNDEFINED(destroy_barrier_awaited) {
  static pthread_barrier_t barrier;
  pthread_barrier_init(&barrier, nullptr, 2);
  side waiter([] { pthread_barrier_wait(&barrier); });
  waiter.sleeps();
  say(name(pthread_barrier_destroy(&barrier)));
  if (!waiter.ends()) say("who waits sleeps for ever");
}

// ---- Time ----

NONE(time_not_a_number, "times are integers");

ROW(time_negative) {
  static sem_t semaphore;
  sem_init(&semaphore, 0, 0);
  const timespec limit = {-2, 0};
  say(name_errno(sem_timedwait(&semaphore, &limit)));
}

ROW(time_longest) {
  static sem_t semaphore;
  sem_init(&semaphore, 0, 0);
  static const timespec limit = {INT64_MAX, 999999999};
  std::string answer;
  if (!returns([&] { answer = name_errno(sem_timedwait(&semaphore, &limit)); })) return say("waits");
  say(answer);
}

// ---- Threads ----

UNDEFINED(join_self) { say(name(pthread_join(pthread_self(), nullptr))); }

UNDEFINED(join_twice) {
  const pthread_t thread = start([](void *) -> void * { return nullptr; });
  pthread_join(thread, nullptr);
  say(name(pthread_join(thread, nullptr)));
}

UNDEFINED(join_reused) {
  const pthread_t thread = start([](void *) -> void * { return nullptr; });
  pthread_join(thread, nullptr);
  static int other_result;
  start([](void *) -> void * { return &other_result; });
  void *result = nullptr;
  say(name(pthread_join(thread, &result)));
  if (result == &other_result) say("with the result of the new thread");
}

UNDEFINED(join_many) {
  static flag end;
  const pthread_t thread = start([](void *) -> void * {
    end.wait();
    return nullptr;
  });
  std::string answers[4];
  for (std::string &answer : answers) side([&] { answer = name(pthread_join(thread, nullptr)); }).ends(50);
  end.set();
  const bool all = returns([&] {
    for (const std::string &answer : answers)
      while (answer.empty()) nap();
  });
  if (!all) return say("some never return");
  say_each(answers, 4);
}

ROW(join_circle) {
  static pthread_t threads[3];
  static flag ready;
  const auto next = [](void *arg) -> void * {
    const size_t i = reinterpret_cast<size_t>(arg);
    ready.wait();
    const int rc = pthread_join(threads[(i + 1) % 3], nullptr);
    if (rc != 0) say(name(rc) + " to one of them");
    return nullptr;
  };
  for (size_t i = 0; i < 3; i++) threads[i] = start_with(reinterpret_cast<void *>(i), next);
  ready.set();
  forever(nullptr);
}

ROW(drop_running) {
  const pthread_t thread = start(forever);
  say(name(pthread_detach(thread)));
}

UNDEFINED(drop_twice) {
  const pthread_t thread = start(forever);
  pthread_detach(thread);
  say(name(pthread_detach(thread)));
}

ROW(thread_limit) {
  no_room_for_a_stack();
  pthread_t thread;
  say(name(pthread_create(&thread, nullptr, forever, nullptr)));
}

ROW(tiny_stack) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  say(name(pthread_attr_setstacksize(&attributes, 1)));
}

ROW(long_name) { say(name(pthread_setname_np(pthread_self(), "a name of twenty-six bytes"))); }

ROW(exit_thread) {
  const pthread_t thread = start([](void *) -> void * { pthread_exit(nullptr); });
  say(name(pthread_join(thread, nullptr)));
}

UNDEFINED(exception_thread) {
  const pthread_t thread = start([](void *) -> void * { throw 1; });
  say(name(pthread_join(thread, nullptr)));
}

ROW(many_locals) {
  for (int i = 0; i < 2000; i++) {
    pthread_key_t key;
    const int rc = pthread_key_create(&key, nullptr);
    if (rc != 0) return say(name(rc) + " after " + std::to_string(i));
  }
  say(name(0));
}

// ---- Pools ----

NONE(pool_waits_for_itself, "no pools");
NONE(pool_exit_task, "no pools");
NONE(pool_exception, "no pools");
NONE(pool_submit_late, "no pools");
NONE(pool_destroy_busy, "no pools");
NONE(fork_pool, "no pools");

// ---- Processes ----

static void fork_held(pthread_mutex_t *lock) {
  flag held;
  side holder([&] {
    pthread_mutex_lock(lock);
    held.set();
    forever(nullptr);
  });
  held.wait();
  in_child([=] { say(lock_name(lock)); });
}

UNDEFINED(fork_held) { fork_held(make()); }
UNDEFINED(fork_recursive_held) { fork_held(make(PTHREAD_MUTEX_RECURSIVE)); }

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

NONE(dlclose, "cannot be unloaded");

MISUSE_MAIN(std::string("glibc ") + gnu_get_libc_version())
