//! Section Semaphore: Python's `threading.Semaphore` and `threading.BoundedSemaphore`.

use super::boundary::{call, count, put, quick};
use super::status::{THREADING_FOREVER, THREADING_OK, threading_status};
use crate::slot::{find, seek};
use crate::sync::semaphore::{self, Semaphore};
use crate::thread::me;
use crate::time::Timeout;
use core::mem::MaybeUninit;

/// A semaphore: a number of permits, of which acquire takes one and release gives some back.
///
/// Permits belong to nobody: one thread may release what another acquired, or what nobody did. A bounded
/// semaphore refuses more permits than it was created with, which finds a release too many.
///
/// \code
/// threading_semaphore_create_bounded(4, &connections);
/// if (threading_semaphore_acquire(connections, THREADING_SECONDS(1)) == THREADING_OK) {
///   download(url);  // at most 4 threads at once
///   threading_semaphore_release(connections, 1);
/// }
/// \endcode
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct threading_semaphore {
    /// The number by which languages in one process share the semaphore; 0 names nothing.
    pub id: u64,
}

/// Makes a semaphore with `value` permits.
///
/// \param value  how many permits there are at first: 0 to #THREADING_COUNT_MAX
/// \param out    where the semaphore is written
/// \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `value` is out of its range or
///          `out` is NULL
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.Semaphore`
#[unsafe(no_mangle)]
pub extern "C" fn threading_semaphore_create(
    value: i64,
    out: Option<&mut MaybeUninit<threading_semaphore>>,
) -> threading_status {
    call("threading_semaphore_create", 0, || {
        put(out, || Ok(threading_semaphore { id: semaphore::create(me()?, value, false)? }))
    })
}

/// Makes a semaphore with `value` permits that never has more.
///
/// \param value  how many permits there are at first and at most: 0 to #THREADING_COUNT_MAX
/// \param out    where the semaphore is written
/// \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `value` is out of its range or
///          `out` is NULL
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.BoundedSemaphore`
#[unsafe(no_mangle)]
pub extern "C" fn threading_semaphore_create_bounded(
    value: i64,
    out: Option<&mut MaybeUninit<threading_semaphore>>,
) -> threading_status {
    call("threading_semaphore_create_bounded", 0, || {
        put(out, || Ok(threading_semaphore { id: semaphore::create(me()?, value, true)? }))
    })
}

/// Ends `semaphore`; from then on its handle names nothing.
///
/// Permits that are still acquired do not keep it.
///
/// \param semaphore  the semaphore
/// \returns #THREADING_OK; #THREADING_E_BUSY when somebody waits for a permit: then nothing has changed
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn threading_semaphore_destroy(semaphore: threading_semaphore) -> threading_status {
    call("threading_semaphore_destroy", semaphore.id, || find::<Semaphore>(semaphore.id)?.destroy(me()?))
}

/// Takes a permit, waiting for one as long as `timeout_ns` says.
///
/// \param semaphore   the semaphore
/// \param timeout_ns  longest wait in nanoseconds: 0 tries once, #THREADING_FOREVER has no limit
/// \returns #THREADING_OK; #THREADING_TIMEOUT when the time ran out, then nothing has changed;
///          #THREADING_E_INVALID when `timeout_ns` is below -1
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.Semaphore.acquire`
#[unsafe(no_mangle)]
pub extern "C" fn threading_semaphore_acquire(
    semaphore: threading_semaphore,
    timeout_ns: i64,
) -> threading_status {
    quick(
        || {
            (timeout_ns >= THREADING_FOREVER && seek::<Semaphore>(semaphore.id)?.acquire_quick())
                .then_some(THREADING_OK)
        },
        move || {
            call("threading_semaphore_acquire", semaphore.id, || {
                let timeout = Timeout::from_nanos(timeout_ns)?;
                find::<Semaphore>(semaphore.id)?.acquire(me, timeout)
            })
        },
    )
}

/// Gives `n` permits back, all or none, and lets as many of those who wait go on.
///
/// \param semaphore  the semaphore
/// \param n          how many permits, at least 1
/// \returns #THREADING_OK; #THREADING_E_OVERFLOW when there would be more permits than the semaphore is
///          bounded to or, unbounded, more than #THREADING_COUNT_MAX: then nothing has changed;
///          #THREADING_E_INVALID when `n` is below 1
/// \threadsafety any thread, also in a signal handler
/// \since 0.1.0
/// \sa Python `threading.Semaphore.release`
#[unsafe(no_mangle)]
pub extern "C" fn threading_semaphore_release(semaphore: threading_semaphore, n: i64) -> threading_status {
    quick(
        || seek::<Semaphore>(semaphore.id)?.release_quick(n).then_some(THREADING_OK),
        move || {
            call("threading_semaphore_release", semaphore.id, || find::<Semaphore>(semaphore.id)?.release(n))
        },
    )
}

/// Counts the permits that `semaphore` has left; the answer may be out of date when it arrives.
///
/// \param semaphore  the semaphore
/// \returns the count, or an error status
/// \threadsafety any thread, also in a signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn threading_semaphore_value(semaphore: threading_semaphore) -> i64 {
    count("threading_semaphore_value", semaphore.id, || find::<Semaphore>(semaphore.id)?.value())
}
