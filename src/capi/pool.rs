//! Section Pool: Python's `concurrent.futures.ThreadPoolExecutor`.

use super::boundary::{self, call, call_unwind, items, optional_text, put};
use super::future::threading_future;
use super::status::{
    threading_action, threading_callback, threading_destructor, threading_status, threading_target,
};
use super::thread::{THREADING_DAEMON, THREADING_DAEMON_INHERIT, THREADING_NON_DAEMON};
use crate::error::{Error, Result};
use crate::pool::{self, WhenFull, Wishes};
use crate::thread::attributes::checked_nice;
use crate::thread::me;
use crate::time::Timeout;
use core::ffi::{c_char, c_void};
use core::mem::{MaybeUninit, offset_of};

/// A pool: threads that run tasks, which come from any thread and wait in a queue for their turn.
///
/// Its threads, the workers, start when there is something for them to do, up to as many as the pool was made
/// for; one that is idle is woken before another is started. A task may submit tasks and wait for them: that
/// never starves the pool, see threading_future_result(). When the process ends it waits for the tasks of
/// pools that are not daemons, also for those that are queued. In a forked child a pool begins anew, without
/// tasks.
///
/// A task that ends by `pthread_exit` or cancellation ends its worker, and another takes its place; a C++
/// exception that leaves it ends the process.
///
/// \code
/// threading_pool_create(0, NULL, &pool);
/// threading_pool_submit(pool, read_page, url, &page);
/// threading_pool_execute(pool, write_log, line);  // nobody asks for its result
/// threading_future_result(page, THREADING_FOREVER, &text);
/// threading_future_destroy(page);
/// threading_pool_shutdown(pool, 1, 0);
/// threading_pool_destroy(pool);
/// \endcode
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct threading_pool {
    /// The number by which languages in one process share the pool; 0 names nothing.
    pub id: u64,
}

/// Of a full pool: whoever submits waits for room.
pub const THREADING_FULL_BLOCK: i32 = 0;
/// Of a full pool: whoever submits gets #THREADING_TIMEOUT.
pub const THREADING_FULL_REJECT: i32 = 1;
/// Of a full pool: whoever submits runs the task himself, before the call returns.
pub const THREADING_FULL_CALLER_RUNS: i32 = 2;

/// How a pool is to be; zero is the default in every field.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct threading_pool_options {
    /// `sizeof(threading_pool_options)`.
    pub size: usize,
    /// The workers are named `<prefix>_0`, `<prefix>_1` and so on, in UTF-8; NULL or "":
    /// `ThreadPoolExecutor-0` for the first pool that is given none, `ThreadPoolExecutor-1` for the next.
    pub name_prefix: *const c_char,
    /// Runs once in each worker, before its first task. When it answers anything but #THREADING_OK, or is left
    /// by `pthread_exit` or cancellation, the pool is broken: it runs nothing any more, and the hook of
    /// threading_set_excepthook() hears of it.
    pub initializer: threading_action,
    /// The argument of the initializer and of the finalizer; it must outlive the last worker.
    pub initializer_arg: *mut c_void,
    /// Bytes of a worker's stack, at least 32 KiB; 0: as threading_stack_size() says.
    pub stack_size: usize,
    /// Niceness of the workers, -20 to 19, lower runs more; 0: as the thread that starts the worker.
    pub priority: i32,
    /// #THREADING_DAEMON_INHERIT, #THREADING_DAEMON or #THREADING_NON_DAEMON: whether the end of the process
    /// waits for the tasks.
    pub daemon: i32,
    /// How many tasks wait in the queue at most, those that run not counted; 0: there is no bound. It does not
    /// hold for what a task of this very pool submits.
    pub max_queued: i64,
    /// What becomes of a task when the queue is full: #THREADING_FULL_BLOCK, #THREADING_FULL_REJECT or
    /// #THREADING_FULL_CALLER_RUNS.
    pub when_full: i32,
    /// Workers that stay when there is nothing to do for longer than `idle_timeout_ns`; 0: none.
    pub min_workers: u32,
    /// Nanoseconds after which a worker with nothing to do ends; 0: workers stay.
    pub idle_timeout_ns: i64,
    /// Gets the argument of each task of this pool, once: after it has run, or when it will not run. NULL when
    /// arguments need none.
    pub arg_destructor: threading_destructor,
    /// Runs in each worker before it ends, with `initializer_arg`, also when a task has ended it by force; NULL
    /// for nothing. It does not run in a worker whose `initializer` was left by force.
    pub finalizer: threading_callback,
}

