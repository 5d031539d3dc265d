// An allocator whose every call can be made to fail: it stands in for the C library's, for mmap() and for
// pthread_create(), in the program that includes this, once. It counts what is asked for while it is armed,
// and knows which blocks the library under test has allocated and not given back.
#ifndef OOM_ALLOCATOR_H
#define OOM_ALLOCATOR_H
#include "harness.h"

#include <dlfcn.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/syscall.h>

// A sanitizer brings an allocator of its own, and other C libraries cannot be asked for theirs.
#if defined(__GLIBC__) && !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
#define OOM_AVAILABLE 1

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *block);

// ---- Which request fails ----

typedef enum oom_mode { OOM_OFF, OOM_COUNT, OOM_ONE, OOM_FROM } oom_mode;

static _Atomic int oom_now = OOM_OFF;
static _Atomic long oom_which, oom_asked, oom_refused;

// From now on request number `which` fails, counted from 1, or each from there on.
static void oom_arm(oom_mode mode, long which) {
  atomic_store(&oom_which, which);
  atomic_store(&oom_asked, 0);
  atomic_store(&oom_refused, 0);
  atomic_store(&oom_now, mode);
}

static void oom_disarm(void) { atomic_store(&oom_now, OOM_OFF); }

static bool oom_refuses(void) {
  const int mode = atomic_load(&oom_now);
  if (mode == OOM_OFF) return false;
  const long number = atomic_fetch_add(&oom_asked, 1) + 1, which = atomic_load(&oom_which);
  const bool refuses = (mode == OOM_ONE && number == which) || (mode == OOM_FROM && number >= which);
  if (refuses) atomic_fetch_add(&oom_refused, 1);
  return refuses;
}

// ---- Whose blocks live ----

static uintptr_t oom_library_begin, oom_library_end;
static int (*oom_system_create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

static int oom_find_library(struct dl_phdr_info *object, size_t size, void *arg) {
  (void)size;
  (void)arg;
  if (strstr(object->dlpi_name, "libthreading.so") == NULL) return 0;
  oom_library_begin = UINTPTR_MAX;
  for (int i = 0; i < object->dlpi_phnum; i++) {
    if (object->dlpi_phdr[i].p_type != PT_LOAD) continue;
    const uintptr_t begin = object->dlpi_addr + object->dlpi_phdr[i].p_vaddr;
    const uintptr_t end = begin + object->dlpi_phdr[i].p_memsz;
    if (begin < oom_library_begin) oom_library_begin = begin;
    if (end > oom_library_end) oom_library_end = end;
  }
  return 1;
}

__attribute__((constructor(101))) static void oom_prepare(void) {
  dl_iterate_phdr(oom_find_library, NULL);
  *(void **)&oom_system_create = dlsym(RTLD_NEXT, "pthread_create");
}

// The library's blocks, by address: open addressing, an entry that was emptied stays in its chain.
#define OOM_ROOM 65536
#define OOM_EMPTIED 1
static uintptr_t oom_blocks[OOM_ROOM];
static atomic_flag oom_busy = ATOMIC_FLAG_INIT;
static long oom_live;

static void oom_enter(void) {
  while (atomic_flag_test_and_set_explicit(&oom_busy, memory_order_acquire)) continue;
}

static void oom_leave(void) { atomic_flag_clear_explicit(&oom_busy, memory_order_release); }

static size_t oom_place(uintptr_t block) { return (block >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 48; }

static void *oom_note(void *block, const void *caller) {
  const uintptr_t from = (uintptr_t)caller;
  if (block == NULL || from < oom_library_begin || from >= oom_library_end) return block;
  oom_enter();
  size_t i = oom_place((uintptr_t)block);
  while (oom_blocks[i] > OOM_EMPTIED) i = (i + 1) % OOM_ROOM;
  oom_blocks[i] = (uintptr_t)block;
  oom_live++;
  oom_leave();
  return block;
}

static bool oom_forget(void *block) {
  if (block == NULL) return false;
  oom_enter();
  bool found = false;
  size_t i = oom_place((uintptr_t)block);
  for (size_t seen = 0; oom_blocks[i] != 0 && !found && seen < OOM_ROOM; seen++, i = (i + 1) % OOM_ROOM) {
    found = oom_blocks[i] == (uintptr_t)block;
    if (found) oom_blocks[i] = OOM_EMPTIED;
  }
  if (found) oom_live--;
  oom_leave();
  return found;
}

// How many blocks the library holds.
static long oom_blocks_live(void) {
  oom_enter();
  const long live = oom_live;
  oom_leave();
  return live;
}

// ---- What stands in for the system's ----

#define OOM_CALLER __builtin_return_address(0)

void *malloc(size_t size) {
  if (oom_refuses()) return errno = ENOMEM, NULL;
  return oom_note(__libc_malloc(size), OOM_CALLER);
}

void *calloc(size_t count, size_t size) {
  if (oom_refuses()) return errno = ENOMEM, NULL;
  return oom_note(__libc_calloc(count, size), OOM_CALLER);
}

void *realloc(void *block, size_t size) {
  if (oom_refuses()) return errno = ENOMEM, NULL;
  // In one step for the table: nobody else may be given the old address in between.
  const bool known = oom_forget(block);
  void *moved = __libc_realloc(block, size);
  if (moved == NULL && known) return oom_note(block, (void *)oom_library_begin), NULL;
  return known ? oom_note(moved, (void *)oom_library_begin) : oom_note(moved, OOM_CALLER);
}

void free(void *block) {
  const int errno_before = errno;
  oom_forget(block);
  __libc_free(block);
  errno = errno_before;
}

void *memalign(size_t alignment, size_t size) {
  if (oom_refuses()) return errno = ENOMEM, NULL;
  return oom_note(__libc_memalign(alignment, size), OOM_CALLER);
}

void *aligned_alloc(size_t alignment, size_t size) {
  if (oom_refuses()) return errno = ENOMEM, NULL;
  return oom_note(__libc_memalign(alignment, size), OOM_CALLER);
}

int posix_memalign(void **out, size_t alignment, size_t size) {
  if (oom_refuses()) return ENOMEM;
  void *block = oom_note(__libc_memalign(alignment, size), OOM_CALLER);
  if (block == NULL) return ENOMEM;
  *out = block;
  return 0;
}

void *mmap(void *address, size_t length, int protection, int flags, int file, off_t offset) {
  if (oom_refuses()) return errno = ENOMEM, MAP_FAILED;
  return (void *)syscall(SYS_mmap, address, length, protection, flags, file, offset);
}

// The C library maps a stack by itself; without one it answers EAGAIN.
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*entry)(void *), void *arg) {
  if (oom_refuses()) return EAGAIN;
  return oom_system_create(thread, attributes, entry, arg);
}

#endif
#endif
