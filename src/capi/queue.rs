//! Section Queue: Python's `queue.Queue`, `LifoQueue` and `PriorityQueue`.

use super::boundary::{ask, call, call_unwind, count, put, quick, quick_put};
use super::status::{THREADING_FOREVER, THREADING_OK, threading_destructor, threading_status};
use crate::error::Error;
use crate::queue::{self, Order, Queue};
use crate::slot::{find, seek};
use crate::thread::{known, me};
use crate::time::Timeout;
use core::ffi::c_void;
use core::mem::MaybeUninit;

/// A queue: some threads put items, others get them, and either waits for the other.
///
/// An item is any pointer, NULL too, and belongs to the queue from a put to the get. A thread that has
/// worked an item off says so by threading_queue_task_done(); threading_queue_join() waits until all are.
///
/// \code
/// threading_queue_create(THREADING_FIFO, 100, free, &jobs);
/// // one thread:
/// threading_queue_put(jobs, job, THREADING_FOREVER);
/// threading_queue_shutdown(jobs, 0);  // no more to come
/// // others:
/// while (threading_queue_get(jobs, &job, THREADING_FOREVER) == THREADING_OK) {
///   work(job);
///   threading_queue_task_done(jobs);
/// }
/// \endcode
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct threading_queue {
    /// The number by which languages in one process share the queue; 0 names nothing.
    pub id: u64,
}

/// Of a queue: what was put first is got first. Python's `queue.Queue`.
pub const THREADING_FIFO: i32 = 0;
/// Of a queue: what was put last is got first. Python's `queue.LifoQueue`.
pub const THREADING_LIFO: i32 = 1;
/// Of a queue: what has the lowest priority is got first. Python's `queue.PriorityQueue`.
pub const THREADING_PRIORITY: i32 = 2;

/// Makes an empty queue.
///
/// \param order            in which order items are got: #THREADING_FIFO, #THREADING_LIFO or
///                         #THREADING_PRIORITY
/// \param maxsize          how many items it holds; below 1 there is no bound
/// \param item_destructor  gets each item that nobody gets, once: at an immediate shutdown, or when the
///                         queue is destroyed; NULL when items need none
/// \param out              where the queue is written
/// \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `order` is none of the three
///          or `out` is NULL
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `queue.Queue`, `queue.LifoQueue`, `queue.PriorityQueue`
#[unsafe(no_mangle)]
pub extern "C" fn threading_queue_create(
    order: i32,
    maxsize: i64,
    item_destructor: threading_destructor,
    out: Option<&mut MaybeUninit<threading_queue>>,
) -> threading_status {
    call("threading_queue_create", 0, || {
        let order = match order {
            THREADING_FIFO => Order::Fifo,
            THREADING_LIFO => Order::Lifo,
            THREADING_PRIORITY => Order::Priority,
            _ => return Err(Error::BadValue),
        };
        put(out, || Ok(threading_queue { id: queue::create(me()?, order, maxsize, item_destructor)? }))
    })
}

/// Ends `queue`; from then on its handle names nothing.
///
/// Items that are left go to the destructor, here; what unwinds from it passes through this call, and then
/// the items after it are lost.
///
/// \param queue  the queue
/// \returns #THREADING_OK; #THREADING_E_BUSY when somebody waits for an item, for room or in
///          threading_queue_join(): then nothing has changed
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C-unwind" fn threading_queue_destroy(queue: threading_queue) -> threading_status {
    call_unwind("threading_queue_destroy", queue.id, || find::<Queue>(queue.id)?.destroy(me()?))
}

