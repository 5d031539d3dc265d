//! Finding work and doing it, as long as there is some.

use super::body::{BROKEN, Body, EMPTYING, Seat};
use super::entry::Entry;
use super::future::{self, Future};
use super::idle::SEARCHING;
use super::leads::{self, Work, work_of};
use super::life::call;
use super::run::Place;
use super::worker::Worker;
use super::{map, parallel, run, word};
use crate::atomic::Ordering::*;
use crate::slot::Slot;
use crate::sys::tools;

/// Tells race detectors that what was queued comes before what is done now. A future says so itself.
fn say_taken(body: &Body, entry: Entry) {
    if !leads::is_future(entry) {
        tools::acquire(&body.injector);
    }
}

/// Runs what was taken out of a queue.
pub(super) fn perform(worker: &Worker, entry: Entry, place: Place) {
    if worker.body().state.load(Relaxed) >= EMPTYING {
        return drop_entry(worker.body(), entry);
    }
    say_taken(worker.body(), entry);
    match work_of(entry) {
        Work::Callback(callback) => run::callback(worker, callback, entry.arg),
        Work::Future(slot, index) if word::claim(worker.me, slot) => run::task(worker, slot, index, place),
        Work::Future(slot, index) => leave_entry(worker.body(), slot, index),
        Work::Group(group) => super::group::run_ticket(worker, group),
        Work::Map(job) => map::run_ticket(worker, job),
        Work::Nothing => {}
    }
}

/// The entry of a future that was cancelled, or begun by one who waited for it. Seldom, so it stands outside the loop
/// that comes here.
#[inline(never)]
fn leave_entry(body: &Body, slot: &'static Slot<Future>, index: u32) {
    tools::acquire(&slot.head);
    let arg = future::work(slot).1;
    if word::leave(slot, index) {
        run::destroy_argument(body, arg);
    }
}

/// Ends what was taken out of a queue and will not run; runs destructors.
pub(super) fn drop_entry(body: &Body, entry: Entry) {
    let state = if body.state.load(SeqCst) == BROKEN { word::BROKEN } else { word::CANCELLED };
    say_taken(body, entry);
    match work_of(entry) {
        Work::Callback(_) => run::destroy_argument(body, entry.arg),
        Work::Future(slot, index) => {
            tools::acquire(&slot.head);
            let arg = future::work(slot).1;
            match word::drop_task(slot, index, state) {
                true => run::destroy_argument(body, arg),
                false => leave_entry(body, slot, index),
            }
        }
        Work::Group(group) => super::group::drop_ticket(body, group),
        Work::Map(job) => map::drop_ticket(body, job),
        Work::Nothing => {}
    }
    tools::release(&body.idle);
}

/// How many short tasks it takes until the processor has brought what another one wrote last.
const AHEAD: u32 = 3;

/// Lets the processor bring a future that comes soon.
fn bring_next(seat: &Seat) {
    if let Some(entry) = seat.ring.peek(AHEAD)
        && let Work::Future(slot, _) = work_of(entry)
    {
        crate::sys::prefetch(slot);
    }
}

/// How often a task from outside is taken though the seat has some of its own.
const FROM_OUTSIDE: u32 = 61;

/// The next thing to do, out of any queue of the pool; and whether it was stolen with others, which stand in the seat's own
/// ring now: one who goes to sleep may have looked there before, and have missed them where they were.
fn next(worker: &Worker, seat: &Seat) -> (Option<Entry>, bool) {
    let body = worker.body();
    let injector = &body.injector;
    let tick = worker.ticks.get().wrapping_add(1);
    worker.ticks.set(tick);
    let mut urgent = None;
    if injector.is_urgent() {
        urgent = body.take(None, 0);
    } else if tick.is_multiple_of(FROM_OUTSIDE)
        && seat.ring.has_room()
        && let Some(entry) = body.take_plain()
    {
        // Behind its own, so that nothing overtakes what came before it.
        seat.ring.push(entry);
    }
    let own = urgent.or_else(|| seat.ring.pop()).or_else(|| from_outside(worker, seat));
    if own.is_some() {
        return (own, false);
    }
    let stolen = body.others(seat.index + 1).find_map(|other| other.ring.steal(&seat.ring));
    (stolen, stolen.is_some() && seat.ring.length() > 0)
}