// SAFETY:
// - it is `repr(C)` and begins with its size;
// - all zero is valid: no text, no functions and zeros.
unsafe impl boundary::Options for threading_pool_options {
    const SMALLEST: usize = offset_of!(Self, finalizer) + size_of::<threading_callback>();
}

/// What the caller asks for, checked as far as a pool does not check it itself.
fn wishes<'a>(options: *const threading_pool_options) -> Result<Wishes<'a>> {
    let Some(options) = boundary::options(options)? else { return Ok(Wishes::NONE) };
    Ok(Wishes {
        prefix: optional_text(options.name_prefix)?,
        initializer: options.initializer,
        initializer_arg: options.initializer_arg,
        finalizer: options.finalizer,
        arg_destructor: options.arg_destructor,
        stack_size: options.stack_size,
        priority: checked_nice(options.priority)?,
        daemon: match options.daemon {
            THREADING_DAEMON_INHERIT => None,
            THREADING_DAEMON => Some(true),
            THREADING_NON_DAEMON => Some(false),
            _ => return Err(Error::BadValue),
        },
        max_queued: options.max_queued,
        when_full: match options.when_full {
            THREADING_FULL_BLOCK => WhenFull::Block,
            THREADING_FULL_REJECT => WhenFull::Reject,
            THREADING_FULL_CALLER_RUNS => WhenFull::CallerRuns,
            _ => return Err(Error::BadValue),
        },
        min_workers: options.min_workers,
        idle_timeout_ns: options.idle_timeout_ns,
    })
}

/// Makes a pool; its threads start when there is something for them to do.
///
/// \param max_workers  how many threads it may have, at most 3072; 0: as many as threading_cpu_count() says
/// \param options      NULL: all defaults
/// \param out          where the pool is written
/// \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `out` is NULL, `max_workers` or
///          an option is out of its range, `min_workers` is above `max_workers`, or the prefix is not UTF-8
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `concurrent.futures.ThreadPoolExecutor`
#[unsafe(no_mangle)]
pub extern "C" fn threading_pool_create(
    max_workers: u32,
    options: *const threading_pool_options,
    out: Option<&mut MaybeUninit<threading_pool>>,
) -> threading_status {
    call("threading_pool_create", 0, || {
        put(out, || Ok(threading_pool { id: pool::create(me()?, max_workers, wishes(options)?)? }))
    })
}

/// Gives the pool that everybody in the process may use, which is made on first use.
///
/// It has as many workers as threading_cpu_count() says, is no daemon, and cannot be destroyed.
///
/// \returns the pool; { 0 } only when there is no memory to make it
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn threading_default_pool() -> threading_pool {
    threading_pool { id: me().and_then(pool::default_pool).unwrap_or(0) }
}

/// Submits a task, and gives a future for its result.
///
/// Tasks of the same priority begin in the order in which one thread has submitted them; what a task itself
/// submits is begun by its own worker first, in that order, unless others have nothing to do. The future must
/// be destroyed, at any time.
///
/// \param pool    the pool
/// \param target  what is called; what it returns is the result. It fails by threading_fail()
/// \param arg     the argument of the target; the pool's when the call succeeds, the caller's when it fails
/// \param out     where the future is written
/// \returns #THREADING_OK; #THREADING_CLOSED when the pool is shut down; #THREADING_BROKEN when its
///          initializer has failed; #THREADING_TIMEOUT when its queue is full and it rejects;
///          #THREADING_E_NO_MEMORY; #THREADING_E_NO_THREAD and #THREADING_E_PERMISSION when it has no thread
///          yet and the system refuses one; #THREADING_E_INVALID when `target` or `out` is NULL
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `concurrent.futures.ThreadPoolExecutor.submit`
#[unsafe(no_mangle)]
pub extern "C-unwind" fn threading_pool_submit(
    pool: threading_pool,
    target: threading_target,
    arg: *mut c_void,
    out: Option<&mut MaybeUninit<threading_future>>,
) -> threading_status {
    call_unwind("threading_pool_submit", pool.id, || {
        let target = target.ok_or(Error::NullCallback)?;
        put(out, || Ok(threading_future { id: pool::submit(me()?, pool.id, target, arg, 0)? }))
    })
}

