// Version, statuses, this thread's last error and last failure, and the arithmetic of time.
#include "harness.h"

#include <math.h>

typedef struct known_status {
  threading_status status;
  int32_t number;
  const char *name;
} known_status;

#define KNOWN(name, number) { name, number, #name }
static const known_status known[] = {
  KNOWN(THREADING_OK, 0),
  KNOWN(THREADING_TIMEOUT, 1),
  KNOWN(THREADING_INTERRUPTED, 2),
  KNOWN(THREADING_CANCELLED, 3),
  KNOWN(THREADING_CLOSED, 4),
  KNOWN(THREADING_BROKEN, 5),
  KNOWN(THREADING_FAILED, 6),
  KNOWN(THREADING_OWNER_DEAD, 7),
  KNOWN(THREADING_E_HANDLE, -1),
  KNOWN(THREADING_E_INVALID, -2),
  KNOWN(THREADING_E_STATE, -3),
  KNOWN(THREADING_E_NOT_OWNER, -4),
  KNOWN(THREADING_E_DEADLOCK, -5),
  KNOWN(THREADING_E_BUSY, -6),
  KNOWN(THREADING_E_OVERFLOW, -7),
  KNOWN(THREADING_E_NO_MEMORY, -8),
  KNOWN(THREADING_E_NO_THREAD, -9),
  KNOWN(THREADING_E_PERMISSION, -10),
  KNOWN(THREADING_E_UNSUPPORTED, -11),
  KNOWN(THREADING_E_FORKED, -12),
  KNOWN(THREADING_E_SYSTEM, -13),
  KNOWN(THREADING_E_INTERNAL, -14),
};
#define KNOWN_COUNT (sizeof known / sizeof known[0])

TEST(version_is_the_headers) {
  EQ(threading_version(), THREADING_VERSION);
  EQ(THREADING_VERSION,
     THREADING_VERSION_MAJOR * 1000000 + THREADING_VERSION_MINOR * 1000 + THREADING_VERSION_PATCH);
}

TEST(every_status_has_its_number_name_and_message) {
  for (size_t i = 0; i < KNOWN_COUNT; i++) {
    EQ(known[i].status, known[i].number);
    STR_EQ(threading_status_name(known[i].status), known[i].name);
    CHECK(threading_status_message(known[i].status)[0] != '\0');
    CHECK(threading_status_name(known[i].status) == threading_status_name(known[i].status));
    for (size_t j = 0; j < i; j++) {
      const char *message = threading_status_message(known[i].status);
      CHECK(strcmp(message, threading_status_message(known[j].status)) != 0);
    }
  }
}

TEST(an_unknown_status_has_a_name_and_a_message_too) {
  const int32_t unknown[] = { 8, -15, 1000, INT32_MIN, INT32_MAX };
  for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
    CHECK(threading_status_name(unknown[i]) && threading_status_name(unknown[i])[0] != '\0');
    CHECK(threading_status_message(unknown[i]) && threading_status_message(unknown[i])[0] != '\0');
    for (size_t j = 0; j < KNOWN_COUNT; j++) {
      CHECK(strcmp(threading_status_name(unknown[i]), known[j].name) != 0);
    }
  }
}

TEST(acquired_covers_ok_and_owner_dead) {
  for (size_t i = 0; i < KNOWN_COUNT; i++) {
    const threading_status s = known[i].status;
    EQ(THREADING_ACQUIRED(s), s == THREADING_OK || s == THREADING_OWNER_DEAD);
  }
}

// ---- Last error ----

static void *see_an_empty_last_error(void *arg) {
  (void)arg;
  STR_EQ(threading_last_error(), "");
  return NULL;
}

TEST(last_error_is_empty_without_an_error) {
  STR_EQ(threading_last_error(), "");
  threading_lock lock;
  OK(threading_lock_create(&lock));
  STR_EQ(threading_last_error(), "");
  OK(threading_lock_acquire(lock, 0));
  IS(threading_lock_acquire(lock, 0), THREADING_TIMEOUT);
  STR_EQ(threading_last_error(), "");
  OK(threading_lock_release(lock));
  OK(threading_lock_destroy(lock));
}

TEST(last_error_names_kind_call_and_cause) {
  threading_lock lock;
  OK(threading_lock_create(&lock));
  IS(threading_lock_release(lock), THREADING_E_STATE);
  CHECK(strstr(threading_last_error(), "lock_release"));
  char first[256];
  snprintf(first, sizeof first, "%s", threading_last_error());
  IS(threading_lock_acquire(lock, -2), THREADING_E_INVALID);
  CHECK(strstr(threading_last_error(), "lock_acquire"));
  CHECK(strcmp(first, threading_last_error()) != 0);
  IS(threading_lock_create(NULL), THREADING_E_INVALID);
  CHECK(strstr(threading_last_error(), "lock_create"));
  OK(threading_lock_destroy(lock));
}

TEST(last_error_outlives_successes_and_outcomes) {
  threading_event event;
  OK(threading_event_create(&event));
  IS(threading_event_wait(event, -2), THREADING_E_INVALID);
  const char *text = threading_last_error();
  char copy[256];
  snprintf(copy, sizeof copy, "%s", text);
  CHECK(copy[0] != '\0');
  OK(threading_event_set(event));
  OK(threading_event_clear(event));
  IS(threading_event_wait(event, 0), THREADING_TIMEOUT);
  EQ(threading_event_is_set(event), 0);
  STR_EQ(text, copy);
  STR_EQ(threading_last_error(), copy);
  OK(threading_event_destroy(event));
}

