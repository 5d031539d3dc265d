//! The life of a pool's thread: it looks for work, works, sleeps, and ends. README.md has the protocol.

use super::body::{Body, OPEN, Seat};
use super::idle::{LOOKING, SEARCHING, SLEEPING, TAKEN, THREADS};
use super::run;
use super::work::{empty_ring, pass_on, stop_finishing, work};
use super::worker::Worker;
use crate::atomic::{Ordering::*, Seed, is_scarce, seeded};
use crate::error::Result;
use crate::frame::{self, Left, NOTHING};
use crate::park::{Spin, fence};
use crate::sys::tools;
use crate::thread::start::{self, WorkerPlan};
use crate::thread::text::Line;
use crate::thread::{self, current};
use crate::time::Deadline;
use core::ffi::c_void;
use core::fmt::Write;
use core::ptr::null_mut;

/// What a thread does after it has taken part.
enum Then {
    /// It sleeps; it is counted so already.
    Sleep,
    /// It was told to look again.
    Again,
    /// The process is another one: the pool has nothing to do with the thread any more.
    Leave,
}

/// What a thread does from being told to look to going to sleep.
fn take_part(worker: &Worker) -> Then {
    let body = worker.body();
    let seat = if is_scarce() { None } else { body.take_seat() };
    match seat {
        Some(seat) if !work_and_search(worker, seat) => return Then::Leave,
        Some(_) => {}
        None => {
            body.idle.shift(SLEEPING, SEARCHING);
            // A guest may have the seat that was made for this thread, and there be no memory for another one.
            crate::sys::yield_now();
        }
    }
    body.idle.tell_quiet();
    fence::heavy();
    // Without a free seat it can only sleep: whoever gives one back looks whether there is work.
    if !seeded(Seed::Idle) && body.has_work() && body.idle.counts().of(TAKEN) < body.idle.seats() {
        body.idle.get_up();
        return Then::Again;
    }
    Then::Sleep
}

/// Works and looks for work until there is none, then gives up the seat and is counted as sleeping; false: the process
/// is another one.
fn work_and_search(worker: &Worker, seat: &Seat) -> bool {
    let body = worker.body();
    worker.seat.set(seat);
    loop {
        let dry = work(worker, seat);
        if body.epoch != super::epoch() {
            return false;
        }
        if !dry {
            stop_finishing(worker);
            let _ = empty_ring(body, seat);
            leave_seat(worker, seat);
            body.idle.shift(SLEEPING, TAKEN);
            return true;
        }
        body.idle.shift(SEARCHING + LOOKING, 0);
        stop_finishing(worker);
        body.idle.tell_quiet();
        if !search(worker, seat) {
            leave_seat(worker, seat);
            body.idle.shift(SLEEPING, TAKEN + SEARCHING + LOOKING);
            return true;
        }
        body.idle.shift(0, LOOKING);
    }
}

pub(super) fn leave_seat(worker: &Worker, seat: &Seat) {
    worker.seat.set(core::ptr::null());
    worker.seat_in_loop.set(core::ptr::null());
    worker.body().free(seat);
}

/// Looks for a little while whether work comes.
fn search(worker: &Worker, seat: &Seat) -> bool {
    let body = worker.body();
    let mut spin = if worker.helped.replace(false) { Spin::for_part() } else { Spin::long() };
    loop {
        if body.has_work_for(seat) {
            return true;
        }
        let wanted = body.guests.load(Relaxed) > 0 || !body.takes_forks(seat) && body.has_work();
        if body.state.load(Relaxed) != OPEN || wanted || !spin.next() {
            return false;
        }
    }
}

/// Sees to it that somebody looks for work, starting a thread if need be. An error: there is no thread at all.
pub(super) fn call(body: &Body) -> Result {
    if body.call() == super::idle::Call::Start { start(body) } else { Ok(()) }
}

/// Starts a thread that has been counted; without one it is not counted any more.
pub(super) fn start(body: &Body) -> Result {
    let mut line = Line::<256>::new();
    let number = body.named.fetch_add(1, Relaxed);
    let _ = write!(line, "{}_{number}", body.plan.prefix.as_str());
    let held = body.hold();
    body.alive.fetch_add(1, SeqCst);
    let plan = WorkerPlan {
        name: line.as_str(),
        target: main,
        arg: held.cast_mut().cast(),
        daemon: body.plan.daemon,
        stack_size: body.plan.stack_size,
        nice: body.plan.priority,
    };
    let started = body.provide_for_threads().and_then(|()| start::start_worker(plan));
    let Err(error) = started else { return Ok(()) };
    // SAFETY: taken above, for the thread that there is not.
    unsafe { Body::let_go(held) };
    body.alive.fetch_sub(1, SeqCst);
    let counts = body.idle.shift(0, THREADS + SEARCHING);
    body.idle.tell_quiet();
    // Others may have relied on it, and woken nobody.
    fence::heavy();
    if body.has_work() {
        let _ = body.idle.call(0);
    }
    if body.is_over() {
        super::shutdown::settle_orphan(body);
    }
    if counts.of(THREADS) == 0 { Err(error) } else { Ok(()) }
}

