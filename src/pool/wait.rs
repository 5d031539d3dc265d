//! Waiting for futures: anybody may; a worker first does what it waits for, and is replaced while it sleeps.

use super::future::{self, Future};
use super::idle::TAKEN;
use super::leads;
use super::life;
use super::run::{self, Place};
use super::word::{self, WATCH, WATCHED};
use super::work;
use super::worker::{self, Worker};
use crate::atomic::Ordering::*;
use crate::error::{Error, Result};
use crate::park::{self, Me, Spin, Wait, Woken, fence};
use crate::slot::{Live, find};
use crate::sync;
use crate::thread::current;
use crate::thread::failure::{self, Failure};
use crate::thread::text::Text;
use crate::time::{Deadline, Timeout};
use core::ffi::c_void;

/// The result of `id`, as soon as it is there.
pub(crate) fn result(me: Me, id: u64, timeout: Timeout) -> Result<*mut c_void> {
    future::with(id, |future| result_of(me, future, timeout))
}

fn result_of(me: Me, future: Live<Future>, timeout: Timeout) -> Result<*mut c_void> {
    match until_done(me, future, timeout)? & word::STATE {
        word::FINISHED => future.value(),
        word::FAILED => {
            let copied = future.with_failure(|code, text| (code, Text::copy(text)))?;
            if let Ok(control) = current::own(me) {
                let message = copied.1.unwrap_or(Text::EMPTY);
                failure::remember(control, Failure { failed: true, code: copied.0, message });
            }
            Err(Error::Failed)
        }
        word::BROKEN => Err(Error::Broken),
        _ => Err(Error::Cancelled),
    }
}

/// Uses code and text of the failure of `id`, as soon as it is there.
pub(crate) fn failure<R>(
    me: Me,
    id: u64,
    timeout: Timeout,
    mut work: impl FnMut(i32, &str) -> R,
) -> Result<R> {
    future::with(id, |future| match until_done(me, future, timeout)? & word::STATE {
        word::FINISHED => Err(Error::NotFailed),
        word::FAILED => future.with_failure(&mut work),
        word::BROKEN => Err(Error::Broken),
        _ => Err(Error::Cancelled),
    })
}

fn state(id: u64) -> Result<u32> {
    future::with(id, |future| Ok(future.seen()? & word::STATE))
}

/// Whether it was cancelled before it began.
pub(crate) fn is_cancelled(id: u64) -> Result<bool> {
    state(id).map(|state| matches!(state, word::CANCELLED | word::NOTIFIED))
}

/// Whether it has begun and is not done.
pub(crate) fn is_running(id: u64) -> Result<bool> {
    state(id).map(|state| state == word::RUNNING)
}

/// Whether its result is there, or it is known that there will be none.
pub(crate) fn is_done(id: u64) -> Result<bool> {
    state(id).map(word::is_done)
}

/// Waits until the future is done; its bits then.
fn until_done(me: Me, future: Live<Future>, timeout: Timeout) -> Result<u32> {
    let mut spin = Spin::long();
    loop {
        let bits = future.seen()?;
        if word::is_done(bits) {
            return Ok(bits);
        }
        if future.is_lost(bits) {
            return Err(Error::Forked);
        }
        if timeout.is_zero() {
            return Err(Error::Timeout);
        }
        if let Some(worker) = worker::of(me)
            && do_awaited(worker, future)
        {
            continue;
        }
        if !spin.next() {
            break;
        }
    }
    let blocked = worker::of(me);
    if let Some(worker) = blocked {
        block(worker);
    }
    let wait = Wait::begin(me, future.id, timeout);
    let done = sleep_until_done(me, future, &wait, timeout.is_forever());
    drop(wait);
    if let Some(worker) = blocked {
        unblock(worker);
    }
    done
}

fn sleep_until_done(me: Me, future: Live<Future>, wait: &Wait, endless: bool) -> Result<u32> {
    let mut woken = Woken::LookAgain;
    loop {
        let bits = future.seen()?;
        if word::is_done(bits) {
            return Ok(bits);
        }
        if future.is_lost(bits) {
            return Err(Error::Forked);
        }
        if woken == Woken::TimedOut {
            return Err(Error::Timeout);
        }
        if endless && (park::is_refused(me, sync::awaited_owner) || is_stuck(me, future, bits)) {
            return Err(Error::Cycle);
        }
        woken = future.sleep(wait, bits);
    }
}

/// A worker does what it waits for, if nobody has begun it and it is a task of its own pool. True: it is worth looking
/// again; the one waited for need not be done, others may have begun it meanwhile.
fn do_awaited(worker: &Worker, future: Live<Future>) -> bool {
    let may = future.slot.body.pool.load(Relaxed) == worker.body().id
        && future.bits().is_ok_and(|bits| bits & word::STATE == word::PENDING && bits & word::QUEUED != 0)
        && worker.has_stack();
    if !may {
        return false;
    }
    // Waiting in the order of queueing, it finds the entry before all others, and none is left behind.
    let entry = leads::future_entry(future.index());
    if worker.seat().is_some_and(|seat| seat.ring.pop_if(entry)) {
        work::perform(worker, entry, Place::Inside);
        return true;
    }
    let claimed = future.claim_awaited(worker.me);
    if claimed {
        run::task(worker, future.slot, future.index(), Place::Inside);
    }
    claimed
}