/// Takes a share of what is queued: so much that the guard is seldom taken, so little that all get some.
///
/// When the last share was small, tasks come one by one, and faster takers would only hinder those who put: then
/// it waits for less than a microsecond until there are more.
fn from_outside(worker: &Worker, seat: &Seat) -> Option<Entry> {
    const MOST: u64 = 64;
    const FEW: u64 = 16;
    let body = worker.body();
    let injector = &body.injector;
    if worker.last_share.get() < FEW && worker.last_share.get() > 0 {
        // Two looks: each takes the cache line from those who put.
        for _ in 0..2 {
            if injector.length() >= FEW {
                break;
            }
            (0..32).for_each(|_| core::hint::spin_loop());
        }
    }
    let length = injector.length();
    let bounded = body.plan.bound != u64::MAX;
    let share = if bounded { 0 } else { (length / body.idle.seats().max(1) as u64).min(MOST) };
    worker.last_share.set(share.max(length.min(1)));
    if length == 0 { None } else { body.take(Some(&seat.ring), share) }
}

/// Works until there is nothing to do any more; false: somebody else is to have the seat. The thread is counted as
/// searching until it has looked for the first time, so that nobody is called for what it is about to take.
pub(super) fn work(worker: &Worker, seat: &Seat) -> bool {
    let body = worker.body();
    seat.begin_work();
    let mut searching = true;
    let dry = loop {
        let (entry, moved) = next(worker, seat);
        let fork = if entry.is_none() { parallel::find(worker, seat) } else { None };
        let searched = core::mem::replace(&mut searching, false);
        let alone = searched && body.idle.shift(0, SEARCHING).of(SEARCHING) == 0;
        if entry.is_none() && fork.is_none() {
            break true;
        }
        if stop_finishing(worker) || alone || moved {
            pass_on(body);
        }
        if let Some(fork) = fork {
            parallel::do_stolen(worker, core::ptr::null(), fork);
            worker.helped.set(true);
        }
        if let Some(entry) = entry {
            bring_next(seat);
            perform(worker, entry, Place::Loop);
        }
        if body.is_crowded() || body.epoch != super::epoch() {
            break false;
        }
    };
    seat.end_work();
    dry
}

/// Whoever queued something has relied on this thread, which does something else now: it sees to it that somebody
/// looks, if there is still something to be found. The fence answers the one in `Body::notify_idle`.
pub(super) fn pass_on(body: &Body) {
    crate::atomic::fence(SeqCst);
    if body.has_work() {
        let _ = call(body);
    }
}

/// The task that is about to be told of is the last that the thread knows of: whoever hears of it and queues another
/// one need not wake anybody, since this thread looks again. Only for a task in the thread's own loop.
pub(super) fn start_finishing(worker: &Worker) {
    let body = worker.body();
    let last = !worker.guest
        && !worker.finishing.get()
        && worker.seat().is_some_and(|seat| seat.ring.length() == 0)
        && body.injector.length() == 0;
    if last {
        worker.finishing.set(true);
        body.idle.finishing.fetch_add(1, SeqCst);
    }
}

/// The thread does something else before it looks, or has looked; says whether it had begun to finish.
pub(super) fn stop_finishing(worker: &Worker) -> bool {
    let finishing = worker.finishing.replace(false);
    if finishing {
        worker.body().idle.finishing.fetch_sub(1, SeqCst);
    }
    finishing
}

/// Puts back what is left in a seat's ring, for whoever comes; true: there was something, which meanwhile nobody could
/// find, so the caller is to look whether it is still there.
pub(super) fn empty_ring(body: &Body, seat: &Seat) -> bool {
    let mut found = false;
    while let Some(entry) = seat.ring.pop() {
        found = true;
        body.returned.fetch_add(1, SeqCst);
        if body.injector.put_back(entry).is_err() {
            // The reserve is full, and there is no memory: whoever waits for it is told.
            drop_entry(body, entry);
        }
    }
    found
}
