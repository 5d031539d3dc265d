//! What a thread is that works in a pool: one of its own, or a guest in a parallel loop.

use super::body::{Body, OPEN, Seat};
use super::life::{leave_seat, start};
use super::run;
use super::shutdown::settle_orphan;
use super::work::{empty_ring, pass_on};
use crate::atomic::Ordering::*;
use crate::error::Result;
use crate::park::Me;
use crate::thread::current;
use crate::thread::failure::Failure;
use core::cell::Cell;

/// A thread at work in a pool: one of its own, or a guest in a parallel loop.
pub(super) struct Worker {
    pub(super) me: Me,
    pub(super) body: *const Body,
    /// NULL while it sleeps, and for a guest that found all seats taken.
    pub(super) seat: Cell<*const Seat>,
    /// What the thread was before: a guest may be another pool's worker.
    pub(super) outer: *const Worker,
    /// The task that it runs.
    pub(super) running: Cell<*const run::Running>,
    /// Parallel loops that it is inside.
    pub(super) loops: Cell<u32>,
    /// Its seat while it is inside one, where a step of a recursion looks first; NULL otherwise.
    pub(super) seat_in_loop: Cell<*const Seat>,
    /// Where the thread's innermost failure is named.
    innermost: *const Cell<*mut Failure>,
    /// It has done a part of somebody's loop, and has not looked for work since: another loop may come soon.
    pub(super) helped: Cell<bool>,
    /// Tasks taken so far: now and then one from outside comes before its own.
    pub(super) ticks: Cell<u32>,
    /// The address below which no more tasks are begun on this stack.
    pub(super) stack_floor: usize,
    /// The initializer has returned.
    pub(super) ready: Cell<bool>,
    /// The finalizer has been called.
    pub(super) finalized: Cell<bool>,
    /// Only here for a parallel loop of its own.
    pub(super) guest: bool,
    /// What a guest has been counted as, with its seat.
    counted: Cell<u64>,
    /// A guest that runs a task which a full pool did not take.
    pub(super) calls: Cell<bool>,
    /// How many tasks it took from outside the last time.
    pub(super) last_share: Cell<u64>,
    /// How often it has said that it is about to wait for something outside.
    pub(super) blocking: Cell<u32>,
    /// See `start_finishing`.
    pub(super) finishing: Cell<bool>,
}

impl Worker {
    pub(super) fn new(me: Me, body: *const Body, guest: bool, innermost: &Cell<*mut Failure>) -> Worker {
        Worker {
            innermost,
            me,
            body,
            seat: Cell::new(core::ptr::null()),
            outer: of(me).map_or(core::ptr::null(), |outer| outer as *const Worker),
            running: Cell::new(core::ptr::null()),
            loops: Cell::new(0),
            seat_in_loop: Cell::new(core::ptr::null()),
            helped: Cell::new(false),
            ticks: Cell::new(0),
            stack_floor: stack_floor(guest),
            ready: Cell::new(false),
            finalized: Cell::new(false),
            guest,
            counted: Cell::new(0),
            calls: Cell::new(false),
            last_share: Cell::new(0),
            blocking: Cell::new(0),
            finishing: Cell::new(false),
        }
    }

    /// A guest has got a seat.
    fn sit(&self, (seat, counted): (&Seat, u64)) {
        self.counted.set(counted);
        self.seat.set(seat);
        if self.loops.get() > 0 {
            self.seat_in_loop.set(seat);
        }
        seat.begin_work();
    }

    /// A guest that works alone looks whether there is a seat by now.
    #[inline(always)]
    pub(super) fn look_for_seat(&self) {
        if self.seat.get().is_null()
            && self.guest
            && let Some(seat) = self.body().take_guest_seat()
        {
            self.sit(seat);
        }
    }

    /// Where `threading_fail` finds what it marks.
    #[inline(always)]
    pub(super) fn innermost(&self) -> &Cell<*mut Failure> {
        // SAFETY: the thread's own, and its memory is never given back.
        unsafe { &*self.innermost }
    }

    #[inline(always)]
    pub(super) fn body(&self) -> &Body {
        // SAFETY: a worker is a user of its body as long as it is one.
        unsafe { &*self.body }
    }

    #[inline(always)]
    pub(super) fn seat(&self) -> Option<&Seat> {
        // SAFETY: a seat lives as long as the body.
        unsafe { self.seat.get().as_ref() }
    }

    /// It has said that it waits for something outside, and was left or has ended before it said that it goes on.
    pub(super) fn stop_blocking(&self) {
        for _ in 0..self.blocking.replace(0) {
            super::wait::unblock(self);
        }
    }

    /// From now on this is what the thread is.
    pub(super) fn appear(&self) {
        self.me.record().worker.store((self as *const Worker).cast_mut().cast(), Relaxed);
    }

    /// The thread is again what it was before.
    pub(super) fn vanish(&self) {
        self.me.record().worker.store(self.outer.cast_mut().cast(), Relaxed);
    }

    /// Whether one more task may be begun on this stack.
    pub(super) fn has_stack(&self) -> bool {
        let here = 0u8;
        (&raw const here).addr() > self.stack_floor
    }
}

/// How much of a stack is left to the task that runs last.
const RESERVE: usize = 128 * 1024;

/// How far down tasks may be begun: nearly to the end of an own stack; a guest's is not known.
fn stack_floor(guest: bool) -> usize {
    let here = 0u8;
    let here = (&raw const here).addr();
    let base = if guest { 0 } else { crate::sys::native::stack_base() };
    let size = if base == 0 { 4 * RESERVE } else { here.saturating_sub(base) };
    here - size + RESERVE.min(size / 2)
}

/// What the thread is at work as, if it is.
#[inline(always)]
pub(super) fn of(me: Me) -> Option<&'static Worker> {
    // SAFETY: the word holds a `Worker` on this thread's own stack, or NULL; nobody keeps the reference
    // beyond the call in which he asks.
    unsafe { me.record().worker.load(Relaxed).cast::<Worker>().as_ref() }
}

/// Runs `work`, which joins and leaves parallel work, as a guest of the pool; the guest uses `body` up. While all seats
/// are taken by those who work, the guest works alone. Nothing here
/// is dropped by unwinding.
pub(super) fn as_guest<R>(me: Me, body: *const Body, work: impl FnOnce(&Worker) -> R) -> Result<R> {
    let own = current::own(me).inspect_err(|_| {
        // SAFETY: the caller's part, which nobody will use.
        unsafe { Body::let_go(body) };
    })?;
    let worker = Worker::new(me, body, true, &own.own.innermost);
    if let Some(seat) = worker.body().take_seat_from_searchers() {
        worker.sit(seat);
    }
    worker.appear();
    Ok(work(&worker))
}

/// What a guest leaves queued is for others, and so is its seat.
pub(super) fn guest_leaves(worker: &Worker) {
    worker.vanish();
    let body = worker.body();
    let here = body.epoch == super::epoch();
    if let Some(seat) = worker.seat().filter(|_| here) {
        worker.stop_blocking();
        let put_back = empty_ring(body, seat);
        if put_back && body.count_first_thread() {
            let _ = start(body);
        }
        seat.end_work();
        leave_seat(worker, seat);
        body.untake(worker.counted.get());
        if put_back {
            pass_on(body);
        }
        if body.state.load(SeqCst) != OPEN {
            // The last thread may have stayed for what the guest had queued, and has done itself.
            body.idle.call_all();
        }
    }
    if here && body.is_over() {
        settle_orphan(body);
    }
    // SAFETY: `as_guest` was given a user's part, and the worker does not use the body after this.
    unsafe { Body::let_go(worker.body) };
}