/// Puts an item into `queue`, waiting for room as long as `timeout_ns` says.
///
/// Into a queue in the order of priorities it goes with priority 0. Where the call fails the item stays the
/// caller's.
///
/// \param queue       the queue
/// \param item        the item; NULL is one like any other
/// \param timeout_ns  longest wait in nanoseconds: 0 tries once, #THREADING_FOREVER has no limit
/// \returns #THREADING_OK; #THREADING_TIMEOUT when the queue is full and the time ran out;
///          #THREADING_CLOSED when it is shut down, also when that happens during the wait;
///          #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `timeout_ns` is below -1
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `queue.Queue.put`
#[unsafe(no_mangle)]
pub extern "C" fn threading_queue_put(
    queue: threading_queue,
    item: *mut c_void,
    timeout_ns: i64,
) -> threading_status {
    quick(
        || {
            (timeout_ns >= THREADING_FOREVER && seek::<Queue>(queue.id)?.put_quick(known()?, item))
                .then_some(THREADING_OK)
        },
        move || {
            call("threading_queue_put", queue.id, || {
                let timeout = Timeout::from_nanos(timeout_ns)?;
                find::<Queue>(queue.id)?.put(me()?, item, timeout)
            })
        },
    )
}

/// Puts an item with a priority into `queue`, waiting for room as long as `timeout_ns` says.
///
/// The lowest is got first, and of those with the same priority the one that was put first.
///
/// \param queue       the queue, whose order is #THREADING_PRIORITY
/// \param item        the item; NULL is one like any other
/// \param priority    any number
/// \param timeout_ns  longest wait in nanoseconds: 0 tries once, #THREADING_FOREVER has no limit
/// \returns #THREADING_OK; #THREADING_TIMEOUT when the queue is full and the time ran out;
///          #THREADING_CLOSED when it is shut down, also when that happens during the wait;
///          #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when the order of the queue is another or
///          `timeout_ns` is below -1
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `queue.PriorityQueue.put`
#[unsafe(no_mangle)]
pub extern "C" fn threading_queue_put_priority(
    queue: threading_queue,
    item: *mut c_void,
    priority: i64,
    timeout_ns: i64,
) -> threading_status {
    call("threading_queue_put_priority", queue.id, || {
        let timeout = Timeout::from_nanos(timeout_ns)?;
        find::<Queue>(queue.id)?.put_priority(me()?, item, priority, timeout)
    })
}

/// Takes an item out of `queue`, waiting for one as long as `timeout_ns` says.
///
/// A queue that is shut down gives what it still has. A try that meets another thread in the middle of a
/// put may find nothing yet.
///
/// \param queue       the queue
/// \param item        where the item is written
/// \param timeout_ns  longest wait in nanoseconds: 0 tries once, #THREADING_FOREVER has no limit
/// \returns #THREADING_OK; #THREADING_TIMEOUT when the queue is empty and the time ran out;
///          #THREADING_CLOSED when it is shut down and empty, also when that happens during the wait;
///          #THREADING_E_INVALID when `item` is NULL or `timeout_ns` is below -1
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `queue.Queue.get`
#[unsafe(no_mangle)]
pub extern "C" fn threading_queue_get(
    queue: threading_queue,
    item: Option<&mut MaybeUninit<*mut c_void>>,
    timeout_ns: i64,
) -> threading_status {
    quick_put(
        item,
        || seek::<Queue>(queue.id).filter(|_| timeout_ns >= THREADING_FOREVER)?.get_quick(known()?),
        move |item| {
            call("threading_queue_get", queue.id, || {
                put(item, || find::<Queue>(queue.id)?.get(me()?, Timeout::from_nanos(timeout_ns)?))
            })
        },
    )
}

/// Says that an item that was got is worked off.
///
/// \param queue  the queue
/// \returns #THREADING_OK; #THREADING_E_OVERFLOW when this was said for all items already that were put
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `queue.Queue.task_done`
#[unsafe(no_mangle)]
pub extern "C" fn threading_queue_task_done(queue: threading_queue) -> threading_status {
    call("threading_queue_task_done", queue.id, || find::<Queue>(queue.id)?.task_done(me()?))
}

