// Plain data, guarded by each kind of primitive, thread and timer.
#ifndef GUARDED_OBJECTS_H
#define GUARDED_OBJECTS_H
#include "tool.h"

#include <pthread.h>

enum { THREADS = 3, TIMES = 50 };

static void in_threads(threading_target target) {
  threading_thread threads[THREADS];
  for (int i = 0; i < THREADS; i++) threads[i] = start(target, NULL);
  for (int i = 0; i < THREADS; i++) finish(threads[i]);
}

// ---- Locks ----

static threading_lock lock;
static int counted;

static void *count_under_lock(void *arg) {
  for (int i = 0; i < TIMES; i++) {
    if (i % 5 == 4) {
      while (threading_lock_acquire(lock, 0) != THREADING_OK) threading_yield();
    } else {
      OK(threading_lock_acquire(lock, i % 2 ? THREADING_FOREVER : THREADING_SECONDS(60)));
    }
    counted++;
    OK(threading_lock_release(lock));
  }
  return arg;
}

static void *release_lock(void *arg) {
  counted++;
  OK(threading_lock_release(lock));
  return arg;
}

static void locks(void) {
  OK(threading_lock_create(&lock));
  in_threads(count_under_lock);
  // Another thread releases what this one has acquired.
  OK(threading_lock_acquire(lock, 0));
  counted++;
  const threading_thread other = start(release_lock, NULL);
  OK(threading_lock_acquire(lock, THREADING_FOREVER));
  CHECK(counted == THREADS * TIMES + 2);
  OK(threading_lock_release(lock));
  finish(other);
  OK(threading_lock_destroy(lock));
}

static threading_rlock rlock;
static int counted_deeply;

static void *count_under_rlock(void *arg) {
  for (int i = 0; i < TIMES; i++) {
    OK(threading_rlock_acquire(rlock, THREADING_FOREVER));
    OK(threading_rlock_acquire(rlock, THREADING_FOREVER));
    counted_deeply++;
    OK(threading_rlock_release(rlock));
    counted_deeply++;
    OK(threading_rlock_release(rlock));
  }
  return arg;
}

static void *die_with_rlock(void *arg) {
  OK(threading_rlock_acquire(rlock, THREADING_FOREVER));
  counted_deeply++;
  return arg;
}

static void rlocks(void) {
  OK(threading_rlock_create(&rlock));
  in_threads(count_under_rlock);
  const threading_thread owner = start(die_with_rlock, NULL);
  threading_status inherited;
  do {
    inherited = threading_rlock_acquire(rlock, THREADING_FOREVER);
    if (inherited == THREADING_OK) {
      OK(threading_rlock_release(rlock));
      threading_yield();
    }
  } while (inherited == THREADING_OK);
  CHECK(inherited == THREADING_OWNER_DEAD);
  CHECK(counted_deeply == 2 * THREADS * TIMES + 1);
  OK(threading_rlock_release(rlock));
  finish(owner);
  OK(threading_rlock_destroy(rlock));
}

// ---- Conditions, semaphores, events, barriers ----

static threading_condition condition;
static int produced, consumed;

static int32_t is_produced(void *arg) {
  (void)arg;
  return produced > 0;
}

static void *consume(void *arg) {
  OK(threading_condition_acquire(condition, THREADING_FOREVER));
  for (int i = 0; i < TIMES; i++) {
    if (arg != NULL) {
      OK(threading_condition_wait_for(condition, is_produced, NULL, THREADING_FOREVER));
    } else {
      while (produced == 0) threading_condition_wait(condition, THREADING_MILLISECONDS(i % 3));
    }
    produced--;
    consumed++;
  }
  OK(threading_condition_release(condition));
  return NULL;
}

static void conditions(void) {
  OK(threading_condition_create(&condition));
  int any;
  const threading_thread patient = start(consume, &any), restless = start(consume, NULL);
  for (int i = 0; i < 2 * TIMES; i++) {
    OK(threading_condition_acquire(condition, THREADING_FOREVER));
    produced++;
    OK(i % 2 ? threading_condition_notify_all(condition) : threading_condition_notify(condition, 1));
    OK(threading_condition_release(condition));
  }
  finish(patient);
  finish(restless);
  CHECK(consumed == 2 * TIMES);
  OK(threading_condition_destroy(condition));
}

static threading_semaphore semaphore;
static int permitted;

static void *count_with_permit(void *arg) {
  for (int i = 0; i < TIMES; i++) {
    OK(threading_semaphore_acquire(semaphore, THREADING_FOREVER));
    permitted++;
    OK(threading_semaphore_release(semaphore, 1));
  }
  return arg;
}

static void semaphores(void) {
  OK(threading_semaphore_create(0, &semaphore));
  permitted = 1;
  OK(threading_semaphore_release(semaphore, 1));
  in_threads(count_with_permit);
  OK(threading_semaphore_destroy(semaphore));
}

static threading_event asked, answered;
static int question, answer;