/// What each thread of a pool does.
unsafe extern "C-unwind" fn main(body: *mut c_void) -> *mut c_void {
    frame::inside(|| be_a_worker(body.cast()));
    null_mut()
}

fn be_a_worker(body: *const Body) {
    if let Ok(me) = thread::me()
        && let Ok(control) = current::own(me)
    {
        control.own.mourner.set(Some((is_gone, body.cast())));
        let worker = Worker::new(me, body, false, &control.own.innermost);
        worker.appear();
        let context: *mut c_void = (&raw const worker).cast_mut().cast();
        // SAFETY: `serve` and `was_left` take the `Worker`, which lives on this stack meanwhile.
        unsafe { frame::own(serve, context, Left { call: Some(was_left), context }) };
        worker.vanish();
    }
}

unsafe extern "C-unwind" fn serve(worker: *mut c_void) {
    // SAFETY: `main` passes a `Worker` that outlives the call.
    let worker = unsafe { &*worker.cast::<Worker>() };
    let body = worker.body();
    if body.plan.initializer.is_some() {
        // It may take long, and is no search: meanwhile others are woken, or started, for what comes.
        body.idle.beginning.fetch_add(1, SeqCst);
        body.idle.shift(0, SEARCHING);
        // Others have relied on it until now.
        pass_on(body);
        if !run::initializer(worker) {
            super::break_pool(body);
        }
        body.idle.shift(SEARCHING, 0);
        body.idle.beginning.fetch_sub(1, SeqCst);
    }
    worker.ready.set(true);
    loop {
        match take_part(worker) {
            Then::Leave => return,
            Then::Again => continue,
            Then::Sleep => {}
        }
        if !rest(worker) {
            break;
        }
    }
    finalize(worker);
}

/// Runs the pool's finalizer, once, on a thread whose initializer has run.
fn finalize(worker: &Worker) {
    let plan = &worker.body().plan;
    if let Some(finalizer) = plan.finalizer.filter(|_| worker.ready.get() && !worker.finalized.replace(true))
    {
        // SAFETY: its giver promised that it may be called with the initializer's argument.
        unsafe { frame::call(finalizer, plan.initializer_arg, NOTHING) };
    }
}

/// Sleeps until there is something to do; false: the thread ends, and is counted as sleeping no more.
fn rest(worker: &Worker) -> bool {
    let body = worker.body();
    // Forks are done by their makers, if by nobody else.
    let over = body.state.load(SeqCst) != OPEN && !body.has_tasks();
    let idle_timeout = body.plan.idle_timeout;
    let now = crate::time::now();
    let deadline = match over || body.idle.counts().of(THREADS) > body.idle.seats() {
        true => Deadline::at(now),
        false if idle_timeout > 0 => Deadline::after(now, idle_timeout),
        false => Deadline::NEVER,
    };
    body.idle.sleep(worker.me, deadline, |counts| over || body.may_end(counts))
}

/// A thread of the pool is no more, and was not counted any more.
fn is_gone(body: *const c_void) {
    // SAFETY: the thread was a user of the body since `start`.
    let gone = unsafe { &*body.cast::<Body>() };
    super::shutdown::LEAVING.fetch_add(1, Relaxed);
    if gone.epoch == super::epoch() {
        tools::release(&gone.idle);
        gone.alive.fetch_sub(1, SeqCst);
        gone.idle.tell_quiet();
        if gone.state.load(SeqCst) != OPEN || gone.idle.counts().of(THREADS) > gone.idle.seats() {
            // It may have taken the permit that was meant for another one, who is to end, too.
            gone.idle.call_all();
        }
        if gone.is_over() {
            super::shutdown::settle_orphan(gone);
        }
    }
    // SAFETY: as above; this is its last use.
    unsafe { Body::let_go(body.cast()) };
    super::shutdown::LEAVING.fetch_sub(1, Release);
}

/// A task has ended its thread: its place is for another one.
unsafe extern "C-unwind" fn was_left(worker: *mut c_void) {
    // SAFETY: `main` passed a `Worker` that outlives the passing.
    let worker = unsafe { &*worker.cast::<Worker>() };
    let body = worker.body();
    worker.vanish();
    if body.epoch != super::epoch() {
        return;
    }
    stop_finishing(worker);
    let mut counts = THREADS;
    if let Some(seat) = worker.seat() {
        worker.stop_blocking();
        let _ = empty_ring(body, seat);
        seat.end_work();
        leave_seat(worker, seat);
        counts += TAKEN;
    } else {
        // Left in the initializer, or in the finalizer, where it is not counted any more.
        counts = 0;
        if !worker.ready.get() {
            body.idle.beginning.fetch_sub(1, SeqCst);
            counts = THREADS;
        }
    }
    body.idle.shift(0, counts);
    fence::heavy();
    if body.has_work() {
        let _ = call(body);
    }
    finalize(worker);
}
