#include "harness.h"

#include <pthread.h>

// Callbacks do as little as they can; what matters is how often they are called.
static void *same(void *arg) { return arg; }
static void *fails(void *arg) { return threading_fail(41, "f\303\244ils"), arg; }
static void *leaves(void *arg) { pthread_exit(arg); }
static void ends(void *arg) { (void)arg; }
static void called(void *arg) { (void)arg; }
static void done(threading_future future, void *arg) { (void)future, (void)arg; }
static int32_t never(void *arg) { return (void)arg, 0; }
static int32_t always(void *arg) { return (void)arg, 1; }
static threading_status succeeds(void *arg) { return (void)arg, THREADING_OK; }
static threading_status refuses(void *arg) { return (void)arg, 77; }
static threading_status raises(void *arg) { return (void)arg, threading_fail(42, "raised"); }
static void hook(threading_thread thread, int32_t code, const char *message, void *user) {
  (void)thread, (void)code, (void)message, (void)user;
}
static atomic_uintptr_t opened, reached;
static void gate(void *number) {
  atomic_store(&reached, (uintptr_t)number);
  while (atomic_load(&opened) != (uintptr_t)number) threading_yield();
}
static __attribute__((unused)) void open_gate(uintptr_t number) { atomic_store(&opened, number); }
static __attribute__((unused)) void await_begin(uintptr_t number) {
  while (atomic_load(&reached) != number) threading_yield();
}
static __attribute__((unused)) void *value;
static __attribute__((unused)) int64_t index_;
static __attribute__((unused)) int32_t code, flags[8];
static __attribute__((unused)) char buffer[64];
static __attribute__((unused)) size_t needed;
static __attribute__((unused)) uint64_t number;
static __attribute__((unused)) threading_thread threads[8];
