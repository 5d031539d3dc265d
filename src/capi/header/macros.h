/**
 * Whether `status` says that a lock is now held: #THREADING_OK or #THREADING_OWNER_DEAD. The argument is
 * evaluated twice.
 */
#define THREADING_ACQUIRED(status) ((status) == THREADING_OK || (status) == THREADING_OWNER_DEAD)

/**
 * A constant number of seconds as a timeout, `THREADING_SECONDS(2)` or `THREADING_SECONDS(0.5)`. For values
 * that the program computes use threading_seconds(), which saturates.
 */
#define THREADING_SECONDS(x) ((int64_t)((x) * 1000000000LL))

/**
 * A constant number of milliseconds as a timeout.
 */
#define THREADING_MILLISECONDS(x) ((int64_t)((x) * 1000000LL))
