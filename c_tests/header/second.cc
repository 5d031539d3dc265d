// The second file in C++, where a lock is taken and released by hand.
#include "threading.h"

extern "C" {
uint32_t version_in_second();
threading_status count_in_second(threading_lock lock, int *counter);
}

uint32_t version_in_second() { return THREADING_VERSION; }

threading_status count_in_second(threading_lock lock, int *counter) {
  const threading_status status = threading_lock_acquire(lock, THREADING_FOREVER);
  if (!THREADING_ACQUIRED(status)) return status;
  *counter += 1;
  return threading_lock_release(lock);
}
