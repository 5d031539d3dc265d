//! Section Future: Python's `concurrent.futures.Future`, and waiting for several.

use super::boundary::{Buffer, ask, call, call_unwind, items, optional_text, place, put, quick_put};
use super::status::{THREADING_FOREVER, threading_destructor, threading_status};
use crate::error::Error;
use crate::pool::wait::{self, When};
use crate::pool::{self, DoneCallback, Future, future};
use crate::slot::{Live, find, seek};
use crate::thread::me;
use crate::time::Timeout;
use core::ffi::{c_char, c_void};
use core::mem::{MaybeUninit, transmute};

/// A future: a result that comes later, from a task of a pool or from whoever made it.
///
/// threading_pool_submit() gives one for its task. One that threading_future_create() makes is a promise: any
/// thread may set its result or its failure, once. Whoever got the handle destroys it, at any time: a task
/// goes on without it.
///
/// \code
/// threading_pool_submit(pool, parse, file, &future);
/// other_work();
/// threading_status status = threading_future_result(future, THREADING_FOREVER, &tree);
/// if (status == THREADING_FAILED) threading_future_failure(future, 0, &code, text, sizeof text, NULL);
/// threading_future_destroy(future);
/// \endcode
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct threading_future {
    /// The number by which languages in one process share the future; 0 names nothing.
    pub id: u64,
}

/// What is called when a future is done. `future` is good until the callback returns, also when the handle was
/// destroyed before; it is not the callback's to destroy then.
pub type threading_future_callback =
    Option<unsafe extern "C-unwind" fn(future: threading_future, arg: *mut c_void)>;

/// Of threading_futures_wait(): until one is done, however it ended. Python's `FIRST_COMPLETED`.
pub const THREADING_FIRST_COMPLETED: i32 = 0;
/// Of threading_futures_wait(): until one has failed, or all are done. Python's `FIRST_EXCEPTION`.
pub const THREADING_FIRST_FAILED: i32 = 1;
/// Of threading_futures_wait(): until all are done. Python's `ALL_COMPLETED`.
pub const THREADING_ALL_COMPLETED: i32 = 2;

/// Makes a future that no pool runs: a promise, whose result or failure somebody sets.
///
/// \param out  where the future is written
/// \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `out` is NULL
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `concurrent.futures.Future`
#[unsafe(no_mangle)]
pub extern "C" fn threading_future_create(
    out: Option<&mut MaybeUninit<threading_future>>,
) -> threading_status {
    call("threading_future_create", 0, || put(out, || Ok(threading_future { id: pool::promise(me()?)? })))
}

/// Says that work on a promise begins, unless it was cancelled; from then on it cannot be cancelled.
///
/// \param future  a future of threading_future_create()
/// \returns #THREADING_OK when it runs now, Python's True; #THREADING_CANCELLED when it was cancelled: there
///          is nothing to do, Python's False; #THREADING_E_STATE when it runs or is done, when this was said
///          before, and for the future of a pool's task
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `concurrent.futures.Future.set_running_or_notify_cancel`
#[unsafe(no_mangle)]
pub extern "C" fn threading_future_set_running_or_notify_cancel(
    future: threading_future,
) -> threading_status {
    call("threading_future_set_running_or_notify_cancel", future.id, || {
        find::<Future>(future.id)?.set_running()
    })
}

/// Sets the result of a promise, which is done with that.
///
/// The callbacks of the future run here; what unwinds from one passes through this call, and the others run in
/// passing.
///
/// \param future  a future of threading_future_create(), begun or not
/// \param result  the result; NULL is one like any other
/// \returns #THREADING_OK; #THREADING_E_STATE when it is done or was cancelled, and for the future of a pool's
///          task
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `concurrent.futures.Future.set_result`
#[unsafe(no_mangle)]
pub extern "C-unwind" fn threading_future_set_result(
    future: threading_future,
    result: *mut c_void,
) -> threading_status {
    call_unwind("threading_future_set_result", future.id, || find::<Future>(future.id)?.set_result(result))
}

/// Sets the failure of a promise, which is done with that.
///
/// The callbacks of the future run here, as in threading_future_set_result().
///
/// \param future   a future of threading_future_create(), begun or not
/// \param code     any number
/// \param message  what went wrong, copied; NULL for nothing
/// \returns #THREADING_OK; #THREADING_E_STATE when it is done or was cancelled, and for the future of a pool's
///          task; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `message` is not UTF-8
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `concurrent.futures.Future.set_exception`
#[unsafe(no_mangle)]
pub extern "C-unwind" fn threading_future_set_failure(
    future: threading_future,
    code: i32,
    message: *const c_char,
) -> threading_status {
    call_unwind("threading_future_set_failure", future.id, || {
        let message = optional_text(message)?.unwrap_or("");
        find::<Future>(future.id)?.set_failure(code, message)
    })
}

