// Faults of memory that go by way of the library, for valgrind and AddressSanitizer. All have to be reported; see
// .ci/valgrind.sh and .ci/asan.sh.
#include "harness.h"

static void *set_block(void *arg) {
  OK(threading_local_set(*(threading_local *)arg, malloc(100)));
  return NULL;
}

// Nobody frees the value of a local without destructor.
TEST(reported_loss_of_a_locals_value) {
  threading_local local;
  OK(threading_local_create(NULL, &local));
  finish_thread(spawn_thread(set_block, &local));
  OK(threading_local_destroy(local));
}

static void *return_arg(void *arg) { return arg; }

// The copy of an argument is freed before join returns.
TEST(reported_read_of_an_argument_after_join) {
  const int number = 7;
  const threading_thread_options options = { .size = sizeof options, .arg_size = sizeof number };
  threading_thread thread;
  OK(threading_thread_spawn(return_arg, (void *)&number, &options, &thread));
  const volatile int *copy = finish_thread(thread);
  CHECK(copy != &number);
  printf("%d\n", *copy);
}

// Here it is the library that reads what was freed: found only when its own code is watched.
TEST(reported_read_of_options_after_free) {
  threading_thread_options *volatile options = calloc(1, sizeof *options);
  CHECK(options != NULL);
  options->size = sizeof *options;
  free(options);
  threading_thread thread;
  threading_thread_create(return_arg, NULL, options, &thread);
}
