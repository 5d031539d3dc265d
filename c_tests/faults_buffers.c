// Buffers, structs and handles as an attacker would look at them: the second half of section S of
// docs/faults.md.
#include "harness.h"

#include <sys/mman.h>

static void *return_arg(void *arg) { return arg; }
static void do_nothing(void *arg) { (void)arg; }

// ---- Buffers that are too small ----

#define TEXT "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z"  // 1, 2, 3, 4 and 1 bytes
enum { CANARY = 0xc9, ROOM = 64, LENGTH = sizeof TEXT - 1 };

typedef threading_status (*getter)(char *buffer, size_t size, size_t *needed);

static threading_thread failed;
static threading_future promise;

static void *fail_with_text(void *arg) {
  OK(threading_fail(3, TEXT));
  return arg;
}
static threading_status get_name(char *buffer, size_t size, size_t *needed) {
  return threading_thread_name(failed, buffer, size, needed);
}
static threading_status get_failure(char *buffer, size_t size, size_t *needed) {
  return threading_thread_failure(failed, &(int32_t){ 0 }, buffer, size, needed);
}
static threading_status get_future_failure(char *buffer, size_t size, size_t *needed) {
  return threading_future_failure(promise, 0, &(int32_t){ 0 }, buffer, size, needed);
}
static threading_status get_last_failure(char *buffer, size_t size, size_t *needed) {
  return threading_last_failure(&(int32_t){ 0 }, buffer, size, needed);
}

static bool is_boundary(size_t at) { return at == LENGTH || ((unsigned char)TEXT[at] & 0xc0) != 0x80; }

static void check_getter(getter get) {
  for (size_t size = 0; size <= LENGTH + 3; size++) {
    unsigned char buffer[ROOM];
    size_t needed = 0;
    memset(buffer, CANARY, sizeof buffer);
    OK(get((char *)buffer + 8, size, &needed));
    EQ(needed, LENGTH + 1);
    for (size_t i = 0; i < ROOM; i++) CHECK((i >= 8 && i < 8 + size) || buffer[i] == CANARY);
    if (size == 0) continue;
    // As many whole characters as fit with the NUL.
    size_t fits = size - 1 < LENGTH ? size - 1 : LENGTH;
    while (!is_boundary(fits)) fits--;
    EQ(strlen((char *)buffer + 8), fits);
    CHECK(memcmp(buffer + 8, TEXT, fits) == 0);
    OK(get((char *)buffer + 8, size, NULL));
  }
  OK(get(NULL, 0, NULL));
  IS(get(NULL, 1, NULL), THREADING_E_INVALID);
}

static void say_nothing(threading_thread thread, int32_t code, const char *message, void *user) {
  (void)thread, (void)code, (void)message, (void)user;
}

TEST(fault_S7_texts_in_buffers_that_are_too_small) {
  const threading_thread_options options = { .size = sizeof options, .name = TEXT };
  void *result;
  OK(threading_set_excepthook(say_nothing, NULL));
  OK(threading_thread_spawn(fail_with_text, NULL, &options, &failed));
  OK(threading_thread_join(failed, THREADING_FOREVER));
  OK(threading_future_create(&promise));
  OK(threading_future_set_failure(promise, 3, TEXT));
  IS(threading_future_result(promise, 0, &result), THREADING_FAILED);
  check_getter(get_name);
  check_getter(get_failure);
  check_getter(get_future_failure);
  check_getter(get_last_failure);
  OK(threading_future_destroy(promise));
  OK(threading_thread_destroy(failed));
  OK(threading_set_excepthook(NULL, NULL));
}

static void check_canaries(const void *buffer, size_t used, size_t size) {
  const unsigned char *bytes = buffer;
  for (size_t i = used; i < size; i++) CHECK(bytes[i] == CANARY);
}

static void *wait_for_event(void *arg) {
  OK(threading_event_wait(*(threading_event *)arg, THREADING_FOREVER));
  return NULL;
}

TEST(fault_S7_lists_in_buffers_that_are_too_small) {
  threading_thread threads[4], all[8];
  uint32_t cpus[1024];
  size_t count = 0;
  threading_event event;
  OK(threading_event_create(&event));
  for (int i = 0; i < 4; i++) threads[i] = spawn_thread(wait_for_event, &event);
  for (size_t room = 0; room <= 6; room++) {
    memset(all, CANARY, sizeof all);
    OK(threading_enumerate(all, room, &count));
    EQ(count, 5);
    check_canaries(all, (room < 5 ? room : 5) * sizeof all[0], sizeof all);
  }
  OK(threading_event_set(event));
  for (int i = 0; i < 4; i++) finish_thread(threads[i]);
  OK(threading_event_destroy(event));
  for (size_t room = 0; room <= 3; room++) {
    memset(cpus, CANARY, sizeof cpus);
    OK(threading_thread_affinity(threading_current_thread(), cpus, room, &count));
    CHECK(count >= 1);
    check_canaries(cpus, (room < count ? room : count) * sizeof cpus[0], sizeof cpus);
  }
}

