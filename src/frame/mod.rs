//! Calls user code through the C frame of frame.c, which notices when the code is left by force.
//!
//! The Rust functions between an exported function and here have nothing to drop while user code
//! runs: unwinding by force over a frame with a destructor is undefined.

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
}

/// What happens in passing when a callback is left by force.
#[derive(Clone, Copy)]
pub(crate) struct Left {
    pub(crate) call: Option<Callback>,
    pub(crate) context: *mut c_void,
}

/// Nothing to do when it is left.
pub(crate) const NOTHING: Left = Left { call: None, context: core::ptr::null_mut() };

/// Runs a target.
///
/// # Safety
/// - `target` may be called with `arg`: its giver promised that;
/// - `left.context` is valid for `left.call` while the target runs.
pub(crate) unsafe fn target(target: Target, arg: *mut c_void, left: Left) -> *mut c_void {
    // SAFETY: the caller's promises.
    unsafe { threading_frame_target(target, arg, left.call, left.context) }
}

/// Asks a predicate or runs an action.
///
/// # Safety
/// - as for `target`.
pub(crate) unsafe fn ask(ask: Ask, arg: *mut c_void, left: Left) -> i32 {
    // SAFETY: the caller's promises.
    unsafe { threading_frame_ask(ask, arg, left.call, left.context) }
}

/// Runs a callback or destructor.
///
/// # Safety
/// - as for `target`.
pub(crate) unsafe fn call(call: Callback, arg: *mut c_void, left: Left) {
    // SAFETY: the caller's promises.
    unsafe { threading_frame_call(call, arg, left.call, left.context) }
}
