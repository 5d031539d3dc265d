//! Section Threads, continued: what a thread is called, and how the system runs it.

use super::boundary::{Buffer, List, ask, call, items, place, put, text};
use super::status::threading_status;
use super::thread::{THREADING_DAEMON, THREADING_NON_DAEMON, threading_thread};
use crate::error::Error;
use crate::thread::attributes::cpus_of;
use crate::thread::thread as find;
use core::ffi::c_char;
use core::mem::MaybeUninit;

/// The usual policy: threads share the processors fairly, by their niceness.
pub const THREADING_SCHED_OTHER: i32 = 0;
/// As #THREADING_SCHED_OTHER, for long computations that need not react quickly.
pub const THREADING_SCHED_BATCH: i32 = 1;
/// Runs only when nothing else wants to.
pub const THREADING_SCHED_IDLE: i32 = 2;
/// Real time: runs until it waits or a thread of higher priority wants to run.
pub const THREADING_SCHED_FIFO: i32 = 3;
/// Real time: as #THREADING_SCHED_FIFO, taking turns with threads of the same priority.
pub const THREADING_SCHED_RR: i32 = 4;

/// Gets the whole name of `thread`.
///
/// \param thread  the thread
/// \param buffer  where the name is written, cut to `size` bytes; NULL when `size` is 0
/// \param size    bytes in `buffer`
/// \param needed  where the size of the whole name with its NUL is written; may be NULL
/// \returns #THREADING_OK, also when the name was cut; #THREADING_E_INVALID when `buffer` is NULL with a
///          `size` above 0
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.Thread.name`
#[unsafe(no_mangle)]
pub extern "C" fn threading_thread_name(
    thread: threading_thread,
    buffer: *mut c_char,
    size: usize,
    needed: *mut usize,
) -> threading_status {
    call("threading_thread_name", thread.id, || {
        let buffer = Buffer::new(buffer, size, needed)?;
        find(thread.id)?.with_name(|name| buffer.write(name))
    })
}

/// Names `thread`, at any time; several threads may have the same name.
///
/// The system is told the first 15 bytes, cut at a character, for its own lists of threads.
///
/// \param thread  the thread
/// \param name    UTF-8 of any length; copied
/// \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `name` is NULL or not UTF-8
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.Thread.name`
#[unsafe(no_mangle)]
pub extern "C" fn threading_thread_set_name(
    thread: threading_thread,
    name: *const c_char,
) -> threading_status {
    call("threading_thread_set_name", thread.id, || find(thread.id)?.set_name(text(name)?))
}

/// Gets the ident of `thread`: the number of its handle, known from its creation and never reused.
///
/// \param thread  the thread
/// \param out     where the ident is written
/// \returns #THREADING_OK; #THREADING_E_INVALID when `out` is NULL
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.Thread.ident`
#[unsafe(no_mangle)]
pub extern "C" fn threading_thread_ident(
    thread: threading_thread,
    out: Option<&mut MaybeUninit<u64>>,
) -> threading_status {
    call("threading_thread_ident", thread.id, || put(out, || find(thread.id)?.bits().map(|_| thread.id)))
}

/// Gets the number that the system gave `thread`, as debuggers and `ps -L` show it.
///
/// The system reuses these numbers. A thread that has just been started may have to be waited for until it
/// knows its own.
///
/// \param thread  the thread
/// \param out     where the number is written
/// \returns #THREADING_OK; #THREADING_E_STATE when it has not been started, has ended, or is run by
///          threading_thread_run() and so by another thread; #THREADING_E_FORKED when it stayed in the parent
///          process; #THREADING_E_INVALID when `out` is NULL
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.Thread.native_id`
#[unsafe(no_mangle)]
pub extern "C" fn threading_thread_native_id(
    thread: threading_thread,
    out: Option<&mut MaybeUninit<u64>>,
) -> threading_status {
    call("threading_thread_native_id", thread.id, || put(out, || find(thread.id)?.native_id()))
}

