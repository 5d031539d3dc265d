//! Section Condition: Python's `threading.Condition`.

use super::boundary::{call, call_unwind, put, quick};
use super::lock::threading_lock;
use super::rlock::threading_rlock;
use super::status::{THREADING_OK, threading_predicate, threading_status};
use crate::error::Error;
use crate::park::Wait;
use crate::slot::{find, seek};
use crate::sync::condition::{self, Condition, Under};
use crate::thread::{callback, known, me};
use crate::time::Timeout;
use core::ffi::c_void;
use core::mem::MaybeUninit;

/// A condition: under its lock, threads wait until another thread notifies them that something has changed.
///
/// Who waits, notifies or changes what is waited for holds the lock; a wait gives it up and has it again when
/// it returns. Those who wait are notified in the order of their arrival, and none wakes without a
/// notification. But another thread may come in between: so wait for what has to be true, not for the
/// notification alone.
///
/// \code
/// threading_condition_acquire(changed, THREADING_FOREVER);
/// threading_status status = threading_condition_wait_for(changed, has_items, &list, THREADING_SECONDS(1));
/// if (THREADING_ACQUIRED(status)) item = list_pop(&list);
/// threading_condition_release(changed);
/// \endcode
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct threading_condition {
    /// The number by which languages in one process share the condition; 0 names nothing.
    pub id: u64,
}

/// Makes a condition over an rlock of its own.
///
/// \param out  where the condition is written
/// \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `out` is NULL
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.Condition`
#[unsafe(no_mangle)]
pub extern "C" fn threading_condition_create(
    out: Option<&mut MaybeUninit<threading_condition>>,
) -> threading_status {
    call("threading_condition_create", 0, || {
        put(out, || Ok(threading_condition { id: condition::create(me()?)? }))
    })
}

/// Makes a condition over `lock`, which any number of conditions may share.
///
/// The lock cannot be destroyed as long as the condition lives. To the condition the lock is held by the
/// thread that acquired it last, although any thread may release it.
///
/// \param lock  the lock; acquiring it and acquiring the condition are the same
/// \param out   where the condition is written
/// \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `out` is NULL
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.Condition(lock)`
#[unsafe(no_mangle)]
pub extern "C" fn threading_condition_create_with_lock(
    lock: threading_lock,
    out: Option<&mut MaybeUninit<threading_condition>>,
) -> threading_status {
    call("threading_condition_create_with_lock", lock.id, || {
        put(out, || {
            let under = Under::Lock(find(lock.id)?);
            Ok(threading_condition { id: condition::create_with(me()?, under)? })
        })
    })
}

/// Makes a condition over `rlock`, which any number of conditions may share.
///
/// The rlock cannot be destroyed as long as the condition lives.
///
/// \param rlock  the rlock; acquiring it and acquiring the condition are the same
/// \param out    where the condition is written
/// \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `out` is NULL
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.Condition(rlock)`
#[unsafe(no_mangle)]
pub extern "C" fn threading_condition_create_with_rlock(
    rlock: threading_rlock,
    out: Option<&mut MaybeUninit<threading_condition>>,
) -> threading_status {
    call("threading_condition_create_with_rlock", rlock.id, || {
        put(out, || {
            let under = Under::RLock(find(rlock.id)?);
            Ok(threading_condition { id: condition::create_with(me()?, under)? })
        })
    })
}

/// Ends `condition`, and its rlock when that is its own; from then on its handle names nothing.
///
/// A lock or rlock that it was created with lives on.
///
/// \param condition  the condition
/// \returns #THREADING_OK; #THREADING_E_BUSY when somebody waits on it, or owns or waits for the rlock of its
///          own: then nothing has changed
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn threading_condition_destroy(condition: threading_condition) -> threading_status {
    call("threading_condition_destroy", condition.id, || find::<Condition>(condition.id)?.destroy(me()?))
}

/// Acquires the lock of `condition`, waiting for it as long as `timeout_ns` says.
///
/// It is threading_lock_acquire() or threading_rlock_acquire(), whichever belongs to the lock; with a lock of
/// its own the condition is recursive.
///
/// \param condition   the condition
/// \param timeout_ns  longest wait in nanoseconds: 0 tries once, #THREADING_FOREVER has no limit
/// \returns #THREADING_OK; #THREADING_TIMEOUT when the time ran out, then nothing has changed;
///          #THREADING_E_INVALID when `timeout_ns` is below -1; over an rlock also #THREADING_OWNER_DEAD when
///          it is acquired as well, but the owner before ended without releasing it, #THREADING_E_DEADLOCK
///          when the wait, without a limit, would close a cycle of threads that wait for each other, and
///          #THREADING_E_OVERFLOW when the caller has acquired it #THREADING_COUNT_MAX times
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.Condition.acquire`
#[unsafe(no_mangle)]
pub extern "C" fn threading_condition_acquire(
    condition: threading_condition,
    timeout_ns: i64,
) -> threading_status {
    call("threading_condition_acquire", condition.id, || {
        find::<Condition>(condition.id)?.under()?.acquire(me()?, Timeout::from_nanos(timeout_ns)?)
    })
}