/// Whether nobody is left who could begin the task that a worker waits for: all wait in tasks of their own, and
/// there can be no more threads.
fn is_stuck(me: Me, future: Live<Future>, bits: u32) -> bool {
    let Some(worker) = worker::of(me) else { return false };
    let body = worker.body();
    if bits & word::STATE != word::PENDING || future.slot.body.pool.load(Relaxed) != body.id {
        return false;
    }
    let counts = body.idle.counts();
    body.idle.blocked() >= counts.of(TAKEN)
        && counts.busy() == counts.of(TAKEN)
        && counts.of(TAKEN) >= body.idle.seats()
}

/// The worker is about to sleep inside a task: another one may work in its place, in all pools that it works in.
pub(super) fn block(worker: &Worker) {
    let mut next: *const Worker = worker;
    // SAFETY: the workers that a thread is stand on its own stack.
    while let Some(worker) = unsafe { next.as_ref() } {
        let body = worker.body();
        if worker.seat().is_some() {
            body.idle.block();
            fence::heavy();
            if body.has_work() {
                let _ = life::call(body);
            }
        }
        next = worker.outer;
    }
}

/// The worker goes on; whoever took its place stops when it is done with its task.
pub(super) fn unblock(worker: &Worker) {
    let mut next: *const Worker = worker;
    // SAFETY: as above.
    while let Some(worker) = unsafe { next.as_ref() } {
        if worker.seat().is_some() {
            worker.body().idle.unblock();
        }
        next = worker.outer;
    }
}

/// Which of several futures are waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    FirstCompleted,
    FirstFailed,
    AllCompleted,
}

/// Waits for several futures; afterwards `flags`, if there are any, tell which are done.
pub(crate) fn several(me: Me, ids: &[u64], when: When, timeout: Timeout, flags: *mut i32) -> Result {
    for &id in ids {
        future::with(id, Live::seen)?;
    }
    let deadline = timeout.deadline_from(crate::time::now());
    let waited = if when == When::AllCompleted || ids.len() == 1 {
        all(me, ids, deadline, timeout)
    } else {
        first(me, ids, when, deadline, timeout)
    };
    if matches!(waited, Ok(()) | Err(Error::Timeout)) && !flags.is_null() {
        for (at, &id) in ids.iter().enumerate() {
            let done = future::with(id, Live::seen).is_ok_and(word::is_done);
            // SAFETY: the caller has as many flags as futures.
            unsafe { flags.add(at).write(done as i32) };
        }
    }
    waited
}

/// What is left of a wait for several.
fn rest(deadline: Deadline, timeout: Timeout) -> Result<Timeout> {
    if timeout.is_forever() || timeout.is_zero() {
        return Ok(timeout);
    }
    Timeout::from_nanos(crate::time::until(deadline.nanos()))
}

fn all(me: Me, ids: &[u64], deadline: Deadline, timeout: Timeout) -> Result {
    for &id in ids {
        let rest = rest(deadline, timeout)?;
        future::with(id, |future| until_done(me, future, rest))?;
    }
    Ok(())
}

/// Waits until one is done, or has failed, or all are done.
fn first(me: Me, ids: &[u64], when: When, deadline: Deadline, timeout: Timeout) -> Result {
    if ids.is_empty() || look(me, ids, when, !timeout.is_zero())? {
        return Ok(());
    }
    if timeout.is_zero() {
        return Err(Error::Timeout);
    }
    let blocked = worker::of(me);
    if let Some(worker) = blocked {
        block(worker);
    }
    let ended = first_asleep(me, ids, when, deadline);
    if let Some(worker) = blocked {
        unblock(worker);
    }
    ended
}

fn first_asleep(me: Me, ids: &[u64], when: When, deadline: Deadline) -> Result {
    let object = ids.first().copied().unwrap_or(0);
    let wait = Wait::begin_for_any(me, object, deadline);
    let mut woken = Woken::LookAgain;
    loop {
        let seen = WATCH.load(SeqCst) as u32;
        if look(me, ids, when, false)? {
            return Ok(());
        }
        if woken == Woken::TimedOut {
            return Err(Error::Timeout);
        }
        woken = wait.sleep(&WATCH, seen);
    }
}

/// Whether the wait is over; otherwise every future that is not done is marked as watched.
fn look(me: Me, ids: &[u64], when: When, works: bool) -> Result<bool> {
    let mut done = 0;
    for &id in ids {
        let mut bits = future::with(id, Live::seen)?;
        if !word::is_done(bits) {
            let future = find::<Future>(id)?;
            if future.is_lost(bits) {
                return Err(Error::Forked);
            }
            if works && let Some(worker) = worker::of(me) {
                do_awaited(worker, future);
                bits = future.seen()?;
            }
            if !word::is_done(bits) && future.flag(WATCHED)? {
                continue;
            }
            bits = future.seen()?;
        }
        if when == When::FirstCompleted || matches!(bits & word::STATE, word::FAILED | word::BROKEN) {
            return Ok(true);
        }
        done += 1;
    }
    Ok(done == ids.len())
}
