//! Section Barrier: Python's `threading.Barrier`.

use super::boundary::{ask, call, call_unwind, count, put, put_if_wanted};
use super::status::{threading_action, threading_status};
use crate::slot::find;
use crate::sync::barrier::{self, Barrier};
use crate::thread::{callback, me};
use crate::time::Timeout;
use core::ffi::c_void;
use core::mem::MaybeUninit;

/// A barrier: a fixed number of parties wait until all have arrived, then all go on; round after round.
///
/// When one of them gives up (its time runs out, the action fails, somebody aborts) the others would wait in
/// vain: so the barrier is broken, and everybody who waits or comes gets #THREADING_BROKEN until it is reset.
///
/// \code
/// for (int step = 0; step < steps; step++) {
///   simulate(part, step);
///   threading_status status = threading_barrier_wait(barrier, THREADING_FOREVER, NULL);
///   if (status != THREADING_OK) return NULL;  // another party gave up
/// }
/// \endcode
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct threading_barrier {
    /// The number by which languages in one process share the barrier; 0 names nothing.
    pub id: u64,
}

/// Makes a barrier for `parties` threads.
///
/// \param parties     how many threads make a round: 1 to #THREADING_COUNT_MAX
/// \param action      what one of the parties does when all have arrived, before any goes on; a return other
///                    than #THREADING_OK, or threading_fail() in it, breaks the barrier; NULL for nothing
/// \param arg         the argument of the action
/// \param timeout_ns  longest wait of those who wait with #THREADING_FOREVER, in nanoseconds:
///                    #THREADING_FOREVER has no limit
/// \param out         where the barrier is written
/// \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `parties` is out of its range,
///          `timeout_ns` is below -1 or `out` is NULL
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.Barrier`
#[unsafe(no_mangle)]
pub extern "C" fn threading_barrier_create(
    parties: i64,
    action: threading_action,
    arg: *mut c_void,
    timeout_ns: i64,
    out: Option<&mut MaybeUninit<threading_barrier>>,
) -> threading_status {
    call("threading_barrier_create", 0, || {
        put(out, || Ok(threading_barrier { id: barrier::create(me()?, parties, action, arg, timeout_ns)? }))
    })
}

/// Ends `barrier`; from then on its handle names nothing.
///
/// \param barrier  the barrier
/// \returns #THREADING_OK; #THREADING_E_BUSY when somebody waits or acts: then nothing has changed
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn threading_barrier_destroy(barrier: threading_barrier) -> threading_status {
    call("threading_barrier_destroy", barrier.id, || find::<Barrier>(barrier.id)?.destroy(me()?))
}

/// Arrives at `barrier` and waits for the other parties as long as `timeout_ns` says.
///
/// A party whose time runs out gets #THREADING_TIMEOUT and has broken the barrier for all others: this is the
/// one timeout that changes something. It counts in every phase, also while the action of the last round
/// runs.
///
/// The action runs on the stack of one of the parties, in its call of this function. When it fails, that
/// party gets #THREADING_FAILED, with the story in threading_last_failure(), and all others get
/// #THREADING_BROKEN. What unwinds from the action, a C++ exception or `pthread_exit`, passes through this
/// call and breaks the barrier for the others.
///
/// \param barrier     the barrier
/// \param timeout_ns  longest wait in nanoseconds: 0 succeeds only for the last party to arrive,
///                    #THREADING_FOREVER waits as long as the barrier's own timeout says
/// \param index       where a number from 0 to `parties` - 1 is written, a different one for each party of
///                    the round; NULL when nobody wants it
/// \returns #THREADING_OK; #THREADING_TIMEOUT when the time ran out; #THREADING_BROKEN when the barrier is
///          broken already, or is broken or reset during the wait; #THREADING_FAILED when the action ran here
///          and failed; #THREADING_E_INVALID when `timeout_ns` is below -1
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.Barrier.wait`
#[unsafe(no_mangle)]
pub extern "C-unwind" fn threading_barrier_wait(
    barrier: threading_barrier,
    timeout_ns: i64,
    index: Option<&mut MaybeUninit<i64>>,
) -> threading_status {
    call_unwind("threading_barrier_wait", barrier.id, || {
        let timeout = Timeout::from_nanos(timeout_ns)?;
        let arrived = callback::barrier_wait(me()?, find(barrier.id)?, timeout)?;
        put_if_wanted(index, arrived);
        Ok(())
    })
}

/// Makes `barrier` as new, whatever state it is in; those who wait at it get #THREADING_BROKEN.
///
/// \param barrier  the barrier
/// \returns #THREADING_OK
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.Barrier.reset`
#[unsafe(no_mangle)]
pub extern "C" fn threading_barrier_reset(barrier: threading_barrier) -> threading_status {
    call("threading_barrier_reset", barrier.id, || find::<Barrier>(barrier.id)?.reset(me()?))
}

/// Breaks `barrier`: those who wait and those who come get #THREADING_BROKEN, until it is reset.
///
/// For a party that has to give up, so that the others do not wait for it.
///
/// \param barrier  the barrier
/// \returns #THREADING_OK, also when it was broken
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.Barrier.abort`
#[unsafe(no_mangle)]
pub extern "C" fn threading_barrier_abort(barrier: threading_barrier) -> threading_status {
    call("threading_barrier_abort", barrier.id, || find::<Barrier>(barrier.id)?.abort(me()?))
}

/// Counts the parties that make a round of `barrier`, as it was created.
///
/// \param barrier  the barrier
/// \returns the count, or an error status
/// \threadsafety any thread, also in a signal handler
/// \since 0.1.0
/// \sa Python `threading.Barrier.parties`
#[unsafe(no_mangle)]
pub extern "C" fn threading_barrier_parties(barrier: threading_barrier) -> i64 {
    count("threading_barrier_parties", barrier.id, || find::<Barrier>(barrier.id)?.parties())
}

/// Counts the parties that have arrived and wait for others; the answer may be out of date when it arrives.
///
/// \param barrier  the barrier
/// \returns the count, 0 once all have arrived, or an error status
/// \threadsafety any thread, also in a signal handler
/// \since 0.1.0
/// \sa Python `threading.Barrier.n_waiting`
#[unsafe(no_mangle)]
pub extern "C" fn threading_barrier_n_waiting(barrier: threading_barrier) -> i64 {
    count("threading_barrier_n_waiting", barrier.id, || find::<Barrier>(barrier.id)?.n_waiting())
}

/// Asks whether `barrier` is broken; the answer may be out of date when it arrives.
///
/// \param barrier  the barrier
/// \returns 1 when it is broken, 0 when not, or an error status
/// \threadsafety any thread, also in a signal handler
/// \since 0.1.0
/// \sa Python `threading.Barrier.broken`
#[unsafe(no_mangle)]
pub extern "C" fn threading_barrier_broken(barrier: threading_barrier) -> i32 {
    ask("threading_barrier_broken", barrier.id, || find::<Barrier>(barrier.id)?.broken())
}