TEST(last_error_belongs_to_its_thread) {
  const threading_lock nothing = { 0 };
  IS(threading_lock_release(nothing), THREADING_E_HANDLE);
  CHECK(threading_last_error()[0] != '\0');
  finish_thread(spawn_thread(see_an_empty_last_error, NULL));
  CHECK(threading_last_error()[0] != '\0');
}

TEST(last_error_is_set_by_questions_and_counts) {
  EQ(threading_event_is_set((threading_event){ 0 }), THREADING_E_HANDLE);
  CHECK(strstr(threading_last_error(), "event_is_set"));
  EQ(threading_semaphore_value((threading_semaphore){ 0 }), THREADING_E_HANDLE);
  CHECK(strstr(threading_last_error(), "semaphore_value"));
}

// ---- Last failure ----

static threading_status fail_by_42(void *arg) {
  (void)arg;
  return 42;
}

static void fail_here(void) {
  threading_barrier barrier;
  OK(threading_barrier_create(1, fail_by_42, NULL, THREADING_FOREVER, &barrier));
  IS(threading_barrier_wait(barrier, THREADING_FOREVER, NULL), THREADING_FAILED);
  OK(threading_barrier_destroy(barrier));
}

static void *see_no_failure(void *arg) {
  (void)arg;
  int32_t code = 1;
  IS(threading_last_failure(&code, NULL, 0, NULL), THREADING_E_STATE);
  EQ(code, 1);
  return NULL;
}

TEST(last_failure_is_a_state_error_without_a_failure) {
  see_no_failure(NULL);
}

TEST(last_failure_gives_the_code_and_a_text) {
  fail_here();
  int32_t code = 0;
  char text[256];
  size_t needed = 0;
  memset(text, 'x', sizeof text);
  OK(threading_last_failure(&code, text, sizeof text, &needed));
  EQ(code, 42);
  EQ(needed, strlen(text) + 1);
  OK(threading_last_failure(&code, NULL, 0, NULL));
}

TEST(last_failure_belongs_to_its_thread) {
  fail_here();
  finish_thread(spawn_thread(see_no_failure, NULL));
}

TEST(last_failure_cuts_its_text_to_the_buffer) {
  fail_here();
  int32_t code = 0;
  size_t needed = 0;
  char text[2] = { 'x', 'y' };
  OK(threading_last_failure(&code, text, 1, &needed));
  EQ(text[0], '\0');
  EQ(text[1], 'y');
  CHECK(needed >= 1);
}

TEST(last_failure_refuses_null) {
  fail_here();
  int32_t code = 1;
  IS(threading_last_failure(NULL, NULL, 0, NULL), THREADING_E_INVALID);
  IS(threading_last_failure(&code, NULL, 1, NULL), THREADING_E_INVALID);
  EQ(code, 1);
}

// ---- Time ----

TEST(seconds_become_nanoseconds) {
  EQ(threading_seconds(0.0), 0);
  EQ(threading_seconds(1.5), 1500000000);
  EQ(threading_seconds(0.25), 250000000);
  EQ(threading_seconds(3600.0), THREADING_SECONDS(3600));
}

TEST(seconds_never_turn_a_wait_into_a_poll) {
  EQ(threading_seconds(1e-9), 1);
  EQ(threading_seconds(1e-12), 1);
  EQ(threading_seconds(5e-324), 1);
}

TEST(seconds_saturate) {
  EQ(threading_seconds(1e10), INT64_MAX);
  EQ(threading_seconds(1e300), INT64_MAX);
  EQ(threading_seconds(INFINITY), INT64_MAX);
}

TEST(seconds_refuse_nan_and_negatives_and_never_say_forever) {
  const double refused[] = { NAN, -NAN, -1.0, -1e-9, -5e-324, -0.5e-9, -1e300, -INFINITY };
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) EQ(threading_seconds(refused[i]), -2);
  EQ(threading_seconds(-0.0), 0);
}

TEST(constants_of_time) {
  EQ(THREADING_FOREVER, -1);
  EQ(THREADING_SECONDS(2), INT64_C(2000000000));
  EQ(THREADING_SECONDS(0.5), INT64_C(500000000));
  EQ(THREADING_MILLISECONDS(3), INT64_C(3000000));
}

TEST(now_is_the_monotonic_clock) {
  for (int i = 0; i < 1000; i++) {
    const int64_t before = NOW_NS();
    const int64_t now = threading_now();
    CHECK(before <= now && now <= NOW_NS());
  }
}

TEST(until_is_what_is_left) {
  EQ(threading_until(0), 0);
  EQ(threading_until(-1), 0);
  EQ(threading_until(INT64_MIN), 0);
  EQ(threading_until(threading_now()), 0);
  CHECK(threading_until(INT64_MAX) > INT64_MAX / 2);
  const int64_t before = NOW_NS();
  const int64_t left = threading_until(before + THREADING_SECONDS(100));
  CHECK(left <= THREADING_SECONDS(100));
  CHECK(left >= THREADING_SECONDS(100) - (NOW_NS() - before));
}
