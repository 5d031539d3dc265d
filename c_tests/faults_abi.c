// Faults of the binary interface: section J of docs/faults.md. Structs of other releases, and errno. Programs
// of older releases stand in abi/, what each compiler makes of the header is asked in header/.
#include "everything.h"

#include <sys/mman.h>

static void do_nothing(void *arg) { (void)arg; }

// ---- Structs that begin with their size ----

// What every struct with a size has in common: how large it is, and a call that reads it.
typedef struct sized {
  const char *name;
  size_t size;
  threading_status (*use)(void *options);
} sized;

static threading_status use_thread_options(void *options) {
  threading_thread made = { 7 };
  const threading_status status = threading_thread_create(set_flag, NULL, options, &made);
  if (status == THREADING_OK) OK(threading_thread_destroy(made));
  else EQ(made.id, 7);
  return status;
}

static threading_status spawn_with_options(void *options) {
  atomic_bool ran = false;
  threading_thread made = { 7 };
  const threading_status status = threading_thread_spawn(set_flag, &ran, options, &made);
  if (status == THREADING_OK) finish_thread(made);
  else EQ(made.id, 7);
  EQ(atomic_load(&ran), status == THREADING_OK);
  return status;
}

static threading_status use_timer_options(void *options) {
  threading_timer made = { 7 };
  const threading_status status = threading_timer_create(0, do_nothing, NULL, options, &made);
  if (status == THREADING_OK) OK(threading_timer_destroy(made));
  else EQ(made.id, 7);
  return status;
}

static threading_status use_pool_options(void *options) {
  threading_pool made = { 7 };
  const threading_status status = threading_pool_create(1, options, &made);
  if (status == THREADING_OK) OK(threading_pool_destroy(made));
  else EQ(made.id, 7);
  return status;
}

static const sized sized_structs[] = {
  { "thread_create", sizeof(threading_thread_options), use_thread_options },
  { "thread_spawn", sizeof(threading_thread_options), spawn_with_options },
  { "timer_create", sizeof(threading_timer_options), use_timer_options },
  { "pool_create", sizeof(threading_pool_options), use_pool_options },
};
enum { SIZED = sizeof sized_structs / sizeof sized_structs[0], LARGEST = 4096 };

static void expect(const sized *of, size_t size, void *options, threading_status wanted) {
  memcpy(options, &size, sizeof size);
  const threading_status got = of->use(options);
  if (got == wanted) return;
  harness_fail(__FILE__, __LINE__, "%s with a size of %zu gave %s, not %s", of->name, size,
               threading_status_name(got), threading_status_name(wanted));
}

// Larger by any number of bytes: zeros are no wish, anything else is one that cannot be granted.
TEST(fault_J2_structs_of_a_newer_header) {
  _Alignas(16) static unsigned char options[LARGEST + 64];
  for (int i = 0; i < SIZED; i++) {
    const sized *of = &sized_structs[i];
    memset(options, 0, sizeof options);
    for (size_t more = 0; more <= 40; more++) expect(of, of->size + more, options, THREADING_OK);
    expect(of, LARGEST, options, THREADING_OK);
    for (size_t at = of->size; at < of->size + 40; at++) {
      options[at] = 1;
      expect(of, at, options, THREADING_OK);  // what is behind the size is not looked at
      expect(of, at + 1, options, THREADING_E_INVALID);
      expect(of, of->size + 40, options, THREADING_E_INVALID);
      expect(of, LARGEST, options, THREADING_E_INVALID);
      options[at] = 0;
    }
  }
}

// At the end of readable memory: who reads more than the struct ends the process.
TEST(fault_J3_sizes_that_are_none) {
  static const size_t absurd[] = { LARGEST + 1, 1 << 16, SIZE_MAX / 2, SIZE_MAX - 7, SIZE_MAX };
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(pages != MAP_FAILED && mprotect(pages + page, page, PROT_NONE) == 0);
  for (int i = 0; i < SIZED; i++) {
    const sized *of = &sized_structs[i];
    char *options = pages + page - of->size;
    memset(pages, 0, page);
    for (size_t size = 0; size < of->size; size++) expect(of, size, options, THREADING_E_INVALID);
    for (size_t j = 0; j < sizeof absurd / sizeof absurd[0]; j++)
      expect(of, absurd[j], options, THREADING_E_INVALID);
    expect(of, of->size, options, THREADING_OK);
    char *only_a_size = pages + page - sizeof(size_t);
    for (size_t size = 0; size < of->size; size++) expect(of, size, only_a_size, THREADING_E_INVALID);
  }
}

TEST(fault_J3_statistics_of_a_size_that_is_none) {
  static const size_t sizes[] = { 0, 1, 8, sizeof(threading_pool_statistics) - 1, LARGEST + 1, SIZE_MAX };
  threading_pool_statistics told;
  threading_pool pool;
  OK(threading_pool_create(1, NULL, &pool));
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    memset(&told, 0x77, sizeof told);
    told.size = sizes[i];
    IS(threading_pool_stats(pool, &told), THREADING_E_INVALID);
    EQ(told.size, sizes[i]);
    EQ(told.workers, 0x77777777);
  }
  OK(threading_pool_destroy(pool));
}

