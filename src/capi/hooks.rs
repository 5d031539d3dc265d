//! Section Hooks and the end of the process: failing, Python's `excepthook` and `setprofile`, and `atexit`.

use super::boundary::{call, call_unwind, optional_text};
use super::status::{threading_callback, threading_destructor, threading_status};
use super::thread::threading_thread;
use crate::error::Error;
use crate::thread::{exit, failure, hooks, me};
use crate::time::Timeout;
use core::ffi::{c_char, c_void};

/// Hears of each thread whose target failed, on that thread: its code and its message, "" when it has none.
pub type threading_failure_hook = Option<
    unsafe extern "C-unwind" fn(
        thread: threading_thread,
        code: i32,
        message: *const c_char,
        user: *mut c_void,
    ),
>;

/// Hears of what happens, on the thread to which it happens: `event` is one of THREADING_HOOK_*.
pub type threading_event_hook =
    Option<unsafe extern "C-unwind" fn(event: i32, thread: threading_thread, object: u64, user: *mut c_void)>;

/// A thread begins, before its target; `object` is 0.
pub const THREADING_HOOK_THREAD_START: i32 = 1;
/// A thread ends, after its target and all its destructors; `object` is 0.
pub const THREADING_HOOK_THREAD_EXIT: i32 = 2;
/// A thread begins to wait for `object`; a call that need not wait is not told of.
pub const THREADING_HOOK_WAIT_BEGIN: i32 = 3;
/// The wait for `object` is over, whatever its outcome.
pub const THREADING_HOOK_WAIT_END: i32 = 4;
/// A task begins; `object` is its future, or 0.
pub const THREADING_HOOK_TASK_BEGIN: i32 = 5;
/// A task ends; `object` is its future, or 0.
pub const THREADING_HOOK_TASK_END: i32 = 6;

/// A hook as the library calls it.
fn failure_hook(hook: threading_failure_hook) -> Option<failure::Hook> {
    // SAFETY: the two types differ only in how they name the thread, by a struct of one `uint64_t` or by that
    // number itself, and the header promises that either can be passed for the other.
    hook.map(|hook| unsafe { core::mem::transmute(hook) })
}

/// A hook as the library calls it.
fn event_hook(hook: threading_event_hook) -> Option<hooks::Hook> {
    // SAFETY: as in `failure_hook`.
    hook.map(|hook| unsafe { core::mem::transmute(hook) })
}

/// Marks what runs on this thread, the innermost target or action, as failed; it goes on, and should then
/// return.
///
/// It takes the place of raising an exception. Of several calls the last one counts. Where a thread's target
/// fails the hook of threading_set_excepthook() is called when it has returned, and threading_thread_result()
/// answers #THREADING_FAILED; the others learn of it from the call that ran the action.
///
/// \param code     any number that says why
/// \param message  UTF-8 of any length, copied; NULL is ""
/// \returns #THREADING_OK; #THREADING_E_STATE when no target or action runs on this thread;
///          #THREADING_E_INVALID when `message` is not UTF-8; #THREADING_E_NO_MEMORY
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `raise`
#[unsafe(no_mangle)]
pub extern "C" fn threading_fail(code: i32, message: *const c_char) -> threading_status {
    call("threading_fail", 0, || failure::fail(me()?, code, optional_text(message)?.unwrap_or("")))
}

/// Sets the hook that hears of each thread whose target failed, on that thread, when the target has returned.
///
/// It also hears of what fails and has nobody to ask for it: timers, tasks without a future, initializers.
/// A target that was left by `pthread_exit` or cancellation is not told of, and neither is
/// threading_thread_run(). The hook may still run on another thread when it has been replaced.
///
/// \param hook  NULL: the default, which writes one line with name, code and message to standard error
/// \param user  given to `hook`; it has to live as long as a thread may fail
/// \returns #THREADING_OK
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.excepthook`
#[unsafe(no_mangle)]
pub extern "C" fn threading_set_excepthook(
    hook: threading_failure_hook,
    user: *mut c_void,
) -> threading_status {
    call("threading_set_excepthook", 0, || {
        failure::set_hook(failure_hook(hook), user);
        Ok(())
    })
}

/// Sets the hook that hears of threads that start and end and of waits that begin and end, in all threads.
///
/// It is called on the thread that it tells of. What the hook itself does is not told, so it may wait. It may
/// still run on another thread when it has been replaced. Without a hook nothing is slower.
///
/// \param hook  NULL: none, as it is at first
/// \param user  given to `hook`; it has to live as long as the hook may run
/// \returns #THREADING_OK
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.setprofile`
#[unsafe(no_mangle)]
pub extern "C" fn threading_set_profile(hook: threading_event_hook, user: *mut c_void) -> threading_status {
    call("threading_set_profile", 0, || {
        hooks::set(event_hook(hook), user);
        Ok(())
    })
}

/// Waits for all threads that are not daemons, then calls what threading_at_exit() was given, the latest
/// first.
///
/// The process does the same inside exit(), at the place of the first started thread among its exit handlers;
/// a call at the end of main does it earlier, while everything is still there. The caller, the main thread
/// and threads that are in this call themselves are not waited for. Each callback is called once; the call
/// may be repeated.
///
/// \param timeout_ns  longest wait in nanoseconds: 0 only asks, #THREADING_FOREVER has no limit
/// \returns #THREADING_OK; #THREADING_TIMEOUT when the time ran out first, then no callback was called;
///          #THREADING_E_DEADLOCK when more than 64 of the threads wait for the caller; #THREADING_E_INVALID
///          when `timeout_ns` is below -1
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading._shutdown`
#[unsafe(no_mangle)]
pub extern "C-unwind" fn threading_shutdown(timeout_ns: i64) -> threading_status {
    call_unwind("threading_shutdown", 0, || exit::shutdown(me()?, Timeout::from_nanos(timeout_ns)?))
}

/// Lets `callback` be called when all threads that are not daemons have ended, before the process does.
///
/// It is called once, by threading_shutdown() or inside exit(), and not at all when the process ends without
/// exit(). Those given last are called first.
///
/// \param callback    what is called
/// \param arg         given to `callback`
/// \param destructor  ends `arg` after `callback` has returned; may be NULL
/// \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `callback` is NULL
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `atexit.register`
#[unsafe(no_mangle)]
pub extern "C" fn threading_at_exit(
    callback: threading_callback,
    arg: *mut c_void,
    destructor: threading_destructor,
) -> threading_status {
    call("threading_at_exit", 0, || exit::register(callback.ok_or(Error::NullCallback)?, arg, destructor))
}
