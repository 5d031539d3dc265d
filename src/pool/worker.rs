//! A thread of a pool: finds work, runs it, sleeps when there is none. README.md has the protocol.

use super::body::{BROKEN, Body, EMPTYING, OPEN, Seat};
use super::entry::Entry;
use super::future::{self, Future};
use super::group::Group;
use super::idle::{LOOKING, SEARCHING, SLEEPING, TAKEN, THREADS};
use super::{map, parallel, run};
use crate::atomic::{Ordering::*, Seed, seeded};
use crate::error::Result;
use crate::frame::{self, Callback, Left, NOTHING};
use crate::park::{Me, Spin, fence};
use crate::slot::Slot;
use crate::thread::failure::Failure;
use crate::thread::start::{self, WorkerPlan};
use crate::thread::text::Line;
use crate::thread::{self, current};
use crate::time::Deadline;
use core::cell::Cell;
use core::ffi::c_void;
use core::fmt::Write;
use core::ptr::null_mut;

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
    /// Where the thread's innermost failure is named.
    innermost: *const Cell<*mut Failure>,
    /// Tasks taken so far: now and then one from outside comes before its own.
    ticks: Cell<u32>,
    /// The address below which no more tasks are begun on this stack.
    pub(super) stack_floor: usize,
    /// The initializer has returned.
    ready: Cell<bool>,
    /// The finalizer has been called.
    finalized: Cell<bool>,
    /// Only here for a parallel loop of its own.
    pub(super) guest: bool,
    /// A guest that runs a task which a full pool did not take.
    pub(super) calls: Cell<bool>,
    /// How many tasks it took from outside the last time.
    last_share: Cell<u64>,
    /// How often it has said that it is about to wait for something outside.
    pub(super) blocking: Cell<u32>,
    /// See `start_finishing`.
    finishing: Cell<bool>,
}

impl Worker {
    fn new(me: Me, body: *const Body, guest: bool, innermost: &Cell<*mut Failure>) -> Worker {
        Worker {
            innermost,
            me,
            body,
            seat: Cell::new(core::ptr::null()),
            outer: of(me).map_or(core::ptr::null(), |outer| outer as *const Worker),
            running: Cell::new(core::ptr::null()),
            loops: Cell::new(0),
            ticks: Cell::new(0),
            stack_floor: stack_floor(guest),
            ready: Cell::new(false),
            finalized: Cell::new(false),
            guest,
            calls: Cell::new(false),
            last_share: Cell::new(0),
            blocking: Cell::new(0),
            finishing: Cell::new(false),
        }
    }

    /// A guest has got a seat.
    fn sit(&self, seat: &Seat) {
        self.seat.set(seat);
        seat.since.store(crate::time::now(), Relaxed);
    }

