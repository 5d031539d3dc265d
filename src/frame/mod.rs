//! Calls user code through the C frame of frame.c, which notices when the code is left by force.
//!
//! The Rust functions between an exported function and here have nothing to drop while user code
//! runs: unwinding by force over a frame with a destructor is undefined.
//!
//! Race detectors look away from the library's code, but not from the user's (sys/tools.rs): so all ways from one to
//! the other lead through here.

use crate::sys::tools;
use core::ffi::c_void;

/// A thread's target, as Python's.
pub(crate) type Target = unsafe extern "C-unwind" fn(*mut c_void) -> *mut c_void;
/// A callback that answers with a number.
pub(crate) type Ask = unsafe extern "C-unwind" fn(*mut c_void) -> i32;
/// A callback or destructor.
pub(crate) type Callback = unsafe extern "C-unwind" fn(*mut c_void);

unsafe extern "C-unwind" {
    fn threading_frame_target(
        f: Target,
        arg: *mut c_void,
        left: Option<Callback>,
        c: *mut c_void,
    ) -> *mut c_void;
    fn threading_frame_ask(f: Ask, arg: *mut c_void, left: Option<Callback>, c: *mut c_void) -> i32;
    fn threading_frame_call(f: Callback, arg: *mut c_void, left: Option<Callback>, c: *mut c_void);
    fn threading_frame_pair(first: *const Task, steps: *const Steps, context: *mut c_void);
}

/// What happens in passing when a callback is left by force.
#[derive(Clone, Copy)]
pub(crate) struct Left {
    pub(crate) call: Option<Callback>,
    pub(crate) context: *mut c_void,
}

/// One function with its argument, as C passes it.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Task {
    pub(crate) callback: Option<Callback>,
    pub(crate) arg: *mut c_void,
}

/// What happens between two tasks, which says what to call as the second, NULL for nothing; and when either is left by force.
#[repr(C)]
pub(crate) struct Steps {
    pub(crate) between: unsafe extern "C-unwind" fn(*mut c_void) -> *const Task,
    pub(crate) left: Callback,
}

/// Nothing to do when it is left.
pub(crate) const NOTHING: Left = Left { call: None, context: core::ptr::null_mut() };

/// Runs a target.
///
/// # Safety
/// - `target` may be called with `arg`: its giver promised that;
/// - `left.context` is valid for `left.call` while the target runs.
#[inline(always)]
pub(crate) unsafe fn target(target: Target, arg: *mut c_void, left: Left) -> *mut c_void {
    // SAFETY: the caller's promises.
    outside(&left, |Left { call, context }| unsafe { threading_frame_target(target, arg, call, context) })
}

/// Asks a predicate or runs an action.
///
/// # Safety
/// - as for `target`.
#[inline(always)]
pub(crate) unsafe fn ask(ask: Ask, arg: *mut c_void, left: Left) -> i32 {
    // SAFETY: the caller's promises.
    outside(&left, |Left { call, context }| unsafe { threading_frame_ask(ask, arg, call, context) })
}

/// Runs a callback or destructor.
///
/// # Safety
/// - as for `target`.
#[inline(always)]
pub(crate) unsafe fn call(call: Callback, arg: *mut c_void, left: Left) {
    // SAFETY: the caller's promises.
    outside(&left, |left| unsafe { threading_frame_call(call, arg, left.call, left.context) })
}

/// Runs two tasks for a quick way, which is not taken when there is a race detector.
///
/// # Safety
/// - as for `target`, for `first` and for what `between` gives, which have callbacks, and for `context` and `steps`.
#[inline(always)]
pub(crate) unsafe fn pair_quick(first: &Task, steps: &'static Steps, context: *mut c_void) {
    // SAFETY: the caller's promises.
    unsafe { threading_frame_pair(first, steps, context) }
}

/// Runs the library's own code, which calls the user's and may be left by force with that.
///
/// # Safety
/// - as for `target`.
pub(crate) unsafe fn own(call: Callback, arg: *mut c_void, left: Left) {
    let passing = if tools::watch() { in_passing(&left) } else { left };
    // SAFETY: the caller's promises.
    unsafe { threading_frame_call(call, arg, passing.call, passing.context) }
}

/// Calls a hook of the user's.
pub(crate) fn hook<R>(call: impl FnOnce() -> R) -> R {
    outside(&NOTHING, |_| call())
}

/// Runs the library's code on a thread that came from the user's, and goes back there when it ends.
#[inline(always)]
pub(crate) fn inside<R>(work: impl FnOnce() -> R) -> R {
    tools::enter();
    let result = work();
    tools::leave();
    result
}

/// Calls the user's code, which may be left by force.
#[inline(always)]
fn outside<R>(left: &Left, call: impl FnOnce(Left) -> R) -> R {
    if !tools::watch() {
        return call(*left);
    }
    let depth = tools::step_out();
    let result = call(in_passing(left));
    tools::step_back(depth);
    result
}

/// What happens in passing, for a thread that comes there from the user's code.
fn in_passing(left: &Left) -> Left {
    Left { call: left.call.and(Some(passes)), context: (left as *const Left).cast_mut().cast() }
}

unsafe extern "C-unwind" fn passes(left: *mut c_void) {
    // SAFETY: `in_passing` made it of a `Left` that outlives the call and its passing.
    let Left { call, context } = unsafe { *left.cast::<Left>() };
    tools::enter();
    if let Some(call) = call {
        // SAFETY: the promise of whoever made the `Left`.
        unsafe { call(context) };
    }
    tools::leave();
}
