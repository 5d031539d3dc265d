//! The threads that run timers: one leads, the others run callbacks or are idle.
//!
//! The leader sleeps until the earliest deadline. When a timer is due, the leader first sees to it that
//! somebody else leads (an idle thread, or a new one), and then runs the callback itself: so a callback
//! that blocks delays no other timer, and nothing is handed from thread to thread. A thread that has
//! nothing to do for a while ends, the leader too when no timer is pending. README.md tells how many timers
//! that are due at once are run.

use super::heap::{Entry, Heap};
use super::{CANCELLED, FIRED, PENDING, RUNNING, Timer, remains_of, set};
use crate::atomic::{AtomicU32, AtomicU64, Ordering::*};
use crate::error::Result;
use crate::frame::{self, Callback};
use crate::park::{self, Me, Wait};
use crate::slot::{Live, Object, find, seek};
use crate::sync::{Guarded, RawGuard};
use crate::sys::tools;
use crate::thread::{self, callback, start};
use crate::time::Deadline;
use core::ffi::c_void;

/// What the threads share.
pub(super) struct Service {
    pub(super) heap: Heap,
    /// Whether somebody leads, or was told to.
    led: bool,
    /// Threads that sleep until they are told to lead, and how many of them have been told.
    idle: u32,
    summoned: u32,
    /// All of the service's threads.
    threads: u32,
    /// Timers whose callbacks run.
    pub(super) running: u32,
    /// How many times somebody else than the leader went on to the next timer, and what is known of it.
    progress: u32,
    seen: u32,
    /// Whether the leader may sleep longer than until the earliest deadline.
    stale: bool,
}

type Guard = parking_lot::lock_api::MutexGuard<'static, RawGuard, Service>;

pub(super) static SERVICE: Guarded<Service> = Guarded::new(Service {
    heap: Heap::new(),
    led: false,
    idle: 0,
    summoned: 0,
    threads: 0,
    running: 0,
    progress: 0,
    seen: 0,
    stale: false,
});

/// The leader sleeps on this; it changes when the earliest deadline does.
static EARLIEST: AtomicU64 = AtomicU64::new(0);
/// The idle sleep on this; it changes when one of them is to lead.
static SUMMONS: AtomicU64 = AtomicU64::new(0);
/// How many forks lie behind this process since the library was loaded.
static EPOCH: AtomicU32 = AtomicU32::new(0);
static PREPARED: AtomicU32 = AtomicU32::new(0);

/// How long a thread stays without anything to do, in nanoseconds.
const IDLE: i64 = 5_000_000_000;
/// How long the leader looks on while somebody else gets on with what is due, in nanoseconds.
const LOOK_ON: i64 = 100_000;

impl Service {
    /// Whether somebody leads, or was told to.
    pub(super) fn is_led(&self) -> bool {
        self.led
    }

    /// Whether a thread is there that will look at the heap.
    pub(super) fn is_served(&self) -> bool {
        self.led || self.threads > 0
    }

    fn is_due(&self, now: i64) -> bool {
        self.heap.first().is_some_and(|first| first.nanos() <= now)
    }

    /// Takes out the earliest timer if it is due.
    fn take(&mut self, now: i64) -> Option<Due> {
        let Entry { deadline, timer } = self.heap.pop_due(now)?;
        let timer = find::<Timer>(timer).ok()?;
        if let Some(next) = self.heap.peek().and_then(seek::<Timer>) {
            // Often it is taken next, and nobody has touched it since it was started.
            crate::sys::prefetch(next.slot);
        }
        set(timer, RUNNING);
        self.running += 1;
        Some(Due { timer, deadline, now })
    }

    /// Whether others got on with what is due since the leader last asked, and still do.
    fn gets_on(&mut self) -> bool {
        let seen = core::mem::replace(&mut self.seen, self.progress);
        self.running > 0 && seen != self.progress
    }
}

/// The fork count that a timer is started in.
pub(super) fn epoch() -> u32 {
    EPOCH.load(Relaxed)
}

