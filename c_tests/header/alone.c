// The header needs no other header before it.
#include "threading.h"

int64_t use(void);
int64_t use(void) { return THREADING_ACQUIRED(THREADING_OK) ? THREADING_SECONDS(2) : THREADING_FOREVER; }