/// Submits a task with a priority, and gives a future for its result.
///
/// Of those that wait in the pool's queue the lowest is begun first, and of those with the same priority the
/// one that was submitted first. threading_pool_submit() submits with 0.
///
/// \param pool      the pool
/// \param target    what is called; what it returns is the result. It fails by threading_fail()
/// \param arg       the argument of the target; the pool's when the call succeeds, the caller's when it fails
/// \param priority  any number
/// \param out       where the future is written
/// \returns as threading_pool_submit(): #THREADING_OK; #THREADING_CLOSED; #THREADING_BROKEN;
///          #THREADING_TIMEOUT; #THREADING_E_NO_MEMORY; #THREADING_E_NO_THREAD; #THREADING_E_PERMISSION;
///          #THREADING_E_INVALID when `target` or `out` is NULL
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C-unwind" fn threading_pool_submit_priority(
    pool: threading_pool,
    target: threading_target,
    arg: *mut c_void,
    priority: i64,
    out: Option<&mut MaybeUninit<threading_future>>,
) -> threading_status {
    call_unwind("threading_pool_submit_priority", pool.id, || {
        let target = target.ok_or(Error::NullCallback)?;
        put(out, || Ok(threading_future { id: pool::submit(me()?, pool.id, target, arg, priority)? }))
    })
}

/// Submits a task whose end nobody will ask about; it is the fastest way.
///
/// When the task fails by threading_fail(), the hook of threading_set_excepthook() hears of it, once for each.
///
/// \param pool      the pool
/// \param callback  what is called
/// \param arg       the argument of the callback; the pool's when the call succeeds, the caller's when it
///                  fails
/// \returns #THREADING_OK; #THREADING_CLOSED when the pool is shut down; #THREADING_BROKEN when its
///          initializer has failed; #THREADING_TIMEOUT when its queue is full and it rejects;
///          #THREADING_E_NO_MEMORY; #THREADING_E_NO_THREAD and #THREADING_E_PERMISSION when it has no thread
///          yet and the system refuses one; #THREADING_E_INVALID when `callback` is NULL
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C-unwind" fn threading_pool_execute(
    pool: threading_pool,
    callback: threading_callback,
    arg: *mut c_void,
) -> threading_status {
    call_unwind("threading_pool_execute", pool.id, || {
        pool::execute(me()?, pool.id, callback.ok_or(Error::NullCallback)?, arg)
    })
}

/// Calls `target` for each of several arguments, and waits for all, as long as `timeout_ns` says.
///
/// The first failure, or the end of the time, cancels the calls that have not begun; those that have begun go
/// on, and write nothing to `results` later. The destructor of the pool gets each argument when its call has
/// ended, or will not come; with #THREADING_CLOSED and every status below 0 the arguments stay the caller's. A
/// task of the pool that maps works itself meanwhile. The bound of the queue does not hold.
///
/// \param pool        the pool
/// \param target      what is called with one argument at a time, on several threads at once
/// \param args        the arguments; NULL when `count` is 0
/// \param count       how many there are
/// \param results     where what the calls returned is written, in the order of the arguments, only when all
///                    went well; may be NULL
/// \param timeout_ns  longest wait in nanoseconds, from this call on; #THREADING_FOREVER has no limit
/// \returns #THREADING_OK; #THREADING_FAILED when a call failed, see threading_last_failure();
///          #THREADING_TIMEOUT when the time ran out; #THREADING_CLOSED when the pool is shut down;
///          #THREADING_CANCELLED when it is during the call, and cancels what is queued; #THREADING_BROKEN
///          when its initializer has failed; #THREADING_E_NO_MEMORY; #THREADING_E_NO_THREAD and
///          #THREADING_E_PERMISSION when it has no thread yet and the system refuses one; #THREADING_E_INVALID
///          when `target` is NULL, `args` is with a `count` above 0, or `timeout_ns` is below -1
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `concurrent.futures.ThreadPoolExecutor.map`
#[unsafe(no_mangle)]
pub extern "C-unwind" fn threading_pool_map(
    pool: threading_pool,
    target: threading_target,
    args: *const *mut c_void,
    count: usize,
    results: *mut *mut c_void,
    timeout_ns: i64,
) -> threading_status {
    call_unwind("threading_pool_map", pool.id, || {
        let target = target.ok_or(Error::NullCallback)?;
        let timeout = Timeout::from_nanos(timeout_ns)?;
        pool::map::map(me()?, pool.id, target, items(args, count)?, results, timeout)
    })
}