    /// A guest that works alone looks whether there is a seat by now.
    #[inline(always)]
    pub(super) fn look_for_seat(&self) {
        if self.seat.get().is_null()
            && self.guest
            && let Some(seat) = self.body().take_seat()
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

/// Entries without a callback say by the lowest bits of their argument what they are.
const KIND: usize = 3;
const FUTURE: usize = 0;
const GROUP: usize = 1;
const MAP: usize = 2;

pub(super) fn future_entry(index: u32) -> Entry {
    Entry { call: null_mut(), arg: core::ptr::without_provenance_mut((index as usize) << 2 | FUTURE) }
}

pub(super) fn group_entry(group: *const Group) -> Entry {
    Entry { call: null_mut(), arg: group.cast_mut().map_addr(|at| at | GROUP).cast() }
}

pub(super) fn map_entry(job: *const map::Job) -> Entry {
    Entry { call: null_mut(), arg: job.cast_mut().map_addr(|at| at | MAP).cast() }
}

/// What an entry leads to.
enum Work {
    Callback(Callback),
    Future(&'static Slot<Future>, u32),
    Group(*const Group),
    Map(*const map::Job),
    Nothing,
}

fn work_of(entry: Entry) -> Work {
    if !entry.call.is_null() {
        // SAFETY: only `pool::execute` makes such entries, of a `Callback`.
        return Work::Callback(unsafe { core::mem::transmute::<*mut (), Callback>(entry.call) });
    }
    let plain = entry.arg.map_addr(|at| at & !KIND);
    match entry.arg.addr() & KIND {
        GROUP => Work::Group(plain.cast()),
        MAP => Work::Map(plain.cast()),
        _ => {
            let index = (entry.arg.addr() >> 2) as u32;
            future::at(index).map_or(Work::Nothing, |slot| Work::Future(slot, index))
        }
    }
}

/// Runs what was taken out of a queue.
fn perform(worker: &Worker, entry: Entry) {
    if worker.body().state.load(Relaxed) >= EMPTYING {
        return drop_entry(worker.body(), entry);
    }
    match work_of(entry) {
        Work::Callback(callback) => run::callback(worker, callback, entry.arg),
        Work::Future(slot, index) if future::claim(worker.me, slot) => run::task(worker, slot, index),
        Work::Future(slot, index) => leave_entry(worker.body(), slot, index),
        Work::Group(group) => super::group::run_ticket(worker, group),
        Work::Map(job) => map::run_ticket(worker, job),
        Work::Nothing => {}
    }
}

/// The entry of a future that was cancelled, or begun by one who waited for it.
fn leave_entry(body: &Body, slot: &'static Slot<Future>, index: u32) {
    let arg = future::work(slot).1;
    let cancelled =
        matches!(slot.head.state.load(SeqCst) as u32 & future::STATE, future::CANCELLED | future::BROKEN);
    future::let_go(slot, index, future::QUEUED);
    if cancelled {
        run::destroy_argument(body, arg);
    }
}

/// Ends what was taken out of a queue and will not run; runs destructors.
pub(super) fn drop_entry(body: &Body, entry: Entry) {
    let state = if body.state.load(SeqCst) == BROKEN { future::BROKEN } else { future::CANCELLED };
    match work_of(entry) {
        Work::Callback(_) => run::destroy_argument(body, entry.arg),
        Work::Future(slot, index) => {
            let arg = future::work(slot).1;
            match future::drop_task(slot, index, state) {
                true => run::destroy_argument(body, arg),
                false => leave_entry(body, slot, index),
            }
        }
        Work::Group(group) => super::group::drop_ticket(body, group),
        Work::Map(job) => map::drop_ticket(body, job),
        Work::Nothing => {}
    }
}

/// Lets the processor bring the next future while this one's task runs: another one wrote it last.
fn bring_next(seat: &Seat) {
    if let Some(entry) = seat.ring.peek()
        && let Work::Future(slot, _) = work_of(entry)
    {
        crate::sys::prefetch(slot);
    }
}

/// How often a task from outside is taken though the seat has some of its own.
const FROM_OUTSIDE: u32 = 61;

/// The next thing to do, out of any queue of the pool.
fn next(worker: &Worker, seat: &Seat) -> Option<Entry> {
    let body = worker.body();
    let injector = &body.injector;
    let tick = worker.ticks.get().wrapping_add(1);
    worker.ticks.set(tick);
    let mut urgent = None;
    if injector.is_urgent() {
        urgent = body.take(None, 0);
    } else if tick.is_multiple_of(FROM_OUTSIDE)
        && seat.ring.has_room()
        && let Some(entry) = injector.take_plain()
    {
        // Behind its own, so that nothing overtakes what came before it.
        seat.ring.push(entry);
    }
    urgent
        .or_else(|| seat.ring.pop())
        .or_else(|| from_outside(worker, seat))
        .or_else(|| body.others(seat.index + 1).find_map(|other| other.ring.steal(&seat.ring)))
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
        for _ in 0..8 {
            if injector.length() >= FEW {
                break;
            }
            (0..8).for_each(|_| core::hint::spin_loop());
        }
    }
    let length = injector.length();
    let bounded = body.plan.bound != u64::MAX;
    let share = if bounded { 0 } else { (length / body.idle.seats().max(1) as u64).min(MOST) };
    worker.last_share.set(share.max(length.min(1)));
    if length == 0 { None } else { body.take(Some(&seat.ring), share) }
}

/// Works until there is nothing to do any more; false: somebody else is to have the seat. `alone`: nobody else looks
/// for work.
fn work(worker: &Worker, seat: &Seat, alone: bool) -> bool {
    let body = worker.body();
    seat.since.store(crate::time::now(), Relaxed);
    let mut look = alone;
    let dry = loop {
        let entry = next(worker, seat);
        let fork = if entry.is_none() { parallel::find(worker, seat) } else { None };
        if entry.is_none() && fork.is_none() {
            break true;
        }
        if core::mem::replace(&mut look, false) | stop_finishing(worker) {
            pass_on(body);
        }
        if let Some(fork) = fork {
            parallel::do_stolen(worker, core::ptr::null(), fork);
        }
        if let Some(entry) = entry {
            bring_next(seat);
            perform(worker, entry);
        }
        if body.is_crowded() || body.epoch != super::epoch() {
            break false;
        }
    };
    let since = seat.since.swap(0, Relaxed);
    seat.worked.fetch_add(crate::time::now() - since, Relaxed);
    dry
}

/// Whoever queued something has relied on this thread, which does something else now: it sees to it that somebody
/// looks, if there is still something to be found. The fence answers the one in `Body::notify_of_own`.
pub(super) fn pass_on(body: &Body) {
    crate::atomic::fence(SeqCst);
    if body.has_work() {
        let _ = call(body);
    }
}

/// The task that is about to be told of is the last that the thread knows of: whoever hears of it and queues another
/// one need not wake anybody, since this thread looks again.
pub(super) fn start_finishing(worker: &Worker) {
    let body = worker.body();
    let last = !worker.guest
        && !worker.finishing.get()
        && worker.seat().is_some_and(|seat| seat.ring.length() == 0)
        && worker.running.get().is_null()
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

/// Puts back what is left in a seat's ring, for whoever comes.
fn empty_ring(body: &Body, seat: &Seat) {
    while let Some(entry) = seat.ring.pop() {
        body.returned.fetch_add(1, SeqCst);
        if body.injector.put(entry, 0, u64::MAX).is_err() {
            // Without memory it cannot be queued again, but it must not be lost.
            drop_entry(body, entry);
        }
    }
}

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
    match body.take_seat() {
        Some(seat) if !work_and_search(worker, seat) => return Then::Leave,
        Some(_) => {}
        None => drop(body.idle.shift(SLEEPING, SEARCHING)),
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
    let mut looked = SEARCHING;
    loop {
        let alone = body.idle.shift(0, looked).of(SEARCHING) == 0;
        looked = SEARCHING + LOOKING;
        let dry = work(worker, seat, alone);
        if body.epoch != super::epoch() {
            return false;
        }
        if !dry {
            stop_finishing(worker);
            empty_ring(body, seat);
            leave_seat(worker, seat);
            body.idle.shift(SLEEPING, TAKEN);
            return true;
        }
        body.idle.shift(looked, 0);
        stop_finishing(worker);
        body.idle.tell_quiet();
        if !search(body) {
            leave_seat(worker, seat);
            body.idle.shift(SLEEPING, TAKEN + looked);
            return true;
        }
    }
}

fn leave_seat(worker: &Worker, seat: &Seat) {
    worker.seat.set(core::ptr::null());
    worker.body().free(seat);
}

/// Looks for a little while whether work comes.
fn search(body: &Body) -> bool {
    let mut spin = Spin::long();
    loop {
        if body.has_work() {
            return true;
        }
        if body.state.load(Relaxed) != OPEN || body.guests.load(Relaxed) > 0 || !spin.next() {
            return false;
        }
    }
}

/// Sees to it that somebody looks for work, starting a thread if need be. An error: there is no thread at all.
pub(super) fn call(body: &Body) -> Result {
    if body.idle.call() == super::idle::Call::Start { start(body) } else { Ok(()) }
}

/// Starts a thread that has been counted; without one it is not counted any more.
pub(super) fn start(body: &Body) -> Result {
    let mut line = Line::<256>::new();
    let number = body.named.fetch_add(1, Relaxed);
    let _ = write!(line, "{}_{number}", body.plan.prefix.as_str());
    let held = body.hold();
    body.alive.fetch_add(1, SeqCst);
    let started = start::start_worker(WorkerPlan {
        name: line.as_str(),
        target: main,
        arg: held.cast_mut().cast(),
        daemon: body.plan.daemon,
        stack_size: body.plan.stack_size,
        nice: body.plan.priority,
    });
    let Err(error) = started else { return Ok(()) };
    // SAFETY: taken above, for the thread that there is not.
    unsafe { Body::let_go(held) };
    body.alive.fetch_sub(1, SeqCst);
    let counts = body.idle.shift(0, THREADS + SEARCHING);
    body.idle.tell_quiet();
    if body.is_over() {
        super::shutdown::settle_orphan(body);
    }
    if counts.of(THREADS) == 0 { Err(error) } else { Ok(()) }
}

/// What each thread of a pool does.
unsafe extern "C-unwind" fn main(body: *mut c_void) -> *mut c_void {
    let body: *const Body = body.cast();
    if let Ok(me) = thread::me()
        && let Ok(control) = current::own(me)
    {
        control.own.mourner.set(Some((is_gone, body.cast())));
        let worker = Worker::new(me, body, false, &control.own.innermost);
        worker.appear();
        let context: *mut c_void = (&raw const worker).cast_mut().cast();
        // SAFETY: `serve` and `was_left` take the `Worker`, which lives on this stack meanwhile.
        unsafe { frame::call(serve, context, Left { call: Some(was_left), context }) };
        worker.vanish();
    }
    null_mut()
}

unsafe extern "C-unwind" fn serve(worker: *mut c_void) {
    // SAFETY: `main` passes a `Worker` that outlives the call.
    let worker = unsafe { &*worker.cast::<Worker>() };
    let body = worker.body();
    if body.plan.initializer.is_some() {
        // It may take long, and is no search: meanwhile others are woken, or started, for what comes.
        body.idle.beginning.fetch_add(1, SeqCst);
        body.idle.shift(0, SEARCHING);
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
    let over = body.state.load(SeqCst) != OPEN && !body.has_work();
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
    if gone.epoch == super::epoch() {
        gone.alive.fetch_sub(1, SeqCst);
        gone.idle.tell_quiet();
        if gone.state.load(SeqCst) != OPEN {
            // It may have taken the permit that was meant for another one.
            gone.idle.call_all();
        }
        if gone.is_over() {
            super::shutdown::settle_orphan(gone);
        }
    }
    // SAFETY: as above; this is its last use.
    unsafe { Body::let_go(body.cast()) };
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
        empty_ring(body, seat);
        let since = seat.since.swap(0, Relaxed);
        seat.worked.fetch_add(crate::time::now() - since, Relaxed);
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
    if body.has_work() {
        let _ = call(body);
    }
    finalize(worker);
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
    if let Some(seat) = worker.seat().filter(|_| body.epoch == super::epoch()) {
        empty_ring(body, seat);
        let since = seat.since.swap(0, Relaxed);
        seat.worked.fetch_add(crate::time::now() - since, Relaxed);
        leave_seat(worker, seat);
        let full = body.idle.shift(0, TAKEN).of(TAKEN) + 1 >= body.idle.seats();
        body.idle.tell_quiet();
        if full {
            // Others may have queued something and woken nobody, since there was no seat.
            fence::heavy();
            if body.has_work() {
                let _ = call(body);
            }
        }
    }
    // SAFETY: `as_guest` was given a user's part, and the worker does not use the body after this.
    unsafe { Body::let_go(worker.body) };
}
