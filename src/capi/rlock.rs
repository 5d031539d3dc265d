//! Section RLock: Python's `threading.RLock`.

use super::boundary::{ask, call, count, put, quick};
use super::status::{THREADING_FOREVER, THREADING_OK, threading_status};
use crate::slot::{find, seek};
use crate::sync::rlock::{self, RLock};
use crate::thread::{known, me};
use crate::time::Timeout;
use core::mem::MaybeUninit;

/// A recursive lock: owned by one thread, which may acquire it again and then releases it as often.
///
/// An owner that ends without releasing does not block the others for ever: the next one to acquire gets the
/// rlock and #THREADING_OWNER_DEAD with it, and should put right what the dead one may have left half done.
/// An owner that waits for itself through others, in a circle of rlocks, joins and futures, gets
/// #THREADING_E_DEADLOCK.
///
/// \code
/// threading_status status = threading_rlock_acquire(tree_lock, THREADING_FOREVER);
/// if (status == THREADING_OWNER_DEAD) tree_repair();
/// if (THREADING_ACQUIRED(status)) {
///   tree_insert(item);  // may acquire tree_lock again
///   threading_rlock_release(tree_lock);
/// }
/// \endcode
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct threading_rlock {
    /// The number by which languages in one process share the rlock; 0 names nothing.
    pub id: u64,
}

/// Makes an rlock that nobody owns.
///
/// \param out  where the rlock is written
/// \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `out` is NULL
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.RLock`
#[unsafe(no_mangle)]
pub extern "C" fn threading_rlock_create(out: Option<&mut MaybeUninit<threading_rlock>>) -> threading_status {
    call("threading_rlock_create", 0, || put(out, || Ok(threading_rlock { id: rlock::create(me()?)? })))
}

/// Ends `rlock`; from then on its handle names nothing.
///
/// \param rlock  the rlock
/// \returns #THREADING_OK; #THREADING_E_BUSY when it is owned, also by the caller or by a dead thread, waited
///          for or under a living condition: then nothing has changed
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn threading_rlock_destroy(rlock: threading_rlock) -> threading_status {
    call("threading_rlock_destroy", rlock.id, || find::<RLock>(rlock.id)?.destroy(me()?))
}

/// Acquires `rlock`, waiting for it as long as `timeout_ns` says; its owner acquires it once more at once.
///
/// Nobody starves: a thread that has waited for a millisecond is handed the rlock.
///
/// \param rlock       the rlock
/// \param timeout_ns  longest wait in nanoseconds: 0 tries once, #THREADING_FOREVER has no limit
/// \returns #THREADING_OK; #THREADING_OWNER_DEAD when it is acquired as well, once, but the owner before
///          ended without releasing it; #THREADING_TIMEOUT when the time ran out, then nothing has changed;
///          #THREADING_E_DEADLOCK when the wait, without a limit, would close a cycle of threads that wait
///          for each other; #THREADING_E_OVERFLOW when the caller has acquired it #THREADING_COUNT_MAX times;
///          #THREADING_E_INVALID when `timeout_ns` is below -1
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.RLock.acquire`
#[unsafe(no_mangle)]
pub extern "C" fn threading_rlock_acquire(rlock: threading_rlock, timeout_ns: i64) -> threading_status {
    quick(
        || {
            (timeout_ns >= THREADING_FOREVER && seek::<RLock>(rlock.id)?.acquire_quick(known()?))
                .then_some(THREADING_OK)
        },
        move || {
            call("threading_rlock_acquire", rlock.id, || {
                find::<RLock>(rlock.id)?.acquire(me()?, Timeout::from_nanos(timeout_ns)?)
            })
        },
    )
}

/// Takes back one acquisition of `rlock`; with the last it is released, and one of those who wait goes on.
///
/// \param rlock  the rlock
/// \returns #THREADING_OK; #THREADING_E_NOT_OWNER when the caller does not own it
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.RLock.release`
#[unsafe(no_mangle)]
pub extern "C" fn threading_rlock_release(rlock: threading_rlock) -> threading_status {
    quick(
        || seek::<RLock>(rlock.id)?.release_quick(known()?).then_some(THREADING_OK),
        move || call("threading_rlock_release", rlock.id, || find::<RLock>(rlock.id)?.release(me()?)),
    )
}

/// Asks whether some thread owns `rlock`; the answer may be out of date when it arrives.
///
/// \param rlock  the rlock
/// \returns 1 when it is owned, 0 when not, or an error status
/// \threadsafety any thread, also in a signal handler
/// \since 0.1.0
/// \sa Python `threading.RLock.locked`
#[unsafe(no_mangle)]
pub extern "C" fn threading_rlock_locked(rlock: threading_rlock) -> i32 {
    ask("threading_rlock_locked", rlock.id, || find::<RLock>(rlock.id)?.locked())
}

/// Asks whether the calling thread owns `rlock`; the answer is never out of date.
///
/// \param rlock  the rlock
/// \returns 1 when the caller owns it, 0 when not, or an error status
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn threading_rlock_is_owned(rlock: threading_rlock) -> i32 {
    ask("threading_rlock_is_owned", rlock.id, || find::<RLock>(rlock.id)?.is_owned(me()?))
}

/// Counts how often the calling thread must release `rlock` until others can acquire it.
///
/// \param rlock  the rlock
/// \returns the count, 0 when the caller does not own it, or an error status
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn threading_rlock_recursion_count(rlock: threading_rlock) -> i64 {
    count("threading_rlock_recursion_count", rlock.id, || find::<RLock>(rlock.id)?.recursion_count(me()?))
}
