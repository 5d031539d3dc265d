// The header may be included twice, and inside an extern "C" block.
#include "threading.h"
#include "threading.h"

#ifdef __cplusplus
extern "C" {
#endif
#include "threading.h"
threading_lock same(threading_lock lock);
#ifdef __cplusplus
}
#endif

threading_lock same(threading_lock lock) { return lock; }