/// Waits until `pool` has nothing more to do, neither queued nor running, as long as `timeout_ns` says.
///
/// Tasks that come during the wait are waited for too. The pool stays open.
///
/// \param pool        the pool
/// \param timeout_ns  longest wait in nanoseconds: 0 only asks, #THREADING_FOREVER has no limit
/// \returns #THREADING_OK; #THREADING_TIMEOUT when the time ran out; #THREADING_E_DEADLOCK from a task of the
///          pool; #THREADING_E_NO_MEMORY, #THREADING_E_NO_THREAD and #THREADING_E_PERMISSION when tasks are
///          queued, no thread is there and the system refuses one; #THREADING_E_INVALID when `timeout_ns` is
///          below -1
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn threading_pool_wait(pool: threading_pool, timeout_ns: i64) -> threading_status {
    call("threading_pool_wait", pool.id, || {
        let timeout = Timeout::from_nanos(timeout_ns)?;
        pool::wait_for(me()?, pool.id, timeout)
    })
}

/// Shuts `pool` down: it takes no more tasks, and its threads end when they have nothing more to do.
///
/// Those who wait for room in its queue get #THREADING_CLOSED. The tasks that are cancelled here end here: the
/// callbacks of their futures and the destructor of their arguments run in this call, and what unwinds from
/// one passes through it. For a limit to the wait shut down without one, then call threading_pool_wait().
///
/// \param pool            the pool
/// \param wait            not 0 waits until all tasks have ended, and all threads of the pool too
/// \param cancel_futures  not 0 cancels the tasks that have not begun; after that a shutdown with 0 changes
///                        nothing
/// \returns #THREADING_OK, also when it was shut down before; #THREADING_E_DEADLOCK from a task of the pool
///          that wants to wait: then nothing has changed
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `concurrent.futures.ThreadPoolExecutor.shutdown`
#[unsafe(no_mangle)]
pub extern "C-unwind" fn threading_pool_shutdown(
    pool: threading_pool,
    wait: i32,
    cancel_futures: i32,
) -> threading_status {
    call_unwind("threading_pool_shutdown", pool.id, || {
        pool::shutdown(me()?, pool.id, wait != 0, cancel_futures != 0)
    })
}

/// Changes how many threads `pool` may have.
///
/// More start as there is work for them; those that are too many end when they have done the task that they
/// are at. It never waits.
///
/// \param pool         the pool
/// \param max_workers  how many threads it may have, at most 3072; 0: as many as threading_cpu_count() says
/// \returns #THREADING_OK; #THREADING_E_INVALID when `max_workers` is out of its range
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn threading_pool_resize(pool: threading_pool, max_workers: u32) -> threading_status {
    call("threading_pool_resize", pool.id, || pool::resize(me()?, pool.id, max_workers))
}

/// Gives `pool` up, as threading_pool_shutdown() without waiting and cancelling; from then on its handle names
/// nothing.
///
/// Tasks that are queued still run. The futures and groups of the pool stay good. To wait for the end of its
/// threads, shut it down first. A pool may be destroyed from its own task.
///
/// \param pool  the pool
/// \returns #THREADING_OK; #THREADING_E_STATE for the pool of threading_default_pool()
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C-unwind" fn threading_pool_destroy(pool: threading_pool) -> threading_status {
    call_unwind("threading_pool_destroy", pool.id, || pool::destroy(me()?, pool.id))
}
