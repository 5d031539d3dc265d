// A copy of the library that is opened by name, used and closed: closing one that is in use takes nothing
// away.
#include "copy.h"

static threading_event shared;
static atomic_int waiting;

static void *wait_in_copy(void *arg) {
  threading_status (*const wait)(threading_event, int64_t) = other.event_wait;
  const threading_event awaited = shared;
  atomic_fetch_add(&waiting, 1);
  OK(wait(awaited, THREADING_FOREVER));
  return arg;
}

static void use_after_close(void *arg) {
  (void)arg;
  EQ(other.active_count(), 1);
  OK(other.event_set(shared));
  OK(other.event_wait(shared, THREADING_FOREVER));
}

TEST(fault_F8_closed_while_threads_wait_in_it) {
  threading_thread threads[4];
  make_copy();
  OK(other.event_create(&shared));
  for (int i = 0; i < 4; i++) OK(other.spawn(wait_in_copy, NULL, NULL, &threads[i]));
  WAIT_UNTIL(atomic_load(&waiting) == 4);
  EQ(dlclose(other.opened), 0);
  remove_copy();
  OK(other.event_set(shared));
  for (int i = 0; i < 4; i++) OK(other.join(threads[i], THREADING_FOREVER));
  OK(other.event_destroy(shared));
}

TEST(fault_E14_closed_before_a_fork) {
  make_copy();
  OK(other.event_create(&shared));
  EQ(dlclose(other.opened), 0);
  remove_copy();
  skip_on_the_portable_backend();
  EQ(child_fork(use_after_close, NULL, NULL, 0), 0);
}

TEST(fault_F9_closed_and_opened_again_it_is_the_same) {
  make_copy();
  OK(other.event_create(&shared));
  for (int i = 0; i < 10; i++) {
    EQ(dlclose(other.opened), 0);
    open_copy();
    OK(other.event_set(shared));
  }
  remove_copy();
  OK(other.event_destroy(shared));
}

// ---- Again and again ----

static threading_lock hammered;
static atomic_bool over;

static void *hammer_copy(void *arg) {
  while (!atomic_load(&over)) {
    threading_event own;
    OK(other.lock_acquire(hammered, THREADING_FOREVER));
    OK(other.lock_release(hammered));
    OK(other.event_create(&own));
    OK(other.event_set(own));
    OK(other.event_destroy(own));
  }
  return arg;
}

TEST(fault_F8_closed_and_opened_a_thousand_times_while_threads_hammer) {
  threading_thread threads[4];
  make_copy();
  const copy first = other;
  OK(other.lock_create(&hammered));
  for (int i = 0; i < 4; i++) OK(other.spawn(hammer_copy, NULL, NULL, &threads[i]));
  for (int i = 0; i < 1000; i++) {
    EQ(dlclose(other.opened), 0);
    open_copy();
    CHECK(other.event_create == first.event_create);
    OK(other.event_create(&shared));
    OK(other.event_set(shared));
    OK(other.event_destroy(shared));
    OK(other.lock_acquire(hammered, THREADING_FOREVER));
    OK(other.lock_release(hammered));
  }
  EQ(dlclose(other.opened), 0);
  atomic_store(&over, true);
  for (int i = 0; i < 4; i++) OK(other.join(threads[i], THREADING_FOREVER));
  remove_copy();
}

// What one copy has is not the next one's, and none goes away. More of them than the loader has room for in
// the memory of each thread cannot be opened.
enum { COPIES = 8 };

TEST(fault_F8_eight_copies_are_opened_used_and_closed_while_their_threads_wait) {
  threading_thread waiters[COPIES];
  threading_event events[COPIES];
  copy copies[COPIES];
  for (int i = 0; i < COPIES; i++) {
    make_copy();
    remove_copy();
    atomic_store(&waiting, 0);
    OK(other.event_create(&events[i]));
    shared = events[i];
    OK(other.spawn(wait_in_copy, NULL, NULL, &waiters[i]));
    WAIT_UNTIL(atomic_load(&waiting) == 1);
    EQ(dlclose(other.opened), 0);
    copies[i] = other;
  }
  for (int i = 0; i < COPIES; i++) {
    IS(copies[i].event_set(events[(i + 1) % COPIES]), THREADING_E_HANDLE);
    OK(copies[i].event_set(events[i]));
    OK(copies[i].join(waiters[i], THREADING_FOREVER));
  }
}

// ---- Fork handlers from before the library was opened ----

// They stand between the library's own: before the fork after its first step, in the child before its last.
static atomic_int handled;

static void use_copy_around_fork(void) {
  threading_event event;
  threading_thread unstarted;
  if (other.opened == NULL) return;
  OK(other.event_create(&event));
  OK(other.event_set(event));
  OK(other.event_wait(event, THREADING_FOREVER));
  OK(other.event_destroy(event));
  OK(other.thread_create(wait_in_copy, NULL, NULL, &unstarted));
  OK(other.thread_destroy(unstarted));
  atomic_fetch_add(&handled, 1);
}

TEST(fault_E13_fork_handlers_from_before_the_library_was_opened) {
  threading_thread waiter;
  EQ(pthread_atfork(use_copy_around_fork, use_copy_around_fork, use_copy_around_fork), 0);
  make_copy();
  remove_copy();
  skip_on_the_portable_backend();
  OK(other.event_create(&shared));
  OK(other.spawn(wait_in_copy, NULL, NULL, &waiter));
  WAIT_UNTIL(atomic_load(&waiting) == 1);
  EQ(child_fork(use_after_close, NULL, NULL, 0), 0);
  EQ(atomic_load(&handled), 2);
  OK(other.event_set(shared));
  OK(other.join(waiter, THREADING_FOREVER));
}
