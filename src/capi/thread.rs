//! Section Threads: Python's `threading.Thread`.

use super::boundary::{self, Buffer, Options, ask, call, call_unwind, items, optional_text, place, put};
use super::status::{threading_destructor, threading_status, threading_target};
use crate::error::{Error, Result};
use crate::thread::attributes::{Wishes, checked_nice, set_of};
use crate::thread::start::{self, Plan};
use crate::thread::{me, thread as find};
use crate::time::Timeout;
use core::ffi::{c_char, c_void};
use core::mem::{MaybeUninit, offset_of};
use core::ptr::null;

/// A daemon if its creator is one.
pub const THREADING_DAEMON_INHERIT: i32 = 0;
/// A daemon: the end of the process does not wait for it.
pub const THREADING_DAEMON: i32 = 1;
/// Not a daemon: the end of the process waits for it.
pub const THREADING_NON_DAEMON: i32 = 2;

/// A thread, from its creation until it has ended and its creator has destroyed it.
///
/// Its number is never reused, and is its ident. Threads that the library did not start have a handle too:
/// see threading_current_thread().
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct threading_thread {
    /// The number by which languages in one process share the thread; 0 names nothing.
    pub id: u64,
}

/// How a thread is to be; zero is the default in every field.
///
/// \code
/// threading_thread_options options = { sizeof options };
/// options.name = "reader";
/// options.daemon = THREADING_DAEMON;
/// threading_thread_spawn(read_all, &source, &options, &reader);
/// \endcode
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct threading_thread_options {
    /// `sizeof(threading_thread_options)`.
    pub size: usize,
    /// UTF-8 of any length, of which the system is told the first 15 bytes; NULL or "": `Thread-1`, `Thread-2`
    /// and so on.
    pub name: *const c_char,
    /// #THREADING_DAEMON_INHERIT, #THREADING_DAEMON or #THREADING_NON_DAEMON.
    pub daemon: i32,
    /// Niceness, -20 to 19, lower runs more; 0: as its creator.
    pub priority: i32,
    /// Bytes, at least 32 KiB; 0: as threading_stack_size() says.
    pub stack_size: usize,
    /// The numbers of the processors that it may run on; NULL when `cpu_count` is 0.
    pub cpus: *const u32,
    /// How many `cpus` there are; 0: those of its creator.
    pub cpu_count: usize,
    /// Above 0: the thread gets a copy of that many bytes at `arg`, aligned to 16, which is freed when it
    /// ends.
    pub arg_size: usize,
    /// Ends the argument, or its copy, on the thread when the target has returned or was left; NULL: nothing
    /// to end.
    pub arg_destructor: threading_destructor,
}

// SAFETY: `repr(C)`, `size` is first, and all zero is no name, no processors, no destructor and zeros.
unsafe impl Options for threading_thread_options {
    const SMALLEST: usize = offset_of!(Self, arg_destructor) + size_of::<threading_destructor>();
}

const DEFAULTS: threading_thread_options = threading_thread_options {
    size: size_of::<threading_thread_options>(),
    name: null(),
    daemon: THREADING_DAEMON_INHERIT,
    priority: 0,
    stack_size: 0,
    cpus: null(),
    cpu_count: 0,
    arg_size: 0,
    arg_destructor: None,
};

/// What the caller asks for, checked.
fn plan<'a>(
    target: threading_target,
    arg: *mut c_void,
    options: *const threading_thread_options,
) -> Result<Plan<'a>> {
    let target = target.ok_or(Error::NullCallback)?;
    let options = boundary::options(options)?.unwrap_or(DEFAULTS);
    let cpus = items(options.cpus, options.cpu_count)?;
    Ok(Plan {
        target,
        arg,
        // As in Python, an empty name is none.
        name: optional_text(options.name)?.unwrap_or(""),
        daemon: match options.daemon {
            THREADING_DAEMON_INHERIT => None,
            THREADING_DAEMON => Some(true),
            THREADING_NON_DAEMON => Some(false),
            _ => return Err(Error::BadValue),
        },
        stack_size: options.stack_size,
        arg_size: options.arg_size,
        arg_destructor: options.arg_destructor,
        wishes: Wishes {
            nice: if options.priority == 0 { None } else { Some(checked_nice(options.priority)?) },
            scheduler: None,
            affinity: if cpus.is_empty() { None } else { Some(set_of(cpus)?) },
        },
    })
}

