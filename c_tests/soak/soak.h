// Random calls from several threads for as long as one likes, each result of which is compared with a model.
//
// The actors take steps at stations: each station has objects of one kind and a model of what must hold of
// them, some of it at every step, all of it when the actors rest, which they do together now and then. What
// does not hold is a divergence, and ends the program with the seed.
#ifndef SOAK_H
#define SOAK_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "threading.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACTORS 6

typedef struct actor {
  int number;
  uint64_t random;
  long steps;
} actor;

typedef struct station {
  const char *name;
  void (*open)(void);
  void (*step)(actor *who);
  // Called by one actor while all others stand still.
  void (*rest)(void);
  void (*close)(void);
} station;

extern const station soak_locks, soak_semaphores, soak_conditions, soak_events;
extern const station soak_queues, soak_timers, soak_tasks, soak_loops, soak_threads, soak_handles;

// A number below `below`.
static inline uint32_t pick(actor *who, uint32_t below) {
  who->random ^= who->random >> 12;
  who->random ^= who->random << 25;
  who->random ^= who->random >> 27;
  return (uint32_t)((who->random * UINT64_C(0x2545f4914f6cdd1d) >> 32) % below);
}

_Noreturn void soak_diverged(const char *file, int line, const char *format, ...)
  __attribute__((format(printf, 3, 4)));

#define HOLDS(condition)                                                                                  \
  do {                                                                                                    \
    if (!(condition)) soak_diverged(__FILE__, __LINE__, "%s", #condition);                                \
  } while (0)

#define EQUALS(a, b)                                                                                      \
  do {                                                                                                    \
    const long long a_ = (long long)(a), b_ = (long long)(b);                                             \
    if (a_ != b_) soak_diverged(__FILE__, __LINE__, "%s is %lld, %s is %lld", #a, a_, #b, b_);            \
  } while (0)

#define GIVES(call, wanted)                                                                               \
  do {                                                                                                    \
    const threading_status got_ = (call);                                                                 \
    if (got_ != (wanted))                                                                                 \
      soak_diverged(__FILE__, __LINE__, "%s is %s, not %s", #call, threading_status_name(got_),           \
                    threading_status_name(wanted));                                                       \
  } while (0)
#define DONE(call) GIVES(call, THREADING_OK)

// Longer than anything takes unless something was lost.
extern int64_t soak_patience;

// Mostly short, so that time runs out often; or all the time there is.
static inline int64_t some_time(actor *who) {
  const uint32_t kind = pick(who, 8);
  return kind == 0 ? 0 : kind < 4 ? soak_patience : (int64_t)pick(who, 100000);
}

// Whether a timed call was done; it may have run out of time if that was short.
static inline bool in_time(threading_status status, int64_t timeout) {
  if (status == THREADING_TIMEOUT && timeout < soak_patience) return false;
  if (status != THREADING_OK) {
    soak_diverged(__FILE__, __LINE__, "after %" PRId64 " ns: %s", timeout, threading_status_name(status));
  }
  return true;
}

// Whether this is where the fault of that name is to strike: once, after a while, and only if it is planted.
bool soak_planted(const char *fault);

#endif
