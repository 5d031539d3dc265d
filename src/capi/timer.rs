//! Section Timer: Python's `threading.Timer`, and periodic ones.

use super::boundary::{self, call, call_unwind, put};
use super::status::{threading_callback, threading_destructor, threading_status};
use crate::error::Error;
use crate::thread::me;
use crate::time::Timeout;
use crate::timer;
use core::ffi::c_void;
use core::mem::{MaybeUninit, offset_of};

/// A timer: calls a function when some time has passed, once or again and again.
///
/// A few threads of the library serve all timers, however many there are. A callback that takes long or
/// blocks delays no other timer. Unlike in Python, a timer that is pending does not keep the process alive.
///
/// \code
/// threading_timer_options every_second = { .size = sizeof every_second, .period_ns = THREADING_SECONDS(1) };
/// threading_timer_create(THREADING_SECONDS(1), write_heartbeat, &log, &every_second, &timer);
/// threading_timer_start(timer);
/// work();
/// threading_timer_cancel(timer);
/// threading_timer_join(timer, THREADING_FOREVER);  // from here on it does not run
/// threading_timer_destroy(timer);
/// \endcode
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct threading_timer {
    /// The number by which languages in one process share the timer; 0 names nothing.
    pub id: u64,
}

/// What a timer can be given beside its interval and callback; zero is the default in every field.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct threading_timer_options {
    /// `sizeof(threading_timer_options)`.
    pub size: usize,
    /// Nanoseconds from one run to the next, after the first; 0 runs once. The runs do not drift: they are
    /// due at multiples of the period after the first. One that is due while the run before is still going on
    /// is left out.
    pub period_ns: i64,
    /// Gets the argument of the callback, once, when that will not run any more; NULL when it needs none.
    pub arg_destructor: threading_destructor,
}

// SAFETY:
// - it is `repr(C)` and begins with its size;
// - all zero is valid: 0, 0 and no destructor.
unsafe impl boundary::Options for threading_timer_options {
    const SMALLEST: usize =
        offset_of!(threading_timer_options, arg_destructor) + size_of::<threading_destructor>();
}

/// Makes a timer that is not started.
///
/// The callback runs on a thread of the library, and never twice at the same time. `pthread_exit` in it ends
/// that run and nothing else; a C++ exception that leaves it ends the process.
///
/// \param interval_ns  nanoseconds from the start to the (first) run; 0 runs at once
/// \param callback     what is called
/// \param arg          the argument of the callback; without a destructor it must outlive the last run
/// \param options      period and destructor of the argument; NULL for neither
/// \param out          where the timer is written
/// \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `callback` or `out` is NULL, the
///          interval or the period is below 0, or the options have a wrong size
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.Timer`
#[unsafe(no_mangle)]
pub extern "C" fn threading_timer_create(
    interval_ns: i64,
    callback: threading_callback,
    arg: *mut c_void,
    options: *const threading_timer_options,
    out: Option<&mut MaybeUninit<threading_timer>>,
) -> threading_status {
    call("threading_timer_create", 0, || {
        let callback = callback.ok_or(Error::NullCallback)?;
        let options = boundary::options(options)?;
        let (period_ns, destructor) =
            options.map_or((0, None), |given| (given.period_ns, given.arg_destructor));
        put(out, || {
            Ok(threading_timer { id: timer::create(interval_ns, callback, arg, period_ns, destructor)? })
        })
    })
}

/// Starts `timer`: the callback runs when its interval has passed from now.
///
/// \param timer  the timer
/// \returns #THREADING_OK; #THREADING_CANCELLED when it was cancelled before: it does not run;
///          #THREADING_E_STATE when it was started before; #THREADING_E_NO_MEMORY and #THREADING_E_NO_THREAD,
///          then it is not started and this can be tried again
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.Timer.start`
#[unsafe(no_mangle)]
pub extern "C" fn threading_timer_start(timer: threading_timer) -> threading_status {
    call("threading_timer_start", timer.id, || timer::start(timer.id))
}

/// Cancels `timer`: a run that has not begun will not begin.
///
/// A run that is going on is neither interrupted nor waited for: threading_timer_join() waits. When there is
/// none, the destructor of the argument runs here, unless it has run before; what unwinds from it passes
/// through this call. A timer may be cancelled before its start, and from its own callback.
///
/// \param timer  the timer
/// \returns #THREADING_OK, also when it was cancelled before or has run
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.Timer.cancel`
#[unsafe(no_mangle)]
pub extern "C-unwind" fn threading_timer_cancel(timer: threading_timer) -> threading_status {
    call_unwind("threading_timer_cancel", timer.id, || timer::cancel(timer.id))
}

/// Waits until `timer` will not run any more and its callback has returned, as long as `timeout_ns` says.
///
/// A periodic timer goes on until it is cancelled.
///
/// \param timer       the timer
/// \param timeout_ns  longest wait in nanoseconds: 0 only asks, #THREADING_FOREVER has no limit
/// \returns #THREADING_OK when it has run; #THREADING_CANCELLED when it was cancelled or destroyed;
///          #THREADING_TIMEOUT when the time ran out; #THREADING_E_STATE when it was not started;
///          #THREADING_E_DEADLOCK from its own callback; #THREADING_E_FORKED when it was started in the
///          parent process; #THREADING_E_INVALID when `timeout_ns` is below -1
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.Timer.join`
#[unsafe(no_mangle)]
pub extern "C" fn threading_timer_join(timer: threading_timer, timeout_ns: i64) -> threading_status {
    call("threading_timer_join", timer.id, || timer::join(me()?, timer.id, Timeout::from_nanos(timeout_ns)?))
}

/// Gives `timer` up, whatever state it is in; from then on its handle names nothing.
///
/// A run that has not begun will not begin; one that is going on is not waited for. When there is none, the
/// destructor of the argument runs here, unless it has run before; what unwinds from it passes through this
/// call. Those who join get #THREADING_CANCELLED. A timer may be destroyed from its own callback.
///
/// \param timer  the timer
/// \returns #THREADING_OK
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C-unwind" fn threading_timer_destroy(timer: threading_timer) -> threading_status {
    call_unwind("threading_timer_destroy", timer.id, || timer::destroy(timer.id))
}
