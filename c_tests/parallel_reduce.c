// threading_parallel_reduce: results of any size, combined in the order of the range.
#include "pool.h"

static int tag;

static void add_numbers(int64_t begin, int64_t end, void *accumulator, void *arg) {
  int64_t *sum = accumulator;
  CHECK(begin < end && arg == &tag);
  for (; begin < end; begin++) *sum += begin;
}

static void add_sums(void *into, const void *from, void *arg) {
  CHECK(arg == &tag);
  *(int64_t *)into += *(const int64_t *)from;
}

typedef struct cut {
  int64_t begin, end, grain;
} cut;

static void check_piece(int64_t begin, int64_t end, void *accumulator, void *arg) {
  const cut *of = arg;
  EQ((begin - of->begin) % of->grain, 0);
  CHECK(end - begin == of->grain || end == of->end);
  *(int64_t *)accumulator += 1;
}

static void add_pieces(void *into, const void *from, void *arg) {
  CHECK(((const cut *)arg)->grain > 0);
  *(int64_t *)into += *(const int64_t *)from;
}

static int64_t sum(threading_pool pool, int64_t begin, int64_t end, int64_t grain) {
  const int64_t zero = 0;
  int64_t result = -77;
  OK(threading_parallel_reduce(pool, begin, end, grain, &zero, sizeof zero, add_numbers, add_sums,
                               &tag, &result));
  return result;
}

TEST(each_piece_but_the_last_is_as_long_as_the_grain) {
  const threading_pool pool = make_pool(3);
  for (int64_t grain = 1; grain <= 100; grain += 11) {
    cut of = { -50, 951, grain };
    const int64_t zero = 0;
    int64_t pieces = -77;
    OK(threading_parallel_reduce(pool, of.begin, of.end, grain, &zero, sizeof zero, check_piece, add_pieces,
                                 &of, &pieces));
    EQ(pieces, (of.end - of.begin - 1) / grain + 1);
  }
  finish_pool(pool);
}

TEST(a_sum) {
  for (uint32_t workers = 1; workers <= 4; workers++) {
    const threading_pool pool = make_pool(workers);
    const int64_t grains[] = { 0, 1, 7, 1000, INT64_MAX };
    for (int g = 0; g < 5; g++) {
      for (int64_t n = 1; n <= 100000; n *= 10) {
        EQ(sum(pool, 0, n, grains[g]), n * (n - 1) / 2);
        EQ(sum(pool, -n, n, grains[g]), -n);
      }
    }
    finish_pool(pool);
  }
}

TEST(nothing_gives_the_identity) {
  const threading_pool pool = make_pool(2);
  int64_t identity = 42, result = -77;
  OK(threading_parallel_reduce(pool, 5, 5, 0, &identity, 8, add_numbers, add_sums, NULL, &result));
  EQ(result, 42);
  result = -77;
  OK(threading_parallel_reduce(pool, 5, -5, 3, &identity, 8, add_numbers, add_sums, NULL, &result));
  EQ(result, 42);
  EQ(identity, 42);
  finish_pool(pool);
}

TEST(the_result_may_stand_where_the_identity_is) {
  const threading_pool pool = make_pool(2);
  int64_t both = 0;
  OK(threading_parallel_reduce(pool, 0, 10000, 1, &both, sizeof both, add_numbers, add_sums,
                               &tag, &both));
  EQ(both, 49995000);
  finish_pool(pool);
}

TEST(what_is_refused) {
  const threading_pool pool = make_pool(1);
  int64_t zero = 0, r = -77;
  IS(threading_parallel_reduce(pool, 0, 9, -1, &zero, 8, add_numbers, add_sums, NULL, &r),
     THREADING_E_INVALID);
  IS(threading_parallel_reduce(pool, 0, 9, 0, NULL, 8, add_numbers, add_sums, NULL, &r), THREADING_E_INVALID);
  IS(threading_parallel_reduce(pool, 0, 9, 0, &zero, 8, NULL, add_sums, NULL, &r), THREADING_E_INVALID);
  IS(threading_parallel_reduce(pool, 0, 9, 0, &zero, 8, add_numbers, NULL, NULL, &r), THREADING_E_INVALID);
  IS(threading_parallel_reduce(pool, 0, 9, 0, &zero, 8, add_numbers, add_sums, NULL, NULL),
     THREADING_E_INVALID);
  EQ(r, -77);
  OK(threading_pool_shutdown(pool, 1, 0));
  IS(threading_parallel_reduce(pool, 0, 9, 0, &zero, 8, add_numbers, add_sums, NULL, &r), THREADING_CLOSED);
  EQ(r, -77);
  OK(threading_pool_destroy(pool));
}

TEST(more_memory_than_there_is) {
  const threading_pool pool = make_pool(1);
  int64_t zero = 0, r = -77;
  IS(threading_parallel_reduce(pool, 0, 9, 0, &zero, SIZE_MAX / 4, add_numbers, add_sums, NULL, &r),
     THREADING_E_NO_MEMORY);
  EQ(r, -77);
  finish_pool(pool);
}

// ---- An operation whose order matters ----

// A text in a result of `size` bytes: its length, then what has been seen of the range, one letter for
// each number.
typedef struct text {
  uint32_t length;
  char letters[];
} text;

typedef struct writing {
  size_t size;
  char wanted[4100];
} writing;

