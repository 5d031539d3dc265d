//! Section Group: tasks of a pool that belong together, as in Python's `asyncio.TaskGroup`.

use super::boundary::{call, call_unwind, put};
use super::pool::threading_pool;
use super::status::{threading_status, threading_target};
use crate::error::Error;
use crate::pool::group;
use crate::thread::me;
use crate::time::Timeout;
use core::ffi::c_void;
use core::mem::MaybeUninit;

/// A group: tasks of a pool that are waited for together, and of which the first failure cancels those that
/// have not begun.
///
/// \code
/// threading_group_create(pool, &group);
/// for (size_t i = 0; i < count; i++) threading_group_submit(group, check_file, &files[i]);
/// if (threading_group_wait(group, THREADING_FOREVER) == THREADING_FAILED)
///   threading_last_failure(&code, text, sizeof text, NULL);
/// threading_group_destroy(group);
/// \endcode
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct threading_group {
    /// The number by which languages in one process share the group; 0 names nothing.
    pub id: u64,
}

/// Makes a group without tasks.
///
/// \param pool  the pool that runs its tasks; it may be destroyed before the group
/// \param out   where the group is written
/// \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `out` is NULL
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `asyncio.TaskGroup`
#[unsafe(no_mangle)]
pub extern "C" fn threading_group_create(
    pool: threading_pool,
    out: Option<&mut MaybeUninit<threading_group>>,
) -> threading_status {
    call("threading_group_create", pool.id, || {
        put(out, || Ok(threading_group { id: group::create(me()?, pool.id)? }))
    })
}

/// Submits a task of `group`, also from another of its tasks.
///
/// The argument goes to the destructor of the pool when the task has ended, or will not run.
///
/// \param group   the group
/// \param target  what is called; what it returns is dropped. It fails by threading_fail()
/// \param arg     the argument of the target; the pool's when the call succeeds, the caller's when it fails
/// \returns #THREADING_OK; #THREADING_CANCELLED when the group was cancelled, or one of its tasks has failed;
///          #THREADING_CLOSED when the pool is shut down; #THREADING_BROKEN when its initializer has failed;
///          #THREADING_TIMEOUT when its queue is full and it rejects; #THREADING_E_NO_MEMORY;
///          #THREADING_E_NO_THREAD and #THREADING_E_PERMISSION when it has no thread yet and the system
///          refuses one; #THREADING_E_FORKED when the group was made in the parent process;
///          #THREADING_E_INVALID when `target` is NULL
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `asyncio.TaskGroup.create_task`
#[unsafe(no_mangle)]
pub extern "C-unwind" fn threading_group_submit(
    group: threading_group,
    target: threading_target,
    arg: *mut c_void,
) -> threading_status {
    call_unwind("threading_group_submit", group.id, || {
        group::submit(me()?, group.id, target.ok_or(Error::NullCallback)?, arg)
    })
}

/// Sets how many tasks of `group` may run at once; the others wait in the order of coming.
///
/// Tasks that wait for their turn take no thread of the pool; those that run when the limit is lowered go on.
///
/// \param group  the group
/// \param limit  the most tasks at once; 0: as many as the pool has threads for, as in a new group
/// \returns #THREADING_OK; #THREADING_E_FORKED when the group was made in the parent process
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn threading_group_set_limit(group: threading_group, limit: u32) -> threading_status {
    call("threading_group_set_limit", group.id, || group::set_limit(me()?, group.id, limit))
}

/// Waits until all tasks of `group` have ended, as long as `timeout_ns` says, and tells how.
///
/// A task of the same pool that waits runs tasks of the group here, unless `timeout_ns` is 0; while it sleeps,
/// another thread of the pool works in its place. A group that went well can be given more tasks afterwards,
/// one that failed or was cancelled stays so. A task that was left by `pthread_exit` or cancellation has
/// failed with the code #THREADING_CANCELLED.
///
/// \param group       the group
/// \param timeout_ns  longest wait in nanoseconds: 0 only asks, #THREADING_FOREVER has no limit
/// \returns #THREADING_OK when all went well; #THREADING_FAILED when one failed, of the first see
///          threading_last_failure(); #THREADING_CANCELLED when the group was cancelled, or the pool was shut
///          down and cancelled its tasks; #THREADING_BROKEN when the pool broke; #THREADING_TIMEOUT when the
///          time ran out; #THREADING_E_DEADLOCK from a task of the group; #THREADING_E_FORKED when tasks
///          stayed in the parent process; #THREADING_E_INVALID when `timeout_ns` is below -1
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C-unwind" fn threading_group_wait(group: threading_group, timeout_ns: i64) -> threading_status {
    call_unwind("threading_group_wait", group.id, || {
        let timeout = Timeout::from_nanos(timeout_ns)?;
        group::wait(me()?, group.id, timeout)
    })
}

/// Cancels `group`: tasks that have not begun will not run, and it takes no more.
///
/// The destructor of the pool gets the arguments of those tasks, here; what unwinds from it passes through
/// this call. Tasks that run are neither interrupted nor waited for: threading_group_wait() waits.
///
/// \param group  the group
/// \returns #THREADING_OK, also when it was cancelled before or one of its tasks has failed;
///          #THREADING_E_FORKED when the group was made in the parent process
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C-unwind" fn threading_group_cancel(group: threading_group) -> threading_status {
    call_unwind("threading_group_cancel", group.id, || group::cancel(me()?, group.id))
}

/// Ends `group`; from then on its handle names nothing.
///
/// \param group  the group
/// \returns #THREADING_OK; #THREADING_E_BUSY when a task has not ended or somebody waits: then nothing has
///          changed
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn threading_group_destroy(group: threading_group) -> threading_status {
    call("threading_group_destroy", group.id, || group::destroy(me()?, group.id))
}
