// THREADING_WITH and THREADING_WITH_STATUS: the block runs once and releases however it is left.
#include "harness.h"

#ifndef THREADING_WITH

TEST(with_needs_c11_and_the_cleanup_attribute) {
  SKIP("this compiler has no THREADING_WITH");
}

#else

// Declares the cases that are the same for each kind of x; `held` asks whether it is taken.
#define CASES(noun, prepare, held)                                                                        \
  static int noun##_return_from(threading_##noun x) {                                                     \
    THREADING_WITH(x) {                                                                                   \
      CHECK(held(x));                                                                                     \
      return 7;                                                                                           \
    }                                                                                                     \
    return 8;                                                                                             \
  }                                                                                                       \
                                                                                                          \
  TEST(noun##_is_released_at_the_end_of_the_block) {                                                      \
    const threading_##noun x = prepare();                                                                 \
    int runs = 0;                                                                                         \
    THREADING_WITH(x) {                                                                                   \
      CHECK(held(x));                                                                                     \
      runs += 1;                                                                                          \
    }                                                                                                     \
    EQ(runs, 1);                                                                                          \
    CHECK(!held(x));                                                                                      \
    THREADING_WITH(x) runs += 1; /* a single statement will do */                                         \
    EQ(runs, 2);                                                                                          \
    CHECK(!held(x));                                                                                      \
    OK(threading_##noun##_destroy(x));                                                                    \
  }                                                                                                       \
                                                                                                          \
  TEST(noun##_is_released_by_return) {                                                                    \
    const threading_##noun x = prepare();                                                                 \
    EQ(noun##_return_from(x), 7);                                                                         \
    CHECK(!held(x));                                                                                      \
    OK(threading_##noun##_destroy(x));                                                                    \
  }                                                                                                       \
                                                                                                          \
  TEST(noun##_is_released_by_goto) {                                                                      \
    const threading_##noun x = prepare();                                                                 \
    int runs = 0;                                                                                         \
    THREADING_WITH(x) {                                                                                   \
      runs += 1;                                                                                          \
      if (held(x)) goto out;                                                                              \
      runs += 10;                                                                                         \
    }                                                                                                     \
    runs += 100;                                                                                          \
  out:                                                                                                    \
    EQ(runs, 1);                                                                                          \
    CHECK(!held(x));                                                                                      \
    OK(threading_##noun##_destroy(x));                                                                    \
  }                                                                                                       \
                                                                                                          \
  TEST(noun##_is_released_by_break_and_continue_which_end_the_block_alone) {                              \
    const threading_##noun x = prepare();                                                                 \
    int before = 0, after = 0;                                                                            \
    for (int i = 0; i < 4; i++) {                                                                         \
      THREADING_WITH(x) {                                                                                 \
        before += 1;                                                                                      \
        if (i % 2) break;                                                                                 \
        if (i == 2) continue;                                                                             \
        before += 10;                                                                                     \
      }                                                                                                   \
      CHECK(!held(x));                                                                                    \
      after += 1;                                                                                         \
    }                                                                                                     \
    EQ(before, 14);                                                                                       \
    EQ(after, 4);                                                                                         \
    OK(threading_##noun##_destroy(x));                                                                    \
  }                                                                                                       \
                                                                                                          \
  TEST(noun##_status_says_why_the_block_did_not_run) {                                                    \
    const threading_##noun x = prepare();                                                                 \
    threading_status status = -77;                                                                        \
    int runs = 0;                                                                                         \
    THREADING_WITH_STATUS(x, 0, &status) runs += 1;                                                       \
    IS(status, THREADING_OK);                                                                             \
    EQ(runs, 1);                                                                                          \
    THREADING_WITH_STATUS(x, -2, &status) runs += 1;                                                      \
    IS(status, THREADING_E_INVALID);                                                                      \
    CHECK(!held(x));                                                                                      \
    OK(threading_##noun##_destroy(x));                                                                    \
    THREADING_WITH_STATUS(x, 0, &status) runs += 1;                                                       \
    IS(status, THREADING_E_HANDLE);                                                                       \
    THREADING_WITH(x) runs += 1;                                                                          \
    EQ(runs, 1);                                                                                          \
  }                                                                                                       \
                                                                                                          \
  static void *noun##_try(void *arg) {                                                                    \
    const threading_##noun *x = arg;                                                                      \
    threading_status status = -77;                                                                        \
    int runs = 0;                                                                                         \
    THREADING_WITH_STATUS(*x, 0, &status) runs += 1;                                                      \
    IS(status, THREADING_TIMEOUT);                                                                        \
    const int64_t began = NOW_NS();                                                                       \
    THREADING_WITH_STATUS(*x, THREADING_MILLISECONDS(3), &status) runs += 1;                              \
    IS(status, THREADING_TIMEOUT);                                                                        \
    CHECK(NOW_NS() - began >= THREADING_MILLISECONDS(3));                                                 \
    EQ(runs, 0);                                                                                          \
    return NULL;                                                                                          \
  }                                                                                                       \
                                                                                                          \
  TEST(noun##_status_is_timeout_when_another_has_it) {                                                    \
    threading_##noun x = prepare();                                                                       \
    THREADING_WITH(x) finish_thread(spawn_thread(noun##_try, &x));                                        \
    CHECK(!held(x));                                                                                      \
    OK(threading_##noun##_destroy(x));                                                                    \
  }

static threading_lock a_lock(void) {
  threading_lock x;
  OK(threading_lock_create(&x));
  return x;
}

static threading_rlock an_rlock(void) {
  threading_rlock x;
  OK(threading_rlock_create(&x));
  return x;
}

static threading_condition a_condition(void) {
  threading_condition x;
  OK(threading_condition_create(&x));
  return x;
}

static threading_semaphore a_semaphore(void) {
  threading_semaphore x;
  OK(threading_semaphore_create_bounded(1, &x));
  return x;
}

static bool condition_held(threading_condition x) {
  return threading_condition_notify(x, 0) == THREADING_OK;
}

static bool semaphore_taken(threading_semaphore x) {
  return threading_semaphore_value(x) == 0;
}

CASES(lock, a_lock, threading_lock_locked)
CASES(rlock, an_rlock, threading_rlock_is_owned)
CASES(condition, a_condition, condition_held)
CASES(semaphore, a_semaphore, semaphore_taken)

TEST(an_rlock_may_be_taken_by_blocks_in_blocks) {
  const threading_rlock x = an_rlock();
  THREADING_WITH(x) {
    THREADING_WITH(x) {
      THREADING_WITH(x) EQ(threading_rlock_recursion_count(x), 3);
      EQ(threading_rlock_recursion_count(x), 2);
    }
    EQ(threading_rlock_recursion_count(x), 1);
  }
  EQ(threading_rlock_recursion_count(x), 0);
  OK(threading_rlock_destroy(x));
}

TEST(blocks_of_different_kinds_in_each_other) {
  const threading_lock lock = a_lock();
  const threading_semaphore semaphore = a_semaphore();
  const threading_condition condition = a_condition();
  threading_status status = -77;
  THREADING_WITH(lock) THREADING_WITH(semaphore) THREADING_WITH_STATUS(condition, 0, &status) {
    EQ(threading_lock_locked(lock), 1);
    CHECK(semaphore_taken(semaphore) && condition_held(condition));
    IS(threading_condition_wait(condition, 0), THREADING_TIMEOUT);
  }
  EQ(threading_lock_locked(lock), 0);
  CHECK(!semaphore_taken(semaphore) && !condition_held(condition));
  OK(threading_lock_destroy(lock));
  OK(threading_semaphore_destroy(semaphore));
  OK(threading_condition_destroy(condition));
}

static void *exit_inside(void *arg) {
  const threading_lock *lock = arg;
  THREADING_WITH(*lock) pthread_exit(NULL);
  return NULL;
}

TEST(a_thread_that_ends_inside_releases_where_unwinding_runs_cleanups) {
#ifndef __EXCEPTIONS
  SKIP("compiled without -fexceptions");
#endif
  threading_lock lock = a_lock();
  const threading_thread thread = spawn_thread(exit_inside, &lock);
  OK(threading_thread_join(thread, THREADING_FOREVER));
  EQ(threading_lock_locked(lock), 0);
  OK(threading_thread_destroy(thread));
  OK(threading_lock_destroy(lock));
}

static void *acquire_and_return(void *arg) {
  const threading_rlock *x = arg;
  OK(threading_rlock_acquire(*x, THREADING_FOREVER));
  return NULL;
}

TEST(the_block_runs_when_the_owner_before_died) {
  threading_rlock x = an_rlock();
  threading_status status = -77;
  int runs = 0;
  finish_thread(spawn_thread(acquire_and_return, &x));
  THREADING_WITH_STATUS(x, 0, &status) {
    EQ(threading_rlock_recursion_count(x), 1);
    runs += 1;
  }
  IS(status, THREADING_OWNER_DEAD);
  EQ(runs, 1);
  EQ(threading_rlock_locked(x), 0);
  finish_thread(spawn_thread(acquire_and_return, &x));
  THREADING_WITH(x) runs += 1;
  EQ(runs, 2);
  EQ(threading_rlock_locked(x), 0);
  OK(threading_rlock_destroy(x));
}

typedef struct sum {
  threading_lock lock;
  int64_t value;  // not atomic on purpose
} sum;

static void *add_up(void *arg) {
  sum *s = arg;
  for (int i = 0; i < 100000; i++) {
    THREADING_WITH(s->lock) s->value += 1;
  }
  return NULL;
}

TEST(blocks_of_two_threads_exclude_each_other) {
  sum s = { a_lock(), 0 };
  const threading_thread one = spawn_thread(add_up, &s), two = spawn_thread(add_up, &s);
  finish_thread(one);
  finish_thread(two);
  EQ(s.value, 200000);
  OK(threading_lock_destroy(s.lock));
}

#endif
