// Faults of memory that go by way of the library, for valgrind. Both have to be reported; see .ci/valgrind.sh.
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