/// Gets the result of `future`, waiting until it is done as long as `timeout_ns` says.
///
/// A task of a pool that waits for another task of its pool that has not begun runs it here, unless
/// `timeout_ns` is 0; while it sleeps, another thread of the pool works in its place. So tasks that wait for
/// tasks never starve a pool, not even one of a single worker. A task that has begun is not given up when the
/// time runs out.
///
/// \param future      the future
/// \param timeout_ns  longest wait in nanoseconds: 0 only asks, #THREADING_FOREVER has no limit
/// \param out         where the result is written
/// \returns #THREADING_OK; #THREADING_FAILED when it failed, see threading_future_failure() and
///          threading_last_failure(); #THREADING_CANCELLED when it was cancelled; #THREADING_BROKEN when its
///          pool broke before it began; #THREADING_TIMEOUT when the time ran out; #THREADING_E_DEADLOCK when
///          it could never end: its task waits without limit for the caller, at once or through others, or
///          nobody is left to begin it; #THREADING_E_FORKED when its task stayed in the parent process;
///          #THREADING_E_HANDLE also when it is destroyed during the wait; #THREADING_E_INVALID when `out` is
///          NULL or `timeout_ns` is below -1
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `concurrent.futures.Future.result`
#[unsafe(no_mangle)]
pub extern "C-unwind" fn threading_future_result(
    future: threading_future,
    timeout_ns: i64,
    out: Option<&mut MaybeUninit<*mut c_void>>,
) -> threading_status {
    quick_put(
        out,
        || if timeout_ns < THREADING_FOREVER { None } else { seek::<Future>(future.id)?.value_quick() },
        move |out| {
            call_unwind("threading_future_result", future.id, || {
                let timeout = Timeout::from_nanos(timeout_ns)?;
                put(out, || wait::result(me()?, future.id, timeout))
            })
        },
    )
}

/// Gets code and message with which `future` failed, waiting until it is done as long as `timeout_ns` says.
///
/// They are what the task gave to threading_fail(), or what threading_future_set_failure() got. A task that
/// was left by `pthread_exit` or cancellation has failed with the code #THREADING_CANCELLED and no message. It
/// waits as threading_future_result() does.
///
/// \param future      the future
/// \param timeout_ns  longest wait in nanoseconds: 0 only asks, #THREADING_FOREVER has no limit
/// \param code        where the code is written
/// \param buffer      where the message is written, cut to `size` bytes; NULL when `size` is 0
/// \param size        bytes in `buffer`
/// \param needed      where the size of the whole message with its NUL is written; may be NULL
/// \returns #THREADING_OK, also when the message was cut; #THREADING_E_STATE when it did not fail: it has a
///          result; #THREADING_CANCELLED, #THREADING_BROKEN, #THREADING_TIMEOUT, #THREADING_E_DEADLOCK and
///          #THREADING_E_FORKED as threading_future_result(); #THREADING_E_INVALID when `code` is NULL,
///          `buffer` is with a `size` above 0, or `timeout_ns` is below -1
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `concurrent.futures.Future.exception`
#[unsafe(no_mangle)]
pub extern "C-unwind" fn threading_future_failure(
    future: threading_future,
    timeout_ns: i64,
    code: Option<&mut MaybeUninit<i32>>,
    buffer: *mut c_char,
    size: usize,
    needed: *mut usize,
) -> threading_status {
    call_unwind("threading_future_failure", future.id, || {
        let timeout = Timeout::from_nanos(timeout_ns)?;
        let (code, buffer) = (place(code)?, Buffer::new(buffer, size, needed)?);
        wait::failure(me()?, future.id, timeout, |number, message| {
            code.write(number);
            buffer.write(message);
        })
    })
}

/// Cancels `future` if nobody has begun it: it is done, and its task will not run.
///
/// Its callbacks run here, as in threading_future_set_result(). The argument of a task goes to the destructor
/// of its pool when that comes to it.
///
/// \param future  the future
/// \returns #THREADING_OK when it is cancelled, also when it was before; #THREADING_E_STATE when it runs or
///          has ended, Python's False; #THREADING_E_FORKED when its task stayed in the parent process
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `concurrent.futures.Future.cancel`
#[unsafe(no_mangle)]
pub extern "C-unwind" fn threading_future_cancel(future: threading_future) -> threading_status {
    call_unwind("threading_future_cancel", future.id, || future::with(future.id, Live::cancel))
}

/// Asks whether `future` was cancelled.
///
/// \param future  the future
/// \returns 1 when it was, 0 when not, or an error status
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `concurrent.futures.Future.cancelled`
#[unsafe(no_mangle)]
pub extern "C" fn threading_future_cancelled(future: threading_future) -> i32 {
    ask("threading_future_cancelled", future.id, || wait::is_cancelled(future.id))
}