/// Releases the lock of `condition`, as threading_lock_release() or threading_rlock_release() does.
///
/// \param condition  the condition
/// \returns #THREADING_OK; over a lock #THREADING_E_STATE when it is not locked; over an rlock
///          #THREADING_E_NOT_OWNER when the caller does not own it
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.Condition.release`
#[unsafe(no_mangle)]
pub extern "C" fn threading_condition_release(condition: threading_condition) -> threading_status {
    call("threading_condition_release", condition.id, || {
        find::<Condition>(condition.id)?.under()?.release(me()?)
    })
}

/// Gives the lock up, waits to be notified as long as `timeout_ns` says, and acquires the lock again.
///
/// However the wait ends, the caller holds the lock when this returns, so it can take longer than
/// `timeout_ns`. An rlock is given up wholly and acquired again as often as before. A waiter whose time runs
/// out when it has been notified already gets #THREADING_OK: no notification is lost.
///
/// \param condition   the condition
/// \param timeout_ns  longest wait for a notification in nanoseconds: 0 gives other threads a chance to take
///                    the lock, #THREADING_FOREVER has no limit
/// \returns #THREADING_OK when it was notified; #THREADING_TIMEOUT when the time ran out first; over an rlock
///          #THREADING_OWNER_DEAD instead of these two when the owner before ended without releasing it;
///          #THREADING_E_NOT_OWNER when the caller does not hold the lock; #THREADING_E_INVALID when
///          `timeout_ns` is below -1
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.Condition.wait`
#[unsafe(no_mangle)]
pub extern "C" fn threading_condition_wait(
    condition: threading_condition,
    timeout_ns: i64,
) -> threading_status {
    call("threading_condition_wait", condition.id, || {
        let (me, found) = (me()?, find::<Condition>(condition.id)?);
        let timeout = Timeout::from_nanos(timeout_ns)?;
        found.wait(me, found.under()?, Wait::begin(me, condition.id, timeout))
    })
}

/// Waits on `condition`, as threading_condition_wait() does, until `predicate` is true.
///
/// The predicate is asked with the lock held: before the first wait, after every notification, and once more
/// when the time runs out. However the wait ends, the caller holds the lock when this returns.
///
/// What unwinds from the predicate, a C++ exception or `pthread_exit`, passes through this call; the lock is
/// then still held.
///
/// \param condition   the condition
/// \param predicate   what is waited for; any value but 0 is true
/// \param arg         the argument of the predicate
/// \param timeout_ns  longest wait over all in nanoseconds: 0 gives other threads one chance,
///                    #THREADING_FOREVER has no limit
/// \returns #THREADING_OK when the predicate is true; #THREADING_TIMEOUT when the time ran out and it is
///          still false; over an rlock #THREADING_OWNER_DEAD instead of these two when an owner ended
///          meanwhile without releasing it; #THREADING_E_NOT_OWNER when the caller does not hold the lock;
///          #THREADING_E_INVALID when `predicate` is NULL or `timeout_ns` is below -1
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.Condition.wait_for`
#[unsafe(no_mangle)]
pub extern "C-unwind" fn threading_condition_wait_for(
    condition: threading_condition,
    predicate: threading_predicate,
    arg: *mut c_void,
    timeout_ns: i64,
) -> threading_status {
    call_unwind("threading_condition_wait_for", condition.id, || {
        let predicate = predicate.ok_or(Error::NullCallback)?;
        let timeout = Timeout::from_nanos(timeout_ns)?;
        callback::wait_for(me()?, find(condition.id)?, predicate, arg, timeout)
    })
}

/// Notifies the `n` threads that have waited longest, or all when fewer wait.
///
/// They go on when they have acquired the lock, so not before the caller releases it.
///
/// \param condition  the condition
/// \param n          how many; 0 notifies nobody
/// \returns #THREADING_OK, also when nobody waits; #THREADING_E_NOT_OWNER when the lock is not the caller's;
///          #THREADING_E_INVALID when `n` is below 0
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.Condition.notify`
#[unsafe(no_mangle)]
pub extern "C" fn threading_condition_notify(condition: threading_condition, n: i64) -> threading_status {
    quick(
        || (n >= 0 && seek::<Condition>(condition.id)?.notify_quick(known()?)).then_some(THREADING_OK),
        move || {
            call("threading_condition_notify", condition.id, || {
                let found = find::<Condition>(condition.id)?;
                found.notify(me()?, found.under()?, n)
            })
        },
    )
}

/// Notifies all threads that wait on `condition`.
///
/// They go on one after another, each when it has acquired the lock, so not before the caller releases it.
///
/// \param condition  the condition
/// \returns #THREADING_OK, also when nobody waits; #THREADING_E_NOT_OWNER when the lock is not the caller's
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.Condition.notify_all`
#[unsafe(no_mangle)]
pub extern "C" fn threading_condition_notify_all(condition: threading_condition) -> threading_status {
    quick(
        || seek::<Condition>(condition.id)?.notify_quick(known()?).then_some(THREADING_OK),
        move || {
            call("threading_condition_notify_all", condition.id, || {
                let found = find::<Condition>(condition.id)?;
                found.notify(me()?, found.under()?, i64::MAX)
            })
        },
    )
}
