// Two files of one program include the header: nothing in it is defined twice.
#include "threading.h"

#include <stdio.h>

uint32_t version_in_second(void);
threading_status count_in_second(threading_lock lock, int *counter);

static threading_status count(threading_lock lock, int *counter) {
  threading_status status;
  THREADING_WITH_STATUS(lock, THREADING_FOREVER, &status) *counter += 1;
  return status;
}

int main(void) {
  threading_lock lock;
  int counter = 0;
  if (threading_version() != version_in_second()) return 1;
  if (threading_lock_create(&lock) != THREADING_OK) return 2;
  if (count(lock, &counter) != THREADING_OK || count_in_second(lock, &counter) != THREADING_OK) return 3;
  if (threading_lock_destroy(lock) != THREADING_OK) return 4;
  printf("counter: %d\n", counter);
  return counter == 2 ? 0 : 5;
}
