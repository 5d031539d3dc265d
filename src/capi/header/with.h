/*
 * THREADING_WITH(x) { ... } is Python's `with x:` for a lock, an rlock, a condition or a semaphore. It
 * acquires `x`, waiting as long as it takes, runs the block once and releases `x` however the block is
 * left: at its end, by return or by goto, and by pthread_exit or pthread_cancel when the program is
 * compiled with -fexceptions.
 *
 *   THREADING_WITH(lock) {
 *     if (list_is_empty()) return NULL;
 *     item = list_pop();
 *   }
 *
 * !!  `break` and `continue` LEAVE THE BLOCK and release `x`. They do not reach a loop around the block:
 * !!
 * !!    for (int i = 0; i < n; i++) {
 * !!      THREADING_WITH(lock) {
 * !!        if (done[i]) break;       // ends this block; the loop goes on with i + 1
 * !!      }
 * !!    }
 * !!
 * !!  To end the loop, set a variable that the loop tests, or use goto. longjmp releases nothing.
 *
 * The block runs when the acquire answers #THREADING_OK or #THREADING_OWNER_DEAD, and does not run
 * otherwise. THREADING_WITH_STATUS takes a timeout and stores the status, so that the program can see why
 * the block did not run:
 *
 *   threading_status status;
 *   THREADING_WITH_STATUS(lock, THREADING_MILLISECONDS(10), &status) { counter++; }
 *   if (status == THREADING_TIMEOUT) puts("too busy");
 *
 * `x` is evaluated once. Both need C11 and the cleanup attribute of GCC and Clang, and are not defined
 * elsewhere. What ends in an underscore, and what begins with threading_with, is theirs alone.
 */
#if defined(__GNUC__) && !defined(__cplusplus) && defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
typedef struct threading_with {
  uint64_t id;
  int32_t kind;
  int32_t held;
} threading_with;

#define THREADING_WITH_DEFINE_(kind_, noun_)                                                               \
  static inline threading_with threading_with_##noun_(threading_##noun_ x, int64_t timeout_ns,             \
                                                      threading_status *status) {                          \
    threading_with with = { x.id, kind_, 0 };                                                              \
    *status = threading_##noun_##_acquire(x, timeout_ns);                                                  \
    with.held = THREADING_ACQUIRED(*status);                                                               \
    return with;                                                                                           \
  }
THREADING_WITH_DEFINE_(0, lock)
THREADING_WITH_DEFINE_(1, rlock)
THREADING_WITH_DEFINE_(2, condition)
THREADING_WITH_DEFINE_(3, semaphore)
#undef THREADING_WITH_DEFINE_

static inline void threading_with_end(threading_with *with) {
  const threading_lock lock = { with->id };
  const threading_rlock rlock = { with->id };
  const threading_condition condition = { with->id };
  const threading_semaphore semaphore = { with->id };
  if (!with->held) return;
  with->held = 0;
  switch (with->kind) {
    case 0: (void)threading_lock_release(lock); break;
    case 1: (void)threading_rlock_release(rlock); break;
    case 2: (void)threading_condition_release(condition); break;
    default: (void)threading_semaphore_release(semaphore, 1); break;
  }
}

#define THREADING_WITH_JOIN_(a, b) a##b
#define THREADING_WITH_NAME_(line) THREADING_WITH_JOIN_(threading_with_, line)
#define THREADING_WITH_AS_(with, x, timeout_ns, status)                                                    \
  for (threading_with with __attribute__((__cleanup__(threading_with_end))) =                              \
         _Generic((x), threading_lock: threading_with_lock, threading_rlock: threading_with_rlock,         \
                  threading_condition: threading_with_condition,                                           \
                  threading_semaphore: threading_with_semaphore)((x), (timeout_ns), (status));             \
       with.held; threading_with_end(&with))

#define THREADING_WITH_STATUS(x, timeout_ns, status)                                                       \
  THREADING_WITH_AS_(THREADING_WITH_NAME_(__LINE__), x, timeout_ns, status)
#define THREADING_WITH(x) THREADING_WITH_STATUS(x, THREADING_FOREVER, &(threading_status){ 0 })
#endif
