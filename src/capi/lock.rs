//! Section Lock: Python's `threading.Lock`.

use super::boundary::{ask, call, put, quick_beside};
use super::status::{THREADING_FOREVER, THREADING_OK, threading_status};
use crate::slot::{find, seek};
use crate::sync::lock::{self, Lock};
use crate::thread::{known, me};
use crate::time::Timeout;
use core::mem::MaybeUninit;

/// A lock: held by one thread at a time, not recursive, released by any thread.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct threading_lock {
    /// The number by which languages in one process share the lock; 0 names nothing.
    pub id: u64,
}

/// Makes an unlocked lock.
///
/// \param out  where the lock is written
/// \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `out` is NULL
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.Lock`
#[unsafe(no_mangle)]
pub extern "C" fn threading_lock_create(out: Option<&mut MaybeUninit<threading_lock>>) -> threading_status {
    call("threading_lock_create", 0, || put(out, || Ok(threading_lock { id: lock::create(me()?)? })))
}

/// Ends `lock`; from then on its handle names nothing.
///
/// \param lock  the lock
/// \returns #THREADING_OK; #THREADING_E_BUSY when it is locked, waited for or under a living condition: then
///          nothing has changed
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn threading_lock_destroy(lock: threading_lock) -> threading_status {
    call("threading_lock_destroy", lock.id, || find::<Lock>(lock.id)?.destroy(me()?))
}

/// Acquires `lock`, waiting for it as long as `timeout_ns` says.
///
/// Not recursive: a holder that acquires again waits for itself, until another thread releases the lock; see
/// threading_rlock_acquire(). Nobody starves: a thread that has waited for a millisecond is handed the lock.
///
/// \param lock        the lock
/// \param timeout_ns  longest wait in nanoseconds: 0 tries once, #THREADING_FOREVER has no limit
/// \returns #THREADING_OK; #THREADING_TIMEOUT when the time ran out, then nothing has changed;
///          #THREADING_E_INVALID when `timeout_ns` is below -1
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.Lock.acquire`
#[unsafe(no_mangle)]
pub extern "C" fn threading_lock_acquire(lock: threading_lock, timeout_ns: i64) -> threading_status {
    quick_beside(
        || {
            (timeout_ns >= THREADING_FOREVER && seek::<Lock>(lock.id)?.acquire_quick(known()?))
                .then_some(THREADING_OK)
        },
        move || {
            (timeout_ns >= THREADING_FOREVER && seek::<Lock>(lock.id)?.acquire_watched(known()?))
                .then_some(THREADING_OK)
        },
        move || {
            call("threading_lock_acquire", lock.id, || {
                find::<Lock>(lock.id)?.acquire(me()?, Timeout::from_nanos(timeout_ns)?)
            })
        },
    )
}

/// Releases `lock`, whichever thread acquired it, and lets one of those who wait go on.
///
/// \param lock  the lock
/// \returns #THREADING_OK; #THREADING_E_STATE when it is not locked
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.Lock.release`
#[unsafe(no_mangle)]
pub extern "C" fn threading_lock_release(lock: threading_lock) -> threading_status {
    quick_beside(
        || seek::<Lock>(lock.id)?.release_quick(known()?).then_some(THREADING_OK),
        move || seek::<Lock>(lock.id)?.release_watched(known()?).then_some(THREADING_OK),
        move || call("threading_lock_release", lock.id, || find::<Lock>(lock.id)?.release(me()?)),
    )
}

/// Asks whether `lock` is locked; the answer may be out of date when it arrives.
///
/// \param lock  the lock
/// \returns 1 when it is locked, 0 when not, or an error status
/// \threadsafety any thread, also in a signal handler
/// \since 0.1.0
/// \sa Python `threading.Lock.locked`
#[unsafe(no_mangle)]
pub extern "C" fn threading_lock_locked(lock: threading_lock) -> i32 {
    ask("threading_lock_locked", lock.id, || find::<Lock>(lock.id)?.locked())
}
