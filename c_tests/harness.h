// What every C test is written with: cases that register themselves, assertions that print statuses by name,
// and waits for facts that an atomic or the library reports. No case sleeps to let something happen.
//
//   TEST(release_of_an_unlocked_lock) {
//     threading_lock lock;
//     OK(threading_lock_create(&lock));
//     IS(threading_lock_release(lock), THREADING_E_STATE);
//     OK(threading_lock_destroy(lock));
//   }
//
// A program of such cases lists their names, runs the one that it is given, or, with --all, runs each in a
// process of its own under a time limit. A failed assertion ends the process at once.
#ifndef HARNESS_H
#define HARNESS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "threading.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// The exit status of a case that cannot run here; CTest's SKIP_RETURN_CODE.
#define HARNESS_SKIPPED 77
// What errno holds before each checked call, and has to hold after it.
#define HARNESS_ERRNO 12345

typedef struct harness_case {
  const char *name;
  void (*body)(void);
  struct harness_case *next;
} harness_case;

void harness_register(harness_case *entry);
_Noreturn void harness_fail(const char *file, int line, const char *format, ...)
  __attribute__((format(printf, 3, 4)));
_Noreturn void harness_skip(const char *reason);
void harness_status(const char *file, int line, const char *call, threading_status got,
                    threading_status wanted, int errno_after);
void harness_nap(const char *file, int line, const char *condition, int64_t give_up);

// Registers the case `name`; the block that follows is its body.
#define TEST(name)                                                                                        \
  static void test_##name(void);                                                                          \
  __attribute__((constructor)) static void register_##name(void) {                                        \
    static harness_case entry = { #name, test_##name, NULL };                                             \
    harness_register(&entry);                                                                             \
  }                                                                                                       \
  static void test_##name(void)

// The call gives this status and leaves errno alone.
#define IS(call, status)                                                                                  \
  do {                                                                                                    \
    errno = HARNESS_ERRNO;                                                                                \
    const threading_status got_ = (call);                                                                 \
    const int errno_after_ = errno;                                                                       \
    harness_status(__FILE__, __LINE__, #call, got_, (status), errno_after_);                              \
  } while (0)
#define OK(call) IS(call, THREADING_OK)

#define CHECK(condition)                                                                                  \
  do {                                                                                                    \
    if (!(condition)) harness_fail(__FILE__, __LINE__, "%s", #condition);                                 \
  } while (0)

#define EQ(a, b)                                                                                          \
  do {                                                                                                    \
    const long long a_ = (long long)(a), b_ = (long long)(b);                                             \
    if (a_ != b_) harness_fail(__FILE__, __LINE__, "%s is %lld, %s is %lld", #a, a_, #b, b_);             \
  } while (0)

#define STR_EQ(a, b)                                                                                      \
  do {                                                                                                    \
    const char *a_ = (a), *b_ = (b);                                                                      \
    if (strcmp(a_, b_) != 0)                                                                              \
      harness_fail(__FILE__, __LINE__, "%s is \"%s\", %s is \"%s\"", #a, a_, #b, b_);                       \
  } while (0)

#define SKIP(reason) harness_skip(reason)

// Polls a fact that an atomic or the library reports; fails the case after 8 s.
#define WAIT_UNTIL(condition)                                                                             \
  do {                                                                                                    \
    const int64_t give_up_ = NOW_NS() + scaled(THREADING_SECONDS(8));                                     \
    while (!(condition)) harness_nap(__FILE__, __LINE__, #condition, give_up_);                           \
  } while (0)

// CLOCK_MONOTONIC in nanoseconds, not by way of the library.
static inline int64_t NOW_NS(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

// An upper limit of time, stretched by THREADING_TEST_TIMEOUT_SCALE (for valgrind and slow machines).
int64_t scaled(int64_t limit_ns);

// Whether the thread of this native id sleeps in the kernel, a harness nap not counted.
bool thread_waits(uint64_t native_id);
// How often the thread of this native id has gone to sleep of its own accord; -1 when the kernel does not say.
int64_t sleeps_of(uint64_t native_id);
// Waits until this thread is blocked: asleep, and a millisecond later still in the same sleep.
void wait_blocked(threading_thread thread);

// Starts a thread, or fails the case.
threading_thread spawn_thread(threading_target target, void *arg);
// Joins it without limit, gives up its handle, and returns what its target returned.
void *finish_thread(threading_thread thread);

#endif
