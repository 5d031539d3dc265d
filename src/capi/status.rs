//! Section Version, status and time: what every other section uses.

use super::boundary::{Buffer, call, place};
use crate::error::Error;
use crate::frame::inside;
use crate::thread::{current, failure, last_error};
use crate::{sync, time};
use core::ffi::{CStr, c_char, c_void};
use core::mem::MaybeUninit;

/// The major version: a program compiled with another one must not use the library.
pub const THREADING_VERSION_MAJOR: u32 = 0;
/// The minor version: it grows with each function that is added.
pub const THREADING_VERSION_MINOR: u32 = 1;
/// The patch version.
pub const THREADING_VERSION_PATCH: u32 = 0;
/// All three in one number: major * 1000000 + minor * 1000 + patch.
pub const THREADING_VERSION: u32 = 1000;

const _: () = assert!(
    THREADING_VERSION
        == THREADING_VERSION_MAJOR * 1_000_000 + THREADING_VERSION_MINOR * 1_000 + THREADING_VERSION_PATCH
);

/// How a call ended: 0 is done, above 0 is an outcome to branch on, below 0 is misuse or failure.
pub type threading_status = i32;

/// Done.
pub const THREADING_OK: threading_status = 0;
/// The time ran out first; nothing has changed.
pub const THREADING_TIMEOUT: threading_status = 1;
/// A cancel token in force ended the wait.
pub const THREADING_INTERRUPTED: threading_status = 2;
/// It was cancelled.
pub const THREADING_CANCELLED: threading_status = 3;
/// It is shut down.
pub const THREADING_CLOSED: threading_status = 4;
/// The barrier is broken, or the pool: one of its initializers failed.
pub const THREADING_BROKEN: threading_status = 5;
/// The target or callback itself failed: it has a code and a message.
pub const THREADING_FAILED: threading_status = 6;
/// Acquired, but the owner before ended without releasing; what it guards may be half changed.
pub const THREADING_OWNER_DEAD: threading_status = 7;
/// The handle names no living object of this kind.
pub const THREADING_E_HANDLE: threading_status = -1;
/// An argument is wrong: a NULL callback, a negative count, a timeout below -1.
pub const THREADING_E_INVALID: threading_status = -2;
/// Not allowed now: a second start, a join before the start, the release of an unlocked lock.
pub const THREADING_E_STATE: threading_status = -3;
/// The caller does not hold it.
pub const THREADING_E_NOT_OWNER: threading_status = -4;
/// The wait could never end: the caller waits for itself, or in a circle of up to 64 threads. Of those who close a
/// circle at once one is refused, and the others wait for it.
pub const THREADING_E_DEADLOCK: threading_status = -5;
/// What is to be destroyed is in use.
pub const THREADING_E_BUSY: threading_status = -6;
/// A counter is at its limit.
pub const THREADING_E_OVERFLOW: threading_status = -7;
/// No memory.
pub const THREADING_E_NO_MEMORY: threading_status = -8;
/// The system starts no more threads.
pub const THREADING_E_NO_THREAD: threading_status = -9;
/// The system does not allow it.
pub const THREADING_E_PERMISSION: threading_status = -10;
/// This system has no such thing.
pub const THREADING_E_UNSUPPORTED: threading_status = -11;
/// What ran behind this handle stayed in the parent process.
pub const THREADING_E_FORKED: threading_status = -12;
/// The system refused for another reason; threading_last_error() has its errno.
pub const THREADING_E_SYSTEM: threading_status = -13;
/// A defect of this library, caught at its boundary.
pub const THREADING_E_INTERNAL: threading_status = -14;

/// The timeout without limit.
pub const THREADING_FOREVER: i64 = -1;
/// The limit of a semaphore's value, of a barrier's parties and of an rlock's depth.
pub const THREADING_COUNT_MAX: i64 = 0x3fff_ffff;

const _: () = assert!(THREADING_COUNT_MAX == sync::COUNT_MAX);

/// What a thread or a task of a pool runs; what it returns is the result.
pub type threading_target = Option<unsafe extern "C-unwind" fn(arg: *mut c_void) -> *mut c_void>;
/// What a timer, a pool or the end of the process calls.
pub type threading_callback = Option<unsafe extern "C-unwind" fn(arg: *mut c_void)>;
/// What ends an argument or a value; it runs once for each.
pub type threading_destructor = Option<unsafe extern "C-unwind" fn(arg: *mut c_void)>;
/// What threading_condition_wait_for() waits for: anything but 0 is true.
pub type threading_predicate = Option<unsafe extern "C-unwind" fn(arg: *mut c_void) -> i32>;
/// What one thread of a barrier does for all, and each new worker of a pool: anything but #THREADING_OK says that it failed.
pub type threading_action = Option<unsafe extern "C-unwind" fn(arg: *mut c_void) -> threading_status>;

/// Tells the version of the library that the program runs with; #THREADING_VERSION is the one it was compiled
/// with.
///
/// \returns major * 1000000 + minor * 1000 + patch
/// \threadsafety any thread, also in a signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn threading_version() -> u32 {
    THREADING_VERSION
}

/// Names `status` as this header does, for example `THREADING_E_BUSY`.
///
/// \param status  any number
/// \returns a text that is good for ever, never NULL; `unknown status` when `status` is none of this version
/// \threadsafety any thread, also in a signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn threading_status_name(status: threading_status) -> *const c_char {
    known(status).0.as_ptr()
}

/// Says in a few words what `status` means; threading_last_error() knows more of a certain failure.
///
/// \param status  any number
/// \returns a text that is good for ever, never NULL, also when `status` is none of this version
/// \threadsafety any thread, also in a signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn threading_status_message(status: threading_status) -> *const c_char {
    known(status).1.as_ptr()
}

