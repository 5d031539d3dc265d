//! Queueing tasks: where one goes, who is told, and what is done when there is no room, or nobody to do it.

use super::body::{BROKEN, Body, OPEN, WhenFull};
use super::entry::Entry;
use super::idle::THREADS;
use super::worker::{self, Worker};
use super::{future, is_own, leads, life, run, run_here, step_in, word};
use crate::atomic::Ordering::*;
use crate::error::{Error, Result};
use crate::frame::{Callback, Target};
use crate::park::{Me, Wait};
use crate::sys::tools;
use crate::time::Timeout;
use core::ffi::c_void;

/// Whether the pool takes tasks.
pub(super) fn admits(body: *const Body) -> Result {
    // SAFETY: callers are users of the body, or inside.
    match unsafe { &*body }.state.load(SeqCst) {
        OPEN => Ok(()),
        BROKEN => Err(Error::Broken),
        _ => Err(Error::Closed),
    }
}

/// How far one attempt to queue a task came.
enum Put {
    Done,
    /// It is queued, and a thread is to be started for it.
    Start(*const Body),
    /// Not queued: there is no thread at all, and one is to be started first.
    First(*const Body),
    /// Not queued: there is no room.
    Full(*const Body),
}

#[inline(always)]
fn try_put(me: Me, body: &Body, entry: Entry, priority: i64, bound: u64) -> Result<Put> {
    admits(body)?;
    tools::release(&body.injector);
    let own = worker::of(me).filter(|worker| core::ptr::eq(worker.body, body));
    // A guest goes before its tasks are done: there has to be somebody else.
    let stays = own.filter(|worker| !worker.guest || body.idle.counts().of(THREADS) > 0);
    let ring = stays.and_then(Worker::seat).map(|seat| &seat.ring);
    match ring.filter(|ring| priority == 0 && bound == u64::MAX && ring.has_room()) {
        Some(ring) => {
            ring.push(entry);
            return Ok(if body.notify() { Put::Start(body.hold()) } else { Put::Done });
        }
        None => {
            if body.count_first_thread() {
                return Ok(Put::First(body.hold()));
            }
            // A worker never waits for room that it might have to make itself, though it is at work in another pool now.
            let bound = if is_own(me, body) { u64::MAX } else { bound };
            match body.injector.put(entry, priority, bound) {
                Ok(()) => {}
                Err(Error::Full) => return Ok(Put::Full(body.hold())),
                Err(error) => return Err(error),
            }
        }
    }
    Ok(if body.notify() { Put::Start(body.hold()) } else { Put::Done })
}

/// What comes after an attempt, outside of the body; true: it is to be tried again.
#[cold]
#[inline(never)]
fn after_put(me: Me, put: Put) -> Result<bool> {
    let (body, again) = match put {
        Put::Done => return Ok(false),
        Put::Start(body) => (body, false),
        Put::First(body) | Put::Full(body) => (body, true),
    };
    // SAFETY: held in `try_put`.
    let held = unsafe { &*body };
    let outcome = match put {
        // Queued it is in any case: another thread of the pool is there, or comes with the next task.
        Put::Start(_) => life::start(held).or(Ok(())),
        Put::First(_) => life::start(held),
        _ if held.plan.when_full == WhenFull::Reject => Err(Error::Full),
        _ if held.plan.when_full == WhenFull::CallerRuns => Err(Error::CallerRuns),
        _ => wait_for_room(me, held),
    };
    // SAFETY: as above.
    unsafe { Body::let_go(body) };
    outcome.map(|()| again)
}

/// Sleeps until there is room in the queue, or none is needed any more.
fn wait_for_room(me: Me, body: &Body) -> Result {
    let full = || body.injector.length() >= body.plan.bound && body.state.load(SeqCst) == OPEN;
    body.room_waiters.fetch_add(1, SeqCst);
    let wait = Wait::begin(me, body.id, Timeout::FOREVER);
    loop {
        let seen = body.room.load(SeqCst) as u32;
        if !full() {
            break;
        }
        wait.sleep(&body.room, seen);
    }
    drop(wait);
    body.room_waiters.fetch_sub(1, SeqCst);
    Ok(())
}

/// Queues an entry in a body that the caller uses, within the pool's bound if it is `bounded`. Each attempt is made inside,
/// so that whoever closes the pool waits until it is over.
pub(super) fn put(me: Me, body: *const Body, entry: Entry, bounded: bool) -> Result {
    // SAFETY: the caller is a user of the body.
    let body = unsafe { &*body };
    let bound = if bounded { body.plan.bound } else { u64::MAX };
    loop {
        me.enter(body.id);
        let attempt = try_put(me, body, entry, 0, bound);
        me.leave();
        if !after_put(me, attempt?)? {
            return Ok(());
        }
    }
}

/// Queues an entry; `CallerRuns`: the pool is full, and the caller is to run it himself.
#[inline(always)]
fn put_in(me: Me, pool: u64, entry: Entry, priority: i64) -> Result {
    loop {
        // SAFETY: what `try_put` gives back of the body is held.
        let body = unsafe { step_in(me, pool)? };
        let put = try_put(me, body, entry, priority, body.plan.bound);
        me.leave();
        match put? {
            Put::Done => return Ok(()),
            other => {
                if !after_put(me, other)? {
                    return Ok(());
                }
            }
        }
    }
}

/// Queues a callback that nobody will ask about; on failure the argument stays the caller's.
#[inline(always)]
pub(crate) fn execute(me: Me, pool: u64, callback: Callback, arg: *mut c_void) -> Result {
    match put_in(me, pool, Entry { call: callback as *mut (), arg }, 0) {
        Err(Error::CallerRuns) => run_here(me, pool, |worker| run::callback(worker, callback, arg)),
        other => other,
    }
}

/// Queues a task, and gives a future for its result; on failure the argument stays the caller's.
pub(crate) fn submit(me: Me, pool: u64, target: Target, arg: *mut c_void, priority: i64) -> Result<u64> {
    let future = future::of_task(me, pool, target, arg)?;
    let (slot, index) = (future.slot, future.index());
    tools::release(&slot.head);
    match put_in(me, pool, leads::future_entry(index), priority) {
        Ok(()) => Ok(future.id),
        Err(Error::CallerRuns) => {
            let ran = run_here(me, pool, |worker| {
                if word::claim(me, slot) {
                    run::task(worker, slot, index, run::Place::Inside);
                }
            });
            if ran.is_err() {
                future::discard(me, future);
            }
            ran.map(|()| future.id)
        }
        Err(error) => {
            future::discard(me, future);
            Err(error)
        }
    }
}