/// Waits until all items that were put are worked off, as long as `timeout_ns` says.
///
/// Each item counts from its put until threading_queue_task_done() was called for it, or an immediate
/// shutdown dropped it.
///
/// \param queue       the queue
/// \param timeout_ns  longest wait in nanoseconds: 0 only asks, #THREADING_FOREVER has no limit
/// \returns #THREADING_OK; #THREADING_TIMEOUT when the time ran out; #THREADING_E_INVALID when `timeout_ns`
///          is below -1
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `queue.Queue.join`
#[unsafe(no_mangle)]
pub extern "C" fn threading_queue_join(queue: threading_queue, timeout_ns: i64) -> threading_status {
    call("threading_queue_join", queue.id, || {
        let timeout = Timeout::from_nanos(timeout_ns)?;
        find::<Queue>(queue.id)?.join(me()?, timeout)
    })
}

/// Shuts `queue` down: from now on nothing is put, and those who wait for room get #THREADING_CLOSED.
///
/// What is in it can still be got, then a get gives #THREADING_CLOSED too. An immediate shutdown drops what
/// is in it: each item goes to the destructor, here, and counts as worked off; what unwinds from the
/// destructor passes through this call, and then the items after it wait for the queue's end. Items that
/// were got before still have to be reported by threading_queue_task_done() before threading_queue_join()
/// returns.
///
/// \param queue      the queue
/// \param immediate  not 0 drops the items that are in it; after that a shutdown with 0 changes nothing
/// \returns #THREADING_OK, also when it was shut down before
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `queue.Queue.shutdown`
#[unsafe(no_mangle)]
pub extern "C-unwind" fn threading_queue_shutdown(
    queue: threading_queue,
    immediate: i32,
) -> threading_status {
    call_unwind("threading_queue_shutdown", queue.id, || {
        find::<Queue>(queue.id)?.shutdown(me()?, immediate != 0)
    })
}

/// Counts the items that are in `queue`; the answer may be out of date when it arrives.
///
/// \param queue  the queue
/// \returns the count, or an error status
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `queue.Queue.qsize`
#[unsafe(no_mangle)]
pub extern "C" fn threading_queue_qsize(queue: threading_queue) -> i64 {
    count("threading_queue_qsize", queue.id, || find::<Queue>(queue.id)?.qsize(me()?))
}

/// Counts the items that were put and are not worked off yet; the answer may be out of date when it
/// arrives.
///
/// \param queue  the queue
/// \returns the count, or an error status
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `queue.Queue.unfinished_tasks`
#[unsafe(no_mangle)]
pub extern "C" fn threading_queue_unfinished_tasks(queue: threading_queue) -> i64 {
    count("threading_queue_unfinished_tasks", queue.id, || find::<Queue>(queue.id)?.unfinished_tasks(me()?))
}

/// Asks whether `queue` has no items; the answer may be out of date when it arrives.
///
/// \param queue  the queue
/// \returns 1 when it is empty, 0 when not, or an error status
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `queue.Queue.empty`
#[unsafe(no_mangle)]
pub extern "C" fn threading_queue_empty(queue: threading_queue) -> i32 {
    ask("threading_queue_empty", queue.id, || find::<Queue>(queue.id)?.is_empty(me()?))
}

/// Asks whether `queue` has as many items as it holds; the answer may be out of date when it arrives.
///
/// \param queue  the queue
/// \returns 1 when it is full, 0 when not or when it has no bound, or an error status
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `queue.Queue.full`
#[unsafe(no_mangle)]
pub extern "C" fn threading_queue_full(queue: threading_queue) -> i32 {
    ask("threading_queue_full", queue.id, || find::<Queue>(queue.id)?.is_full(me()?))
}

/// Asks whether `queue` was shut down.
///
/// \param queue  the queue
/// \returns 1 when it was, 0 when not, or an error status
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `queue.Queue.is_shutdown`
#[unsafe(no_mangle)]
pub extern "C" fn threading_queue_is_shutdown(queue: threading_queue) -> i32 {
    ask("threading_queue_is_shutdown", queue.id, || find::<Queue>(queue.id)?.is_shutdown())
}
