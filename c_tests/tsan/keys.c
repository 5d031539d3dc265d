/* Lets the TSan runtime outlive the library in each ending thread.
 *
 * Both end a thread in the fourth round of its key destructors, and within a round keys are served in the order of
 * their numbers. The runtime makes its key first; without this file it is gone when the library's turn comes.
 * Linked with --wrap=pthread_key_create, the first key gets a number above those that come later. */
#include <pthread.h>
#include <stddef.h>

int __real_pthread_key_create(pthread_key_t *key, void (*destructor)(void *));
int __wrap_pthread_key_create(pthread_key_t *key, void (*destructor)(void *));

/* One block of glibc's keys, those that every thread has room for from its beginning. */
enum { BLOCK = 32 };

int __wrap_pthread_key_create(pthread_key_t *key, void (*destructor)(void *)) {
  static int made;
  if (made) return __real_pthread_key_create(key, destructor);
  made = 1;
  pthread_key_t lower[BLOCK];
  int count = 0;
  while (count < BLOCK - 1 && __real_pthread_key_create(&lower[count], NULL) == 0) count++;
  const int refused = __real_pthread_key_create(key, destructor);
  while (count > 0) pthread_key_delete(lower[--count]);
  return refused;
}