/// Asks whether `future` has begun and is not done; the answer may be out of date when it arrives.
///
/// \param future  the future
/// \returns 1 when it runs, 0 when not, or an error status
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `concurrent.futures.Future.running`
#[unsafe(no_mangle)]
pub extern "C" fn threading_future_running(future: threading_future) -> i32 {
    ask("threading_future_running", future.id, || wait::is_running(future.id))
}

/// Asks whether `future` is done: it has a result or a failure, was cancelled, or its pool broke.
///
/// \param future  the future
/// \returns 1 when it is done, 0 when not, or an error status
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `concurrent.futures.Future.done`
#[unsafe(no_mangle)]
pub extern "C" fn threading_future_done(future: threading_future) -> i32 {
    ask("threading_future_done", future.id, || wait::is_done(future.id))
}

/// Lets `callback` be called when `future` is done, however that happens; at once and here if it is done
/// already.
///
/// The callbacks of a future run in the order in which they were added, on the thread that ends it: the
/// pool's, the one that sets the result, or the one that cancels. They run outside all locks of the library
/// and may call it. Those who wait for the future may be woken before they have run.
///
/// \param future      the future
/// \param callback    what is called, once; with a handle that is good until it returns
/// \param arg         the second argument of the callback
/// \param destructor  gets `arg`, once, after the callback, or when the future is destroyed without being
///                    done; NULL when it needs none
/// \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `callback` is NULL
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `concurrent.futures.Future.add_done_callback`
#[unsafe(no_mangle)]
pub extern "C-unwind" fn threading_future_add_done_callback(
    future: threading_future,
    callback: threading_future_callback,
    arg: *mut c_void,
    destructor: threading_destructor,
) -> threading_status {
    call_unwind("threading_future_add_done_callback", future.id, || {
        let callback = callback.ok_or(Error::NullCallback)?;
        // SAFETY: `threading_future` is `repr(C)` around one `u64`; the calling conventions of all systems that
        // the library is built for pass it as they pass the `u64` itself.
        let callback = unsafe {
            transmute::<unsafe extern "C-unwind" fn(threading_future, *mut c_void), DoneCallback>(callback)
        };
        pool::add_done_callback(me()?, future.id, callback, arg, destructor)
    })
}

/// Gives `future` up; from then on its handle names nothing.
///
/// A task is neither cancelled nor waited for: it runs, and so do its callbacks. The callbacks of a promise
/// that is not done will not be called; their arguments go to their destructors, here, and what unwinds from
/// one passes through this call. Those who wait for the future get #THREADING_E_HANDLE.
///
/// \param future  the future
/// \returns #THREADING_OK
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C-unwind" fn threading_future_destroy(future: threading_future) -> threading_status {
    call_unwind("threading_future_destroy", future.id, || future::destroy(me()?, future.id))
}

/// Waits for several futures, as long as `timeout_ns` says.
///
/// A cancelled future is done. It waits as threading_future_result() does: a task of a pool runs here what it
/// waits for. The same future may stand in the list more than once. A wait for any of several closes no
/// circle, whatever these wait for: neither it nor who waits for the caller is refused.
///
/// \param futures     the futures; NULL when `count` is 0
/// \param count       how many there are; a wait for none is over at once
/// \param when        #THREADING_FIRST_COMPLETED, #THREADING_FIRST_FAILED or #THREADING_ALL_COMPLETED; a
///                    future whose pool broke has failed, one that was cancelled has not
/// \param timeout_ns  longest wait in nanoseconds: 0 only asks, #THREADING_FOREVER has no limit
/// \param done_flags  where for each future 1 is written if it is done, 0 if not, also when the time ran out;
///                    may be NULL
/// \returns #THREADING_OK; #THREADING_TIMEOUT when the time ran out; #THREADING_E_DEADLOCK and
///          #THREADING_E_FORKED as threading_future_result(); #THREADING_E_HANDLE also when one is destroyed
///          during the wait; #THREADING_E_INVALID when `futures` is NULL with a `count` above 0, `when` is
///          none of the three, or `timeout_ns` is below -1
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `concurrent.futures.wait`
#[unsafe(no_mangle)]
pub extern "C-unwind" fn threading_futures_wait(
    futures: *const threading_future,
    count: usize,
    when: i32,
    timeout_ns: i64,
    done_flags: *mut i32,
) -> threading_status {
    call_unwind("threading_futures_wait", 0, || {
        let when = match when {
            THREADING_FIRST_COMPLETED => When::FirstCompleted,
            THREADING_FIRST_FAILED => When::FirstFailed,
            THREADING_ALL_COMPLETED => When::AllCompleted,
            _ => return Err(Error::BadValue),
        };
        let timeout = Timeout::from_nanos(timeout_ns)?;
        // A handle is its number: `repr(C)` around one `u64`.
        wait::several(me()?, items(futures.cast::<u64>(), count)?, when, timeout, done_flags)
    })
}
