// Options structs: NULL and zero mean the defaults; the size tells old from new headers.
#include "harness.h"

// The struct of a newer header: the same beginning and a tail that this library does not know.
typedef struct newer_thread_options {
  threading_thread_options known;
  unsigned char tail[24];
} newer_thread_options;

typedef struct newer_timer_options {
  threading_timer_options known;
  unsigned char tail[24];
} newer_timer_options;

static void *return_arg(void *arg) { return arg; }
static void do_nothing(void *arg) { (void)arg; }

static threading_status try_thread(const threading_thread_options *options) {
  threading_thread thread = { 7 };
  const threading_status status = threading_thread_create(return_arg, NULL, options, &thread);
  if (status != THREADING_OK) {
    EQ(thread.id, 7);
    return status;
  }
  EQ(threading_thread_is_daemon(thread), 0);
  OK(threading_thread_start(thread));
  finish_thread(thread);
  return status;
}

static threading_status try_timer(const threading_timer_options *options) {
  threading_timer timer = { 7 };
  const threading_status status = threading_timer_create(0, do_nothing, NULL, options, &timer);
  if (status != THREADING_OK) {
    EQ(timer.id, 7);
    return status;
  }
  OK(threading_timer_start(timer));
  OK(threading_timer_join(timer, THREADING_FOREVER));
  OK(threading_timer_destroy(timer));
  return status;
}

TEST(no_thread_options_and_zeroed_ones_are_the_defaults) {
  const threading_thread_options zeroed = { .size = sizeof zeroed };
  OK(try_thread(NULL));
  OK(try_thread(&zeroed));
}

TEST(thread_options_that_are_too_small_are_refused) {
  for (size_t size = 0; size < sizeof(threading_thread_options); size++) {
    const threading_thread_options options = { .size = size };
    IS(try_thread(&options), THREADING_E_INVALID);
  }
}

TEST(thread_options_of_a_newer_header) {
  newer_thread_options options;
  memset(&options, 0, sizeof options);
  for (size_t more = 1; more <= sizeof options.tail; more++) {
    options.known.size = sizeof options.known + more;
    OK(try_thread(&options.known));
  }
  for (size_t at = 0; at < sizeof options.tail; at++) {
    options.tail[at] = 1;
    IS(try_thread(&options.known), THREADING_E_INVALID);
    options.known.size = sizeof options.known + at;  // what lies beyond the size is not looked at
    OK(try_thread(&options.known));
    options.known.size = sizeof options;
    options.tail[at] = 0;
  }
}

TEST(spawn_checks_its_options_as_create_does) {
  const threading_thread_options options = { .size = sizeof options - 1 };
  threading_thread thread = { 7 };
  IS(threading_thread_spawn(return_arg, NULL, &options, &thread), THREADING_E_INVALID);
  EQ(thread.id, 7);
  EQ(threading_active_count(), 1);
}

TEST(no_timer_options_and_zeroed_ones_are_the_defaults) {
  const threading_timer_options zeroed = { .size = sizeof zeroed };
  OK(try_timer(NULL));
  OK(try_timer(&zeroed));
}

TEST(timer_options_that_are_too_small_are_refused) {
  for (size_t size = 0; size < sizeof(threading_timer_options); size++) {
    const threading_timer_options options = { .size = size };
    IS(try_timer(&options), THREADING_E_INVALID);
  }
}

TEST(timer_options_of_a_newer_header) {
  newer_timer_options options;
  memset(&options, 0, sizeof options);
  options.known.size = sizeof options;
  OK(try_timer(&options.known));
  for (size_t at = 0; at < sizeof options.tail; at++) {
    options.tail[at] = 0x80;
    IS(try_timer(&options.known), THREADING_E_INVALID);
    options.tail[at] = 0;
  }
}

TEST(a_negative_period_is_refused) {
  const threading_timer_options options = { .size = sizeof options, .period_ns = -1 };
  IS(try_timer(&options), THREADING_E_INVALID);
}
