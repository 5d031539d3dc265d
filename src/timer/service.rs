//! The threads that run timers: one leads, the others run callbacks or are idle.
//!
//! The leader sleeps until the earliest deadline. When a timer is due, the leader first sees to it that
//! somebody else leads (an idle thread, or a new one), and then runs the callback itself: so a callback
//! that blocks delays no other timer, and nothing is handed from thread to thread. A thread that has
//! nothing to do for a while ends, the leader too when no timer is pending.

use super::heap::{Entry, Heap};
use super::{CANCELLED, FIRED, PENDING, RUNNING, Timer, remains_of, set};
use crate::atomic::{AtomicU32, AtomicU64, Ordering::*};
use crate::error::Result;
use crate::frame::Callback;
use crate::park::{self, Me, Wait};
use crate::slot::{Live, Object, find};
use crate::sync::Guarded;
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
}

pub(super) static SERVICE: Guarded<Service> =
    Guarded::new(Service { heap: Heap::new(), led: false, idle: 0, summoned: 0, threads: 0, running: 0 });

/// The leader sleeps on this; it changes when the earliest deadline does.
static EARLIEST: AtomicU64 = AtomicU64::new(0);
/// The idle sleep on this; it changes when one of them is to lead.
static SUMMONS: AtomicU64 = AtomicU64::new(0);
/// How many forks lie behind this process since the library was loaded.
static EPOCH: AtomicU32 = AtomicU32::new(0);
static PREPARED: AtomicU32 = AtomicU32::new(0);

/// How long a thread stays without anything to do, in nanoseconds.
const IDLE: i64 = 5_000_000_000;

impl Service {
    /// Whether somebody leads, or was told to.
    pub(super) fn is_led(&self) -> bool {
        self.led
    }

    /// Whether a thread is there that will look at the heap.
    pub(super) fn is_served(&self) -> bool {
        self.led || self.threads > 0
    }
}

/// The fork count that a timer is started in.
pub(super) fn epoch() -> u32 {
    EPOCH.load(Relaxed)
}

/// Takes part in forks from the first start on.
pub(super) fn prepare() -> Result {
    if PREPARED.swap(1, AcqRel) == 0 {
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
    service.heap.clear();
    (service.led, service.idle, service.summoned) = (false, 0, 0);
    (service.threads, service.running) = (0, 0);
    EPOCH.fetch_add(1, Relaxed);
}

/// Lets the leader look at the earliest deadline again.
pub(super) fn tell_leader() {
    EARLIEST.fetch_add(1, SeqCst);
    park::wake(&EARLIEST, 1);
}

/// Sees to it that somebody leads.
pub(super) fn see_to_it() -> Result {
    let mut service = SERVICE.lock();
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

/// What each of the service's threads does; it was started to lead.
unsafe extern "C-unwind" fn serve(_: *mut c_void) -> *mut c_void {
    if let Ok(me) = thread::me() {
        while let Some(due) = lead(me) {
            if !run(me, due) && !be_idle(me) {
                break;
            }
        }
    }
    core::ptr::null_mut()
}

/// A timer that was taken out of the heap, with the deadline that it stood there for.
#[derive(Clone, Copy)]
struct Due {
    timer: Live<Timer>,
    deadline: Deadline,
}

/// Leads until a timer is due, which it takes out; `None`: no timer for so long that the thread ends.
fn lead(me: Me) -> Option<Due> {
    loop {
        let seen = EARLIEST.load(SeqCst) as u32;
        let now = crate::time::now();
        let mut service = SERVICE.lock();
        let first = service.heap.first();
        if let Some(Entry { deadline, timer }) = first.filter(|first| first.deadline.nanos() <= now) {
            service.heap.remove(0);
            let Ok(timer) = find::<Timer>(timer) else { continue };
            set(timer, RUNNING);
            service.led = false;
            service.running += 1;
            let more = service.heap.first().is_some();
            drop(service);
            if more {
                // If nobody can be had, this thread leads again, after the callback.
                let _ = see_to_it();
            }
            return Some(Due { timer, deadline });
        }
        drop(service);
        let until = first.map_or(Deadline::after(now, IDLE), |first| first.deadline);
        Wait::begin_until(me, me.id(), now, until).sleep(&EARLIEST, seen);
        if first.is_none() && until.has_passed() && retire() {
            return None;
        }
    }
}

/// The leader ends if there is still nothing to do.
fn retire() -> bool {
    let mut service = SERVICE.lock();
    let over = service.heap.first().is_none();
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

/// Runs a timer's callback; says whether this thread is to lead now.
fn run(me: Me, due: Due) -> bool {
    let body = &due.timer.slot.body;
    let (function, arg) = (body.callback.load(Relaxed), body.arg.load(Relaxed));
    // SAFETY: only `create` stores here, and it stores what it made of a `Callback`.
    let function = unsafe { core::mem::transmute::<*mut (), Callback>(function) };
    callback::run_timer(me, due.timer.id, function, arg, was_left, (&raw const due).cast_mut().cast());
    let here = finished(due);
    let mut service = SERVICE.lock();
    let leads = here && !service.led;
    service.led |= leads;
    leads
}

/// The callback has ended its thread: another one must lead.
fn was_left(due: *mut c_void) {
    // SAFETY: `run` passed a `Due` that lives while the callback runs.
    if finished(unsafe { *due.cast::<Due>() }) {
        let mut service = SERVICE.lock();
        service.threads -= 1;
        let pending = service.heap.first().is_some();
        drop(service);
        if pending {
            let _ = see_to_it();
        }
    }
}

/// The callback has returned: the timer is over, or pending again. False in a child forked meanwhile.
fn finished(Due { timer, deadline }: Due) -> bool {
    let body = &timer.slot.body;
    if body.epoch.load(Relaxed) != epoch() {
        return false;
    }
    let period = body.period.load(Relaxed);
    let mut service = SERVICE.lock();
    service.running -= 1;
    let others = service.running as usize;
    let goes_on = period > 0 && timer.bits().is_ok_and(|bits| bits & CANCELLED == 0);
    let entry = Entry { deadline: next_after(deadline, period.max(1)), timer: timer.id };
    if goes_on && service.heap.push(entry, others).is_ok() {
        set(timer, PENDING);
        let tell = service.led && service.heap.first().is_some_and(|first| first.timer == timer.id);
        drop(service);
        if tell {
            tell_leader();
        }
        return true;
    }
    drop(service);
    // Still running, to everybody else: who joins finds the argument destroyed.
    remains_of(timer).destroy();
    let _service = SERVICE.lock();
    match timer.bits() {
        Ok(bits) if bits & CANCELLED != 0 => set(timer, CANCELLED),
        Ok(_) => set(timer, FIRED),
        // Its handle was given up meanwhile.
        Err(_) => drop(Timer::table().recycle(timer, None)),
    }
    true
}

/// The next deadline that is not past: periods that a slow callback has missed are left out.
fn next_after(deadline: Deadline, period: i64) -> Deadline {
    let late = crate::time::now().saturating_sub(deadline.nanos()).max(0);
    Deadline::after(deadline.nanos(), (late / period).saturating_add(1).saturating_mul(period))
}
