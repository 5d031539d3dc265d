//! How pools end: with what is queued or without it, waited for or not, and with the process.

use super::body::{BROKEN, Body, EMPTYING, SHUT};
use super::idle::{Call, THREADS};
use super::life;
use super::work;
use super::{DEFAULT, Pool, epoch, hold, is_at_work, is_own};
use crate::atomic::{AtomicU32, AtomicU64, Ordering::*};
use crate::error::{Error, Result};
use crate::park::{self, Me, Wait, Woken, inside};
use crate::slot::{Object, find};
use crate::sys::tools;
use crate::time::{Deadline, Timeout};

/// No more tasks are taken; what is queued is run, or cancelled. Waits for the end if `wait` says so.
pub(crate) fn shutdown(me: Me, pool: u64, wait: bool, cancel: bool) -> Result {
    let body = hold(me, pool)?;
    // SAFETY: held just now.
    let held = unsafe { &*body };
    let outcome = if wait && is_own(me, held) {
        Err(Error::WaitsForSelf)
    } else {
        close(held, if cancel { EMPTYING } else { SHUT });
        if wait {
            held.idle.listen(me, pool, Timeout::FOREVER, || held.is_over());
            tools::acquire(&held.idle);
        }
        Ok(())
    };
    // SAFETY: as above.
    unsafe { Body::let_go(body) };
    outcome
}

/// Closes the pool to new tasks, and sees to those that are queued. Runs destructors and callbacks, so there is nothing
/// to drop here.
fn close(body: &Body, state: u32) {
    body.state.fetch_max(state, SeqCst);
    // From here on nobody is between having seen it open and having queued something.
    let _ = inside::wait_until_left(body.id);
    if body.state.load(SeqCst) >= EMPTYING {
        while let Some(entry) = body.take_any() {
            work::drop_entry(body, entry);
        }
    }
    body.tell_room(u32::MAX);
    body.idle.call_all();
    if body.has_work() && body.call() == Call::Start {
        let _ = life::start(body);
    }
    body.idle.tell_quiet();
}

/// An initializer has failed: the pool is of no use any more.
pub(super) fn break_pool(body: &Body) {
    close(body, BROKEN);
}

/// Waits until nothing is queued and nobody works.
pub(crate) fn wait(me: Me, pool: u64, timeout: Timeout) -> Result {
    let body = hold(me, pool)?;
    // SAFETY: held just now.
    let held = unsafe { &*body };
    let outcome = if is_own(me, held) { Err(Error::WaitsForSelf) } else { wait_quiet(me, held, timeout) };
    // SAFETY: as above.
    unsafe { Body::let_go(body) };
    outcome
}

fn wait_quiet(me: Me, body: &Body, timeout: Timeout) -> Result {
    if body.has_work() && body.idle.counts().of(THREADS) == 0 {
        // The system had no thread for it when it was queued.
        life::call(body)?;
    }
    if !body.idle.listen(me, body.id, timeout, || body.is_quiet()) {
        return Err(Error::Timeout);
    }
    tools::acquire(&body.idle);
    Ok(())
}

/// Gives the handle up; what is queued is run all the same.
pub(crate) fn destroy(me: Me, pool: u64) -> Result {
    let slot = find::<Pool>(pool)?;
    if DEFAULT.load(Acquire) == pool {
        return Err(Error::NotYours);
    }
    let body = hold(me, pool)?;
    // SAFETY: held just now.
    let held = unsafe { &*body };
    close(held, SHUT);
    // First: nobody is told that the handle is good after somebody was told that it is not.
    held.known_as.store(0, SeqCst);
    let closed = Pool::table().close(slot, 0);
    if closed && !held.plan.daemon && held.epoch == epoch() {
        ORPHANS.fetch_add(1, SeqCst);
        held.orphan.store(1, SeqCst);
        if held.is_over() {
            settle_orphan(held);
        }
    }
    if closed && inside::wait_until_left(pool) {
        // SAFETY: the slot was a user, and leads nobody to the body any more.
        unsafe { Body::let_go(body) };
        let _ = Pool::table().recycle(slot, None);
    }
    // SAFETY: as above.
    unsafe { Body::let_go(body) };
    if closed { Ok(()) } else { Err(Error::StaleHandle) }
}

/// Pools whose handles were given up and whose threads are still at work; who ends the process sleeps on it.
static ORPHANS: AtomicU64 = AtomicU64::new(0);

/// The last thread of a pool has ended: if the pool was given up, nothing of it is left.
pub(super) fn settle_orphan(body: &Body) {
    if body.orphan.swap(0, SeqCst) == 1 {
        tools::acquire(&body.idle);
        tools::release(&ORPHANS);
        ORPHANS.fetch_sub(1, SeqCst);
        park::wake(&ORPHANS, u32::MAX);
    }
}

/// In a forked child: their threads are not here.
pub(super) fn forget_orphans() {
    ORPHANS.store(0, SeqCst);
}

/// Waits until no pool that was given up is at work; says whether there was one.
fn wait_for_orphans(me: Me, deadline: Deadline) -> Result<bool> {
    if ORPHANS.load(SeqCst) == 0 {
        return Ok(false);
    }
    let wait = Wait::begin_until(me, me.id(), crate::time::now(), deadline);
    let mut woken = Woken::LookAgain;
    loop {
        let count = ORPHANS.load(SeqCst);
        if count == 0 {
            tools::acquire(&ORPHANS);
            return Ok(true);
        }
        if woken == Woken::TimedOut {
            return Err(Error::Timeout);
        }
        woken = wait.sleep(&ORPHANS, count as u32);
    }
}

/// Threads that have ended as far as anybody can see, but still hold their pool: of all pools.
pub(super) static LEAVING: AtomicU32 = AtomicU32::new(0);

/// Lets them let go, so that nobody who counts the memory of an ending process finds any; they take microseconds.
fn wait_for_leavers() {
    const LONGEST: i64 = 20_000_000;
    let end = crate::time::now() + LONGEST;
    while LEAVING.load(Acquire) > 0 && crate::time::now() < end {
        crate::sys::yield_now();
    }
}

/// The process ends: pools that are no daemons finish what is queued. Says whether there was something to wait for.
pub(super) fn finish_all(me: Me, deadline: Deadline) -> Result<bool> {
    let mut waited = false;
    let mut outcome = Ok(());
    Pool::table().each(|pool| {
        if outcome.is_err() {
            return;
        }
        let Ok(body) = hold(me, pool.id) else { return };
        // SAFETY: held just now.
        let held = unsafe { &*body };
        let concerns = !held.plan.daemon && held.epoch == epoch() && !is_own(me, held);
        if concerns && !held.is_quiet() && held.state.load(SeqCst) != BROKEN {
            waited = true;
            let left = match deadline.is_never() {
                true => Ok(Timeout::FOREVER),
                false => Timeout::from_nanos(crate::time::until(deadline.nanos())),
            };
            outcome = left.and_then(|left| wait_quiet(me, held, left));
        }
        // SAFETY: as above.
        unsafe { Body::let_go(body) };
    });
    outcome?;
    wait_for_leavers();
    // One whose own pool was given up would wait for itself.
    let own = is_at_work(me, |own| own.orphan.load(SeqCst) == 1);
    Ok(waited | (!own && wait_for_orphans(me, deadline)?))
}