static void *answer_it(void *arg) {
  OK(threading_event_wait(asked, THREADING_FOREVER));
  answer = question + 1;
  OK(threading_event_set(answered));
  return arg;
}

static void events(void) {
  OK(threading_event_create(&asked));
  OK(threading_event_create(&answered));
  for (int i = 0; i < 4; i++) {
    const threading_thread other = start(answer_it, NULL);
    question = i;
    OK(threading_event_set(asked));
    if (i % 2) {
      OK(threading_event_wait(answered, THREADING_FOREVER));
    } else {
      while (threading_event_is_set(answered) != 1) threading_yield();
    }
    CHECK(answer == i + 1);
    answer = 0;
    OK(threading_event_clear(asked));
    OK(threading_event_clear(answered));
    finish(other);
  }
  OK(threading_event_destroy(asked));
  OK(threading_event_destroy(answered));
}

static threading_barrier barrier;
static int places[THREADS], sum;

static threading_status add_up(void *arg) {
  (void)arg;
  sum = 0;
  for (int i = 0; i < THREADS; i++) sum += places[i];
  return THREADING_OK;
}

static void *meet(void *place) {
  for (int i = 1; i <= TIMES / 2; i++) {
    *(int *)place = i;
    OK(threading_barrier_wait(barrier, THREADING_FOREVER, NULL));
    CHECK(sum == THREADS * i);
    // Everybody has looked before the next round is added up, and at every place before it is changed.
    CHECK(places[0] == i && places[THREADS - 1] == i);
    OK(threading_barrier_wait(barrier, THREADING_FOREVER, NULL));
  }
  return NULL;
}

static void barriers(void) {
  OK(threading_barrier_create(THREADS, add_up, NULL, THREADING_FOREVER, &barrier));
  threading_thread threads[THREADS];
  for (int i = 0; i < THREADS; i++) threads[i] = start(meet, &places[i]);
  for (int i = 0; i < THREADS; i++) finish(threads[i]);
  OK(threading_barrier_destroy(barrier));
}

// ---- Threads, locals, timers ----

static void *add_one(void *number) {
  ++*(int *)number;
  return number;
}

static void threads(void) {
  int number = 1;
  threading_thread thread;
  OK(threading_thread_create(add_one, &number, NULL, &thread));
  number = 2;
  OK(threading_thread_start(thread));
  while (threading_thread_is_alive(thread) == 1) threading_yield();
  CHECK(number == 3);
  CHECK(finish(thread) == &number);
  const threading_thread_options options = { .size = sizeof options, .arg_size = sizeof number };
  OK(threading_thread_spawn(add_one, &number, &options, &thread));
  number = 7;
  finish(thread);
}

static threading_local local;
static threading_event has_set, may_end;
static int values_destroyed;

static void destroy_value(void *value) {
  values_destroyed += *(int *)value;
  free(value);
}

static void *set_value(void *arg) {
  int *value = malloc(sizeof *value);
  CHECK(value != NULL);
  *value = 5;
  OK(threading_local_set(local, value));
  OK(threading_event_set(has_set));
  OK(threading_event_wait(may_end, THREADING_FOREVER));
  return arg;
}

static void locals(void) {
  OK(threading_local_create(destroy_value, &local));
  OK(threading_event_create(&has_set));
  OK(threading_event_create(&may_end));
  OK(threading_event_set(may_end));
  finish(start(set_value, NULL));
  CHECK(values_destroyed == 5);
  OK(threading_event_clear(may_end));
  OK(threading_event_clear(has_set));
  const threading_thread thread = start(set_value, NULL);
  OK(threading_event_wait(has_set, THREADING_FOREVER));
  OK(threading_local_destroy(local));
  CHECK(values_destroyed == 10);
  OK(threading_event_set(may_end));
  finish(thread);
  OK(threading_event_destroy(has_set));
  OK(threading_event_destroy(may_end));
}

static int ticks, fired;
static threading_event ticked;

static void fire(void *arg) { fired += *(int *)arg; }

static void tick(void *arg) {
  if (++*(int *)arg == 3) OK(threading_event_set(ticked));
}

static void timers(void) {
  int number = 1;
  threading_timer timer;
  OK(threading_timer_create(THREADING_MILLISECONDS(1), fire, &number, NULL, &timer));
  number = 2;
  OK(threading_timer_start(timer));
  OK(threading_timer_join(timer, THREADING_FOREVER));
  CHECK(fired == 2);
  OK(threading_timer_destroy(timer));

  OK(threading_event_create(&ticked));
  const threading_timer_options options = { .size = sizeof options, .period_ns = THREADING_MILLISECONDS(1) };
  OK(threading_timer_create(0, tick, &ticks, &options, &timer));
  OK(threading_timer_start(timer));
  OK(threading_event_wait(ticked, THREADING_FOREVER));
  OK(threading_timer_cancel(timer));
  CHECK(threading_timer_join(timer, THREADING_FOREVER) == THREADING_CANCELLED);
  CHECK(ticks >= 3);
  OK(threading_timer_destroy(timer));
  OK(threading_event_destroy(ticked));
}

#endif
