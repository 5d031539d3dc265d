#include "threading.h"

uint32_t version_in_second(void);
threading_status count_in_second(threading_lock lock, int *counter);

uint32_t version_in_second(void) { return THREADING_VERSION; }

threading_status count_in_second(threading_lock lock, int *counter) {
  threading_status status;
  THREADING_WITH_STATUS(lock, THREADING_FOREVER, &status) *counter += 1;
  return status;
}