/// Takes part in forks from the first start on.
pub(super) fn prepare() -> Result {
    if PREPARED.load(Acquire) == 0 && PREPARED.swap(1, AcqRel) == 0 {
        thread::fork::also(before_fork, after_fork).inspect_err(|_| PREPARED.store(0, Release))?;
    }
    Ok(())
}

fn before_fork() -> bool {
    // SAFETY: not unlocked by a guard but by `after_fork`.
    unsafe { SERVICE.raw() }.try_enter()
}

fn after_fork(child: bool, held: bool) {
    // SAFETY: as above; in the child nobody else is there.
    let raw = unsafe { SERVICE.raw() };
    if !child {
        if held {
            raw.leave();
        }
        return;
    }
    raw.reset();
    let mut service = SERVICE.lock();
    service.heap.forget();
    (service.led, service.idle, service.summoned) = (false, 0, 0);
    (service.threads, service.running, service.stale) = (0, 0, false);
    EPOCH.fetch_add(1, Relaxed);
}

/// Lets the leader look at the earliest deadline again.
pub(super) fn tell_leader() {
    EARLIEST.fetch_add(1, SeqCst);
    park::wake(&EARLIEST, 1);
}

/// Sees to it that somebody leads.
pub(super) fn see_to_it(mut service: Guard) -> Result {
    if service.led {
        return Ok(());
    }
    service.led = true;
    if service.idle > service.summoned {
        service.summoned += 1;
        drop(service);
        SUMMONS.fetch_add(1, SeqCst);
        park::wake(&SUMMONS, 1);
        return Ok(());
    }
    service.threads += 1;
    drop(service);
    start::start_own("timer", serve).inspect_err(|_| {
        let mut service = SERVICE.lock();
        service.threads -= 1;
        service.led = false;
    })
}

/// What a thread does after a callback.
enum Next {
    Lead,
    Run(Due),
    Idle,
}

/// What each of the service's threads does; it was started to lead.
unsafe extern "C-unwind" fn serve(_: *mut c_void) -> *mut c_void {
    frame::inside(run_timers);
    core::ptr::null_mut()
}

fn run_timers() {
    if let Ok(me) = thread::me() {
        let mut next = Next::Lead;
        loop {
            next = match next {
                Next::Run(due) => run(me, due),
                Next::Idle if !be_idle(me) => break,
                Next::Idle | Next::Lead => match lead(me) {
                    Some(due) => Next::Run(due),
                    None => break,
                },
            }
        }
    }
}

/// A timer that was taken out of the heap, with the deadline that it stood there for, and the time then.
#[derive(Clone, Copy)]
struct Due {
    timer: Live<Timer>,
    deadline: Deadline,
    now: i64,
}

/// Leads until a timer is due, which it takes out; `None`: no timer for so long that the thread ends.
fn lead(me: Me) -> Option<Due> {
    loop {
        let seen = EARLIEST.load(SeqCst) as u32;
        let now = crate::time::now();
        let mut service = SERVICE.lock();
        let gets_on = service.gets_on();
        service.heap.trim();
        let first = service.heap.first();
        let until = first.unwrap_or_else(|| Deadline::after(now, IDLE));
        service.stale = gets_on && until.nanos() <= now;
        let until = if service.stale { Deadline::after(now, LOOK_ON) } else { until };
        if !service.stale
            && let Some(due) = service.take(now)
        {
            service.led = false;
            if !service.heap.is_empty() {
                // If nobody can be had, this thread leads again, after the callback.
                let _ = see_to_it(service);
            }
            return Some(due);
        }
        drop(service);
        Wait::begin_until(me, me.id(), now, until).sleep(&EARLIEST, seen);
        if first.is_none() && until.has_passed() && retire() {
            return None;
        }
    }
}

/// The leader ends if there is still nothing to do.
fn retire() -> bool {
    let mut service = SERVICE.lock();
    let over = service.heap.is_empty();
    if over {
        service.led = false;
        service.threads -= 1;
    }
    over
}