/// Asks whether `thread` is a daemon: the end of the process does not wait for daemons.
///
/// \param thread  the thread
/// \returns 1 when it is a daemon, as foreign threads are; 0 when not; or an error status
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.Thread.daemon`
#[unsafe(no_mangle)]
pub extern "C" fn threading_thread_is_daemon(thread: threading_thread) -> i32 {
    ask("threading_thread_is_daemon", thread.id, || find(thread.id)?.is_daemon())
}

/// Makes `thread` a daemon, or not; only before it is started.
///
/// \param thread  the thread
/// \param daemon  1, which is #THREADING_DAEMON, for a daemon; 0 or #THREADING_NON_DAEMON for none
/// \returns #THREADING_OK; #THREADING_E_STATE when it was started before; #THREADING_E_INVALID when `daemon`
///          is none of these numbers
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.Thread.daemon`
#[unsafe(no_mangle)]
pub extern "C" fn threading_thread_set_daemon(thread: threading_thread, daemon: i32) -> threading_status {
    call("threading_thread_set_daemon", thread.id, || match daemon {
        THREADING_DAEMON => find(thread.id)?.set_daemon(true),
        0 | THREADING_NON_DAEMON => find(thread.id)?.set_daemon(false),
        _ => Err(Error::BadValue),
    })
}

/// Gets the niceness of `thread`: -20 to 19, lower runs more.
///
/// \param thread  the thread; of one that has not been started, what it is to have
/// \param nice    where the niceness is written
/// \returns #THREADING_OK; #THREADING_E_STATE when it has ended; #THREADING_E_FORKED when it stayed in the
///          parent process; #THREADING_E_INVALID when `nice` is NULL; #THREADING_E_SYSTEM
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `os.getpriority`
#[unsafe(no_mangle)]
pub extern "C" fn threading_thread_priority(
    thread: threading_thread,
    nice: Option<&mut MaybeUninit<i32>>,
) -> threading_status {
    call("threading_thread_priority", thread.id, || put(nice, || find(thread.id)?.nice()))
}

/// Sets the niceness of `thread`; for one that has not been started it is kept until the start, which asks
/// the system.
///
/// Most systems let everybody raise it, and few let others than root lower it again.
///
/// \param thread  the thread
/// \param nice    -20 to 19, lower runs more
/// \returns #THREADING_OK; #THREADING_E_PERMISSION when the system refuses; #THREADING_E_STATE when it has
///          ended; #THREADING_E_FORKED when it stayed in the parent process; #THREADING_E_INVALID when `nice`
///          is out of its range; #THREADING_E_SYSTEM
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `os.setpriority`
#[unsafe(no_mangle)]
pub extern "C" fn threading_thread_set_priority(thread: threading_thread, nice: i32) -> threading_status {
    call("threading_thread_set_priority", thread.id, || find(thread.id)?.set_nice(nice))
}

/// Gets scheduling policy and real-time priority of `thread`.
///
/// \param thread    the thread; of one that has not been started, what it is to have
/// \param policy    where the policy is written: #THREADING_SCHED_OTHER, #THREADING_SCHED_BATCH,
///                  #THREADING_SCHED_IDLE, #THREADING_SCHED_FIFO or #THREADING_SCHED_RR
/// \param priority  where the real-time priority is written: 1 to 99, higher runs first; 0 with the first
///                  three
/// \returns #THREADING_OK; #THREADING_E_STATE when it has ended; #THREADING_E_FORKED when it stayed in the
///          parent process; #THREADING_E_UNSUPPORTED when its policy is none of these; #THREADING_E_INVALID
///          when `policy` or `priority` is NULL; #THREADING_E_SYSTEM
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `os.sched_getscheduler`
#[unsafe(no_mangle)]
pub extern "C" fn threading_thread_scheduler(
    thread: threading_thread,
    policy: Option<&mut MaybeUninit<i32>>,
    priority: Option<&mut MaybeUninit<i32>>,
) -> threading_status {
    call("threading_thread_scheduler", thread.id, || {
        let (policy_place, priority_place) = (place(policy)?, place(priority)?);
        let (policy, priority) = find(thread.id)?.scheduler()?;
        policy_place.write(policy);
        priority_place.write(priority);
        Ok(())
    })
}

