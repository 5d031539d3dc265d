// A little of everything, run with the shared and with the static library.
#include "harness.h"

typedef struct shared_state {
  threading_lock lock;
  threading_event begin;
  int64_t counter;
} shared_state;

static void *count(void *arg) {
  shared_state *state = arg;
  if (threading_event_wait(state->begin, THREADING_FOREVER) != THREADING_OK) return NULL;
  for (int i = 0; i < 1000; i++)
    THREADING_WITH(state->lock) state->counter++;
  return state;
}

TEST(library_and_header_have_the_same_version) { EQ(threading_version(), THREADING_VERSION); }

TEST(threads_count_under_a_lock) {
  shared_state state = { .counter = 0 };
  threading_thread threads[4];
  OK(threading_lock_create(&state.lock));
  OK(threading_event_create(&state.begin));
  for (int i = 0; i < 4; i++) threads[i] = spawn_thread(count, &state);
  OK(threading_event_set(state.begin));
  for (int i = 0; i < 4; i++) CHECK(finish_thread(threads[i]) == &state);
  EQ(state.counter, 4000);
  OK(threading_event_destroy(state.begin));
  OK(threading_lock_destroy(state.lock));
}

TEST(misuse_is_answered) {
  const threading_lock nothing = { 0 };
  IS(threading_lock_acquire(nothing, 0), THREADING_E_HANDLE);
  IS(threading_lock_create(NULL), THREADING_E_INVALID);
  CHECK(strlen(threading_last_error()) > 0);
}