TEST(fault_S7_flags_and_statistics_are_as_many_as_asked_for) {
  threading_future futures[3];
  int32_t flags[5];
  threading_pool pool;
  union {
    threading_pool_statistics statistics;
    unsigned char bytes[sizeof(threading_pool_statistics) + 64];
  } told;
  for (int i = 0; i < 3; i++) OK(threading_future_create(&futures[i]));
  OK(threading_future_set_result(futures[1], NULL));
  memset(flags, CANARY, sizeof flags);
  IS(threading_futures_wait(futures, 3, THREADING_ALL_COMPLETED, 0, flags + 1), THREADING_TIMEOUT);
  check_canaries(flags, 0, sizeof flags[0]);
  check_canaries(flags + 4, 0, sizeof flags[0]);
  EQ(flags[1] + 2 * flags[2] + 4 * flags[3], 2);
  for (int i = 0; i < 3; i++) OK(threading_future_destroy(futures[i]));

  OK(threading_pool_create(1, NULL, &pool));
  for (size_t size = sizeof told.statistics; size <= sizeof told; size++) {
    memset(&told, CANARY, sizeof told);
    told.statistics.size = size;
    OK(threading_pool_stats(pool, &told.statistics));
    EQ(told.statistics.size, size);
    EQ(told.statistics.done, 0);
    check_canaries(told.bytes + sizeof told.statistics, 0, sizeof told - sizeof told.statistics);
  }
  for (size_t size = 0; size < sizeof told.statistics; size++) {
    memset(&told, CANARY, sizeof told);
    told.statistics.size = size;
    IS(threading_pool_stats(pool, &told.statistics), THREADING_E_INVALID);
    check_canaries(told.bytes + sizeof size, 0, sizeof told - sizeof size);
  }
  OK(threading_pool_destroy(pool));
}

// ---- Handles that tell addresses ----

enum { MAPS = 4096, EACH = 1000 };
static struct {
  uint64_t begin, end;
} maps[MAPS];
static int map_count;

static void read_maps(void) {
  char line[512];
  FILE *file = fopen("/proc/self/maps", "r");
  CHECK(file != NULL);
  while (map_count < MAPS && fgets(line, sizeof line, file) != NULL)
    if (sscanf(line, "%" SCNx64 "-%" SCNx64, &maps[map_count].begin, &maps[map_count].end) == 2) map_count++;
  fclose(file);
  CHECK(map_count > 5 && map_count < MAPS);
}

static bool is_address(uint64_t number) {
  for (int i = 0; i < map_count; i++)
    if (number >= maps[i].begin && number < maps[i].end) return true;
  return false;
}

// How many of the numbers give an address away: as they are, turned, or by their page's number alone.
static int addresses_among(const uint64_t *numbers, int count) {
  int most = 0;
  for (unsigned turn = 0; turn < 64; turn += 4) {
    int plain = 0, half = 0;
    for (int i = 0; i < count; i++) {
      const uint64_t turned = numbers[i] << turn | (turn ? numbers[i] >> (64 - turn) : 0);
      plain += is_address(turned & UINT64_C(0xffffffffffff));
      for (int map = 0; map < map_count; map++)
        if ((uint32_t)turned >= (uint32_t)(maps[map].begin >> 12) &&
            (uint32_t)turned < (uint32_t)(maps[map].end >> 12)) {
          half++;
          break;
        }
    }
    if (plain > most) most = plain;
    if (half > most) most = half;
  }
  return most;
}