/// Sets scheduling policy and real-time priority of `thread`; for one that has not been started they are kept
/// until the start, which asks the system.
///
/// \param thread    the thread
/// \param policy    #THREADING_SCHED_OTHER, #THREADING_SCHED_BATCH, #THREADING_SCHED_IDLE,
///                  #THREADING_SCHED_FIFO or #THREADING_SCHED_RR
/// \param priority  1 to 99 with #THREADING_SCHED_FIFO and #THREADING_SCHED_RR, higher runs first; else 0
/// \returns #THREADING_OK; #THREADING_E_PERMISSION when the system refuses, as most do for real time;
///          #THREADING_E_STATE when it has ended; #THREADING_E_FORKED when it stayed in the parent process;
///          #THREADING_E_UNSUPPORTED; #THREADING_E_INVALID when `policy` is none of these or `priority` is
///          out of its range; #THREADING_E_SYSTEM
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `os.sched_setscheduler`
#[unsafe(no_mangle)]
pub extern "C" fn threading_thread_set_scheduler(
    thread: threading_thread,
    policy: i32,
    priority: i32,
) -> threading_status {
    call("threading_thread_set_scheduler", thread.id, || find(thread.id)?.set_scheduler(policy, priority))
}

/// Gets the numbers of the processors that `thread` may run on, the lowest first.
///
/// \param thread    the thread; of one that has not been started, those it is to have
/// \param cpus      where at most `capacity` numbers are written; NULL when `capacity` is 0
/// \param capacity  numbers that `cpus` has room for
/// \param count     where is written how many there are in all, also when that is more than `capacity`
/// \returns #THREADING_OK; #THREADING_E_STATE when it has ended; #THREADING_E_FORKED when it stayed in the
///          parent process; #THREADING_E_INVALID when `count` is NULL, or `cpus` is with a `capacity` above
///          0; #THREADING_E_SYSTEM
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `os.sched_getaffinity`
#[unsafe(no_mangle)]
pub extern "C" fn threading_thread_affinity(
    thread: threading_thread,
    cpus: *mut u32,
    capacity: usize,
    count: Option<&mut MaybeUninit<usize>>,
) -> threading_status {
    call("threading_thread_affinity", thread.id, || {
        let mut list = List::new(cpus, capacity, count)?;
        cpus_of(&find(thread.id)?.affinity()?).for_each(|cpu| list.push(cpu));
        list.finish()
    })
}

/// Lets `thread` run on these processors only; for one that has not been started they are kept until the
/// start, which asks the system.
///
/// \param thread  the thread
/// \param cpus    the numbers of the processors, from 0, in any order
/// \param count   how many there are, at least 1
/// \returns #THREADING_OK; #THREADING_E_STATE when it has ended; #THREADING_E_FORKED when it stayed in the
///          parent process; #THREADING_E_INVALID when `cpus` is NULL, `count` is 0, a number is above 8191,
///          or the system lets the thread run on none of them; #THREADING_E_PERMISSION;
///          #THREADING_E_NO_MEMORY; #THREADING_E_SYSTEM
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `os.sched_setaffinity`
#[unsafe(no_mangle)]
pub extern "C" fn threading_thread_set_affinity(
    thread: threading_thread,
    cpus: *const u32,
    count: usize,
) -> threading_status {
    call("threading_thread_set_affinity", thread.id, || find(thread.id)?.set_affinity(items(cpus, count)?))
}