/// Name and meaning of a status.
fn known(status: threading_status) -> (&'static CStr, &'static CStr) {
    match status {
        THREADING_OK => (c"THREADING_OK", c"done"),
        THREADING_TIMEOUT => (c"THREADING_TIMEOUT", c"the time ran out first"),
        THREADING_INTERRUPTED => (c"THREADING_INTERRUPTED", c"a cancel token ended the wait"),
        THREADING_CANCELLED => (c"THREADING_CANCELLED", c"it was cancelled"),
        THREADING_CLOSED => (c"THREADING_CLOSED", c"it is shut down"),
        THREADING_BROKEN => (c"THREADING_BROKEN", c"it is broken"),
        THREADING_FAILED => (c"THREADING_FAILED", c"the target or callback failed"),
        THREADING_OWNER_DEAD => {
            (c"THREADING_OWNER_DEAD", c"acquired, but the owner before ended without releasing")
        }
        THREADING_E_HANDLE => (c"THREADING_E_HANDLE", c"the handle names no living object of this kind"),
        THREADING_E_INVALID => (c"THREADING_E_INVALID", c"an argument is wrong"),
        THREADING_E_STATE => (c"THREADING_E_STATE", c"not allowed now"),
        THREADING_E_NOT_OWNER => (c"THREADING_E_NOT_OWNER", c"the caller does not hold it"),
        THREADING_E_DEADLOCK => (c"THREADING_E_DEADLOCK", c"the wait could never end"),
        THREADING_E_BUSY => (c"THREADING_E_BUSY", c"it is in use"),
        THREADING_E_OVERFLOW => (c"THREADING_E_OVERFLOW", c"the counter is at its limit"),
        THREADING_E_NO_MEMORY => (c"THREADING_E_NO_MEMORY", c"no memory"),
        THREADING_E_NO_THREAD => (c"THREADING_E_NO_THREAD", c"the system starts no more threads"),
        THREADING_E_PERMISSION => (c"THREADING_E_PERMISSION", c"the system does not allow it"),
        THREADING_E_UNSUPPORTED => (c"THREADING_E_UNSUPPORTED", c"this system has no such thing"),
        THREADING_E_FORKED => (c"THREADING_E_FORKED", c"what ran there stayed in the parent process"),
        THREADING_E_SYSTEM => (c"THREADING_E_SYSTEM", c"the system refused"),
        THREADING_E_INTERNAL => (c"THREADING_E_INTERNAL", c"a defect of libthreading"),
        _ => (c"unknown status", c"a status that this version does not know"),
    }
}

/// Tells the story of this thread's last negative status: which call, which object, why.
///
/// A call that succeeds, or ends with an outcome above 0, leaves it as it is. An example:
/// `threading_lock_release: lock 0x0200000000000001: it is not locked`.
///
/// \returns a text that is good until this thread's next call with a negative status, never NULL; "" when
///          there was none. Without memory for the story it is what threading_status_message() says of the
///          status
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn threading_last_error() -> *const c_char {
    inside(last_error::text).unwrap_or_else(|cause| threading_status_message(cause.status()))
}

/// Gets code and message of the failure behind this thread's last #THREADING_FAILED.
///
/// That is the failure of a barrier's action, a future, a map, a group or a parallel loop. The code is what an
/// action returned, or what was given to threading_fail(). The failure of a thread's
/// target is the thread's: see threading_thread_failure().
///
/// \param code    where the code is written
/// \param buffer  where the message is written, cut to `size` bytes; NULL when `size` is 0
/// \param size    bytes in `buffer`
/// \param needed  where the size of the whole message with its NUL is written; may be NULL
/// \returns #THREADING_OK, also when the message was cut; #THREADING_E_STATE when there was none;
///          #THREADING_E_INVALID when `code` is NULL, or `buffer` is with a `size` above 0
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn threading_last_failure(
    code: Option<&mut MaybeUninit<i32>>,
    buffer: *mut c_char,
    size: usize,
    needed: *mut usize,
) -> threading_status {
    call("threading_last_failure", 0, || {
        let (code, buffer) = (place(code)?, Buffer::new(buffer, size, needed)?);
        let failure = failure::last(current::known().ok_or(Error::NotFailed)?)?;
        code.write(failure.code);
        buffer.write(failure.message.as_str());
        Ok(())
    })
}

/// Turns seconds, as Python counts time, into a timeout.
///
/// It saturates, and rounds up to the next nanosecond, so that a tiny wait never becomes a poll.
///
/// \param seconds  how long, with fractions
/// \returns nanoseconds; -2 for NaN and for every negative number, which each call refuses as
///          #THREADING_E_INVALID
/// \threadsafety any thread, also in a signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn threading_seconds(seconds: f64) -> i64 {
    time::from_seconds(seconds)
}

/// Reads the monotonic clock, from which deadlines are made: `threading_now() + THREADING_SECONDS(2)`.
///
/// \returns nanoseconds since a moment that stays the same while the system runs
/// \threadsafety any thread, also in a signal handler
/// \since 0.1.0
/// \sa Python `time.monotonic_ns`
#[unsafe(no_mangle)]
pub extern "C" fn threading_now() -> i64 {
    time::now()
}

/// Turns a deadline into a timeout, for several waits that end at the same moment.
///
/// \param deadline_ns  a moment of threading_now(), in nanoseconds
/// \returns the nanoseconds left until then; 0 when it has passed, never below
/// \threadsafety any thread, also in a signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn threading_until(deadline_ns: i64) -> i64 {
    time::until(deadline_ns)
}