static void write_letters(int64_t begin, int64_t end, void *accumulator, void *arg) {
  const writing *of = arg;
  text *into = accumulator;
  CHECK((uintptr_t)accumulator % 8 == 0);
  for (; begin < end; begin++) {
    CHECK(sizeof(text) + into->length + 1 <= of->size);
    into->letters[into->length++] = of->wanted[begin];
  }
}

static void append(void *accumulator, const void *from, void *arg) {
  const writing *of = arg;
  text *into = accumulator;
  const text *more = from;
  CHECK(sizeof(text) + into->length + more->length <= of->size);
  memcpy(into->letters + into->length, more->letters, more->length);
  into->length += more->length;
}

static _Alignas(16) unsigned char identity[8192], result[8192];

static void write_all(threading_pool pool, size_t size, int64_t count, int64_t grain) {
  writing of = { .size = size };
  for (int64_t i = 0; i < count; i++) of.wanted[i] = (char)('a' + i * 7 % 26);
  memset(result, 0xa5, sizeof result);
  OK(threading_parallel_reduce(pool, 0, count, grain, identity, size, write_letters, append, &of, result));
  const text *written = (const text *)result;
  EQ(written->length, count);
  CHECK(memcmp(written->letters, of.wanted, (size_t)count) == 0);
  for (size_t i = size; i < sizeof result; i++) EQ(result[i], 0xa5);
}

TEST(parts_are_combined_in_their_order_whatever_the_size) {
  OK(threading_set_parallelism(4, NULL));
  const size_t sizes[] = { 8, 63, 64, 65, 128, 4096 };
  for (uint32_t workers = 1; workers <= 4; workers++) {
    const threading_pool pool = make_pool(workers);
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
      const int64_t count = (int64_t)(sizes[s] - sizeof(text));
      for (int round = 0; round < 30; round++) {
        write_all(pool, sizes[s], count, 1);
        write_all(pool, sizes[s], count, 5);
        write_all(pool, sizes[s], count, 0);
      }
    }
    finish_pool(pool);
  }
}

// ---- In workers, nested ----

static threading_pool nested;

static void add_inner_sums(int64_t begin, int64_t end, void *accumulator, void *arg) {
  CHECK(arg == &tag);
  for (; begin < end; begin++) *(int64_t *)accumulator += sum(nested, 0, begin, 3);
}

static void *sum_of_sums(void *arg) {
  const int64_t zero = 0;
  int64_t total = -77;
  OK(threading_parallel_reduce(nested, 0, 50, 1, &zero, sizeof zero, add_inner_sums, add_sums,
                               &tag, &total));
  EQ(total, 19600);
  return arg;
}

TEST(reductions_nest) {
  for (uint32_t workers = 1; workers <= 4; workers++) {
    nested = make_pool(workers);
    for (int round = 0; round < 20; round++) {
      sum_of_sums(NULL);
      result_of(submit(nested, sum_of_sums, NULL));
    }
    finish_pool(nested);
  }
}

// ---- Failures ----

static void fail_at_500(int64_t begin, int64_t end, void *accumulator, void *arg) {
  (void)accumulator;
  (void)arg;
  if (begin <= 500 && 500 < end) OK(threading_fail(50, "five hundred"));
}

static void combine_nothing(void *into, const void *from, void *arg) {
  CHECK(into != from && into != NULL && from != NULL && arg == NULL);
}

TEST(a_failure_leaves_the_result_alone) {
  const size_t sizes[] = { 8, 4096 };
  const threading_pool pool = make_pool(3);
  for (int s = 0; s < 2; s++) {
    for (int round = 0; round < 100; round++) {
      memset(result, 0xa5, sizeof result);
      IS(threading_parallel_reduce(pool, 0, 1000, 1, identity, sizes[s], fail_at_500, combine_nothing, NULL,
                                   result), THREADING_FAILED);
      LAST_FAILURE_IS(50, "five hundred");
      for (size_t i = 0; i < sizeof result; i++) EQ(result[i], 0xa5);
    }
  }
  EQ(sum(pool, 0, 1000, 1), 499500);
  finish_pool(pool);
}

static uint64_t calling;

static void leave_worker(int64_t begin, int64_t end, void *accumulator, void *arg) {
  (void)begin;
  (void)end;
  (void)accumulator;
  _Atomic int64_t *left = arg;
  if (threading_get_ident() != calling) {
    atomic_fetch_add(left, 1);
    pthread_exit(NULL);
  }
  WAIT_UNTIL(atomic_load(left) > 0);
}

static void combine_with_left(void *into, const void *from, void *arg) {
  CHECK(into != from && arg != NULL);
}

TEST(a_fold_that_ends_its_worker_has_failed) {
  OK(threading_set_parallelism(3, NULL));
  calling = threading_get_ident();
  const threading_pool pool = make_pool(2);
  const size_t sizes[] = { 8, 4096 };
  for (int round = 0; round < 40; round++) {
    _Atomic int64_t left = 0;
    memset(result, 0xa5, sizeof result);
    IS(threading_parallel_reduce(pool, 0, 100, 1, identity, sizes[round % 2], leave_worker, combine_with_left,
                                 (void *)&left, result), THREADING_FAILED);
    LAST_FAILURE_IS(THREADING_CANCELLED, "");
    EQ(result[0], 0xa5);
    EQ(sum(pool, 0, 1000, 1), 499500);
  }
  finish_pool(pool);
}
