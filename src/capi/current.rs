//! Section Who else is there: what Python's `threading` tells of the running thread and of all others.

use super::boundary::{List, call, count, put_if_wanted};
use super::status::threading_status;
use super::thread::threading_thread;
use crate::thread::{attributes, callback, me, registry, start};
use crate::time::Timeout;
use core::mem::MaybeUninit;

/// Tells which thread calls.
///
/// A thread that the library did not start is registered by its first call that needs it to be known: it has
/// a name such as `Dummy-1`, is a daemon, and can be joined and asked like others until it ends.
///
/// \returns the thread; { 0 } only for such a thread, when there is no memory to register it, or when it has
///          run most of its key destructors
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.current_thread`
#[unsafe(no_mangle)]
pub extern "C" fn threading_current_thread() -> threading_thread {
    threading_thread { id: me().map_or(0, |me| me.id()) }
}

/// Tells which thread is the main one: where the process began, or in a forked child the thread that forked.
///
/// \returns the thread, also when it has ended; { 0 } only when there is no memory to register it
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.main_thread`
#[unsafe(no_mangle)]
pub extern "C" fn threading_main_thread() -> threading_thread {
    threading_thread { id: registry::main().map_or(0, |main| main.id) }
}

/// Counts the threads that are alive: the main one, those started here, and foreign ones that were
/// registered.
///
/// \returns how many there are; #THREADING_E_NO_MEMORY
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.active_count`
#[unsafe(no_mangle)]
pub extern "C" fn threading_active_count() -> i64 {
    count("threading_active_count", 0, registry::active_count)
}

/// Lists the threads that are alive; some may have ended, and others begun, when the list arrives.
///
/// \param threads   where at most `capacity` threads are written; NULL when `capacity` is 0
/// \param capacity  threads that `threads` has room for
/// \param count     where is written how many there are in all, also when that is more than `capacity`
/// \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `count` is NULL, or `threads` is
///          with a `capacity` above 0
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.enumerate`
#[unsafe(no_mangle)]
pub extern "C" fn threading_enumerate(
    threads: *mut threading_thread,
    capacity: usize,
    count: Option<&mut MaybeUninit<usize>>,
) -> threading_status {
    call("threading_enumerate", 0, || {
        let mut list = List::new(threads, capacity, count)?;
        registry::main()?;
        registry::each_alive(|thread, _| list.push(threading_thread { id: thread.id }));
        list.finish()
    })
}

/// Tells the ident of the thread that calls: the number of its handle.
///
/// \returns the ident; 0 only where threading_current_thread() answers { 0 }
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.get_ident`
#[unsafe(no_mangle)]
pub extern "C" fn threading_get_ident() -> u64 {
    threading_current_thread().id
}

/// Tells the number that the system gave the thread that calls, as debuggers and `ps -L` show it.
///
/// \returns the number, never 0
/// \threadsafety any thread, also in a signal handler
/// \since 0.1.0
/// \sa Python `threading.get_native_id`
#[unsafe(no_mangle)]
pub extern "C" fn threading_get_native_id() -> u64 {
    attributes::own_native_id()
}

/// Sets the niceness of the thread with this ident, as threading_thread_set_priority() does.
///
/// \param ident  what threading_thread_ident() or threading_get_ident() told, not a number of the system's
/// \param nice   -20 to 19, lower runs more
/// \returns #THREADING_OK; #THREADING_E_INVALID when no thread has this ident or `nice` is out of its range;
///          #THREADING_E_PERMISSION when the system refuses; #THREADING_E_STATE when the thread has ended;
///          #THREADING_E_FORKED when it stayed in the parent process; #THREADING_E_SYSTEM
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `os.setpriority`
#[unsafe(no_mangle)]
pub extern "C" fn threading_setpriority(ident: u64, nice: i32) -> threading_status {
    call("threading_setpriority", 0, || registry::by_ident(ident)?.set_nice(nice))
}

/// Sets the stack size of all threads that are started from now on and have none of their own.
///
/// \param bytes     at least 32 KiB; 0: the system's default. Rounded up to whole pages
/// \param previous  where the size so far is written; may be NULL
/// \returns #THREADING_OK; #THREADING_E_INVALID when `bytes` is neither 0 nor at least 32 KiB
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.stack_size`
#[unsafe(no_mangle)]
pub extern "C" fn threading_stack_size(
    bytes: usize,
    previous: Option<&mut MaybeUninit<usize>>,
) -> threading_status {
    call("threading_stack_size", 0, || {
        put_if_wanted(previous, start::set_stack_size(bytes)?);
        Ok(())
    })
}

/// Tells the longest timeout with a limit, some 292 years.
///
/// \returns nanoseconds; no timeout is too long
/// \threadsafety any thread, also in a signal handler
/// \since 0.1.0
/// \sa Python `threading.TIMEOUT_MAX`
#[unsafe(no_mangle)]
pub extern "C" fn threading_timeout_max() -> i64 {
    i64::MAX
}

/// Sleeps as long as `timeout_ns` says; signals do not shorten the sleep.
///
/// \param timeout_ns  nanoseconds: 0 returns at once, #THREADING_FOREVER never
/// \returns #THREADING_OK when the time has passed; #THREADING_E_INVALID when `timeout_ns` is below -1
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `time.sleep`
#[unsafe(no_mangle)]
pub extern "C" fn threading_sleep(timeout_ns: i64) -> threading_status {
    call("threading_sleep", 0, || callback::sleep(me()?, Timeout::from_nanos(timeout_ns)?))
}

/// Lets another thread run that is ready to, if there is one.
///
/// It is no way to wait for something: a thread that yields in a loop keeps a processor busy.
///
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `os.sched_yield`
#[unsafe(no_mangle)]
pub extern "C" fn threading_yield() {
    attributes::give_way();
}

/// Counts the processors that the calling thread may use: its affinity, and the quota of its control group.
///
/// It asks anew each time, because both can change.
///
/// \returns how many, at least 1
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `os.process_cpu_count`
#[unsafe(no_mangle)]
pub extern "C" fn threading_cpu_count() -> u32 {
    attributes::cpu_count()
}