#define HANDLES(noun, ...)                                                                                  \
  do {                                                                                                      \
    static threading_##noun made[EACH];                                                                     \
    uint64_t numbers[EACH];                                                                                 \
    for (int i_ = 0; i_ < EACH; i_++) {                                                                     \
      threading_##noun *out = &made[i_];                                                                    \
      OK(threading_##noun##_create(__VA_ARGS__));                                                           \
      numbers[i_] = out->id;                                                                                \
    }                                                                                                       \
    /* A number may lie in a mapping by chance, and 1 of 100 do not. */                                     \
    const int found = addresses_among(numbers, EACH);                                                       \
    if (found > EACH / 100) harness_fail(__FILE__, __LINE__, "%d addresses in handles of " #noun, found);   \
    for (int i_ = 0; i_ < EACH; i_++) OK(threading_##noun##_destroy(made[i_]));                             \
  } while (0)

TEST(fault_S8_handles_hold_no_addresses) {
  threading_pool pool;
  if (scaled(1000) != 1000) SKIP("what a checker maps is so much that any number may lie in it");
  OK(threading_pool_create(1, NULL, &pool));
  uint64_t planted[EACH];
  for (int i = 0; i < EACH; i++) planted[i] = (uint64_t)(uintptr_t)malloc(32) + ((uint64_t)7 << 56);
  read_maps();
  EQ(addresses_among(planted, EACH), EACH);
  for (int i = 0; i < EACH; i++)
    planted[i] = (planted[i] & UINT64_C(0xffffffffffff)) >> 12 | (uint64_t)i << 40;
  EQ(addresses_among(planted, EACH), EACH);
  HANDLES(lock, out);
  HANDLES(rlock, out);
  HANDLES(condition, out);
  HANDLES(semaphore, 1, out);
  HANDLES(event, out);
  HANDLES(barrier, 2, NULL, NULL, THREADING_FOREVER, out);
  HANDLES(local, NULL, out);
  HANDLES(queue, THREADING_FIFO, 0, NULL, out);
  HANDLES(future, out);
  HANDLES(timer, 0, do_nothing, NULL, NULL, out);
  HANDLES(thread, return_arg, NULL, NULL, out);
  HANDLES(group, pool, out);
  OK(threading_pool_destroy(pool));
  HANDLES(pool, 1, NULL, out);
}

// ---- Structs of garbage ----

// The struct ends where readable memory does: whoever believes its size reads too far, and the process ends.
static void *garbage(size_t size, unsigned char pattern) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  unsigned char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(pages != MAP_FAILED);
  CHECK(mprotect(pages + page, page, PROT_NONE) == 0);
  return memset(pages + page - size, pattern, size);
}

TEST(fault_S13_structs_filled_with_garbage) {
  static const unsigned char patterns[] = { 0xa5, 0x5a, 0xff, 0x01, 0x80, 0x7f, 0x00 };
  threading_pool told_of;
  OK(threading_pool_create(1, NULL, &told_of));
  for (size_t i = 0; i < sizeof patterns; i++) {
    threading_thread thread = { 7 };
    threading_timer timer = { 7 };
    threading_pool pool = { 7 };
    const threading_thread_options *of_thread = garbage(sizeof *of_thread, patterns[i]);
    const threading_timer_options *of_timer = garbage(sizeof *of_timer, patterns[i]);
    const threading_pool_options *of_pool = garbage(sizeof *of_pool, patterns[i]);
    IS(threading_thread_create(return_arg, NULL, of_thread, &thread), THREADING_E_INVALID);
    IS(threading_thread_spawn(return_arg, NULL, of_thread, &thread), THREADING_E_INVALID);
    IS(threading_timer_create(0, do_nothing, NULL, of_timer, &timer), THREADING_E_INVALID);
    IS(threading_pool_create(1, of_pool, &pool), THREADING_E_INVALID);
    threading_pool_statistics *told = garbage(sizeof *told, patterns[i]);
    IS(threading_pool_stats(told_of, told), THREADING_E_INVALID);
    EQ(memcmp(told, garbage(sizeof *told, patterns[i]), sizeof *told), 0);
    EQ(thread.id, 7);
    EQ(timer.id, 7);
    EQ(pool.id, 7);
  }
  OK(threading_pool_destroy(told_of));
  EQ(threading_active_count(), 1);
}

// Each number of a struct on its own.
TEST(fault_S13_fields_filled_with_garbage) {
  const int32_t small = (int32_t)0xa5a5a5a5;
  const int64_t large = (int64_t)UINT64_C(0xa5a5a5a5a5a5a5a5);
  const size_t size = SIZE_MAX / 0xff * 0xa5;
  const uint32_t cpu = 0xa5a5a5a5;
  const threading_thread_options threads[] = {
    { .size = sizeof threads[0], .daemon = small },
    { .size = sizeof threads[0], .priority = small },
    { .size = sizeof threads[0], .cpu_count = size },
    { .size = sizeof threads[0], .cpus = &cpu, .cpu_count = 1 },
    { .size = sizeof threads[0], .cpus = &cpu, .cpu_count = size },
  };
  const threading_timer_options timers[] = { { .size = sizeof timers[0], .period_ns = large } };
  const threading_pool_options pools[] = {
    { .size = sizeof pools[0], .stack_size = 1 },
    { .size = sizeof pools[0], .priority = small },
    { .size = sizeof pools[0], .daemon = small },
    { .size = sizeof pools[0], .max_queued = large },
    { .size = sizeof pools[0], .when_full = small },
    { .size = sizeof pools[0], .min_workers = 0xa5a5a5a5 },
    { .size = sizeof pools[0], .idle_timeout_ns = large },
  };
  for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++)
    IS(threading_thread_create(return_arg, NULL, &threads[i], &(threading_thread){ 0 }), THREADING_E_INVALID);
  for (size_t i = 0; i < sizeof timers / sizeof timers[0]; i++)
    IS(threading_timer_create(0, do_nothing, NULL, &timers[i], &(threading_timer){ 0 }), THREADING_E_INVALID);
  for (size_t i = 0; i < sizeof pools / sizeof pools[0]; i++)
    IS(threading_pool_create(1, &pools[i], &(threading_pool){ 0 }), THREADING_E_INVALID);
}
