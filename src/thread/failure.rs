//! Failing: what `threading_fail` marks, and the hook that hears of targets that failed.

use super::text::{Line, Text};
use super::{Control, current, registry};
use crate::error::{Error, Result};
use crate::frame;
use crate::park::Me;
use core::ffi::{CStr, c_char, c_void};
use core::fmt::Write;
use core::ptr::null_mut;

/// A failure with its code and message; all zero is none.
pub(crate) struct Failure {
    pub(crate) failed: bool,
    pub(crate) code: i32,
    pub(crate) message: Text,
}

impl Failure {
    pub(crate) const NONE: Failure = Failure { failed: false, code: 0, message: Text::EMPTY };

    pub(crate) fn clear(&mut self) {
        *self = Failure::NONE;
    }
}

/// The innermost target or action of this thread has failed; the last word on it counts.
pub(crate) fn fail(me: Me, code: i32, message: &str) -> Result {
    let place = current::own(me)?.own.innermost.get();
    if place.is_null() {
        return Err(Error::NoTarget);
    }
    let message = Text::copy(message)?;
    // SAFETY: `innermost` points to the failure of a callback that runs on this thread right now; it
    // lives until that callback returns or is left, and then `innermost` is set back.
    unsafe { *place = Failure { failed: true, code, message } };
    Ok(())
}

/// Keeps what `threading_last_failure` will tell this thread.
pub(crate) fn remember(control: &Control, failure: Failure) {
    // SAFETY: `last_failure` belongs to the calling thread, and nobody refers to it here.
    unsafe { *control.own.last_failure.get() = failure };
}

/// The last failed callback of this thread.
pub(crate) fn last(me: Me) -> Result<&'static Failure> {
    // SAFETY: belongs to the calling thread; the caller lets go of it before its next call.
    let failure = unsafe { &*current::own(me)?.own.last_failure.get() };
    if failure.failed { Ok(failure) } else { Err(Error::NotFailed) }
}

/// What hears of failed threads.
pub(crate) type Hook = unsafe extern "C-unwind" fn(u64, i32, *const c_char, *mut c_void);

/// The hook and its argument, under the registry's guard.
struct Place(core::cell::UnsafeCell<(Option<Hook>, *mut c_void)>);

// SAFETY: used under the registry's guard only.
unsafe impl Sync for Place {}

static HOOK: Place = Place(core::cell::UnsafeCell::new((None, null_mut())));

/// Sets the hook; `None` is the default, which writes to standard error.
pub(crate) fn set_hook(hook: Option<Hook>, user: *mut c_void) {
    // SAFETY: under the guard this is the only use.
    registry::guarded(|| unsafe { *HOOK.0.get() = (hook, user) });
}

/// Tells the hook that the running thread's target has failed. Runs user code: nothing to drop here.
pub(crate) fn report(thread: u64, code: i32, message: *const c_char) {
    // SAFETY: under the guard this is the only use.
    let (hook, user) = registry::guarded(|| unsafe { *HOOK.0.get() });
    match hook {
        // SAFETY: its giver promised that it may be called so.
        Some(hook) => frame::hook(|| unsafe { hook(thread, code, message, user) }),
        None => complain(thread, code, message),
    }
}

/// How long a complaint gets at most.
const LINE: usize = 1024;

fn complain(thread: u64, code: i32, message: *const c_char) {
    let mut line = Line::<LINE>::new();
    // SAFETY: `report`'s caller passes a C string that outlives the call.
    let message = unsafe { CStr::from_ptr(message) }.to_str().unwrap_or("");
    let named = super::thread(thread).and_then(|thread| {
        registry::shared(thread, |shared| {
            let _ = write!(line, "Exception in thread {}: code {code}", shared.name.as_str());
            Ok(())
        })
    });
    if named.is_err() {
        let _ = write!(line, "Exception in thread: code {code}");
    }
    if !message.is_empty() {
        let _ = write!(line, ": {message}");
    }
    // One byte more than the line has, so that also a line that was cut has its end.
    let mut text = Line::<{ LINE + 1 }>::new();
    let _ = writeln!(text, "{}", line.as_str());
    crate::sys::native::complain(text.as_str().as_bytes());
}