/// Waits to be told to lead; false: for so long that the thread ends.
fn be_idle(me: Me) -> bool {
    let now = crate::time::now();
    let until = Deadline::after(now, IDLE);
    SERVICE.lock().idle += 1;
    loop {
        let seen = SUMMONS.load(SeqCst) as u32;
        let mut service = SERVICE.lock();
        if service.summoned > 0 {
            service.summoned -= 1;
            service.idle -= 1;
            return true;
        }
        if until.has_passed() {
            service.idle -= 1;
            service.threads -= 1;
            return false;
        }
        drop(service);
        Wait::begin_until(me, me.id(), now, until).sleep(&SUMMONS, seen);
    }
}

/// Runs a timer's callback, and takes out the next timer if one is due and somebody else leads.
fn run(me: Me, due: Due) -> Next {
    let body = &due.timer.slot.body;
    let (function, arg) = (body.callback.load(Relaxed), body.arg.load(Relaxed));
    // SAFETY: only `create` stores here, and it stores what it made of a `Callback`.
    let function = unsafe { core::mem::transmute::<*mut (), Callback>(function) };
    tools::acquire(&due.timer.slot.head);
    callback::run_timer(me, due.timer.id, function, arg, was_left, (&raw const due).cast_mut().cast());
    let Some(mut service) = finished(due) else {
        // In a child forked meanwhile, the parent's service is forgotten: there this thread is the first.
        SERVICE.lock().threads += 1;
        return Next::Idle;
    };
    if !service.led {
        service.led = true;
        return Next::Lead;
    }
    let mut now = due.now;
    let mut next = service.take(now);
    if next.is_none() {
        now = crate::time::now();
        next = service.take(now);
    }
    match next {
        Some(_) => service.progress = service.progress.wrapping_add(1),
        None => service.seen = service.progress,
    }
    if service.stale && !service.is_due(now) {
        // Nobody gets on with what is due later.
        correct(service);
    }
    next.map_or(Next::Idle, Next::Run)
}

/// The leader looks at the earliest deadline again, since it may sleep longer.
fn correct(mut service: Guard) {
    service.stale = false;
    drop(service);
    tell_leader();
}

/// The callback has ended its thread: another one must lead.
fn was_left(due: *mut c_void) {
    // SAFETY: `run` passed a `Due` that lives while the callback runs.
    let Some(mut service) = finished(unsafe { *due.cast::<Due>() }) else { return };
    service.threads -= 1;
    if service.led && service.stale {
        correct(service);
    } else if !service.heap.is_empty() {
        let _ = see_to_it(service);
    }
}

/// The callback has returned: the timer is over, or pending again. `None` in a child forked meanwhile.
fn finished(Due { timer, deadline, .. }: Due) -> Option<Guard> {
    let body = &timer.slot.body;
    if body.epoch.load(Relaxed) != epoch() {
        return None;
    }
    let period = body.period.load(Relaxed);
    tools::release(&timer.slot.head);
    let mut service = SERVICE.lock();
    service.running -= 1;
    if period > 0 && timer.bits().is_ok_and(|bits| bits & CANCELLED == 0) {
        let entry = Entry { deadline: next_after(deadline, period), timer: timer.id };
        let others = service.running as usize;
        if let Ok(first) = service.heap.push(entry, others) {
            set(timer, PENDING);
            service.stale |= first;
            return Some(service);
        }
    }
    let remains = remains_of(timer);
    if remains.is_something() {
        drop(service);
        // Still running, to everybody else: who joins finds the argument destroyed.
        remains.destroy();
        tools::release(&timer.slot.head);
        if body.epoch.load(Relaxed) != epoch() {
            return None;
        }
        service = SERVICE.lock();
    }
    match timer.bits() {
        Ok(bits) if bits & CANCELLED != 0 => set(timer, CANCELLED),
        Ok(_) => set(timer, FIRED),
        // Its handle was given up meanwhile.
        Err(_) => drop(Timer::table().recycle(timer, None)),
    }
    Some(service)
}

/// The next deadline that is not past: periods that a slow callback has missed are left out.
fn next_after(deadline: Deadline, period: i64) -> Deadline {
    let late = crate::time::now().saturating_sub(deadline.nanos()).max(0);
    Deadline::after(deadline.nanos(), (late / period).saturating_add(1).saturating_mul(period))
}