/// Makes a thread that runs `target` with `arg` once it is started.
///
/// Its name, priority, scheduler, processors and daemon flag can still be set. A thread that is never started
/// has to be destroyed; that ends its argument.
///
/// \param target   what it runs
/// \param arg      given to `target`; the thread's when the call succeeds, the caller's when it fails
/// \param options  NULL: all defaults
/// \param out      where the thread is written
/// \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `target` or `out` is NULL, an
///          option is out of its range or not UTF-8, or `arg` is NULL with an `arg_size` above 0
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.Thread`
#[unsafe(no_mangle)]
pub extern "C" fn threading_thread_create(
    target: threading_target,
    arg: *mut c_void,
    options: *const threading_thread_options,
    out: Option<&mut MaybeUninit<threading_thread>>,
) -> threading_status {
    call("threading_thread_create", 0, || {
        put(out, || Ok(threading_thread { id: start::create(me()?, plan(target, arg, options)?)?.id }))
    })
}

/// Starts `thread`: from then on it is alive, and its target runs with the signal mask of the caller.
///
/// When the call fails the thread is unstarted as before, with what was set, and may be started again. A
/// priority, scheduler or processors that the system refuses make the call fail; they are never left out
/// silently.
///
/// \param thread  the thread
/// \returns #THREADING_OK; #THREADING_E_STATE when it was started or run before; #THREADING_E_NO_THREAD when
///          the system has no room for another thread; #THREADING_E_NO_MEMORY, also for a stack too large;
///          #THREADING_E_PERMISSION when the system refuses what was set; #THREADING_E_UNSUPPORTED;
///          #THREADING_E_SYSTEM
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.Thread.start`
#[unsafe(no_mangle)]
pub extern "C" fn threading_thread_start(thread: threading_thread) -> threading_status {
    call("threading_thread_start", thread.id, || start::start(find(thread.id)?))
}

/// Makes a thread and starts it: threading_thread_create() and threading_thread_start() in one call.
///
/// When the call fails there is no thread, and `arg` stays the caller's: its destructor does not run.
///
/// \param target   what it runs
/// \param arg      given to `target`; the thread's when the call succeeds, the caller's when it fails
/// \param options  NULL: all defaults
/// \param out      where the thread is written; the thread may run before that
/// \returns #THREADING_OK; #THREADING_E_INVALID when `target` or `out` is NULL, an option is out of its range
///          or not UTF-8, or `arg` is NULL with an `arg_size` above 0; #THREADING_E_NO_MEMORY, also for a
///          stack too large; #THREADING_E_NO_THREAD when the system has no room for another thread;
///          #THREADING_E_PERMISSION when it refuses the priority or the processors; #THREADING_E_UNSUPPORTED;
///          #THREADING_E_SYSTEM
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.Thread`
#[unsafe(no_mangle)]
pub extern "C" fn threading_thread_spawn(
    target: threading_target,
    arg: *mut c_void,
    options: *const threading_thread_options,
    out: Option<&mut MaybeUninit<threading_thread>>,
) -> threading_status {
    call("threading_thread_spawn", 0, || {
        put(out, || Ok(threading_thread { id: start::spawn(me()?, plan(target, arg, options)?)?.id }))
    })
}

/// Runs the target of `thread` here and now, on the calling thread; afterwards `thread` has ended.
///
/// Only its target and its argument are used: the running thread stays who it is. No hook hears of a failure.
/// When the target leaves by `pthread_exit`, cancellation or an exception, `thread` ends too and this call
/// does not return.
///
/// \param thread  a thread that has not been started
/// \returns #THREADING_OK; #THREADING_FAILED when the target failed, see threading_thread_failure();
///          #THREADING_E_STATE when it was started or run before; #THREADING_E_NO_MEMORY
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.Thread.run`
#[unsafe(no_mangle)]
pub extern "C-unwind" fn threading_thread_run(thread: threading_thread) -> threading_status {
    call_unwind("threading_thread_run", thread.id, || start::run(me()?, find(thread.id)?))
}

