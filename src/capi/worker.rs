//! Section Pool, continued: what the workers do, and how many there are.

use super::boundary::{self, answer, call, put_if_wanted};
use super::pool::threading_pool;
use super::status::threading_status;
use crate::pool;
use crate::thread::{known, me};
use core::mem::{MaybeUninit, offset_of};

/// What a pool is doing and has done; the numbers are read one after another, so they need not fit together.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct threading_pool_statistics {
    /// `sizeof(threading_pool_statistics)`, set by the caller: no more than that is written.
    pub size: usize,
    /// Threads of the pool, from before their start to their end.
    pub workers: u32,
    /// Threads that work, also those from outside that take part in a loop.
    pub busy: u32,
    /// Workers that have nothing to do.
    pub idle: u32,
    /// Threads that wait inside a task, or have called threading_blocking_begin().
    pub blocked: u32,
    /// Tasks that nobody has begun.
    pub queued: i64,
    /// Tasks that have run and ended, however; those that never began are not counted.
    pub done: i64,
    /// The most tasks that ever waited in the pool's queue.
    pub most_queued: i64,
    /// Nanoseconds that all tasks together have waited in the queue; where many wait at once, not each is timed, and
    /// this may be up to four percent too large.
    pub wait_ns: i64,
    /// Nanoseconds that all workers together have worked.
    pub run_ns: i64,
}

// SAFETY: `repr(C)`, and `size` is first.
unsafe impl boundary::Answer for threading_pool_statistics {
    const SMALLEST: usize = offset_of!(Self, run_ns) + size_of::<i64>();
}

/// Tells what `pool` is doing and has done.
///
/// \param pool  the pool
/// \param out   where the numbers are written; its `size` must be set
/// \returns #THREADING_OK; #THREADING_E_INVALID when `out` is NULL or its `size` is below that of this version
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn threading_pool_stats(
    pool: threading_pool,
    out: *mut threading_pool_statistics,
) -> threading_status {
    call("threading_pool_stats", pool.id, || {
        answer(out, || {
            let told = pool::statistics(me()?, pool.id)?;
            Ok(threading_pool_statistics {
                size: 0,
                workers: told.workers,
                busy: told.busy,
                idle: told.idle,
                blocked: told.blocked,
                queued: told.queued,
                done: told.done,
                most_queued: told.most_queued,
                wait_ns: told.wait_ns,
                run_ns: told.run_ns,
            })
        })
    })
}

/// Tells which worker of its pool the running thread is, for example to use a place of its own in an array.
///
/// No two threads that work in a pool at the same time have the same number, and it is below the pool's
/// `max_workers`, but for one case: while a worker waits inside a task, another may stand in for it, with a
/// number from `max_workers` on and below `max_workers` + 64. It takes tasks, and no part in others' loops.
/// A thread that runs a parallel loop, or a task that the pool had no room for, while all workers are busy has
/// no number of its own: until one is free it works alone, as number 0.
///
/// \returns 0 or more inside a task or the body of a loop, of the innermost pool; -1 elsewhere
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn threading_worker_index() -> i32 {
    known().and_then(pool::worker_index).map_or(-1, |index| index as i32)
}

/// Says that the running task is about to wait for something that the library does not know, a socket or a
/// file: another thread may work in its place until threading_blocking_end().
///
/// Where a task waits by a function of this library for a future, a group or a map, that is done by itself.
/// The pool starts at most 64 threads more than it was made for. Calls nest; each needs its end in the same
/// task.
///
/// \returns #THREADING_OK; #THREADING_E_STATE when no task of a pool runs on this thread
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn threading_blocking_begin() -> threading_status {
    call("threading_blocking_begin", 0, || pool::begin_blocking(me()?))
}

/// Says that the wait of threading_blocking_begin() is over.
///
/// It never waits: the thread that has taken the place stops when it is done with its task.
///
/// \returns #THREADING_OK; #THREADING_E_STATE when there is nothing to end, or no task of a pool runs on this
///          thread
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn threading_blocking_end() -> threading_status {
    call("threading_blocking_end", 0, || pool::end_blocking(me()?))
}

/// Sets how many threads may do parallel work at the same time, of all pools and nested loops.
///
/// Parallel work are the loops, reductions and calls of the section Parallel loops; the threads that call them
/// count too. Where all are taken nobody helps, and who calls works alone. At first it is what the system
/// gives the process: its processors as far as affinity and the quota of its control group go.
///
/// \param threads   how many threads; 0: what the system gives
/// \param previous  where is written how many there were before; may be NULL
/// \returns #THREADING_OK
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn threading_set_parallelism(
    threads: u32,
    previous: Option<&mut MaybeUninit<u32>>,
) -> threading_status {
    call("threading_set_parallelism", 0, || {
        put_if_wanted(previous, pool::set_budget(threads));
        Ok(())
    })
}
