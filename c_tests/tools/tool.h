// What the programs for race detectors have in common: calls that have to go well, and threads.
#ifndef TOOL_H
#define TOOL_H

#include "threading.h"

#include <stdio.h>
#include <stdlib.h>

#define OK(call)                                                                                          \
  do {                                                                                                    \
    const threading_status got_ = (call);                                                                 \
    if (got_ != THREADING_OK) {                                                                           \
      fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call, threading_status_name(got_));         \
      exit(1);                                                                                            \
    }                                                                                                     \
  } while (0)

#define CHECK(condition)                                                                                  \
  do {                                                                                                    \
    if (!(condition)) {                                                                                   \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                     \
      exit(1);                                                                                            \
    }                                                                                                     \
  } while (0)

static inline threading_thread start(threading_target target, void *arg) {
  threading_thread thread;
  OK(threading_thread_spawn(target, arg, NULL, &thread));
  return thread;
}

static inline void *finish(threading_thread thread) {
  void *result;
  OK(threading_thread_join(thread, THREADING_FOREVER));
  OK(threading_thread_result(thread, &result));
  OK(threading_thread_destroy(thread));
  return result;
}

#endif
