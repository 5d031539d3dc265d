// Plain data, guarded by all that orders threads in the library: race detectors have nothing to report.
#include "guarded_objects.h"
#include "guarded_pool.h"

#include <pthread.h>

// ---- Left by force ----

static int exited, complained;

static void *exit_thread(void *arg) {
  exited++;
  if (arg == NULL) pthread_exit(NULL);
  return arg;
}

static void exit_callback(void *arg) {
  exited++;
  OK(threading_event_set(*(threading_event *)arg));
  pthread_exit(NULL);
}

static void *fail(void *arg) {
  OK(threading_fail(3, "on purpose"));
  return arg;
}

static void complain(threading_thread thread, int32_t code, const char *message, void *user) {
  (void)thread, (void)message;
  *(int *)user += code;
}

static void ends_by_force(void) {
  void *result;
  OK(threading_set_excepthook(complain, &complained));
  threading_thread thread = start(exit_thread, NULL);
  OK(threading_thread_join(thread, THREADING_FOREVER));
  CHECK(exited == 1);
  OK(threading_thread_destroy(thread));
  thread = start(fail, NULL);
  OK(threading_thread_join(thread, THREADING_FOREVER));
  CHECK(complained == 3);
  OK(threading_thread_destroy(thread));

  OK(threading_pool_create(1, NULL, &pool));
  for (int i = 0; i < 6; i++) {
    threading_future future;
    OK(threading_pool_submit(pool, exit_thread, i % 2 ? &exited : NULL, &future));
    const threading_status got = threading_future_result(future, THREADING_FOREVER, &result);
    CHECK(got == (i % 2 ? THREADING_OK : THREADING_FAILED) && exited == i + 2);
    OK(threading_future_destroy(future));
  }
  OK(threading_pool_shutdown(pool, 1, 0));
  OK(threading_pool_destroy(pool));

  threading_event fired_once;
  OK(threading_event_create(&fired_once));
  for (int i = 0; i < 2; i++) {
    threading_timer timer;
    OK(threading_timer_create(0, exit_callback, &fired_once, NULL, &timer));
    OK(threading_timer_start(timer));
    OK(threading_timer_join(timer, THREADING_FOREVER));
    CHECK(threading_event_is_set(fired_once) == 1 && exited == 8 + i);
    OK(threading_event_clear(fired_once));
    OK(threading_timer_destroy(timer));
  }
  OK(threading_event_destroy(fired_once));
  OK(threading_set_excepthook(NULL, NULL));
}

// ---- Questions, hooks, the end ----

static void *ask_around(void *arg) {
  for (int i = 0; i < TIMES; i++) {
    char name[32];
    size_t count;
    threading_thread all[8];
    OK(threading_enumerate(all, 8, &count));
    OK(threading_thread_name(threading_main_thread(), name, sizeof name, NULL));
    OK(threading_thread_set_name(threading_current_thread(), "renamed"));
    CHECK(threading_lock_release(lock) == THREADING_E_STATE);
    CHECK(threading_last_error()[0] != 0);
    CHECK(threading_active_count() > 0 && threading_get_ident() != 0);
  }
  return arg;
}

static int heard;

static void hear(int32_t event, threading_thread thread, uint64_t object, void *user) {
  (void)thread, (void)object;
  const int counts = event == THREADING_HOOK_THREAD_START || event == THREADING_HOOK_THREAD_EXIT;
  __atomic_fetch_add((int *)user, counts, __ATOMIC_RELAXED);
}

static void questions(void) {
  OK(threading_lock_create(&lock));
  OK(threading_set_profile(hear, &heard));
  in_threads(ask_around);
  OK(threading_set_profile(NULL, NULL));
  CHECK(__atomic_load_n(&heard, __ATOMIC_RELAXED) == 2 * THREADS);
  OK(threading_lock_destroy(lock));
}

static int last_words;

static void at_the_end(void *arg) { CHECK(*(int *)arg == 1); }

static void *say_last_words(void *arg) {
  OK(threading_sleep(THREADING_MILLISECONDS(20)));
  last_words = 1;
  OK(threading_at_exit(at_the_end, arg, NULL));
  return arg;
}

int main(void) {
  locks();
  rlocks();
  conditions();
  semaphores();
  events();
  barriers();
  threads();
  locals();
  timers();
  queues(THREADING_FIFO);
  queues(THREADING_LIFO);
  queues(THREADING_PRIORITY);
  circulation();
  pools();
  ends_by_force();
  questions();
  // The process waits for it.
  OK(threading_thread_destroy(start(say_last_words, &last_words)));
  puts("all done");
  return 0;
}
