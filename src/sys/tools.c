/* What ThreadSanitizer lets itself be told by code that it has not compiled. The symbols are weak: NULL
 * unless its runtime is in the process. */
#define WEAK __attribute__((weak))

extern WEAK void __tsan_acquire(void *place);
extern WEAK void __tsan_release(void *place);
extern WEAK void __tsan_ignore_thread_begin(void);
extern WEAK void __tsan_ignore_thread_end(void);

struct tsan {
  void (*acquire)(void *place);
  void (*release)(void *place);
  void (*look_away)(void);
  void (*look_again)(void);
};

__attribute__((visibility("hidden"))) extern const struct tsan threading_tsan;

const struct tsan threading_tsan = {
  __tsan_acquire,
  __tsan_release,
  __tsan_ignore_thread_begin,
  __tsan_ignore_thread_end,
};