// ---- errno ----

// OK() and IS() look at errno after each call that gives a status; these are the others.
#define KEEPS_ERRNO(call)                                                                                   \
  do {                                                                                                    \
    errno = HARNESS_ERRNO;                                                                                \
    (void)(call);                                                                                         \
    if (errno != HARNESS_ERRNO) harness_fail(__FILE__, __LINE__, "%s set errno to %d", #call, errno);     \
  } while (0)

static void ask_everything(threading_thread thread, threading_lock lock, threading_rlock rlock,
                           threading_semaphore semaphore, threading_event event, threading_barrier barrier,
                           threading_queue queue, threading_future future) {
  KEEPS_ERRNO(threading_thread_is_alive(thread));
  KEEPS_ERRNO(threading_thread_is_daemon(thread));
  KEEPS_ERRNO(threading_lock_locked(lock));
  KEEPS_ERRNO(threading_rlock_locked(rlock));
  KEEPS_ERRNO(threading_rlock_is_owned(rlock));
  KEEPS_ERRNO(threading_rlock_recursion_count(rlock));
  KEEPS_ERRNO(threading_semaphore_value(semaphore));
  KEEPS_ERRNO(threading_event_is_set(event));
  KEEPS_ERRNO(threading_barrier_parties(barrier));
  KEEPS_ERRNO(threading_barrier_n_waiting(barrier));
  KEEPS_ERRNO(threading_barrier_broken(barrier));
  KEEPS_ERRNO(threading_queue_qsize(queue));
  KEEPS_ERRNO(threading_queue_unfinished_tasks(queue));
  KEEPS_ERRNO(threading_queue_empty(queue));
  KEEPS_ERRNO(threading_queue_full(queue));
  KEEPS_ERRNO(threading_queue_is_shutdown(queue));
  KEEPS_ERRNO(threading_future_cancelled(future));
  KEEPS_ERRNO(threading_future_running(future));
  KEEPS_ERRNO(threading_future_done(future));
  KEEPS_ERRNO(threading_last_error());
}

static void *ask_as_a_new_thread(void *arg) {
  KEEPS_ERRNO(threading_get_ident());  // a foreign thread is registered by its first call
  KEEPS_ERRNO(threading_current_thread());
  KEEPS_ERRNO(threading_get_native_id());
  KEEPS_ERRNO(threading_main_thread());
  KEEPS_ERRNO(threading_active_count());
  KEEPS_ERRNO(threading_last_error());
  KEEPS_ERRNO(threading_worker_index());
  return arg;
}

TEST(fault_J8_no_question_changes_errno) {
  threading_thread thread;
  threading_lock lock;
  threading_rlock rlock;
  threading_semaphore semaphore;
  threading_event event;
  threading_barrier barrier;
  threading_queue queue;
  threading_future future;
  pthread_t foreign;
  EQ(pthread_create(&foreign, NULL, ask_as_a_new_thread, NULL), 0);
  EQ(pthread_join(foreign, NULL), 0);
  ask_as_a_new_thread(NULL);
  KEEPS_ERRNO(threading_version());
  KEEPS_ERRNO(threading_status_name(THREADING_E_BUSY));
  KEEPS_ERRNO(threading_status_message(12345));
  KEEPS_ERRNO(threading_seconds(1e300));
  KEEPS_ERRNO(threading_now());
  KEEPS_ERRNO(threading_until(INT64_MAX));
  KEEPS_ERRNO(threading_timeout_max());
  KEEPS_ERRNO(threading_cpu_count());
  KEEPS_ERRNO((threading_yield(), 0));
  KEEPS_ERRNO(threading_default_pool());
  OK(threading_thread_create(set_flag, NULL, NULL, &thread));
  OK(threading_lock_create(&lock));
  OK(threading_rlock_create(&rlock));
  OK(threading_semaphore_create(1, &semaphore));
  OK(threading_event_create(&event));
  OK(threading_barrier_create(2, NULL, NULL, THREADING_FOREVER, &barrier));
  OK(threading_queue_create(THREADING_FIFO, 1, NULL, &queue));
  OK(threading_future_create(&future));
  ask_everything(thread, lock, rlock, semaphore, event, barrier, queue, future);
  OK(threading_thread_destroy(thread));
  OK(threading_lock_destroy(lock));
  OK(threading_rlock_destroy(rlock));
  OK(threading_semaphore_destroy(semaphore));
  OK(threading_event_destroy(event));
  OK(threading_barrier_destroy(barrier));
  OK(threading_queue_destroy(queue));
  OK(threading_future_destroy(future));
  ask_everything(thread, lock, rlock, semaphore, event, barrier, queue, future);  // none of them lives now
}