/// Waits for the end of `thread`, as long as `timeout_ns` says; any number of times, from any number of
/// threads.
///
/// When it returns, the thread's argument and its values in locals have been destroyed. The status tells of
/// the wait: for how the target ended see threading_thread_result().
///
/// \param thread      the thread; the main thread and foreign threads can be waited for too
/// \param timeout_ns  longest wait in nanoseconds: 0 only asks, #THREADING_FOREVER has no limit
/// \returns #THREADING_OK when it has ended; #THREADING_TIMEOUT when the time ran out first;
///          #THREADING_E_STATE when it has not been started; #THREADING_E_DEADLOCK when it is the caller, or
///          waits without limit for the caller, at once or through others; #THREADING_E_FORKED when it stayed
///          in the parent process; #THREADING_E_INVALID when `timeout_ns` is below -1
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.Thread.join`
#[unsafe(no_mangle)]
pub extern "C" fn threading_thread_join(thread: threading_thread, timeout_ns: i64) -> threading_status {
    call("threading_thread_join", thread.id, || {
        find(thread.id)?.join(me()?, Timeout::from_nanos(timeout_ns)?)
    })
}

/// Gets what the target of `thread` returned; it never waits, threading_thread_join() does.
///
/// \param thread  the thread
/// \param out     where the result is written
/// \returns #THREADING_OK; #THREADING_FAILED when the target failed, see threading_thread_failure();
///          #THREADING_E_STATE before its end; #THREADING_E_FORKED when it stayed in the parent process;
///          #THREADING_E_INVALID when `out` is NULL
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `concurrent.futures.Future.result`
#[unsafe(no_mangle)]
pub extern "C" fn threading_thread_result(
    thread: threading_thread,
    out: Option<&mut MaybeUninit<*mut c_void>>,
) -> threading_status {
    call("threading_thread_result", thread.id, || put(out, || find(thread.id)?.result()))
}

/// Gets code and message with which the target of `thread` failed.
///
/// They are what it gave to threading_fail(). A target that was left by `pthread_exit` or cancellation has
/// failed with the code #THREADING_CANCELLED and no message.
///
/// \param thread  the thread
/// \param code    where the code is written
/// \param buffer  where the message is written, cut to `size` bytes; NULL when `size` is 0
/// \param size    bytes in `buffer`
/// \param needed  where the size of the whole message with its NUL is written; may be NULL
/// \returns #THREADING_OK, also when the message was cut; #THREADING_E_STATE before its end, or when it did
///          not fail; #THREADING_E_FORKED when it stayed in the parent process; #THREADING_E_INVALID when
///          `code` is NULL, or `buffer` is with a `size` above 0
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `concurrent.futures.Future.exception`
#[unsafe(no_mangle)]
pub extern "C" fn threading_thread_failure(
    thread: threading_thread,
    code: Option<&mut MaybeUninit<i32>>,
    buffer: *mut c_char,
    size: usize,
    needed: *mut usize,
) -> threading_status {
    call("threading_thread_failure", thread.id, || {
        let (code, buffer) = (place(code)?, Buffer::new(buffer, size, needed)?);
        find(thread.id)?.with_failure(|number, message| {
            code.write(number);
            buffer.write(message);
        })
    })
}

/// Asks whether `thread` has been started and has not ended; the answer may be out of date when it arrives.
///
/// \param thread  the thread
/// \returns 1 when it is alive; 0 when not, also when it stayed in the parent process; or an error status
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.Thread.is_alive`
#[unsafe(no_mangle)]
pub extern "C" fn threading_thread_is_alive(thread: threading_thread) -> i32 {
    ask("threading_thread_is_alive", thread.id, || find(thread.id)?.is_alive())
}

/// Gives `thread` up, once for each thread that was created; a thread that runs is not disturbed.
///
/// The handle stays good, for everybody, until the thread has ended; then it names nothing, and the thread's
/// result is lost. One that was never started is gone at once, and its argument is destroyed by this call, on
/// the caller.
///
/// \param thread  the thread
/// \returns #THREADING_OK; #THREADING_E_STATE when it was given up before, or is the main thread or a foreign
///          one, which are nobody's to give up
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C-unwind" fn threading_thread_destroy(thread: threading_thread) -> threading_status {
    call_unwind("threading_thread_destroy", thread.id, || start::destroy(find(thread.id)?))
}
