// Threads with their locals, and handles of what is no more.
#include "soak.h"

// ---- Threads: run once, end their locals before a join returns, and are gone afterwards ----

typedef struct life {
  uint64_t number;
  _Atomic int ran, ended;
} life;

static threading_local own;
static _Atomic long failed, told;

static void end_local(void *value) { atomic_fetch_add(&((life *)value)->ended, 1); }

// Told of the failure of a thread; its code is its number.
static void note_failure(threading_thread thread, int32_t code, const char *message, void *user) {
  char name[32], wanted[32];
  DONE(threading_thread_name(thread, name, sizeof name, NULL));
  snprintf(wanted, sizeof wanted, "life-%d", (int)code);
  EQUALS(strcmp(name, wanted), 0);
  HOLDS(*message == '\0' && user == &told);
  atomic_fetch_add(&told, 1);
}

static void open_threads(void) {
  DONE(threading_local_create(end_local, &own));
  DONE(threading_set_excepthook(note_failure, &told));
}

static void *live(void *arg) {
  life *at = arg;
  void *got = arg;
  atomic_fetch_add(&at->ran, 1);
  DONE(threading_local_get(own, &got));
  HOLDS(got == NULL);
  DONE(threading_local_set(own, at));
  DONE(threading_local_get(own, &got));
  HOLDS(got == at);
  if (at->number % 5 == 0) DONE(threading_fail((int32_t)at->number, NULL));
  else if (soak_planted("thread")) return NULL;
  return at;
}

static void step_threads(actor *who) {
  life life = { .number = pick(who, 1000) };
  threading_thread thread;
  void *result = NULL;
  uint64_t ident = 0;
  char name[32];
  snprintf(name, sizeof name, "life-%" PRIu64, life.number);
  const threading_thread_options options = { .size = sizeof options, .name = name };
  DONE(threading_thread_create(live, &life, &options, &thread));
  GIVES(threading_thread_join(thread, 0), THREADING_E_STATE);
  DONE(threading_thread_ident(thread, &ident));
  EQUALS(ident, thread.id);
  DONE(threading_thread_start(thread));
  GIVES(threading_thread_start(thread), THREADING_E_STATE);
  DONE(threading_thread_join(thread, soak_patience));
  EQUALS(atomic_load(&life.ran), 1);
  EQUALS(atomic_load(&life.ended), 1);
  EQUALS(threading_thread_is_alive(thread), 0);
  if (life.number % 5 == 0) {
    GIVES(threading_thread_result(thread, &result), THREADING_FAILED);
    atomic_fetch_add(&failed, 1);
  } else {
    DONE(threading_thread_result(thread, &result));
    HOLDS(result == &life);
  }
  DONE(threading_thread_destroy(thread));
  EQUALS(threading_thread_is_alive(thread), THREADING_E_HANDLE);
}

static void rest_threads(void) {
  void *got = &own;
  DONE(threading_local_get(own, &got));
  HOLDS(got == NULL);
  EQUALS(atomic_load(&told), atomic_load(&failed));
}

static void close_threads(void) {
  DONE(threading_set_excepthook(NULL, NULL));
  DONE(threading_local_destroy(own));
}

const station soak_threads = { "threads", open_threads, step_threads, rest_threads, close_threads };

// ---- Handles: the dead stay dead, whoever lives in their place ----

#define GRAVES 64
#define NOUNS 6

static _Atomic uint64_t graves[NOUNS][GRAVES];

#define MAKE_AND_END(noun, ...)                                                                           \
  do {                                                                                                    \
    threading_##noun it;                                                                                  \
    DONE(threading_##noun##_create(__VA_ARGS__));                                                         \
    DONE(threading_##noun##_destroy(it));                                                                 \
    GIVES(threading_##noun##_destroy(it), THREADING_E_HANDLE);                                            \
    return it.id;                                                                                         \
  } while (0)

static uint64_t make_and_end(uint32_t noun) {
  switch (noun) {
    case 0: MAKE_AND_END(lock, &it);
    case 1: MAKE_AND_END(rlock, &it);
    case 2: MAKE_AND_END(semaphore, 1, &it);
    case 3: MAKE_AND_END(event, &it);
    case 4: MAKE_AND_END(barrier, 2, NULL, NULL, THREADING_FOREVER, &it);
    default: MAKE_AND_END(future, &it);
  }
}

static void check_dead(uint32_t noun, uint64_t id) {
  switch (noun) {
    case 0: GIVES(threading_lock_acquire((threading_lock){ id }, 0), THREADING_E_HANDLE); break;
    case 1: GIVES(threading_rlock_acquire((threading_rlock){ id }, 0), THREADING_E_HANDLE); break;
    case 2: GIVES(threading_semaphore_release((threading_semaphore){ id }, 1), THREADING_E_HANDLE); break;
    case 3: GIVES(threading_event_set((threading_event){ id }), THREADING_E_HANDLE); break;
    case 4: GIVES(threading_barrier_abort((threading_barrier){ id }), THREADING_E_HANDLE); break;
    default: GIVES(threading_future_cancel((threading_future){ id }), THREADING_E_HANDLE); break;
  }
}

static void open_handles(void) {}

static void step_handles(actor *who) {
  const uint32_t noun = pick(who, NOUNS), grave = pick(who, GRAVES);
  if (pick(who, 2) == 0) {
    atomic_store(&graves[noun][grave], make_and_end(noun));
    return;
  }
  check_dead(noun, atomic_load(&graves[noun][grave]));
  // As another kind it is as dead.
  check_dead((noun + 1) % NOUNS, atomic_load(&graves[noun][grave]));
}

static void rest_handles(void) {
  for (uint32_t noun = 0; noun < NOUNS; noun++) {
    for (int i = 0; i < GRAVES; i++) check_dead(noun, atomic_load(&graves[noun][i]));
  }
}

static void close_handles(void) {}

const station soak_handles = { "handles", open_handles, step_handles, rest_handles, close_handles };
